/** The pages of a user, by address. */

import { accountPage } from "./account_page.js";
import { jobsPage } from "./job_list.js";
import { jobPage } from "./job_page.js";
import { keysPage } from "./key_page.js";
import { newJobPage } from "./new_job.js";
import { schedulesPage } from "./schedule_list.js";
import { changeSchedulePage, newSchedulePage, schedulePage } from "./schedule_page.js";
import { webhooksPage } from "./webhook_list.js";
import { deliveryPage, webhookPage } from "./webhook_page.js";

/** `[pattern, title, page]`, as `route` takes them. */
export const userPages = [
  ["/jobs", "Jobs", jobsPage],
  ["/jobs/new", "New job", newJobPage],
  ["/jobs/:id", "Job", jobPage],
  ["/schedules", "Schedules", schedulesPage],
  ["/schedules/new", "New schedule", newSchedulePage],
  ["/schedules/:id", "Schedule", schedulePage],
  ["/schedules/:id/change", "Change schedule", changeSchedulePage],
  ["/webhooks", "Webhooks", webhooksPage],
  ["/webhooks/:id", "Webhook", webhookPage],
  ["/webhooks/:id/:delivery", "Delivery", deliveryPage],
  ["/keys", "API keys", keysPage],
  ["/account", "Account", accountPage],
];
