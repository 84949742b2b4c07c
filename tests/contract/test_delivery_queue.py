import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.delivery_queue import from_body
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.webhook_deliveries import DeliveryKey
from chalicelib.event_ports import DeliveryMessage
from tests.contract.conftest import Aws, Ports
from tests.factories import OWNER, WEBHOOK, delivery_id_of

KEY = DeliveryKey(owner_id=OWNER, webhook_id=WEBHOOK, delivery_id=delivery_id_of(1))
MESSAGE = DeliveryMessage(key=KEY, postponed=3)


def keys_of(count: int) -> list[DeliveryKey]:
    return [DeliveryKey(owner_id=OWNER, webhook_id=WEBHOOK, delivery_id=delivery_id_of(each)) for each in range(count)]


def test_what_is_sent_is_received(ports: Ports) -> None:
    ports.delivery_queue.send(MESSAGE)
    assert ports.received_deliveries() == [MESSAGE]


def test_a_message_names_the_delivery_and_says_nothing_of_it(aws: Aws) -> None:
    aws.ports().delivery_queue.send(MESSAGE)
    answer = aws.sqs.receive_message(QueueUrl=aws.deliveries_queue_url, MessageSystemAttributeNames=["MessageGroupId"])
    (message,) = answer["Messages"]
    assert json.loads(message["Body"]) == {
        "owner_id": OWNER,
        "webhook_id": WEBHOOK,
        "delivery_id": KEY.delivery_id,
        "postponed": 3,
        "version": 1,
    }
    assert message["Attributes"]["MessageGroupId"] == OWNER, "for SQS to be fair between owners"


def test_a_send_whose_response_was_lost_may_send_twice(lossy_ports: Ports) -> None:
    lossy_ports.delivery_queue.send(MESSAGE)
    assert set(lossy_ports.received_deliveries()) == {MESSAGE}


def test_a_message_can_be_delayed(aws: Aws) -> None:
    aws.ports().delivery_queue.send(MESSAGE, delay=timedelta(seconds=1))
    assert aws.ports().received_deliveries() == []
    answer = aws.sqs.receive_message(QueueUrl=aws.deliveries_queue_url, WaitTimeSeconds=5)
    assert [from_body(message["Body"]) for message in answer["Messages"]] == [MESSAGE]


def test_many_are_sent_in_one_go(ports: Ports) -> None:
    keys = keys_of(7)
    assert ports.delivery_queue.send_all(keys) == {}
    received: set[DeliveryMessage] = set()
    while len(received) < len(keys):
        received.update(ports.received_deliveries())
    assert received == {DeliveryMessage(key=key) for key in keys}


def test_nothing_is_sent_of_none(ports: Ports) -> None:
    assert ports.delivery_queue.send_all([]) == {}
    assert ports.received_deliveries() == []


def test_many_are_sent_ten_a_call_each_with_its_group(aws: Aws) -> None:
    entries: list[list[dict[str, Any]]] = []
    aws.sqs.meta.events.register(
        "provide-client-params.sqs.SendMessageBatch", lambda params, **_: entries.append(params["Entries"])
    )
    aws.ports().delivery_queue.send_all(keys_of(12))
    assert [len(call) for call in entries] == [10, 2]
    sent = [entry for call in entries for entry in call]
    assert {entry["MessageGroupId"] for entry in sent} == {OWNER}, "for SQS to be fair between owners"
    assert [from_body(entry["MessageBody"]).key for entry in sent] == keys_of(12)


def test_of_many_the_refused_ones_are_told(aws: Aws) -> None:
    """SQS refuses single messages of a call that goes through, as none of the stand-ins does."""

    def refuse_the_last(parsed: dict[str, Any], **_: Any) -> None:
        entry = parsed["Successful"].pop()
        parsed["Failed"] = [{"Id": entry["Id"], "SenderFault": False, "Code": "InternalError", "Message": "busy"}]

    aws.sqs.meta.events.register("after-call.sqs.SendMessageBatch", refuse_the_last)
    keys = keys_of(12)
    assert aws.ports().delivery_queue.send_all(keys) == {
        keys[9]: "InternalError: busy",
        keys[11]: "InternalError: busy",
    }


@pytest.mark.parametrize(("call", "argument"), [("send", MESSAGE), ("send_all", [KEY])])
def test_without_the_queue_every_call_says_so(away_ports: Ports, call: str, argument: Any) -> None:
    with pytest.raises(Unavailable, match="the delivery queue does not answer"):
        getattr(away_ports.delivery_queue, call)(argument)
