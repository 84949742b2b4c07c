/** How times, numbers and sizes are written for people, in the language of their browser. */

import { h } from "./dom.js";

const NUMBER = new Intl.NumberFormat();
const COMPACT = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

const SIZES = [
  ["MB", 1e6],
  ["kB", 1e3],
];

/** Return a whole number with its groups: 12,345. */
export function number(value) {
  return NUMBER.format(value);
}

/** Return a number in few characters: 12.3K. */
export function compact(value) {
  return COMPACT.format(value);
}

/** Return a share of 1 as a percentage. */
export function percent(share) {
  return `${(share * 100).toLocaleString(undefined, { maximumFractionDigits: 1 })} %`;
}

/** Return a duration, given in milliseconds, in the unit that fits: 240 ms, 1.5 s, 3 min 20 s, 2 h 5 min, 3 d. */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_500) return `${(ms / 1000).toLocaleString(undefined, { maximumFractionDigits: 1 })} s`;
  const s = Math.round(ms / 1000);
  if (s < 3600) return parted(s, 60, "min", "s");
  if (s < 86400) return parted(Math.round(s / 60), 60, "h", "min");
  return parted(Math.round(s / 3600), 24, "d", "h");
}

/** Return a number of bytes: 512 B, 12.5 kB. */
export function bytes(count) {
  const [unit, size] = SIZES.find(([, least]) => count >= least) ?? ["B", 1];
  return `${(count / size).toLocaleString(undefined, { maximumFractionDigits: 1 })} ${unit}`;
}

/** Return how far an instant is from now: 5 minutes ago, in 2 hours. */
export function fromNow(at, now = Date.now()) {
  const s = (at - now) / 1000;
  const [unit, size] = UNITS.find(([, least]) => Math.abs(s) >= least) ?? ["second", 1];
  return RELATIVE.format(Math.trunc(s / size), unit);
}

/** Return the exact instant, in the time zone of the browser. */
export function exactly(at) {
  return EXACT.format(at);
}

/** Return an element that says how far an instant (RFC 3339 text or milliseconds) is from now; on hover, the exact one. */
export function when(instant, none = "–") {
  if (instant === null || instant === undefined) return h("span", { class: "faint" }, none);
  const at = new Date(instant);
  return h("time", { datetime: at.toISOString(), title: exactly(at) }, fromNow(at.getTime()));
}

/** Write all relative times below `root` anew. */
export function refreshTimes(root = document) {
  for (const each of root.querySelectorAll("time[datetime]")) {
    const text = fromNow(Date.parse(each.dateTime));
    if (each.textContent !== text) each.textContent = text;
  }
}

/** Return when a job was accepted: the first 48 bits of its id, a UUID version 7, are that millisecond. */
export function madeAt(id) {
  return parseInt(id.replaceAll("-", "").slice(0, 12), 16);
}

function parted(total, base, large, small) {
  const rest = total % base;
  return rest ? `${Math.floor(total / base)} ${large} ${rest} ${small}` : `${total / base} ${large}`;
}
