"""Each invariant of schedules is broken once by hand."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from chalicelib.domain.jobs import Job, JobError, JobId, JobKey, ScheduledRun
from chalicelib.domain.schedules import Schedule, ScheduleId, ScheduleKey, Timing
from tests.simulation.actor import OWNERS, Actor
from tests.simulation.event_plan import PlannedSchedule
from tests.simulation.observer import instant
from tests.simulation.plan import MINUTE, Plan
from tests.simulation.schedule_observer import FIRED_WITHIN_MS, ScheduleObserver
from tests.simulation.test_observer import History
from tests.simulation.world import World

ONE_JOB = "S1 one job per due time"
NOTHING_AFTER = "S2 nothing after removal or pause"
ITS_JOB = "S3 the job is the schedule's"

EVERY_MS = 5 * MINUTE
KEY = ScheduleKey(owner_id=OWNERS[0], schedule_id=ScheduleId("01900000-0000-7000-9000-000000000000"))


class Fired:
    """A schedule of every five minutes that makes up what is at most ten minutes late."""

    def __init__(self, *, is_refused: bool = False) -> None:
        self.broken: set[str] = set()
        self.world = World(Plan(heal_at_ms=0), Random(1))
        self.observer = ScheduleObserver(
            lambda invariant, _detail: self.broken.add(invariant), lambda: self.world.scheduler.now, lambda: 0
        )
        self.schedule = Schedule(
            key=KEY,
            name="",
            timing=Timing(anchor=instant(0), rate=timedelta(milliseconds=EVERY_MS)),
            operation="square",
            data_json="[3]",
            token="t0",
            created_at=instant(0),
            next_run_at=instant(EVERY_MS),
        )
        planned = PlannedSchedule(
            at_ms=0,
            owner=0,
            number=3,
            every_ms=EVERY_MS,
            is_cron=False,
            missed_within_ms=10 * MINUTE,
            is_refused=is_refused,
        )
        self.observer.made(self.schedule, planned)

    def later(self, at_ms: int) -> None:
        self.world.scheduler.now = at_ms

    def actor(self) -> Actor:
        actor = Actor(self.world, "sweep", time_ms=60_000)
        actor.now()
        return actor

    def job(self, due_ms: int, **changes: Any) -> Job:
        key = JobKey(owner_id=KEY.owner_id, job_id=JobId(f"01900000-0000-7000-8000-{due_ms:012}"))
        scheduled = ScheduledRun(schedule_id=KEY.schedule_id, due_at=instant(due_ms))
        return replace(History().job, **{"key": key, "scheduled": scheduled, **changes})

    def fire(self, due_ms: int, next_ms: int | None = None, **changes: Any) -> None:
        before = self.schedule
        job = self.job(due_ms, **changes)
        next_run_at = instant(due_ms + EVERY_MS if next_ms is None else next_ms)
        self.schedule = before.fired(job.key.job_id, next_run_at=next_run_at, token=f"{before.token}+")
        self.observer.fired(self.actor(), before, self.schedule, job)

    def skip(self, counted: int, next_ms: int) -> None:
        before = self.schedule
        self.schedule = before.missed(counted, next_run_at=instant(next_ms), token=f"{before.token}+")
        self.observer.fired(self.actor(), before, self.schedule, None)

    def change(self, **changes: Any) -> None:
        before, self.schedule = self.schedule, replace(self.schedule, **changes)
        self.observer.changed(self.actor(), before, self.schedule)


def test_a_schedule_that_fires_in_time_breaks_nothing() -> None:
    fired = Fired()
    fired.later(EVERY_MS)
    fired.fire(EVERY_MS)
    fired.later(2 * EVERY_MS + 10 * MINUTE)
    fired.fire(2 * EVERY_MS)
    fired.later(40 * MINUTE)
    fired.skip(3, 30 * MINUTE)
    fired.fire(30 * MINUTE)
    fired.fire(35 * MINUTE)
    fired.fire(40 * MINUTE)
    fired.observer.at_end()
    assert fired.broken == set()


def test_a_due_time_whose_job_is_refused_breaks_nothing() -> None:
    fired = Fired(is_refused=True)
    fired.later(EVERY_MS)
    before = fired.schedule
    error = JobError(code="INVALID_INPUT", detail="no such operation")
    after = before.refused(error, next_run_at=instant(2 * EVERY_MS), token="t1")
    fired.observer.fired(fired.actor(), before, after, None)
    fired.observer.at_end()
    assert fired.broken == set()


def test_what_falls_into_a_pause_is_not_made_up() -> None:
    fired = Fired()
    fired.change(is_paused=True)
    fired.later(22 * MINUTE)
    fired.change(is_paused=False, next_run_at=instant(25 * MINUTE))
    fired.later(25 * MINUTE)
    fired.fire(25 * MINUTE)
    fired.observer.at_end()
    assert fired.broken == set()


def test_a_rate_is_not_due_when_its_schedule_is_made_be_a_clock_behind_or_not() -> None:
    fired = Fired()
    owner = Actor(fired.world, "resume", time_ms=60_000)
    owner.skew_ms = -10_000
    owner.now()
    fired.change(is_paused=True)
    before, fired.schedule = fired.schedule, replace(fired.schedule, is_paused=False)
    fired.observer.changed(owner, before, fired.schedule)
    assert fired.broken == set()


def fired_twice(fired: Fired) -> None:
    fired.later(EVERY_MS)
    fired.fire(EVERY_MS)
    fired.fire(EVERY_MS)


def fired_early(fired: Fired) -> None:
    fired.later(EVERY_MS - 1)
    fired.fire(EVERY_MS)


def fired_too_late(fired: Fired) -> None:
    fired.later(EVERY_MS + 10 * MINUTE + 1)
    fired.fire(EVERY_MS)


def fired_between(fired: Fired) -> None:
    fired.later(EVERY_MS + 1)
    fired.fire(EVERY_MS + 1)


def left_out(fired: Fired) -> None:
    fired.later(2 * EVERY_MS)
    fired.fire(EVERY_MS, next_ms=3 * EVERY_MS)


def skipped_too_soon(fired: Fired) -> None:
    fired.later(EVERY_MS + 10 * MINUTE)
    fired.skip(1, 2 * EVERY_MS)


def skipped_uncounted(fired: Fired) -> None:
    fired.later(EVERY_MS + 10 * MINUTE + 1)
    fired.skip(0, 2 * EVERY_MS)


def forgotten(fired: Fired) -> None:
    fired.later(EVERY_MS + FIRED_WITHIN_MS + 1)
    fired.observer.at_end()


def forgotten_until_removed(fired: Fired) -> None:
    fired.later(EVERY_MS + FIRED_WITHIN_MS + 1)
    fired.observer.removed(KEY)


def pause_made_up(fired: Fired) -> None:
    fired.change(is_paused=True)
    fired.later(22 * MINUTE)
    fired.change(is_paused=False)


def fired_while_paused(fired: Fired) -> None:
    fired.change(is_paused=True)
    fired.later(EVERY_MS)
    fired.fire(EVERY_MS)


def fired_after_removal(fired: Fired) -> None:
    fired.observer.removed(KEY)
    fired.later(EVERY_MS)
    fired.fire(EVERY_MS)


def of_no_schedule(fired: Fired) -> None:
    fired.observer.fired(fired.actor(), None, None, fired.job(EVERY_MS))


def other_data(fired: Fired) -> None:
    fired.later(EVERY_MS)
    fired.fire(EVERY_MS, data_json="[4]")


def another_owners(fired: Fired) -> None:
    fired.later(EVERY_MS)
    fired.fire(EVERY_MS, key=JobKey(owner_id=OWNERS[1], job_id=JobId("01900000-0000-7000-8000-000000000000")))


@pytest.mark.parametrize(
    ("history", "invariant"),
    [
        (fired_twice, ONE_JOB),
        (fired_early, ONE_JOB),
        (fired_too_late, ONE_JOB),
        (fired_between, ONE_JOB),
        (left_out, ONE_JOB),
        (skipped_too_soon, ONE_JOB),
        (skipped_uncounted, ONE_JOB),
        (forgotten, ONE_JOB),
        (forgotten_until_removed, ONE_JOB),
        (pause_made_up, ONE_JOB),
        (fired_while_paused, NOTHING_AFTER),
        (fired_after_removal, NOTHING_AFTER),
        (of_no_schedule, NOTHING_AFTER),
        (other_data, ITS_JOB),
        (another_owners, ITS_JOB),
    ],
)
def test_what_a_schedule_does_wrong_is_noticed(history: Callable[[Fired], None], invariant: str) -> None:
    fired = Fired()
    history(fired)
    assert fired.broken == {invariant}


def test_a_job_of_a_schedule_whose_operation_is_not_there_is_noticed() -> None:
    fired = Fired(is_refused=True)
    fired.later(EVERY_MS)
    fired.fire(EVERY_MS)
    assert fired.broken == {ITS_JOB}
