/** One user, found by name: what an administrator sees of the account, and changes. */

import { me } from "./account.js";
import { nameField, shownBy, userHash } from "./admin.js";
import { allPauses, pauseButton, pauseText, resumeButton } from "./admin_pauses.js";
import { call, query } from "./api.js";
import { h, show } from "./dom.js";
import { form } from "./forms.js";
import { when } from "./format.js";
import { goTo } from "./router.js";
import { announce, button, confirmed, empty, facts, heading, link, problemBox } from "./ui.js";

/** The page `#/admin/users`, with `?username=`. */
export function usersPage({ root, query: asked, signal }) {
  const username = asked.get("username") ?? "";
  const found = h("section", { "aria-label": "The user" });
  const load = shownBy(found, (within) => userContent(username, load, within), signal);
  const search = form([nameField("Username", username)], {
    action: "Find",
    submit: ({ username: wanted }) => {
      if (location.hash === userHash(wanted)) return load();
      return goTo(userHash(wanted));
    },
  });
  search.classList.add("filters");
  show(root, heading("Users", { lead: "Looking at an account is on record, at yours and at theirs." }), search, found);
  if (username) load();
  else show(found, empty("Nobody is looked at", "Type in the whole name of a user."));
}

async function userContent(username, changed, signal) {
  const path = `/users/${encodeURIComponent(username)}`;
  let user;
  try {
    user = (await call("GET", path, { signal })).body;
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    return empty(`There is no user ${username}`, problem.message);
  }
  const [paused, trouble] = await pauseOf(user, signal);
  return h(
    "div",
    { class: "card stack" },
    h("h2", {}, user.username),
    facts([
      ["Role", user.role],
      ["Account", user.is_disabled ? h("span", { class: "badge failed" }, "DISABLED") : h("span", { class: "badge success" }, "ENABLED")],
      ["Jobs", paused ? pauseText(paused) : trouble ? "not known" : "not paused"],
      ["Registered", when(user.created_at)],
      ["User id", h("code", {}, user.user_id)],
    ]),
    trouble && problemBox(trouble),
    h(
      "div",
      { class: "actions" },
      h("a", { class: "button", href: `#/admin/jobs${query({ username: user.username })}` }, "Jobs"),
      !trouble && (paused ? resumeButton : pauseButton)("users", user.username, changed),
      user.user_id === me?.user_id ? null : accountButtons(user, path, changed),
    ),
    user.user_id === me?.user_id &&
      h("p", { class: "faint" }, "This is your own account: only another administrator can change it. ", link("#/account", "To your account")),
  );
}

/** Return the pause of a user's jobs if there is one, and what kept it from being read. */
async function pauseOf(user, signal) {
  try {
    return [(await allPauses(signal)).find(({ owner_id: owner }) => owner === user.user_id), null];
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    return [undefined, problem];
  }
}

function accountButtons(user, path, changed) {
  // What takes a change back has its key: the focus stays there.
  const change = (label, body, { title, text, kind }) =>
    button(
      `${label} …`,
      async () => {
        if (!(await confirmed(title, text, label, { kind }))) return;
        await call("PATCH", path, { body });
        announce(`The account of ${user.username} is changed.`);
        await changed();
      },
      { "aria-label": `${label}: ${user.username}`, "data-key": Object.keys(body)[0] },
    );
  return [
    user.is_disabled
      ? change("Enable", { is_disabled: false }, {
          title: `Enable the account of ${user.username}?`,
          text: "The user can sign in again. API keys are not restored; schedules stay paused until the user resumes them.",
          kind: "primary",
        })
      : change("Disable", { is_disabled: true }, {
          title: `Disable the account of ${user.username}?`,
          text: "Its sessions end, its API keys are deleted, and its schedules are paused.",
          kind: "danger",
        }),
    user.role === "admin"
      ? change("Make a user", { role: "user" }, {
          title: `Take the administration from ${user.username}?`,
          text: "The account stays, as that of a user.",
          kind: "danger",
        })
      : change("Make an administrator", { role: "admin" }, {
          title: `Make ${user.username} an administrator?`,
          text: "Administrators see everybody's jobs, change accounts, and can take this role from you.",
          kind: "danger",
        }),
  ];
}
