/** `#/schedules/new`, `#/schedules/<id>` and `#/schedules/<id>/change`: one schedule. */

import { call } from "./api.js";
import { h, show, showAgain } from "./dom.js";
import { choice, field } from "./forms.js";
import { duration, when } from "./format.js";
import { countField, jobForm, jobOptions, operations } from "./job_form.js";
import { tagList } from "./job_list.js";
import { lookAt, poll } from "./live.js";
import { goTo } from "./router.js";
import { rhythm, scheduleName, scheduleState } from "./schedule_list.js";
import { announce, button, confirmed, facts, heading, link, problemBox, section } from "./ui.js";
import { valueView } from "./value_view.js";

/** How often a schedule is looked at, so that its next run and its state stay true. */
const SCHEDULE_EVERY_MS = 15_000;

export async function schedulePage({ root, params, signal }) {
  const path = `/schedules/${encodeURIComponent(params.id)}`;
  const trouble = h("div", {});
  const draw = (schedule) =>
    showAgain(
      root,
      trouble,
      heading(scheduleName(schedule), {
        lead: [scheduleState(schedule), " ", rhythm(schedule)],
        actions: [
          button(schedule.is_paused ? "Resume" : "Pause", () => change(!schedule.is_paused), { "data-key": "switch" }),
          h("a", { class: "button", href: `#/schedules/${params.id}/change` }, "Change"),
          button("Delete", async () => {
            if (
              !(await confirmed(
                "Delete this schedule?",
                "It makes no more jobs. Those that it made stay.",
                "Delete the schedule",
              ))
            )
              return;
            await call("DELETE", path);
            announce("The schedule is deleted.");
            goTo("#/schedules", signal);
          }),
        ],
      }),
      schedule.last_error &&
        h("div", { class: "problem" }, h("p", {}, "The newest due time got no job: ", schedule.last_error.detail)),
      h("div", { class: "card" }, scheduleFacts(schedule)),
      section(
        "Data of its jobs",
        valueView(schedule.data, { name: "Data", file: `${schedule.schedule_id}-data.json` }),
      ),
    );
  const change = async (isPaused) => {
    const { body } = await call("PATCH", path, { body: { is_paused: isPaused } });
    announce(body.is_paused ? "The schedule rests." : "The schedule goes on.");
    draw(body);
  };
  const look = lookAt(path, { draw, trouble, signal });
  await look();
  const failed = (problem) => show(trouble, problemBox(problem));
  poll(look, { everyMs: SCHEDULE_EVERY_MS, signal, isLater: true, failed });
}

function scheduleFacts(schedule) {
  return facts([
    ["Operation", schedule.operation],
    ["Next run", when(schedule.next_run_at, "none")],
    [
      "Last run",
      schedule.last_job_id ? link(`#/jobs/${schedule.last_job_id}`, when(schedule.last_run_at)) : "none yet",
    ],
    ["Made", when(schedule.created_at)],
    ["Made up if late by at most", duration(schedule.missed_within_s * 1000)],
    ["Due times skipped", schedule.skipped],
    schedule.max_attempts ? ["Attempts at most", schedule.max_attempts] : null,
    schedule.timeout_s ? ["Timeout", duration(schedule.timeout_s * 1000)] : null,
    schedule.retention_days ? ["Jobs are kept", `${schedule.retention_days} days`] : null,
    schedule.tags.length ? ["Tags", tagList(schedule.tags)] : null,
    ...Object.entries(schedule.metadata),
  ]);
}

export async function newSchedulePage({ root, signal }) {
  const make = async (wanted) =>
    goTo(`#/schedules/${(await call("POST", "/schedules", { body: wanted })).body.schedule_id}`, signal);
  const form = scheduleForm(await operations(signal), {}, "Make the schedule", make);
  show(root, heading("New schedule"), h("div", { class: "card form" }, form));
}

export async function changeSchedulePage({ root, params, signal }) {
  const path = `/schedules/${encodeURIComponent(params.id)}`;
  const [all, { body: given }] = await Promise.all([operations(signal), call("GET", path, { signal })]);
  const save = async (wanted) => {
    // What was there and was emptied is the operation's again.
    const emptied = ["max_attempts", "timeout_s", "retention_days"].filter((name) => wanted[name] === undefined);
    await call("PATCH", path, {
      body: {
        ...wanted,
        tags: wanted.tags ?? [],
        metadata: wanted.metadata ?? {},
        ...Object.fromEntries(emptied.map((name) => [name, null])),
      },
    });
    announce("The schedule is changed.");
    goTo(`#/schedules/${params.id}`, signal);
  };
  show(
    root,
    heading(`Change ${scheduleName(given)}`),
    h("div", { class: "card form" }, scheduleForm(all, given, "Save", save)),
  );
}

function scheduleForm(all, given, action, submit) {
  const isRate = typeof given.rate_s === "number";
  const zones = h(
    "datalist",
    { id: "time-zones" },
    Intl.supportedValuesOf("timeZone").map((zone) => h("option", { value: zone })),
  );
  const name = field("name", "Name", { value: given.name ?? "", maxlength: 64, read: (input) => input.value.trim() });
  const kind = choice(
    "kind",
    "Due",
    [
      ["cron", "by a cron expression"],
      ["rate", "every so many seconds"],
    ],
    { selected: isRate ? "rate" : "cron" },
  );
  const cron = field("cron", "Cron expression", {
    value: given.cron ?? "",
    placeholder: "30 2 * * *",
    spellcheck: "false",
    autocomplete: "off",
    hint: "Minute, hour, day of the month, month, day of the week.",
    needed: "Say when, as in 30 2 * * *: every night at half past two.",
    read: (input) => input.value.trim(),
  });
  const zone = field("time_zone", "Time zone", {
    value: given.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC",
    list: "time-zones",
    autocomplete: "off",
    hint: "By whose clocks it goes.",
    needed: "Name a time zone, such as UTC.",
  });
  const rate = countField(
    "rate_s",
    "Seconds from one due time to the next",
    given.rate_s,
    "60 at least.",
    "Give the seconds.",
  );
  const late = countField(
    "missed_within_s",
    "Make up for what is late by at most, in seconds",
    given.missed_within_s,
    null,
    given.missed_within_s === undefined ? null : "Give the seconds; with 0, what is late is left out.",
  );
  const showKind = () => {
    for (const each of [cron, zone]) each.element.hidden = kind.input.value !== "cron";
    rate.element.hidden = kind.input.value !== "rate";
  };
  kind.input.addEventListener("change", showKind);
  showKind();
  const form = jobForm(all, {
    given,
    before: [name, kind, cron, zone, rate],
    options: [late, ...jobOptions(given)],
    action,
    submit: ({ kind: chosen, cron: expression, time_zone, rate_s, ...rest }) =>
      submit(chosen === "cron" ? { ...rest, cron: expression, time_zone } : { ...rest, rate_s }),
  });
  return [form, zones];
}
