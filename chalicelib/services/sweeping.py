"""The sweep: sends the messages of jobs that are due and that no message seems to bring."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

from chalicelib.domain.delivery import RESEND_AFTER_MAX, SHARDS, look
from chalicelib.domain.jobs import JobLimits
from chalicelib.ports import Clock, DueJob, JobQueue, JobRepository, Randomness
from chalicelib.services.due_rows import PAGE, DueRows, Swept

logger = logging.getLogger(__name__)


class Sweep:
    """
    Finds due jobs whose message was lost, whose attempt died, or whose delay has come.

    It only ever sends; whether a job may begin, the consumer's claim decides. Two sweeps at once are harmless: they
    send some jobs twice.
    """

    def __init__(
        self,
        *,
        jobs: JobRepository,
        queue: JobQueue,
        clock: Clock,
        randomness: Randomness,
        limits: JobLimits,
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._clock = clock
        self._randomness = randomness
        self._limits = limits

    def run(self, time_left: Callable[[], timedelta]) -> Swept:
        """Look at every job that is due now, while there is time, and log in one line how it went."""
        at = self._clock.now()
        rows = DueRows(
            called="job",
            shards=SHARDS,
            page=lambda shard, last: self._jobs.due(shard, at=at, limit=PAGE, after=last),
            look=self._look_at,
            put_off=lambda due: self._jobs.look_again(due, at=self._clock.now() + RESEND_AFTER_MAX),
            log_fields=_log_fields,
        )
        swept = rows.sweep(time_left, self._randomness)
        logger.log(logging.INFO if swept.is_complete else logging.WARNING, "sweep done", extra=asdict(swept))
        return swept

    def _look_at(self, due: DueJob) -> bool:
        """
        Send the job if that is to be done, then put the next look off; tell whether it was sent.

        In this order, because a sweep that dies in between leaves the job due: it is sent twice, not too late.
        """
        job = self._jobs.get(due.key)
        if job is None or job.due_at != due.due_at:
            return False  # the index lags behind the row
        decision = look(job, at=self._clock.now(), resend_after=self._limits.resend_after)
        if decision.delay is not None:
            self._queue.send(due.key, delay=decision.delay)
            logger.info("job sent again", extra=_log_fields(due))
        self._jobs.look_again(due, at=decision.again_at)
        return decision.delay is not None


def _log_fields(due: DueJob) -> dict[str, str]:
    return {"job_id": due.key.job_id, "owner_id": due.key.owner_id}
