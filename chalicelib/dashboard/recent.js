/** The password is asked for over the page: for what needs a sign-in just before it, and when the session has ended. */

import { me } from "./account.js";
import { signIn } from "./api.js";
import { h } from "./dom.js";
import { field, form } from "./forms.js";
import { newId, answerOf } from "./ui.js";

/** Do what `act` does; if the sign-in is too long ago for it, sign in again and do it once more. */
export async function withRecentSignIn(act) {
  try {
    return await act();
  } catch (problem) {
    if (problem.code !== "SIGN_IN_TOO_OLD") throw problem;
  }
  const isGiven = await passwordGiven("You signed in a while ago. For this, give your password once more.");
  if (!isGiven) throw new DOMException("The password was not given.", "AbortError");
  return act();
}

/** Arrange the fields of a form that asks for a password: password managers want to know whose it is. */
export function withUsername(fields) {
  const name = h("input", {
    type: "text",
    class: "unseen",
    autocomplete: "username",
    readonly: true,
    tabindex: -1,
    "aria-hidden": "true",
    value: me.username,
  });
  return [name, fields.map((each) => each.element)];
}

/** Have a session that has ended begin again, so that nothing on the page is lost; tell whether it has. */
export async function backAgain() {
  return me !== null && passwordGiven("Your session has ended. Give your password, and it goes on where you are.");
}

async function passwordGiven(text) {
  const id = newId();
  const enter = async ({ password }) => {
    await signIn(me.username, password);
    dialog.close("yes");
  };
  const fields = [
    field("password", `Password of ${me.username}`, {
      type: "password",
      autocomplete: "current-password",
      needed: "Give your password.",
      read: (input) => input.value,
    }),
  ];
  const back = h("button", { type: "button", onclick: () => dialog.close("no") }, "Back");
  const dialog = h(
    "dialog",
    { "aria-labelledby": id },
    h("h2", { id }, "Is it you?"),
    h("p", { class: "text" }, text),
    form(fields, { action: "Go on", submit: enter, more: back, arranged: withUsername }),
  );
  return (await answerOf(dialog)) === "yes";
}
