import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.delivery import SHARDS
from chalicelib.domain.delivery import shard as shard_of
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import Job, JobId, JobKey
from chalicelib.ports import DueJob
from chalicelib.services.due_rows import FAULTS_MAX, PAGE, TIME_FOR_ONE, Swept
from chalicelib.services.sweeping import Sweep
from tests.factories import KEY, LEASE, OWNER, World, make_act, make_claim, make_job
from tests.fakes import NOON, FixedChance


def plenty() -> timedelta:
    return timedelta(minutes=1)


def key_of(number: int) -> JobKey:
    return JobKey(owner_id=OWNER, job_id=JobId(f"01900000-0000-7000-8000-{number:012x}"))


def world_with(*jobs: Job) -> tuple[World, Sweep]:
    world = World()
    for job in jobs:
        world.jobs.add(job)
    return world, world.sweep()


def test_a_job_whose_message_was_lost_is_sent_again_and_looked_at_later() -> None:
    world, sweep = world_with(make_job(due_at=NOON))
    assert sweep.run(plenty) == Swept(looked_at=1, sent=1, is_complete=True)
    assert list(world.queue.messages) == [KEY]
    assert world.jobs.get(KEY) == make_job(due_at=NOON + timedelta(minutes=1))
    assert sweep.run(plenty) == Swept(looked_at=0, sent=0, is_complete=True)


def test_a_job_that_is_not_to_be_looked_at_yet_is_left_alone() -> None:
    world, sweep = world_with(make_job(due_at=NOON + timedelta(milliseconds=1)))
    assert sweep.run(plenty).looked_at == 0
    assert not world.queue.messages


def test_a_job_that_an_attempt_holds_is_not_sent_and_nobodys_work_is_undone() -> None:
    """The rescuer that overwrites what is running or finished is the oldest bug of its kind."""
    held = make_job(due_at=NOON).claimed(make_claim("a"))
    world, sweep = world_with(held)
    assert sweep.run(plenty) == Swept(looked_at=1, sent=0, is_complete=True)
    put_off = held.looked_at(again_at=NOON + LEASE)
    assert world.jobs.get(KEY) == put_off
    world.jobs.advance(held, held.finished("14", make_act("end")))


def test_a_job_whose_attempt_was_lost_is_sent_when_its_lease_has_ended() -> None:
    lost = make_job(due_at=NOON).claimed(make_claim("a", at=NOON - LEASE))
    world, sweep = world_with(lost)
    assert sweep.run(plenty).sent == 1
    assert list(world.queue.messages) == [KEY]


def test_a_job_delayed_for_long_is_sent_ahead_to_arrive_when_it_is_due() -> None:
    run_at = NOON + timedelta(seconds=90)
    world, sweep = world_with(make_job(run_at=run_at, due_at=NOON - timedelta(seconds=30)))
    assert sweep.run(plenty).sent == 1
    assert world.queue.delays == [timedelta(seconds=90)]


def test_every_shard_is_swept_and_more_than_a_page_of_each() -> None:
    jobs = [make_job(key=key_of(number), due_at=NOON) for number in range(SHARDS * (PAGE + 1))]
    world, sweep = world_with(*jobs)
    assert sweep.run(plenty) == Swept(looked_at=len(jobs), sent=len(jobs), is_complete=True)
    assert set(world.queue.messages) == {job.key for job in jobs}


def test_an_index_that_lags_sends_nothing_and_is_not_read_in_circles() -> None:
    """All of a whole page has ended, and the index does not know yet."""
    mates = [make_job(key=key_of(number * SHARDS), due_at=NOON) for number in range(PAGE + 1)]
    world, sweep = world_with(*mates)
    own = shard_of(mates[0].key.job_id)
    entries = world.jobs.due(own, at=NOON, limit=PAGE * 2)
    for job in mates:
        world.jobs.advance(job, job.cancelled(make_act(f"cancel-{job.key.job_id}")))

    def lagging(shard: int, *, at: datetime, limit: int, after: DueJob | None = None) -> Sequence[DueJob]:  # noqa: ARG001 - as the port has it
        mine = list(entries) if shard == own else []
        begin = 0 if after is None else mine.index(after) + 1
        return mine[begin : begin + limit]

    world.jobs.due = lagging  # type: ignore[method-assign]
    assert sweep.run(plenty) == Swept(looked_at=len(mates), sent=0, is_complete=True)


