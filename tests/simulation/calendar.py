"""The schedules of one run: their table, as an actor sees it, and what their owners do with them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.adapters.timetables import CronsimTimetable
from chalicelib.domain.jobs import Job
from chalicelib.domain.schedules import Schedule, ScheduleId, ScheduleKey, Timing
from chalicelib.domain.schedules import shard as of_shard
from chalicelib.domain.users import UserId
from chalicelib.schedule_ports import DueSchedule, SchedulePage
from chalicelib.services.firing import Firing as FiringService
from chalicelib.services.schedules import ScheduleService
from tests.simulation import functions
from tests.simulation.actor import OWNERS, Actor
from tests.simulation.catalogue import acceptance
from tests.simulation.event_plan import Firing, PlannedChange, PlannedSchedule
from tests.simulation.faults import Fault
from tests.simulation.models import History, Schedules
from tests.simulation.observer import ms
from tests.simulation.plan import MINUTE, PlannedJob
from tests.simulation.ports import SimulatedQueue, call
from tests.simulation.schedule_observer import ScheduleObserver

if TYPE_CHECKING:
    from tests.simulation.world import World

TIMETABLE = CronsimTimetable()


class Calendar:
    """The schedules that there are, and those that will be."""

    def __init__(self, world: "World", firing: Firing) -> None:
        self._world = world
        self._firing = firing
        self.rows = Schedules(world.rows)
        self._history = History[ScheduleKey, Schedule]()
        self.observer = ScheduleObserver(
            world.observer.broken, lambda: world.scheduler.now, lambda: world.plan.heal_at_ms
        )

    def begin(self) -> None:
        """Have the schedules made and changed at their times."""
        for place, planned in enumerate(self._firing.schedules):
            if any(change.schedule == place for change in self._firing.changes):  # else it is left out
                self._world.scheduler.at(planned.at_ms, partial(self._make, place, planned))
        for change in self._firing.changes:
            self._world.start(change.at_ms, partial(self._change, change))
            self._world.latest_run_ms = max(self._world.latest_run_ms, change.at_ms)

    def sweep(self, actor: Actor) -> FiringService:
        """Return what fires the schedules, for one run of the sweep."""
        world = self._world
        return FiringService(
            schedules=SimulatedSchedules(actor, self),
            timetable=TIMETABLE,
            acceptance=acceptance(world),
            queue=SimulatedQueue(actor),
            clock=actor,
            ids=world.ids,
            randomness=actor,
            worker=actor.name,
        )

    def due_ms(self) -> list[int]:
        """Return when the sweep has to look at each schedule."""
        return [ms(each.due_at) for each in self.rows.all() if each.due_at is not None]

    def index(self, actor: Actor) -> Schedules:
        """Return the table as the index of due schedules shows it now."""
        shown_ms = self._world.shown_ms(actor, "due schedules")
        return self.rows if shown_ms is None else Schedules.of(self._history.rows(shown_ms))

    def wrote(self, key: ScheduleKey, schedule: Schedule | None) -> None:
        """Take note of a schedule's new state, ``None`` if it is gone: when the sweep has to look."""
        if self._world.plan.index_lag_ms:
            self._history.wrote(self._world.scheduler.now, key, schedule)
        if schedule is not None and schedule.due_at is not None:
            self._world.tick_for(ms(schedule.due_at))

    def planned(self, key: ScheduleKey) -> PlannedSchedule:
        """Return what was planned of a schedule."""
        return self.observer.records[key].planned

    def _key(self, place: int) -> ScheduleKey:
        schedule_id = ScheduleId(f"01900000-0000-7000-9000-{place:012x}")
        return ScheduleKey(owner_id=OWNERS[self._firing.schedules[place].owner], schedule_id=schedule_id)

    def _make(self, place: int, planned: PlannedSchedule) -> None:
        now = self._world.now()
        timing = Timing(anchor=now, rate=timedelta(milliseconds=planned.every_ms))
        if planned.is_cron:
            minutes = planned.every_ms // MINUTE
            timing = Timing(anchor=now, cron="0 * * * *" if minutes == 60 else f"*/{minutes} * * * *")
        schedule = Schedule(
            key=self._key(place),
            name="",
            timing=timing,
            operation="gone" if planned.is_refused else "square",
            data_json=f"[{planned.number}]",
            token=f"schedule-{place}",
            created_at=now,
            next_run_at=TIMETABLE.next_after(timing, now),
            missed_within=timedelta(milliseconds=planned.missed_within_ms),
        )
        self.rows.add(schedule)
        self.observer.made(schedule, planned)
        self.wrote(schedule.key, schedule)

    def _change(self, change: PlannedChange) -> None:
        """Have the owner pause, resume or remove a schedule."""
        world = self._world
        key = self._key(change.schedule)
        if key not in self.observer.records:
            return
        actor = Actor(world, change.verb, time_ms=functions.API_MS, owner=key.owner_id)
        service = ScheduleService(
            schedules=SimulatedSchedules(actor, self),
            timetable=TIMETABLE,
            acceptance=acceptance(world),
            clock=actor,
            ids=world.ids,
        )

        def called() -> None:
            if change.verb == "remove":
                service.delete(key.owner_id, key.schedule_id)
            else:
                is_paused = change.verb == "pause"
                service.change(key.owner_id, key.schedule_id, lambda wanted: replace(wanted, is_paused=is_paused))

        functions.api_call(actor, called)


