from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import Conflict, InputTooLarge, InvalidInput, NotFound, Unavailable
from chalicelib.domain.jobs import JobId
from chalicelib.domain.schedules import SCHEDULES_MAX, Schedule, ScheduleId, ScheduleKey, Timing
from chalicelib.domain.users import UserId
from chalicelib.services.acceptance import WantedJob
from chalicelib.services.schedules import PAGE, TRIES, ScheduleService, WantedSchedule
from tests.factories import OWNER, World, make_limits, make_schedule
from tests.fakes import NOON, FixedClock

OTHER = UserId("7f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a12")
JOB = WantedJob(operation="square_sum", data_json=b"[1, 2, 3]")
HOUR = timedelta(hours=1)


def wanted(**overrides: Any) -> WantedSchedule:
    values: dict[str, Any] = {
        "name": "nightly",
        "cron": "30 2 * * *",
        "rate_s": None,
        "time_zone": "Europe/Zurich",
        "job": JOB,
        "missed_within_s": 3600,
        "is_paused": False,
    }
    return WantedSchedule(**values | overrides)


def to(**overrides: Any) -> Callable[[WantedSchedule], WantedSchedule]:
    """A change of some of it; ``job`` holds what changes of the job."""
    job = overrides.pop("job", {})
    return lambda before: replace(before, **overrides, job=replace(before.job, **job))


def world_with(**overrides: Any) -> tuple[World, ScheduleService, Schedule]:
    """A world with one schedule."""
    world = World()
    service = world.schedule_service()
    return world, service, service.create(OWNER, wanted(**overrides))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_schedule_is_made_with_its_next_due_time_and_its_data_as_it_will_be_stored() -> None:
    job = replace(JOB, tags=("a", "a", "b"), max_attempts=2, timeout_s=5, retention_days=3, metadata_json='{"a":"b"}')
    world, service, made = world_with(job=job)
    assert world.schedules.get(made.key) == made
    assert service.get(OWNER, made.key.schedule_id) == made
    assert made.key.owner_id == OWNER
    assert made.timing == Timing(anchor=NOON, cron="30 2 * * *", time_zone="Europe/Zurich")
    assert made.created_at == NOON
    assert made.next_run_at == at("2026-11-24T01:30Z")
    assert (made.operation, made.data_json, made.tags) == ("square_sum", "[1,2,3]", ("a", "b"))
    assert (made.max_attempts, made.timeout_s, made.retention_days, made.metadata_json) == (2, 5, 3, '{"a":"b"}')
    assert (made.missed_within, made.is_paused, made.last_run_at, made.skipped) == (HOUR, False, None, 0)
    assert not world.jobs.all()


def test_a_rate_is_anchored_when_it_is_made() -> None:
    _, _, made = world_with(cron=None, rate_s=90)
    assert made.timing == Timing(anchor=NOON, rate=timedelta(seconds=90), time_zone="Europe/Zurich")
    assert made.next_run_at == NOON + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("overrides", "pointer", "detail"),
    [
        ({"cron": None}, "#/cron", "give cron or rate_s"),
        ({"rate_s": 60}, "#/rate_s", "give cron or rate_s, not both"),
        ({"cron": "61 * * * *"}, "#/cron", "cron is not right: bad minute"),
        ({"time_zone": "Mars"}, "#/time_zone", "there is no such time zone"),
        ({"cron": None, "rate_s": 60, "time_zone": "Mars"}, "#/time_zone", "there is no such time zone"),
        ({"cron": None, "rate_s": 59}, "#/rate_s", "rate_s must be from 60 to 31536000, which is a year"),
        ({"cron": None, "rate_s": 31_536_001}, "#/rate_s", "rate_s must be from 60"),
        ({"missed_within_s": -1}, "#/missed_within_s", "missed_within_s must be from 0 to 86400, which is a day"),
        ({"missed_within_s": 86_401}, "#/missed_within_s", "missed_within_s must be from 0"),
        ({"job": replace(JOB, operation="sqare_sum")}, "#/operation", "did you mean square_sum?"),
        ({"job": replace(JOB, data_json=b'["a"]')}, "#/data/0", "expected a number"),
        ({"job": replace(JOB, max_attempts=99)}, "#/max_attempts", "max_attempts must be from 1"),
        ({"job": replace(JOB, timeout_s=0)}, "#/timeout_s", "timeout_s must be from 1"),
        ({"job": replace(JOB, retention_days=367)}, "#/retention_days", "retention_days must be from 1"),
    ],
)
def test_what_could_not_be_done_when_its_time_comes_is_refused_at_once(
    overrides: Any, pointer: str, detail: str
) -> None:
    world, service, made = world_with()
    calls: list[Callable[[], Schedule]] = [
        lambda: service.create(OWNER, wanted(**overrides)),
        lambda: service.change(OWNER, made.key.schedule_id, lambda before: replace(before, **overrides)),
    ]
    for call in calls:
        with pytest.raises(InvalidInput) as refused:
            call()
        assert refused.value.pointer == pointer
        assert detail in str(refused.value)
    assert world.schedules.all() == [made]


