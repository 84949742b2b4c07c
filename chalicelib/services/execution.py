"""Running one job: claim, compute, finish or fail."""

import logging
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.errors import ConcurrentUpdate, JobFailed
from chalicelib.domain.jobs import Job, JobError, JobKey, JobLimits, Lease
from chalicelib.ports import Clock, IdSource, JobRepository, OperationCatalogue

logger = logging.getLogger(__name__)

DETAIL_MAX_CHARACTERS = 1000
"""An error's detail is for people; what an operation raises may be as large as its data."""


class Outcome(StrEnum):
    """What became of one delivery of a job's message."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    ALREADY_FINAL = "ALREADY_FINAL"
    GONE = "GONE"
    SUPERSEDED = "SUPERSEDED"
    HELD = "HELD"

    @property
    def is_settled(self) -> bool:
        """
        Whether the message may be deleted.

        Not while another attempt holds the job: should that one die, this message is what brings the next.
        """
        return self is not Outcome.HELD


class Execution:
    """Runs jobs. Any number of consumers may be given the same job; the claim lets one through."""

    def __init__(
        self,
        *,
        jobs: JobRepository,
        operations: OperationCatalogue,
        clock: Clock,
        ids: IdSource,
        limits: JobLimits,
    ) -> None:
        self._jobs = jobs
        self._operations = operations
        self._clock = clock
        self._ids = ids
        self._limits = limits

    def execute(self, key: JobKey) -> Outcome:
        """
        Run the job's next attempt, if it is due one.

        Two writes: the claim and the end. Between them nothing of the job is held but its lease, so a consumer may die
        at any point and the message, which comes back, starts the next attempt.

        Raises:
            Unavailable: The store is away; the message must come back.
        """
        now = self._clock.now()
        lease = Lease(token=self._ids.new_token_id(), expires_at=now + self._limits.lease)
        try:
            job = self._jobs.claim(key, lease, at=now)
        except ConcurrentUpdate as refused:
            current = refused.current
            return self._refused_claim(current if isinstance(current, Job) else None, at=now)
        try:
            return self._end(job, self._computed(job))
        except ConcurrentUpdate:
            # The lease ran out and another attempt, or its end, took over: its word counts, not this one's.
            return Outcome.SUPERSEDED

    def _refused_claim(self, job: Job | None, *, at: datetime) -> Outcome:
        """
        Decide on a message whose job could not be claimed at ``at``.

        The instant must be the claim's own: by a later one the lease may have ended, and what was refused only because
        the job was held would look like a job without attempts left.
        """
        if job is None:
            return Outcome.GONE
        if job.is_final:
            return Outcome.ALREADY_FINAL
        if job.attempt < job.max_attempts or job.is_held(at):
            return Outcome.HELD
        detail = f"the job's consumer was lost in each of its {job.max_attempts} attempts"
        try:
            return self._end(job, JobError(code="ATTEMPTS_EXHAUSTED", detail=detail))
        except ConcurrentUpdate:
            # Its last attempt was late, not lost, and has ended the job.
            return Outcome.ALREADY_FINAL

    def _end(self, job: Job, ending: str | JobError) -> Outcome:
        now = self._clock.now()
        if isinstance(ending, JobError):
            self._jobs.fail(job, ending, at=now)
            return Outcome.FAILED
        self._jobs.finish(job, ending, at=now)
        return Outcome.SUCCESS

    def _computed(self, job: Job) -> str | JobError:
        """Return the result as JSON text, or why there is none."""
        operation = self._operations.find(job.operation)
        if operation is None:
            return JobError(code="UNKNOWN_OPERATION", detail=f"this deployment has no operation {job.operation}")
        try:
            result = operation.run(job.data_json)
        except JobFailed as refusal:
            return JobError(code=refusal.code, detail=str(refusal)[:DETAIL_MAX_CHARACTERS])
        except Exception as bug:
            logger.exception("operation raised", extra={"operation": job.operation, "job_id": job.key.job_id})
            detail = f"{type(bug).__name__}: {bug}"[:DETAIL_MAX_CHARACTERS]
            return JobError(code="OPERATION_FAILED", detail=detail)
        if len(result.encode()) > self._limits.result_max_bytes:
            detail = f"the result takes more than {self._limits.result_max_bytes} bytes as JSON"
            return JobError(code="RESULT_TOO_LARGE", detail=detail)
        return result
