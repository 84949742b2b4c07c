import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.adapters.timetables import CronsimTimetable
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.jobs import Job, JobId, JobKey, JobStatus, ScheduledRun
from chalicelib.domain.schedules import ON_TIME, Schedule, ScheduleId, ScheduleKey, Timing
from chalicelib.domain.stable_ids import stable_id
from chalicelib.services.due_rows import TIME_FOR_ONE, Swept
from chalicelib.services.firing import COUNTED_MAX, STEPS_MAX, Firing
from tests.factories import SCHEDULE_KEY, World, make_schedule
from tests.fakes import NOON, FixedClock

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERY_MINUTE = Timing(anchor=NOON, rate=MINUTE)
DUE = make_schedule(next_run_at=NOON)
SENT = Swept(looked_at=1, sent=1, is_complete=True)
NOT_SENT = Swept(looked_at=1, sent=0, is_complete=True)
IDLE = Swept(looked_at=0, sent=0, is_complete=True)


def plenty() -> timedelta:
    return MINUTE


def world_with(*schedules: Schedule, now: datetime = NOON) -> tuple[World, Firing]:
    world = World(clock=FixedClock(now))
    for schedule in schedules:
        world.schedules.add(schedule)
    return world, world.firing()


def row(world: World, key: ScheduleKey = SCHEDULE_KEY) -> Schedule:
    found = world.schedules.get(key)
    assert found is not None
    return found


def due_times(world: World) -> list[datetime]:
    """The due times that have jobs."""
    return sorted(job.scheduled.due_at for job in world.jobs.all() if job.scheduled)


def job_key(due_at: datetime, key: ScheduleKey = SCHEDULE_KEY) -> JobKey:
    return JobKey(owner_id=key.owner_id, job_id=JobId(stable_id(due_at, key.schedule_id)))


def test_a_due_time_makes_a_job_that_is_sent_and_the_schedule_moves_on() -> None:
    schedule = replace(
        DUE, tags=("nightly",), metadata_json='{"run":"7"}', max_attempts=2, timeout_s=30, retention_days=7
    )
    world, firing = world_with(schedule, now=NOON + timedelta(seconds=20))
    assert firing.run(plenty) == SENT
    (job,) = world.jobs.all()
    assert job.key == job_key(NOON)
    assert list(world.queue.messages) == [job.key]
    assert (job.status, job.operation, job.data_json) == (JobStatus.PENDING, "square_sum", "[1,2,3]")
    assert job.scheduled == ScheduledRun(schedule_id=SCHEDULE_KEY.schedule_id, due_at=NOON)
    assert job.created_at == job.run_at == NOON + timedelta(seconds=20)
    assert (job.tags, job.metadata_json, job.max_attempts) == (("nightly",), '{"run":"7"}', 2)
    assert (job.timeout, job.retention) == (timedelta(seconds=30), 7 * DAY)
    assert [event.worker for event in job.events] == ["sweep"]
    moved = row(world)
    assert moved == replace(
        schedule, last_run_at=NOON, last_job_id=job.key.job_id, next_run_at=NOON + HOUR, token=moved.token
    )
    assert moved.token != schedule.token
    assert firing.run(plenty) == IDLE


@pytest.mark.parametrize("schedule", [replace(DUE, is_paused=True), replace(DUE, next_run_at=NOON + MINUTE)])
def test_what_is_paused_or_not_due_is_left_alone(schedule: Schedule) -> None:
    world, firing = world_with(schedule)
    assert firing.run(plenty) == IDLE
    assert row(world) == schedule
    assert not world.jobs.all()


def test_a_job_whose_message_cannot_be_sent_is_left_to_the_sweep_of_jobs() -> None:
    world, firing = world_with(DUE)
    world.queue.away = True
    assert firing.run(plenty) == SENT
    assert due_times(world) == [NOON]
    world.queue.away = False
    world.clock.advance(seconds=60)
    world.sweep().run(plenty)
    assert list(world.queue.messages) == [job_key(NOON)]


def test_missed_times_are_all_made_up_the_oldest_first_so_many_a_look() -> None:
    schedule = replace(DUE, timing=EVERY_MINUTE)
    now = NOON + 25 * MINUTE
    world, firing = world_with(schedule, now=now)
    assert firing.run(plenty) == SENT
    assert due_times(world) == [NOON + number * MINUTE for number in range(STEPS_MAX)]
    assert row(world).due_at == NOON + STEPS_MAX * MINUTE, "the rest stays due"
    firing.run(plenty)
    firing.run(plenty)
    assert due_times(world) == [NOON + number * MINUTE for number in range(26)]
    assert (row(world).skipped, row(world).next_run_at) == (0, now + MINUTE)


