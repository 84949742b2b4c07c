"""Accepting jobs: what a caller wants, checked against its operation, becomes a row and then a message."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chalicelib.domain.delivery import first_look
from chalicelib.domain.errors import IdempotencyKeyReused, InputTooLarge, InvalidInput
from chalicelib.domain.hints import no_such_operation
from chalicelib.domain.jobs import Act, Job, JobKey, JobLimits, submitted
from chalicelib.domain.receipts import KeyedRequest, Outcome, Receipt, Refusal, Submitted
from chalicelib.domain.users import UserId
from chalicelib.ports import Clock, IdSource, JobQueue, JobRepository, Operation, OperationCatalogue, Submissions
from chalicelib.services.dispatch import dispatch, dispatch_all

DELAY_MAX = timedelta(days=366)
"""A year, be it a leap year, is as far ahead as a job can be submitted."""

RETENTION_DAYS_MAX = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedJob:
    """
    A job as its caller asks for it; ``None`` leaves a bound to operation and settings.

    ``data_json`` is JSON text of any kind. ``delay_s`` and ``run_at`` exclude each other; an instant that has passed is
    now.
    """

    operation: str
    data_json: bytes
    delay_s: int | None = None
    run_at: datetime | None = None
    max_attempts: int | None = None
    timeout_s: int | None = None
    retention_days: int | None = None
    tags: tuple[str, ...] = ()
    metadata_json: str | None = None


class SubmissionService:
    """Submits jobs; the owner is part of every key, so no call can reach another's."""

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        jobs: JobRepository,
        submissions: Submissions,
        queue: JobQueue,
        operations: OperationCatalogue,
        clock: Clock,
        ids: IdSource,
        limits: JobLimits,
        worker: str,
    ) -> None:
        self._jobs = jobs
        self._submissions = submissions
        self._queue = queue
        self._operations = operations
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._worker = worker

    def submit(self, owner_id: UserId, wanted: WantedJob) -> Job:
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
        act = self._new_act()
        job = self._checked(owner_id, wanted, act)
        self._jobs.add(job)
        dispatch(self._queue, job, at=act.at)
        return job

    def submit_once(self, owner_id: UserId, wanted: WantedJob, request: KeyedRequest) -> Submitted:
        """
        Accept a job, as `submit` does, unless its request repeats one that was accepted: then name that one's job.

        Raises:
            IdempotencyKeyReused: The key was given to another request.
            InvalidInput: As in `submit`; nothing is kept of a refused request.
            InputTooLarge: As in `submit`.
            Unavailable: The store is away. Whether the job was accepted, the same request will tell.
        """
        act = self._new_act()
        job = self._checked(owner_id, wanted, act)
        return self._once(Receipt.of(owner_id, request, act, (job.key.job_id,)), [job])

    def repeated(self, owner_id: UserId, request: KeyedRequest) -> Submitted | None:
        """
        Return what became of the request that this one repeats, ``None`` when it repeats none.

        Raises:
            IdempotencyKeyReused: The key was given to another request.
            Unavailable: The store is away.
        """
        standing = self._submissions.find(owner_id, request.key_digest, at=self._clock.now())
        return None if standing is None else _replay(standing, request.fingerprint)

    def submit_batch(
        self, owner_id: UserId, wanted: Sequence[WantedJob | InvalidInput], request: KeyedRequest | None
    ) -> Submitted:
        """
        Accept or refuse each job of a batch by itself; those accepted are stored all or none.

        What could not be read as a job comes as the error that says so, and is refused with it. With ``request`` the
        whole batch happens once, as in `submit_once`; nothing is kept of one without an accepted job.

        Raises:
            IdempotencyKeyReused: The key was given to another request.
            Unavailable: The store is away. Whether the batch was accepted is unknown.
        """
        act = self._new_act()
        jobs: list[Job] = []
        outcomes: list[Outcome] = []
        for each in wanted:
            try:
                if isinstance(each, InvalidInput):
                    raise each
                job = self._checked(owner_id, each, act)
            except (InvalidInput, InputTooLarge) as refused:
                outcomes.append(Refusal.of(refused))
            else:
                jobs.append(job)
                outcomes.append(job.key.job_id)
        if jobs and request is not None:
            return self._once(Receipt.of(owner_id, request, act, tuple(outcomes)), jobs)
        if jobs:
            self._submissions.add(jobs)
            dispatch_all(self._queue, jobs, at=act.at)
        return Submitted(outcomes=tuple(outcomes), jobs=tuple(jobs))

    def _once(self, receipt: Receipt, jobs: Sequence[Job]) -> Submitted:
        standing = self._submissions.add_once(jobs, receipt)
        if standing.token != receipt.token:
            return _replay(standing, receipt.fingerprint)
        dispatch_all(self._queue, jobs, at=receipt.created_at)
        return Submitted(outcomes=standing.outcomes, jobs=tuple(jobs))

    def _new_act(self) -> Act:
        return Act(token=self._ids.new_token_id(), at=self._clock.now(), worker=self._worker)

    def _checked(self, owner_id: UserId, wanted: WantedJob, act: Act) -> Job:
        known = self._known_operation(wanted.operation)
        run_at = _run_at(wanted, act.at)
        return submitted(
            JobKey(owner_id=owner_id, job_id=self._ids.new_job_id(act.at)),
            act,
            operation=wanted.operation,
            data_json=self._accepted_data(known, wanted.data_json),
            max_attempts=_within("max_attempts", wanted.max_attempts, default=known.policy.max_attempts),
            timeout=timedelta(seconds=_within("timeout_s", wanted.timeout_s, default=known.policy.timeout_s)),
            retention=self._retention(wanted.retention_days),
            run_at=run_at,
            due_at=first_look(run_at, at=act.at, resend_after=self._limits.resend_after),
            tags=tuple(dict.fromkeys(wanted.tags)),
            metadata_json=wanted.metadata_json,
        )

    def _known_operation(self, operation: str) -> Operation:
        known = self._operations.find(operation)
        if known is None:
            detail = no_such_operation(operation, [each.name for each in self._operations.all()])
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


