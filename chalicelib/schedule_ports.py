"""
What schedules need from the outside, as protocols.

As in `chalicelib.ports`, every method that reaches AWS raises `Unavailable` when the other side does not answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chalicelib.domain.jobs import Job
from chalicelib.domain.schedules import Schedule, ScheduleId, ScheduleKey, Timing
from chalicelib.domain.users import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSchedule:
    """An entry of the index of due schedules, which may lag behind the rows."""

    key: ScheduleKey
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePage:
    """Schedules, the newest first; ``next_after`` is the id to go on after, ``None`` at the end."""

    schedules: Sequence[Schedule]
    next_after: ScheduleId | None


class ScheduleRepository(Protocol):
    """Schedules by owner and id. Each change is one conditional write."""

    def add(self, schedule: Schedule) -> None:
        """Store a new schedule. Adding the same again, after a lost response, changes nothing."""
        ...

    def get(self, key: ScheduleKey) -> Schedule | None:
        """Return the schedule as last written, or ``None``."""
        ...

    def count(self, owner_id: UserId, *, at_most: int) -> int:
        """Return how many schedules an owner has, but no more than ``at_most``."""
        ...

    def page(self, owner_id: UserId, *, limit: int, after: ScheduleId | None) -> SchedulePage:
        """Return at most ``limit`` schedules of an owner, older than ``after`` when that is given."""
        ...

    def change(self, seen: Schedule, to: Schedule) -> None:
        """
        Write a change, if the row `Schedule.is_unchanged_since` ``seen`` then.

        Raises:
            ConcurrentUpdate: It has changed; with the schedule as it is, ``None`` when it is gone.
        """
        ...

    def fire(self, seen: Schedule, to: Schedule, job: Job) -> None:
        """
        Store a job and write the schedule as moved on past the job's due time, both or neither.

        If the row `Schedule.is_unchanged_since` ``seen``, and the job is not there yet. One whose response was lost
        still counts when it is tried again.

        Raises:
            ConcurrentUpdate: Another has changed or fired it; with the schedule as it is, ``None`` when it is gone.
        """
        ...

    def remove(self, key: ScheduleKey) -> bool:
        """Remove a schedule; false if there was none."""
        ...

    def due(self, shard: int, *, at: datetime, limit: int, after: DueSchedule | None = None) -> Sequence[DueSchedule]:
        """Return entries of one shard that are due, as `chalicelib.ports.JobRepository.due` does."""
        ...

    def erase_some(self, owner_id: UserId) -> bool:
        """Remove some schedules of an owner; return whether there may be more."""
        ...


class Timetable(Protocol):
    """Which instants a timing names."""

    def next_after(self, timing: Timing, instant: datetime) -> datetime | None:
        """Return the first due time after an instant, ``None`` when there is none any more; both are UTC."""
        ...

    def check(self, timing: Timing) -> None:
        """
        Check what a caller wants.

        Raises:
            InvalidInput: There is no such time zone, or the cron expression is none.
        """
        ...
