/** `#/account`: usage, sessions, the password, what was done with the account, and its end. */

import { me } from "./account.js";
import { call, leaveSession, query } from "./api.js";
import { h, show } from "./dom.js";
import { field, form } from "./forms.js";
import { number, when } from "./format.js";
import { growingList } from "./growing_list.js";
import { poll } from "./live.js";
import { withRecentSignIn, withUsername } from "./recent.js";
import {
  announce,
  button,
  confirmed,
  facts,
  filledWhenLoaded,
  heading,
  loading,
  problemBox,
  section,
  table,
} from "./ui.js";

const USAGE_EVERY_MS = 10_000;
const LIMIT_NAMES = { submit: "Submissions", read: "Reads" };

export async function accountPage({ root, signal }) {
  const [usage, sessions, audit] = [h("div", {}, loading()), h("div", {}), h("div", {})];
  const fillSessions = ({ isAgain = true } = {}) =>
    filledWhenLoaded(
      sessions,
      async () => sessionTable((await call("GET", "/me/sessions", { signal })).body.sessions, endSession),
      { isAgain },
    );
  const endSession = async (session) => {
    await withRecentSignIn(() => call("DELETE", `/me/sessions/${session.session_id}`));
    announce("The session has ended.");
    await fillSessions();
  };
  show(
    root,
    heading("Account"),
    h(
      "div",
      { class: "card" },
      facts([
        ["Username", me.username],
        ["Role", me.role],
        ["Since", when(me.created_at)],
      ]),
    ),
    section("Usage", usage),
    section("Sessions", sessions, h("div", { class: "actions" }, button("Sign out everywhere", signOutEverywhere))),
    section("Password", h("div", { class: "card form" }, passwordForm(fillSessions))),
    section("What was done with the account", audit),
    section(
      "End of the account",
      h("p", {}, "The account goes with its jobs, schedules, webhooks and keys."),
      h("div", { class: "actions" }, button("Delete the account", deleteAccount, { kind: "danger" })),
    ),
  );
  poll(async () => show(usage, usageOf((await call("GET", "/me/usage", { signal })).body.limits)), {
    everyMs: USAGE_EVERY_MS,
    signal,
    failed: (problem) => show(usage, problemBox(problem)),
  });
  await Promise.all([
    fillSessions({ isAgain: false }),
    filledWhenLoaded(audit, () =>
      growingList(async (cursor) => {
        const { body } = await call("GET", `/me/audit${query({ cursor })}`, { signal });
        return { rows: body.events, next: body.next_cursor };
      }, auditTable),
    ),
  ]);
}

function usageOf(limits) {
  return h(
    "div",
    { class: "columns" },
    limits.map(({ name, quota, window_s: windowS, remaining }) => {
      const label = LIMIT_NAMES[name] ?? name;
      return h(
        "div",
        { class: "card usage" },
        h("h3", {}, label),
        h("p", {}, h("strong", {}, number(remaining)), ` of ${number(quota)} left in any ${number(windowS)} s`),
        h("progress", { max: quota, value: quota - remaining, "aria-label": `${label} used` }),
      );
    }),
  );
}

function sessionTable(sessions, end) {
  return table(
    "Sessions, newest first",
    [
      {
        title: "Began",
        cell: (each) => [when(each.started_at), each.is_current && h("span", { class: "badge success" }, "THIS ONE")],
      },
      { title: "From", cell: (each) => h("code", {}, each.address) },
      { title: "Last renewed", cell: (each) => when(each.refreshed_at) },
      { title: "Ends", cell: (each) => when(each.expires_at) },
      {
        title: "",
        cell: (each) =>
          !each.is_current &&
          h(
            "div",
            { class: "actions" },
            button("End", () => end(each), { "aria-label": `End the session from ${each.address}` }),
          ),
      },
    ],
    sessions,
  );
}

async function signOutEverywhere() {
  if (
    !(await confirmed(
      "Sign out everywhere?",
      "All of your sessions end, this one too. API keys stay.",
      "Sign out everywhere",
    ))
  )
    return;
  await withRecentSignIn(() => call("POST", "/logout/all"));
  leaveSession();
  announce("You are signed out everywhere.");
}

async function deleteAccount() {
  const text = `The account ${me.username} and all that it has are gone for good. Nobody can bring them back.`;
  if (!(await confirmed("Delete the account?", text, "Delete the account"))) return;
  await withRecentSignIn(() => call("DELETE", "/me"));
  leaveSession();
  announce("The account is deleted.");
}

function passwordForm(changed) {
  const password = (name, label, purpose, hint) =>
    field(name, label, {
      type: "password",
      autocomplete: purpose,
      hint,
      needed: "Give the password.",
      read: (input) => input.value,
    });
  const fields = [
    password("current_password", "Current password", "current-password", null),
    password("new_password", "New password", "new-password", "Your other sessions end with it; API keys stay."),
  ];
  const submit = async (wanted) => {
    await call("PUT", "/me/password", { body: wanted });
    fields.forEach((each) => (each.input.value = ""));
    announce("The password is changed.");
    await changed();
  };
  return form(fields, { action: "Change the password", submit, arranged: withUsername });
}

function auditTable(events) {
  return table(
    "Events, newest first",
    [
      { title: "When", cell: (each) => when(each.at) },
      {
        title: "What",
        cell: (each) => [inWords(each.action), each.detail && h("div", { class: "faint" }, each.detail)],
      },
      { title: "By", cell: (each) => each.actor },
      { title: "From", cell: (each) => (each.address ? h("code", {}, each.address) : "–") },
    ],
    events,
  );
}

function inWords(action) {
  const words = action.toLowerCase().replaceAll("_", " ");
  return (words[0].toUpperCase() + words.slice(1)).replace(/\bapi\b/i, "API");
}
