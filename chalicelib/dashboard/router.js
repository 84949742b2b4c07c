/** Which page is shown: the part of the address behind the `#`, so that the browser's own buttons and links work. */

import { h, show } from "./dom.js";
import { heading, loading, problemBox } from "./ui.js";

let shown = new AbortController();

/**
 * Show pages by the address, from now on.
 *
 * `routes` are `[pattern, title, page]`; a pattern's `:name` parts become `params`. `page({ root, params, query, signal })`
 * fills `root`; `signal` ends what it does when another is shown. `admit(pattern)` may name another address to go to.
 */
export function route(routes, { root, admit, changed }) {
  const go = async () => {
    shown.abort();
    shown = new AbortController();
    const { signal } = shown;
    const [path, search = ""] = location.hash.slice(1).split("?");
    const found = match(routes, path) ?? match(routes, "/not-found");
    const elsewhere = admit(found.pattern);
    if (elsewhere !== null) return location.replace(elsewhere);
    document.title = `${found.title} · Job backend`;
    changed(path);
    const inner = h("div", {}, loading());
    show(root, inner);
    focusWhenDrawn(inner, signal);
    try {
      await found.page({ root: inner, params: found.params, query: new URLSearchParams(search), signal });
    } catch (problem) {
      if (signal.aborted || problem.name === "AbortError") return;
      show(inner, heading(found.title), problemBox(problem, go));
    }
  };
  addEventListener("hashchange", go);
  go();
  return go;
}

/** Go to a page, as a link to it does; with the `signal` of a page, unless another has been gone to since. */
export function goTo(hash, signal = null) {
  if (!signal?.aborted) location.hash = hash;
}

/** Focus what a page begins with once that is drawn, unless somebody has begun elsewhere on the page. */
function focusWhenDrawn(inner, signal) {
  const look = () => {
    const first = inner.querySelector("[data-focus]") ?? inner.querySelector("h1");
    if (first === null) return;
    watch.disconnect();
    if (!inner.contains(document.activeElement)) first.focus();
  };
  const watch = new MutationObserver(look);
  watch.observe(inner, { childList: true, subtree: true });
  signal.addEventListener("abort", () => watch.disconnect(), { once: true });
}

function match(routes, path) {
  for (const [pattern, title, page] of routes) {
    const names = pattern.split("/");
    const parts = path.split("/");
    if (names.length !== parts.length) continue;
    if (!parts.every(isSegment)) continue;
    const params = {};
    const fits = names.every((name, at) => {
      if (!name.startsWith(":")) return name === parts[at];
      params[name.slice(1)] = decodeURIComponent(parts[at]);
      return parts[at] !== "";
    });
    if (fits) return { pattern, title, page, params };
  }
  return null;
}

/** Tell whether a part of an address can be one of a path of the API: a browser resolves `.` and `..` on the way. */
function isSegment(part) {
  try {
    return !/^\.\.?$/.test(decodeURIComponent(part));
  } catch {
    return false; // a malformed %-escape
  }
}
