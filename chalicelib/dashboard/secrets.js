/** A secret that the API tells once. */

import { h } from "./dom.js";
import { copyButton, newId } from "./ui.js";

/** Show a secret until the reader has taken it; it is kept nowhere. */
export function shownOnce(title, text, secret) {
  return new Promise((resolve) => {
    const id = newId();
    const dialog = h(
      "dialog",
      { "aria-labelledby": id, onclose: () => (dialog.remove(), resolve()) },
      h("h2", { id }, title),
      h("div", { class: "text" }, h("p", {}, text), h("p", { class: "secret" }, h("code", {}, secret))),
      h(
        "div",
        { class: "actions" },
        copyButton("Copy", () => secret),
        h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "I have kept it"),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
