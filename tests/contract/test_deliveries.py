"""The deliveries table: every implementation admits exactly the transitions that the domain allows, and lists alike."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.delivery_items import from_delivery_item, to_delivery_item
from chalicelib.adapters.dynamodb.event_keys import delivery_key
from chalicelib.adapters.dynamodb.job_rows import EVALUATED_MAX
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import (
    SHARDS,
    Delivery,
    DeliveryAttempt,
    DeliveryId,
    DeliveryKey,
    DeliveryStatus,
    shard,
)
from chalicelib.domain.webhooks import CALLBACKS, WebhookId
from chalicelib.event_ports import DeliveryPage, DeliveryRepository, DueDelivery
from tests.contract.conftest import Aws, Ports
from tests.factories import OWNER, WEBHOOK, delivery_id_of, make_delivery
from tests.fakes import NOON

LATER = NOON + timedelta(seconds=5)
FAR = NOON + timedelta(days=1)
NEW = make_delivery()
KEY = NEW.key
ATTEMPT = DeliveryAttempt(at=NOON, duration=timedelta(milliseconds=250), status_code=503)
LOST = DeliveryAttempt(at=LATER, duration=timedelta(seconds=15), error="no answer in 15 s")
RETRIED = NEW.retried(ATTEMPT, token="retry", run_at=LATER, due_at=LATER + timedelta(minutes=1))
SUCCEEDED = RETRIED.succeeded(replace(ATTEMPT, status_code=204), token="success")
FAILED = RETRIED.failed("every attempt failed", token="fail", attempt=LOST)
UNTRIED = NEW.failed("the webhook is disabled", token="untried")
REPLAYED = FAILED.replayed(token="replay", at=FAR, due_at=FAR, retention=timedelta(days=14))
STEPS = [(NEW, RETRIED), (RETRIED, SUCCEEDED), (RETRIED, FAILED), (NEW, UNTRIED), (FAILED, REPLAYED), (NEW, SUCCEEDED)]


def keyed(number: int, webhook_id: WebhookId = WEBHOOK, owner_id: UserId = OWNER) -> DeliveryKey:
    return DeliveryKey(owner_id=owner_id, webhook_id=webhook_id, delivery_id=delivery_id_of(number))


def test_a_delivery_is_stored_as_it_is(ports: Ports) -> None:
    whole = make_delivery(url="https://example.org/called/back", body='{"data":"ü\\u0000"}')
    assert ports.deliveries.add(whole)
    assert ports.deliveries.get(KEY) == whole
    assert ports.deliveries.get(keyed(2)) is None
    assert ports.deliveries.get(keyed(1, CALLBACKS)) is None
    assert ports.deliveries.get(keyed(1, owner_id=UserId("another"))) is None


def test_an_event_has_one_delivery_to_a_webhook(ports: Ports) -> None:
    assert ports.deliveries.add(NEW)
    ports.deliveries.advance(NEW, RETRIED)
    assert not ports.deliveries.add(replace(NEW, token="told again"))
    assert ports.deliveries.get(KEY) == RETRIED
    assert ports.deliveries.add(make_delivery(key=keyed(1, CALLBACKS))), "and one to each other webhook"


@pytest.mark.parametrize(("seen", "to"), STEPS)
def test_each_transition_is_written_as_the_domain_has_it(ports: Ports, seen: Delivery, to: Delivery) -> None:
    ports.deliveries.add(seen)
    ports.deliveries.advance(seen, to)
    assert ports.deliveries.get(KEY) == to


@pytest.mark.parametrize(("seen", "to"), STEPS)
def test_a_transition_of_an_older_row_is_refused_with_the_row_as_it_is(
    ports: Ports, seen: Delivery, to: Delivery
) -> None:
    now = replace(seen, token="moved")
    ports.deliveries.add(now)
    with pytest.raises(ConcurrentUpdate) as refused:
        ports.deliveries.advance(seen, to)
    assert refused.value.current == now
    assert ports.deliveries.get(KEY) == now


def test_a_transition_makes_no_row(ports: Ports) -> None:
    with pytest.raises(ConcurrentUpdate) as refused:
        ports.deliveries.advance(NEW, RETRIED)
    assert refused.value.current is None
    assert ports.deliveries.get(KEY) is None


def test_of_rival_transitions_one_is_written(atomic_ports: Ports) -> None:
    deliveries = atomic_ports.deliveries
    deliveries.add(NEW)
    barrier = threading.Barrier(4)
    won: list[str] = []

    def advance(token: str) -> None:
        barrier.wait()
        try:
            deliveries.advance(NEW, replace(RETRIED, token=token))
        except ConcurrentUpdate:
            return
        won.append(token)

    threads = [threading.Thread(target=advance, args=(f"rival-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (token,) = won
    assert deliveries.get(KEY) == replace(RETRIED, token=token)


def test_calls_whose_response_was_lost_count_when_they_are_tried_again(lossy_ports: Ports) -> None:
    assert lossy_ports.deliveries.add(NEW)
    lossy_ports.deliveries.advance(NEW, RETRIED)
    lossy_ports.deliveries.look_again(DueDelivery(key=KEY, due_at=LATER + timedelta(minutes=1)), at=FAR)
    assert lossy_ports.deliveries.get(KEY) == replace(RETRIED, due_at=FAR)


def test_what_is_due_is_found_the_longest_due_first_and_page_by_page(ports: Ports) -> None:
    mates = [keyed(number * SHARDS) for number in range(1, 6)]
    for place, key in enumerate(mates):
        ports.deliveries.add(make_delivery(key=key, due_at=LATER - timedelta(seconds=place)))
    ports.deliveries.add(make_delivery(key=keyed(1), due_at=NOON))
    first = ports.deliveries.due(0, at=NOON + timedelta(seconds=4), limit=2)
    assert [due.key for due in first] == [mates[4], mates[3]]
    assert first[0].due_at == LATER - timedelta(seconds=4)
    rest = ports.deliveries.due(0, at=NOON + timedelta(seconds=4), limit=9, after=first[-1])
    assert [due.key for due in rest] == [mates[2], mates[1]], "the first is due a second later"
    assert [due.key for due in ports.deliveries.due(1, at=FAR, limit=9)] == [keyed(1)]


@pytest.mark.parametrize("final", [SUCCEEDED, FAILED, UNTRIED])
def test_only_what_is_not_final_is_due(ports: Ports, final: Delivery) -> None:
    own = shard(KEY.delivery_id)
    ports.deliveries.add(NEW)
    assert ports.deliveries.due(own, at=FAR, limit=9) == [DueDelivery(key=KEY, due_at=NEW.due_at or FAR)]
    ports.deliveries.advance(NEW, final)
    assert ports.deliveries.due(own, at=FAR, limit=9) == []
    again = final.replayed(token="again", at=LATER, due_at=LATER, retention=timedelta(days=1))
    ports.deliveries.advance(final, again)
    assert ports.deliveries.due(own, at=FAR, limit=9) == [DueDelivery(key=KEY, due_at=LATER)]


def test_the_next_look_is_put_off_by_one_sweep_only_and_fences_nobody(ports: Ports) -> None:
    ports.deliveries.add(NEW)
    (seen,) = ports.deliveries.due(shard(KEY.delivery_id), at=FAR, limit=9)
    ports.deliveries.look_again(seen, at=LATER)
    ports.deliveries.look_again(seen, at=FAR)
    assert ports.deliveries.get(KEY) == replace(NEW, due_at=LATER)
    ports.deliveries.advance(NEW, SUCCEEDED)
    ports.deliveries.look_again(DueDelivery(key=KEY, due_at=LATER), at=FAR)
    assert ports.deliveries.get(KEY) == SUCCEEDED, "what is final is looked at no more"


def filled(ports: Ports, count: int) -> list[Delivery]:
    """Deliveries in turns PENDING, SUCCESS and FAILED, the oldest first, among those of others."""
    states = [NEW, SUCCEEDED, FAILED]
    made = [replace(states[number % 3], key=keyed(number)) for number in range(count)]
    for each in reversed(made):
        ports.deliveries.add(each)
    ports.deliveries.add(make_delivery(key=keyed(3, CALLBACKS)))
    ports.deliveries.add(make_delivery(key=keyed(3, WebhookId(f"{WEBHOOK}0"))))
    ports.deliveries.add(make_delivery(key=keyed(3, owner_id=UserId("another"))))
    return made


def pages(deliveries: DeliveryRepository, status: DeliveryStatus | None, limit: int) -> Iterator[DeliveryPage]:
    after = None
    while True:
        page = deliveries.page(OWNER, WEBHOOK, status=status, limit=limit, after=after)
        assert len(page.deliveries) <= limit
        yield page
        if page.next_after is None:
            return
        assert after is None or page.next_after < after, "a walk comes to its end"
        after = page.next_after


def walked(deliveries: DeliveryRepository, status: DeliveryStatus | None, limit: int) -> list[Delivery]:
    return [each for page in pages(deliveries, status, limit) for each in page.deliveries]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("status", [None, *DeliveryStatus])
def test_a_walk_gives_what_matches_newest_first_and_once_each(
    ports: Ports, status: DeliveryStatus | None, limit: int
) -> None:
    made = filled(ports, 12)
    assert walked(ports.deliveries, status, limit) == [each for each in made[::-1] if status in {None, each.status}]


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
@pytest.mark.parametrize("status", [None, DeliveryStatus.FAILED])
def test_what_there_is_since_an_id_is_given_oldest_first(
    ports: Ports, status: DeliveryStatus | None, limit: int
) -> None:
    made = filled(ports, 12)
    found: list[Delivery] = []
    first: DeliveryId | None = delivery_id_of(3)
    while first is not None:
        page = ports.deliveries.since(OWNER, WEBHOOK, first=first, status=status, limit=limit)
        assert len(page.deliveries) <= limit
        found += page.deliveries
        first = None if page.next_after is None else delivery_id_of(int(page.next_after[-12:], 16) + 1)
    assert found == [each for each in made[3:] if status in {None, each.status}]


def test_a_walk_goes_on_after_a_delivery_that_is_gone(ports: Ports) -> None:
    for number in (1, 3):
        ports.deliveries.add(make_delivery(number))
    page = ports.deliveries.page(OWNER, WEBHOOK, status=None, limit=2, after=delivery_id_of(2))
    assert page.deliveries == [make_delivery(1)]
    assert ports.deliveries.page(UserId("nobody"), WEBHOOK, status=None, limit=2, after=None).deliveries == []


def test_a_page_with_rare_matches_may_be_short_and_have_a_next_one(aws: Aws) -> None:
    ports = aws.ports()
    rare = [replace(FAILED, key=keyed(number)) for number in (0, 1, EVALUATED_MAX + 20)]
    for each in [*rare, *(make_delivery(number) for number in range(2, EVALUATED_MAX + 20))]:
        ports.deliveries.add(each)
    assert [len(page.deliveries) for page in pages(ports.deliveries, DeliveryStatus.FAILED, 3)] == [1, 2]
    assert walked(ports.deliveries, DeliveryStatus.FAILED, 3) == rare[::-1]


def test_large_deliveries_are_all_listed(aws: Aws) -> None:
    """DynamoDB ends a Query at 1 MB."""
    ports = aws.ports()
    large = [make_delivery(number, body="x" * 300_000) for number in range(5)]
    for each in large:
        ports.deliveries.add(each)
    assert walked(ports.deliveries, None, 100) == large[::-1]
    assert walked(ports.deliveries, DeliveryStatus.PENDING, 2) == large[::-1]


def test_a_row_that_cannot_be_read_is_left_out_and_named_in_the_log(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    ports = aws.ports()
    for number in range(3):
        ports.deliveries.add(make_delivery(number))
    row: Any = to_delivery_item(make_delivery(1)) | {"status": {"S": "PAUSED"}}
    aws.dynamodb.put_item(TableName=aws.deliveries_table, Item=row)
    assert walked(ports.deliveries, None, 2) == [make_delivery(2), make_delivery(0)]
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.message == "row of the deliveries table cannot be read; lists leave it out"
    assert record.__dict__["place"] == f"{WEBHOOK}#{delivery_id_of(1)}"


def test_the_deliveries_of_an_owner_are_erased_and_nobody_elses(ports: Ports) -> None:
    filled(ports, 7)
    while ports.deliveries.erase_some(OWNER):
        pass
    assert walked(ports.deliveries, None, 9) == []
    assert ports.deliveries.get(keyed(3, CALLBACKS)) is None
    assert ports.deliveries.get(keyed(3, owner_id=UserId("another"))) is not None


def test_a_transition_sends_only_what_has_changed_and_keeps_what_it_does_not_know(aws: Aws) -> None:
    added: Any = {"priority": {"N": "5"}, "trace": {"M": {"id": {"S": "1"}}}}
    aws.dynamodb.put_item(TableName=aws.deliveries_table, Item=to_delivery_item(NEW) | added)
    sent: list[str] = []
    aws.dynamodb.meta.events.register(
        "provide-client-params.dynamodb.UpdateItem", lambda params, **_: sent.append(params["UpdateExpression"])
    )
    aws.ports().deliveries.look_again(DueDelivery(key=KEY, due_at=NEW.due_at or FAR), at=LATER)
    aws.ports().deliveries.advance(replace(NEW, due_at=LATER), RETRIED)
    row = aws.dynamodb.get_item(TableName=aws.deliveries_table, Key=delivery_key(KEY), ConsistentRead=True)["Item"]
    assert {name: value for name, value in row.items() if name in added} == added
    assert from_delivery_item(row) == RETRIED
    assert "body" not in sent[1]


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("add", {"delivery": NEW}),
        ("get", {"key": KEY}),
        ("advance", {"seen": NEW, "to": RETRIED}),
        ("due", {"shard": 0, "at": NOON, "limit": 1}),
        ("look_again", {"seen": DueDelivery(key=KEY, due_at=NOON), "at": LATER}),
        ("page", {"owner_id": OWNER, "webhook_id": WEBHOOK, "status": None, "limit": 1, "after": None}),
        ("since", {"owner_id": OWNER, "webhook_id": WEBHOOK, "first": KEY.delivery_id, "status": None, "limit": 1}),
        ("erase_some", {"owner_id": OWNER}),
    ],
)
def test_without_the_table_every_call_says_so(away_ports: Ports, call: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(Unavailable, match="the deliveries table does not answer"):
        getattr(away_ports.deliveries, call)(**arguments)
