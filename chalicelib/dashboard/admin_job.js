/** One job of anybody: how it went, why it is where it is, and its retrying or cancelling. */

import { anyJobBadges, ownerLink, shownBy } from "./admin.js";
import { changeButton } from "./admin_job_list.js";
import { call } from "./api.js";
import { h, show, showAgain } from "./dom.js";
import { when } from "./format.js";
import { attemptTable, timeline } from "./timeline.js";
import { button, copyButton, facts, heading, section } from "./ui.js";

/** The page `#/admin/jobs/<owner_id>/<job_id>`. Each look is on record at both sides, so it is not repeated by itself. */
export function adminJobPage({ root, params, signal }) {
  const path = `/admin/jobs/${encodeURIComponent(params.owner)}/${encodeURIComponent(params.job)}`;
  const content = h("div", {});
  const change = h("span", {});
  const look = async (within) => {
    try {
      const job = (await call("GET", path, { signal: within })).body;
      showAgain(change, changeButton(job, load, { kind: changeKind(job) }));
      return anyJobContent(job);
    } catch (problem) {
      if (problem.name !== "AbortError") showAgain(change); // What could be done may be done by now.
      throw problem;
    }
  };
  const load = shownBy(content, look, signal);
  show(
    root,
    heading(h("span", {}, "Job ", h("code", {}, params.job)), { actions: [button("Refresh", load), change] }),
    content,
  );
  load();
}

function changeKind(job) {
  return job.status === "FAILED" || job.status === "CANCELLED" ? "primary" : "danger";
}

function anyJobContent(job) {
  const attempts = attemptTable(job.events);
  return [
    h("p", { class: "explanation" }, job.explanation),
    h(
      "div",
      { class: "card" },
      facts([
        ["Status", anyJobBadges(job)],
        ["Operation", job.operation],
        ["User", ownerLink(job)],
        ["Attempt", job.attempt],
        ["Attempts at most", job.max_attempts],
        ["Accepted", when(job.created_at)],
        ["Due", when(job.run_at)],
        ["Began", when(job.started_at)],
        ["Ended", when(job.finished_at)],
        job.tags.length ? ["Tags", job.tags.join(", ")] : null,
        job.username ? null : ["Owner id", h("code", {}, job.owner_id)],
        job.error && ["Error", [h("code", {}, job.error.code), " ", job.error.detail]],
      ]),
    ),
    section("What happened", timeline(job.events)),
    attempts && section("Attempts", attempts),
    h("p", { class: "more" }, copyButton("Copy the job's id", () => job.job_id)),
  ];
}