@pytest.mark.parametrize(
    ("within", "late", "is_made_up"),
    [
        (HOUR, HOUR, True),
        (HOUR, HOUR + timedelta(milliseconds=1), False),
        (timedelta(), ON_TIME, True),
        (timedelta(), ON_TIME + timedelta(milliseconds=1), False),
    ],
)
def test_a_due_time_is_made_up_as_late_as_is_said_but_the_sweeps_own_minutes_are_never_late(
    within: timedelta, late: timedelta, *, is_made_up: bool
) -> None:
    schedule = replace(DUE, timing=Timing(anchor=NOON, rate=DAY), missed_within=within)
    world, firing = world_with(schedule, now=NOON + late)
    assert firing.run(plenty) == (SENT if is_made_up else NOT_SENT)
    assert due_times(world) == ([NOON] if is_made_up else [])
    assert (row(world).skipped, row(world).next_run_at) == (0 if is_made_up else 1, NOON + DAY)
    assert row(world).last_run_at == (NOON if is_made_up else None)


@pytest.mark.parametrize("timing", [EVERY_MINUTE, Timing(anchor=NOON, cron="* * * * *", time_zone="Europe/Berlin")])
def test_times_that_are_too_late_are_counted_and_skipped_in_one_write(timing: Timing) -> None:
    world, firing = world_with(replace(DUE, timing=timing), now=NOON + 3 * HOUR)
    firing.run(plenty)
    assert row(world).skipped == 120
    assert due_times(world) == [NOON + 2 * HOUR + number * MINUTE for number in range(STEPS_MAX - 1)]
    for _ in range(6):
        firing.run(plenty)
    assert due_times(world) == [NOON + 2 * HOUR + number * MINUTE for number in range(61)]
    assert row(world).skipped == 120


