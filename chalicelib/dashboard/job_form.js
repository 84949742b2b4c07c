/** The form that says what a job computes: an operation, its data, and options. Schedules have it too. */

import { call } from "./api.js";
import { h, show } from "./dom.js";
import { attend, choice, field, form, valuesOf } from "./forms.js";
import { dataFields, fitsFields, hasFields } from "./schema_fields.js";
import { pairsText, typedCount, typedPairs, typedTags } from "./typed.js";
import { button } from "./ui.js";

/** Return the operations that there are. */
export async function operations(signal) {
  return (await call("GET", "/operations", { signal })).body.operations;
}

/**
 * Return a form for a job.
 *
 * `given` is a job to begin with. `before` are fields above it, `options` those that are folded away until wanted.
 * `submit` gets the whole as the API takes it.
 */
export function jobForm(offered, { given = {}, before = [], options = [], action, submit, more = [] }) {
  const root = h("div", {});
  const all = withGiven(offered, given.operation);
  const operation = choice(
    "operation",
    "Operation",
    all.map(({ name, isOffered = true }) => [name, isOffered ? name : `${name} (not offered any more)`]),
    { selected: given.operation },
  );
  const chosen = () => all.find(({ name }) => name === operation.input.value);
  let shown = null;

  const draw = (wanted, asJson, ofData) => {
    shown = { wanted, asJson, ofData };
    const { name, description, input_schema: schema } = wanted;
    const other = button(asJson ? "Fill in fields" : "Write JSON instead", switchFields, { kind: "plain" });
    const arranged = () => [
      before.map((each) => each.element),
      operation.element,
      h("p", { class: "hint" }, description),
      ofData.fields.map((each) => each.element),
      hasFields(schema) && (schema.type !== "null" || asJson) ? other : null,
      options.length ? folded(options) : null,
    ];
    const everything = [...before, operation, ...ofData.fields, ...options];
    const send = (values) =>
      operation.input.value === name ? submit(wantedJob(values, name, ofData, everything)) : changeOperation();
    show(root, form(everything, { action, more, arranged, submit: send }));
  };

  /** Another operation begins with empty fields, unless its data are of the same kind. */
  const changeOperation = () => {
    const wanted = chosen();
    const isSame = JSON.stringify(wanted.input_schema) === JSON.stringify(shown.wanted.input_schema);
    if (isSame) draw(wanted, shown.asJson, shown.ofData);
    else draw(wanted, false, dataFields(wanted.input_schema));
    operation.input.focus();
  };

  /** Go on in fields, or as JSON, with what was typed in; if that cannot be, it stays as it is. */
  const switchFields = () => {
    const { wanted, asJson, ofData } = shown;
    const values = valuesOf(ofData.fields, { isPartly: true });
    if (values === null) return;
    const data = ofData.value(values);
    if (asJson && data !== undefined && !fitsFields(wanted.input_schema, data)) {
      ofData.fields[0].refuse("The fields cannot show this as it is.");
      return attend(ofData.fields[0]);
    }
    const next = dataFields(wanted.input_schema, { given: data, asJson: !asJson });
    draw(wanted, !asJson, next);
    next.fields[0]?.input.focus();
  };

  operation.input.addEventListener("change", changeOperation);
  const first = chosen();
  const asJson = given.data !== undefined && !fitsFields(first.input_schema, given.data);
  draw(first, asJson, dataFields(first.input_schema, { given: given.data, asJson }));
  return root;
}

/** Return the operations with the one of a job that there is, though it may not be offered any more. */
function withGiven(offered, name) {
  if (name === undefined || offered.some((each) => each.name === name)) return offered;
  const description = "It is not offered any more: choose another one.";
  return [...offered, { name, description, input_schema: {}, isOffered: false }];
}

function folded(options) {
  return h(
    "details",
    { open: options.some(({ input }) => input.value !== "") },
    h("summary", {}, "Options"),
    h(
      "div",
      { class: "options" },
      options.map((each) => each.element),
    ),
  );
}

/** Return the options that jobs and those of schedules have in common. */
export function jobOptions(given = {}) {
  return [
    field("tags", "Tags", {
      value: given.tags?.join(", ") ?? "",
      hint: "To find it by; with commas between them.",
      read: (input) => typedTags(input.value),
    }),
    field("metadata", "Metadata", {
      type: "textarea",
      rows: 2,
      spellcheck: "false",
      value: pairsText(given.metadata ?? {}),
      hint: "What the job means to you; a name: value on each line.",
      read: (input) => typedPairs(input.value.trim()),
    }),
    countField("max_attempts", "Attempts at most", given.max_attempts),
    countField("timeout_s", "Seconds an attempt may take", given.timeout_s),
    countField("retention_days", "Days to keep it", given.retention_days),
  ];
}

/** Return a field for a whole number that may be left out. */
export function countField(name, label, given, hint = null, needed = null) {
  return field(name, label, {
    needed,
    inputmode: "numeric",
    autocomplete: "off",
    value: given ?? "",
    hint,
    read: (input) => typedCount(input.value.trim()),
  });
}

function wantedJob(values, operation, ofData, fields) {
  const others = fields.filter((each) => !ofData.fields.includes(each)).map((each) => [each.name, values[each.name]]);
  return { ...Object.fromEntries(others), operation, data: ofData.value(values) };
}