def test_a_job_that_is_gone_is_passed_over() -> None:
    world, sweep = world_with(make_job(due_at=NOON))
    world.jobs.get = lambda key: None  # type: ignore[method-assign]  # noqa: ARG005
    assert sweep.run(plenty) == Swept(looked_at=1, sent=0, is_complete=True)


def running_out(*left: timedelta) -> Callable[[], timedelta]:
    rest: Iterator[timedelta] = iter(left)
    return lambda: next(rest, timedelta())


def test_a_sweep_without_time_begins_nothing_and_says_so() -> None:
    world, sweep = world_with(make_job(due_at=NOON))
    assert sweep.run(running_out()) == Swept(looked_at=0, sent=0, is_complete=False)
    assert not world.queue.messages


def test_a_sweep_ends_between_two_jobs_when_its_time_is_up() -> None:
    _, sweep = world_with(*(make_job(key=key_of(number * SHARDS), due_at=NOON) for number in range(3)))
    begun = [TIME_FOR_ONE] * 5  # the shards before theirs, then it, then two jobs
    swept = sweep.run(running_out(*begun, TIME_FOR_ONE, TIME_FOR_ONE))
    assert swept == Swept(looked_at=2, sent=2, is_complete=False)
    assert sweep.run(plenty) == Swept(looked_at=1, sent=1, is_complete=True), "the rest stays due"


def test_with_the_queue_away_the_jobs_stay_due(caplog: pytest.LogCaptureFixture) -> None:
    world, sweep = world_with(make_job(due_at=NOON))
    world.queue.away = True
    assert sweep.run(plenty) == Swept(looked_at=1, sent=0, is_complete=False)
    assert caplog.records[0].message == "job cannot be swept now"
    world.queue.away = False
    assert sweep.run(plenty).sent == 1


def test_with_the_store_away_the_next_sweep_goes_on() -> None:
    world, sweep = world_with(make_job(due_at=NOON))
    world.jobs.away = True
    assert sweep.run(plenty) == Swept(looked_at=0, sent=0, is_complete=False)
    world.jobs.away = False
    assert sweep.run(plenty).sent == 1


def failing_get(world: World, error: Exception, *keys: JobKey) -> list[JobKey]:
    """Let reading these jobs fail; return the list of what is read from now on."""
    real_get = world.jobs.get
    read: list[JobKey] = []

    def get(key: JobKey) -> Job | None:
        read.append(key)
        if key in keys:
            raise error
        return real_get(key)

    world.jobs.get = get  # type: ignore[method-assign]
    return read


def test_a_job_that_cannot_be_reached_keeps_no_other_waiting_and_stays_due() -> None:
    """All jobs of an owner are in one partition, which may be throttled."""
    first, second = key_of(0), key_of(SHARDS)
    world, sweep = world_with(make_job(key=first, due_at=NOON), make_job(key=second, due_at=NOON))
    failing_get(world, Unavailable("throttled"), first)
    assert sweep.run(plenty) == Swept(looked_at=2, sent=1, is_complete=False)
    assert list(world.queue.messages) == [second]
    assert world.jobs.due(shard_of(first.job_id), at=NOON, limit=9) == [DueJob(key=first, due_at=NOON)]


def test_a_sweep_that_finds_one_job_after_the_other_away_gives_up() -> None:
    keys = [key_of(number * SHARDS) for number in range(FAULTS_MAX + 2)]
    world, sweep = world_with(*(make_job(key=key, due_at=NOON) for key in keys))
    read = failing_get(world, Unavailable("away"), *keys)
    assert sweep.run(plenty) == Swept(looked_at=FAULTS_MAX, sent=0, is_complete=False)
    assert read == keys[:FAULTS_MAX]


def test_a_row_that_cannot_be_read_keeps_no_other_job_waiting_and_is_put_off(caplog: pytest.LogCaptureFixture) -> None:
    first, second = key_of(0), key_of(SHARDS)
    world, sweep = world_with(make_job(key=first, due_at=NOON), make_job(key=second, due_at=NOON))
    failing_get(world, KeyError("status"), first)
    assert sweep.run(plenty) == Swept(looked_at=2, sent=1, is_complete=True)
    assert list(world.queue.messages) == [second]
    assert (caplog.records[0].message, caplog.records[0].__dict__["job_id"]) == ("job cannot be swept", first.job_id)
    assert sweep.run(plenty).looked_at == 0
    assert world.jobs.due(shard_of(first.job_id), at=NOON + timedelta(minutes=15), limit=9)[-1].key == first


