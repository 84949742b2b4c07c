"""Running one job: claim, compute, then finish, retry or fail."""

import logging
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum

from chalicelib.domain.delivery import first_look
from chalicelib.domain.errors import AttemptCancelled, AttemptFailed, ConcurrentUpdate
from chalicelib.domain.jobs import Act, Claim, Job, JobError, JobErrorCode, JobKey, JobLimits
from chalicelib.domain.retries import retry_delay
from chalicelib.ports import Clock, IdSource, JobQueue, JobRepository, OperationRunner, Randomness
from chalicelib.services.dispatch import dispatch
from chalicelib.services.known_pauses import KnownPauses
from chalicelib.services.measuring import attempt_failed, ended

logger = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of one delivery of a job's message."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    RETRIED = "RETRIED"
    ALREADY_FINAL = "ALREADY_FINAL"
    GONE = "GONE"
    SUPERSEDED = "SUPERSEDED"
    HELD = "HELD"
    NOT_DUE = "NOT_DUE"
    HANDED_ON = "HANDED_ON"
    PAUSED = "PAUSED"
    TOO_LONG = "TOO_LONG"

    @property
    def is_settled(self) -> bool:
        """
        Whether the message has done its work and may be deleted.

        It has when another attempt holds the job, or the job is not due or is paused: should that attempt die, or the
        retry's own message be lost, the sweep sends another, and so it does once a pause is over. It has not when no
        consumer has the time that the job may take, which is a fault of the deployment: such messages end as dead
        letters, and their jobs say so.
        """
        return self is not Outcome.TOO_LONG


class Execution:
    """Runs jobs. Any number of consumers may be given the same job; the claim lets one through."""

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        jobs: JobRepository,
        queue: JobQueue,
        runner: OperationRunner,
        clock: Clock,
        ids: IdSource,
        randomness: Randomness,
        limits: JobLimits,
        pauses: KnownPauses,
        worker: str,
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._runner = runner
        self._clock = clock
        self._ids = ids
        self._randomness = randomness
        self._limits = limits
        self._pauses = pauses
        self._worker = worker

    def execute(self, key: JobKey, *, time_left: Callable[[], timedelta], whole_time: timedelta) -> Outcome:
        """
        Run the job's next attempt, if it is due one, is not paused, and can end within ``time_left``.

        A job that cannot, but could have within the ``whole_time`` that the consumer had at first, is handed on: sent
        again, so that the message at hand can go. A message of its own, rather than the return of the old one, because
        that would be gone for the queue's visibility timeout, and each return brings it nearer to the dead letters.

        Two writes: the claim and the end. Between them nothing of the job is held but its lease, so a consumer may die
        at any point, and when the lease has ended the sweep brings the next attempt.

        Raises:
            Unavailable: The store or the queue is away; the message must come back.
        """
        # First, because a look that fails takes seconds, of which the job must not be promised any.
        pauses = self._pauses.now()
        if key.owner_id in pauses.owners:
            return Outcome.PAUSED
        margin = self._limits.lease_margin
        claim = Claim(
            act=self._act(),
            time_left=time_left() - margin,
            lease_margin=margin,
            paused_operations=pauses.operations,
        )
        try:
            job = self._jobs.claim(key, claim)
        except ConcurrentUpdate as refused:
            current = refused.current
            return self._refused_claim(current if isinstance(current, Job) else None, claim, whole_time)
        try:
            return self._run(job)
        except (AttemptCancelled, ConcurrentUpdate):
            # It was cancelled, or the lease ran out and another attempt took over: this one's word does not count.
            return Outcome.SUPERSEDED

    def _run(self, job: Job) -> Outcome:
        try:
            result = self._runner.run(job, is_cancelled=lambda: self._is_lost(job))
        except AttemptFailed as failure:
            error = JobError(code=failure.code, detail=failure.detail)
            attempt_failed(job, error)
            if failure.is_final or job.attempt >= job.last_attempt:
                return self._fail(job, error)
            return self._retry(job, error)
        self._end(job, job.finished(result, self._act()))
        return Outcome.SUCCESS

    def _fail(self, job: Job, error: JobError) -> Outcome:
        self._end(job, job.failed(error, self._act()))
        return Outcome.FAILED

    def _end(self, job: Job, final: Job) -> None:
        self._jobs.advance(job, final)
        ended(final)

    def _retry(self, job: Job, error: JobError) -> Outcome:
        act = self._act()
        run_at = act.at + retry_delay(job.attempt_in_set, fraction=self._randomness.fraction())
        due_at = first_look(run_at, at=act.at, resend_after=self._limits.resend_after)
        waiting = job.retried(error, act, run_at=run_at, due_at=due_at)
        self._jobs.advance(job, waiting)
        dispatch(self._queue, waiting, at=act.at)
        return Outcome.RETRIED

    def _refused_claim(self, job: Job | None, claim: Claim, whole_time: timedelta) -> Outcome:
        """
        Decide on a message whose job could not be claimed.

        The instant must be the claim's own: by a later one the lease may have ended, and what was refused only because
        the job was held would look like a job without attempts left.
        """
        at = claim.act.at
        if job is None or job.is_expired(at):
            return Outcome.GONE
        if job.is_final:
            return Outcome.ALREADY_FINAL
        if job.is_held(at):
            return Outcome.HELD
        if job.attempt >= job.last_attempt:
            return self._exhausted(job)
        if job.operation in claim.paused_operations:
            return Outcome.PAUSED
        return self._without_time(job, claim, whole_time) if job.is_due(at) else Outcome.NOT_DUE

    def _without_time(self, job: Job, claim: Claim, whole_time: timedelta) -> Outcome:
        if job.timeout + claim.lease_margin > whole_time:
            logger.error("no consumer has the time for this job", extra={"job_id": job.key.job_id})
            return Outcome.TOO_LONG
        self._queue.send(job.key)
        return Outcome.HANDED_ON

    def _exhausted(self, job: Job) -> Outcome:
        detail = f"the last of its {job.max_attempts} attempts was not heard of again"
        try:
            return self._fail(job, JobError(code=JobErrorCode.ATTEMPTS_EXHAUSTED, detail=detail))
        except ConcurrentUpdate:
            # Its last attempt was late, not lost, and has ended the job.
            return Outcome.ALREADY_FINAL

    def _is_lost(self, job: Job) -> bool:
        """Tell whether the job is no longer this attempt's, be it cancelled, taken over or gone."""
        current = self._jobs.get(job.key)
        return current is None or not current.is_unchanged_since(job)

    def _act(self) -> Act:
        return Act(token=self._ids.new_token_id(), at=self._clock.now(), worker=self._worker)
