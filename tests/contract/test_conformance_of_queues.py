"""What the product relies on in SQS's standard queues."""

import json
from collections.abc import Callable

from tests.contract.conformance import AWS, Fact, Queue, Subject, arn_of, ask, eventually, refused

ASKED = ("moto", "ministack", AWS)
"""DynamoDB Local has no queues."""


def what_is_not_deleted_comes_again(queue: Queue) -> None:
    queue.send()
    first = queue.receive()
    assert queue.is_empty()
    queue.pass_visibility()
    again = queue.receive()
    assert again["MessageId"] == first["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def a_receiver_changes_when_it_comes_again(queue: Queue) -> None:
    queue.send()
    queue.show_after(0, queue.receive())
    queue.show_after(30, queue.receive())
    queue.pass_visibility()
    assert queue.is_empty()


def what_was_received_too_often_is_a_dead_letter(queue: Queue) -> None:
    queue.send()
    sent = queue.receive(VisibilityTimeout=0)
    queue.receive(VisibilityTimeout=0)
    assert queue.is_empty(dead_letters=True), "it moves only when it would be received again"
    assert queue.is_empty()
    dead = queue.receive(dead_letters=True)
    assert dead["MessageId"] == sent["MessageId"]
    assert dead["Attributes"]["SentTimestamp"] == sent["Attributes"]["SentTimestamp"], (
        "so it expires as if it had stayed"
    )


def a_delayed_message_comes_late(queue: Queue) -> None:
    queue.send(DelaySeconds=queue.visibility_s)
    assert queue.is_empty()
    queue.pass_visibility()
    queue.receive()


def a_delay_over_900_s_is_refused(queue: Queue) -> None:
    with refused("DelaySeconds", "InvalidParameterValue"):
        queue.send(DelaySeconds=901)


def an_outdated_receipt_handle_is_no_error(queue: Queue) -> None:
    queue.send()
    first, again = queue.receive(VisibilityTimeout=0), queue.receive()
    queue.delete(first)
    queue.delete(again)
    queue.delete(again)


def a_queue_tells_about_how_many_messages_it_has(queue: Queue) -> None:
    queue.send()
    queue.send()
    queue.send(DelaySeconds=900)
    queue.receive(VisibilityTimeout=600)
    names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]

    def told() -> list[str]:
        answer = queue.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)
        return [answer["Attributes"][name] for name in names]

    one_of_each = ["1", "1", "1"]
    assert eventually(told, lambda found: found == one_of_each) == one_of_each


def a_standard_queue_takes_a_message_group(queue: Queue) -> None:
    queue.send(MessageGroupId="owner")
    assert queue.receive()["Attributes"]["MessageGroupId"] == "owner"


def a_batch_of_deletes_succeeds_in_part(queue: Queue) -> None:
    queue.send()
    handles = {"good": queue.receive()["ReceiptHandle"], "bad": "no receipt handle"}
    entries = [{"Id": name, "ReceiptHandle": handle} for name, handle in handles.items()]
    answer = queue.sqs.delete_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["good"]
    assert [each["Id"] for each in answer["Failed"]] == ["bad"]


def a_message_has_at_most_1_mib(queue: Queue) -> None:
    queue.send("x" * 1024**2)
    assert len(queue.receive()["Body"]) == 1024**2
    with refused("shorter than 1048576 bytes", "InvalidParameterValue"):
        queue.send("x" * (1024**2 + 1))


def dead_letters_are_taken_from_named_queues_only(queue: Queue) -> None:
    """Asked when queues are made: a change of the permission counts on AWS only after up to a minute."""
    allowed = {"redrivePermission": "byQueue", "sourceQueueArns": [arn_of(queue.sqs, queue.url)]}
    target = arn_of(queue.sqs, queue.new_queue(RedriveAllowPolicy=json.dumps(allowed)))
    redrive = {"deadLetterTargetArn": target, "maxReceiveCount": 2}
    with refused("RedrivePolicy", "InvalidParameterValue"):
        queue.new_queue(RedrivePolicy=json.dumps(redrive))


FACTS: list[Fact[Queue]] = [
    Fact(what_is_not_deleted_comes_again),
    Fact(a_receiver_changes_when_it_comes_again),
    Fact(what_was_received_too_often_is_a_dead_letter),
    Fact(a_delayed_message_comes_late),
    Fact(a_delay_over_900_s_is_refused, not_on={"ministack": "takes it"}),
    Fact(an_outdated_receipt_handle_is_no_error, not_on={"ministack": "refuses it"}),
    Fact(a_queue_tells_about_how_many_messages_it_has),
    Fact(a_standard_queue_takes_a_message_group),
    Fact(a_batch_of_deletes_succeeds_in_part),
    Fact(a_message_has_at_most_1_mib),
    Fact(
        dead_letters_are_taken_from_named_queues_only,
        not_on={"moto": "takes them from any", "ministack": "takes them from any"},
    ),
]


def test_queues(subject: Subject, fact: Fact[Queue], record_property: Callable[[str, object], None]) -> None:
    ask(subject, fact, subject.queue(), record_property)
