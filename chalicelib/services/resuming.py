"""Sending the messages of jobs that waited for the end of a pause."""

import logging
from collections import deque
from collections.abc import Sequence
from datetime import timedelta

from chalicelib.domain.delivery import RESEND_AFTER_MAX, SHARDS
from chalicelib.domain.pauses import SomeJobs
from chalicelib.ports import Clock, DueJob, JobQueue, JobRepository
from chalicelib.services.due_rows import PAGE
from chalicelib.services.known_pauses import REMEMBERED_FOR

logger = logging.getLogger(__name__)

SENT_FOR = timedelta(seconds=10)
"""For how long one call sends; the sweep does the rest, some hundred a minute."""

DELAY = REMEMBERED_FOR + timedelta(seconds=1)
"""
Of each message. A consumer goes by a pause for `REMEMBERED_FOR` after its end, and would let the message go, as one
does with a paused job's; by when this one arrives, all of them have looked again. SQS delays by whole seconds.
"""


class WaitingJobs:
    """Jobs that are due, of everybody."""

    def __init__(self, *, jobs: JobRepository, queue: JobQueue, clock: Clock) -> None:
        self._jobs = jobs
        self._queue = queue
        self._clock = clock

    def send(self, jobs: SomeJobs) -> int:
        """
        Send the messages of those that wait, while there is time; return how many were sent.

        Never fails: the pause is over, and the sweep sends what is not sent here. What is sent twice costs a refused
        claim.
        """
        begun_at = self._clock.now()
        turns: deque[tuple[int, DueJob | None]] = deque((shard, None) for shard in range(SHARDS))
        sent = 0
        while turns and self._clock.now() - begun_at < SENT_FOR:
            shard, last = turns.popleft()
            try:
                # The sweep looks at a job that waits every 15 minutes at least: all are due by then.
                page = self._jobs.due(shard, at=begun_at + RESEND_AFTER_MAX, limit=PAGE, after=last)
                sent += self._sent(jobs, page)
            except Exception:
                # Whatever the fault: failing here would tell the caller that a pause holds which is over.
                logger.exception("waiting jobs not sent; the sweep will send them", extra={"shard": shard})
                break
            if len(page) == PAGE:
                turns.append((shard, page[-1]))
        return sent

    def _sent(self, jobs: SomeJobs, page: Sequence[DueJob]) -> int:
        keys = [due.key for due in page if jobs.may_have(due.key)]
        if not keys:
            return 0
        by = self._clock.now() + DELAY
        waiting = [job.key for job in self._jobs.get_all(keys) if jobs.has(job) and job.is_waiting(by)]
        refused = self._queue.send_all(dict.fromkeys(waiting, DELAY)) if waiting else {}
        for key, reason in refused.items():
            logger.error("message refused; the sweep will send it", extra={"job_id": key.job_id, "reason": reason})
        return len(waiting) - len(refused)
