"""Request and response bodies. The field names are the API's."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from chalicelib.domain.jobs import Job, JobError
from chalicelib.services.jobs import JobOptions


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /register`` and ``POST /login``."""

    username: str
    password: str


class RegisteredUser(msgspec.Struct, frozen=True):
    """Answer of ``POST /register``."""

    user_id: str
    username: str


class TokenAnswer(msgspec.Struct, frozen=True):
    """Answer of ``POST /login``, named as in RFC 6749 section 5.1; ``expires_in`` is in seconds."""

    access_token: str
    token_type: str
    expires_in: int


class JobRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /jobs``; what ``data`` may be depends on the operation."""

    operation: str
    data: msgspec.Raw
    delay_s: int | None = None
    run_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    max_attempts: int | None = None
    timeout_s: int | None = None
    retention_days: int | None = None

    def options(self) -> JobOptions:
        """Return what the caller asks of this one job."""
        return JobOptions(
            delay_s=self.delay_s,
            run_at=self.run_at,
            max_attempts=self.max_attempts,
            timeout_s=self.timeout_s,
            retention_days=self.retention_days,
        )


class AcceptedJob(msgspec.Struct, frozen=True):
    """Answer of ``POST /jobs``, ``POST /jobs/{job_id}/cancel`` and ``POST /jobs/{job_id}/retry``."""

    job_id: str
    status: str

    @classmethod
    def from_job(cls, job: Job) -> "AcceptedJob":
        """Return the answer to a change of a job."""
        return cls(job_id=job.key.job_id, status=job.status)


class JobState(msgspec.Struct, frozen=True):
    """Answer of ``GET /jobs/{job_id}/status``."""

    status: str


class ErrorBody(msgspec.Struct, frozen=True):
    """Why a job FAILED."""

    code: str
    detail: str

    @classmethod
    def from_error(cls, error: JobError | None) -> "ErrorBody | None":
        """Return the body of a job's error."""
        return None if error is None else cls(code=error.code, detail=error.detail)


NULL = msgspec.Raw(b"null")


def raw(json_text: str | None) -> msgspec.Raw:
    """Return stored JSON text as it is, ``null`` when there is none."""
    return NULL if json_text is None else msgspec.Raw(json_text.encode())


class JobResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """Answer of ``GET /jobs/{job_id}/result``; ``error`` is there when the job FAILED."""

    status: str
    result: msgspec.Raw
    error: ErrorBody | None = None

    @classmethod
    def from_job(cls, job: Job) -> "JobResult":
        """Return the result of a job."""
        return cls(status=job.status, result=raw(job.result_json), error=ErrorBody.from_error(job.error))


class ListedJob(msgspec.Struct, frozen=True):
    """One job of a list."""

    job_id: str
    data: msgspec.Raw
    operation: str
    status: str
    result: msgspec.Raw

    @classmethod
    def from_job(cls, job: Job) -> "ListedJob":
        """Return a job as lists show it."""
        return cls(
            job_id=job.key.job_id,
            data=raw(job.data_json),
            operation=job.operation,
            status=job.status,
            result=raw(job.result_json),
        )


class JobList(msgspec.Struct, frozen=True):
    """Answer of ``GET /jobs``: newest first; ``next_cursor`` is null at the end."""

    jobs: Sequence[ListedJob]
    next_cursor: str | None


class WholeJob(msgspec.Struct, frozen=True):
    """Answer of ``GET /jobs/{job_id}``; instants are RFC 3339 in UTC."""

    job_id: str
    operation: str
    data: msgspec.Raw
    status: str
    attempt: int
    max_attempts: int
    timeout_s: int
    created_at: datetime
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    result: msgspec.Raw
    error: ErrorBody | None

    @classmethod
    def from_job(cls, job: Job) -> "WholeJob":
        """Return everything the owner may know of a job."""
        return cls(
            job_id=job.key.job_id,
            operation=job.operation,
            data=raw(job.data_json),
            status=job.status,
            attempt=job.attempt,
            max_attempts=job.max_attempts,
            timeout_s=int(job.timeout.total_seconds()),
            created_at=job.created_at,
            run_at=job.run_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            expires_at=job.expires_at,
            result=raw(job.result_json),
            error=ErrorBody.from_error(job.error),
        )


class LoggedEvent(msgspec.Struct, frozen=True):
    """One transition of a job."""

    at: datetime
    transition: str
    attempt: int
    worker: str
    reason: str | None


class EventLog(msgspec.Struct, frozen=True):
    """Answer of ``GET /jobs/{job_id}/events``: the oldest first."""

    events: Sequence[LoggedEvent]

    @classmethod
    def from_job(cls, job: Job) -> "EventLog":
        """Return a job's event log."""
        return cls(
            events=[
                LoggedEvent(
                    at=event.at,
                    transition=event.transition,
                    attempt=event.attempt,
                    worker=event.worker,
                    reason=event.reason,
                )
                for event in job.events
            ]
        )


class Explanation(msgspec.Struct, frozen=True):
    """Answer of ``GET /jobs/{job_id}/explain``: one sentence."""

    status: str
    explanation: str


class DescribedOperation(msgspec.Struct, frozen=True):
    """One operation; ``input_schema`` is the JSON Schema of a job's ``data``, the numbers are a job's most."""

    name: str
    description: str
    input_schema: Mapping[str, object]
    max_attempts: int
    timeout_s: int


class OperationList(msgspec.Struct, frozen=True):
    """Answer of ``GET /operations``."""

    operations: Sequence[DescribedOperation]


class Health(msgspec.Struct, frozen=True):
    """Answer of ``GET /health``."""

    status: str