def test_a_row_that_cannot_even_be_put_off_keeps_no_other_job_waiting(caplog: pytest.LogCaptureFixture) -> None:
    first, second = key_of(0), key_of(SHARDS)
    world, sweep = world_with(make_job(key=first, due_at=NOON), make_job(key=second, due_at=NOON))
    failing_get(world, KeyError("status"), first)
    real_look_again = world.jobs.look_again

    def look_again(seen: DueJob, *, at: datetime) -> None:
        if seen.key == first:
            raise KeyError("due_at")  # noqa: EM101
        real_look_again(seen, at=at)

    world.jobs.look_again = look_again  # type: ignore[method-assign]
    assert sweep.run(plenty) == Swept(looked_at=2, sent=1, is_complete=True)
    assert list(world.queue.messages) == [second]
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ["job cannot be swept", "row cannot be put off"]


@pytest.mark.parametrize("fault", [KeyError("status"), None])
def test_a_row_that_cannot_be_put_off_for_now_stays_due(fault: Exception | None) -> None:
    world, sweep = world_with(make_job(due_at=NOON))
    if fault:
        failing_get(world, fault, KEY)

    def away(seen: DueJob, *, at: datetime) -> None:  # noqa: ARG001 - as the port has it
        detail = "throttled"
        raise Unavailable(detail)

    world.jobs.look_again = away  # type: ignore[method-assign]
    assert sweep.run(plenty) == Swept(looked_at=1, sent=0, is_complete=False)


def test_shards_that_are_away_now_and_then_do_not_end_a_sweep() -> None:
    """Only faults in a row do."""
    world, sweep = world_with(*(make_job(key=key_of(number), due_at=NOON) for number in range(SHARDS)))
    real_due = world.jobs.due

    def due(shard: int, *, at: datetime, limit: int, after: DueJob | None = None) -> Sequence[DueJob]:
        if shard % 2:
            detail = "throttled"
            raise Unavailable(detail)
        return real_due(shard, at=at, limit=limit, after=after)

    world.jobs.due = due  # type: ignore[method-assign]
    assert sweep.run(plenty) == Swept(looked_at=SHARDS // 2, sent=SHARDS // 2, is_complete=False)


def test_an_expired_job_is_put_off() -> None:
    _, sweep = world_with(make_job(due_at=NOON, expires_at=NOON))
    assert sweep.run(plenty) == Swept(looked_at=1, sent=0, is_complete=True)
    assert sweep.run(plenty).looked_at == 0


def test_an_entry_that_is_older_than_the_row_sends_nothing() -> None:
    """Another sweep has just put it off, and the index does not show that yet."""
    world, sweep = world_with(make_job(due_at=NOON + timedelta(minutes=5)))
    world.jobs.due = lambda shard, **_: [DueJob(key=KEY, due_at=NOON)] if shard == shard_of(KEY.job_id) else []  # type: ignore[method-assign]
    assert sweep.run(plenty) == Swept(looked_at=1, sent=0, is_complete=True)
    assert not world.queue.messages


@pytest.mark.parametrize(("fraction", "first"), [(0.0, 0), (0.5, 4), (0.999, 7)])
def test_shards_take_turns_from_a_random_one_on(fraction: float, first: int) -> None:
    """With more to do than time, none is always the last."""
    world = World(chance=FixedChance(fraction))
    asked: list[int] = []
    real_due = world.jobs.due

    def due(shard: int, *, at: datetime, limit: int, after: DueJob | None = None) -> Sequence[DueJob]:
        asked.append(shard)
        return real_due(shard, at=at, limit=limit, after=after)

    world.jobs.due = due  # type: ignore[method-assign]
    for number in range(PAGE + 1):
        world.jobs.add(make_job(key=key_of(number * SHARDS + first), due_at=NOON))
    world.sweep().run(plenty)
    turn = [(first + number) % SHARDS for number in range(SHARDS)]
    assert asked == [*turn, first], "a second page when all have had their first"


def test_of_every_sweep_the_log_has_a_line(caplog: pytest.LogCaptureFixture) -> None:
    world, sweep = world_with(make_job(due_at=NOON))
    with caplog.at_level(logging.INFO):
        sweep.run(plenty)
        world.jobs.away = True
        sweep.run(plenty)
    lines = [record for record in caplog.records if record.message == "sweep done"]
    assert [line.levelname for line in lines] == ["INFO", "WARNING"]
    assert [line.__dict__["sent"] for line in lines] == [1, 0]
