/** Retrying or cancelling all jobs that match a filter: counted first, then done step by step, with the outcome. */

import { jobsText } from "./admin.js";
import { call, callPatiently, NEVER, query } from "./api.js";
import { h, show } from "./dom.js";
import { choice, field, form } from "./forms.js";
import { exactly, number } from "./format.js";
import { announce, button, confirmed, empty, facts, filledWhenLoaded, heading, link, problemBox, section } from "./ui.js";

const RETRY = { action: "retry", verb: "Retry", done: "retried" };
const CANCEL = { action: "cancel", verb: "Cancel", done: "cancelled" };

/** What can be done: which jobs it takes, and the filter that says so. */
const BULK_KINDS = {
  retry: { label: "Retry failed jobs", jobs: "failed", ...RETRY, filter: {} },
  "retry-dead": { label: "Retry dead letters", jobs: "dead", ...RETRY, filter: { dead: true } },
  "retry-cancelled": { label: "Retry cancelled jobs of a user", jobs: "cancelled", ...RETRY, filter: { status: "CANCELLED" } },
  cancel: { label: "Cancel waiting and running jobs", jobs: "waiting and running", ...CANCEL, filter: {} },
  "cancel-waiting": { label: "Cancel waiting jobs", jobs: "waiting", ...CANCEL, filter: { status: "PENDING" } },
  "cancel-running": { label: "Cancel running jobs", jobs: "running", ...CANCEL, filter: { status: "IN_PROGRESS" } },
};
const WITH_ERRORS = new Set(["retry", "retry-dead"]);

const NOTHING_DONE = { matched: 0, changed: 0, cursor: undefined };

/** The page `#/admin/bulk`; its query fills the form in, and what is there is counted at once. */
export function bulkPage({ root, query: asked, signal }) {
  const below = h("div", { class: "stack" });
  const top = h("div", {});
  show(
    root,
    heading("Retry or cancel many", {
      lead: "The jobs that match are counted first, and nothing changes before you have confirmed the number.",
    }),
    top,
    below,
  );
  let counting = new AbortController();
  let isRunning = false;
  const lock = () => {
    for (const each of top.querySelectorAll("input, select, button")) each.disabled = isRunning;
  };
  const panel = {
    below,
    signal,
    /** While a run is under way the form stands still: what it says belongs to the run. */
    running: (is) => {
      isRunning = is;
      lock();
    },
  };
  const begin = async (values) => {
    counting.abort();
    counting = new AbortController();
    try {
      await previewBulk(panel, bulkOrder(values), AbortSignal.any([signal, counting.signal]));
    } catch (problem) {
      if (problem.name !== "AbortError") show(below);
      throw problem;
    }
  };
  // What was counted, or is being counted, holds for what the form said then.
  const changed = () => {
    counting.abort();
    show(below);
  };
  filledWhenLoaded(top, async () => {
    const { operations } = (await call("GET", "/operations", { signal })).body;
    return h("div", { class: "card" }, bulkForm(asked, operations, begin, changed));
  }).then(lock);
  if (Object.hasOwn(BULK_KINDS, asked.get("what"))) {
    begin(Object.fromEntries(asked)).catch((problem) => showBulkProblem(below, problem));
  }
}

function showBulkProblem(below, problem) {
  if (problem.name !== "AbortError") show(below, problemBox(problem));
}

function bulkForm(asked, operations, begin, changed) {
  const text = (name, label, parts = {}) =>
    field(name, label, { value: asked.get(name) ?? "", autocapitalize: "none", spellcheck: "false", pointer: `#/filter/${name}`, ...parts });
  const what = choice(
    "what",
    "What to do",
    Object.entries(BULK_KINDS).map(([value, { label }]) => [value, label]),
    { selected: asked.get("what") },
  );
  const errors = text("error_code", "Error code");
  const fits = () => {
    errors.element.hidden = !WITH_ERRORS.has(what.input.value);
  };
  what.input.addEventListener("change", fits);
  fits();
  const named = [["", "Any"], ...operations.map(({ name }) => [name, name])];
  const fields = [
    what,
    text("username", "User"),
    choice("operation", "Operation", named, { selected: asked.get("operation"), pointer: "#/filter/operation" }),
    errors,
    field("created_before", "Accepted before", {
      type: "datetime-local",
      hint: "Empty: before this moment.",
      pointer: "#/filter/created_before",
      read: ({ value }) => (value ? new Date(value).toISOString() : undefined),
    }),
  ];
  const made = form(fields, { action: "Count what matches", submit: begin });
  made.addEventListener("input", changed);
  made.classList.add("fields");
  return made;
}

/** What is asked of the API, of what was typed in. It is the same for all calls: jobs accepted later are not meant. */
function bulkOrder({ what, username, operation, error_code, created_before }) {
  const { action, filter } = BULK_KINDS[what];
  const given = { username, operation, created_before: created_before ?? new Date().toISOString(), ...filter };
  if (WITH_ERRORS.has(what)) given.error_code = error_code;
  const entries = Object.entries(given).filter(([, value]) => value !== undefined && value !== "");
  return { what, body: { action, filter: Object.fromEntries(entries) } };
}

