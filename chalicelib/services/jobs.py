"""Submitting jobs, reading them, calling them off and on again; always those of one owner."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from chalicelib.domain.delivery import first_look
from chalicelib.domain.errors import (
    ConcurrentUpdate,
    Conflict,
    Expired,
    InputTooLarge,
    InvalidInput,
    NotFound,
    Unavailable,
)
from chalicelib.domain.explanations import explanation
from chalicelib.domain.jobs import Act, Job, JobId, JobKey, JobLimits, JobStatus, parsed_job_id, submitted
from chalicelib.domain.users import UserId
from chalicelib.ports import Clock, IdSource, JobPage, JobQueue, JobRepository, Operation, OperationCatalogue
from chalicelib.services.dispatch import dispatch

DELAY_MAX = timedelta(days=366)
"""A year, be it a leap year, is as far ahead as a job can be submitted."""

RETENTION_DAYS_MAX = 366

WRITE_TRIES = 5
"""Times that a caller's wish is decided anew because the job moved in between; each loss is somebody's progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """
    What a caller may ask of one job, within the operation's bounds; ``None`` leaves it to operation and settings.

    ``delay_s`` and ``run_at`` exclude each other; an instant that has passed is now.
    """

    delay_s: int | None = None
    run_at: datetime | None = None
    max_attempts: int | None = None
    timeout_s: int | None = None
    retention_days: int | None = None


