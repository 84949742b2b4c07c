"""All endpoints of the API, in the order in which its description lists them."""

from chalicelib.api import about, accounts, docs, job_control, job_list, jobs, problem_pages, submissions

ENDPOINTS = (
    *accounts.ENDPOINTS,
    *submissions.ENDPOINTS,
    *job_list.ENDPOINTS,
    *jobs.ENDPOINTS,
    *job_control.ENDPOINTS,
    *about.ENDPOINTS,
    *problem_pages.ENDPOINTS,
    *docs.ENDPOINTS,
)
