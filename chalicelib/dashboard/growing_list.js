/** A list that is read from its newest on, as far as one wants. */

import { h, show } from "./dom.js";
import { button } from "./ui.js";

/**
 * Return a list with its first page: `load(cursor)` gives `{ rows, next }`, `asTable(rows)` shows all rows so far.
 */
export async function growingList(load, asTable) {
  const all = [];
  const place = h("div", { tabindex: -1 });
  const below = h("div", { class: "pager" });
  const add = async (cursor) => {
    const { rows, next } = await load(cursor);
    all.push(...rows);
    show(place, asTable(all));
    show(below, next && button("Show more", () => add(next)));
    if (cursor) (below.querySelector("button") ?? place).focus({ preventScroll: true });
  };
  await add(null);
  return h("div", {}, place, below);
}
