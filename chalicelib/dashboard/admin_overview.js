/** The overview: what waits now, and how jobs have ended in the last hour, day or week. */

import { anyJobLink, failureText, loadedAgain, ownerLink } from "./admin.js";
import { call, query } from "./api.js";
import { timeChart } from "./charts.js";
import { h, show, showAgain } from "./dom.js";
import { compact, duration, number, percent, when } from "./format.js";
import { empty, heading, link, loading, problemBox, section, table } from "./ui.js";

const OVERVIEW_EVERY_MS = 10_000;

/** Statistics of more than an hour change slowly and take longer to read. */
const LONG_WINDOW_EVERY_MS = 60_000;

const WINDOWS = [
  ["hour", "Hour"],
  ["day", "Day"],
  ["week", "Week"],
];
const NOTHING_ENDED = "No job has ended in this time";
const LATEST_FAILURES = 5;

const RATE = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

/** The page `#/admin`, with `?window=` hour, day or week. */
export function overviewPage({ root, query: asked, signal }) {
  let shownWindow = WINDOWS.find(([name]) => name === asked.get("window"))?.[0] ?? "hour";
  const now = loadedAgain(
    async () => (await call("GET", "/admin/overview", { signal })).body,
    (content, overview) => show(content, queueTiles(overview)),
    { everyMs: OVERVIEW_EVERY_MS, signal },
  );
  const ends = endsPart(() => shownWindow, signal);
  const choices = WINDOWS.map(([name, label]) => windowButton(name, label, () => choose(name)));
  const choose = (name) => {
    if (name === shownWindow) return;
    shownWindow = name;
    history.replaceState(null, "", name === "hour" ? "#/admin" : `#/admin?window=${name}`);
    mark();
    ends.anew();
  };
  const mark = () => choices.forEach((each) => each.setAttribute("aria-pressed", each.value === shownWindow));
  mark();
  show(
    root,
    heading("Overview", { actions: [h("div", { class: "switch", role: "group", "aria-label": "Time shown" }, choices)] }),
    h("section", { "aria-label": "What waits now" }, now.element),
    h("section", { class: "close", "aria-label": "How jobs ended" }, ends.element),
  );
}

function windowButton(name, label, act) {
  return h("button", { type: "button", value: name, onclick: act }, label);
}

function queueTiles({ queue, oldest_waiting_s: oldestS }) {
  return overviewTiles([
    ["Waiting", compact(queue.waiting), "messages to be received now"],
    ["In flight", compact(queue.in_flight), "messages with a consumer"],
    ["Delayed", compact(queue.delayed), "messages for later"],
    ["Oldest waits for", oldestS === null ? "–" : duration(oldestS * 1000), oldestS === null ? "no job waits" : "at least"],
  ]);
}

/** How jobs ended: loaded again and again, for the window that `wanted` tells. */
function endsPart(wanted, signal) {
  const totals = h("div", {});
  const charts = endsCharts();
  const operations = h("div", {});
  const errors = h("div", {});
  const latest = h("div", {});
  let loaded = null;
  let loadedAt = 0;
  const listNew = latestFailuresIn(latest, signal);
  const load = async () => {
    const window = wanted();
    const isFresh = window !== "hour" && loaded?.window === window && Date.now() - loadedAt < LONG_WINDOW_EVERY_MS;
    if (isFresh) return loaded;
    try {
      loaded = (await call("GET", `/admin/statistics${query({ window })}`, { signal })).body;
      loadedAt = Date.now();
    } catch (problem) {
      if (window === wanted()) throw problem;
    }
    return window === wanted() ? loaded : load(); // Another may have been chosen meanwhile.
  };
  const draw = (content, statistics) => {
    if (!content.firstChild) {
      const tables = [section("By operation", operations), section("Failures", errors), section("Latest failures", latest)];
      show(content, totals, h("div", { class: "charts" }, charts.elements), tables);
    }
    show(totals, shortfall(statistics), totalTiles(statistics));
    charts.update(statistics);
    showAgain(operations, endsByOperation(statistics.operations));
    showAgain(errors, failuresByError(statistics.errors));
    listNew(statistics);
  };
  return loadedAgain(load, draw, { everyMs: OVERVIEW_EVERY_MS, signal });
}

/** What is said of numbers that do not have the whole window. */
function shortfall({ begins_at, counted_from }) {
  if (Date.parse(counted_from) <= Date.parse(begins_at)) return null;
  const why = ": jobs have ended in too many ways to look at all of them.";
  return h("p", { class: "hint-box" }, "These numbers go back no further than ", when(counted_from), why);
}

function totalTiles({ window, counted_from, ends_at, interval_s, total }) {
  const ended = total.success + total.failed + total.cancelled;
  const minutes = Math.max((untilNow(Date.parse(ends_at), interval_s) - Date.parse(counted_from)) / 60_000, 1);
  const tried = total.success + total.failed;
  return overviewTiles([
    ["Jobs a minute", RATE.format(ended / minutes), `${number(ended)} ended in the last ${window}`],
    ["Failed", tried ? percent(total.failed / tried) : "–", `${number(total.failed)} of ${number(tried)}`],
    ["Latency p95", total.latency_ms ? duration(total.latency_ms.p95) : "–", "from due to ended"],
  ]);
}

