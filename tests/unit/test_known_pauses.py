from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.aws import AwsClients
from chalicelib.adapters.no_pauses import NoPauses
from chalicelib.bootstrap import Services, build
from chalicelib.config import Settings
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.pauses import JobPause, JobPauses
from chalicelib.invocation import messages
from chalicelib.services.known_pauses import KnownPauses
from tests.deployment import environment
from tests.events import job_message, sqs_event
from tests.factories import KEY, LEASE, SQUARE_SUMS, World, make_job, make_pause


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
    world.clock.advance(seconds=30)
    assert not known.now().operations


def test_a_store_that_hangs_is_asked_again_half_a_minute_after_its_silence() -> None:
    world = World()

    def hanging() -> list[JobPause]:
        world.pauses.reads += 1
        world.clock.advance(seconds=3)
        detail = "the pauses table does not answer"
        raise Unavailable(detail)

    known = KnownPauses(hanging, clock=world.clock)
    known.now()
    world.clock.advance(seconds=29.999)
    known.now()
    assert world.pauses.reads == 1
    world.clock.advance(seconds=0.001)
    known.now()
    assert world.pauses.reads == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda services: services.pauses.of(make_job()),
        lambda services: services.consumer.consume(messages(sqs_event(job_message(KEY))), lambda: LEASE),
    ],
)
def test_jobs_wait_for_one_try_to_read_them(call: Callable[[Services], object]) -> None:
    """By the client whose calls end within 3 s, in the consumer and in the API."""
    tries: list[int] = []

    class Away:
        def __init__(self, config: Any) -> None:
            self.attempts = config.retries["total_max_attempts"]

        def query(self, **_: object) -> None:
            tries.append(self.attempts)
            detail = "no connection"
            raise OSError(detail)

    settings = Settings.from_env(environment(PARTIAL_BATCH_RESPONSES="true"))
    call(build(settings, AwsClients(lambda _, *, config: Away(config))))
    assert tries == [1]


def test_before_the_template_has_brought_the_table_nothing_is_paused_nor_can_be(
    caplog: pytest.LogCaptureFixture,
) -> None:
    services = build(replace(Settings.from_env(environment()), pauses_table=""))
    assert services.pauses.of(make_job()) is None
    assert not caplog.records
    with pytest.raises(Unavailable, match="PAUSES_TABLE is not set"):
        services.pauses.all()
    assert not NoPauses().erase_some(KEY.owner_id), "an account can be erased all the same"


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
