/** Forms whose values are refused by the API, each beside its field. */

import { h, show } from "./dom.js";
import { busy, newId, problemBox } from "./ui.js";

/**
 * Return a field: `{ element, name, input, needed, value(), refuse(detail) }`.
 *
 * `pointer` is where the API has the value, as a JSON Pointer ("#/username" unless told). `read` makes the value of what
 * was typed in; undefined leaves it out. `needed` is what an empty one is told, if it must not be. `input` may be an
 * element of the caller's own.
 */
export function field(name, label, options = {}) {
  const { pointer = `#/${name}`, hint = null, input = null, read = null, needed = null, ...parts } = options;
  const id = newId();
  const control = input ?? h(parts.type === "textarea" ? "textarea" : "input", { type: "text", ...parts });
  const says = h("p", { class: "refusal", id: `${id}-refusal`, role: "alert" });
  control.id = id;
  control.name = name;
  control.setAttribute("aria-describedby", hint ? `${id}-hint ${id}-refusal` : `${id}-refusal`);
  const refuse = (detail) => {
    show(says, detail ?? "");
    if (detail) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  };
  if (needed) control.required = true;
  control.addEventListener("input", () => refuse(null));
  const value = () => {
    // Of what is only half typed in, a browser gives nothing.
    if (control.validity.badInput) throw new Error("Give the date and the time.");
    if (read) return read(control);
    return control.type === "checkbox" ? control.checked : control.value.trim() || undefined;
  };
  return {
    name,
    pointer,
    needed,
    value,
    input: control,
    element: h(
      "div",
      { class: control.type === "checkbox" ? "field check" : "field" },
      h("label", { for: id }, label),
      control,
      hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
      says,
    ),
    refuse,
  };
}

/** Return a field with a few choices: `options` are `[value, label]`. */
export function choice(name, label, options, { selected = null, ...parts } = {}) {
  const input = h(
    "select",
    {},
    options.map(([value, text]) => h("option", { value, selected: value === selected }, text)),
  );
  return field(name, label, { input, ...parts });
}

/**
 * Return a form of `fields`, whose values are given to `submit` by their names.
 *
 * What `submit` raises is shown: at the field whose value was refused, which gets the focus, else above the button. A
 * value's own parse error is an `Error` raised by its `read`. A field that is hidden has no value, and is refused none.
 * `arranged` says where the fields stand, if not one below the other.
 */
export function form(fields, { action, submit, kind = "primary", more = [], arranged = inOrder }) {
  const says = h("div", {});
  const send = h("button", { type: "submit", class: kind, "data-key": action }, action);
  const answer = async () => {
    show(says);
    const values = valuesOf(fields);
    if (values === null) return;
    try {
      await submit(values);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      refused(fields, problem, says);
    }
  };
  return h(
    "form",
    {
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        busy(send, answer);
      },
    },
    arranged(fields),
    says,
    h("div", { class: "actions" }, send, more),
  );
}

/** Return the values of fields by name; null if one is refused, to which it leads. Empty ones pass if `isPartly`. */
export function valuesOf(fields, { isPartly = false } = {}) {
  let first = null;
  const values = {};
  for (const each of fields) {
    if (isHidden(each)) continue;
    try {
      each.refuse(null);
      const value = each.value();
      if (each.needed && !isPartly && (value === undefined || value === "")) throw new Error(each.needed);
      values[each.name] = value;
    } catch (wrong) {
      each.refuse(wrong.message);
      first ??= each;
    }
  }
  if (first) attend(first);
  return first ? null : values;
}

function isHidden({ element }) {
  return element.closest("[hidden]") !== null;
}

function inOrder(fields) {
  return fields.map((each) => each.element);
}

/** Lead to a field, also where it is folded away. */
export function attend({ input }) {
  const folded = input.closest("details");
  if (folded) folded.open = true;
  input.focus();
}

/** Put each refusal of a problem beside the field that it is about; what is about none, into `says`. */
function refused(fields, problem, says) {
  let first = null;
  for (const { pointer, detail } of problem.errors ?? []) {
    const about = fields.find((each) => pointer === each.pointer || pointer.startsWith(`${each.pointer}/`));
    if (!about || isHidden(about)) continue;
    const place = pointer.slice(about.pointer.length + 1);
    about.refuse(place ? `${placeText(place)}: ${detail}` : detail);
    first ??= about;
  }
  if (first) attend(first);
  else show(says, problemBox(problem));
}

/** Return where in a value something is, for people, who count from one. */
function placeText(pointer) {
  return pointer
    .split("/")
    .map((part) => (/^\d+$/.test(part) ? `item ${Number(part) + 1}` : part))
    .join(", ");
}
