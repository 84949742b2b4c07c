"""The consumer of the jobs table's stream, given the records of a DynamoDB event source mapping."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.jobs import Job, JobId, JobKey
from chalicelib.relay import ChangesReturned
from chalicelib.services.relaying import RelayBroke
from tests.events import DYNAMODB_STREAM, sequence_number, stream_event
from tests.factories import OWNER, World, make_claim, make_job, make_webhook


def plenty() -> timedelta:
    return timedelta(minutes=1)


def job_of(number: int) -> Job:
    return make_job(key=JobKey(owner_id=OWNER, job_id=JobId(f"01900000-0000-7000-8000-{number:012x}")))


def submissions(count: int) -> dict[str, Any]:
    return stream_event(*((None, job_of(number)) for number in range(count)))


def begun(number: int) -> tuple[Job, Job]:
    job = job_of(number)
    return job, job.claimed(make_claim(f"claim {number}"))


def consumed(world: World, event: dict[str, Any], time_left: Callable[[], timedelta] = plenty) -> Any:
    return world.services().relay.consume(event, time_left)


def from_there(number: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": sequence_number(number)}]}


@pytest.mark.parametrize(("partial_responses", "answer"), [(True, {"batchItemFailures": []}), (False, None)])
def test_a_batch_is_settled_when_all_is_told(*, partial_responses: bool, answer: Any) -> None:
    world = World(partial_responses=partial_responses)
    assert consumed(world, DYNAMODB_STREAM) == answer
    assert [event.type for event in world.bus.events] == ["job.submitted", "job.started", "job.succeeded"]


def test_from_the_first_change_that_is_not_told_all_come_again() -> None:
    world = World(partial_responses=True)
    world.bus.takes.extend([None, 0])
    assert consumed(world, submissions(15)) == from_there(10)
    assert len(world.bus.events) == 10


def test_where_the_mapping_does_not_ask_the_function_fails() -> None:
    world = World()
    world.bus.takes.extend([None, 0])
    with pytest.raises(ChangesReturned, match=f"the changes from {sequence_number(10)} on come again"):
        consumed(world, submissions(15))
    assert consumed(world, submissions(15)) is None
    assert len({event.id for event in world.bus.events}) == 15


def test_without_time_nothing_is_told_and_all_come_again() -> None:
    world = World(partial_responses=True)
    assert consumed(world, submissions(2), timedelta) == from_there(0)
    assert world.bus.calls == []


def test_a_record_of_later_code_keeps_no_other_waiting(caplog: pytest.LogCaptureFixture) -> None:
    world = World(partial_responses=True)
    event = submissions(3)
    event["Records"][1]["dynamodb"]["NewImage"]["status"] = {"S": "PAUSED"}
    assert consumed(world, event) == {"batchItemFailures": []}
    assert [each.subject for each in world.bus.events] == [job_of(0).key.job_id, job_of(2).key.job_id]
    ((position, reason),) = world.relay_failures.kept
    assert (position, reason) == (
        sequence_number(1),
        f"the row of job {job_of(1).key.job_id} cannot be read: ValueError",
    )
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (record.message, record.__dict__["position"]) == ("a change cannot be told", position)


def broken_at(world: World, job: Job) -> World:
    """A world with a fault of ours at the events of one job."""
    world.webhooks.add(make_webhook())
    add = world.deliveries.add

    def broken(delivery: Any) -> bool:
        if job.key.job_id in delivery.body:
            raise ZeroDivisionError
        return add(delivery)

    world.deliveries.add = broken  # type: ignore[method-assign]
    return world


def test_a_fault_of_ours_is_no_success(caplog: pytest.LogCaptureFixture) -> None:
    world = broken_at(World(partial_responses=True), job_of(11))
    assert consumed(world, submissions(15)) == from_there(11)
    assert len(world.bus.events) == 11, "those before it are told"
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (record.message, record.__dict__["position"]) == ("relay broke", sequence_number(11))
    assert record.exc_info
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("partial_responses", [True, False])
def test_a_fault_at_the_first_change_fails_the_function_so_that_lambda_halves_the_batch(
    *, partial_responses: bool
) -> None:
    world = broken_at(World(partial_responses=partial_responses), job_of(0))
    with pytest.raises(RelayBroke):
        consumed(world, submissions(5))
    assert world.bus.calls == []


def test_where_the_mapping_does_not_ask_any_fault_fails_the_function() -> None:
    world = broken_at(World(), job_of(11))
    with pytest.raises(RelayBroke):
        consumed(world, submissions(15))


def test_a_batch_that_is_halved_at_each_failure_leaves_the_one_change_at_fault() -> None:
    """As Lambda does with ``BisectBatchOnFunctionError``."""
    world = broken_at(World(partial_responses=True), job_of(13))
    records = submissions(40)["Records"]
    given_up = []
    batches = [records]
    while batches:
        batch = batches.pop(0)
        try:
            failures = consumed(world, {"Records": batch})["batchItemFailures"]
        except RelayBroke:
            middle = len(batch) // 2
            if middle:
                batches[:0] = [batch[:middle], batch[middle:]]
            else:
                given_up += batch
            continue
        if failures:
            numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
            batches.insert(0, batch[numbers.index(failures[0]["itemIdentifier"]) :])
    assert [record["dynamodb"]["SequenceNumber"] for record in given_up] == [sequence_number(13)]
    assert {event.subject for event in world.bus.events} == {
        job_of(number).key.job_id for number in range(40) if number != 13
    }


def test_the_log_says_how_many_changes_were_relayed(caplog: pytest.LogCaptureFixture) -> None:
    world = World(partial_responses=True)
    with caplog.at_level(logging.INFO):
        consumed(world, stream_event(begun(1), begun(2)))
    (record,) = [record for record in caplog.records if record.name == "chalicelib.relay"]
    assert (record.message, record.__dict__["changes"], record.__dict__["come_again_from"]) == (
        "changes relayed",
        2,
        None,
    )
