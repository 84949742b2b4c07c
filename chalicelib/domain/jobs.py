"""
A job, the states it can be in, and who moves it on.

``PENDING``
    Accepted, waiting for a consumer. A crash leaves it here, and the message comes back.
``IN_PROGRESS``
    Claimed by one attempt, whose lease is in the row. When the lease runs out, any consumer may claim the next attempt.
``SUCCESS``
    The operation returned; ``result`` holds what. Final.
``FAILED``
    The operation raised, or the attempts ran out; ``error`` says why. Final.

A final state, its result and its error never change.

The methods of `Job` are the transitions as pure rules. A repository performs each as one conditional write, whose
condition must admit exactly what they do; the contract tests hold every implementation to that.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from chalicelib.domain.users import UserId

JobId = NewType("JobId", str)
"""A UUID version 7 in its canonical form: ids sort by the time they were made."""

_JOB_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class JobStatus(StrEnum):
    """The status words, the same in code, API, logs and documentation."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


FINAL = frozenset({JobStatus.SUCCESS, JobStatus.FAILED})
"""States that no transition leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKey:
    """Where a job lives. The owner is part of the key, so nobody can address another's job."""

    owner_id: UserId
    job_id: JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job is FAILED: a stable ``code`` and a ``detail`` for people."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One attempt's hold on a job. The token tells attempts apart even when clocks disagree."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLimits:
    """
    Bounds of every job, from the settings.

    ``data_max_bytes`` and ``result_max_bytes`` count JSON text; with the other attributes they must fit one DynamoDB
    item of 400 KB.
    """

    max_attempts: int
    lease: timedelta
    retention: timedelta
    data_max_bytes: int
    result_max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    One job as its row has it.

    ``data_json`` and ``result_json`` are JSON text, which keeps every number as it is. ``attempt`` is 0 until the first
    claim, then 1, 2, … and never decreases. ``lease`` stays after the end: its token tells whose write ended the job.
    """

    key: JobKey
    operation: str
    data_json: str
    status: JobStatus
    attempt: int
    max_attempts: int
    created_at: datetime
    expires_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    lease: Lease | None = None
    result_json: str | None = None
    error: JobError | None = None

    @property
    def is_final(self) -> bool:
        """Whether the job has reached a state that no transition leaves."""
        return self.status in FINAL

    def is_expired(self, at: datetime) -> bool:
        """Whether the retention is over. DynamoDB deletes such rows up to days late, so every read asks."""
        return self.expires_at <= at

    def is_held(self, at: datetime) -> bool:
        """Whether an attempt is running under a lease that still counts."""
        return self.status is JobStatus.IN_PROGRESS and self.lease is not None and self.lease.expires_at > at

    def is_claimable(self, at: datetime) -> bool:
        """Whether the next attempt may begin."""
        return not self.is_final and not self.is_held(at) and self.attempt < self.max_attempts

    def is_held_by(self, *, attempt: int, token: str) -> bool:
        """Whether exactly this attempt and lease hold, or ended, the job."""
        return self.attempt == attempt and self.lease is not None and self.lease.token == token

    def claimed(self, lease: Lease, *, at: datetime) -> "Job":
        """Return the job with its next attempt begun under ``lease``."""
        return replace(
            self,
            status=JobStatus.IN_PROGRESS,
            attempt=self.attempt + 1,
            lease=lease,
            started_at=self.started_at or at,
        )

    def succeeded(self, result_json: str, *, at: datetime) -> "Job":
        """Return the job ended with a result."""
        return replace(self, status=JobStatus.SUCCESS, result_json=result_json, finished_at=at)

    def failed(self, error: JobError, *, at: datetime) -> "Job":
        """Return the job ended with an error."""
        return replace(self, status=JobStatus.FAILED, error=error, finished_at=at)


def parsed_job_id(text: str) -> JobId | None:
    """Return the id when ``text`` is one in canonical form, else ``None``: no such job can exist."""
    return JobId(text) if _JOB_ID.fullmatch(text) else None