@pytest.mark.parametrize("rate_s", [60, 31_536_000])
def test_the_bounds_of_a_rate_are_allowed(rate_s: int) -> None:
    assert world_with(cron=None, rate_s=rate_s)[2].next_run_at == NOON + timedelta(seconds=rate_s)


def test_data_that_is_too_large_is_refused() -> None:
    world = World(limits=make_limits(data_max_bytes=5))
    with pytest.raises(InputTooLarge):
        world.schedule_service().create(OWNER, wanted())
    assert not world.schedules.all()


def test_an_owner_may_have_so_many_schedules() -> None:
    world = World()
    service = world.schedule_service()
    for _ in range(SCHEDULES_MAX):
        made = service.create(OWNER, wanted())
    with pytest.raises(Conflict, match="you have 100 schedules"):
        service.create(OWNER, wanted())
    service.create(OTHER, wanted())
    service.delete(OWNER, made.key.schedule_id)
    service.create(OWNER, wanted())


def test_schedules_are_listed_newest_first() -> None:
    _, service, first = world_with()
    second = service.create(OWNER, wanted())
    service.create(OTHER, wanted())
    page = service.page(OWNER, limit=1, after=None)
    assert list(page.schedules) == [second]
    assert list(service.page(OWNER, limit=9, after=page.next_after).schedules) == [first]


@pytest.mark.asvs("8.2.2")
def test_who_is_not_the_owner_has_no_such_schedule() -> None:
    world, service, made = world_with()
    for owner_id, schedule_id in (
        (OTHER, made.key.schedule_id),
        (OWNER, "nonsense"),
        (OWNER, made.key.schedule_id[:-1]),
    ):
        for call in (
            lambda owner_id=owner_id, schedule_id=schedule_id: service.get(owner_id, schedule_id),
            lambda owner_id=owner_id, schedule_id=schedule_id: service.change(owner_id, schedule_id, to(name="mine")),
            lambda owner_id=owner_id, schedule_id=schedule_id: service.delete(owner_id, schedule_id),
        ):
            with pytest.raises(NotFound, match="you have no schedule of this id; GET /schedules lists those you have"):
                call()
    assert world.schedules.all() == [made]


