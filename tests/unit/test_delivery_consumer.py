"""Messages of the deliveries queue: which are done, and which must come again."""

from datetime import timedelta

import pytest

from chalicelib.adapters.delivery_queue import to_body
from chalicelib.batches import Message, MessagesReturned
from chalicelib.deliveries import DeliveryConsumer
from chalicelib.domain.webhook_deliveries import DeliveryStatus
from chalicelib.event_ports import DeliveryMessage
from tests.factories import World, make_delivery, make_webhook
from tests.fakes import NOON

KEY = make_delivery().key
GOOD = to_body(DeliveryMessage(key=KEY))
MISSING = to_body(DeliveryMessage(key=make_delivery(2).key))


def consumer(*, partial_responses: bool = True) -> tuple[World, DeliveryConsumer]:
    world = World(partial_responses=partial_responses)
    world.webhooks.add(make_webhook())
    world.deliveries.add(make_delivery())
    return world, world.services().deliveries


def messages(*bodies: str) -> list[Message]:
    return [
        Message(body=body, message_id=f"message-{number}", receipt_handle=f"receipt-{number}", sent_at=NOON)
        for number, body in enumerate(bodies)
    ]


def failed(response: object) -> object:
    return response and [each["itemIdentifier"] for each in response["batchItemFailures"]]  # type: ignore[index]


def test_a_message_leads_to_an_attempt_and_is_done() -> None:
    world, deliveries = consumer()
    assert deliveries.consume(messages(GOOD, MISSING)) == {"batchItemFailures": []}
    assert [post.url for post in world.receivers.posts] == [make_webhook().url]
    assert [each.status for each in world.deliveries.all()] == [DeliveryStatus.SUCCESS]


def test_without_partial_responses_nothing_is_answered_that_lambda_would_take_for_done() -> None:
    _, deliveries = consumer(partial_responses=False)
    assert deliveries.consume(messages(GOOD)) is None


def test_a_message_of_another_form_comes_back_alone(caplog: pytest.LogCaptureFixture) -> None:
    world, deliveries = consumer()
    assert failed(deliveries.consume(messages("hush", GOOD))) == ["message-0"]
    assert len(world.receivers.posts) == 1
    assert (caplog.records[0].message, caplog.records[0].__dict__["message_id"]) == (
        "message names no delivery",
        "message-0",
    )
    assert "hush" not in str([record.__dict__ for record in caplog.records])


def test_with_a_store_away_a_message_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    world, deliveries = consumer()
    world.deliveries.away = True
    assert failed(deliveries.consume(messages(GOOD))) == ["message-0"]
    assert caplog.records[0].message == "store or queue is away"
    world.deliveries.away = False
    assert failed(deliveries.consume(messages(GOOD))) == []


def test_a_fault_of_ours_returns_the_message_and_keeps_no_other_of_its_batch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world, deliveries = consumer()
    world.deliveries.add(make_delivery(2))

    def fault() -> None:
        raise ZeroDivisionError

    world.receivers.meanwhile = fault
    assert failed(deliveries.consume(messages(GOOD, MISSING))) == ["message-0"]
    assert caplog.records[0].message == "delivery broke"
    assert len(world.receivers.posts) == 2
    world.clock.advance(seconds=timedelta(minutes=1).total_seconds())
    assert failed(deliveries.consume(messages(GOOD))) == []


def test_without_partial_responses_a_failure_brings_the_batch_back_and_none_is_delivered_twice() -> None:
    world, deliveries = consumer(partial_responses=False)
    with pytest.raises(MessagesReturned, match="1 of 2 messages failed"):
        deliveries.consume(messages(GOOD, "nonsense"))
    with pytest.raises(MessagesReturned):
        deliveries.consume(messages(GOOD, "nonsense"))
    assert len(world.receivers.posts) == 1
