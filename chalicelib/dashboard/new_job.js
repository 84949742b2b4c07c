/** `#/jobs/new`: submit a job; `?like=<id>` begins with what another one was. */

import { call } from "./api.js";
import { h, show } from "./dom.js";
import { field } from "./forms.js";
import { countField, jobForm, jobOptions, operations } from "./job_form.js";
import { requestLike } from "./job_request.js";
import { goTo } from "./router.js";
import { typedInstant } from "./typed.js";
import { heading, link } from "./ui.js";

export async function newJobPage({ root, query: asked, signal }) {
  const like = asked.get("like");
  const [all, given] = await Promise.all([
    operations(signal),
    like ? call("GET", `/jobs/${encodeURIComponent(like)}`, { signal }).then(({ body }) => requestLike(body)) : {},
  ]);
  const options = [
    countField("delay_s", "Delay in seconds", null, "Without it, and without a time, it begins at once."),
    field("run_at", "Begin at", { type: "datetime-local", step: 1, read: (input) => typedInstant(input.value) }),
    ...jobOptions(given),
    field("callback_url", "Callback URL", {
      type: "url",
      value: given.callback_url ?? "",
      hint: "Is told when the job has ended.",
    }),
  ];
  const form = jobForm(all, {
    given,
    options,
    action: "Submit the job",
    submit: submitOnce(signal),
    more: [link("#/jobs", "Back to the jobs")],
  });
  show(
    root,
    heading("New job", { lead: like ? ["Like ", link(`#/jobs/${like}`, h("code", {}, like))] : null }),
    h("div", { class: "card form" }, form),
  );
}

/**
 * Return what submits a job and goes to it.
 *
 * The same once more, because no answer came, makes no second job: it has the same key.
 */
function submitOnce(signal) {
  let sentText = null;
  let key = null;
  return async (wanted) => {
    const text = JSON.stringify(wanted);
    if (text !== sentText) key = crypto.randomUUID();
    sentText = text;
    const { body } = await call("POST", "/jobs", { body: wanted, headers: { "Idempotency-Key": `"${key}"` } });
    goTo(`#/jobs/${body.job_id}`, signal);
  };
}
