/** JSON whose numbers stay as they were written: a job's integers may be longer than a JavaScript number can hold. */

const LINE_CHARACTERS = 80;

/** What a number has from which on one of JavaScript is not exact: so many digits, or a large exponent. */
const LONG_NUMBER = /\d{16}|\d[eE]\+?\d\d/;

/** Return the value of a JSON text; a number that JavaScript would change is kept as the text that it was. */
export function parsed(text) {
  return JSON.parse(text, (_key, value, context) => {
    const isChanged = typeof value === "number" && context?.source !== undefined && String(value) !== context.source;
    return isChanged && JSON.rawJSON !== undefined ? JSON.rawJSON(context.source) : value;
  });
}

/** Tell whether JSON text may have numbers that this browser cannot keep as they were written. */
export function mayBeRounded(text) {
  return JSON.rawJSON === undefined && LONG_NUMBER.test(text);
}

/** Return JSON text for people, of what `parsed` returned. */
export function printed(value) {
  const text = JSON.stringify(value);
  if (text.length <= LINE_CHARACTERS) return text;
  // A long list of numbers or texts is no better for a line each.
  if (Array.isArray(value) && value.every(isSimple)) return `[${value.map((each) => JSON.stringify(each)).join(", ")}]`;
  return JSON.stringify(value, null, 2);
}

function isSimple(value) {
  return typeof value !== "object" || value === null || (JSON.isRawJSON?.(value) ?? false);
}
