/**
 * Charts of values over time: stacked bars and lines, drawn as SVG.
 *
 * Nothing is told by colour alone: bars differ in their filling, lines in their dashes. The values of a moment are read
 * with the pointer or the arrow keys, and all of them in a table below.
 */

import { drawn, h, show } from "./dom.js";
import { newId, section, table } from "./ui.js";

const HEIGHT = 200;
const TOP = 8;
const BOTTOM = 24;
const RIGHT = 8;
const WIDTH_MIN = 240;

/** Text of an axis is about this wide a character, in pixels. */
const CHARACTER = 6.6;
const LABEL_GAP = 14;

const ONE_DAY_S = 86400;
const TIME_STEPS_S = [300, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, ONE_DAY_S];

/** Of an axis of durations, which is logarithmic: 1 ms to 10 days. */
const DURATIONS_MS = [1, 10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000, 86_400_000, 864_000_000];

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric" });

const TURNS = new Map([
  ["ArrowLeft", (at) => at - 1],
  ["ArrowRight", (at) => at + 1],
  ["ArrowDown", (at) => at - 1],
  ["ArrowUp", (at) => at + 1],
  ["PageDown", (at) => at - 12],
  ["PageUp", (at) => at + 12],
  ["Home", () => 0],
  ["End", () => Infinity],
]);

/**
 * Return a chart: `{ element, update(points, { spanS, note }) }`.
 *
 * A point is `{ at, values }`: when it begins, in milliseconds, and a value for each of `series`, or null where there is
 * none. `series` are `{ name, look }`, where `look` is the class of its drawing. `kind` is "bars", which are stacked, or
 * "lines". `write` makes text of a value; with `isDuration` the values are milliseconds, on a logarithmic axis. `spanS`
 * is how long a point lasts; `note` is shown instead of the chart while it has nothing to show.
 */
export function timeChart(title, { kind, series, write, isDuration = false }) {
  const id = newId();
  const canvas = drawn("svg", { class: "canvas", "aria-hidden": "true", focusable: "false", height: HEIGHT });
  const says = h("p", { class: "reading faint", "aria-hidden": "true" });
  const plot = h(
    "div",
    {
      class: "plot",
      role: "slider",
      tabindex: 0,
      "aria-label": `${title}: read a moment`,
      "aria-valuemin": 0,
      onkeydown: (event) => {
        const turn = TURNS.get(event.key);
        if (!turn) return;
        event.preventDefault();
        readAt(turn(chosen ?? points.length - 1));
      },
      onfocus: () => chosen === null && readAt(points.length - 1),
      onblur: () => readAt(null),
      onpointermove: (event) => readAt(places?.indexAt(event.clientX - canvas.getBoundingClientRect().left)),
      onpointerleave: () => document.activeElement !== plot && readAt(null),
    },
    canvas,
  );
  const rows = h("div", { class: "values", role: "region", tabindex: 0, "aria-label": `${title}: all values` });
  const more = h("details", { ontoggle: () => listValues() }, h("summary", {}, "Show as table"), rows);
  const nothing = h("p", { class: "nothing faint" });
  const shown = h("div", {}, plot, says, more);
  let points = [];
  let spanS = 1;
  let chosen = null;
  let places = null;

  const words = (point) => series.map(({ name }, at) => `${name} ${written(point.values[at])}`).join(" · ");
  const written = (value) => (value === null ? "–" : write(value));

  function readAt(at) {
    chosen = at === null || at === undefined || !points.length ? null : Math.min(Math.max(at, 0), points.length - 1);
    const point = points[chosen ?? points.length - 1];
    if (!point) return;
    const text = `${spanText(point.at, spanS)}: ${words(point)}`;
    show(says, chosen === null ? "Point at the chart, or use the arrow keys, to read its values." : text);
    plot.setAttribute("aria-valuenow", chosen ?? points.length - 1);
    plot.setAttribute("aria-valuetext", text);
    places?.mark(chosen);
  }

  function draw() {
    const width = Math.max(plot.clientWidth, WIDTH_MIN);
    if (!points.length || !plot.isConnected) return;
    places = drawnInto(canvas, { kind, series, points, spanS, width, write, isDuration, id });
    readAt(chosen);
  }

  function listValues() {
    if (!more.open) return;
    const columns = [
      { title: "Time", cell: (point) => spanText(point.at, spanS) },
      ...series.map(({ name }, at) => ({ title: name, class: "number", cell: (point) => written(point.values[at]) })),
    ];
    show(rows, table(title, columns, points.toReversed()));
  }

  new ResizeObserver(draw).observe(plot);
  return {
    element: h("div", { class: "chart card" }, section(title, chartLegend(kind, series, id), nothing, shown)),
    update: (newPoints, { spanS: newSpanS, note }) => {
      points = newPoints;
      spanS = newSpanS;
      const hasValues = points.some(({ values }) => values.some((value) => value));
      show(nothing, hasValues ? null : note);
      shown.hidden = !hasValues;
      plot.setAttribute("aria-valuemax", points.length - 1);
      if (hasValues) draw();
      listValues();
    },
  };
}

