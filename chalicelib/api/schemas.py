"""Bodies of answers. The field names are the API's."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec

from chalicelib.api.problems import Problem
from chalicelib.domain.jobs import Job, JobError, Transition
from chalicelib.fields import (
    Attempt,
    CallbackUrlGiven,
    Data,
    Expiry,
    Instant,
    JobIdText,
    MetadataGiven,
    NewStatus,
    Operation,
    Result,
    Status,
    TagsGiven,
    described,
    raw,
)

NUMBERS: Final = {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "number"}]}}


class AcceptedJob(msgspec.Struct, frozen=True):
    """Answer of ``POST /jobs``, ``POST /jobs/{job_id}/cancel`` and ``POST /jobs/{job_id}/retry``."""

    job_id: JobIdText
    status: NewStatus

    @classmethod
    def from_job(cls, job: Job) -> "AcceptedJob":
        """Return the answer to a change of a job."""
        return cls(job_id=job.key.job_id, status=job.status)


class BatchedJob(msgspec.Struct, frozen=True):
    """One job of a batch: accepted, with ``job_id`` and ``status``, or refused, with ``error``."""

    job_id: str | msgspec.UnsetType = msgspec.UNSET
    status: str | msgspec.UnsetType = msgspec.UNSET
    error: Problem | msgspec.UnsetType = msgspec.UNSET


AcceptedOrRefused = Annotated[
    BatchedJob,
    msgspec.Meta(extra_json_schema={"oneOf": [{"required": ["job_id", "status"]}, {"required": ["error"]}]}),
]


class BatchAnswer(msgspec.Struct, frozen=True):
    """Answer of ``POST /jobs/batch``: what became of each job, in the order of the request."""

    jobs: Sequence[AcceptedOrRefused]


class JobState(msgspec.Struct, frozen=True):
    """Answer of ``GET /jobs/{job_id}/status``."""

    status: Status


class ErrorBody(msgspec.Struct, frozen=True):
    """Why a job FAILED."""

    code: Annotated[str, described("", "OPERATION_FAILED")]
    detail: Annotated[str, described("", "the result is beyond the largest float")]

    @classmethod
    def from_error(cls, error: JobError | None) -> "ErrorBody | None":
        """Return the body of a job's error."""
        return None if error is None else cls(code=error.code, detail=error.detail)


def metadata_of(job: Job) -> Mapping[str, str]:
    """Return a job's metadata as it was given."""
    return msgspec.json.decode(job.metadata_json, type=dict[str, str]) if job.metadata_json else {}


class JobResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """Answer of ``GET /jobs/{job_id}/result``; ``error`` is there when the job FAILED."""

    status: Status
    result: Result
    error: Annotated[ErrorBody | None, described("", None)] = None

    @classmethod
    def from_job(cls, job: Job) -> "JobResult":
        """Return the result of a job."""
        return cls(status=job.status, result=raw(job.result_json), error=ErrorBody.from_error(job.error))


class ListedJob(msgspec.Struct, frozen=True, omit_defaults=True):
    """One job of a list; ``tags`` and ``metadata`` are there when it has some."""

    job_id: JobIdText
    data: Data
    operation: Operation
    status: Status
    result: Result
    tags: TagsGiven = ()
    metadata: MetadataGiven = msgspec.field(default_factory=dict)

    @classmethod
    def from_job(cls, job: Job) -> "ListedJob":
        """Return a job as lists show it."""
        return cls(
            job_id=job.key.job_id,
            data=raw(job.data_json),
            operation=job.operation,
            status=job.status,
            result=raw(job.result_json),
            tags=job.tags,
            metadata=metadata_of(job),
        )


class JobList(msgspec.Struct, frozen=True):
    """Answer of ``GET /jobs``: newest first; ``next_cursor`` is null at the end."""

    jobs: Sequence[ListedJob]
    next_cursor: Annotated[str | None, described("The `cursor` of the next page; null on the last one.", None)]


class WholeJob(msgspec.Struct, frozen=True):
    """Answer of ``GET /jobs/{job_id}``; instants are RFC 3339 in UTC."""

    job_id: JobIdText
    operation: Operation
    data: Data
    status: Status
    attempt: Attempt
    max_attempts: Annotated[int, described("", 3)]
    timeout_s: Annotated[int, described("", 60)]
    created_at: Instant
    run_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    expires_at: Expiry
    tags: TagsGiven
    metadata: MetadataGiven
    callback_url: CallbackUrlGiven
    schedule_id: Annotated[str | None, described("The schedule that it was made by.", None)]
    scheduled_for: Instant | None
    result: Result
    error: Annotated[ErrorBody | None, described("", None)]

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
            tags=job.tags,
            metadata=metadata_of(job),
            callback_url=job.callback_url,
            schedule_id=None if job.scheduled is None else job.scheduled.schedule_id,
            scheduled_for=None if job.scheduled is None else job.scheduled.due_at,
            result=raw(job.result_json),
            error=ErrorBody.from_error(job.error),
        )


class LoggedEvent(msgspec.Struct, frozen=True):
    """One transition of a job."""

    at: Instant
    transition: Annotated[Transition, described("What happened.", "SUBMIT")]
    attempt: Annotated[int, described("The job's `attempt` after it.", 0)]
    worker: Annotated[str, described("", "3f2a9c")]
    reason: Annotated[str | None, described("", None)]


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

    status: Status
    explanation: Annotated[str, described("", "Attempt 1 of 3 returned a result at 2026-11-24T12:00:01Z.")]


class DescribedOperation(msgspec.Struct, frozen=True):
    """One operation; ``input_schema`` is the JSON Schema of a job's ``data``, the numbers are a job's most."""

    name: Operation
    description: Annotated[str, described("", "Sum of the squares of a list of numbers; 0 for an empty list.")]
    input_schema: Annotated[Mapping[str, Any], described("", NUMBERS)]
    max_attempts: Annotated[int, described("", 3)]
    timeout_s: Annotated[int, described("", 60)]


class OperationList(msgspec.Struct, frozen=True):
    """Answer of ``GET /operations``."""

    operations: Sequence[DescribedOperation]


class Health(msgspec.Struct, frozen=True):
    """Answer of ``GET /health``."""

    status: Annotated[str, described("", "ok")]
