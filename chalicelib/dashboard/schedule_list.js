/** `#/schedules`: jobs that are made by the clock. */

import { call, query } from "./api.js";
import { h, show } from "./dom.js";
import { duration, when } from "./format.js";
import { growingList } from "./growing_list.js";
import { empty, filledWhenLoaded, heading, link, table } from "./ui.js";

export async function schedulesPage({ root, signal }) {
  const listed = h("div", {});
  const load = async (cursor) => {
    const { body } = await call("GET", `/schedules${query({ cursor })}`, { signal });
    return { rows: body.schedules, next: body.next_cursor };
  };
  show(
    root,
    heading("Schedules", {
      lead: "Each makes a job at every one of its due times.",
      actions: [h("a", { class: "button primary", href: "#/schedules/new" }, "New schedule")],
    }),
    listed,
  );
  await filledWhenLoaded(listed, () => growingList(load, scheduleTable));
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

function scheduleTable(schedules) {
  if (!schedules.length) {
    return empty(
      "No schedules",
      "One makes a job every night, say, or every ten minutes.",
      link("#/schedules/new", "Make the first one"),
    );
  }
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
