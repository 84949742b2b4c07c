"""
Schedules: when jobs of an owner are made without a request.

A schedule names instants, its due times, by a cron expression in a time zone or by a rate. For each there is one job.
As with jobs, each change gives the row a new token and is one conditional write over the row that it began from.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NewType

from chalicelib.domain.jobs import JobError, JobId, parsed_job_id
from chalicelib.domain.users import UserId

ScheduleId = NewType("ScheduleId", str)
"""A UUID version 7: ids sort by the time they were made."""

SCHEDULES_MAX = 100
"""Schedules of one owner."""

RATE_MIN = timedelta(minutes=1)
RATE_MAX = timedelta(days=365)

MISSED_WITHIN = timedelta(hours=1)
MISSED_WITHIN_MAX = timedelta(days=1)
"""How late a due time may be made up, unless the schedule says another."""

ON_TIME = timedelta(minutes=2)
"""No due time is missed before that: the sweep comes by every minute, and one run of it may fall out."""

SHARDS = 4
"""Partitions of the index of due schedules, which the sweep asks one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleKey:
    """Where a schedule lives."""

    owner_id: UserId
    schedule_id: ScheduleId


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """
    Which instants are due: those of ``cron`` by the clocks of ``time_zone``, or every ``rate`` after ``anchor``.

    Either ``cron`` or ``rate`` is there.
    """

    anchor: datetime
    cron: str | None = None
    rate: timedelta | None = None
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """
    One schedule as its row has it.

    ``data_json``, ``tags``, ``metadata_json`` and the bounds are those of the jobs it makes. ``next_run_at`` is the
    next due time, ``None`` when there is none; the sweep finds the row by it unless ``is_paused``. ``last_run_at`` is
    the due time of the newest job, ``last_job_id`` that job. ``skipped`` counts due times that were too late to be made
    up, and ``last_error`` says why the newest due time got no job.
    """

    key: ScheduleKey
    name: str
    timing: Timing
    operation: str
    data_json: str
    token: str
    created_at: datetime
    next_run_at: datetime | None
    is_paused: bool = False
    missed_within: timedelta = MISSED_WITHIN
    max_attempts: int | None = None
    timeout_s: int | None = None
    retention_days: int | None = None
    tags: tuple[str, ...] = ()
    metadata_json: str | None = None
    last_run_at: datetime | None = None
    last_job_id: JobId | None = None
    skipped: int = 0
    last_error: JobError | None = None

    @property
    def due_at(self) -> datetime | None:
        """When the sweep has to look, ``None`` for never."""
        return None if self.is_paused else self.next_run_at

    def is_unchanged_since(self, seen: "Schedule") -> bool:
        """Whether the row is as ``seen`` was: the condition of every change."""
        return self.token == seen.token

    def oldest_made_up(self, at: datetime) -> datetime:
        """Return the instant before which a due time is too late to be made up at ``at``."""
        return at - max(self.missed_within, ON_TIME)

    def fired(self, job_id: JobId, *, next_run_at: datetime | None, token: str) -> "Schedule":
        """Return the schedule moved on past a due time that has its job."""
        return replace(
            self,
            last_run_at=self.next_run_at,
            last_job_id=job_id,
            last_error=None,
            next_run_at=next_run_at,
            token=token,
        )

    def refused(self, error: JobError, *, next_run_at: datetime | None, token: str) -> "Schedule":
        """Return the schedule moved on past a due time whose job was refused."""
        return replace(self, last_error=error, next_run_at=next_run_at, token=token)

    def missed(self, skipped: int, *, next_run_at: datetime | None, token: str) -> "Schedule":
        """Return the schedule moved on past due times that are too late to be made up."""
        return replace(self, skipped=self.skipped + skipped, next_run_at=next_run_at, token=token)

    def paused(self, *, token: str) -> "Schedule":
        """Return the schedule resting."""
        return replace(self, is_paused=True, token=token)

    def changed(  # noqa: PLR0913 - all that its owner may change
        self,
        *,
        name: str,
        timing: Timing,
        operation: str,
        data_json: str,
        max_attempts: int | None,
        timeout_s: int | None,
        retention_days: int | None,
        tags: tuple[str, ...],
        metadata_json: str | None,
        missed_within: timedelta,
        is_paused: bool,
        next_run_at: datetime | None,
        token: str,
    ) -> "Schedule":
        """Return the schedule as its owner wants it from now on; what it did stays."""
        return replace(
            self,
            name=name,
            timing=timing,
            operation=operation,
            data_json=data_json,
            max_attempts=max_attempts,
            timeout_s=timeout_s,
            retention_days=retention_days,
            tags=tags,
            metadata_json=metadata_json,
            missed_within=missed_within,
            is_paused=is_paused,
            next_run_at=next_run_at,
            token=token,
        )


def parsed_schedule_id(text: str) -> ScheduleId | None:
    """Return the id when ``text`` is one in canonical form, else ``None``: no such schedule can exist."""
    job_like = parsed_job_id(text)
    return None if job_like is None else ScheduleId(job_like)


def shard(schedule_id: ScheduleId) -> int:
    """Return a schedule's partition of the index of due schedules, by the last, random, byte of its id."""
    return int(schedule_id[-2:], 16) % SHARDS