def _replay(standing: Receipt, fingerprint: str) -> Submitted:
    if standing.fingerprint != fingerprint:
        detail = "this Idempotency-Key was given to another request; use a new one, or repeat that one as it was"
        raise IdempotencyKeyReused(detail)
    return Submitted(outcomes=standing.outcomes, is_replay=True)


def _within(name: str, wanted: int | None, *, default: int) -> int:
    """Return a job's own bound, which may not be wider than its operation's."""
    if wanted is None:
        return default
    if not 1 <= wanted <= default:
        detail = f"{name} must be from 1 to {default}, which is what the operation allows"
        raise InvalidInput(detail, pointer=f"#/{name}")
    return wanted


def _run_at(wanted: WantedJob, at: datetime) -> datetime:
    """Return when the job is to run, to the millisecond that rows keep."""
    if wanted.delay_s is not None and wanted.run_at is not None:
        detail = "give delay_s or run_at, not both"
        raise InvalidInput(detail, pointer="#/run_at")
    if wanted.delay_s is not None:
        if not 0 <= wanted.delay_s <= DELAY_MAX.total_seconds():
            detail = f"delay_s must be from 0 to {int(DELAY_MAX.total_seconds())}, which is {DELAY_MAX.days} days"
            raise InvalidInput(detail, pointer="#/delay_s")
        return at + timedelta(seconds=wanted.delay_s)
    if wanted.run_at is None or wanted.run_at <= at:
        return at
    if wanted.run_at > at + DELAY_MAX:
        detail = f"run_at must be within {DELAY_MAX.days} days from now"
        raise InvalidInput(detail, pointer="#/run_at")
    run_at = wanted.run_at.astimezone(UTC)
    return run_at.replace(microsecond=run_at.microsecond // 1000 * 1000)
