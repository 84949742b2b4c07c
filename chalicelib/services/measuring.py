"""
What the log says of the ends of jobs and of failed attempts, with the values that become metrics.

A field whose name `chalicelib.observability.METRICS` has is the value of that metric. Whoever wrote a job's last
transition says so here, once the write is known to stand: nothing is said for writes that were refused, and an end
after a retry by hand is another end. One whose writer died, or never heard of its write, is not said at all.
"""

import logging
from datetime import timedelta

from chalicelib.domain.jobs import Job, JobError, JobStatus

logger = logging.getLogger(__name__)

MILLISECOND = timedelta(milliseconds=1)


def attempt_failed(job: Job, error: JobError) -> None:
    """Say that the attempt which ``job`` is in has failed, be there another or not."""
    logger.warning(
        "attempt failed",
        extra={"job_id": job.key.job_id, "attempt": job.attempt, "code": error.code, "FailedAttempts": 1},
    )


def ended(job: Job) -> None:
    """
    Say that a job, as the write made it, is final.

    Of a CANCELLED one neither the time nor the attempts are measured: its owner chose when it ended, be it before it
    was to run, and the cancelling itself moved the attempt on.
    """
    fields: dict[str, object] = {
        "job_id": job.key.job_id,
        "operation": job.operation,
        "outcome": job.status,
        "attempt": job.attempt,
        "Jobs": 1,
    }
    if job.error is not None:
        fields["code"] = job.error.code
    if job.status is not JobStatus.CANCELLED and job.finished_at is not None:
        # Below zero if the job ran by a clock that was behind, or within the tolerance that a claim has.
        fields["QueuedToDone"] = max(0, (job.finished_at - job.queued_at) // MILLISECOND)
        fields["Attempts"] = job.attempt_in_set
    logger.info("job ended", extra=fields)
