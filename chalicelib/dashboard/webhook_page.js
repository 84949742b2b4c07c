/** `#/webhooks/<id>`: one webhook, and what it was sent; `#/webhooks/<id>/<delivery>`: one delivery. */

import { call, callPatiently } from "./api.js";
import { h, show, showAgain } from "./dom.js";
import { choice, field, form } from "./forms.js";
import { duration, when } from "./format.js";
import { parsed } from "./json.js";
import { lookAt, poll } from "./live.js";
import { liveList } from "./live_list.js";
import { goTo } from "./router.js";
import { shownOnce } from "./secrets.js";
import { typedInstant } from "./typed.js";
import { announce, badge, button, confirmed, empty, facts, heading, link, problemBox, section, table } from "./ui.js";
import { valueView } from "./value_view.js";
import { CALLBACKS, webhookForm, webhookName, webhookState } from "./webhook_list.js";

const DELIVERY_STATUSES = ["PENDING", "SUCCESS", "FAILED"];
const DELIVERIES_EVERY_MS = 5000;
const WEBHOOK_EVERY_MS = 15_000;
const BECAUSE = {
  OWNER: "You disabled it.",
  GONE: "Its endpoint answered 410: it is gone.",
  ONLY_FAILURES: "For days its endpoint did nothing but fail.",
};

export async function webhookPage({ root, params, signal }) {
  const path = `/webhooks/${encodeURIComponent(params.id)}`;
  const trouble = h("div", {});
  const head = h("div", {});
  const form = h("div", {});
  const draw = (webhook) => {
    showAgain(head, webhookHead(webhook, actions));
    // What somebody types in is not shownForm over because, say, its endpoint has begun to fail.
    const editable = JSON.stringify([webhook.url, webhook.description, webhook.event_types]);
    if (editable !== shownForm && webhook.webhook_id !== CALLBACKS) showAgain(form, editing(webhook, actions.change));
    shownForm = editable;
  };
  const actions = {
    change: async (wanted) => {
      draw((await call("PATCH", path, { body: wanted })).body);
      announce("The webhook is changed.");
    },
    test: async () => {
      await call("POST", `${path}/test`);
      announce("A test event is on its way.");
      list.show(shown);
    },
    rotate: async () => {
      const text = "The one before it signs too for 24 hours, so that the receiver can change over.";
      if (!(await confirmed("Make another secret?", text, "Make it", { kind: "primary" }))) return;
      const { body } = await call("POST", `${path}/secret`);
      await shownOnce("The new secret", "It is shown this once.", body.secret);
      await look();
    },
    remove: async () => {
      if (!(await confirmed("Delete this webhook?", "Nothing is sent to it any more.", "Delete the webhook"))) return;
      await call("DELETE", path);
      announce("The webhook is deleted.");
      goTo("#/webhooks", signal);
    },
  };
  let shownForm = null;
  const look = lookAt(path, { draw, trouble, signal });
  await look();

  const shown = { status: null, cursor: null };
  const deliveries = h("div", {});
  const list = liveList(deliveries, {
    path: `${path}/deliveries`,
    rows: (body) => body.deliveries,
    asTable: (rows) => deliveryTable(params.id, rows),
    nothing: ({ status }) =>
      empty(status ? "No such deliveries" : "No deliveries yet", "A test event shows how one looks."),
    paged: (wanted) => list.show(Object.assign(shown, wanted)),
    everyMs: DELIVERIES_EVERY_MS,
    signal,
  });
  const status = choice("status", "Status", [["", "Any"], ...DELIVERY_STATUSES.map((each) => [each, each])]);
  status.input.addEventListener("change", () =>
    list.show(Object.assign(shown, { status: status.input.value || null, cursor: null })),
  );
  show(
    root,
    trouble,
    head,
    form,
    section("Deliveries", h("div", { class: "filters" }, status.element), deliveries),
    section(
      "Send again",
      h(
        "div",
        { class: "card form" },
        replayForm(path, signal, () => list.show(shown)),
      ),
    ),
  );
  list.show(shown);
  const failed = (problem) => show(trouble, problemBox(problem));
  poll(look, { everyMs: WEBHOOK_EVERY_MS, signal, isLater: true, failed });
}

function webhookHead(webhook, { change, test, rotate, remove }) {
  const isCallbacks = webhook.webhook_id === CALLBACKS;
  const switched = webhook.is_disabled
    ? button("Enable", () => change({ is_disabled: false }), { kind: "primary", "data-key": "switch" })
    : button("Disable", () => change({ is_disabled: true }), { "data-key": "switch" });
  return [
    heading(webhookName(webhook), {
      lead: [webhookState(webhook), webhook.url && [" ", webhook.url]],
      actions: [
        !isCallbacks && button("Send a test event", test),
        switched,
        button("New secret", rotate),
        !isCallbacks && button("Delete", remove),
      ],
    }),
    webhook.is_disabled &&
      h("p", { class: "hint-box" }, BECAUSE[webhook.disabled_because], " Since ", when(webhook.disabled_at), "."),
    h(
      "div",
      { class: "card" },
      facts([
        ["Told of", webhook.event_types.join(", ")],
        ["Made", when(webhook.created_at)],
        webhook.failing_since ? ["Failing since", when(webhook.failing_since)] : null,
        webhook.previous_secret_until ? ["Secret before signs too until", when(webhook.previous_secret_until)] : null,
      ]),
    ),
  ];
}

