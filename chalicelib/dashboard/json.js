/** JSON whose numbers stay as they were written: a job's integers may be longer than a JavaScript number can hold. */

/** Return the value of a JSON text; a number that JavaScript would change is kept as the text that it was. */
export function parsed(text) {
  return JSON.parse(text, (_key, value, context) => {
    const isChanged = typeof value === "number" && context?.source !== undefined && String(value) !== context.source;
    return isChanged && JSON.rawJSON !== undefined ? JSON.rawJSON(context.source) : value;
  });
}

/** Return JSON text for people, of what `parsed` returned. */
export function printed(value) {
  const compact = JSON.stringify(value);
  return compact.length <= 80 ? compact : JSON.stringify(value, null, 2);
}
