"""What is read for administrators: of counts what a window needs, and how long the oldest job waits."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.bootstrap import build
from chalicelib.config import Settings
from chalicelib.domain.delivery import RESEND_AFTER_MAX
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_ends import SLOT, Addition, Count, Ending, additions
from chalicelib.domain.jobs import Job, JobId, JobKey, JobStatus
from chalicelib.domain.statistics import Window
from chalicelib.services.statistics import ENTRIES, LOOKED_AT
from chalicelib.statistics_ports import QueueDepth
from tests.deployment import environment
from tests.factories import OWNER, World, make_act, make_claim, make_job
from tests.fakes import NOON, InMemoryJobRepository
from tests.statistics_fakes import InMemoryCountStore
from tests.unit.test_job_ends import end, job_of

MINUTE = timedelta(minutes=1)


def key_of(number: int) -> JobKey:
    return JobKey(owner_id=OWNER, job_id=JobId(f"01900000-0000-7000-8000-{number:012x}"))


def waiting(number: int, since: timedelta, *, due_in: timedelta = MINUTE) -> Job:
    """A job that was to run so long ago, and that the sweep looks at in a while."""
    return make_job(key=key_of(number), run_at=NOON - since, due_at=NOON + due_in)


def oldest(world: World, *jobs: Job) -> timedelta | None:
    for job in jobs:
        world.jobs.add(job)
    return world.statistics().overview().oldest_waiting


@pytest.mark.parametrize(("window", "parts"), [(Window.HOUR, 1), (Window.DAY, 2), (Window.WEEK, 8)])
def test_of_each_day_only_what_the_window_has_is_read_the_newest_first(window: Window, parts: int) -> None:
    world = World()
    read: list[tuple[datetime, datetime]] = []

    class Noting(InMemoryCountStore):
        def of_day(self, begins_at: datetime, ends_at: datetime, *, limit: int) -> Sequence[Count]:
            read.append((begins_at, ends_at))
            return super().of_day(begins_at, ends_at, limit=limit)

    world.counts = Noting()
    for addition in additions([end(job_of(1), JobStatus.SUCCESS)]):
        world.counts.add(addition)
    told = world.statistics().of(window)
    assert told.total.success == 1
    assert (read[-1][0], read[0][1], len(read)) == (told.begins_at, told.ends_at, parts)
    assert read == sorted(read, reverse=True)
    assert told.counted_from == told.begins_at


def counted(world: World, *slots: datetime) -> None:
    """Add two counts of each slot."""
    for slot in slots:
        for operation in ("cube_sum", "square_sum"):
            ending = Ending(slot=slot, operation=operation, status=JobStatus.SUCCESS)
            count = Count(ending=ending, jobs=1, latencies={7: 1})
            world.counts.add(Addition(count=count, batch="1"))


SLOTS = [NOON - timedelta(hours=24 * days) for days in (0, 1, 3)]


@pytest.mark.parametrize(("rows_max", "complete"), [(7, None), (6, None), (5, 2), (4, 2), (3, 1), (2, 1), (1, 0)])
def test_of_many_counts_the_newest_are_told_and_from_when_on_they_are_complete(
    monkeypatch: pytest.MonkeyPatch, rows_max: int, complete: int | None
) -> None:
    """The work of an answer is bounded, however many operations and errors there are."""
    world = World()
    limits: list[int] = []

    class Noting(InMemoryCountStore):
        def of_day(self, begins_at: datetime, ends_at: datetime, *, limit: int) -> Sequence[Count]:
            limits.append(limit)
            return super().of_day(begins_at, ends_at, limit=limit)

    world.counts = Noting()
    counted(world, *SLOTS)
    monkeypatch.setattr("chalicelib.services.statistics.ROWS_MAX", rows_max)
    told = world.statistics().of(Window.WEEK)
    if complete is None:
        assert (told.counted_from, told.total.success) == (told.begins_at, 6)
        assert len(limits) == 8
    else:
        assert (told.counted_from, told.total.success) == (SLOTS[complete] + SLOT, 2 * complete)
        assert told.operations.keys() == ({"cube_sum", "square_sum"} if complete else set())
        assert len(limits) == 1 + (SLOTS[0].date() - SLOTS[complete].date()).days, "older days are not read"
    assert limits[0] == rows_max + 1
    assert min(limits) >= 1


def test_without_the_table_there_are_no_statistics() -> None:
    world = World()
    world.counts.answers = 0
    with pytest.raises(Unavailable):
        world.statistics().of(Window.HOUR)


def test_where_an_update_has_not_brought_the_table_yet_the_refusal_says_what_to_do() -> None:
    settings = Settings.from_env(environment())
    with pytest.raises(Unavailable, match="not there yet: update the stack"):
        build(replace(settings, statistics_table="")).statistics.of(Window.HOUR)


def test_nothing_waits_where_there_are_no_jobs() -> None:
    world = World()

    class Strict(InMemoryJobRepository):
        def get_all(self, keys: Sequence[JobKey]) -> Sequence[Job]:
            assert keys, "DynamoDB refuses to read no rows"
            return super().get_all(keys)

    world.jobs = Strict()
    overview = world.statistics().overview()
    assert (overview.oldest_waiting, overview.as_of) == (None, NOON)
    assert overview.queue == QueueDepth(waiting=0, in_flight=0, delayed=0)


def test_the_job_that_has_waited_longest_is_told() -> None:
    world = World()
    jobs = [waiting(number, timedelta(seconds=number)) for number in (3, 9, 5)]
    assert oldest(world, *jobs) == timedelta(seconds=9), "whichever shards they are in"


def test_a_job_that_is_retried_waits_since_it_was_first_to_run() -> None:
    world = World()
    retried = make_job(key=key_of(1), first_run_at=NOON - 10 * MINUTE, run_at=NOON - MINUTE)
    assert oldest(world, retried, waiting(2, 2 * MINUTE)) == 10 * MINUTE


def test_what_does_not_wait_is_passed_over() -> None:
    long_ago = timedelta(hours=1)
    running = make_job(key=key_of(1), run_at=NOON - long_ago, due_at=NOON).claimed(make_claim("claim"))
    later = make_job(key=key_of(2), run_at=NOON + 2 * MINUTE, due_at=NOON + 3 * MINUTE)
    expired = make_job(key=key_of(3), run_at=NOON - long_ago, due_at=NOON, expires_at=NOON)
    over = make_job(key=key_of(4), run_at=NOON - long_ago).cancelled(make_act("cancel"))
    assert oldest(World(), running, later, expired, over) is None


def test_a_job_that_is_due_in_less_than_the_tolerance_has_not_waited() -> None:
    assert oldest(World(), make_job(run_at=NOON + timedelta(milliseconds=500), due_at=NOON)) == timedelta(0)


def test_a_job_is_found_until_the_sweep_would_look_at_it_last() -> None:
    """It puts a look off by this much at most."""
    assert oldest(World(), waiting(1, MINUTE, due_in=RESEND_AFTER_MAX)) == MINUTE
    assert oldest(World(), waiting(1, MINUTE, due_in=RESEND_AFTER_MAX + timedelta(milliseconds=1))) is None


def test_of_a_backlog_the_jobs_that_were_submitted_first_are_looked_at() -> None:
    world = World()
    read: list[Sequence[JobKey]] = []

    class Noting(InMemoryJobRepository):
        def get_all(self, keys: Sequence[JobKey]) -> Sequence[Job]:
            read.append(keys)
            return super().get_all(keys)

    world.jobs = Noting()
    backlog = [waiting(number, timedelta(seconds=1000 - number)) for number in range(150)]
    assert oldest(world, *backlog) == timedelta(seconds=1000)
    assert read == [[key_of(number) for number in range(LOOKED_AT)]], "in one call"


def test_jobs_that_are_delayed_hide_none_that_waits_behind_them() -> None:
    delayed = [make_job(key=key_of(number), run_at=NOON + 2 * MINUTE, due_at=NOON + 3 * MINUTE) for number in range(99)]
    assert oldest(World(), *delayed, waiting(99, MINUTE)) == MINUTE


def test_of_a_shard_so_many_are_considered() -> None:
    """More cost more; so the wait that is told is the least that is known."""
    same_shard = [waiting(8 * number, MINUTE, due_in=MINUTE + timedelta(seconds=number)) for number in range(1, 102)]
    late = make_job(key=key_of(0), run_at=NOON - 5 * MINUTE, due_at=NOON + timedelta(seconds=59 + ENTRIES + 3))
    assert oldest(World(), *same_shard, late) == MINUTE
    assert oldest(World(), *same_shard[: ENTRIES - 1], late) == 5 * MINUTE


def test_a_job_that_is_gone_by_then_or_cannot_be_read_is_no_matter() -> None:
    """The repository leaves both out, and tells of what cannot be read."""
    world = World()

    class Gone(InMemoryJobRepository):
        def get_all(self, keys: Sequence[JobKey]) -> Sequence[Job]:
            return super().get_all([key for key in keys if key != key_of(1)])

    world.jobs = Gone()
    assert oldest(world, waiting(1, 3 * MINUTE), waiting(2, MINUTE)) == MINUTE


def test_without_the_jobs_table_or_the_queue_there_is_no_overview() -> None:
    world = World()
    oldest(world, waiting(1, MINUTE))

    class Away(InMemoryJobRepository):
        def get_all(self, keys: Sequence[JobKey]) -> Sequence[Job]:
            raise Unavailable(keys[0].job_id)

    away = Away()
    away.add(waiting(1, MINUTE))
    with pytest.raises(Unavailable):
        World(jobs=away).statistics().overview()
    world.queue.away = True
    with pytest.raises(Unavailable):
        world.statistics().overview()


def test_the_queue_says_what_is_in_it() -> None:
    world = World()
    for delay in (timedelta(0), timedelta(0), MINUTE):
        world.queue.send(key_of(1), delay=delay)
    assert world.statistics().overview().queue == QueueDepth(waiting=2, in_flight=0, delayed=1)
