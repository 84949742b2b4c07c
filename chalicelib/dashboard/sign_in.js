/** The pages of those who are not signed in: sign in, and sign up. */

import { learn } from "./account.js";
import { callAsAnyone, signIn } from "./api.js";
import { h, show } from "./dom.js";
import { field, form } from "./forms.js";
import { link } from "./ui.js";

/** Return the pages; `entered` is called once somebody has signed in. */
export function signInPages(entered) {
  const enter = async ({ username, password }) => {
    await signIn(username, password);
    await learn();
    entered();
  };
  let registered = null;
  const register = async ({ username, password }) => {
    // If the sign-in after it failed, the account is there already.
    if (registered !== username) await callAsAnyone("POST", "/register", { username, password });
    registered = username;
    await enter({ username, password });
  };
  return {
    signIn: ({ root }) =>
      show(
        root,
        card("Sign in", [form(credentials("current-password"), { action: "Sign in", submit: enter })], [
          "New here? ",
          link("#/sign-up", "Sign up"),
        ]),
      ),
    signUp: ({ root }) =>
      show(
        root,
        card("Sign up", [form(credentials("new-password"), { action: "Sign up", submit: register })], [
          "You have an account? ",
          link("#/sign-in", "Sign in"),
        ]),
      ),
  };
}

function credentials(purpose) {
  const hint = purpose === "new-password" ? "A phrase of some words is easy to keep in mind and hard to guess." : null;
  return [
    field("username", "Username", {
      autocomplete: "username",
      autocapitalize: "none",
      spellcheck: "false",
      "data-focus": true,
      needed: "Give a username.",
    }),
    field("password", "Password", {
      type: "password",
      autocomplete: purpose,
      hint,
      needed: "Give a password.",
      read: (input) => input.value,
    }),
  ];
}

function card(title, content, below) {
  return h("div", { class: "card narrow" }, h("h1", { tabindex: -1 }, title), content, h("p", { class: "faint" }, below));
}
