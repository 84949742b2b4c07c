"""All endpoints of the API, in the order in which its description lists them."""

from chalicelib.api import (
    about,
    accounts,
    api_keys,
    docs,
    job_control,
    job_list,
    jobs,
    me,
    problem_pages,
    schedules,
    sessions,
    statistics,
    submissions,
    users,
    webhook_deliveries,
    webhooks,
)

ENDPOINTS = (
    *accounts.ENDPOINTS,
    *sessions.ENDPOINTS,
    *me.ENDPOINTS,
    *api_keys.ENDPOINTS,
    *users.ENDPOINTS,
    *statistics.ENDPOINTS,
    *submissions.ENDPOINTS,
    *job_list.ENDPOINTS,
    *jobs.ENDPOINTS,
    *job_control.ENDPOINTS,
    *schedules.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *webhook_deliveries.ENDPOINTS,
    *about.ENDPOINTS,
    *problem_pages.ENDPOINTS,
    *docs.ENDPOINTS,
)
