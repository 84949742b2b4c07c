/** A call of the API as a command for a shell. */

import { BASE } from "./api.js";

/** Return the command that submits a job like this one. The key is the reader's own, and stands in no page. */
export function curlOf(job) {
  const wanted = { operation: job.operation, data: job.data };
  if (job.tags.length) wanted.tags = job.tags;
  if (Object.keys(job.metadata).length) wanted.metadata = job.metadata;
  return [
    `curl -sS ${quoted(`${location.origin}${BASE}/jobs`)}`,
    `-H "Authorization: Bearer $API_KEY"`,
    `-H 'Content-Type: application/json'`,
    `-d ${quoted(JSON.stringify(wanted))}`,
  ].join(" \\\n  ");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
