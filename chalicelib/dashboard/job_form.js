/** The form that says what a job computes: an operation, its data, and options. Schedules have it too. */

import { call } from "./api.js";
import { h, show } from "./dom.js";
import { choice, field, form } from "./forms.js";
import { dataFields, hasFields } from "./schema_fields.js";
import { typedCount, typedTags } from "./typed.js";

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
export function jobForm(all, { given = {}, before = [], options = [], action, submit, more = [] }) {
  const root = h("div", {});
  const operation = choice(
    "operation",
    "Operation",
    all.map(({ name }) => [name, name]),
    { selected: given.operation },
  );
  const draw = (asJson, data = given.data) => {
    const { name, description, input_schema: schema } = all.find((each) => each.name === operation.input.value);
    const ofData = dataFields(schema, { given: data, asJson });
    const told = h("p", { class: "hint" }, description);
    const other = h(
      "button",
      {
        type: "button",
        class: "plain",
        onclick: () => (draw(!asJson, typedSoFar(ofData)), root.querySelector("textarea, input")?.focus()),
      },
      asJson ? "Fill in fields" : "Write JSON instead",
    );
    const arranged = () => [
      before.map((each) => each.element),
      operation.element,
      told,
      ofData.fields.map((each) => each.element),
      (hasFields(schema) && schema.type !== "null") || asJson ? other : null,
      options.length
        ? h(
            "details",
            { open: options.some(({ input }) => input.value !== "") },
            h("summary", {}, "Options"),
            h(
              "div",
              { class: "options" },
              options.map((each) => each.element),
            ),
          )
        : null,
    ];
    const everything = [...before, operation, ...ofData.fields, ...options];
    show(
      root,
      form(everything, {
        action,
        more,
        arranged,
        submit: (values) => submit(wantedJob(values, name, ofData, everything)),
      }),
    );
  };
  operation.input.addEventListener("change", () => {
    draw(false, undefined);
    operation.input.focus();
  });
  draw(false);
  return root;
}

/** Return the options that jobs and those of schedules have in common. */
export function jobOptions(given = {}) {
  return [
    field("tags", "Tags", {
      value: given.tags?.join(", ") ?? "",
      hint: "To find it by; with commas between them.",
      read: (input) => typedTags(input.value),
    }),
    countField("max_attempts", "Attempts at most", given.max_attempts),
    countField("timeout_s", "Seconds an attempt may take", given.timeout_s),
    countField("retention_days", "Days to keep it", given.retention_days),
  ];
}

/** Return a field for a whole number that may be left out. */
export function countField(name, label, given, hint = null) {
  return field(name, label, {
    inputmode: "numeric",
    autocomplete: "off",
    value: given ?? "",
    hint,
    read: (input) => typedCount(input.value.trim()),
  });
}

/** Return the data of fields as far as it can be read, to go on with in another form of them. */
function typedSoFar({ fields, value }) {
  try {
    return value(Object.fromEntries(fields.map((each) => [each.name, each.value()])));
  } catch {
    return undefined;
  }
}

function wantedJob(values, operation, ofData, fields) {
  const others = fields.filter((each) => !ofData.fields.includes(each)).map((each) => [each.name, values[each.name]]);
  return { ...Object.fromEntries(others), operation, data: ofData.value(values) };
}
