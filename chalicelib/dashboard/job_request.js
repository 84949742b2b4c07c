/** What is asked of the API to have another job like one that there is. */

/** Return the body of `POST /jobs` for a job like this one. */
export function requestLike(job) {
  const { operation, data, tags, metadata, max_attempts, timeout_s, callback_url } = job;
  const wanted = { operation, data, max_attempts, timeout_s };
  if (tags.length) wanted.tags = tags;
  if (Object.keys(metadata).length) wanted.metadata = metadata;
  if (callback_url) wanted.callback_url = callback_url;
  return wanted;
}