/** Count what matches, until `signal` says stop; show the number, and the button that goes on. */
async function previewBulk(panel, order, signal) {
  const { below } = panel;
  const says = h("p", { class: "loading", role: "status" }, "Counting …");
  show(below, says);
  const { matched } = await bulkSteps({ ...order.body, preview: true }, { signal }, (sums) =>
    show(says, `Counting … ${jobsText(sums.matched)} so far`),
  );
  if (!matched) return show(below, empty("No job matches", "Nothing would change."));
  const { verb } = BULK_KINDS[order.what];
  return show(
    below,
    section(
      matched === 1 ? "1 job matches" : `${jobsText(matched)} match`,
      h("div", { class: "card" }, bulkFacts(order)),
      h(
        "div",
        { class: "actions after" },
        button(`${verb} ${jobsText(matched)}`, () => confirmBulk(panel, order, matched), {
          kind: order.body.action === "cancel" ? "danger" : "primary",
        }),
        link(bulkListHash(order), "See them"),
      ),
    ),
  );
}

function bulkFacts({ what, body: { filter } }) {
  return facts([
    ["Jobs", BULK_KINDS[what].jobs],
    ["User", filter.username ?? "everybody"],
    ["Operation", filter.operation ?? "any"],
    filter.error_code && ["Error", h("code", {}, filter.error_code)],
    ["Accepted before", exactly(new Date(filter.created_before))],
  ]);
}

/** The list that shows what is meant; it knows no "accepted before". */
function bulkListHash({ what, body: { filter } }) {
  if (what === "retry-dead") return `#/admin/dead${query({ username: filter.username })}`;
  const { username, operation, error_code } = filter;
  const status = filter.status ?? (what === "cancel" ? "PENDING" : "FAILED");
  return `#/admin/jobs${query({ status, username, operation, error_code })}`;
}

async function confirmBulk(panel, order, matched) {
  const { verb } = BULK_KINDS[order.what];
  const title = `${verb} ${jobsText(matched)}?`;
  const warning = order.body.action === "cancel" ? "Attempts that are running are cut off." : "Each gets a fresh set of attempts.";
  const text = [bulkFacts(order), h("p", { class: "after" }, warning)];
  const kind = order.body.action === "cancel" ? "danger" : "primary";
  if (await confirmed(title, text, `${verb} ${jobsText(matched)}`, { kind })) runBulk(panel, order, matched);
}

/** Do it, step by step, and show how far it is; then the outcome. `from` are the sums of the run that this one goes on with. */
async function runBulk(panel, order, expected, from = NOTHING_DONE) {
  const { below, signal } = panel;
  const { done } = BULK_KINDS[order.what];
  const stop = new AbortController();
  const says = h("p", { role: "status", tabindex: -1 });
  const bar = h("progress", { max: expected, "aria-label": `Jobs ${done}` });
  let sums;
  const told = (latest) => {
    sums = latest;
    bar.value = Math.min(sums.matched, expected);
    show(says, `${number(sums.changed)} of ${jobsText(expected)} ${done}`);
  };
  told(from);
  const steps = bulkSteps({ ...order.body, preview: false }, { signal, stop: stop.signal, from }, told);
  const stopped = async () => {
    stop.abort();
    show(says, `Stopping after this step: ${number(sums.changed)} of ${jobsText(expected)} ${done}`);
    await steps.catch(() => {}); // Which is told below.
  };
  panel.running(true);
  show(
    below,
    section(
      "Under way",
      says,
      bar,
      h("p", { class: "hint-box" }, "Leaving this page stops it after the step that is under way."),
      h("div", { class: "actions after" }, button("Stop", stopped)),
    ),
  );
  says.focus();
  try {
    await steps;
    bulkOutcome(below, order, sums, stop.signal.aborted && sums.cursor !== null);
  } catch (problem) {
    if (problem.name === "AbortError") return;
    const soFar = h("p", { tabindex: -1 }, `${jobsText(sums.changed)} ${done} so far.`);
    const goOn = button("Go on", () => void runBulk(panel, order, expected, sums), { kind: "primary" });
    show(below, problemBox(problem), soFar, h("div", { class: "actions" }, goOn));
    soFar.focus();
  } finally {
    panel.running(false);
  }
}

function bulkOutcome(below, order, { matched, changed }, isStopped) {
  const { done } = BULK_KINDS[order.what];
  const title = isStopped ? `Stopped: ${jobsText(changed)} ${done}` : `${jobsText(changed)} ${done}`;
  const others = matched - changed;
  const head = h("h2", { tabindex: -1 }, title);
  announce(title);
  show(
    below,
    h(
      "div",
      { class: "card outcome" },
      head,
      h("p", {}, `${jobsText(matched)} matched.`, others > 0 && ` ${jobsText(others)} had changed meanwhile and were left as they are.`),
      isStopped && h("p", {}, "Those that were not reached are as they were."),
      h("p", {}, link(bulkListHash(order), "To the list")),
    ),
  );
  head.focus();
}

/**
 * Repeat a call with its `next_cursor` until there is none or `stop` says so; return `{ matched, changed, cursor }`.
 *
 * The sums begin with those of `from`; `told` gets them after each call. A call that comes too early is made again when
 * the API says.
 */
async function bulkSteps(body, { signal, stop = NEVER, from = NOTHING_DONE }, told) {
  let sums = from;
  do {
    const answer = await callPatiently("POST", "/admin/bulk", { body: { ...body, cursor: sums.cursor }, signal, stop });
    if (answer === null) return sums;
    sums = {
      matched: sums.matched + answer.body.matched,
      changed: sums.changed + answer.body.changed,
      cursor: answer.body.next_cursor,
    };
    told(sums);
  } while (sums.cursor !== null && !stop.aborted);
  return sums;
}
