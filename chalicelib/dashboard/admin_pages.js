/** The pages of an administrator, by address. */

/** `[pattern, title, page]`, as `route` takes them. */
export const adminPages = [];
