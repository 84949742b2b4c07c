/** Everybody's jobs, by a filter; and the same list of dead letters. */

import { anyJobBadges, anyJobHash, anyJobLink, failureText, focusLink, jobsText, ownerLink } from "./admin.js";
import { call, Problem, query } from "./api.js";
import { h, show, showAgain } from "./dom.js";
import { choice, field, form } from "./forms.js";
import { when } from "./format.js";
import { goTo } from "./router.js";
import { announce, button, confirmed, empty, filledWhenLoaded, heading, link, loading, problemBox, table } from "./ui.js";

const ANY_JOBS = "#/admin/jobs";
const DEAD_LETTERS = "#/admin/dead";
const ANY_JOBS_PAGE = 20;

/** A page of the list may be empty although jobs follow: so many are asked for before a person is asked to go on. */
const EMPTY_PAGES_MAX = 5;

const ANY_STATUSES = [
  ["FAILED", "FAILED"],
  ["PENDING", "PENDING"],
  ["IN_PROGRESS", "IN_PROGRESS"],
  ["SUCCESS", "SUCCESS (of a user)"],
  ["CANCELLED", "CANCELLED (of a user)"],
  ["", "Any (of a user)"],
];
const OF_EVERYBODY = new Set(["FAILED", "PENDING", "IN_PROGRESS"]);
const OPEN_STATUSES = new Set(["PENDING", "IN_PROGRESS"]);
const RETRIED_STATUSES = new Set(["FAILED", "CANCELLED"]);
const BULK_OF_STATUS = { FAILED: "retry", CANCELLED: "retry-cancelled", PENDING: "cancel-waiting", IN_PROGRESS: "cancel-running" };

/** The page `#/admin/jobs`; its query is the filter. */
export function adminJobsPage({ root, query: asked, signal }) {
  const filter = anyJobsFilter(asked);
  const list = anyJobsList(filter, signal);
  const filters = h("div", {});
  show(
    root,
    heading("Jobs of everybody", {
      lead: "What a job is and how it went. Its data and its result are its owner's alone.",
      actions: [button("Refresh", list.load), bulkLink(filter)].filter(Boolean),
    }),
    filters,
    list.element,
  );
  filledWhenLoaded(filters, async () => {
    const { operations } = (await call("GET", "/operations", { signal })).body;
    return anyJobsFilterForm(filter, operations, list);
  });
  list.load();
}

/** The page `#/admin/dead`: failed jobs whose consumers or messages were lost. */
export function deadLettersPage({ root, query: asked, signal }) {
  const filter = { status: "FAILED", dead: "true", username: asked.get("username") ?? "" };
  const list = anyJobsList(filter, signal);
  show(
    root,
    heading("Dead letters", {
      lead: "Jobs that failed without a word from their operation, since their consumers or messages were lost.",
      actions: [
        button("Refresh", list.load),
        h("a", { class: "button primary", href: `#/admin/bulk${query({ what: "retry-dead", username: filter.username })}` }, "Retry all …"),
      ],
    }),
    asFilters(
      form([field("username", "User", { value: filter.username, autocapitalize: "none", spellcheck: "false" })], {
        action: "Search",
        submit: ({ username }) => goOrLoad(`${DEAD_LETTERS}${query({ username })}`, list),
      }),
    ),
    list.element,
  );
  list.load();
}

function anyJobsFilter(asked) {
  const of = (name) => asked.get(name) ?? "";
  return {
    username: of("username"),
    status: asked.has("status") ? of("status") : of("username") ? "" : "FAILED",
    operation: of("operation"),
    error_code: of("error_code"),
    tag: of("tag"),
    dead: of("dead"),
  };
}

function anyJobsFilterForm(filter, operations, list) {
  const named = operations.map(({ name }) => [name, name]);
  if (filter.operation && !named.some(([name]) => name === filter.operation)) named.push([filter.operation, filter.operation]);
  const text = (name, label, parts = {}) =>
    field(name, label, { value: filter[name] ?? "", autocapitalize: "none", spellcheck: "false", ...parts });
  return asFilters(
    form(
      [
        text("username", "User"),
        text("job_id", "Job id, of that user", { class: "mono" }),
        choice("status", "Status", ANY_STATUSES, { selected: filter.status }),
        choice("operation", "Operation", [["", "Any"], ...named], { selected: filter.operation }),
        text("error_code", "Error code"),
        text("tag", "Tag"),
        field("dead", "Dead letters only", { type: "checkbox", checked: filter.dead === "true" }),
      ],
      { action: "Search", submit: (values) => searchJobs(values, list), more: [link(ANY_JOBS, "Clear")] },
    ),
  );
}

function asFilters(element) {
  element.classList.add("filters");
  return element;
}

/** Go to the list of what was typed in, or to the one job. */
async function searchJobs({ job_id: jobId, dead, ...filter }, list) {
  if (jobId && !filter.username) throw refusalOf("username", "Name the user whose job it is.");
  if (jobId) {
    const { user_id: owner } = (await call("GET", `/users/${encodeURIComponent(filter.username)}`)).body;
    return goTo(anyJobHash({ owner_id: owner, job_id: jobId }));
  }
  if (!filter.username && !OF_EVERYBODY.has(filter.status ?? "")) {
    throw refusalOf("username", "Name a user: only failed, waiting and running jobs are found without.");
  }
  const status = filter.username ? { status: filter.status ?? "" } : { status: filter.status };
  const all = query({ ...filter, ...status, dead: dead ? "true" : undefined });
  return goOrLoad(`${ANY_JOBS}${all}`, list);
}

