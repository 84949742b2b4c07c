/** What the API does for a session that has just begun only: the password is asked for, and then it is done. */

import { me } from "./account.js";
import { signIn } from "./api.js";
import { h } from "./dom.js";
import { field, form } from "./forms.js";
import { newId } from "./ui.js";

/** Do what `act` does; if the sign-in is too long ago for it, sign in again and do it once more. */
export async function withRecentSignIn(act) {
  try {
    return await act();
  } catch (problem) {
    if (problem.code !== "SIGN_IN_TOO_OLD") throw problem;
  }
  if (!(await signedInAgain())) throw new DOMException("The password was not given.", "AbortError");
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

function signedInAgain() {
  return new Promise((resolve) => {
    const id = newId();
    const enter = async ({ password }) => {
      await signIn(me.username, password);
      dialog.close("yes");
    };
    const fields = [
      field("password", `Password of ${me.username}`, {
        type: "password",
        autocomplete: "current-password",
        read: (input) => input.value,
      }),
    ];
    const back = h("button", { type: "button", onclick: () => dialog.close("no") }, "Back");
    const dialog = h(
      "dialog",
      { "aria-labelledby": id, onclose: () => (dialog.remove(), resolve(dialog.returnValue === "yes")) },
      h("h2", { id }, "Is it you?"),
      h("p", { class: "text" }, "You signed in a while ago. For this, give your password once more."),
      form(fields, { action: "Go on", submit: enter, more: back, arranged: withUsername }),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
