"""
Pauses: no attempt of some jobs begins until an administrator resumes them.

What is paused is an operation, or one user's jobs. Jobs go on being accepted, and wait; an attempt that is running
goes on to its end.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from chalicelib.domain.jobs import Job, JobKey
from chalicelib.domain.users import UserId

PAUSES_MAX = 50
"""
Pauses at a time. All of them are read at once and remembered by every consumer, and the paused operations are part of
each claim's condition, which DynamoDB bounds.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsOfOperation:
    """Everybody's jobs of one operation."""

    operation: str

    def may_have(self, key: JobKey) -> bool:  # noqa: ARG002 - as `JobsOfUser` has it
        """Whether a job of this key can be one of them; of this kind, its row tells."""
        return True

    def has(self, job: Job) -> bool:
        """Whether a job is one of them."""
        return job.operation == self.operation


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsOfUser:
    """One user's jobs; ``username`` is for people."""

    owner_id: UserId
    username: str

    def may_have(self, key: JobKey) -> bool:
        """Whether a job of this key is one of them."""
        return key.owner_id == self.owner_id

    def has(self, job: Job) -> bool:
        """Whether a job is one of them."""
        return self.may_have(job.key)


SomeJobs: TypeAlias = JobsOfOperation | JobsOfUser
"""What can be paused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPause:
    """
    One pause; ``paused_by`` is the name of the administrator.

    Not called a pause alone, which is what somebody takes who waits a moment: `chalicelib.ports.Pause`.
    """

    jobs: SomeJobs
    paused_at: datetime
    paused_by: str
    reason: str | None = None

    def holds(self, job: Job) -> bool:
        """
        Whether a job waits for the end of this pause, once no attempt runs.

        One whose last attempt was lost needs no other, only to be failed, from which a pause of its operation does not
        keep it. One of its owner does: it is known before the row is read.
        """
        return self.jobs.has(job) and (isinstance(self.jobs, JobsOfUser) or job.attempt < job.last_attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPauses:
    """All pauses, as they were at some moment."""

    all: tuple[JobPause, ...] = ()

    @property
    def operations(self) -> frozenset[str]:
        """Those that are paused for everybody."""
        return frozenset(pause.jobs.operation for pause in self.all if isinstance(pause.jobs, JobsOfOperation))

    @property
    def owners(self) -> frozenset[UserId]:
        """Those whose jobs are paused, whatever they are."""
        return frozenset(pause.jobs.owner_id for pause in self.all if isinstance(pause.jobs, JobsOfUser))

    def of(self, job: Job) -> JobPause | None:
        """Return a pause that keeps a job waiting, the one that began last if there are two; ``None`` without any."""
        return max((each for each in self.all if each.holds(job)), key=lambda each: each.paused_at, default=None)
