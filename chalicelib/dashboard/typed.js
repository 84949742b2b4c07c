/** Values as people type them, and as the API wants them. What cannot be meant raises an `Error` that says why. */

import { mayBeRounded, parsed } from "./json.js";

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const BETWEEN = /[\s,;]+/;

/** Return the value of JSON text, with every number as it was typed. */
export function typedJson(text) {
  if (mayBeRounded(text)) throw new Error("This browser cannot send so long a number exactly.");
  try {
    return parsed(text);
  } catch (wrong) {
    throw new Error(`This is not JSON: ${wrong.message}`, { cause: wrong });
  }
}

/** Return a number as it was typed, however long it is. */
export function typedNumber(text) {
  if (!JSON_NUMBER.test(text)) throw new Error(`This is no number: ${text}`);
  return typedJson(text);
}

/** Return numbers that have commas, spaces or line breaks between them. */
export function typedNumbers(text) {
  return parts(text, BETWEEN).map(typedNumber);
}

/** Return lines of text, without empty ones. */
export function typedLines(text) {
  return parts(text, "\n");
}

/** Return texts that have commas between them; undefined without any. */
export function typedTags(text) {
  const tags = parts(text, ",");
  return tags.length ? tags : undefined;
}

/** Return names with their values, one `name: value` a line, or a JSON object of them; undefined without any. */
export function typedPairs(text) {
  if (text === "") return undefined;
  if (text.startsWith("{")) return typedJson(text);
  return Object.fromEntries(
    typedLines(text).map((line) => {
      const [, name, value] = /^([^:]*[^:\s])\s*:\s*(.*)$/.exec(line) ?? [];
      if (name === undefined) throw new Error(`This is no name: value, ${line}`);
      return [name, value];
    }),
  );
}

/** Return names with their values as `typedPairs` reads them. */
export function pairsText(pairs) {
  const lines = Object.entries(pairs).map(([name, value]) => `${name}: ${value}`).join("\n");
  try {
    if (JSON.stringify(typedPairs(lines) ?? {}) === JSON.stringify(pairs)) return lines;
  } catch {
    // As lines they would be others, or none.
  }
  return JSON.stringify(pairs);
}

/** Return a whole number, or undefined where nothing was typed. */
export function typedCount(text) {
  return text === "" ? undefined : typedNumber(text);
}

/** Return the instant of a field for date and time, which has that of the browser's time zone. */
export function typedInstant(text) {
  return text === "" ? undefined : new Date(text).toISOString();
}

function parts(text, between) {
  return text
    .split(between)
    .map((each) => each.trim())
    .filter((each) => each !== "");
}
