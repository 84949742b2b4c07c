"""
What the product relies on in AWS, as facts that are asked of each stand-in for AWS, and of AWS by those who have it.

Each fact holds on AWS. Where a stand-in does not reproduce it, the fact names that stand-in and says what it does
instead, and the test asserts that it still does: a new version that has learnt the fact fails there, and the entry
goes. What a stand-in does by chance is listed and not asked. ``docs/conformance.md`` is made of these entries, and the
end of a run lists them.

A module ``test_conformance_of_…`` has its ``FACTS``, and in ``ASKED`` the subjects that have such things at all.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Generic, TypeVar

import pytest
from botocore.exceptions import ClientError

from tests.dynamodb_local import VERSION as DYNAMODB_LOCAL_VERSION

T = TypeVar("T")

AWS = "aws"
STAND_INS = ("moto", "ministack", "dynamodb-local")
KEY = {"id": {"S": "one"}}
MAX_RECEIVES = 2
NOT_SO = (AssertionError, pytest.fail.Exception, ClientError, ValueError)
"""How a check fails where its fact does not hold; moto, in this process, raises errors of its own."""

EVENTUALLY_S = 20
LOOK_EVERY_S = 0.1


def version_of(stand_in: str) -> str:
    return DYNAMODB_LOCAL_VERSION if stand_in == "dynamodb-local" else version(stand_in)


@dataclass(frozen=True, kw_only=True)
class Table:
    """An empty table with the key ``id`` and a keys-only index ``due`` of the items that have its two attributes."""

    dynamodb: Any
    name: str

    def put(self, **attributes: Any) -> None:
        self.dynamodb.put_item(TableName=self.name, Item=KEY | attributes)

    def update(self, expression: str, values: dict[str, Any] | None = None, **arguments: Any) -> Any:
        if values:
            arguments["ExpressionAttributeValues"] = values
        return self.dynamodb.update_item(TableName=self.name, Key=KEY, UpdateExpression=expression, **arguments)

    def item(self) -> Any:
        return self.dynamodb.get_item(TableName=self.name, Key=KEY, ConsistentRead=True)["Item"]

    def names(self) -> set[str]:
        return {item["id"]["S"] for item in self.dynamodb.scan(TableName=self.name, ConsistentRead=True)["Items"]}

    def indexed(self, **arguments: Any) -> Any:
        return self.dynamodb.query(
            TableName=self.name,
            IndexName="due",
            KeyConditionExpression="due_shard = :shard",
            ExpressionAttributeValues={":shard": {"S": "0"}},
            **arguments,
        )["Items"]

    def wait(self) -> None:
        """Return once it can be used; on AWS that takes some seconds after its making and after a change of it."""
        self.dynamodb.get_waiter("table_exists").wait(TableName=self.name, WaiterConfig={"Delay": 1})


@dataclass(frozen=True, kw_only=True)
class Queue:
    """
    An empty queue, whose messages go to its dead letters when they would be received a third time.

    What is received comes again after ``visibility_s``. A queue counts as empty when nothing came for ``quiet_s``: SQS
    asks some of its servers only, unless it is given time.
    """

    sqs: Any
    url: str
    dead_letters_url: str
    new_queue: Callable[..., str]
    """Makes another queue with the given attributes; returns its URL."""

    visibility_s: int
    quiet_s: int

    def send(self, body: str = "one", **arguments: Any) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **arguments)

    def receive(self, *, dead_letters: bool = False, **arguments: Any) -> Any:
        """The next message; there is one."""
        (message,) = self._received(self.dead_letters_url if dead_letters else self.url, 5, arguments)
        return message

    def is_empty(self, *, dead_letters: bool = False) -> bool:
        return not self._received(self.dead_letters_url if dead_letters else self.url, self.quiet_s, {})

    def _received(self, url: str, wait_s: int, arguments: Mapping[str, Any]) -> list[Any]:
        answer = self.sqs.receive_message(
            QueueUrl=url, MessageSystemAttributeNames=["All"], WaitTimeSeconds=wait_s, **arguments
        )
        return list(answer.get("Messages", []))

    def show_after(self, seconds: int, message: Any) -> None:
        handle = message["ReceiptHandle"]
        self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=seconds)

    def delete(self, message: Any) -> None:
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def pass_visibility(self) -> None:
        time.sleep(self.visibility_s + 0.1)


def arn_of(sqs: Any, queue_url: str) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Who is asked; what it is asked of is made anew for each fact."""

    name: str
    version: str
    client: Callable[[str], Any]
    new_name: Callable[[str], str]
    """Returns a name for a ``table``, ``queue``, ``stack`` … that nothing else has."""

    visibility_s: int = 1
    quiet_s: int = 0

    def table(self) -> Table:
        table = Table(dynamodb=self.client("dynamodb"), name=self.new_name("table"))
        table.dynamodb.create_table(
            TableName=table.name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "due_shard", "AttributeType": "S"},
                {"AttributeName": "due_at", "AttributeType": "N"},
            ],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "due",
                    "KeySchema": [
                        {"AttributeName": "due_shard", "KeyType": "HASH"},
                        {"AttributeName": "due_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        )
        return table

    def queue(self) -> Queue:
        dead_letters_url = self.new_queue()
        redrive = {"deadLetterTargetArn": arn_of(self.client("sqs"), dead_letters_url), "maxReceiveCount": MAX_RECEIVES}
        attributes = {"VisibilityTimeout": str(self.visibility_s), "RedrivePolicy": json.dumps(redrive)}
        return Queue(
            sqs=self.client("sqs"),
            url=self.new_queue(**attributes),
            dead_letters_url=dead_letters_url,
            new_queue=self.new_queue,
            visibility_s=self.visibility_s,
            quiet_s=self.quiet_s,
        )

    def new_queue(self, **attributes: str) -> str:
        made = self.client("sqs").create_queue(QueueName=self.new_name("queue"), Attributes=attributes)
        return str(made["QueueUrl"])

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


ACCOUNT = pytest.StashKey[Subject]()
"""Where a run of `tests.contract.conformance_on_aws` has the account it asks; no other run has one."""


@contextmanager
def refused(saying: str, code: str = "ValidationException") -> Iterator[None]:
    """Expect a refusal for the reason meant; there are many that a test can run into unknowingly."""
    with pytest.raises(ClientError, match=saying) as refusal:
        yield
    assert refusal.value.response["Error"]["Code"] == code, refusal.value.response["Error"]


def eventually(read: Callable[[], T], wanted: Callable[[T], bool]) -> T:
    """What was read first that is as wanted, or last when nothing was in time."""
    deadline = time.monotonic() + EVENTUALLY_S
    while not wanted(found := read()) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return found


@dataclass(frozen=True)
class Fact(Generic[T]):
    check: Callable[[T], None]
    not_on: Mapping[str, str] = field(default_factory=dict)
    """The stand-ins that do not reproduce it, and what they do instead."""
    by_chance_on: Mapping[str, str] = field(default_factory=dict)
    """Those on which it holds at times, so that there is nothing to assert, and why."""

    @property
    def text(self) -> str:
        return self.check.__name__.replace("_", " ").replace(" kb", " KB").replace(" mib", " MiB")

    def __str__(self) -> str:
        return self.check.__name__


def ask(subject: Subject, fact: Fact[T], on: T, record_property: Callable[[str, object], None]) -> None:
    if subject.name in fact.by_chance_on:
        record_property("not reproduced", f"{subject}: {fact.text} ({fact.by_chance_on[subject.name]})")
        return
    if subject.name not in fact.not_on:
        fact.check(on)
        return
    try:
        fact.check(on)
    except NOT_SO:
        record_property("not reproduced", f"{subject}: {fact.text} ({fact.not_on[subject.name]})")
        return
    pytest.fail(f"{subject} reproduces this now: remove it from the fact's `not_on`")
