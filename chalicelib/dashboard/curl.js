/** A call of the API as a command for a shell. */

import { BASE } from "./api.js";
import { requestLike } from "./job_request.js";

/** Return the command that submits a job like this one. The key is the reader's own, and stands in no page. */
export function curlOf(job) {
  return [
    `curl -sS ${quoted(`${location.origin}${BASE}/jobs`)}`,
    `-H "Authorization: Bearer $API_KEY"`,
    `-H 'Content-Type: application/json'`,
    `-d ${quoted(JSON.stringify(requestLike(job)))}`,
  ].join(" \\\n  ");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
