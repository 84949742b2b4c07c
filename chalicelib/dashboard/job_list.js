/** `#/jobs`: the jobs of the user, as they are now. */

import { h, show } from "./dom.js";
import { choice, field } from "./forms.js";
import { madeAt, when } from "./format.js";
import { operations } from "./job_form.js";
import { mayBeRounded, printed } from "./json.js";
import { liveList } from "./live_list.js";
import { goTo } from "./router.js";
import { badge, empty, heading, link, table } from "./ui.js";

const STATUSES = ["PENDING", "IN_PROGRESS", "SUCCESS", "FAILED", "CANCELLED"];
const FILTERS = ["status", "operation", "tag", "cursor"];
const JOB_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const RESULT_CHARACTERS = 60;

export function jobsPage({ root, query: asked, signal }) {
  const params = Object.fromEntries(FILTERS.map((name) => [name, asked.get(name)]));
  const results = h("div", {});
  const list = liveList(results, {
    path: "/jobs",
    rows: (body) => body.jobs,
    asTable: jobTable,
    nothing: (shown, isMore) => noJobs(shown, isMore, () => go({ status: null, operation: null, tag: null })),
    paged: (wanted) => {
      go(wanted, { isPage: true });
      root.querySelector("h1").focus();
    },
    signal,
  });
  const go = (wanted, { isPage = false } = {}) => {
    Object.assign(params, { cursor: null }, wanted);
    for (const each of fields) if (!isPage && each.name in wanted) each.input.value = params[each.name] ?? "";
    const address = addressOf(params);
    if (isPage) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    list.show(params);
  };
  const fields = filterFields(params, go, signal);
  show(
    root,
    heading("Jobs", { actions: [h("a", { class: "button primary", href: "#/jobs/new" }, "New job")] }),
    filterBar(fields, go),
    results,
  );
  list.show(params);
}

function filterFields(params, go, signal) {
  const any = [["", "Any"]];
  const status = choice("status", "Status", [...any, ...STATUSES.map((each) => [each, each])], {
    selected: params.status,
  });
  const asked = params.operation ? [[params.operation, params.operation]] : [];
  const operation = choice("operation", "Operation", [...any, ...asked], { selected: params.operation });
  addOperations(operation.input, signal);
  const tag = field("tag", "Tag, or a job’s id", {
    type: "search",
    value: params.tag ?? "",
    maxlength: 64,
    autocomplete: "off",
    spellcheck: "false",
  });
  for (const each of [status, operation])
    each.input.addEventListener("change", () => go({ [each.name]: each.input.value || null }));
  tag.input.addEventListener("search", () => tag.input.value === "" && params.tag && go({ tag: null }));
  return [status, operation, tag];
}

/** Add the operations that there are as choices, once they are known; without them the list is as good. */
async function addOperations(input, signal) {
  try {
    const names = (await operations(signal)).map(({ name }) => name);
    const more = names.filter((name) => ![...input.options].some((each) => each.value === name));
    input.append(...more.map((name) => h("option", { value: name }, name)));
  } catch {
    // The list itself tells of a service that does not answer.
  }
}

function filterBar(fields, go) {
  const found = (event) => {
    event.preventDefault();
    const text = fields.find((each) => each.name === "tag").input.value.trim();
    if (JOB_ID.test(text)) goTo(`#/jobs/${text.toLowerCase()}`);
    else go({ tag: text || null });
  };
  return h(
    "form",
    { class: "filters", role: "search", "aria-label": "Jobs", onsubmit: found },
    fields.map((each) => each.element),
    h("button", { type: "submit" }, "Search"),
  );
}

function addressOf(params) {
  const given = Object.entries(params).filter(([, value]) => value);
  return given.length ? `#/jobs?${new URLSearchParams(given)}` : "#/jobs";
}

function noJobs(shown, isMore, clear) {
  if (isMore) return empty("None of these", "The rows that were looked at for this page do not match; older ones may.");
  if (shown.status || shown.operation || shown.tag) {
    return empty("No job matches", "", h("button", { type: "button", onclick: clear }, "Show all jobs"));
  }
  if (shown.cursor) return empty("No older jobs", "");
  return empty(
    "No jobs yet",
    "A job is an operation and the data it computes with.",
    link("#/jobs/new", "Submit the first one"),
  );
}

function jobTable(jobs) {
  return table(
    "Jobs, newest first",
    [
      {
        title: "Job",
        class: "id",
        cell: ({ job_id: id, tags }) => [link(`#/jobs/${id}`, h("code", {}, id)), tagList(tags)],
      },
      { title: "Operation", cell: (job) => job.operation },
      { title: "Status", cell: (job) => badge(job.status) },
      { title: "Accepted", cell: (job) => when(madeAt(job.job_id)) },
      { title: "Result", class: "number", cell: resultText },
    ],
    jobs,
  );
}

/** Return a job's tags; each leads to the jobs that have it. */
export function tagList(tags = []) {
  if (!tags.length) return null;
  return h(
    "ul",
    { class: "tags", "aria-label": "Tags" },
    tags.map((tag) => h("li", {}, link(`#/jobs?${new URLSearchParams({ tag })}`, tag))),
  );
}

function resultText({ result, status }) {
  if (status !== "SUCCESS") return h("span", { class: "faint" }, "–");
  const text = printed(result).replaceAll(/\s+/g, " ");
  return h("code", {}, mayBeRounded(text) && "≈ ", text.length > RESULT_CHARACTERS ? `${text.slice(0, RESULT_CHARACTERS)}…` : text);
}
