/** The pages of an administrator, by address. */

import { adminPage } from "./admin.js";
import { bulkPage } from "./admin_bulk.js";
import { adminJobPage } from "./admin_job.js";
import { adminJobsPage, deadLettersPage } from "./admin_job_list.js";
import { overviewPage } from "./admin_overview.js";
import { pausesPage } from "./admin_pauses.js";
import { usersPage } from "./admin_users.js";

/** `[pattern, title, page]`, as `route` takes them. */
export const adminPages = [
  ["/admin", "Overview", overviewPage],
  ["/admin/jobs", "Jobs of everybody", adminJobsPage],
  ["/admin/jobs/:owner/:job", "Job", adminJobPage],
  ["/admin/dead", "Dead letters", deadLettersPage],
  ["/admin/bulk", "Retry or cancel many", bulkPage],
  ["/admin/pauses", "Pauses", pausesPage],
  ["/admin/users", "Users", usersPage],
].map(([pattern, title, page]) => [pattern, title, adminPage(page)]);
