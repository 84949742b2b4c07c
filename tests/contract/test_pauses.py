"""Pauses: every implementation stores one of the same jobs, with its events or not at all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.adapters.dynamodb.jobs import IS_CLAIMABLE
from chalicelib.domain.audit import AuditAction, AuditEvent
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.pauses import PAUSES_MAX, JobPause, JobsOfOperation, JobsOfUser
from chalicelib.domain.users import UserId
from tests.contract.accounts import AHEAD, ANOTHER, event_of, events_of
from tests.contract.conftest import Aws, Ports
from tests.factories import ADAS_JOBS, KEY, OWNER, SQUARE_SUMS, make_claim, make_job, make_pause

BOBS_JOBS = JobsOfUser(owner_id=ANOTHER, username="bob")
PAUSES = [
    make_pause(paused_at=AHEAD, reason='why "not" \N{SNOWMAN}'),
    make_pause(ADAS_JOBS, paused_at=AHEAD + timedelta(milliseconds=1)),
    make_pause(BOBS_JOBS, paused_at=AHEAD, reason="r" * 200),
]


def paused(number: int) -> list[AuditEvent]:
    return [event_of(number, action=AuditAction.JOBS_PAUSED)]


def test_pauses_are_read_as_they_were_written_operations_before_users(ports: Ports) -> None:
    assert ports.pauses.all() == []
    for number, pause in enumerate(reversed(PAUSES)):
        assert ports.pauses.add(pause, paused(number)) == pause
    assert ports.pauses.all() == PAUSES


def test_a_pause_is_stored_with_its_events(ports: Ports) -> None:
    events = [event_of(1), event_of(2, subject=ANOTHER)]
    ports.pauses.add(PAUSES[2], events)
    assert events_of(ports) == events[:1]
    assert events_of(ports, ANOTHER) == events[1:]
    ended = [event_of(3, action=AuditAction.JOBS_RESUMED), event_of(4, subject=ANOTHER)]
    assert ports.pauses.remove(BOBS_JOBS, ended)
    assert ports.pauses.all() == []
    assert events_of(ports) == [events[0], ended[0]]
    assert events_of(ports, ANOTHER) == [events[1], ended[1]]


@pytest.mark.parametrize("first", PAUSES)
def test_what_is_paused_keeps_its_first_pause_and_the_second_leaves_no_event(ports: Ports, first: JobPause) -> None:
    ports.pauses.add(first, paused(1))
    second = replace(first, paused_at=AHEAD + timedelta(hours=1), paused_by="another", reason="another")
    assert ports.pauses.add(second, paused(2)) == first
    assert ports.pauses.all() == [first]
    assert len(events_of(ports)) == 1


def test_what_is_not_paused_is_not_resumed_and_leaves_no_event(ports: Ports) -> None:
    ports.pauses.add(PAUSES[0], paused(1))
    assert not ports.pauses.remove(ADAS_JOBS, paused(2))
    assert not ports.pauses.remove(JobsOfOperation(operation="cube_sum"), paused(3))
    assert ports.pauses.all() == PAUSES[:1]
    assert len(events_of(ports)) == 1


def test_a_users_id_is_no_operations_name(ports: Ports) -> None:
    """Both are of one key, which says first what it is of."""
    named_alike = make_pause(JobsOfOperation(operation=OWNER), paused_at=AHEAD)
    ports.pauses.add(named_alike, paused(1))
    assert not ports.pauses.remove(ADAS_JOBS, paused(2))
    ports.pauses.erase_some(OWNER)
    assert ports.pauses.all() == [named_alike]


def test_all_the_pauses_there_may_be_are_read_at_once(ports: Ports) -> None:
    for number in range(PAUSES_MAX):
        jobs = JobsOfUser(owner_id=UserId(f"{number:036}"), username=f"user{number}" + "x" * 50)
        ports.pauses.add(make_pause(jobs, paused_at=AHEAD, reason="\N{SNOWMAN}" * 200), paused(number))
    assert len(ports.pauses.all()) == PAUSES_MAX


def test_the_end_of_an_account_ends_the_pause_of_its_jobs_and_no_other(ports: Ports) -> None:
    for number, pause in enumerate(PAUSES):
        ports.pauses.add(pause, paused(number))
    assert not ports.pauses.erase_some(OWNER), "there is no more of it"
    assert ports.pauses.all() == [PAUSES[0], PAUSES[2]]
    assert not ports.pauses.erase_some(OWNER)


def test_a_write_whose_response_was_lost_is_done_once_and_known_for_its_own(lossy_ports: Ports) -> None:
    assert lossy_ports.pauses.add(PAUSES[0], paused(1)) == PAUSES[0]
    assert lossy_ports.pauses.remove(SQUARE_SUMS, paused(2))
    assert lossy_ports.pauses.all() == []
    assert len(events_of(lossy_ports)) == 2


def test_a_table_that_does_not_answer_is_away(away_ports: Ports) -> None:
    for call in (
        away_ports.pauses.all,
        lambda: away_ports.pauses.add(PAUSES[0], paused(1)),
        lambda: away_ports.pauses.remove(SQUARE_SUMS, paused(1)),
        lambda: away_ports.pauses.erase_some(OWNER),
        lambda: away_ports.jobs.get_all([KEY]),
    ):
        with pytest.raises(Unavailable):
            call()


@pytest.mark.parametrize("row", ["planet#mars", "operation#square_sum", "owner#somebody"])
def test_a_row_that_cannot_be_read_pauses_nothing_and_hides_no_other(
    aws: Aws, row: str, caplog: pytest.LogCaptureFixture
) -> None:
    ports = aws.ports()
    ports.pauses.add(PAUSES[1], paused(1))
    aws.dynamodb.put_item(TableName=aws.pauses_table, Item={"part": {"S": "all"}, "paused": {"S": row}})
    assert ports.pauses.all() == PAUSES[1:2]
    (record,) = caplog.records
    assert record.message == "row of the pauses table cannot be read; it pauses nothing"
    assert record.__dict__["paused"] == row


def test_a_claim_without_pauses_is_the_claim_that_it_was(aws: Aws) -> None:
    """So pauses cost a job nothing while there are none."""
    asked: list[dict[str, str]] = []
    aws.dynamodb.meta.events.register(
        "provide-client-params.dynamodb.UpdateItem", lambda params, **_: asked.append(dict(params))
    )
    ports = aws.ports()
    ports.jobs.add(make_job())
    ports.jobs.claim(KEY, make_claim("a"))
    assert asked[0]["ConditionExpression"] == IS_CLAIMABLE
    assert "#operation" not in asked[0]["ExpressionAttributeNames"]