/** Draw all of a chart anew; return where its points are, `{ indexAt(x), mark(index) }`. */
function drawnInto(canvas, { kind, series, points, spanS, width, write, isDuration, id }) {
  const sums = points.map(({ values }) => values.reduce((sum, value) => sum + (value ?? 0), 0));
  const all = points.flatMap(({ values }) => values.filter((value) => value !== null));
  const axis = isDuration ? durationAxis(all) : countAxis(Math.max(...(kind === "bars" ? sums : all)), kind === "bars");
  const labels = axis.ticks.map(write);
  const left = Math.ceil(Math.max(...labels.map((label) => label.length)) * CHARACTER) + 10;
  const step = (width - left - RIGHT) / points.length;
  const x = (at) => left + (at + 0.5) * step;
  const y = (value) => TOP + (1 - axis.share(value)) * (HEIGHT - TOP - BOTTOM);
  const cursor = drawn("rect", { class: "cursor", y: TOP, width: step, height: HEIGHT - TOP - BOTTOM, visibility: "hidden" });
  canvas.setAttribute("width", width);
  canvas.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  show(
    canvas,
    kind === "bars" && chartHatch(id),
    axis.ticks.map((tick, at) => [
      drawn("line", { class: "gridline", x1: left, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
      drawn("text", { class: "tick", x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, labels[at]),
    ]),
    timeMarks(points, step).map(({ at, label, shift }) =>
      drawn("text", { class: "tick", x: left + (at + shift) * step, y: HEIGHT - 6, "text-anchor": "middle" }, label),
    ),
    cursor,
    kind === "bars" ? stackedBars(series, points, { x, y, step, id }) : chartLines(series, points, { x, y }),
  );
  return {
    indexAt: (place) => Math.floor((place - left) / step),
    mark: (at) => {
      cursor.setAttribute("visibility", at === null ? "hidden" : "visible");
      if (at !== null) cursor.setAttribute("x", left + at * step);
    },
  };
}

function stackedBars(series, points, { x, y, step, id }) {
  const width = Math.max(step * 0.72, 1);
  return points.map(({ values }, at) => {
    let base = 0;
    let top = y(0);
    return values.map((value, of) => {
      if (!value) return null;
      base += value;
      const height = Math.max(top - y(base), 2); // so that a single failure among thousands is seen
      top -= height;
      return chartBar(series[of].look, { x: x(at) - width / 2, y: top, width, height }, id);
    });
  });
}

/** A bar; that of what failed is hatched besides. */
function chartBar(look, place, id) {
  return [
    drawn("rect", { class: `bar ${look}`, ...place }),
    look === "failed" && drawn("rect", { fill: `url(#${id}-hatch)`, ...place }),
  ];
}

function chartHatch(id) {
  return drawn(
    "pattern",
    { id: `${id}-hatch`, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    drawn("rect", { class: "hatch", width: 2, height: 5 }),
  );
}

function chartLines(series, points, { x, y }) {
  return series.map(({ look }, of) => {
    let isDown = false;
    const path = points.map(({ values }, at) => {
      const value = values[of];
      const move = isDown ? "L" : "M";
      isDown = value !== null;
      // One point alone is drawn as a dot: a line of no length with round ends.
      return isDown ? `${move}${x(at).toFixed(1)} ${y(value).toFixed(1)}${move === "M" ? "h0" : ""}` : "";
    });
    return drawn("path", { class: `line ${look}`, d: path.join("") });
  });
}

function chartLegend(kind, series, id) {
  const sample = (look) =>
    kind === "bars"
      ? [chartHatch(`${id}-${look}`), chartBar(look, { x: 1, y: 1, width: 14, height: 10 }, `${id}-${look}`)]
      : drawn("path", { class: `line ${look}`, d: "M1 6H27" });
  return (
    series.length > 1 &&
    h(
      "ul",
      { class: "legend" },
      series.map(({ name, look }) =>
        h("li", {}, drawn("svg", { width: kind === "bars" ? 16 : 28, height: 12, "aria-hidden": "true" }, sample(look)), name),
      ),
    )
  );
}

/** An axis from nothing up to a round number; `isWhole` says that there are no fractions. */
function countAxis(most, isWhole) {
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max([1, 2, 5, 10].find((each) => each * power >= rough) * power, isWhole ? 1 : 0);
  const count = Math.max(Math.ceil(most / step), 1);
  return { ticks: Array.from({ length: count + 1 }, (_, at) => at * step), share: (value) => value / (count * step) };
}

function durationAxis(values) {
  const least = DURATIONS_MS.findLastIndex((each) => each <= Math.max(Math.min(...values), 1));
  const found = DURATIONS_MS.findIndex((each) => each >= Math.max(...values));
  const most = found < 0 ? DURATIONS_MS.length - 1 : Math.max(found, least + 1);
  const ticks = DURATIONS_MS.slice(least, most + 1);
  const [low, high] = [Math.log(ticks[0]), Math.log(ticks.at(-1))];
  return { ticks, share: (value) => (Math.log(Math.min(Math.max(value, ticks[0]), ticks.at(-1))) - low) / (high - low) };
}

/** Where the axis of time has its labels: at round times of the browser's time zone, as many as there is room for. */
function timeMarks(points, step) {
  if (points.length < 2) return [];
  const spanS = (points[1].at - points[0].at) / 1000;
  const isDays = spanS * points.length > 2 * ONE_DAY_S;
  const format = isDays ? WEEKDAY : CLOCK;
  const room = format.format(points[0].at).length * CHARACTER + LABEL_GAP;
  const everyS = isDays ? ONE_DAY_S : (TIME_STEPS_S.find((each) => (each / spanS) * step >= room) ?? ONE_DAY_S);
  const round = (at) => Math.floor((at / 1000 - new Date(at).getTimezoneOffset() * 60) / everyS);
  const isShown = (at) => at > 0 && round(points[at].at) !== round(points[at - 1].at);
  const rest = (points.length * step - room / 2) / step;
  return points
    .map((point, at) => ({ at, label: format.format(point.at), shift: isDays ? ONE_DAY_S / spanS / 2 : 0 }))
    .filter(({ at, shift }) => isShown(at) && at + shift < rest && (at + shift) * step > room / 4);
}

function spanText(at, spanS) {
  const isLong = spanS >= 7200;
  return `${isLong ? `${WEEKDAY.format(at)}, ` : ""}${CLOCK.format(at)} – ${CLOCK.format(at + spanS * 1000)}`;
}
