"""Bodies of answers about other people's jobs, for administrators: never the data, the result or the metadata."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec

from chalicelib.api.schemas import EventLog, LoggedEvent
from chalicelib.domain.explanations import explanation
from chalicelib.domain.jobs import Job
from chalicelib.domain.pauses import JobPause
from chalicelib.fields import Attempt, Instant, JobIdText, Operation, Status, TagsGiven, UserIdText, described

if TYPE_CHECKING:
    from chalicelib.services.job_administration import AdministeredJobs

OwnersName = Annotated[
    str | None, described("The owner's name; null of one who has no session and no API key.", "yourname")
]


class SeenError(msgspec.Struct, frozen=True):
    """Why a job FAILED, as far as administrators see it."""

    code: Annotated[str, described("", "OPERATION_FAILED")]
    detail: Annotated[
        str | None,
        described(
            "In a list of jobs null but for a dead one: what an operation said may have the user's data in it, and is"
            " told in a look at the one job, which is on record.",
            None,
        ),
    ]

    @classmethod
    def from_job(cls, job: Job, *, in_list: bool) -> "SeenError | None":
        """Return what is seen of a job's error; the words about a dead job are the service's own."""
        if job.error is None:
            return None
        return cls(code=job.error.code, detail=None if in_list and not job.is_dead else job.error.detail)


class AdministeredJob(msgspec.Struct, frozen=True):
    """One job of a user."""

    owner_id: UserIdText
    username: OwnersName
    job_id: JobIdText
    operation: Operation
    status: Status
    attempt: Attempt
    max_attempts: Annotated[int, described("", 3)]
    created_at: Instant
    run_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    error: Annotated[SeenError | None, described("", None)]
    dead: Annotated[bool, described("Whether it failed because its consumers or its messages were lost.", False)]  # noqa: FBT003 - an example
    tags: TagsGiven

    @classmethod
    def from_job(cls, job: Job, username: str | None) -> "AdministeredJob":
        """Return what administrators see of a job in a list."""
        return cls(
            owner_id=job.key.owner_id,
            username=username,
            job_id=job.key.job_id,
            operation=job.operation,
            status=job.status,
            attempt=job.attempt,
            max_attempts=job.max_attempts,
            created_at=job.created_at,
            run_at=job.run_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            error=SeenError.from_job(job, in_list=True),
            dead=job.is_dead,
            tags=job.tags,
        )


class AdministeredJobList(msgspec.Struct, frozen=True):
    """Answer of ``GET /admin/jobs``; ``next_cursor`` is null at the end."""

    jobs: Sequence[AdministeredJob]
    next_cursor: Annotated[str | None, described("The `cursor` of the next page; null on the last one.", None)]


class ExplainedJob(AdministeredJob, frozen=True):
    """Answer of ``GET /admin/jobs/{owner_id}/{job_id}``: the job, what happened to it, and why it is where it is."""

    events: Sequence[LoggedEvent]
    explanation: Annotated[str, described("", "Attempt 1 of 3 returned a result at 2026-11-24T12:00:01Z.")]

    @classmethod
    def from_found(cls, found: "AdministeredJobs", *, at: datetime, pause: JobPause | None) -> "ExplainedJob":
        """Return what administrators see of the one job that was found; ``pause`` is what it waits for."""
        (job,) = found.jobs
        seen = AdministeredJob.from_job(job, found.usernames[job.key.owner_id])
        return cls(
            **{name: getattr(seen, name) for name in seen.__struct_fields__}
            | {"error": SeenError.from_job(job, in_list=False)},
            events=EventLog.from_job(job).events,
            explanation=explanation(job, at=at, pause=pause),
        )


class BulkAnswer(msgspec.Struct, frozen=True):
    """Answer of ``POST /admin/bulk``: what this call did; the same body with ``cursor`` goes on."""

    matched: Annotated[int, described("Jobs that the filter meets, of those this call got to.", 12)]
    changed: Annotated[int, described("Of these, how many were retried or cancelled; none in a preview.", 12)]
    next_cursor: Annotated[str | None, described("The `cursor` of the next call; null when all were met.", None)]
