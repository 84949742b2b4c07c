/** What is paused: operations, and users' jobs. */

import { nameField, shownBy, userHash } from "./admin.js";
import { call } from "./api.js";
import { h, show } from "./dom.js";
import { field, form } from "./forms.js";
import { number, when } from "./format.js";
import { announce, button, confirmed, empty, heading, link, section, table } from "./ui.js";

const REASON_MAX = 200;
const WHAT_IT_DOES = "Jobs are still accepted and wait. Attempts that are running go on. It holds within ten seconds.";

/** The page `#/admin/pauses`. */
export function pausesPage({ root, signal }) {
  const content = h("div", {});
  const load = shownBy(content, (within) => pausesContent(load, within), signal);
  show(
    root,
    heading("Pauses", { lead: WHAT_IT_DOES }),
    content,
    // Not loaded again, so that what is typed in there stays.
    section("Pause a user's jobs", h("div", { class: "card" }, pauseUserForm(load))),
  );
  load();
}

/** Return all pauses. */
export async function allPauses(signal) {
  return (await call("GET", "/admin/pauses", { signal })).body.pauses;
}

/** Return a button that pauses an operation or a user's jobs, with a reason if there is one; `changed` is told. */
export function pauseButton(kind, name, changed) {
  const act = async () => {
    const reason = reasonField();
    if (!(await confirmed(`Pause ${name}?`, [h("p", {}, WHAT_IT_DOES), reason.element], "Pause"))) return;
    await pause(kind, name, reason.value());
    await changed();
  };
  return button("Pause …", act, { "aria-label": `Pause ${name}`, "data-key": pausedPath(kind, name) });
}

/** Return a button that ends a pause; `changed` is told. */
export function resumeButton(kind, name, changed) {
  const act = async () => {
    const text = "Waiting jobs that are due begin again: some thousands at once, more at some hundred a minute.";
    if (!(await confirmed(`Resume ${name}?`, text, "Resume", { kind: "primary" }))) return;
    const { sent } = (await call("POST", `${pausedPath(kind, name)}/resume`)).body;
    announce(`${name} is resumed; ${number(sent)} of the waiting jobs were sent at once.`);
    await changed();
  };
  return button("Resume …", act, { "aria-label": `Resume ${name}`, "data-key": pausedPath(kind, name) });
}

/** Return since when something is paused, by whom and why. */
export function pauseText({ paused_at, paused_by, reason }) {
  return h("span", {}, "Paused ", when(paused_at), ` by ${paused_by}`, reason && h("span", { class: "faint" }, ` – ${reason}`));
}

async function pause(kind, name, reason) {
  await call("POST", `${pausedPath(kind, name)}/pause`, { body: reason === undefined ? {} : { reason } });
  announce(`${name} is paused.`);
}

function pausedPath(kind, name) {
  return `/admin/${kind}/${encodeURIComponent(name)}`;
}

function reasonField() {
  return field("reason", "Reason (optional)", { maxlength: REASON_MAX, hint: "Owners of waiting jobs see it." });
}

async function pausesContent(changed, signal) {
  const [pauses, answer] = await Promise.all([allPauses(signal), call("GET", "/operations", { signal })]);
  const known = answer.body.operations;
  const gone = pauses.filter(({ operation }) => operation && !known.some(({ name }) => name === operation));
  const operations = [...known, ...gone.map(({ operation }) => ({ name: operation, description: "not offered any more" }))];
  const users = pauses.filter(({ operation }) => !operation);
  return [
    section("Operations", pausableTable(operations, pauses, changed)),
    section("Users", users.length ? pausedUsersTable(users, changed) : empty("No user's jobs are paused")),
  ];
}

function pausableTable(operations, pauses, changed) {
  const pauseOf = ({ name }) => pauses.find(({ operation }) => operation === name);
  return table(
    "Operations",
    [
      { title: "Operation", cell: ({ name, description }) => h("div", {}, h("strong", {}, name), h("p", { class: "faint" }, description)) },
      { title: "State", cell: (each) => pausedMark(pauseOf(each)) },
      {
        title: "Change",
        class: "number tight",
        cell: (each) => (pauseOf(each) ? resumeButton : pauseButton)("operations", each.name, changed),
      },
    ],
    operations,
  );
}

function pausedMark(paused) {
  if (!paused) return h("span", { class: "badge success" }, "RUNNING");
  return h("div", {}, h("span", { class: "badge pending" }, "PAUSED"), h("p", {}, pauseText(paused)));
}

function pausedUsersTable(users, changed) {
  return table(
    "Users whose jobs are paused",
    [
      { title: "User", cell: ({ username }) => link(userHash(username), username) },
      { title: "State", cell: pauseText },
      { title: "Change", class: "number tight", cell: ({ username }) => resumeButton("users", username, changed) },
    ],
    users,
  );
}

function pauseUserForm(changed) {
  const fields = [nameField("User"), reasonField()];
  const submit = async ({ username, reason }) => {
    if (!(await confirmed(`Pause the jobs of ${username}?`, WHAT_IT_DOES, "Pause"))) return;
    await pause("users", username, reason);
    for (const each of fields) each.input.value = "";
    await changed();
  };
  const made = form(fields, { action: "Pause …", submit });
  made.classList.add("fields");
  return made;
}