def test_a_deleted_schedule_is_gone_and_its_jobs_stay() -> None:
    world, service, made = world_with(cron=None, rate_s=60)
    world.clock.advance(minutes=1)
    world.firing().run(lambda: timedelta(minutes=1))
    service.delete(OWNER, made.key.schedule_id)
    assert not world.schedules.all()
    assert len(world.jobs.all()) == 1
    world.clock.advance(minutes=1)
    world.firing().run(lambda: timedelta(minutes=1))
    assert len(world.jobs.all()) == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (to(name="weekly"), {"name": "weekly"}),
        (to(missed_within_s=0), {"missed_within": timedelta()}),
        (to(job={"data_json": b"[4, 5]"}), {"data_json": "[4,5]"}),
        (to(job={"operation": "cube_sum"}), {"operation": "cube_sum"}),
        (to(job={"tags": ("a", "a")}), {"tags": ("a",)}),
        (to(job={"metadata_json": '{"a":"b"}'}), {"metadata_json": '{"a":"b"}'}),
        (to(job={"max_attempts": 1}), {"max_attempts": 1}),
        (to(job={"timeout_s": 7}), {"timeout_s": 7}),
        (to(job={"retention_days": 9}), {"retention_days": 9}),
        (to(is_paused=True), {"is_paused": True}),
        (to(), {}),
    ],
)
def test_each_part_can_be_changed_and_the_rest_stays(change: Any, expected: dict[str, Any]) -> None:
    world, service, made = world_with()
    world.clock.advance(minutes=7)
    changed = service.change(OWNER, made.key.schedule_id, change)
    assert changed == replace(made, **expected, token=changed.token)
    assert changed.token != made.token
    assert world.schedules.get(made.key) == changed


@pytest.mark.parametrize(
    ("change", "next_run_at"),
    [
        (to(cron="0 9 * * *"), at("2026-11-24T08:00Z")),
        (to(cron=None, rate_s=600), NOON + 7 * HOUR + timedelta(minutes=10)),
        (to(time_zone="America/New_York"), at("2026-11-24T07:30Z")),
    ],
)
def test_another_timing_is_anchored_when_it_is_given(change: Any, next_run_at: datetime) -> None:
    world, service, made = world_with()
    world.clock.advance(hours=7)
    changed = service.change(OWNER, made.key.schedule_id, change)
    assert changed.timing.anchor == NOON + 7 * HOUR
    assert changed.next_run_at == next_run_at


def test_the_same_timing_is_no_other() -> None:
    world, service, made = world_with(cron=None, rate_s=3600)
    world.clock.advance(minutes=50)
    changed = service.change(OWNER, made.key.schedule_id, to(rate_s=3600, name="again"))
    assert (changed.timing, changed.next_run_at) == (made.timing, NOON + HOUR)


def test_another_time_zone_moves_no_due_time_of_a_rate() -> None:
    world, service, made = world_with(cron=None, rate_s=3600)
    world.clock.advance(minutes=50)
    changed = service.change(OWNER, made.key.schedule_id, to(time_zone="America/New_York"))
    assert changed.timing == replace(made.timing, time_zone="America/New_York")
    assert changed.next_run_at == NOON + HOUR


def test_a_resumed_schedule_goes_on_with_what_is_to_come() -> None:
    world, service, made = world_with(cron=None, rate_s=3600)
    paused = service.change(OWNER, made.key.schedule_id, to(is_paused=True))
    assert paused.due_at is None
    world.clock.advance(hours=7, minutes=1)
    world.firing().run(lambda: timedelta(minutes=1))
    resumed = service.change(OWNER, made.key.schedule_id, to(is_paused=False))
    assert resumed.timing == made.timing, "the rhythm stays"
    assert (resumed.due_at, resumed.skipped) == (NOON + 8 * HOUR, 0)
    world.firing().run(lambda: timedelta(minutes=1))
    assert not world.jobs.all()


def test_a_paused_one_is_made_and_changed_all_the_same() -> None:
    world, service, made = world_with(is_paused=True)
    assert made.due_at is None
    changed = service.change(OWNER, made.key.schedule_id, to(cron="0 9 * * *"))
    assert changed.due_at is None
    world.clock.advance(hours=48)
    resumed = service.change(OWNER, made.key.schedule_id, to(is_paused=False))
    assert resumed.due_at == at("2026-11-26T08:00Z")


