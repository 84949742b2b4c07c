/** What happened to a job: its transitions one after the other, and its attempts. */

import { h } from "./dom.js";
import { duration, when } from "./format.js";
import { table } from "./ui.js";

const WORDS = {
  SUBMIT: () => "Accepted",
  CLAIM: ({ attempt }) => `Attempt ${attempt} began`,
  FINISH: ({ attempt }) => `Attempt ${attempt} returned the result`,
  RETRY: ({ attempt }) => `Attempt ${attempt} failed; another one follows`,
  FAIL: () => "The job failed",
  CANCEL: () => "Cancelled",
  RETRY_BY_HAND: () => "Set going again",
};
const ENDS = { FINISH: "returned the result", RETRY: "failed", FAIL: "failed", CANCEL: "cancelled" };

/** Return the time line of events, the oldest first, as the API tells them. */
export function timeline(events) {
  return h(
    "ol",
    { class: "timeline" },
    events.map((event, place) => oneEvent(event, events[place - 1])),
  );
}

function oneEvent(event, before) {
  const words = WORDS[event.transition]?.(event) ?? event.transition;
  const since = before && Date.parse(event.at) - Date.parse(before.at);
  return h(
    "li",
    { class: event.transition.toLowerCase().replaceAll("_", "-") },
    h("span", { class: "what" }, words),
    event.reason && h("span", { class: "reason" }, event.reason),
    h("span", { class: "faint" }, when(event.at), since > 0 && `, ${duration(since)} later`),
  );
}

/** Return the table of the attempts that events tell of; null without any. */
export function attemptTable(events) {
  const attempts = attemptsOf(events);
  if (!attempts.length) return null;
  return table(
    "Attempts",
    [
      { title: "Attempt", cell: (each) => each.attempt },
      { title: "Began", cell: (each) => when(each.begunAt) },
      {
        title: "Took",
        class: "number",
        cell: (each) => (each.endedAt ? duration(Date.parse(each.endedAt) - Date.parse(each.begunAt)) : "–"),
      },
      { title: "Worker", cell: (each) => h("code", {}, each.worker) },
      { title: "Outcome", cell: (each) => [each.outcome, each.reason && h("div", { class: "reason" }, each.reason)] },
    ],
    attempts,
  );
}

/** An attempt ends by the next event; by another one that begins, if its worker was lost. */
function attemptsOf(events) {
  return events.flatMap((event, place) => {
    if (event.transition !== "CLAIM") return [];
    const end = events[place + 1];
    const outcome = end ? (ENDS[end.transition] ?? "lost") : "running";
    return [
      {
        attempt: event.attempt,
        begunAt: event.at,
        endedAt: end?.at,
        worker: event.worker,
        outcome,
        reason: end?.reason,
      },
    ];
  });
}
