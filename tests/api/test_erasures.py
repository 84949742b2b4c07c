"""The consumer of the erasures queue, given the messages of an SQS event source mapping."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.account_ports import Erasure
from chalicelib.adapters.erasure_queue import to_body
from chalicelib.batches import MessagesReturned
from chalicelib.domain.jobs import JobId, JobKey
from chalicelib.domain.users import UserId
from chalicelib.invocation import messages
from tests.events import sqs_event
from tests.factories import KEY, OWNER, World, make_event, make_job, make_session, make_user
from tests.fakes import ERASED_AT_ONCE

ORDER = Erasure(user_id=OWNER, username="ada")
OTHERS = Erasure(user_id=UserId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a99"), username="bob")
FOREIGN = [
    "",
    "{}",
    "nonsense",
    '"\\ud800"',
    f'{{"user_id": "{OWNER}"}}',
    '{"user_id": 1, "username": "ada"}',
    '{"user_id": "", "username": "ada"}',
    f'{{"user_id": "{"a" * 65}", "username": "ada"}}',
    f'{{"user_id": "{OWNER}", "username": ""}}',
    f'{{"user_id": "{OWNER}", "username": "ada\\n"}}',
    f'{{"user_id": "{OWNER}", "username": "{"a" * 65}"}}',
    f'{{"user_id": "{OWNER}", "username": "ada", "version": 0}}',
    f'{{"owner_id": "{KEY.owner_id}", "job_id": "{KEY.job_id}", "version": 1}}',
]
"""Bodies that are no order, the last one a job's."""


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What went wrong; the log may also have what went as it should."""
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


def plenty() -> timedelta:
    return timedelta(minutes=1)


def consumed(world: World, *bodies: str, time_left: Callable[[], timedelta] = plenty) -> Any:
    return world.services().erasures.consume(messages(sqs_event(*bodies)), time_left)


def failures(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"message-{number}"} for number in numbers]}


def world_of_two(*, partial_responses: bool) -> World:
    world = World(partial_responses=partial_responses)
    for order in (ORDER, OTHERS):
        world.users.add(make_user(user_id=order.user_id, username=order.username), make_event())
        session = make_session(user_id=order.user_id)
        world.credentials.rows[order.user_id, session.credential_id] = session
    world.jobs.add(make_job())
    return world


def left(world: World) -> list[str]:
    return [user.username for user in world.users.all()]


@pytest.mark.parametrize(("partial_responses", "answer"), [(True, failures()), (False, None)])
def test_an_order_is_settled_when_all_of_the_account_is_gone(*, partial_responses: bool, answer: Any) -> None:
    world = world_of_two(partial_responses=partial_responses)
    assert consumed(world, to_body(ORDER)) == answer
    assert left(world) == ["bob"]
    assert [user_id for user_id, _ in world.credentials.rows] == [OTHERS.user_id]
    assert world.jobs.all() == []


def test_an_order_delivered_twice_is_settled_twice() -> None:
    world = world_of_two(partial_responses=True)
    assert consumed(world, to_body(ORDER), to_body(ORDER)) == failures()
    assert left(world) == ["bob"]


def test_an_order_that_needs_more_time_is_settled_by_another_for_the_rest() -> None:
    world = world_of_two(partial_responses=True)
    for number in range(2 * ERASED_AT_ONCE):
        world.jobs.add(make_job(key=JobKey(owner_id=OWNER, job_id=JobId(f"job-{number}"))))
    assert consumed(world, to_body(ORDER), time_left=timedelta) == failures()
    assert world.erasures.orders == [(ORDER, timedelta())]


@pytest.mark.parametrize("body", FOREIGN)
def test_a_body_that_is_no_order_goes_to_the_dead_letters_and_stops_no_other(
    body: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = world_of_two(partial_responses=True)
    assert consumed(world, body, to_body(ORDER)) == failures(0)
    assert left(world) == ["bob"]
    (record,) = errors(caplog)
    assert (record.message, record.levelname) == ("message is no order to erase", "ERROR")
    assert record.__dict__["message_id"] == "message-0"


def test_without_a_store_the_order_comes_back_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    world = world_of_two(partial_responses=True)
    world.jobs.away = True
    assert consumed(world, to_body(ORDER)) == failures(0)
    (record,) = errors(caplog)
    assert (record.message, record.__dict__["user_id"]) == ("store or queue is away", OWNER)
    world.jobs.away = False
    assert consumed(world, to_body(ORDER)) == failures()
    assert world.jobs.all() == []


def broken_for_ada(world: World) -> World:
    real_remove = world.users.remove

    def remove(username: str, user_id: UserId) -> None:
        if username == "ada":
            message = "broken"
            raise ZeroDivisionError(message)
        real_remove(username, user_id)

    world.users.remove = remove  # type: ignore[method-assign]
    return world


def test_a_fault_of_ours_in_one_erasure_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    world = broken_for_ada(world_of_two(partial_responses=True))
    with caplog.at_level(logging.ERROR):
        assert consumed(world, to_body(ORDER), to_body(OTHERS)) == failures(0)
    assert left(world) == ["ada"]
    assert [(record.message, record.__dict__["user_id"]) for record in errors(caplog)] == [("erasure broke", OWNER)]


def test_where_the_mapping_does_not_ask_the_function_fails_once_all_orders_were_tried() -> None:
    world = broken_for_ada(world_of_two(partial_responses=False))
    with pytest.raises(MessagesReturned, match="1 of 2 messages failed; all of them return to the queue"):
        consumed(world, to_body(ORDER), to_body(OTHERS))
    assert left(world) == ["ada"]


def test_the_log_names_the_user_by_the_id_only(caplog: pytest.LogCaptureFixture) -> None:
    world = world_of_two(partial_responses=True)
    with caplog.at_level(logging.INFO):
        consumed(world, to_body(ORDER))
    (record,) = [record for record in caplog.records if record.name == "chalicelib.erasures"]
    assert (record.message, record.__dict__["user_id"]) == ("order to erase carried out", OWNER)
    assert "ada" not in str(record.__dict__)