function refusalOf(name, detail) {
  return new Problem({ code: "INVALID_INPUT", detail, errors: [{ pointer: `#/${name}`, detail }] });
}

function goOrLoad(hash, list) {
  if (location.hash === hash) return list.load();
  return goTo(hash);
}

/** A link to the change of all that match, if a change of many can have this filter. */
function bulkLink({ status, tag, ...filter }) {
  if (tag || !(status in BULK_OF_STATUS)) return null;
  const what = filter.dead ? "retry-dead" : BULK_OF_STATUS[status];
  const hash = `#/admin/bulk${query({ ...filter, dead: undefined, what })}`;
  return h("a", { class: "button", href: hash }, OPEN_STATUSES.has(status) ? "Cancel all …" : "Retry all …");
}

/** The jobs that match, page below page: `{ element, load }`. */
function anyJobsList(filter, signal) {
  const content = h("div", {});
  const rows = h("div", { tabindex: -1 });
  const below = h("div", { class: "more" });
  const count = h("p", { class: "faint", role: "status" });
  const element = h("section", { "aria-label": "Jobs found" }, count, content);
  let loads = new AbortController();
  const load = async () => {
    loads.abort();
    loads = new AbortController();
    const jobs = [];
    const within = AbortSignal.any([signal, loads.signal]);
    const look = async (first) => {
      let cursor = first;
      for (let asked = 0; asked < EMPTY_PAGES_MAX; asked += 1) {
        const wanted = query({ ...filter, limit: ANY_JOBS_PAGE, cursor });
        const page = (await call("GET", `/admin/jobs${wanted}`, { signal: within })).body;
        jobs.push(...page.jobs);
        cursor = page.next_cursor;
        if (page.jobs.length || cursor === null) break;
      }
      draw(cursor);
    };
    const draw = (cursor) => {
      showAgain(content, rows, below);
      drawRows();
      const more = cursor !== null;
      show(count, jobs.length ? `${jobsText(jobs.length)}${more ? ", and there are more" : ""}` : more ? "None found yet." : null);
      show(below, more && button(jobs.length ? "Show more" : "Look further", () => further(cursor)));
    };
    const further = async (cursor) => {
      await look(cursor);
      (below.querySelector("button") ?? rows).focus({ preventScroll: true });
    };
    const drawRows = () => showAgain(rows, jobs.length ? anyJobsTable(jobs, changed) : noJobFound(filter));
    const changed = async (job) => {
      drawRows();
      focusLink(rows, anyJobHash(job));
      // What else has changed with it, such as when it ended, is told by the job alone.
      Object.assign(job, (await call("GET", anyJobPath(job), { signal: within })).body);
      drawRows();
    };
    show(count);
    showAgain(content, loading());
    try {
      await look(undefined);
    } catch (problem) {
      if (problem.name !== "AbortError") showAgain(content, problemBox(problem, load));
    }
  };
  return { element, load };
}

function noJobFound(filter) {
  if (filter.dead) return empty("No dead letters", "Every job that failed has told why.");
  return empty("No job matches", "Fewer words in the filter find more.");
}

function anyJobsTable(jobs, changed) {
  return table(
    "Jobs",
    [
      { title: "Job", class: "tight", cell: anyJobLink },
      { title: "Operation", class: "tight", cell: ({ operation }) => operation },
      { title: "User", cell: ownerLink },
      { title: "Status", cell: anyJobBadges },
      { title: "Attempt", class: "number", cell: ({ attempt }) => attempt },
      { title: "Accepted", class: "tight", cell: ({ created_at }) => when(created_at) },
      { title: "Ended", class: "tight", cell: ({ finished_at }) => when(finished_at) },
      { title: "Error", cell: ({ error }) => failureText(error) ?? h("span", { class: "faint" }, "–") },
      { title: "Change", class: "number", cell: (job) => changeButton(job, () => changed(job)) },
    ],
    jobs,
  );
}

function anyJobPath(job) {
  return `/admin/jobs/${encodeURIComponent(job.owner_id)}/${encodeURIComponent(job.job_id)}`;
}

/** Return the button that retries or cancels a job, or nothing for one that succeeded. `changed` is told. */
export function changeButton(job, changed, parts = {}) {
  if (OPEN_STATUSES.has(job.status)) return anyJobButton(job, "cancel", "Cancel", changed, parts);
  return RETRIED_STATUSES.has(job.status) ? anyJobButton(job, "retry", "Retry", changed, parts) : null;
}

function anyJobButton(job, action, label, changed, parts) {
  const act = async () => {
    if (action === "cancel" && !(await confirmed("Cancel this job?", cancelWarning(job), "Cancel the job"))) return;
    const { status } = (await call("POST", `${anyJobPath(job)}/${action}`)).body;
    Object.assign(job, { status, dead: false, error: null, finished_at: null });
    announce(`Job ${job.job_id.slice(-12)} is ${status}.`);
    await changed();
  };
  return button(label, act, { "aria-label": `${label} job ${job.job_id}`, "data-key": action, ...parts });
}

function cancelWarning(job) {
  return ["Job ", h("code", {}, job.job_id), ` of ${job.username ?? job.owner_id}. Its owner sees that it was cancelled.`];
}
