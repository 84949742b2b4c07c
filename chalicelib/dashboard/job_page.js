/** `#/jobs/<id>`: one job, followed to its end. */

import { call } from "./api.js";
import { curlOf } from "./curl.js";
import { h, show, showAgain } from "./dom.js";
import { duration, when } from "./format.js";
import { tagList } from "./job_list.js";
import { poll } from "./live.js";
import { goTo } from "./router.js";
import { attemptTable, timeline } from "./timeline.js";
import { announce, badge, button, confirmed, copyButton, facts, heading, link, problemBox, section } from "./ui.js";
import { valueView } from "./value_view.js";

const FINAL = new Set(["SUCCESS", "FAILED", "CANCELLED"]);
const WAIT_S = 20;
const LOOK_EVERY_MS = 3000;
const LOOK_AT_ENDED_EVERY_MS = 15_000;

export async function jobPage({ root, params, signal }) {
  const path = `/jobs/${encodeURIComponent(params.id)}`;
  const places = Object.fromEntries(
    ["head", "trouble", "explanation", "facts", "outcome", "input", "history"].map((name) => [name, h("div", {})]),
  );
  let job = null;
  let etag = null;
  let shownResult;
  let following = new AbortController();

  const explain = (sentence) => {
    if (places.explanation.textContent === sentence) return;
    show(places.explanation, h("p", { class: "explanation", role: "status" }, sentence));
  };

  const draw = (events, explanation) => {
    showAgain(places.head, head(job, actions));
    explain(explanation);
    showAgain(places.facts, factsOf(job));
    const result = JSON.stringify([job.status, job.result, job.error]);
    if (result !== shownResult) showAgain(places.outcome, outcome(job));
    shownResult = result;
    if (!places.input.hasChildNodes()) {
      show(places.input, section("Input", valueView(job.data, { name: "Input", file: `${job.job_id}-input.json` })));
      show(root, ...Object.values(places));
    }
    const attempts = attemptTable(events);
    show(places.history, section("What happened", timeline(events)), attempts && section("Attempts", attempts));
  };

  /** Look at the job; with `waitS`, once it is final. What is new is shown. */
  const look = async (waitS, within) => {
    const headers = waitS ? { Prefer: `wait=${waitS}` } : {};
    const answer = await call("GET", path, { headers, etag, signal: within });
    show(places.trouble);
    if (answer.status === 304) {
      // Why it waits may change though the job does not: it is due by now, or paused.
      if (!FINAL.has(job.status)) explain((await call("GET", `${path}/explain`, { signal: within })).body.explanation);
      return;
    }
    const [log, told] = await Promise.all(
      ["/events", "/explain"].map((part) => call("GET", path + part, { signal: within })),
    );
    const before = job;
    job = answer.body;
    etag = answer.headers.get("ETag");
    draw(log.body.events, told.body.explanation);
    const [wasFinal, isFinal] = [before, job].map((each) => each !== null && FINAL.has(each.status));
    if (before !== null && isFinal && !wasFinal) announce(`The job has ended: ${job.status}.`);
    if (before === null || isFinal !== wasFinal) follow();
  };

  const follow = () => {
    following.abort();
    if (job.status === "SUCCESS") return;
    following = new AbortController();
    const within = AbortSignal.any([signal, following.signal]);
    const failed = (problem) => show(places.trouble, problemBox(problem));
    if (FINAL.has(job.status)) {
      // Somebody else may retry it: a program of the user's, or an administrator.
      poll(() => look(0, within), { everyMs: LOOK_AT_ENDED_EVERY_MS, signal: within, failed });
      return;
    }
    // One call that is answered at the job's end, and looks in between, for what happens before.
    poll(() => isDueSoon(job) && look(WAIT_S, within), { everyMs: 500, signal: within, failed });
    poll(() => look(0, within), { everyMs: LOOK_EVERY_MS, signal: within, failed });
  };

  const changed = async (part, news) => {
    await call("POST", path + part);
    announce(news);
    await look(0, signal);
  };
  const actions = {
    cancel: () => changed("/cancel", "The job is cancelled."),
    retry: () => changed("/retry", "The job waits for its next attempt."),
    remove: async () => {
      if (
        !(await confirmed(
          "Delete this job?",
          "Its data, its result and its history are gone for good.",
          "Delete the job",
        ))
      )
        return;
      await call("DELETE", path);
      announce("The job is deleted.");
      goTo("#/jobs", signal);
    },
  };

  await look(0, signal);
}

/** A wait for one that begins later is answered at once. */
function isDueSoon(job) {
  return Date.parse(job.run_at) <= Date.now() + WAIT_S * 1000;
}

function head(job, { cancel, retry, remove }) {
  const isFinal = FINAL.has(job.status);
  return heading(job.operation, {
    lead: [badge(job.status), " ", h("code", {}, job.job_id)],
    actions: [
      !isFinal && button("Cancel", cancel),
      isFinal && job.status !== "SUCCESS" && button("Retry", retry, { kind: "primary" }),
      h("a", { class: "button", href: `#/jobs/new?like=${job.job_id}` }, "Submit one like it"),
      copyButton("Copy as curl", () => curlOf(job)),
      isFinal && button("Delete", remove),
    ],
  });
}

function factsOf(job) {
  const took = job.started_at && job.finished_at && Date.parse(job.finished_at) - Date.parse(job.started_at);
  return h(
    "div",
    { class: "card" },
    facts([
      ["Attempt", job.attempt || "none yet"],
      ["Attempts at most", job.max_attempts],
      ["Accepted", when(job.created_at)],
      ["Due", when(job.run_at)],
      ["Began", when(job.started_at)],
      ["Ended", when(job.finished_at)],
      took ? ["Took", duration(took)] : null,
      ["Timeout", duration(job.timeout_s * 1000)],
      ["Kept until", when(job.expires_at)],
      job.tags.length ? ["Tags", tagList(job.tags)] : null,
      ...Object.entries(job.metadata).map(([name, value]) => [name, value]),
      job.schedule_id ? ["Schedule", link(`#/schedules/${job.schedule_id}`, h("code", {}, job.schedule_id))] : null,
      job.scheduled_for ? ["Due time", when(job.scheduled_for)] : null,
      job.callback_url ? ["Callback URL", job.callback_url] : null,
    ]),
  );
}

function outcome(job) {
  if (job.error) {
    return section(
      "Error",
      h("div", { class: "problem" }, h("p", {}, h("code", {}, job.error.code)), h("p", {}, job.error.detail)),
    );
  }
  if (job.status !== "SUCCESS") return null;
  return section("Result", valueView(job.result, { name: "Result", file: `${job.job_id}-result.json` }));
}