class SimulatedSchedules:
    """The schedules table for one actor."""

    def __init__(self, actor: Actor, calendar: Calendar) -> None:
        self._actor = actor
        self._calendar = calendar
        self._rows = calendar.rows
        self._observer = calendar.observer

    def add(self, schedule: Schedule) -> None:
        raise NotImplementedError

    def get(self, key: ScheduleKey) -> Schedule | None:
        return call(self._actor, "get schedule", Fault.STORE_AWAY, lambda: self._rows.get(key))

    def count(self, owner_id: UserId, *, at_most: int) -> int:
        raise NotImplementedError

    def page(self, owner_id: UserId, *, limit: int, after: ScheduleId | None) -> SchedulePage:
        raise NotImplementedError

    def change(self, seen: Schedule, to: Schedule) -> None:
        self._write("change schedule", to.key, lambda: self._rows.change(seen, to))

    def fire(self, seen: Schedule, to: Schedule, job: Job) -> None:
        self._write("fire", to.key, lambda: self._rows.fire(seen, to, job), job)
        actor = self._actor
        row = actor.world.rows.get(job.key)
        if row is not None and row.token == job.token:
            actor.wrote("add", row)

    def remove(self, key: ScheduleKey) -> bool:
        def apply() -> bool:
            is_removed = self._rows.remove(key)
            if is_removed:
                self._observer.removed(key)
                self._calendar.wrote(key, None)
            return is_removed

        return call(self._actor, "remove schedule", Fault.STORE_AWAY, apply)

    def due(self, shard: int, *, at: datetime, limit: int, after: DueSchedule | None = None) -> Sequence[DueSchedule]:
        if not any(of_shard(each.key.schedule_id) == shard for each in self._rows.all()):
            return ()  # nobody could tell when it was asked
        return call(
            self._actor,
            "due schedules",
            Fault.STORE_AWAY,
            lambda: self._calendar.index(self._actor).due(shard, at=at, limit=limit, after=after),
        )

    def erase_some(self, owner_id: UserId) -> bool:
        raise NotImplementedError

    def _write(self, name: str, key: ScheduleKey, write: Callable[[], None], job: Job | None = None) -> None:
        actor = self._actor
        world = actor.world

        def apply() -> None:
            before = self._rows.get(key)
            had_job = job is None or world.rows.get(job.key) is not None
            try:
                write()
            finally:
                after = self._rows.get(key)
                made = None if job is None or had_job else world.rows.get(job.key)
                if after is not before or made is not None:
                    self._wrote(key, before, after, made)

        call(actor, name, Fault.STORE_AWAY, apply)

    def _wrote(self, key: ScheduleKey, before: Schedule | None, after: Schedule | None, made: Job | None) -> None:
        actor = self._actor
        if made is not None:
            self._accepted(made)
        if actor.kind == "sweep":
            self._observer.fired(actor, before, after, made)
        elif before is not None and after is not None:
            self._observer.changed(actor, before, after)
        self._calendar.wrote(key, after)

    def _accepted(self, job: Job) -> None:
        """Have the observer of jobs know what this one is to be."""
        actor = self._actor
        world = actor.world
        actor.owner = job.key.owner_id
        schedule_id = ScheduleId(job.scheduled.schedule_id if job.scheduled is not None else "")
        planned = self._calendar.planned(ScheduleKey(owner_id=actor.owner, schedule_id=schedule_id))
        actor.planned.append(
            PlannedJob(
                at_ms=planned.at_ms,
                batch=0,
                owner=planned.owner,
                shard=0,
                number=planned.number,
                delay_s=0,
                max_attempts=None,
                timeout_s=None,
            )
        )
        world.observer.wrote(actor, None, job)
        world.wrote(None, job)
        world.observer.records[job.key].is_acknowledged = True
