/** A secret that the API tells once. */

import { h } from "./dom.js";
import { copyButton, newId, answerOf } from "./ui.js";

/** Show a secret until the reader says that it is taken, and not until a mere Escape; it is kept nowhere. */
export async function shownOnce(title, text, secret) {
  const id = newId();
  const dialog = h(
    "dialog",
    { "aria-labelledby": id, oncancel: (event) => event.preventDefault(), onkeydown: holdEscape },
    h("h2", { id }, title),
    h("div", { class: "text" }, h("p", {}, text), h("p", { class: "secret" }, h("code", {}, secret))),
    h(
      "div",
      { class: "actions" },
      copyButton("Copy", () => secret),
      h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "I have kept it"),
    ),
  );
  await answerOf(dialog);
}

/** A browser closes at the second Escape even a dialog that refuses to be cancelled. */
function holdEscape(event) {
  if (event.key === "Escape") event.preventDefault();
}