/** When an interval that ends at `endsAt` ends, or now if it is not over. */
function untilNow(endsAt, intervalS) {
  return Math.min(Math.max(Date.now(), endsAt - intervalS * 900), endsAt);
}

function overviewTiles(values) {
  return h(
    "dl",
    { class: "tiles" },
    values.map(([term, value, hint]) =>
      h("div", { class: "card" }, h("dt", {}, term), h("dd", { class: "figure" }, value), h("dd", { class: "faint" }, hint)),
    ),
  );
}

function endsCharts() {
  const ended = timeChart("Jobs ended", {
    kind: "bars",
    series: [
      { name: "SUCCESS", look: "success" },
      { name: "FAILED", look: "failed" },
      { name: "CANCELLED", look: "cancelled" },
    ],
    write: compact,
  });
  const throughput = timeChart("Jobs ended a minute", {
    kind: "lines",
    series: [{ name: "jobs a minute", look: "rate" }],
    write: (value) => RATE.format(value),
  });
  const latency = timeChart("Latency", {
    kind: "lines",
    series: [
      { name: "p50", look: "p50" },
      { name: "p95", look: "p95" },
      { name: "p99", look: "p99" },
    ],
    write: duration,
    isDuration: true,
  });
  const update = ({ intervals, interval_s: spanS }) => {
    const shape = { spanS, note: NOTHING_ENDED };
    const points = (values) => intervals.map((each) => ({ at: Date.parse(each.begins_at), values: values(each) }));
    ended.update(points((each) => [each.success, each.failed, each.cancelled]), shape);
    throughput.update(points((each) => [rateOf(each, spanS)]), shape);
    latency.update(points(({ latency_ms: ms }) => (ms ? [ms.p50, ms.p95, ms.p99] : [null, null, null])), shape);
  };
  return { elements: [ended.element, throughput.element, latency.element], update };
}

function rateOf({ begins_at, success, failed, cancelled }, spanS) {
  const begin = Date.parse(begins_at);
  return ((success + failed + cancelled) * 60_000) / (untilNow(begin + spanS * 1000, spanS) - begin);
}

function endsByOperation(operations) {
  if (!operations.length) return empty(NOTHING_ENDED);
  const count = (title, value) => ({ title, class: "number", cell: (each) => number(value(each)) });
  const latency = (name) => ({
    title: name,
    class: "number",
    cell: ({ latency_ms: ms }) => (ms ? duration(ms[name]) : "–"),
  });
  return table("Jobs ended by operation", [
    { title: "Operation", cell: ({ operation }) => link(`#/admin/jobs${query({ status: "FAILED", operation })}`, operation) },
    count("SUCCESS", (each) => each.success),
    count("FAILED", (each) => each.failed),
    {
      title: "Failed share",
      class: "number",
      cell: ({ success, failed }) => (success + failed ? percent(failed / (success + failed)) : "–"),
    },
    count("CANCELLED", (each) => each.cancelled),
    latency("p50"),
    latency("p95"),
    latency("p99"),
  ], operations);
}

function failuresByError(errors) {
  if (!errors.length) return empty("No job has failed in this time");
  return table("Failed jobs by operation and error", [
    { title: "Operation", cell: ({ operation }) => operation },
    {
      title: "Error",
      cell: ({ operation, code }) =>
        link(`#/admin/jobs${query({ status: "FAILED", operation, error_code: code })}`, h("code", {}, code)),
    },
    { title: "Jobs", class: "number", cell: ({ jobs }) => number(jobs) },
  ], errors);
}

/**
 * Return a function of statistics that lists the latest failures in `root` when there are new ones.
 *
 * Whoever lists jobs is on record, so the list is not read without need. The one before stays until then.
 */
function latestFailuresIn(root, signal) {
  const trouble = h("div", {});
  const listed = h("div", {}, loading());
  show(root, trouble, listed);
  let known = null;
  const list = async (statistics) => {
    known = statistics;
    try {
      showAgain(listed, await latestFailures(signal));
      showAgain(trouble);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      known = null;
      listed.querySelector(".loading")?.remove();
      showAgain(trouble, problemBox(problem, () => list(statistics)));
    }
  };
  return (statistics) => {
    if (hasNewFailures(known, statistics)) list(statistics);
    else known = statistics;
  };
}

/** Tell whether more jobs failed in any interval than was known. Their sum does not tell: old intervals go. */
function hasNewFailures(known, { window, intervals }) {
  if (known?.window !== window) return true;
  const before = new Map(known.intervals.map((each) => [each.begins_at, each.failed]));
  return intervals.some((each) => each.failed > (before.get(each.begins_at) ?? 0));
}

async function latestFailures(signal) {
  const { jobs } = (await call("GET", `/admin/jobs${query({ status: "FAILED", limit: LATEST_FAILURES })}`, { signal })).body;
  if (!jobs.length) return empty("No job has failed");
  return [
    table("Jobs that failed last", [
      { title: "Job", class: "tight", cell: anyJobLink },
      { title: "Operation", class: "tight", cell: ({ operation }) => operation },
      { title: "User", cell: ownerLink },
      { title: "Failed", class: "tight", cell: ({ finished_at }) => when(finished_at) },
      { title: "Error", cell: ({ error }) => failureText(error) },
    ], jobs),
    h("p", { class: "more" }, link("#/admin/jobs?status=FAILED", "All failed jobs")),
  ];
}
