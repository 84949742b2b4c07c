/** Who is signed in, as the API says. */

import { call } from "./api.js";

/** The account: `{ user_id, username, role, created_at }`, or null while nobody is signed in. */
export let me = null;

/** Ask the API who is signed in. */
export async function learn() {
  me = (await call("GET", "/me")).body;
}

/** Nobody is, any more. */
export function forget() {
  me = null;
}

/** Tell whether the one who is signed in is an administrator. */
export function isAdmin() {
  return me?.role === "admin";
}
