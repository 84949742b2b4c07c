import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.sqs import SqsJobQueue, from_body
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import JobId, JobKey
from chalicelib.statistics_ports import QueueDepth
from tests.aws import nowhere, product_client
from tests.contract.conftest import Aws, Ports
from tests.factories import KEY


def test_what_is_sent_is_received(ports: Ports) -> None:
    ports.queue.send(KEY)
    assert ports.received() == [KEY]


def test_a_message_names_the_job_and_says_nothing_of_it(aws: Aws) -> None:
    aws.ports().queue.send(KEY)
    answer = aws.sqs.receive_message(QueueUrl=aws.queue_url, MessageSystemAttributeNames=["MessageGroupId"])
    (message,) = answer["Messages"]
    assert json.loads(message["Body"]) == {"owner_id": KEY.owner_id, "job_id": KEY.job_id, "version": 1}
    assert message["Attributes"]["MessageGroupId"] == KEY.owner_id, "for SQS to be fair between owners"


def test_a_send_whose_response_was_lost_may_send_twice(lossy_ports: Ports) -> None:
    lossy_ports.queue.send(KEY)
    assert set(lossy_ports.received()) == {KEY}


def test_a_message_can_be_delayed(aws: Aws) -> None:
    aws.ports().queue.send(KEY, delay=timedelta(seconds=1))
    assert aws.ports().received() == []
    answer = aws.sqs.receive_message(QueueUrl=aws.queue_url, WaitTimeSeconds=5)
    assert [from_body(message["Body"]) for message in answer["Messages"]] == [KEY]


def test_received_messages_are_deleted_ten_a_call(aws: Aws) -> None:
    for _ in range(12):
        aws.ports().queue.send(KEY)
    received: list[str] = []
    while len(received) < 12:
        answer = aws.sqs.receive_message(QueueUrl=aws.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=60)
        received += [message["ReceiptHandle"] for message in answer["Messages"]]
    calls: list[int] = []
    aws.sqs.meta.events.register(
        "provide-client-params.sqs.DeleteMessageBatch", lambda params, **_: calls.append(len(params["Entries"]))
    )
    aws.ports().queue.delete(received)
    assert calls == [10, 2]
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    assert set(aws.sqs.get_queue_attributes(QueueUrl=aws.queue_url, AttributeNames=wanted)["Attributes"].values()) == {
        "0"
    }


def test_a_queue_tells_how_many_messages_wait_are_with_a_receiver_and_are_delayed(aws: Aws) -> None:
    queue = SqsJobQueue(lambda: aws.own("sqs"), queue_url=aws.queue_url)
    assert queue.depth() == QueueDepth(waiting=0, in_flight=0, delayed=0)
    for _ in range(5):
        queue.send(KEY)
    for _ in range(2):
        queue.send(KEY, delay=timedelta(minutes=1))
    (_message,) = aws.sqs.receive_message(QueueUrl=aws.queue_url, MaxNumberOfMessages=1)["Messages"]
    assert queue.depth() == QueueDepth(waiting=4, in_flight=1, delayed=2)


def test_a_message_that_cannot_be_deleted_is_no_error(aws: Aws) -> None:
    """It comes again, and is settled again."""
    aws.ports().queue.delete([])
    aws.ports().queue.send(KEY)
    (message,) = aws.sqs.receive_message(QueueUrl=aws.queue_url)["Messages"]
    aws.ports().queue.delete(["no such receipt handle", message["ReceiptHandle"]])


@pytest.mark.parametrize(
    ("call", "argument"), [("send", KEY), ("send_all", {KEY: timedelta()}), ("delete", ["receipt"])]
)
def test_without_the_queue_every_call_says_so(away_ports: Ports, call: str, argument: Any) -> None:
    with pytest.raises(Unavailable, match="the job queue does not answer"):
        getattr(away_ports.queue, call)(argument)


def test_without_the_queue_it_does_not_tell_how_many_there_are() -> None:
    away = product_client("sqs", nowhere())
    with pytest.raises(Unavailable, match="the job queue does not answer"):
        SqsJobQueue(lambda: away, queue_url="https://sqs.example/jobs").depth()


def keys_of(count: int) -> list[JobKey]:
    return [JobKey(owner_id=KEY.owner_id, job_id=JobId(f"job-{number}")) for number in range(count)]


def test_many_are_sent_in_one_go(ports: Ports) -> None:
    keys = keys_of(7)
    assert ports.queue.send_all(dict.fromkeys(keys, timedelta())) == {}
    received: set[JobKey] = set()
    while len(received) < len(keys):
        received.update(ports.received())
    assert received == set(keys)


def test_nothing_is_sent_of_none(ports: Ports) -> None:
    assert ports.queue.send_all({}) == {}


def test_many_are_sent_ten_a_call_each_with_its_group_and_delay(aws: Aws) -> None:
    entries: list[list[dict[str, Any]]] = []
    aws.sqs.meta.events.register(
        "provide-client-params.sqs.SendMessageBatch", lambda params, **_: entries.append(params["Entries"])
    )
    delays = {key: timedelta(seconds=number) for number, key in enumerate(keys_of(12))}
    aws.ports().queue.send_all(delays)
    assert [len(call) for call in entries] == [10, 2]
    sent = [entry for call in entries for entry in call]
    assert {entry["MessageGroupId"] for entry in sent} == {KEY.owner_id}, "for SQS to be fair between owners"
    assert {from_body(entry["MessageBody"]): timedelta(seconds=entry["DelaySeconds"]) for entry in sent} == delays


def test_of_many_the_refused_ones_are_told(aws: Aws) -> None:
    """SQS refuses single messages of a call that goes through, as none of the stand-ins does."""

    def refuse_the_last(parsed: dict[str, Any], **_: Any) -> None:
        entry = parsed["Successful"].pop()
        parsed["Failed"] = [{"Id": entry["Id"], "SenderFault": False, "Code": "InternalError", "Message": "busy"}]

    aws.sqs.meta.events.register("after-call.sqs.SendMessageBatch", refuse_the_last)
    refused = aws.ports().queue.send_all(dict.fromkeys(keys_of(12), timedelta()))
    assert {key.job_id: reason for key, reason in refused.items()} == {
        "job-9": "InternalError: busy",
        "job-11": "InternalError: busy",
    }
