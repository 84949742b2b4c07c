/** `#/keys`: API keys, by which programs use the API. */

import { call } from "./api.js";
import { h, show, showAgain } from "./dom.js";
import { choice, field, form } from "./forms.js";
import { when } from "./format.js";
import { withRecentSignIn } from "./recent.js";
import { shownOnce } from "./secrets.js";
import { announce, button, confirmed, empty, filledWhenLoaded, heading, section, table } from "./ui.js";

const LIFETIMES = [
  ["7", "a week"],
  ["30", "30 days"],
  ["90", "90 days"],
  ["365", "a year"],
];

export async function keysPage({ root, signal }) {
  const listed = h("div", {});
  const load = async () => keyTable((await call("GET", "/api-keys", { signal })).body.api_keys, remove);
  const fillAgain = () => filledWhenLoaded(listed, load, { isAgain: true });
  const remove = async (key) => {
    if (
      !(await confirmed(`Delete the key ${key.name}?`, "Whatever uses it is refused from then on.", "Delete the key"))
    )
      return;
    await call("DELETE", `/api-keys/${key.key_id}`);
    announce("The key is deleted.");
    await fillAgain();
  };
  const made = async (wanted) => {
    const { body } = await withRecentSignIn(() => call("POST", "/api-keys", { body: wanted }));
    await shownOnce(
      `The key ${body.name}`,
      "It is shown this once. Keep it where your program finds it, and no one else.",
      body.api_key,
    );
    showAgain(place, newKeyForm(made));
    await fillAgain();
  };
  const place = h("div", { class: "card form" }, newKeyForm(made));
  show(
    root,
    heading("API keys", { lead: "Programs send one as Authorization: Bearer. A key is for jobs and nothing else." }),
    listed,
    section("New key", place),
  );
  await filledWhenLoaded(listed, load);
}

function newKeyForm(made) {
  const fields = [
    field("name", "Name", { hint: "What you know it by.", needed: "Give it a name.", maxlength: 64, autocomplete: "off" }),
    field("jobs:read", "Read jobs", { type: "checkbox", checked: true, pointer: "#/scopes" }),
    field("jobs:write", "Submit and change jobs", { type: "checkbox", checked: true, pointer: "#/scopes" }),
    choice("expires_in_days", "Good for", LIFETIMES, { selected: "90", read: (input) => Number(input.value) }),
  ];
  return form(fields, {
    action: "Make the key",
    submit: ({ name, expires_in_days, ...scopes }) =>
      made({ name, scopes: Object.keys(scopes).filter((scope) => scopes[scope]), expires_in_days }),
  });
}

function keyTable(keys, remove) {
  if (!keys.length) return empty("No API keys", "Make one for each program, so that each can be taken away by itself.");
  return table(
    "API keys, newest first",
    [
      { title: "Name", cell: (key) => key.name },
      { title: "Scopes", cell: (key) => h("code", {}, key.scopes.join(" ")) },
      { title: "Made", cell: (key) => when(key.created_at) },
      { title: "Last used", cell: (key) => when(key.last_used_at, "never") },
      { title: "Expires", cell: (key) => when(key.expires_at) },
      {
        title: "",
        cell: (key) =>
          h(
            "div",
            { class: "actions" },
            button("Delete", () => remove(key), { "aria-label": `Delete the key ${key.name}` }),
          ),
      },
    ],
    keys,
  );
}
