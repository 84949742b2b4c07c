/** What the pages of an administrator have in common: their frame, and how jobs and users are shown in tables. */

import { isAdmin } from "./account.js";
import { query } from "./api.js";
import { h, show, showAgain } from "./dom.js";
import { field } from "./forms.js";
import { number } from "./format.js";
import { poll } from "./live.js";
import { badge, empty, heading, link, loading, problemBox } from "./ui.js";

const ADMIN_PARTS = [
  ["#/admin", "Overview"],
  ["#/admin/jobs", "Jobs"],
  ["#/admin/dead", "Dead letters"],
  ["#/admin/bulk", "Bulk"],
  ["#/admin/pauses", "Pauses"],
  ["#/admin/users", "Users"],
];

/** Return a page of the administration: with links to its other pages, and for administrators alone. */
export function adminPage(page) {
  return (context) => {
    if (!isAdmin()) return show(context.root, heading("Administration"), forAdministrators());
    const root = h("div", {});
    show(context.root, adminLinks(location.hash.split("?")[0]), root);
    return page({ ...context, root });
  };
}

function forAdministrators() {
  return empty("This part is for administrators", "An administrator can make you one.", link("#/jobs", "To your jobs"));
}

function adminLinks(here) {
  const isHere = (hash) => here === hash || (hash !== "#/admin" && here.startsWith(`${hash}/`));
  return h(
    "nav",
    { class: "parts", "aria-label": "Administration" },
    ADMIN_PARTS.map(([hash, text]) => h("a", { href: hash, "aria-current": isHere(hash) ? "page" : null }, text)),
  );
}

/**
 * Return a part of a page that is loaded now and every `everyMs`: `{ element, anew }`.
 *
 * `draw(content, value)` shows what `load` gives. A problem stands above what was there before. `anew` is for what does
 * not hold any more: it goes at once, and the next is loaded.
 */
export function loadedAgain(load, draw, { everyMs, signal }) {
  const content = h("div", {}, loading());
  const notice = h("div", { class: "notice" });
  let isFirst = true;
  const looks = poll(
    async () => {
      const value = await load();
      if (isFirst) show(content);
      isFirst = false;
      showAgain(notice);
      draw(content, value);
    },
    {
      everyMs,
      signal,
      failed: (problem) => {
        if (isFirst) show(content);
        show(notice, problemBox(problem, () => looks.again()));
      },
    },
  );
  const anew = () => {
    isFirst = true;
    show(notice);
    show(content, loading());
    looks.again();
  };
  return { element: h("div", {}, notice, content), anew };
}

/**
 * Return a function that shows in `root` what `load(signal)` gives, each time that it is called; it ends the load before.
 *
 * What is there stays until the new is there, with its focus. A problem takes the place of all of it, since it may not
 * hold any more.
 */
export function shownBy(root, load, signal) {
  let loads = new AbortController();
  const again = async () => {
    loads.abort();
    loads = new AbortController();
    if (!root.hasChildNodes()) show(root, loading());
    try {
      showAgain(root, await load(AbortSignal.any([signal, loads.signal])));
    } catch (problem) {
      if (problem.name !== "AbortError") showAgain(root, problemBox(problem, again));
    }
  };
  return again;
}

/** Give the focus to the link below `element` that leads to `href`, if it is there. */
export function focusLink(element, href) {
  [...element.querySelectorAll("a")].find((each) => each.getAttribute("href") === href)?.focus({ preventScroll: true });
}

/** Return the address of the page of anybody's job. */
export function anyJobHash(job) {
  return `#/admin/jobs/${encodeURIComponent(job.owner_id)}/${encodeURIComponent(job.job_id)}`;
}

/** Return the address of the page of a user. */
export function userHash(username) {
  return `#/admin/users${query({ username })}`;
}

/** Return a link to anybody's job, which says the end of its id: those of one minute begin alike. */
export function anyJobLink(job) {
  return h("a", { href: anyJobHash(job), title: job.job_id }, h("code", {}, `…${job.job_id.slice(-8)}`));
}

/** Return who owns a job: a link to the user, or the id of one who has no name any more. */
export function ownerLink({ username, owner_id }) {
  return username ? link(userHash(username), username) : h("code", { class: "faint tight", title: owner_id }, `…${owner_id.slice(-8)}`);
}

/** Return the mark of anybody's job: its status, and whether it is dead. */
export function anyJobBadges(job) {
  return h("span", { class: "badges" }, badge(job.status), job.dead && h("span", { class: "badge dead" }, "DEAD"));
}

/** Return why a job failed, or null; a list tells the detail of dead jobs only. */
export function failureText(error) {
  return error && h("span", {}, h("code", {}, error.code), error.detail && [" ", h("span", { class: "faint" }, error.detail)]);
}

/** Return the field of a user's name, which has to be given. */
export function nameField(label, value = "") {
  const read = (input) => {
    if (!input.value.trim()) throw new Error("Type in the name of a user.");
    return input.value.trim();
  };
  return field("username", label, { value, read, autocapitalize: "none", spellcheck: "false" });
}

/** Return "1 job", "142 jobs". */
export function jobsText(count) {
  return count === 1 ? "1 job" : `${number(count)} jobs`;
}
