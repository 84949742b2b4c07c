/** The parts that pages are made of. Each page has the same empty, loading and error states. */

import { h, showAgain } from "./dom.js";

const NEWS_MS = 6000;

const newsPlace = document.getElementById("news");

/** What is raised where the page, or an answer, is not as the page expects. */
const FAULTS = new Set(["TypeError", "ReferenceError", "RangeError", "SyntaxError"]);

let idsGiven = 0;

/** Return an id that no other element has. */
export function newId() {
  idsGiven += 1;
  return `id${idsGiven}`;
}

/** Return the head of a page: its title, what stands beside it, and a line of explanation. */
export function heading(title, { actions = [], lead = null } = {}) {
  return h(
    "div",
    { class: "heading" },
    h("div", {}, h("h1", { tabindex: -1 }, title), lead && h("p", { class: "lead" }, lead)),
    actions.length ? h("div", { class: "actions" }, actions) : null,
  );
}

/** Return a part of a page with a heading of its own. */
export function section(title, ...children) {
  const id = newId();
  return h("section", { "aria-labelledby": id }, h("h2", { id }, title), children);
}

/** Return what stands where something is on its way. */
export function loading(text = "Loading …") {
  return h("p", { class: "loading", role: "status" }, text);
}

/** Return what stands where there is nothing yet: why, and what to do about it. */
export function empty(title, text, ...actions) {
  return h("div", { class: "empty" }, h("p", { class: "title" }, title), text && h("p", {}, text), actions);
}

/** Return a problem as people read it, with a button that tries again if `again` is given. */
export function problemBox(problem, again = null) {
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("p", {}, messageOf(problem)),
    problem.requestId && h("p", { class: "faint" }, "Request ", h("code", {}, problem.requestId)),
    again && button("Try again", again),
  );
}

/** Return what a problem says to people. A fault of the page itself is for the browser's console. */
function messageOf(problem) {
  if (!FAULTS.has(problem.name)) return problem.message;
  console.error(problem);
  return "Something is wrong with this page, or the service answered what it does not know. Reload it, and try again.";
}

/** Return the mark of a job's status. Its words are the API's. */
export function badge(status) {
  return h("span", { class: `badge ${status.toLowerCase().replace("_", "-")}` }, status);
}

/** Return a link to a page of this application. */
export function link(hash, ...children) {
  return h("a", { href: hash }, children);
}

/**
 * Return a button whose `act` may take a while: it is busy until then, and a problem is told as news.
 *
 * `kind` is "primary", "danger" or nothing. What it says is its `data-key`, unless another is given: see `showAgain`.
 */
export function button(label, act, { kind = "", ...parts } = {}) {
  const key = parts["aria-label"] ?? label;
  const onclick = (event) => busy(event.currentTarget, act);
  return h("button", { type: "button", class: kind, "data-key": key, ...parts, onclick }, label);
}

/** Have a button busy while `act` goes on; a problem is told as news. Tells whether it went well. */
export async function busy(element, act) {
  if (element.getAttribute("aria-busy") === "true") return false;
  element.setAttribute("aria-busy", "true");
  try {
    await act();
    return true;
  } catch (problem) {
    if (problem.name !== "AbortError") announce(messageOf(problem), { isProblem: true });
    return false;
  } finally {
    element.removeAttribute("aria-busy");
  }
}

/** Tell of something that has happened, for a few seconds; screen readers read it out. */
export function announce(text, { isProblem = false } = {}) {
  const note = h("p", { class: isProblem ? "note problem" : "note" }, text);
  // What is outside of an open dialog is below it, and no screen reader looks there.
  const over = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  if (newsPlace.parentElement !== over) over.append(newsPlace);
  newsPlace.append(note);
  setTimeout(() => note.remove(), NEWS_MS);
}

/** Return a button that puts a text into the clipboard. */
export function copyButton(label, text) {
  return button(label, async () => {
    await navigator.clipboard.writeText(text());
    announce("Copied.");
  });
}

/**
 * Ask before something that cannot be taken back; return whether the answer was yes.
 *
 * `text` is nodes or text that say what will happen, or fields besides; `action` is what the button says.
 */
export async function confirmed(title, text, action, { kind = "danger" } = {}) {
  const id = newId();
  const dialog = h(
    "dialog",
    { "aria-labelledby": id },
    h("h2", { id }, title),
    h(
      "form",
      { method: "dialog" },
      h("div", { class: "text" }, text),
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", onclick: () => dialog.close("no") }, "Back"),
        h("button", { type: "submit", class: kind, value: "yes" }, action),
      ),
    ),
  );
  return (await answerOf(dialog)) === "yes";
}

/** Open a dialog over the page; return what it was closed with: "no", if another page was gone to. */
export function answerOf(dialog) {
  return new Promise((resolve) => {
    const leave = () => dialog.close("no"); // Whoever goes to another page has not said yes.
    const closed = () => {
      removeEventListener("hashchange", leave);
      if (dialog.contains(newsPlace)) document.body.append(newsPlace);
      dialog.remove();
      resolve(dialog.returnValue);
    };
    dialog.addEventListener("close", closed);
    addEventListener("hashchange", leave);
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * Return a table. `columns` are `{ title, cell, class }`, where `cell(row)` gives nodes or text.
 *
 * On a narrow screen each row is a card, in which every value has its title.
 */
export function table(caption, columns, rows) {
  return h(
    "table",
    {},
    h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col", class: column.class }, column.title || h("span", { class: "unseen" }, "Actions"))))),
    h(
      "tbody",
      {},
      rows.map((row) =>
        h(
          "tr",
          {},
          // One element in each, so that on a narrow screen it stands beside the title as a whole.
          columns.map((column) => h("td", { class: column.class, "data-title": column.title }, h("div", {}, column.cell(row)))),
        ),
      ),
    ),
  );
}

/** Return a list of terms and what they are: `[["Status", badge(…)], …]`; pairs that are null are left out. */
export function facts(pairs) {
  return h(
    "dl",
    { class: "facts" },
    pairs.filter(Boolean).map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))),
  );
}

/**
 * Show in `root` what `load` gives: until then that it is on its way, and a problem with a way to try again.
 *
 * With `isAgain`, what is there stays until then.
 */
export async function filledWhenLoaded(root, load, { isAgain = false } = {}) {
  if (!isAgain) showAgain(root, loading());
  try {
    showAgain(root, await load());
  } catch (problem) {
    if (problem.name === "AbortError") return;
    showAgain(root, problemBox(problem, () => filledWhenLoaded(root, load)));
  }
}
