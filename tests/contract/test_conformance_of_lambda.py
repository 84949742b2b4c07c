"""What the product relies on in Lambda's mappings of queues to functions; of AWS it is not asked: it needs a role."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from zipfile import ZipFile

from tests.contract.conformance import EVENTUALLY_S, LOOK_EVERY_S, Fact, Queue, Subject, arn_of, ask, eventually

ASKED = ("ministack",)

TIMEOUT_S = 3
"""Of the function, and as long its batch stays invisible: Lambda refuses to map a queue that shows it sooner."""

FUNCTION = """
def handler(event, context):
    bad = [each["messageId"] for each in event["Records"] if each["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": name} for name in bad]}
"""


@contextmanager
def mapping(subject: Subject, *, partial_responses: bool) -> Iterator[Queue]:
    """A queue whose messages a function gets in batches, and which of them it says it has not done: the bad ones."""
    queue = replace(subject, visibility_s=TIMEOUT_S).queue()
    functions, name = subject.client("lambda"), subject.new_name("function")
    archive = io.BytesIO()
    with ZipFile(archive, "w") as code:
        code.writestr("bad.py", FUNCTION)
    functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="bad.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Code={"ZipFile": archive.getvalue()},
        Timeout=TIMEOUT_S,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    start(functions, name)
    for body in ("good", "bad", "good"):
        queue.send(body)
    made = functions.create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=arn_of(queue.sqs, queue.url),
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"] if partial_responses else [],
    )
    try:
        yield queue
    finally:
        functions.delete_event_source_mapping(UUID=made["UUID"])
        functions.delete_function(FunctionName=name)


def start(functions: Any, name: str) -> None:
    """A busy machine can take longer to start the function than a batch stays invisible, and receive it twice."""

    def answered() -> bool:
        answer = functions.invoke(FunctionName=name, Payload=b'{"Records": []}')
        return "FunctionError" not in answer

    assert eventually(answered, bool), "the function does not start"


def left(queue: Queue) -> int:
    """How many messages there still are, in whatever state."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = queue.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def wait_until_left(queue: Queue, count: int) -> None:
    deadline = time.monotonic() + EVENTUALLY_S
    while (now := left(queue)) != count:
        assert time.monotonic() < deadline, f"{now} messages are left"
        time.sleep(LOOK_EVERY_S)


def of_a_batch_only_what_failed_comes_again(subject: Subject) -> None:
    with mapping(subject, partial_responses=True) as queue:
        wait_until_left(queue, 1)
        wait_until_left(queue, 0)
        assert queue.receive(dead_letters=True)["Body"] == "bad"
        assert queue.is_empty(dead_letters=True)


def without_the_flag_what_failed_is_deleted_too(subject: Subject) -> None:
    with mapping(subject, partial_responses=False) as queue:
        wait_until_left(queue, 0)
        assert queue.is_empty(dead_letters=True)


FACTS: list[Fact[Subject]] = [
    Fact(of_a_batch_only_what_failed_comes_again),
    Fact(without_the_flag_what_failed_is_deleted_too),
]


def test_mappings(subject: Subject, fact: Fact[Subject], record_property: Callable[[str, object], None]) -> None:
    ask(subject, fact, subject, record_property)
