/** A list that is looked at page by page, and whose page follows what happens. */

import { call, query } from "./api.js";
import { h, show, showAgain } from "./dom.js";
import { poll } from "./live.js";
import { button, loading, problemBox } from "./ui.js";

const LIMIT = 20;
const TELLS_EVERY_MS = 15_000;

/**
 * Show a list of the API in `root`, and keep it as it is there; return `{ show(params) }`, which shows other rows.
 *
 * `path` is the list's, `rows(body)` are those of an answer, `asTable(rows)` what they look like, and `nothing(params)`
 * what stands there without any. `paged(params)` is told when another page is wanted; whoever is told shows it.
 */
export function liveList(root, { path, rows, asTable, nothing, paged, everyMs = 3000, signal }) {
  let looking = new AbortController();
  const status = h("p", { class: "unseen", role: "status" });
  const says = h("div", {});
  const page = h("div", {});
  const tell = changeTeller(status, signal);
  show(root, status, says, page);

  const showParams = (params) => {
    looking.abort();
    looking = new AbortController();
    const within = AbortSignal.any([signal, looking.signal]);
    let etag = null;
    let seen = null;
    show(says);
    showAgain(page, loading());
    const look = async () => {
      const answer = await call("GET", path + query({ limit: LIMIT, ...params }), { etag, signal: within });
      show(says);
      if (answer.status === 304) return;
      etag = answer.headers.get("ETag");
      const found = rows(answer.body);
      const texts = new Set(found.map((each) => JSON.stringify(each)));
      if (seen !== null) tell([...texts].filter((each) => !seen.has(each)).length);
      seen = texts;
      const below = pager(params, answer.body.next_cursor, paged);
      showAgain(page, found.length ? asTable(found) : nothing(params, answer.body.next_cursor !== null), below);
    };
    const failed = (problem) => {
      if (seen === null) show(page);
      show(
        says,
        problemBox(problem, () => showParams(params)),
      );
    };
    poll(look, { everyMs, signal: within, failed });
  };
  return { show: showParams };
}

/** Return what tells screen readers of rows that have changed: of many changes now and then, not of each. */
function changeTeller(status, signal) {
  let changed = 0;
  let timer = null;
  let nextAt = 0;
  const say = () => {
    show(status, changed === 1 ? "One row has changed." : `${changed} rows have changed.`);
    changed = 0;
    timer = null;
    nextAt = Date.now() + TELLS_EVERY_MS;
  };
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  return (count) => {
    changed += count;
    if (changed) timer ??= setTimeout(say, Math.max(0, nextAt - Date.now()));
  };
}

function pager(params, next, paged) {
  if (!params.cursor && !next) return null;
  return h(
    "nav",
    { class: "pager", "aria-label": "Pages" },
    params.cursor && button("Newest", () => paged({ ...params, cursor: null }), { "data-key": "newest" }),
    next && button("Older", () => paged({ ...params, cursor: next }), { "data-key": "older" }),
  );
}
