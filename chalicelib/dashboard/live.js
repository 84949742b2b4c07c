/** What repeats while it is looked at: polling, and the relative times on the page. */

import { call } from "./api.js";
import { show } from "./dom.js";
import { refreshTimes } from "./format.js";

const BACKOFF_MAX_MS = 60_000;

/**
 * Call `look` now and then every `everyMs` while the page is visible, until `signal` says stop.
 *
 * With `isLater`, the first comes after that time.
 *
 * One look at a time. Whoever comes back to the page sees a new look at once. After a look that raised, `failed` is told,
 * and the next comes later each time, or when the API says so.
 */
export function poll(look, { everyMs, signal, failed = () => {}, isLater = false }) {
  let timer = null;
  let isLooking = false;
  let faults = 0;
  const next = async () => {
    clearTimeout(timer);
    if (signal.aborted || isLooking || document.hidden) return;
    isLooking = true;
    let waitMs = everyMs;
    try {
      await look();
      faults = 0;
    } catch (problem) {
      if (signal.aborted || problem.name === "AbortError") return;
      faults += 1;
      waitMs = Math.max((problem.retryAfterS ?? 0) * 1000, Math.min(everyMs * 2 ** faults, BACKOFF_MAX_MS));
      failed(problem);
    } finally {
      isLooking = false;
    }
    if (!signal.aborted) timer = setTimeout(next, waitMs);
  };
  document.addEventListener("visibilitychange", next, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  if (isLater) timer = setTimeout(next, everyMs);
  else next();
  return { again: next };
}

/**
 * Return what looks at what the API has at `path`, once for each call of it.
 *
 * `draw` gets it if it has changed since the look before; `trouble`, where a look that failed was told, is emptied.
 */
export function lookAt(path, { draw, trouble, signal }) {
  let etag = null;
  return async () => {
    const answer = await call("GET", path, { etag, signal });
    show(trouble);
    if (answer.status === 304) return;
    etag = answer.headers.get("ETag");
    draw(answer.body);
  };
}

/** Keep the page's relative times right. */
export function keepTimes() {
  setInterval(() => document.hidden || refreshTimes(), 1000);
}
