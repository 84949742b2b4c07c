"""Records of the stream of the jobs table, as Lambda hands them over."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.stream_records import change_of
from chalicelib.domain.cloud_events import EventType
from chalicelib.domain.job_events import Change, Unreadable, job_event
from tests.events import DYNAMODB_STREAM, sequence_number, stream_event
from tests.factories import KEY, make_claim, make_job
from tests.recorded import jobs

JOB = make_job()
RECORDS: list[Any] = DYNAMODB_STREAM["Records"]


def type_of(change: Change | Unreadable) -> EventType | None:
    assert isinstance(change, Change)
    event = job_event(change.before, change.after, source="/job-backend/jobs")
    return None if event is None else event.type


def test_a_job_from_its_submission_to_its_deletion_is_read() -> None:
    changes = [change_of(record) for record in RECORDS]
    assert [type_of(change) for change in changes] == [
        EventType.SUBMITTED,
        None,  # the sweep's look
        EventType.STARTED,
        EventType.SUCCEEDED,
        None,  # its retention is over
    ]
    assert [change.position for change in changes] == [each["dynamodb"]["SequenceNumber"] for each in RECORDS]
    assert changes[0] == Change(position="100000000000412346600", before=None, after=jobs()["pending"])


def test_a_change_has_what_was_before_and_what_is_now() -> None:
    running = JOB.claimed(make_claim("claim"))
    (record,) = stream_event((JOB, running))["Records"]
    assert change_of(record) == Change(position=sequence_number(0), before=JOB, after=running)


def altered(image: str, alter: Callable[[dict[str, Any]], object]) -> Any:
    """A claim's record, with something else in one of its images."""
    (record,) = copy.deepcopy(stream_event((JOB, JOB.claimed(make_claim("claim"))))["Records"])
    alter(record["dynamodb"][image])
    return record


OF_LATER_CODE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a status": (lambda row: row.update(status={"S": "PAUSED"}), "ValueError"),
    "a transition": (lambda row: row["events"]["L"][0]["M"].update(transition={"S": "PAUSE"}), "ValueError"),
    "another type": (lambda row: row.update(attempt={"S": "first"}), "no 'N'"),
    "no number": (lambda row: row.update(attempt={"N": "first"}), "ValueError"),
    "no token": (lambda row: row.pop("token"), "no 'token'"),
    "a null": (lambda row: row.update(events={"L": None}), "TypeError"),
    "a far time": (lambda row: row.update(run_at_epoch_ms={"N": "9" * 20}), "OverflowError"),
}


@pytest.mark.parametrize("image", ["OldImage", "NewImage"])
@pytest.mark.parametrize("name", OF_LATER_CODE)
def test_what_later_code_has_written_is_told_apart(name: str, image: str) -> None:
    alter, fault = OF_LATER_CODE[name]
    assert change_of(altered(image, alter)) == Unreadable(
        position=sequence_number(0), reason=f"the row of job {KEY.job_id} cannot be read: {fault}"
    )


def test_a_row_without_its_key_is_told_apart_too() -> None:
    record = altered("NewImage", lambda row: row.pop("job_id"))
    del record["dynamodb"]["Keys"]
    assert change_of(record) == Unreadable(
        position=sequence_number(0), reason="the row of job ? cannot be read: no 'job_id'"
    )


def test_what_is_gone_needs_no_reading() -> None:
    (record,) = copy.deepcopy(stream_event((JOB, None))["Records"])
    record["dynamodb"]["OldImage"]["status"] = {"S": "PAUSED"}
    assert change_of(record) == Change(position=sequence_number(0), before=None, after=None)


def test_no_value_of_a_row_is_in_a_reason() -> None:
    change = change_of(altered("NewImage", lambda row: row.update(attempt={"N": "the very secret"})))
    assert isinstance(change, Unreadable)
    assert "secret" not in change.reason


def test_what_later_code_adds_is_passed_over() -> None:
    record = altered("NewImage", lambda row: row.update(priority={"N": "5"}))
    record["dynamodb"]["Region"] = "eu-central-1"
    assert type_of(change_of(record)) is EventType.STARTED
