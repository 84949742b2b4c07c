"""Schedules of one owner: made, listed, changed, paused and resumed, deleted. Nothing fires here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.errors import ConcurrentUpdate, Conflict, InvalidInput, NotFound
from chalicelib.domain.jobs import Act, JobId, JobKey
from chalicelib.domain.schedules import (
    MISSED_WITHIN_MAX,
    RATE_MAX,
    RATE_MIN,
    SCHEDULES_MAX,
    Schedule,
    ScheduleId,
    ScheduleKey,
    Timing,
    parsed_schedule_id,
)
from chalicelib.domain.users import UserId
from chalicelib.ports import AccountIdSource, Clock
from chalicelib.schedule_ports import SchedulePage, ScheduleRepository, Timetable
from chalicelib.services.acceptance import Acceptance, WantedJob

SECOND = timedelta(seconds=1)

TRIES = 3
"""Of a change that others get in the way of: the sweep fires a schedule once a minute at most, and then it is over."""

PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSchedule:
    """
    A schedule as its owner asks for it, with the ``job`` that each due time makes.

    ``cron`` and ``rate_s`` exclude each other, and one of them must be there.
    """

    name: str
    cron: str | None
    rate_s: int | None
    time_zone: str
    job: WantedJob
    missed_within_s: int
    is_paused: bool

    @classmethod
    def of(cls, schedule: Schedule) -> "WantedSchedule":
        """Return what the owner of a schedule has asked for so far."""
        rate = schedule.timing.rate
        return cls(
            name=schedule.name,
            cron=schedule.timing.cron,
            rate_s=None if rate is None else rate // SECOND,
            time_zone=schedule.timing.time_zone,
            job=wanted_job(schedule),
            missed_within_s=schedule.missed_within // SECOND,
            is_paused=schedule.is_paused,
        )

    @property
    def rule(self) -> tuple[str | None, int | None, str]:
        """What says when it is due, wherever it is anchored."""
        return self.cron, self.rate_s, self.time_zone

    def timing(self, anchor: datetime) -> Timing:
        """
        Return when it is due, anchored at an instant.

        Raises:
            InvalidInput: Not one of ``cron`` and ``rate_s`` is there, or the rate is out of bounds.
        """
        if (self.cron is None) == (self.rate_s is None):
            detail = "give cron or rate_s" if self.cron is None else "give cron or rate_s, not both"
            raise InvalidInput(detail, pointer="#/cron" if self.cron is None else "#/rate_s")
        return Timing(anchor=anchor, cron=self.cron, rate=self._rate(), time_zone=self.time_zone)

    def missed_within(self) -> timedelta:
        """
        Return how late a due time may be made up.

        Raises:
            InvalidInput: It is out of bounds.
        """
        longest_s = MISSED_WITHIN_MAX // SECOND
        if not 0 <= self.missed_within_s <= longest_s:
            detail = f"missed_within_s must be from 0 to {longest_s}, which is a day"
            raise InvalidInput(detail, pointer="#/missed_within_s")
        return timedelta(seconds=self.missed_within_s)

    def _rate(self) -> timedelta | None:
        if self.rate_s is None:
            return None
        least_s, most_s = RATE_MIN // SECOND, RATE_MAX // SECOND
        if not least_s <= self.rate_s <= most_s:
            detail = f"rate_s must be from {least_s} to {most_s}, which is a year"
            raise InvalidInput(detail, pointer="#/rate_s")
        return timedelta(seconds=self.rate_s)


def wanted_job(schedule: Schedule) -> WantedJob:
    """Return the job that each due time of a schedule makes."""
    return WantedJob(
        operation=schedule.operation,
        data_json=schedule.data_json.encode(),
        max_attempts=schedule.max_attempts,
        timeout_s=schedule.timeout_s,
        retention_days=schedule.retention_days,
        tags=schedule.tags,
        metadata_json=schedule.metadata_json,
    )


class ScheduleService:
    """Schedules of one owner. What would be refused when its time comes is refused at once."""

    def __init__(
        self,
        *,
        schedules: ScheduleRepository,
        timetable: Timetable,
        acceptance: Acceptance,
        clock: Clock,
        ids: AccountIdSource,
    ) -> None:
        self._schedules = schedules
        self._timetable = timetable
        self._acceptance = acceptance
        self._clock = clock
        self._ids = ids

    def create(self, owner_id: UserId, wanted: WantedSchedule) -> Schedule:
        """
        Make a schedule.

        Requests at the very same time may together make a few more than `SCHEDULES_MAX`.

        Raises:
            InvalidInput: Its timing is none, or its job would be refused.
            InputTooLarge: The data is over the limit.
            Conflict: The owner has `SCHEDULES_MAX` already.
        """
        now = self._clock.now()
        key = ScheduleKey(owner_id=owner_id, schedule_id=ScheduleId(self._ids.new_event_id(now)))
        timing = self._checked_timing(wanted, now)
        missed_within = wanted.missed_within()
        job = self._checked_job(owner_id, wanted.job, now)
        if self._schedules.count(owner_id, at_most=SCHEDULES_MAX) == SCHEDULES_MAX:
            detail = f"you have {SCHEDULES_MAX} schedules, which is as many as there may be; delete one first"
            raise Conflict(detail)
        schedule = Schedule(
            key=key,
            name=wanted.name,
            timing=timing,
            operation=job.operation,
            data_json=job.data_json.decode(),
            token=self._ids.new_token_id(),
            created_at=now,
            next_run_at=self._timetable.next_after(timing, now),
            is_paused=wanted.is_paused,
            missed_within=missed_within,
            max_attempts=job.max_attempts,
            timeout_s=job.timeout_s,
            retention_days=job.retention_days,
            tags=job.tags,
            metadata_json=job.metadata_json,
        )
        self._schedules.add(schedule)
        return schedule

    def get(self, owner_id: UserId, schedule_id: str) -> Schedule:
        """
        Return one schedule.

        Raises:
            NotFound: No such schedule of this owner.
        """
        known_id = parsed_schedule_id(schedule_id)
        key = known_id and ScheduleKey(owner_id=owner_id, schedule_id=known_id)
        schedule = self._schedules.get(key) if key else None
        if schedule is None:
            detail = "you have no schedule of this id; GET /schedules lists those you have"
            raise NotFound(detail)
        return schedule

    def page(self, owner_id: UserId, *, limit: int, after: ScheduleId | None) -> SchedulePage:
        """Return at most ``limit`` of the owner's schedules, newest first."""
        return self._schedules.page(owner_id, limit=limit, after=after)

    def change(
        self, owner_id: UserId, schedule_id: str, changed: Callable[[WantedSchedule], WantedSchedule]
    ) -> Schedule:
        """
        Change what ``changed`` makes of what the owner has asked for so far; return the schedule.

        Another timing is anchored now. With it, or with the end of a pause, the next due time is one that is to come.

        Raises:
            NotFound: No such schedule of this owner.
            InvalidInput: As of `create`; what stays is not checked again, but for the job of one that is resumed.
            InputTooLarge: The data is over the limit.
            Conflict: Others kept changing it at the same time.
        """
        for _ in range(TRIES):
            schedule = self.get(owner_id, schedule_id)
            to = self._changed(schedule, changed(WantedSchedule.of(schedule)))
            try:
                self._schedules.change(schedule, to)
            except ConcurrentUpdate:
                continue
            return to
        detail = "the schedule was changed by others at the same time; look at it and decide again"
        raise Conflict(detail)

    def delete(self, owner_id: UserId, schedule_id: str) -> None:
        """
        Remove a schedule; the jobs that it made stay.

        Raises:
            NotFound: No such schedule of this owner.
        """
        self._schedules.remove(self.get(owner_id, schedule_id).key)

    def pause_all(self, owner_id: UserId) -> None:
        """Pause every schedule of an owner, until the owner resumes it."""
        after: ScheduleId | None = None
        while True:
            page = self._schedules.page(owner_id, limit=PAGE, after=after)
            for schedule in page.schedules:
                self._pause(schedule)
            if page.next_after is None:
                return
            after = page.next_after

    def _pause(self, schedule: Schedule) -> None:
        """Pause a schedule, whatever becomes of it meanwhile."""
        current: object = schedule
        while isinstance(current, Schedule) and not current.is_paused:
            try:
                self._schedules.change(current, current.paused(token=self._ids.new_token_id()))
            except ConcurrentUpdate as moved:
                current = moved.current
            else:
                return

    def _changed(self, schedule: Schedule, wanted: WantedSchedule) -> Schedule:
        now = self._clock.now()
        before = WantedSchedule.of(schedule)
        is_resumed = schedule.is_paused and not wanted.is_paused
        timing, next_run_at, job = schedule.timing, schedule.next_run_at, before.job
        if wanted.rule != before.rule:
            # A rate knows no clocks: another time zone moves none of its due times.
            is_same_rate = wanted.rate_s is not None and wanted.rate_s == before.rate_s
            timing = self._checked_timing(wanted, schedule.timing.anchor if is_same_rate else now)
        if timing != schedule.timing or is_resumed:
            # A sweep whose clock is ahead may have fired what is still to come by this one.
            next_run_at = self._timetable.next_after(timing, max(now, schedule.last_run_at or now))
        if wanted.job != before.job or is_resumed:
            job = self._checked_job(schedule.key.owner_id, wanted.job, now)
        return schedule.changed(
            name=wanted.name,
            timing=timing,
            operation=job.operation,
            data_json=job.data_json.decode(),
            max_attempts=job.max_attempts,
            timeout_s=job.timeout_s,
            retention_days=job.retention_days,
            tags=job.tags,
            metadata_json=job.metadata_json,
            missed_within=wanted.missed_within(),
            is_paused=wanted.is_paused,
            next_run_at=next_run_at,
            token=self._ids.new_token_id(),
        )

    def _checked_timing(self, wanted: WantedSchedule, anchor: datetime) -> Timing:
        timing = wanted.timing(anchor)
        self._timetable.check(timing)
        return timing

    def _checked_job(self, owner_id: UserId, wanted: WantedJob, at: datetime) -> WantedJob:
        """Return a wanted job with its data and tags as they are stored, if one that was made now would be accepted."""
        key = JobKey(owner_id=owner_id, job_id=JobId(""))
        job = self._acceptance.job(key, wanted, Act(token="", at=at, worker=""))
        return replace(wanted, data_json=job.data_json.encode(), tags=job.tags)
