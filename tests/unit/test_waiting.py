from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.domain.errors import NotFound
from chalicelib.domain.jobs import JobStatus
from chalicelib.services.waiting import Waited
from tests.factories import KEY, OWNER, World, make_act, make_job
from tests.fakes import NOON

LONG = timedelta(minutes=5)


def waiting_job(world: World) -> None:
    world.jobs.add(make_job())


def end(world: World, *, at_pause: int) -> Callable[[int], None]:
    """What lets the job be cancelled during one of the pauses."""

    def meanwhile(number: int) -> None:
        if number == at_pause:
            world.jobs.advance(make_job(), make_job().cancelled(make_act("end")))

    return meanwhile


def test_it_returns_as_soon_as_the_job_is_final() -> None:
    world = World()
    waiting_job(world)
    world.pause.meanwhile = end(world, at_pause=3)
    job = world.services().waiting.until_final(make_job(), at_most=LONG).job
    assert job.status is JobStatus.CANCELLED
    assert [round(pause.total_seconds(), 3) for pause in world.pause.slept] == [0.1, 0.15, 0.225]


def test_a_final_job_is_returned_without_a_look() -> None:
    world = World()
    final = make_job().cancelled(make_act("end"))
    assert world.services().waiting.until_final(final, at_most=LONG) == Waited(job=final)
    assert not world.pause.slept
    assert not world.hits.calls


@pytest.mark.parametrize(("at_most_s", "seconds"), [(0, 0), (1.2, 1.2), (20, 20), (300, 20)])
def test_it_gives_up_when_the_time_is_over_which_is_never_more_than_20_seconds(
    at_most_s: float, seconds: float
) -> None:
    world = World()
    waiting_job(world)
    job = world.services().waiting.until_final(make_job(), at_most=timedelta(seconds=at_most_s)).job
    assert job.status is JobStatus.PENDING
    assert sum(world.pause.slept, timedelta()) == timedelta(seconds=seconds)
    assert max(world.pause.slept, default=timedelta()) <= timedelta(seconds=1)


def test_each_look_counts_as_a_read_and_a_spent_quota_ends_the_wait() -> None:
    world = World(read_quota=5)
    waiting_job(world)
    job = world.services().waiting.until_final(make_job(), at_most=LONG).job
    assert job.status is JobStatus.PENDING
    assert len(world.pause.slept) == 6


@pytest.mark.parametrize("fault", ["away", "deleted"])
def test_what_keeps_it_from_looking_ends_the_wait_with_the_job_as_last_seen(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    waiting_job(world)
    services = world.services()

    def meanwhile(number: int) -> None:
        if number == 2:
            if fault == "away":
                world.jobs.away = True
            else:
                monkeypatch.setattr(world.jobs, "get", lambda _key: None)

    world.pause.meanwhile = meanwhile
    assert services.waiting.until_final(make_job(), at_most=LONG).job == make_job()
    assert len(world.pause.slept) == 2
    if fault == "deleted":
        with pytest.raises(NotFound):
            services.jobs.get(OWNER, KEY.job_id)


def test_the_owner_stands_as_the_last_look_left_it() -> None:
    world = World(read_quota=100)
    waiting_job(world)
    world.pause.meanwhile = end(world, at_pause=3)
    standing = world.services().waiting.until_final(make_job(), at_most=LONG).standing
    assert standing is not None
    assert (standing.limit.name, standing.remaining) == ("read", 97)


@pytest.mark.parametrize(("due_in_s", "pauses"), [(30, 0), (20, 24), (19, 24)])
def test_a_job_whose_time_comes_later_than_the_wait_ends_is_not_waited_for(due_in_s: int, pauses: int) -> None:
    world = World()
    job = make_job(run_at=NOON + timedelta(seconds=due_in_s))
    world.jobs.add(job)
    assert world.services().waiting.until_final(job, at_most=LONG).job == job
    assert len(world.pause.slept) == pauses


def test_nobody_waits_uncounted() -> None:
    world = World()
    waiting_job(world)
    world.hits.away = True
    assert world.services().waiting.until_final(make_job(), at_most=LONG).job == make_job()
    assert len(world.pause.slept) == 1
