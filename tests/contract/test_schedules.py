"""The schedules table: changes over the very row they began from, and a due time together with its job."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.batch_deletes import PAGE_ROWS
from chalicelib.adapters.dynamodb.event_keys import schedule_key
from chalicelib.adapters.dynamodb.schedule_items import to_schedule_item
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import Job, JobError, JobId, JobKey
from chalicelib.domain.schedules import SHARDS, Schedule, ScheduleId, ScheduleKey, Timing, shard
from chalicelib.domain.stable_ids import stable_id
from chalicelib.domain.users import UserId
from chalicelib.schedule_ports import DueSchedule, ScheduleRepository
from tests.contract.conftest import Aws, Ports
from tests.factories import OWNER, SCHEDULE_KEY, make_job, make_schedule
from tests.fakes import NOON

OTHER = UserId("7f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a12")
HOUR = timedelta(hours=1)
FULL = make_schedule(
    timing=Timing(anchor=NOON, cron="30 2 * * *", time_zone="Europe/Zurich"),
    missed_within=timedelta(seconds=90),
    max_attempts=2,
    timeout_s=30,
    retention_days=7,
    tags=("nightly", "blue"),
    metadata_json='{"run":"7"}',
    last_run_at=NOON,
    last_job_id=JobId("01900000-0000-7000-8000-000000000009"),
    skipped=12,
    last_error=JobError(code="INVALID_INPUT", detail="there is no such operation"),
)


def key_of(number: int, owner_id: UserId = OWNER) -> ScheduleKey:
    return ScheduleKey(owner_id=owner_id, schedule_id=ScheduleId(f"01900000-0000-7000-8000-{number:012x}"))


def added(ports: Ports, *schedules: Schedule) -> None:
    for schedule in schedules:
        ports.schedules.add(schedule)


def moved_on(seen: Schedule, token: str = "fired") -> tuple[Schedule, Job]:
    """What firing the next due time makes of a schedule, and the job."""
    due_at = seen.next_run_at
    assert due_at is not None
    key = JobKey(owner_id=seen.key.owner_id, job_id=JobId(stable_id(due_at, seen.key.schedule_id)))
    return seen.fired(key.job_id, next_run_at=due_at + HOUR, token=token), make_job(key=key, token=f"job-{token}")


def jobs_of(ports: Ports) -> list[Job]:
    return [*ports.lists.page(OWNER, JobFilter(), limit=50, after=None).jobs]


def refused_with(call: Any, *arguments: Any) -> Schedule | None:
    """The row that a refused change found."""
    with pytest.raises(ConcurrentUpdate) as refused:
        call(*arguments)
    assert refused.value.current is None or isinstance(refused.value.current, Schedule)
    return refused.value.current


def due_of(schedules: ScheduleRepository, at: datetime) -> list[DueSchedule]:
    return [each for number in range(SHARDS) for each in schedules.due(number, at=at, limit=9)]


@pytest.mark.parametrize("schedule", [make_schedule(), FULL, make_schedule(next_run_at=None, is_paused=True)])
def test_a_schedule_is_read_as_it_was_stored(ports: Ports, schedule: Schedule) -> None:
    added(ports, schedule)
    assert ports.schedules.get(schedule.key) == schedule
    assert ports.schedules.get(replace(schedule.key, owner_id=OTHER)) is None


def test_a_schedule_that_is_added_again_stays_as_it_is(ports: Ports) -> None:
    added(ports, make_schedule(), make_schedule(token="another"))
    assert ports.schedules.get(SCHEDULE_KEY) == make_schedule()


@pytest.mark.parametrize(("before", "after"), [(make_schedule(), FULL), (FULL, make_schedule())])
def test_a_change_leaves_what_it_makes(ports: Ports, before: Schedule, after: Schedule) -> None:
    to = replace(after, token="changed")
    added(ports, before)
    ports.schedules.change(before, to)
    assert ports.schedules.get(SCHEDULE_KEY) == to
    ports.schedules.change(before, to)
    assert ports.schedules.get(SCHEDULE_KEY) == to, "the same again, after a lost response"


def test_a_change_over_another_row_is_refused_with_that(ports: Ports) -> None:
    first, second = (make_schedule(token=token) for token in ("first", "second"))
    assert refused_with(ports.schedules.change, make_schedule(), first) is None
    added(ports, make_schedule())
    ports.schedules.change(make_schedule(), first)
    assert refused_with(ports.schedules.change, make_schedule(), second) == first
    assert ports.schedules.get(SCHEDULE_KEY) == first


def test_a_due_time_and_its_job_are_there_together(ports: Ports) -> None:
    seen = make_schedule()
    added(ports, seen)
    to, job = moved_on(seen)
    ports.schedules.fire(seen, to, job)
    assert (ports.schedules.get(SCHEDULE_KEY), jobs_of(ports)) == (to, [job])
    ports.schedules.fire(seen, to, job)
    assert (ports.schedules.get(SCHEDULE_KEY), jobs_of(ports)) == (to, [job]), "the same again, after a lost response"


def test_a_schedule_that_was_changed_is_not_fired(ports: Ports) -> None:
    seen = make_schedule()
    added(ports, seen)
    paused = seen.paused(token="paused")
    ports.schedules.change(seen, paused)
    assert refused_with(ports.schedules.fire, seen, *moved_on(seen)) == paused
    ports.schedules.remove(SCHEDULE_KEY)
    assert refused_with(ports.schedules.fire, seen, *moved_on(seen)) is None
    assert (ports.schedules.get(SCHEDULE_KEY), jobs_of(ports)) == (None, [])


def test_a_schedule_that_was_put_back_makes_no_second_job(ports: Ports) -> None:
    seen = make_schedule()
    added(ports, seen)
    to, job = moved_on(seen)
    ports.schedules.fire(seen, to, job)
    back = replace(seen, token="back")
    ports.schedules.change(to, back)
    again, another = moved_on(back, "again")
    assert refused_with(ports.schedules.fire, back, again, another) == back, "it is as it was, and the job is there"
    assert (ports.schedules.get(SCHEDULE_KEY), jobs_of(ports)) == (back, [job])


def test_of_sweeps_at_once_one_fires_a_due_time(atomic_ports: Ports) -> None:
    seen = make_schedule()
    added(atomic_ports, seen)

    def fired(number: int) -> Schedule | None:
        to, job = moved_on(seen, f"sweep-{number}")
        try:
            atomic_ports.schedules.fire(seen, to, job)
        except ConcurrentUpdate:
            return None
        return to

    with ThreadPoolExecutor(8) as pool:
        (won,) = [each for each in pool.map(fired, range(16)) if each is not None]
    (job,) = jobs_of(atomic_ports)
    assert atomic_ports.schedules.get(SCHEDULE_KEY) == won
    assert job.token == f"job-{won.token}"


def test_a_write_whose_response_was_lost_counts(lossy_ports: Ports) -> None:
    seen = make_schedule()
    added(lossy_ports, seen)
    to, job = moved_on(seen)
    lossy_ports.schedules.fire(seen, to, job)
    changed = to.paused(token="paused")
    lossy_ports.schedules.change(to, changed)
    assert (lossy_ports.schedules.get(SCHEDULE_KEY), jobs_of(lossy_ports)) == (changed, [job])


def test_schedules_are_removed_once(ports: Ports) -> None:
    added(ports, make_schedule())
    assert not ports.schedules.remove(replace(SCHEDULE_KEY, owner_id=OTHER))
    assert ports.schedules.remove(SCHEDULE_KEY)
    assert not ports.schedules.remove(SCHEDULE_KEY)
    assert ports.schedules.get(SCHEDULE_KEY) is None


def test_an_owner_has_as_many_as_were_added_and_are_counted_no_further_than_asked(ports: Ports) -> None:
    added(ports, *(make_schedule(key=key_of(number)) for number in range(5)), make_schedule(key=key_of(9, OTHER)))
    assert [ports.schedules.count(OWNER, at_most=most) for most in (4, 5, 6)] == [4, 5, 5]
    assert ports.schedules.count(OTHER, at_most=6) == 1


def test_schedules_are_listed_newest_first_and_page_by_page(ports: Ports) -> None:
    schedules = [make_schedule(key=key_of(number)) for number in range(5)]
    added(ports, *schedules, make_schedule(key=key_of(9, OTHER)))
    listed: list[Schedule] = []
    after = None
    while True:
        page = ports.schedules.page(OWNER, limit=2, after=after)
        assert len(page.schedules) <= 2
        listed += page.schedules
        after = page.next_after
        if after is None:
            break
    assert listed == schedules[::-1]


def test_large_schedules_are_counted_and_listed_all_the_same(ports: Ports) -> None:
    """DynamoDB reads no more than 1 MB at once."""
    data = "[" + ",".join(["1"] * 100_000) + "]"
    schedules = [make_schedule(key=key_of(number), data_json=data) for number in range(8)]
    added(ports, *schedules)
    assert ports.schedules.count(OWNER, at_most=100) == 8
    listed: list[Schedule] = []
    page = ports.schedules.page(OWNER, limit=100, after=None)
    while page.next_after is not None:
        listed += page.schedules
        page = ports.schedules.page(OWNER, limit=100, after=page.next_after)
    assert [*listed, *page.schedules] == schedules[::-1]


def test_what_is_due_is_found_the_longest_due_first_and_page_by_page(ports: Ports) -> None:
    keys = [key_of(number * SHARDS) for number in range(5)]
    due_at = {key: NOON - timedelta(seconds=place) for place, key in enumerate(keys)}
    added(ports, *(make_schedule(key=key, next_run_at=at) for key, at in due_at.items()))
    added(ports, make_schedule(key=key_of(9 * SHARDS), next_run_at=NOON + timedelta(milliseconds=1)))
    expected = [DueSchedule(key=key, due_at=due_at[key]) for key in keys[::-1]]
    number = shard(keys[0].schedule_id)
    assert ports.schedules.due(number, at=NOON, limit=9) == expected
    first = ports.schedules.due(number, at=NOON, limit=2)
    assert first == expected[:2]
    second = ports.schedules.due(number, at=NOON, limit=2, after=first[-1])
    assert [*second, *ports.schedules.due(number, at=NOON, limit=2, after=second[-1])] == expected[2:]
    others = {other for other in range(SHARDS) if other != number}
    assert [ports.schedules.due(other, at=NOON, limit=9) for other in others] == [[]] * 3


def test_each_schedule_is_in_one_of_the_shards(ports: Ports) -> None:
    schedules = [make_schedule(key=key_of(number), next_run_at=NOON) for number in range(8)]
    added(ports, *schedules)
    assert [len(ports.schedules.due(number, at=NOON, limit=9)) for number in range(SHARDS)] == [2] * SHARDS


def test_what_is_paused_or_has_no_next_time_is_not_due(ports: Ports) -> None:
    seen = make_schedule(next_run_at=NOON)
    added(ports, seen)
    assert due_of(ports.schedules, NOON) == [DueSchedule(key=SCHEDULE_KEY, due_at=NOON)]
    paused = seen.paused(token="paused")
    ports.schedules.change(seen, paused)
    assert due_of(ports.schedules, NOON) == []
    resumed = replace(paused, is_paused=False, token="resumed")
    ports.schedules.change(paused, resumed)
    assert due_of(ports.schedules, NOON) == [DueSchedule(key=SCHEDULE_KEY, due_at=NOON)]
    ports.schedules.change(resumed, resumed.missed(1, next_run_at=None, token="over"))
    assert due_of(ports.schedules, NOON + 9999 * HOUR) == []


def test_a_fired_schedule_is_due_at_its_next_time(ports: Ports) -> None:
    seen = make_schedule(next_run_at=NOON)
    added(ports, seen)
    ports.schedules.fire(seen, *moved_on(seen))
    assert due_of(ports.schedules, NOON + HOUR - timedelta(milliseconds=1)) == []
    assert due_of(ports.schedules, NOON + HOUR) == [DueSchedule(key=SCHEDULE_KEY, due_at=NOON + HOUR)]


def test_all_schedules_of_an_owner_are_erased_step_by_step(ports: Ports) -> None:
    own = (make_schedule(key=key_of(number)) for number in range(2 * PAGE_ROWS + 1))
    added(ports, *own, make_schedule(key=key_of(99, OTHER)))
    steps = 0
    while ports.schedules.erase_some(OWNER):
        steps += 1
    assert steps > 1
    assert ports.schedules.count(OWNER, at_most=100) == 0
    assert ports.schedules.count(OTHER, at_most=100) == 1


def test_without_the_table_every_call_says_so(away_ports: Ports) -> None:
    seen = make_schedule()
    to, job = moved_on(seen)
    schedules = away_ports.schedules
    calls: list[Any] = [
        lambda: schedules.add(seen),
        lambda: schedules.get(SCHEDULE_KEY),
        lambda: schedules.count(OWNER, at_most=9),
        lambda: schedules.page(OWNER, limit=9, after=None),
        lambda: schedules.change(seen, to),
        lambda: schedules.fire(seen, to, job),
        lambda: schedules.remove(SCHEDULE_KEY),
        lambda: schedules.due(0, at=NOON, limit=9),
        lambda: schedules.erase_some(OWNER),
    ]
    for call in calls:
        with pytest.raises(Unavailable, match="the schedules table does not answer"):
            call()


@pytest.mark.parametrize(
    ("name", "content"),
    [("anchor_epoch_ms", {"S": "noon"}), ("data", {"S": "[1,"}), ("metadata", {"S": "[]"}), ("tags", {"NULL": True})],
)
def test_a_row_that_cannot_be_read_is_left_out_of_lists_and_named_in_the_log(
    aws: Aws, caplog: pytest.LogCaptureFixture, name: str, content: Any
) -> None:
    schedules = [replace(FULL, key=key_of(number)) for number in range(3)]
    ports = aws.ports()
    added(ports, *schedules)
    item = to_schedule_item(schedules[1]) | {name: content}
    aws.dynamodb.put_item(TableName=aws.schedules_table, Item=item)
    assert ports.schedules.page(OWNER, limit=9, after=None).schedules == [schedules[2], schedules[0]]
    (record,) = [each for each in caplog.records if each.name.startswith("chalicelib")]
    assert record.message == "row of the schedules table cannot be read; lists leave it out"
    assert record.__dict__["schedule_id"] == schedules[1].key.schedule_id


def test_a_change_and_a_firing_keep_what_newer_code_has_added(aws: Aws) -> None:
    more: Any = {"priority": {"N": "5"}, "trace": {"M": {"id": {"S": "1"}}}}
    seen = make_schedule()
    aws.dynamodb.put_item(TableName=aws.schedules_table, Item=to_schedule_item(seen) | more)
    ports = aws.ports()
    to, job = moved_on(seen)
    ports.schedules.fire(seen, to, job)
    ports.schedules.change(to, to.paused(token="paused"))
    row = aws.dynamodb.get_item(TableName=aws.schedules_table, Key=schedule_key(SCHEDULE_KEY), ConsistentRead=True)
    assert row["Item"] == to_schedule_item(to.paused(token="paused")) | more
