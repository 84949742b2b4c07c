/** Elements, made of their names and parts. Whatever text is given becomes text, never markup. */

const SVG = "http://www.w3.org/2000/svg";

/** What is set as a property, since as an attribute it is only the first value. */
const PROPERTIES = new Set(["value", "checked", "disabled", "open", "indeterminate", "selected"]);

/**
 * Return a new element: `h("button", { class: "primary", onclick: save }, "Save")`.
 *
 * `parts` that begin with "on" are listeners; those that are null, undefined or false are left out; true is an
 * attribute without a value. Children are nodes, text, numbers, or lists of these; null, undefined and false are none.
 */
export function h(name, parts = {}, ...children) {
  return filled(document.createElement(name), parts, children);
}

/** Return a new element of a drawing, as `h` does. */
export function drawn(name, parts = {}, ...children) {
  return filled(document.createElementNS(SVG, name), parts, children);
}

/** Replace all that is in `element`. */
export function show(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

/**
 * Replace all that is in `root`, and leave the focus where it is: on what has the same `data-key` or address as before.
 *
 * If that is gone, its section's heading or the nearest one has it, so that whoever uses the keyboard goes on from there.
 */
export function showAgain(root, ...children) {
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  const title = focused?.closest("section")?.querySelector("h2")?.textContent;
  show(root, children);
  if (focused === null || root.contains(document.activeElement)) return;
  const key = CSS.escape(focused.dataset.key ?? focused.getAttribute("href") ?? "");
  const same = key && root.querySelector(`[data-key="${key}"], a[href="${key}"]`);
  if (same) same.focus({ preventScroll: true });
  // What is folded away takes no focus.
  if (!root.contains(document.activeElement)) headingFor(root, title)?.focus({ preventScroll: true });
}

/** Return the heading with this title, as it is now; else the nearest one, within `root` or above it. */
function headingFor(root, title) {
  const again = [...document.querySelectorAll("h2")].find((each) => each.textContent === title);
  const found = again ?? nearestHeading(root);
  found?.setAttribute("tabindex", "-1");
  return found;
}

function nearestHeading(element) {
  for (let at = element; at !== null; at = at.parentElement) {
    const found = at.querySelector("h1, h2, h3");
    if (found !== null) return found;
  }
  return null;
}

function filled(element, parts, children) {
  for (const [key, value] of Object.entries(parts)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (PROPERTIES.has(key)) element[key] = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
