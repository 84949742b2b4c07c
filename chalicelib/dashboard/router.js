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
    try {
      await found.page({ root: inner, params: found.params, query: new URLSearchParams(search), signal });
    } catch (problem) {
      if (signal.aborted || problem.name === "AbortError") return;
      show(inner, heading(found.title), problemBox(problem, go));
    }
    if (!signal.aborted) (inner.querySelector("[data-focus]") ?? inner.querySelector("h1") ?? root).focus();
  };
  addEventListener("hashchange", go);
  go();
  return go;
}

/** Go to a page, as a link to it does. */
export function goTo(hash) {
  location.hash = hash;
}

function match(routes, path) {
  for (const [pattern, title, page] of routes) {
    const names = pattern.split("/");
    const parts = path.split("/");
    if (names.length !== parts.length) continue;
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
