/** The pages of a user, by address. */

import { h, show } from "./dom.js";

/** `[pattern, title, page]`, as `route` takes them. */
export const userPages = [["/jobs", "Jobs", ({ root }) => show(root, h("h1", { tabindex: -1 }, "Jobs"))]];