@pytest.mark.parametrize(
    ("timing", "skipped"),
    [
        (EVERY_MINUTE, 366 * 24 * 60 - 60),
        (Timing(anchor=NOON, cron="* * * * *"), COUNTED_MAX),
        (Timing(anchor=NOON, cron="0 12 * * *"), 366),
        (Timing(anchor=NOON, cron="0 12 23 11 *"), 2),
    ],
)
def test_after_a_year_the_count_is_bounded_and_the_rest_goes_on(timing: Timing, skipped: int) -> None:
    now = NOON + 366 * DAY
    world, firing = world_with(replace(DUE, timing=timing), now=now)
    for _ in range(10):
        firing.run(plenty)
    assert row(world).skipped == skipped
    assert all(now - HOUR <= due_at <= now for due_at in due_times(world))
    assert row(world).next_run_at == CronsimTimetable().next_after(timing, now)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"operation": "gone"}, "INVALID_INPUT"),
        ({"data_json": '["a"]'}, "INVALID_INPUT"),
        ({"data_json": f"[{'1,' * 200_000}1]"}, "INPUT_TOO_LARGE"),
    ],
)
def test_a_job_that_is_refused_is_told_on_the_schedule_which_goes_on(
    change: Any, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    schedule = replace(DUE, last_run_at=NOON - HOUR, **change)
    world, firing = world_with(schedule)
    with caplog.at_level(logging.WARNING):
        assert firing.run(plenty) == NOT_SENT
    assert not world.jobs.all()
    refused = row(world)
    assert refused.last_error is not None
    assert refused.last_error.code == code
    assert (refused.last_run_at, refused.next_run_at) == (NOON - HOUR, NOON + HOUR)
    assert [record.message for record in caplog.records] == ["job of a schedule refused"]
    world.schedules.change(refused, replace(refused, operation="square_sum", data_json="[1]", token="mended"))
    world.clock.advance(hours=1)
    assert firing.run(plenty) == SENT
    assert row(world).last_error is None


@pytest.mark.parametrize("late", [timedelta(), 2 * DAY])
def test_a_schedule_whose_time_zone_is_no_more_stops_and_says_so(late: timedelta) -> None:
    timing = Timing(anchor=NOON, cron="0 12 * * *", time_zone="Mars/Olympus_Mons")
    world, firing = world_with(replace(DUE, timing=timing), now=NOON + late)
    assert firing.run(plenty) == NOT_SENT
    stopped = row(world)
    assert stopped.next_run_at is None
    assert stopped.last_error is not None
    assert stopped.last_error.detail.startswith("there is no such time zone")
    assert firing.run(plenty) == IDLE


def test_a_sweep_that_comes_second_leaves_it_to_the_first() -> None:
    world, firing = world_with(DUE)
    fire = world.schedules.fire

    def overtaken(seen: Schedule, to: Schedule, job: Job) -> None:
        world.schedules.fire = fire  # type: ignore[method-assign]
        world.firing().run(plenty)
        fire(seen, to, job)

    world.schedules.fire = overtaken  # type: ignore[method-assign]
    assert firing.run(plenty) == NOT_SENT
    assert due_times(world) == [NOON]
    assert len(world.queue.messages) == 1


def test_a_schedule_that_was_put_back_moves_on_without_a_second_job() -> None:
    world, firing = world_with(DUE)
    firing.run(plenty)
    world.schedules.change(row(world), replace(DUE, token="restored"))
    assert firing.run(plenty) == SENT
    assert due_times(world) == [NOON]
    assert (row(world).last_run_at, row(world).last_job_id) == (NOON, job_key(NOON).job_id)
    assert row(world).next_run_at == NOON + HOUR
    assert len(world.queue.messages) == 1


def test_a_schedule_that_is_changed_under_a_firing_that_finds_its_job_is_left_alone() -> None:
    world, firing = world_with(DUE)

    def moved(seen: Schedule, to: Schedule, job: Job) -> None:
        del to, job
        raise ConcurrentUpdate(replace(seen, token="another"))

    world.schedules.fire = moved  # type: ignore[method-assign]
    assert firing.run(plenty) == NOT_SENT
    assert row(world) == DUE


def test_a_schedule_that_is_gone_is_passed_over() -> None:
    world, firing = world_with(DUE)
    world.schedules.get = lambda key: None  # type: ignore[method-assign]  # noqa: ARG005
    assert firing.run(plenty) == NOT_SENT
    assert not world.jobs.all()


def test_an_index_that_lags_fires_what_the_row_has() -> None:
    world, firing = world_with(replace(DUE, timing=EVERY_MINUTE), now=NOON + MINUTE)
    entry = world.schedules.due(2, at=NOON, limit=9)
    firing.run(plenty)
    assert due_times(world) == [NOON, NOON + MINUTE]
    world.schedules.due = lambda shard, **_: entry if shard == 2 else []  # type: ignore[method-assign]
    assert firing.run(plenty) == NOT_SENT
    world.clock.advance(minutes=1)
    assert firing.run(plenty) == SENT
    assert due_times(world) == [NOON, NOON + MINUTE, NOON + 2 * MINUTE]


def test_a_row_that_cannot_be_read_keeps_no_other_from_firing(caplog: pytest.LogCaptureFixture) -> None:
    other = replace(DUE, key=replace(SCHEDULE_KEY, schedule_id=ScheduleId("01900000-0000-7000-8000-000000000006")))
    world, firing = world_with(replace(DUE, next_run_at=NOON - MINUTE), other)
    get = world.schedules.get

    def unreadable(key: ScheduleKey) -> Schedule | None:
        if key == SCHEDULE_KEY:
            message = "anchor_epoch_ms"
            raise KeyError(message)
        return get(key)

    world.schedules.get = unreadable  # type: ignore[method-assign]
    assert firing.run(plenty) == Swept(looked_at=2, sent=1, is_complete=True)
    assert [job.key for job in world.jobs.all()] == [job_key(NOON, other.key)]
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.message == "schedule cannot be swept"
    assert record.__dict__["schedule_id"] == SCHEDULE_KEY.schedule_id


def test_while_the_table_is_away_nothing_is_lost() -> None:
    world, firing = world_with(DUE)

    def away(key: ScheduleKey) -> Schedule | None:
        raise Unavailable(key.schedule_id)

    get, world.schedules.get = world.schedules.get, away  # type: ignore[method-assign]
    assert firing.run(plenty) == Swept(looked_at=1, sent=0, is_complete=False)
    world.schedules.away = True
    assert not firing.run(plenty).is_complete
    world.schedules.away = False
    world.schedules.get = get  # type: ignore[method-assign]
    assert firing.run(plenty) == SENT


def test_a_look_ends_between_two_due_times_when_its_time_is_up() -> None:
    world, firing = world_with(replace(DUE, timing=EVERY_MINUTE), now=NOON + 9 * MINUTE)
    left = iter([TIME_FOR_ONE] * 5)  # for its shard, the look itself, and three more due times
    assert firing.run(lambda: next(left, timedelta())) == Swept(looked_at=1, sent=1, is_complete=False)
    assert len(due_times(world)) == 4
    assert firing.run(plenty) == SENT
    assert len(due_times(world)) == 10, "the rest stays due"


class Died(BaseException):
    """The end of a sweep between two calls."""


class Dying:
    """A store whose calls end the sweep, before they are done or after, when ``fuse`` has burnt down."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.fuse = -1

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._inner, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self._burn()
            answer = inner(*arguments, **named)
            self._burn()
            return answer

        return call

    def _burn(self) -> None:
        self.fuse -= 1
        if self.fuse == 0:
            raise Died


TIMINGS = [
    ("*/15 * * * *", "Europe/Berlin"),
    ("30 2 * * *", "Europe/Berlin"),
    ("15,45 1-3 * * *", "Australia/Lord_Howe"),
    ("0 * * * *", "America/New_York"),
]
BEGINS = [
    datetime(2026, 3, 28, 23, 0, tzinfo=UTC),  # before the clocks of Berlin go forward
    datetime(2026, 10, 24, 23, 0, tzinfo=UTC),  # and back
    datetime(2026, 10, 3, 13, 0, tzinfo=UTC),  # those of Lord Howe forward
    datetime(2026, 4, 4, 13, 0, tzinfo=UTC),  # and back
    datetime(2027, 3, 14, 5, 0, tzinfo=UTC),  # those of New York
    datetime(2026, 11, 1, 4, 0, tzinfo=UTC),
]
SWEEPS = st.lists(
    st.tuples(
        st.integers(1, 45),  # minutes since the one before
        st.integers(-5, 5),  # seconds that its clock is off
        st.integers(0, 30),  # after how many calls it dies, if at all
        st.booleans(),  # whether it comes twice
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(
    timing=st.one_of(st.sampled_from(TIMINGS), st.integers(5, 90).map(lambda minutes: timedelta(minutes=minutes))),
    begin=st.sampled_from(BEGINS),
    within_m=st.sampled_from([0, 20, 60, 1440]),
    sweeps=SWEEPS,
)
def test_each_due_time_that_is_not_too_late_gets_one_job_and_no_other_does(
    timing: Any, begin: datetime, within_m: int, sweeps: list[tuple[int, int, int, bool]]
) -> None:
    """
    Whatever sweeps come, die, come twice, or do not come, across the changes of the clocks.

    A due time may have no job only if no sweep got to it while it could be made up; as they all get to it here in the
    end, those are the times that were too late in the last sweep that began before.
    """
    rule = (
        Timing(anchor=begin, rate=timing)
        if isinstance(timing, timedelta)
        else Timing(anchor=begin, cron=timing[0], time_zone=timing[1])
    )
    timetable = CronsimTimetable()
    schedule = replace(
        make_schedule(timing=rule, next_run_at=timetable.next_after(rule, begin)),
        missed_within=timedelta(minutes=within_m),
    )
    world = World(clock=FixedClock(begin))
    world.schedules.add(schedule)
    dying = Dying(world.schedules)
    world_of_sweeps = replace_schedules(world, dying)
    now, whole = begin, []
    for wait_m, off_s, fuse, is_double in sweeps:
        now += timedelta(minutes=wait_m)
        clock = now + timedelta(seconds=off_s)
        world.clock.advance(seconds=(clock - world.clock.now()).total_seconds())
        for _ in range(2 if is_double else 1):
            dying.fuse = fuse
            try:
                while row(world).due_at is not None and row(world).due_at <= clock:  # type: ignore[operator]
                    world_of_sweeps.run(plenty)
                whole.append(clock)
            except Died:
                pass
    dying.fuse = -1
    for _ in range(60):
        world_of_sweeps.run(plenty)
    whole.append(world.clock.now())

    named = []
    due_at = timetable.next_after(rule, begin)
    while due_at is not None and due_at <= max(whole):
        named.append(due_at)
        due_at = timetable.next_after(rule, due_at)
    jobs = due_times(world)
    assert len(set(jobs)) == len(jobs)
    assert set(jobs) <= set(named), "none that the schedule does not name"
    late = max(timedelta(minutes=within_m), ON_TIME)
    for each in named:
        was_seen_in_time = any(each <= at <= each + late for at in whole)
        assert not was_seen_in_time or each in jobs
    assert row(world).skipped == len(named) - len(jobs), "those that have none are counted"


def replace_schedules(world: World, schedules: Any) -> Firing:
    return Firing(
        schedules=schedules,
        timetable=CronsimTimetable(),
        acceptance=world.acceptance(),
        queue=world.queue,
        clock=world.clock,
        ids=world.ids,
        randomness=world.chance,
        worker="sweep",
    )
