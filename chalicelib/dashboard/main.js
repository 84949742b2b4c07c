/** The application: takes the session up, shows the bar and the page of the address. */

import { forget, isAdmin, learn, me } from "./account.js";
import { adminPages } from "./admin_pages.js";
import { ended, resume, signOut, whenEnded } from "./api.js";
import { h, show } from "./dom.js";
import { keepTimes } from "./live.js";
import { backAgain } from "./recent.js";
import { goTo, route } from "./router.js";
import { signInPages } from "./sign_in.js";
import { button, empty, heading, link, problemBox } from "./ui.js";
import { userPages } from "./user_pages.js";

const FIRST = "#/jobs";
const SIGN_IN = "#/sign-in";
const FOR_ANYONE = new Set(["/sign-in", "/sign-up"]);

const USER_LINKS = [
  ["#/jobs", "Jobs"],
  ["#/schedules", "Schedules"],
  ["#/webhooks", "Webhooks"],
  ["#/keys", "API keys"],
];
const ADMIN_LINKS = [["#/admin", "Admin"]];

const bar = document.getElementById("bar");
const root = document.getElementById("page");

/** Where to go once signed in: what was asked for before, and by whom, if it was known. */
let wanted = FIRST;
let wantedBy = null;

function admit(pattern) {
  if (me === null && !FOR_ANYONE.has(pattern)) {
    wanted = location.hash || FIRST;
    return SIGN_IN;
  }
  if (me !== null && FOR_ANYONE.has(pattern)) return FIRST;
  return location.hash ? null : FIRST;
}

function showBar(path) {
  const links = me === null ? [] : [...USER_LINKS, ...(isAdmin() ? ADMIN_LINKS : [])];
  show(
    bar,
    h("a", { class: "skip", href: "#page", onclick: skip }, "To the content"),
    h("a", { class: "brand", href: FIRST }, "Job backend"),
    me && h("nav", { "aria-label": "Main" }, links.map(([hash, text]) => navLink(hash, text, path))),
    me &&
      h(
        "div",
        { class: "account" },
        h("a", { href: "#/account", "aria-current": path === "/account" ? "page" : null }, me.username),
        button("Sign out", leave),
      ),
  );
}

function navLink(hash, text, path) {
  const isHere = path === hash.slice(1) || path.startsWith(`${hash.slice(1)}/`);
  return h("a", { href: hash, "aria-current": isHere ? "page" : null }, text);
}

function skip(event) {
  event.preventDefault();
  root.focus();
}

async function leave() {
  await signOut();
  wanted = FIRST;
}

/** Go on to what was wanted; what another user had before this one is no matter of theirs. */
function entered() {
  const place = wantedBy === null || wantedBy === me.user_id ? wanted : FIRST;
  [wanted, wantedBy] = [FIRST, null];
  goTo(place);
}

function notFound({ root: inner }) {
  show(inner, heading("Not found"), empty("There is no such page", null, link(FIRST, "To your jobs")));
}

async function start() {
  try {
    if (await resume()) await learn();
  } catch (problem) {
    show(root, problemBox(problem, start));
    return;
  }
  whenEnded(backAgain);
  const { signIn, signUp } = signInPages(entered);
  route(
    [
      ["/sign-in", "Sign in", signIn],
      ["/sign-up", "Sign up", signUp],
      ...userPages,
      ...adminPages,
      ["/not-found", "Not found", notFound],
    ],
    { root, admit, changed: showBar },
  );
  ended.addEventListener("ended", () => {
    if (me === null) return;
    [wanted, wantedBy] = [location.hash, me.user_id];
    forget();
    goTo(SIGN_IN);
  });
  keepTimes();
}

start();
