"""The sweep: sends the messages of jobs that are due and that no message seems to bring."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta

from chalicelib.domain.delivery import RESEND_AFTER_MAX, SHARDS, look
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import JobLimits
from chalicelib.ports import Clock, DueJob, JobQueue, JobRepository, Randomness

logger = logging.getLogger(__name__)

PAGE = 100
"""Jobs of the index read at once."""

TIME_FOR_ONE = timedelta(seconds=10)
"""With less time left no further job is begun; one call that times out in each try takes about as long."""

FAULTS_MAX = 3
"""Calls in a row that find something away, after which the sweep ends: it is not the one job's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many due jobs a sweep looked at and how many it sent; ``is_complete`` if it got to all of them."""

    looked_at: int
    sent: int
    is_complete: bool


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
        """
        Look at every job that is due now, while there is time.

        The shards take turns, a page each, the longest due of a shard first; a random one begins, so that none is
        always the last when there is more to do than time. A job that cannot be looked at keeps no other waiting: it
        stays due. Of the whole sweep the log has one line.
        """
        swept = self._sweep(time_left)
        logger.log(logging.INFO if swept.is_complete else logging.WARNING, "sweep done", extra=asdict(swept))
        return swept

    def _sweep(self, time_left: Callable[[], timedelta]) -> Swept:
        at = self._clock.now()
        first = int(self._randomness.fraction() * SHARDS)
        turns: deque[tuple[int, DueJob | None]] = deque(((first + turn) % SHARDS, None) for turn in range(SHARDS))
        looked_at = sent = faults = skipped = 0
        while turns:
            shard, last = turns.popleft()
            if faults == FAULTS_MAX or time_left() < TIME_FOR_ONE:
                return Swept(looked_at=looked_at, sent=sent, is_complete=False)
            try:
                page = self._jobs.due(shard, at=at, limit=PAGE, after=last)
            except Unavailable:
                logger.exception("shard cannot be swept", extra={"shard": shard})
                faults += 1
                skipped += 1
                continue
            faults = 0
            for due in page:
                if faults == FAULTS_MAX or time_left() < TIME_FOR_ONE:
                    return Swept(looked_at=looked_at, sent=sent, is_complete=False)
                looked_at += 1
                try:
                    sent += self._looked_at(due)
                    faults = 0
                except Unavailable:
                    logger.exception("job cannot be swept now", extra=_log_fields(due))
                    faults += 1
                    skipped += 1
            if len(page) == PAGE:
                turns.append((shard, page[-1]))
        return Swept(looked_at=looked_at, sent=sent, is_complete=not skipped)

    def _looked_at(self, due: DueJob) -> bool:
        try:
            return self._look_at(due)
        except Unavailable:
            raise
        except Exception:
            # A row that cannot be read is no reason to stop, nor to stumble over it every minute.
            logger.exception("job cannot be swept", extra=_log_fields(due))
        try:
            self._jobs.look_again(due, at=self._clock.now() + RESEND_AFTER_MAX)
        except Unavailable:
            raise
        except Exception:
            logger.exception("job cannot be put off", extra=_log_fields(due))
        return False

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
