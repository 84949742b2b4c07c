"""Sending a job's message, which may fail: the row is the promise, and the sweep sends what was not sent."""

import logging
from collections.abc import Iterable
from datetime import datetime

from chalicelib.domain.delivery import message_delay
from chalicelib.domain.jobs import Job
from chalicelib.ports import JobQueue

logger = logging.getLogger(__name__)


def dispatch(queue: JobQueue, job: Job, *, at: datetime) -> None:
    """
    Send the message of a job whose row was just written, to arrive when the job is due.

    A job that waits longer than a message can is left to the sweep, and so is one whose message cannot be sent: by then
    its row stands, so whatever the fault, failing here would tell the caller that a job is not there which is.
    """
    delay = message_delay(job.run_at, at=at)
    if delay is None:
        return
    try:
        queue.send(job.key, delay=delay)
    except Exception:
        logger.exception("message not sent; the sweep will send it", extra={"job_id": job.key.job_id})


def dispatch_all(queue: JobQueue, jobs: Iterable[Job], *, at: datetime) -> None:
    """Send the messages of jobs whose rows were just written, as `dispatch` does, in as few calls as the queue can."""
    delays = {job.key: delay for job in jobs if (delay := message_delay(job.run_at, at=at)) is not None}
    if not delays:
        return
    try:
        refused = queue.send_all(delays)
    except Exception:
        job_ids = [key.job_id for key in delays]
        logger.exception("messages not sent; the sweep will send them", extra={"job_ids": job_ids})
        return
    for key, reason in refused.items():
        logger.error("message refused; the sweep will send it", extra={"job_id": key.job_id, "reason": reason})