class JobService:
    """Jobs of one owner at a time: the owner is part of every key, so no call can reach another's."""

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        jobs: JobRepository,
        queue: JobQueue,
        operations: OperationCatalogue,
        clock: Clock,
        ids: IdSource,
        limits: JobLimits,
        worker: str,
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._operations = operations
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._worker = worker

    def submit(self, owner_id: UserId, *, operation: str, data_json: bytes, options: JobOptions | None = None) -> Job:
        """
        Accept a job: the row first, then the message.

        The row is the promise. A message that cannot be sent is sent by the sweep.

        Returns:
            The job, stored.

        Raises:
            InvalidInput: There is no such operation, the data is not of its input type, or an option is out of bounds.
            InputTooLarge: The data is over the limit.
            Unavailable: The store is away. Whether the job was accepted is unknown.
        """
        wanted = options or JobOptions()
        known = self._known_operation(operation)
        act = self._act()
        run_at = _run_at(wanted, act.at)
        job = submitted(
            JobKey(owner_id=owner_id, job_id=self._ids.new_job_id()),
            act,
            operation=operation,
            data_json=self._accepted_data(known, data_json),
            max_attempts=_within("max_attempts", wanted.max_attempts, default=known.policy.max_attempts),
            timeout=timedelta(seconds=_within("timeout_s", wanted.timeout_s, default=known.policy.timeout_s)),
            retention=self._retention(wanted.retention_days),
            run_at=run_at,
            due_at=first_look(run_at, at=act.at, resend_after=self._limits.resend_after),
        )
        self._jobs.add(job)
        dispatch(self._queue, job, at=act.at)
        return job

    def get(self, owner_id: UserId, job_id: str) -> Job:
        """
        Return one job.

        Raises:
            NotFound: No such job of this owner.
            Expired: Its retention is over, and the table has not deleted it yet.
        """
        known_id = parsed_job_id(job_id)
        job = None if known_id is None else self._jobs.get(JobKey(owner_id=owner_id, job_id=known_id))
        if job is None:
            detail = "you have no job of this id; GET /jobs lists those you have"
            raise NotFound(detail)
        if job.is_expired(self._clock.now()):
            detail = f"this job was kept until {job.expires_at:%Y-%m-%dT%H:%M:%SZ}"
            raise Expired(detail)
        return job

    def explain(self, owner_id: UserId, job_id: str) -> tuple[JobStatus, str]:
        """Return a job's status and one sentence on why it is there and what happens next; raises as `get` does."""
        job = self.get(owner_id, job_id)
        return job.status, explanation(job, at=self._clock.now())

    def cancel(self, owner_id: UserId, job_id: str) -> Job:
        """
        Call a waiting or running job off; return it.

        A running operation goes on until it asks or is asked after, but what it returns no longer counts.

        Raises:
            NotFound: No such job of this owner.
            Expired: Its retention is over.
            Conflict: It is final.
        """

        def cancelled(job: Job) -> Job:
            if job.is_final:
                detail = f"the job is {job.status}; only a PENDING or IN_PROGRESS one can be cancelled"
                raise Conflict(detail)
            return job.cancelled(self._act())

        return self._changed(owner_id, job_id, cancelled)

    def retry_by_hand(self, owner_id: UserId, job_id: str) -> Job:
        """
        Give a FAILED or CANCELLED job a fresh set of attempts; return it, waiting.

        Raises:
            NotFound: No such job of this owner.
            Expired: Its retention is over.
            Conflict: It is neither.
        """

        def waiting(job: Job) -> Job:
            if job.status not in {JobStatus.FAILED, JobStatus.CANCELLED}:
                detail = f"the job is {job.status}; only a FAILED or CANCELLED one can be retried"
                raise Conflict(detail)
            act = self._act()
            due_at = first_look(act.at, at=act.at, resend_after=self._limits.resend_after)
            return job.retried_by_hand(act, due_at=due_at)

        job = self._changed(owner_id, job_id, waiting)
        dispatch(self._queue, job, at=job.run_at)
        return job

    def newest(self, owner_id: UserId, *, limit: int, after: JobId | None) -> JobPage:
        """Return a page of the owner's jobs, newest first; expired ones are left out, so it may be short."""
        now = self._clock.now()
        page = self._jobs.newest(owner_id, limit=limit, after=after)
        return JobPage(jobs=[job for job in page.jobs if not job.is_expired(now)], next_after=page.next_after)

    def _changed(self, owner_id: UserId, job_id: str, change: Callable[[Job], Job]) -> Job:
        for _ in range(WRITE_TRIES):
            job = self.get(owner_id, job_id)
            changed = change(job)
            try:
                self._jobs.advance(job, changed)
            except ConcurrentUpdate:
                continue
            return changed
        detail = "the job is changing too quickly; try again"
        raise Unavailable(detail)

    def _known_operation(self, operation: str) -> Operation:
        known = self._operations.find(operation)
        if known is None:
            names = [each.name for each in self._operations.all()]
            close = get_close_matches(operation[:64], names, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            detail = f"there is no such operation; there are {', '.join(names)}{hint}"
            raise InvalidInput(detail, pointer="#/operation")
        return known

    def _accepted_data(self, operation: Operation, data_json: bytes) -> str:
        data = operation.accepted_input(data_json)
        size = len(data.encode())
        if size > self._limits.data_max_bytes:
            detail = f"data takes {size} bytes as JSON, and a job may have {self._limits.data_max_bytes}"
            raise InputTooLarge(detail)
        return data

    def _retention(self, wanted_days: int | None) -> timedelta:
        if wanted_days is None:
            return self._limits.retention
        if not 1 <= wanted_days <= RETENTION_DAYS_MAX:
            detail = f"retention_days must be from 1 to {RETENTION_DAYS_MAX}"
            raise InvalidInput(detail, pointer="#/retention_days")
        return timedelta(days=wanted_days)

    def _act(self) -> Act:
        return Act(token=self._ids.new_token_id(), at=self._clock.now(), worker=self._worker)


def _within(name: str, wanted: int | None, *, default: int) -> int:
    """Return a job's own bound, which may not be wider than its operation's."""
    if wanted is None:
        return default
    if not 1 <= wanted <= default:
        detail = f"{name} must be from 1 to {default}, which is what the operation allows"
        raise InvalidInput(detail, pointer=f"#/{name}")
    return wanted


def _run_at(options: JobOptions, at: datetime) -> datetime:
    """Return when the job is to run, to the millisecond that rows keep."""
    if options.delay_s is not None and options.run_at is not None:
        detail = "give delay_s or run_at, not both"
        raise InvalidInput(detail, pointer="#/run_at")
    if options.delay_s is not None:
        if not 0 <= options.delay_s <= DELAY_MAX.total_seconds():
            detail = f"delay_s must be from 0 to {int(DELAY_MAX.total_seconds())}, which is {DELAY_MAX.days} days"
            raise InvalidInput(detail, pointer="#/delay_s")
        return at + timedelta(seconds=options.delay_s)
    if options.run_at is None or options.run_at <= at:
        return at
    if options.run_at > at + DELAY_MAX:
        detail = f"run_at must be within {DELAY_MAX.days} days from now"
        raise InvalidInput(detail, pointer="#/run_at")
    run_at = options.run_at.astimezone(UTC)
    return run_at.replace(microsecond=run_at.microsecond // 1000 * 1000)