def test_what_a_sweep_with_a_faster_clock_has_fired_is_not_to_come_again() -> None:
    world, _, made = world_with(cron=None, rate_s=3600)
    world.clock.advance(hours=1, seconds=1)
    world.firing().run(lambda: timedelta(minutes=1))
    slower = World(clock=FixedClock(NOON + HOUR - timedelta(seconds=1)))
    slower.schedules = world.schedules
    changed = slower.schedule_service().change(OWNER, made.key.schedule_id, to(cron="0 * * * *", rate_s=None))
    assert changed.next_run_at == NOON + 2 * HOUR


def test_a_schedule_whose_operation_is_gone_can_be_paused_but_not_resumed() -> None:
    world, service, _ = world_with()
    gone = make_schedule(operation="gone")
    world.schedules.add(gone)
    paused = service.change(OWNER, gone.key.schedule_id, to(is_paused=True, name="resting"))
    assert (paused.is_paused, paused.name) == (True, "resting")
    with pytest.raises(InvalidInput) as refused:
        service.change(OWNER, gone.key.schedule_id, to(is_paused=False))
    assert refused.value.pointer == "#/operation"


def overtaking(world: World, key: ScheduleKey, times: int) -> None:
    """Have as many changes come second to another."""
    change, left = world.schedules.change, [times]

    def overtaken(seen: Schedule, to: Schedule) -> None:
        if left[0]:
            left[0] -= 1
            current = world.schedules.get(key)
            assert current is not None
            change(current, replace(current, token=f"sweep-{left[0]}", last_job_id=JobId("a job")))
        change(seen, to)

    world.schedules.change = overtaken  # type: ignore[method-assign]


def test_a_change_that_comes_second_to_a_sweep_is_made_of_what_that_has_left() -> None:
    world, service, made = world_with()
    overtaking(world, made.key, TRIES - 1)
    changed = service.change(OWNER, made.key.schedule_id, to(name="weekly"))
    assert (changed.name, changed.last_job_id) == ("weekly", "a job")
    assert world.schedules.get(made.key) == changed


def test_a_change_that_keeps_coming_second_is_refused() -> None:
    world, service, made = world_with()
    overtaking(world, made.key, TRIES)
    with pytest.raises(Conflict, match="changed by others"):
        service.change(OWNER, made.key.schedule_id, to(name="weekly"))
    current = world.schedules.get(made.key)
    assert current is not None
    assert current.name == "nightly"


def test_all_of_an_owner_are_paused_and_nobody_elses() -> None:
    world = World()
    service = world.schedule_service()
    for number in range(PAGE + 1):
        key = ScheduleKey(owner_id=OWNER, schedule_id=ScheduleId(f"01900000-0000-7000-8000-{number:012x}"))
        world.schedules.add(make_schedule(key=key, is_paused=number == 0))
    others = service.create(OTHER, wanted())
    service.pause_all(OWNER)
    assert all(each.is_paused for each in world.schedules.all() if each.key != others.key)
    assert world.schedules.get(others.key) == others
    first = world.schedules.all()[0]
    assert first.token == "made", "it was paused before, and is left as it is"


@pytest.mark.parametrize("is_deleted", [True, False])
def test_one_that_changes_meanwhile_is_paused_too(*, is_deleted: bool) -> None:
    world, service, made = world_with()
    if is_deleted:
        change = world.schedules.change

        def gone(seen: Schedule, to: Schedule) -> None:
            world.schedules.remove(made.key)
            change(seen, to)

        world.schedules.change = gone  # type: ignore[method-assign]
    else:
        overtaking(world, made.key, 2)
    service.pause_all(OWNER)
    assert [each.is_paused for each in world.schedules.all()] == ([] if is_deleted else [True])


def test_while_the_table_is_away_that_is_said() -> None:
    world, service, made = world_with()
    world.schedules.away = True
    with pytest.raises(Unavailable):
        service.get(OWNER, made.key.schedule_id)
