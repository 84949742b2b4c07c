"""Sending a job's message, which may fail: the row is the promise, and the sweep sends what was not sent."""

import logging
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
