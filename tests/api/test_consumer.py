"""The consumer, entered with the events of an SQS event source mapping."""

import logging
from typing import Any

import pytest
from chalice.app import Chalice, SQSEvent

from chalicelib import consumer
from chalicelib.consumer import MessagesReturned
from chalicelib.domain.jobs import JobId, JobKey, JobStatus, Lease
from tests.events import job_message, sqs_event
from tests.factories import KEY, OWNER, World, make_job
from tests.fakes import NOON

SECOND = JobKey(owner_id=OWNER, job_id=JobId("01900000-0000-7000-8000-000000000002"))


def consumed(world: World, *bodies: str) -> Any:
    app = Chalice(app_name="job-backend", configure_logs=False)

    @app.on_sqs_message(queue="jobs", batch_size=1)
    def consume(event: SQSEvent) -> None:
        consumer.consume([record.body for record in event], world.services().execution)

    return consume(sqs_event(*bodies), None)


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


def test_the_message_of_a_job_held_elsewhere_comes_back() -> None:
    world = World()
    lease = Lease(token="elsewhere", expires_at=NOON + world.limits.lease)
    world.jobs.add(make_job(status=JobStatus.IN_PROGRESS, attempt=1, lease=lease))
    with pytest.raises(MessagesReturned, match="1 of 1 messages return to the queue"):
        consumed(world, job_message(KEY))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "nonsense",
        '{"owner_id": 1, "job_id": 2}',
        '"\\ud800"',
        '{"owner_id": "a", "job_id": "b", "version": 2}',
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
    assert (record.message, record.__dict__["job_id"]) == ("job store is away", KEY.job_id)


def test_a_fault_of_ours_in_one_job_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.jobs.add(make_job())
    world.jobs.add(make_job(key=SECOND))
    claim = world.jobs.claim

    def broken_for_the_first(key: JobKey, lease: Lease, *, at: Any) -> Any:
        if key == KEY:
            message = "broken"
            raise ZeroDivisionError(message)
        return claim(key, lease, at=at)

    world.jobs.claim = broken_for_the_first  # type: ignore[method-assign]
    with caplog.at_level(logging.ERROR), pytest.raises(MessagesReturned, match="1 of 2"):
        consumed(world, job_message(KEY), job_message(SECOND))
    assert statuses(world) == [JobStatus.PENDING, JobStatus.SUCCESS]
    assert [record.__dict__["job_id"] for record in caplog.records] == [KEY.job_id]