function editing(webhook, change) {
  return h("details", { class: "card form" }, h("summary", {}, "Change it"), webhookForm(webhook, "Save", change));
}

function replayForm(path, signal, done) {
  const says = h("p", { class: "faint", role: "status" });
  const fields = [
    field("since", "All since", { type: "datetime-local", step: 1, read: (input) => typedInstant(input.value) }),
    choice(
      "status",
      "Status",
      [
        ["FAILED", "Failed ones"],
        ["", "All"],
      ],
      { read: (input) => input.value || undefined },
    ),
  ];
  const submit = async (wanted) => {
    let replayed = 0;
    let cursor;
    do {
      const { body } = await callPatiently("POST", `${path}/replay`, { body: { ...wanted, cursor }, signal });
      replayed += body.replayed;
      cursor = body.next_cursor ?? undefined;
      show(says, cursor && `${replayed} so far. Leaving this page stops it.`);
    } while (cursor);
    announce(replayed === 1 ? "One delivery is sent again." : `${replayed} deliveries are sent again.`);
    done();
  };
  return [form(fields, { action: "Send again", submit, kind: "" }), says];
}

function deliveryTable(webhookId, deliveries) {
  return table(
    "Deliveries, newest first",
    [
      { title: "Event", cell: (each) => link(`#/webhooks/${webhookId}/${each.delivery_id}`, each.event_type) },
      {
        title: "Status",
        cell: (each) => [badge(each.status), each.reason && h("div", { class: "faint" }, each.reason)],
      },
      { title: "Made", cell: (each) => when(each.created_at) },
      { title: "Attempts", class: "number", cell: (each) => each.attempt },
      { title: "Last answer", cell: (each) => lastAnswer(each.attempts.at(-1)) },
      { title: "Next attempt", cell: (each) => when(each.next_attempt_at) },
    ],
    deliveries,
  );
}

function lastAnswer(attempt) {
  if (!attempt) return "–";
  return `${attempt.status_code ?? attempt.error}, ${duration(attempt.duration_ms)}`;
}

export async function deliveryPage({ root, params, signal }) {
  const path = `/webhooks/${encodeURIComponent(params.id)}/deliveries/${encodeURIComponent(params.delivery)}`;
  const sendAgain = async () => {
    await call("POST", `${path}/replay`);
    announce("It is sent again.");
    await look();
    follow();
  };
  const trouble = h("div", {});
  const draw = (delivery) =>
    showAgain(
      root,
      trouble,
      heading(delivery.event_type, {
        lead: [badge(delivery.status), " ", h("code", {}, delivery.delivery_id)],
        actions: [
          button("Send again", sendAgain),
          h("a", { class: "button", href: `#/webhooks/${params.id}` }, "To the webhook"),
        ],
      }),
      h(
        "div",
        { class: "card" },
        facts([
          ["Made", when(delivery.created_at)],
          ["Attempts", delivery.attempt],
          ["Next attempt", when(delivery.next_attempt_at)],
          ["Kept until", when(delivery.expires_at)],
          delivery.reason ? ["Reason", delivery.reason] : null,
          delivery.url ? ["URL", delivery.url] : null,
        ]),
      ),
      section(
        "Attempts",
        delivery.attempts.length ? attemptsOfDelivery(delivery.attempts) : empty("No attempt yet", ""),
      ),
      section("What is sent", valueView(parsed(delivery.body), { name: "Body", file: `${delivery.delivery_id}.json` })),
    );
  let etag = null;
  let isPending = false;
  let following = new AbortController();
  const look = async () => {
    const answer = await call("GET", path, { etag, signal });
    show(trouble);
    if (answer.status === 304) return;
    etag = answer.headers.get("ETag");
    draw(answer.body);
    isPending = answer.body.status === "PENDING";
    if (!isPending) following.abort();
  };
  const follow = () => {
    following.abort();
    if (!isPending) return;
    following = new AbortController();
    poll(look, {
      everyMs: DELIVERIES_EVERY_MS,
      signal: AbortSignal.any([signal, following.signal]),
      isLater: true,
      failed: (problem) => show(trouble, problemBox(problem)),
    });
  };
  await look();
  follow();
}

function attemptsOfDelivery(attempts) {
  return table(
    "Attempts, oldest first",
    [
      { title: "At", cell: (each) => when(each.at) },
      { title: "Answer", cell: (each) => each.status_code ?? each.error },
      { title: "Took", class: "number", cell: (each) => duration(each.duration_ms) },
    ],
    attempts,
  );
}
