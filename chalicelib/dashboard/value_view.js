/** A value of a job as people look at it: JSON, of which a long one is cut until all of it is wanted. */

import { h, show } from "./dom.js";
import { bytes, number } from "./format.js";
import { mayBeRounded, printed } from "./json.js";
import { copyButton } from "./ui.js";

const SHOWN_CHARACTERS = 2000;

/** Return a view of a value; `name` is what it is called, and `file` what a download of it is. */
export function valueView(value, { name, file }) {
  const text = printed(value);
  const isCut = text.length > SHOWN_CHARACTERS;
  // Which can be scrolled, and so must be reached without a mouse.
  const pre = h(
    "pre",
    { tabindex: 0, role: "group", "aria-label": name },
    isCut ? text.slice(0, SHOWN_CHARACTERS) : text,
  );
  const below = h("div", { class: "actions" });
  const showAll = () => {
    show(pre, text);
    all.remove();
    pre.focus();
  };
  const all = h("button", { type: "button", onclick: showAll }, `Show all ${number(text.length)} characters`);
  show(
    below,
    isCut && all,
    copyButton(`Copy ${name.toLowerCase()}`, () => text),
    isCut &&
      h(
        "button",
        { type: "button", onclick: () => download(text, file) },
        `Download (${bytes(new Blob([text]).size)})`,
      ),
  );
  const told = "This browser rounds long numbers. A newer one shows them as they are.";
  const warning = mayBeRounded(text) && h("p", { class: "hint-box" }, told);
  return h("div", { class: isCut ? "value is-cut" : "value" }, warning, pre, below);
}

function download(text, file) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  h("a", { href: url, download: file }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
