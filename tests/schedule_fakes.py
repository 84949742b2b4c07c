"""Schedules in memory, over the rows of a jobs table. They pass the same contract suite as the real ones."""

import threading
from collections.abc import Sequence
from datetime import datetime

from chalicelib.domain import schedules
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.jobs import Job
from chalicelib.domain.schedules import Schedule, ScheduleId, ScheduleKey
from chalicelib.domain.users import UserId
from chalicelib.schedule_ports import DueSchedule, SchedulePage
from tests.fakes import ERASED_AT_ONCE, InMemoryJobRepository


class InMemoryScheduleRepository:
    """The schedules table: changes take the rule from `Schedule` and are atomic."""

    def __init__(self, jobs: InMemoryJobRepository) -> None:
        self._jobs = jobs
        self._rows: dict[ScheduleKey, Schedule] = {}
        self._lock = threading.Lock()
        self.away = False

    def add(self, schedule: Schedule) -> None:
        self._answer()
        with self._lock:
            self._rows.setdefault(schedule.key, schedule)

    def get(self, key: ScheduleKey) -> Schedule | None:
        self._answer()
        return self._rows.get(key)

    def count(self, owner_id: UserId, *, at_most: int) -> int:
        self._answer()
        return min(len(self._own(owner_id)), at_most)

    def page(self, owner_id: UserId, *, limit: int, after: ScheduleId | None) -> SchedulePage:
        self._answer()
        found = [each for each in self._own(owner_id) if after is None or each.key.schedule_id < after]
        page = sorted(found, key=lambda each: each.key.schedule_id, reverse=True)[:limit]
        # As in DynamoDB, a full page has a next one, even if that turns out to be empty.
        return SchedulePage(schedules=page, next_after=page[-1].key.schedule_id if len(page) == limit else None)

    def change(self, seen: Schedule, to: Schedule) -> None:
        self._answer()
        with self._lock:
            if not self._is_done(seen, to):
                self._rows[to.key] = to

    def fire(self, seen: Schedule, to: Schedule, job: Job) -> None:
        self._answer()
        with self._lock:
            if self._is_done(seen, to):
                return
            if self._jobs.get(job.key) is not None:
                raise ConcurrentUpdate(seen)
            self._jobs.add(job)
            self._rows[to.key] = to

    def remove(self, key: ScheduleKey) -> bool:
        self._answer()
        with self._lock:
            return self._rows.pop(key, None) is not None

    def due(self, shard: int, *, at: datetime, limit: int, after: DueSchedule | None = None) -> Sequence[DueSchedule]:
        self._answer()
        with self._lock:
            entries = [
                DueSchedule(key=each.key, due_at=each.due_at)
                for each in self._rows.values()
                if each.due_at is not None and each.due_at <= at and schedules.shard(each.key.schedule_id) == shard
            ]
        wanted = [entry for entry in entries if after is None or _place(entry) > _place(after)]
        return sorted(wanted, key=_place)[:limit]

    def erase_some(self, owner_id: UserId) -> bool:
        self._answer()
        own = self._own(owner_id)
        with self._lock:
            for each in own[:ERASED_AT_ONCE]:
                self._rows.pop(each.key, None)
        return len(own) > ERASED_AT_ONCE

    def all(self) -> Sequence[Schedule]:
        return list(self._rows.values())

    def _own(self, owner_id: UserId) -> list[Schedule]:
        with self._lock:
            return [each for key, each in self._rows.items() if key.owner_id == owner_id]

    def _is_done(self, seen: Schedule, to: Schedule) -> bool:
        """Whether it was written already, by a call whose response was lost; raises when it may not be written."""
        current = self._rows.get(to.key)
        if current is not None and current.token == to.token:
            return True
        if current is None or not current.is_unchanged_since(seen):
            raise ConcurrentUpdate(current)
        return False

    def _answer(self) -> None:
        if self.away:
            detail = "the fake is away"
            raise Unavailable(detail)


def _place(entry: DueSchedule) -> tuple[datetime, str, str]:
    return (entry.due_at, entry.key.owner_id, entry.key.schedule_id)
