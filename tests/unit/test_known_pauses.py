import pytest

from chalicelib.domain.pauses import JobPause, JobPauses
from chalicelib.services.known_pauses import KnownPauses
from tests.factories import SQUARE_SUMS, World, make_job, make_pause


def test_pauses_are_read_once_in_ten_seconds() -> None:
    world = World()
    known = world.known_pauses()
    for _ in range(100):
        known.now()
        world.clock.advance(seconds=0.1)
    assert world.pauses.reads == 1
    known.now()
    assert world.pauses.reads == 2


def test_what_a_slow_answer_tells_is_gone_by_no_longer_than_that_of_a_fast_one() -> None:
    """It is of some moment after the question, perhaps right after it."""
    world = World()
    known = world.known_pauses()
    read = world.pauses.all

    def slow() -> object:
        pauses = read()
        world.clock.advance(seconds=4)
        return pauses

    world.pauses.all = slow  # type: ignore[method-assign,assignment]
    known = world.known_pauses()
    known.now()
    world.clock.advance(seconds=6)
    known.now()
    assert world.pauses.reads == 2


def test_with_the_store_away_what_was_known_holds_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.pauses.add(make_pause(), [])
    known = world.known_pauses()
    known.now()
    world.pauses.remove(SQUARE_SUMS, [])
    world.pauses.away = True
    world.clock.advance(seconds=10)
    assert known.now().operations == {"square_sum"}
    assert [record.message for record in caplog.records] == ["pauses cannot be read; what was known of them holds"]
    for _ in range(10):
        known.now()
    assert world.pauses.reads == 2, "a store that is away is asked once in a while, not for each job"
    world.pauses.away = False
    world.clock.advance(seconds=10)
    assert not known.now().operations


def test_a_fault_of_the_deployment_stops_no_job_either(caplog: pytest.LogCaptureFixture) -> None:
    """Such as a permission that has not yet reached every part of AWS when an update brings the table."""

    def refused() -> list[JobPause]:
        detail = "AccessDeniedException"
        raise PermissionError(detail)

    assert KnownPauses(refused, clock=World().clock).now() == JobPauses()
    assert caplog.records[0].exc_info is not None


def test_a_container_that_could_never_read_them_knows_of_none() -> None:
    world = World()
    world.pauses.add(make_pause(), [])
    world.pauses.away = True
    assert world.known_pauses().now().of(make_job()) is None
