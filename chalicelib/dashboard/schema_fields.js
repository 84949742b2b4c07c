/** Fields for a job's data, made of the JSON Schema of its operation's input; JSON itself, where none fit it. */

import { choice, field } from "./forms.js";
import { typedJson, typedLines, typedNumber, typedNumbers } from "./typed.js";

const POINTER = "#/data";

/**
 * Return `{ fields, value }`: fields for data of a schema, and what makes the data of their values.
 *
 * An object of simple members has a field for each. `given` is data to begin with. With `asJson`, it is one field for
 * JSON, whatever the schema says.
 */
export function dataFields(schema, { given, asJson = false } = {}) {
  const whole = resolved(schema, schema);
  if (asJson) return one(jsonField("data", "Data", POINTER, given, true));
  if (whole.type === "null") return { fields: [], value: () => null };
  const members = simpleMembers(whole, schema);
  if (members === null) return one(memberField("data", "Data", POINTER, whole, { given, isNeeded: true }));
  const fields = members.map(([name, part]) =>
    memberField(`data.${name}`, part.title ?? name, `${POINTER}/${step(name)}`, part, {
      given: given?.[name],
      isNeeded: whole.required?.includes(name) ?? false,
    }),
  );
  const value = (values) =>
    Object.fromEntries(
      members.map(([name]) => [name, values[`data.${name}`]]).filter(([, each]) => each !== undefined),
    );
  return { fields, value };
}

/** Tell whether the fields of a schema, filled with data, give the same data. */
export function fitsFields(schema, data) {
  try {
    const { fields, value } = dataFields(schema, { given: data });
    const read = value(Object.fromEntries(fields.map((each) => [each.name, each.value()])));
    return inOneOrder(read) === inOneOrder(data);
  } catch {
    return false;
  }
}

/** Return JSON in which members stand by their names. */
function inOneOrder(value) {
  return JSON.stringify(value, (_key, each) => {
    const isObject = typeof each === "object" && each !== null && !Array.isArray(each) && !JSON.isRawJSON?.(each);
    return isObject ? Object.fromEntries(Object.entries(each).sort(([one], [other]) => (one < other ? -1 : 1))) : each;
  });
}

/** Tell whether a schema's fields are more than one for JSON. */
export function hasFields(schema) {
  const whole = resolved(schema, schema);
  return whole.type === "null" || simpleMembers(whole, schema) !== null || kindOf(whole) !== "json";
}

function one(only) {
  return { fields: [only], value: (values) => values.data };
}

function simpleMembers(whole, root) {
  if (whole.type !== "object" || !whole.properties) return null;
  const members = Object.entries(whole.properties).map(([name, part]) => [name, resolved(part, root)]);
  return members.every(([, part]) => kindOf(part) !== "json") ? members : null;
}

/** Return a schema with what its `$ref` leads to, and without the choice of null. */
function resolved(schema, root) {
  if (schema.$ref !== undefined) {
    const target = schema.$ref
      .split("/")
      .slice(1)
      .reduce((at, name) => at?.[name], root);
    return target === undefined ? {} : resolved(target, root);
  }
  const choices = schema.anyOf?.filter((each) => each.type !== "null");
  if (choices?.length === 1 && schema.anyOf.length > 1) return { ...resolved(choices[0], root), isNullable: true };
  return schema;
}

/** Return what field a schema has: that of one of these names, or "json". */
function kindOf(schema) {
  if (schema.enum?.every((each) => typeof each === "string")) return "choice";
  if (isNumber(schema)) return "number";
  if (schema.type === "string" || schema.type === "boolean") return schema.type;
  if (schema.type === "array" && schema.items && isNumber(schema.items)) return "numbers";
  if (schema.type === "array" && schema.items?.type === "string" && !schema.items.enum) return "lines";
  return "json";
}

function isNumber(schema) {
  if (schema.anyOf) return schema.anyOf.every(isNumber);
  return schema.type === "integer" || schema.type === "number";
}

function memberField(name, label, pointer, schema, { given, isNeeded }) {
  const told = schema.description ? `${schema.description} ` : "";
  const empty = schema.isNullable && isNeeded ? null : undefined;
  const ifTyped = (read) => (input) => (input.value.trim() === "" ? empty : read(input.value.trim()));
  switch (kindOf(schema)) {
    case "choice": {
      const options = schema.enum.map((each) => [each, each]);
      return choice(name, label, isNeeded ? options : [["", "–"], ...options], {
        pointer,
        hint: told || null,
        selected: given ?? schema.default ?? null,
        read: (input) => input.value || empty,
      });
    }
    case "boolean":
      return field(name, label, {
        pointer,
        type: "checkbox",
        checked: given ?? schema.default ?? false,
        hint: told || null,
      });
    case "number":
      return field(name, label, {
        pointer,
        inputmode: "decimal",
        autocomplete: "off",
        value: given === undefined || given === null ? "" : JSON.stringify(given),
        hint: told || null,
        needed: isNeeded && !schema.isNullable ? "Give a number." : null,
        read: ifTyped(typedNumber),
      });
    case "numbers":
      return field(name, label, {
        pointer,
        type: "textarea",
        rows: 3,
        spellcheck: "false",
        value: given?.map((each) => JSON.stringify(each)).join(", ") ?? "",
        hint: `${told}Numbers, with commas or line breaks between them.`,
        read: (input) => (input.value.trim() === "" && !isNeeded ? undefined : typedNumbers(input.value)),
      });
    case "lines":
      return field(name, label, {
        pointer,
        type: "textarea",
        rows: 3,
        value: given?.join("\n") ?? "",
        hint: `${told}One a line.`,
        read: (input) => (input.value.trim() === "" && !isNeeded ? undefined : typedLines(input.value)),
      });
    case "string":
      return field(name, label, {
        pointer,
        type: "textarea",
        rows: 2,
        value: given ?? schema.default ?? "",
        hint: told || null,
        read: (input) => (input.value === "" && !isNeeded ? empty : input.value),
      });
    default:
      return jsonField(name, label, pointer, given, isNeeded);
  }
}

function jsonField(name, label, pointer, given, isNeeded) {
  return field(name, label, {
    needed: isNeeded ? "Give the data as JSON." : null,
    pointer,
    type: "textarea",
    rows: 6,
    spellcheck: "false",
    value: given === undefined ? "" : JSON.stringify(given, null, 2),
    hint: "As JSON.",
    read: (input) => (input.value.trim() === "" ? undefined : typedJson(input.value)),
  });
}

/** Return a member's name as it stands in a JSON Pointer of a URI. */
function step(name) {
  return encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));
}
