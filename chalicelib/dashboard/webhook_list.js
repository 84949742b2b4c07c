/** `#/webhooks`: where events of the user's jobs are sent. */

import { call } from "./api.js";
import { h, show } from "./dom.js";
import { field, form } from "./forms.js";
import { when } from "./format.js";
import { goTo } from "./router.js";
import { shownOnce } from "./secrets.js";
import { empty, filledWhenLoaded, heading, link, section, table } from "./ui.js";

const EVENT_TYPES = ["job.submitted", "job.started", "job.retrying", "job.succeeded", "job.failed", "job.cancelled"];

/** The webhook that the callback URLs of jobs have in common. */
export const CALLBACKS = "callbacks";

export async function webhooksPage({ root, signal }) {
  const listed = h("div", {});
  const make = async (wanted) => {
    const { body } = await call("POST", "/webhooks", { body: wanted });
    await shownOnce("The webhook’s secret", "Deliveries are signed with it. It is shown this once.", body.secret);
    goTo(`#/webhooks/${body.webhook_id}`, signal);
  };
  show(
    root,
    heading("Webhooks", {
      lead: "What happens to your jobs is posted to your own URLs, signed, and tried again for a day.",
    }),
    listed,
    section(
      "New webhook",
      h(
        "div",
        { class: "card form" },
        webhookForm({ event_types: ["job.succeeded", "job.failed"] }, "Make the webhook", make),
      ),
    ),
  );
  await filledWhenLoaded(listed, async () => webhookTable((await call("GET", "/webhooks", { signal })).body.webhooks));
}

/** Return a form for a webhook that is `given`. */
export function webhookForm(given, action, submit) {
  const told = new Set(given.event_types);
  const fields = [
    field("url", "URL", {
      type: "url",
      value: given.url ?? "",
      hint: "https, and a public host.",
      needed: "Give the URL.",
      autocomplete: "off",
    }),
    field("description", "Description", {
      value: given.description ?? "",
      maxlength: 200,
      read: (input) => input.value.trim(),
    }),
    ...EVENT_TYPES.map((type) =>
      field(type, type, { type: "checkbox", checked: told.has(type), pointer: "#/event_types" }),
    ),
  ];
  const arranged = ([url, description, ...types]) => [
    url.element,
    description.element,
    h(
      "fieldset",
      { class: "choices" },
      h("legend", {}, "It is told of"),
      types.map((each) => each.element),
    ),
  ];
  return form(fields, {
    action,
    arranged,
    submit: ({ url, description, ...types }) =>
      submit({ url, description, event_types: EVENT_TYPES.filter((type) => types[type]) }),
  });
}

/** Return what a webhook is called. */
export function webhookName({ webhook_id: id, url, description }) {
  return id === CALLBACKS ? "Callback URLs of jobs" : description || url;
}

/** Return how a webhook stands, for people. */
export function webhookState(webhook) {
  if (webhook.is_disabled) return h("span", { class: "badge cancelled" }, "DISABLED");
  if (webhook.failing_since) return h("span", { class: "badge failed" }, "FAILING");
  return h("span", { class: "badge success" }, "ENABLED");
}

function webhookTable(webhooks) {
  if (!webhooks.length) return empty("No webhooks", "Without one, you look here or ask the API.");
  return table(
    "Webhooks, oldest first",
    [
      {
        title: "Webhook",
        cell: (each) => [
          link(`#/webhooks/${each.webhook_id}`, webhookName(each)),
          each.description && h("div", { class: "faint" }, each.url),
        ],
      },
      { title: "State", cell: webhookState },
      { title: "Told of", cell: (each) => each.event_types.join(", ") },
      { title: "Made", cell: (each) => when(each.created_at) },
    ],
    webhooks,
  );
}
