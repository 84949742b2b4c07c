"""Dead letters: messages that were delivered again and again, and never settled."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.delivery import first_look
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.jobs import Act, Job, JobError, JobErrorCode, JobKey, JobLimits, JobStatus
from chalicelib.ports import Clock, DueJob, IdSource, JobQueue, JobRepository
from chalicelib.services.dispatch import dispatch
from chalicelib.services.due_rows import PAGE, TIME_FOR_ONE
from chalicelib.services.measuring import ended

DEAD_LETTERED = JobError(
    code=JobErrorCode.DEAD_LETTERED,
    detail="its message was delivered again and again and never settled; the consumer's log says why",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """How many dead jobs a redrive retried; ``is_complete`` if it got to all of them."""

    retried: int
    is_complete: bool


class Burial(StrEnum):
    """What became of one dead letter."""

    FAILED = "FAILED"
    ALREADY_FINAL = "ALREADY_FINAL"
    GONE = "GONE"
    HELD = "HELD"
    NOT_DUE = "NOT_DUE"
    STALE = "STALE"

    @property
    def is_settled(self) -> bool:
        """Whether the letter may be deleted; while an attempt holds the job it comes back, to see how that ends."""
        return self is not Burial.HELD


class DeadLetters:
    """Fails the jobs of dead letters, so that each says why it died, and sends dead jobs again when asked to."""

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        jobs: JobRepository,
        queue: JobQueue,
        clock: Clock,
        ids: IdSource,
        limits: JobLimits,
        worker: str,
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._worker = worker

    def bury(self, key: JobKey, *, sent_at: datetime) -> Burial:
        """
        Fail the job of a dead letter, unless it is final, waits for a later time, or is held by an attempt.

        A letter that was ``sent_at`` a time before the job last began to wait is not about its present try: there is a
        younger message for that, and after an outage there may be many old letters for a job that has long gone on.

        Raises:
            Unavailable: The store is away; the letter must come back.
        """
        job = self._jobs.get(key)
        act = self._act()
        if job is None or job.is_expired(act.at):
            return Burial.GONE
        if job.is_final:
            return Burial.ALREADY_FINAL
        if job.status is JobStatus.PENDING and not job.is_due(act.at):
            return Burial.NOT_DUE
        if job.status is JobStatus.PENDING and sent_at < job.events[-1].at:
            return Burial.STALE
        return Burial.HELD if job.is_held(act.at) else self._failed(job, act)

    def _failed(self, job: Job, act: Act) -> Burial:
        failed = job.failed(DEAD_LETTERED, act)
        try:
            self._jobs.advance(job, failed)
        except ConcurrentUpdate:
            return Burial.HELD
        ended(failed)
        return Burial.FAILED

    def redrive(self, time_left: Callable[[], timedelta]) -> Redriven:
        """
        Retry every dead job while there is time.

        A dead job is one that `Job.is_dead`: failed by its dead letter, or by losing its consumers. Safe to run at any
        time and twice at once: each job is retried by one conditional write.

        Raises:
            Unavailable: The store is away; what was retried so far stays so.
        """
        at = self._clock.now()
        retried = 0
        last: DueJob | None = None
        while time_left() >= TIME_FOR_ONE:
            page = self._jobs.dead(at=at, limit=PAGE, after=last)
            for last in page:
                if time_left() < TIME_FOR_ONE:
                    break
                retried += self._retried(last.key)
            else:
                if len(page) < PAGE:
                    return Redriven(retried=retried, is_complete=True)
        return Redriven(retried=retried, is_complete=False)

    def _retried(self, key: JobKey) -> bool:
        job = self._jobs.get(key)
        act = self._act()
        if job is None or not job.is_dead or job.is_expired(act.at):
            return False
        due_at = first_look(act.at, at=act.at, resend_after=self._limits.resend_after)
        waiting = job.retried_by_hand(act, due_at=due_at)
        try:
            self._jobs.advance(job, waiting)
        except ConcurrentUpdate:
            return False
        dispatch(self._queue, waiting, at=act.at)
        return True

    def _act(self) -> Act:
        return Act(token=self._ids.new_token_id(), at=self._clock.now(), worker=self._worker)
