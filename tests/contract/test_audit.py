"""Audit events by whom they concern, the newest first, until their retention is over."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import AuditAction, AuditEvent, EventId
from chalicelib.domain.errors import Unavailable
from tests.aws import time_to_live
from tests.contract.accounts import AHEAD, ANOTHER, credential_id, event_of, events_of
from tests.contract.conftest import AUDIT_RETENTION, Aws, Ports
from tests.factories import OWNER

MOMENT = timedelta(milliseconds=1)


def recorded(ports: Ports, *events: AuditEvent) -> list[AuditEvent]:
    for event in events:
        ports.audit.record(event)
    return list(events)


def pages(ports: Ports, limit: int) -> list[list[AuditEvent]]:
    """All pages of the owner's events."""
    found: list[list[AuditEvent]] = []
    after: EventId | None = None
    while True:
        page = ports.audit.page(OWNER, at=AHEAD, limit=limit, after=after)
        found.append(list(page.events))
        after = page.next_after
        if after is None:
            return found


def test_an_event_is_read_by_whom_it_concerns_as_it_was_recorded(ports: Ports) -> None:
    bare = event_of(1)
    full = event_of(
        2, action=AuditAction.ROLE_CHANGED, address="2001:db8::1", credential_id=credential_id(1), detail="from … to …"
    )
    recorded(ports, full, bare, event_of(3, subject=ANOTHER))
    assert events_of(ports) == [bare, full]
    assert events_of(ports, "nobody") == []


def test_an_event_of_newer_code_keeps_no_other_from_being_read(ports: Ports) -> None:
    newer = event_of(2, action="KEY_ROTATED")
    recorded(ports, event_of(1), newer, event_of(3))
    assert events_of(ports) == [event_of(1), newer, event_of(3)]


def test_an_event_that_is_recorded_again_is_the_same(ports: Ports) -> None:
    recorded(ports, event_of(1), event_of(1))
    assert events_of(ports) == [event_of(1)]


def test_a_recording_whose_response_was_lost_counts_once(lossy_ports: Ports) -> None:
    recorded(lossy_ports, event_of(1))
    assert events_of(lossy_ports) == [event_of(1)]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 100])
def test_pages_have_each_event_once_the_newest_first(ports: Ports, limit: int) -> None:
    events = recorded(ports, *(event_of(number) for number in (3, 1, 5, 2, 4)))
    found = pages(ports, limit)
    assert [event for page in found for event in page] == sorted(events, key=lambda each: each.event_id, reverse=True)
    assert max(map(len, found)) <= limit
    assert len(found) <= 5 // limit + 1


def test_a_page_goes_on_after_an_event_whether_it_is_there_or_not(ports: Ports) -> None:
    recorded(ports, event_of(1), event_of(3))
    page = ports.audit.page(OWNER, at=AHEAD, limit=10, after=event_of(2).event_id)
    assert page.events == [event_of(1)]
    assert page.next_after is None


def test_an_event_is_shown_until_its_retention_is_over(ports: Ports) -> None:
    """DynamoDB deletes it up to days later."""
    recorded(ports, event_of(1))
    end = AHEAD + AUDIT_RETENTION
    assert ports.audit.page(OWNER, at=end - MOMENT, limit=10, after=None).events == [event_of(1)]
    page = ports.audit.page(OWNER, at=end, limit=10, after=None)
    assert (list(page.events), page.next_after) == ([], None)


def test_a_list_ends_where_the_retention_is_over_however_many_are_yet_to_be_deleted(ports: Ports) -> None:
    old = [event_of(number, at=AHEAD) for number in range(10)]
    new = [event_of(number, at=AHEAD + MOMENT) for number in range(10, 13)]
    recorded(ports, *old, *new)
    page = ports.audit.page(OWNER, at=AHEAD + AUDIT_RETENTION, limit=4, after=None)
    assert (list(page.events), page.next_after) == (new[::-1], None)


def test_a_page_that_a_query_cannot_read_whole_goes_on(aws: Aws) -> None:
    """A Query ends at 1 MB by itself."""
    events = recorded(aws.ports(), *(event_of(number, detail="x" * 300_000) for number in range(6)))
    found = pages(aws.ports(), 100)
    assert [event for page in found for event in page] == events[::-1]
    assert len(found) > 1


def test_an_event_is_deleted_by_its_time_to_live(aws: Aws) -> None:
    recorded(aws.ports(), event_of(1))
    (item,) = aws.dynamodb.scan(TableName=aws.audit_table)["Items"]
    assert item["expires_at_epoch_s"] == {"N": str(int((AHEAD + AUDIT_RETENTION).timestamp()))}
    assert time_to_live(aws.dynamodb, "AuditTable", aws.new_name("forgets")) == ("expires_at_epoch_s", "ENABLED")


@pytest.mark.parametrize(
    "call",
    [
        lambda audit: audit.record(event_of(1)),
        lambda audit: audit.page(OWNER, at=AHEAD, limit=10, after=None),
    ],
    ids=["record", "page"],
)
def test_without_the_table_every_call_says_so(away_ports: Ports, call: Callable[[Any], object]) -> None:
    with pytest.raises(Unavailable, match="the audit table does not answer"):
        call(away_ports.audit)
