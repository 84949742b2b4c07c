"""The consumers of the queues, given the messages of SQS event source mappings."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.batches import MessagesReturned
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import Claim, Job, JobId, JobKey, JobStatus
from chalicelib.domain.pauses import JobPause
from chalicelib.invocation import messages
from tests.events import job_message, sqs_event
from tests.factories import KEY, OWNER, World, make_act, make_claim, make_job
from tests.fakes import NOON

SECOND = JobKey(owner_id=OWNER, job_id=JobId("01900000-0000-7000-8000-000000000002"))
THIRD = JobKey(owner_id=OWNER, job_id=JobId("01900000-0000-7000-8000-000000000003"))
FAR = NOON + timedelta(days=9)
HELD = make_job().claimed(make_claim("elsewhere"))


def plenty() -> timedelta:
    return timedelta(minutes=15)


def consumed(world: World, *bodies: str, time_left: Callable[[], timedelta] = plenty) -> Any:
    return world.services().consumer.consume(messages(sqs_event(*bodies)), time_left)


def buried(world: World, *bodies: str) -> Any:
    return world.services().consumer.bury(messages(sqs_event(*bodies)))


def failures(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"message-{number}"} for number in numbers]}


def statuses(world: World) -> list[JobStatus]:
    return [job.status for job in world.jobs.all()]


def test_a_message_is_settled_when_its_job_is_done() -> None:
    world = World()
    world.jobs.add(make_job())
    assert consumed(world, job_message(KEY)) is None
    assert statuses(world) == [JobStatus.SUCCESS]


def test_a_message_delivered_twice_is_settled_twice_and_computed_once() -> None:
    world = World()
    world.jobs.add(make_job())
    consumed(world, job_message(KEY), job_message(KEY))
    job = world.jobs.get(KEY)
    assert job is not None
    assert job.attempt == 1


def test_a_failed_job_settles_its_message() -> None:
    world = World()
    world.jobs.add(make_job(operation="no_longer_there"))
    consumed(world, job_message(KEY))
    assert statuses(world) == [JobStatus.FAILED]


def test_the_message_of_a_job_held_elsewhere_is_settled() -> None:
    """Should that attempt die, the sweep sends another."""
    world = World()
    world.jobs.add(HELD)
    assert consumed(world, job_message(KEY)) is None
    assert world.jobs.get(KEY) == HELD


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "nonsense",
        '{"owner_id": 1, "job_id": 2}',
        '"\\ud800"',
        '{"owner_id": "a", "job_id": ""}',
        f'{{"owner_id": "{"a" * 65}", "job_id": "b"}}',
        '{"owner_id": "a", "job_id": "b", "version": 0}',
    ],
)
def test_a_body_that_names_no_job_goes_to_the_dead_letters_and_stops_no_other(body: str) -> None:
    world = World()
    world.jobs.add(make_job())
    with pytest.raises(MessagesReturned, match="1 of 2"):
        consumed(world, body, job_message(KEY))
    assert statuses(world) == [JobStatus.SUCCESS]


def test_without_the_table_the_message_comes_back_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.jobs.away = True
    with caplog.at_level(logging.ERROR), pytest.raises(MessagesReturned):
        consumed(world, job_message(KEY))
    (record,) = caplog.records
    assert (record.message, record.__dict__["job_id"]) == ("store or queue is away", KEY.job_id)


def test_a_fault_of_ours_in_one_job_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.jobs.add(make_job())
    world.jobs.add(make_job(key=SECOND))
    real_claim = world.jobs.claim

    def broken_for_the_first(key: JobKey, claim: Claim) -> Job:
        if key == KEY:
            message = "broken"
            raise ZeroDivisionError(message)
        return real_claim(key, claim)

    world.jobs.claim = broken_for_the_first  # type: ignore[method-assign]
    with caplog.at_level(logging.ERROR), pytest.raises(MessagesReturned, match="1 of 2"):
        consumed(world, job_message(KEY), job_message(SECOND))
    assert statuses(world) == [JobStatus.PENDING, JobStatus.SUCCESS]
    assert [record.__dict__["job_id"] for record in caplog.records] == [KEY.job_id]


def half_broken_world(*, partial_responses: bool) -> World:
    """The second job of three breaks its delivery."""
    world = World(partial_responses=partial_responses)
    for key in (KEY, SECOND, THIRD):
        world.jobs.add(make_job(key=key))
    real_claim = world.jobs.claim

    def claim(key: JobKey, claim: Claim) -> Job:
        if key == SECOND:
            message = "broken"
            raise ZeroDivisionError(message)
        return real_claim(key, claim)

    world.jobs.claim = claim  # type: ignore[method-assign]
    return world


def test_where_the_mapping_asks_for_it_the_failed_messages_are_returned_by_id() -> None:
    world = half_broken_world(partial_responses=True)
    assert consumed(world, job_message(KEY), job_message(SECOND), job_message(THIRD)) == failures(1)
    assert statuses(world) == [JobStatus.SUCCESS, JobStatus.PENDING, JobStatus.SUCCESS]
    assert world.queue.deleted == [], "Lambda deletes the others itself"


def test_where_the_mapping_asks_for_it_a_whole_success_is_an_empty_list() -> None:
    world = World(partial_responses=True)
    world.jobs.add(make_job())
    assert consumed(world, job_message(KEY)) == failures()


def test_where_it_does_not_the_done_messages_are_deleted_and_then_the_function_fails() -> None:
    world = half_broken_world(partial_responses=False)
    with pytest.raises(MessagesReturned, match="1 of 3 messages return to the queue"):
        consumed(world, job_message(KEY), job_message(SECOND), job_message(THIRD))
    assert world.queue.deleted == ["receipt-0", "receipt-2"]


def test_done_messages_that_cannot_be_deleted_come_back_with_the_others() -> None:
    world = half_broken_world(partial_responses=False)
    world.queue.away = True
    with pytest.raises(Unavailable):
        consumed(world, job_message(KEY), job_message(SECOND))
    world.queue.away = False
    with pytest.raises(MessagesReturned):
        consumed(world, job_message(KEY), job_message(SECOND))
    job = world.jobs.get(KEY)
    assert job is not None
    assert job.attempt == 1, "coming back costs a refused claim"


def running_down(*left_s: int) -> Callable[[], timedelta]:
    rest = iter(left_s)
    return lambda: timedelta(seconds=next(rest))


def test_jobs_that_the_function_has_no_time_for_are_handed_on() -> None:
    world = World()
    for key in (KEY, SECOND, THIRD):
        world.jobs.add(make_job(key=key))
    bodies = [job_message(key) for key in (KEY, SECOND, THIRD)]
    assert consumed(world, *bodies, time_left=running_down(90, 90, 75, 74)) is None
    assert statuses(world) == [JobStatus.SUCCESS, JobStatus.SUCCESS, JobStatus.PENDING]
    assert list(world.queue.messages) == [THIRD]


def test_a_job_that_cannot_be_handed_on_comes_back() -> None:
    world = World(partial_responses=True)
    world.jobs.add(make_job())
    world.jobs.add(make_job(key=SECOND))
    world.queue.away = True
    assert consumed(world, job_message(KEY), job_message(SECOND), time_left=running_down(90, 90, 10)) == failures(1)


def test_the_time_that_a_look_at_the_pauses_took_is_promised_to_no_job() -> None:
    """A table that hangs takes it from the first job."""
    world = World()
    world.jobs.add(make_job())
    left = {"s": 90}

    def hanging() -> Sequence[JobPause]:
        left["s"] -= 16
        detail = "the pauses table does not answer"
        raise Unavailable(detail)

    world.pauses.all = hanging  # type: ignore[method-assign]
    assert consumed(world, job_message(KEY), time_left=lambda: timedelta(seconds=left["s"])) is None
    assert statuses(world) == [JobStatus.PENDING]
    assert list(world.queue.messages) == [KEY]


def test_a_function_without_time_for_any_job_does_not_send_it_round_forever() -> None:
    world = World()
    world.jobs.add(make_job())
    with pytest.raises(MessagesReturned):
        consumed(world, job_message(KEY), time_left=running_down(74, 74))
    assert not world.queue.messages


def test_a_dead_letter_fails_its_job() -> None:
    world = World()
    world.jobs.add(make_job())
    assert buried(world, job_message(KEY)) is None
    assert statuses(world) == [JobStatus.FAILED]


def test_an_old_dead_letter_does_not_fail_a_job_that_was_retried_since() -> None:
    world = World()
    job = make_job()
    cancelled = job.cancelled(make_act("a", at=FAR))
    world.jobs.add(cancelled.retried_by_hand(make_act("b", at=FAR), due_at=FAR))
    world.clock.advance(days=10)
    assert buried(world, job_message(KEY)) is None
    assert statuses(world) == [JobStatus.PENDING]


def test_the_dead_letter_of_a_running_job_comes_back() -> None:
    world = World(partial_responses=True)
    world.jobs.add(HELD)
    world.jobs.add(make_job(key=SECOND))
    assert buried(world, job_message(KEY), job_message(SECOND)) == failures(0)
    assert statuses(world) == [JobStatus.IN_PROGRESS, JobStatus.FAILED]


def test_a_dead_letter_that_names_no_job_is_logged_and_let_go(caplog: pytest.LogCaptureFixture) -> None:
    """It would come back every few minutes for two weeks."""
    assert buried(World(), "nonsense") is None
    (record,) = caplog.records
    assert (record.message, record.levelname) == ("message names no job", "ERROR")
    assert "8 characters" in str(record.exc_info)
    assert "nonsense" not in str(record.exc_info), "it may be anything"
