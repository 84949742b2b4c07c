/**
 * Calls of the API, and the session they are made with.
 *
 * The access token is kept in this module's memory alone. The refresh token is in a cookie that no script can read; the
 * browser sends it by itself, and only with requests that this page makes. So a reload signs in again without a password,
 * and a script that should not be here finds no token to take away.
 */

import { parsed } from "./json.js";

/** Where the API is: the page lies directly below, whatever the stage or the domain. */
export const BASE = location.pathname.replace(/\/dashboard\/?$/, "");

/** Of its time an access token is renewed this much early, so that it does not end on its way. */
const MARGIN_MS = 30_000;

const TRIES_LATER_S = 5;
const PATIENT_TRIES = 5;

/** A signal that never comes. */
export const NEVER = new AbortController().signal;

let token = null;
let tokenEndsAt = 0;
let renewing = null;

/** Whose session it is, by the access token. Only `leaveSession` forgets it: by no renewal is it another user's. */
let tokenOwner = null;
let isAnothers = false;

let asking = null;
let asksAgain = async () => false;

/** Told when the session has ended for the page. */
export const ended = new EventTarget();

/**
 * Have `ask` called when the session turns out to have ended: it signs the same user in again, and tells whether it has.
 *
 * However many calls find out, it is asked once.
 */
export function whenEnded(ask) {
  asksAgain = ask;
}

/** Forget the session, which has ended, and tell so. */
export function leaveSession() {
  token = null;
  tokenEndsAt = 0;
  tokenOwner = null;
  ended.dispatchEvent(new Event("ended"));
}

/**
 * An error as the API answered it, or that it could not be asked.
 *
 * `status` is 0 when there was no answer. `errors` are those of single values, each with a `pointer` and a `detail`;
 * `retryAfterS` is there when the API says when to try again.
 */
export class Problem extends Error {
  constructor({ status = 0, code = "NO_ANSWER", detail, errors = [], requestId = null, retryAfterS = null }) {
    super(detail);
    Object.assign(this, { status, code, errors, requestId, retryAfterS });
  }
}

/** Sign in. Raises a `Problem`. */
export async function signIn(username, password) {
  keep(await sent("POST", "/dashboard/session", { username, password }));
}

/** Take the session of the browser's cookie up again; tell whether there is one. Raises a `Problem` if there is no answer. */
export async function resume() {
  try {
    await renew();
  } catch (problem) {
    if (problem.status === 401) return false;
    throw problem;
  }
  return token !== null;
}

/** End the session, here and at the API. */
export async function signOut() {
  // The cookie may be another user's by now, whose session this must not end.
  if (await resume()) await sent("DELETE", "/dashboard/session");
  leaveSession();
}

/**
 * Call the API; return `{ status, headers, body }`.
 *
 * `path` is below the API, with its query. `body` is sent as JSON. With `etag`, that of an earlier answer, a `status` of
 * 304 says that nothing has changed. `headers` are more of them, `signal` ends the call. Raises a `Problem`.
 */
export async function call(method, path, { body, headers = {}, etag, signal } = {}) {
  if (isAnothers) throw notTheirs();
  if (Date.now() > tokenEndsAt - MARGIN_MS) await renewed();
  const more = etag ? { ...headers, "If-None-Match": etag } : headers;
  try {
    return await sent(method, path, body, { more, signal, authorization: `Bearer ${token}` });
  } catch (problem) {
    if (problem.status !== 401 || problem.code !== "NOT_AUTHENTICATED") throw problem;
    await renewed();
    return sent(method, path, body, { more, signal, authorization: `Bearer ${token}` });
  }
}

/**
 * Call the API, as `call` does; what comes too early is called again when the API says, a few times.
 *
 * Return null if `stop`, another signal, has ended the wait for that.
 */
export async function callPatiently(method, path, { signal, stop = NEVER, ...options }) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await call(method, path, { ...options, signal });
    } catch (problem) {
      if (!problem.retryAfterS || tried === PATIENT_TRIES) throw problem;
      await waited(problem.retryAfterS * 1000, AbortSignal.any([signal, stop]));
      signal.throwIfAborted();
      if (stop.aborted) return null;
    }
  }
}

function waited(ms, signal) {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** Call without a session, as to register. */
export function callAsAnyone(method, path, body) {
  return sent(method, path, body);
}

/** Return a query of those values that are there: `?status=FAILED&limit=20`, or nothing. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

async function renewed() {
  if (asking === null && (await resume())) return;
  asking ??= asksAgain()
    .then((isBack) => {
      if (!isBack) leaveSession();
      return isBack;
    })
    .finally(() => {
      asking = null;
    });
  if (!(await asking)) throw new Problem({ status: 401, code: "NOT_AUTHENTICATED", detail: "You are signed out." });
}

/** Renew the access token; whoever asks meanwhile waits for the same answer. */
function renew() {
  if (isAnothers) throw notTheirs();
  renewing ??= sent("POST", "/dashboard/session/refresh", {})
    .then(keep)
    .catch((problem) => {
      if (problem.status === 401) token = null;
      throw problem;
    })
    .finally(() => {
      renewing = null;
    });
  return renewing;
}

/**
 * Keep the token of an answer; one without content says that there is no session.
 *
 * The cookie is that of all windows: if another user has signed in in one of them, the page begins anew as that user's,
 * and nothing that this one has begun goes on.
 */
function keep({ status, body }) {
  token = null;
  tokenEndsAt = 0;
  if (status === 204) return;
  const user = userOf(body.access_token);
  if (tokenOwner !== null && user !== tokenOwner) {
    isAnothers = true;
    location.replace(location.pathname + location.search);
    throw notTheirs();
  }
  tokenOwner = user;
  token = body.access_token;
  tokenEndsAt = Date.now() + body.expires_in * 1000;
}

/** Return the user of an access token, a JWT; null if it is none. The API alone verifies it. */
function userOf(jwt) {
  try {
    return JSON.parse(atob(jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).sub ?? null;
  } catch {
    return null;
  }
}

function notTheirs() {
  return new DOMException("Another user has signed in in this browser.", "AbortError");
}

async function sent(method, path, body, { more = {}, signal, authorization } = {}) {
  const headers = { ...more };
  if (authorization) headers.Authorization = authorization;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  let text;
  try {
    answer = await fetch(BASE + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      signal,
    });
    text = await answer.text();
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Problem({ detail: "The service does not answer. Is there a connection?" });
  }
  if (answer.ok) return { status: answer.status, headers: answer.headers, body: bodyOf(answer, text) };
  if (answer.status === 304) return { status: 304, headers: answer.headers, body: null };
  throw problemOf(answer, text);
}

/** Return the value of an answer's JSON; null without content. Anything else comes from something on the way. */
function bodyOf(answer, text) {
  if (answer.status === 204) return null;
  try {
    return parsed(text);
  } catch {
    throw new Problem({
      status: answer.status,
      code: "NO_JSON",
      detail: "Something other than the service has answered. Does the network ask for a sign-in of its own?",
    });
  }
}

function problemOf(answer, text) {
  let told = {};
  try {
    told = JSON.parse(text);
  } catch {
    // What stands before the service, such as a gateway, may answer with anything.
  }
  const retryAfter = answer.headers.get("Retry-After");
  return new Problem({
    status: answer.status,
    code: told.code ?? "UNKNOWN",
    detail: told.detail ?? `The service answered ${answer.status}.`,
    errors: told.errors ?? [],
    requestId: told.request_id,
    retryAfterS: retryAfter === null ? null : Number(retryAfter) || TRIES_LATER_S,
  });
}
