/** `#/schedules`: jobs that are made by the clock. */

import { h, show } from "./dom.js";
import { duration, when } from "./format.js";
import { liveList } from "./live_list.js";
import { empty, heading, link, table } from "./ui.js";

const SCHEDULES_EVERY_MS = 15_000;

export function schedulesPage({ root, signal }) {
  const listed = h("div", {});
  const list = liveList(listed, {
    path: "/schedules",
    rows: (body) => body.schedules,
    asTable: scheduleTable,
    nothing: ({ cursor }) => (cursor ? empty("No older schedules", "") : noSchedules()),
    paged: (wanted) => list.show(wanted),
    everyMs: SCHEDULES_EVERY_MS,
    signal,
  });
  show(
    root,
    heading("Schedules", {
      lead: "Each makes a job at every one of its due times.",
      actions: [h("a", { class: "button primary", href: "#/schedules/new" }, "New schedule")],
    }),
    listed,
  );
  list.show({});
}

/** Return when a schedule is due, in words. */
export function rhythm({ cron, rate_s: rateS, time_zone: zone }) {
  return cron === null ? `every ${duration(rateS * 1000)}` : [h("code", {}, cron), ` (${zone})`];
}

/** Return how a schedule stands. */
export function scheduleState(schedule) {
  if (schedule.is_paused) return h("span", { class: "badge cancelled" }, "PAUSED");
  if (schedule.last_error) return h("span", { class: "badge failed" }, "FAILING");
  return h("span", { class: "badge success" }, "ACTIVE");
}

/** Return what a schedule is called. */
export function scheduleName({ name, operation }) {
  return name || operation;
}

function noSchedules() {
  return empty(
    "No schedules",
    "One makes a job every night, say, or every ten minutes.",
    link("#/schedules/new", "Make the first one"),
  );
}

function scheduleTable(schedules) {
  return table(
    "Schedules, newest first",
    [
      { title: "Schedule", cell: (each) => link(`#/schedules/${each.schedule_id}`, scheduleName(each)) },
      { title: "Operation", cell: (each) => each.operation },
      { title: "Due", cell: rhythm },
      { title: "State", cell: scheduleState },
      { title: "Next run", cell: (each) => when(each.next_run_at, "none") },
      {
        title: "Last run",
        cell: (each) => (each.last_job_id ? link(`#/jobs/${each.last_job_id}`, when(each.last_run_at)) : "none yet"),
      },
    ],
    schedules,
  );
}
