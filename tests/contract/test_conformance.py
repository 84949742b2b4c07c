"""
What the product relies on in DynamoDB and in SQS, asked of each stand-in before any other contract test.

Each fact holds on AWS. Where a stand-in does not reproduce it, the fact names that stand-in and says what it does
instead, and the test asserts that it still does: a new version that has learnt the fact fails here, and the entry goes.
What a stand-in does by chance is listed and not asked.
The end of the run lists these entries.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import pytest
from botocore.exceptions import ClientError

from tests.aws import create_queue_with_dead_letters
from tests.contract.conftest import StandIn

T = TypeVar("T")

KEY = {"id": {"S": "one"}}
SLEEP_S = 1.1
"""A little more than the shortest visibility timeout and the shortest delay."""

NOT_SO = (AssertionError, pytest.fail.Exception, ClientError, ValueError)
"""How a check fails where its fact does not hold; moto, in this process, raises errors of its own."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """An empty table with the key ``id`` and a keys-only index ``due`` of the items that have its two attributes."""

    dynamodb: Any
    name: str = "facts"

    def put(self, **attributes: Any) -> None:
        self.dynamodb.put_item(TableName=self.name, Item=KEY | attributes)

    def update(self, expression: str, values: dict[str, Any] | None = None, **arguments: Any) -> Any:
        if values:
            arguments["ExpressionAttributeValues"] = values
        return self.dynamodb.update_item(TableName=self.name, Key=KEY, UpdateExpression=expression, **arguments)

    def item(self) -> Any:
        return self.dynamodb.get_item(TableName=self.name, Key=KEY, ConsistentRead=True)["Item"]

    def indexed(self, **arguments: Any) -> Any:
        return self.dynamodb.query(
            TableName=self.name,
            IndexName="due",
            KeyConditionExpression="due_shard = :shard",
            ExpressionAttributeValues={":shard": {"S": "0"}},
            **arguments,
        )["Items"]


@dataclass(frozen=True, kw_only=True)
class Queue:
    """An empty queue, whose messages go to its dead letters when they would be received a third time."""

    sqs: Any
    url: str
    dead_letters_url: str

    def send(self, **arguments: Any) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody="one", **arguments)

    def receive(self, *, dead_letters: bool = False, **arguments: Any) -> list[Any]:
        url = self.dead_letters_url if dead_letters else self.url
        answer = self.sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"], **arguments)
        return list(answer.get("Messages", []))

    def show_after(self, seconds: int, message: Any) -> None:
        handle = message["ReceiptHandle"]
        self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=seconds)

    def delete(self, message: Any) -> None:
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])


@contextmanager
def refused(saying: str, code: str = "ValidationException") -> Iterator[None]:
    """Expect a refusal for the reason meant; there are many that a test can run into unknowingly."""
    with pytest.raises(ClientError, match=saying) as refusal:
        yield
    assert refusal.value.response["Error"]["Code"] == code


# Checks of tables


def exactly_the_limit_passes(table: Table) -> None:
    limit, rivals, threads = 50, 80, 32
    # Once: botocore makes these classes when they are first asked for, for threads that ask together not the same ones.
    refused_class = table.dynamodb.exceptions.ConditionalCheckFailedException

    def passes(_: int) -> bool:
        try:
            table.update(
                "ADD taken :one",
                {":one": {"N": "1"}, ":limit": {"N": str(limit)}},
                ConditionExpression="attribute_not_exists(taken) OR taken < :limit",
            )
        except refused_class:
            return False
        return True

    with ThreadPoolExecutor(threads) as pool:
        for _ in range(2):
            table.put()
            assert list(pool.map(passes, range(rivals))).count(True) == limit


def a_refused_update_shows_the_item(table: Table) -> None:
    table.put(holder={"S": "another"})
    with pytest.raises(ClientError) as refusal:
        table.update(
            "SET holder = :me",
            {":me": {"S": "me"}},
            ConditionExpression="attribute_not_exists(holder)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert refusal.value.response.get("Item") == KEY | {"holder": {"S": "another"}}


def one_update_sees_the_item_before_it(table: Table) -> None:
    table.put(a={"N": "1"}, b={"N": "2"}, events={"L": [{"S": "x"}]}, hits={"N": "5"}, gone={"S": "was here"})
    table.update(
        "SET a = :ten + b, b = a, kept = if_not_exists(gone, :new), made = if_not_exists(kept, :new),"
        " events = list_append(events, :more) ADD hits :ten REMOVE gone",
        {":ten": {"N": "10"}, ":new": {"S": "new"}, ":more": {"L": [{"S": "y"}]}},
    )
    assert table.item() == KEY | {
        "a": {"N": "12"},
        "b": {"N": "1"},
        "kept": {"S": "was here"},
        "made": {"S": "new"},
        "events": {"L": [{"S": "x"}, {"S": "y"}]},
        "hits": {"N": "15"},
    }


def overlapping_paths_are_refused(table: Table) -> None:
    table.put(events={"L": [{"S": "x"}]})
    with refused("overlap"):
        table.update("SET events = list_append(events, :more) REMOVE events[0]", {":more": {"L": [{"S": "y"}]}})


def arithmetic_in_a_condition_is_refused(table: Table) -> None:
    table.put(a={"N": "1"})
    with refused("yntax error"):
        table.update("SET a = :n", {":n": {"N": "1"}}, ConditionExpression="a + :n > :n")


def reserved_words_are_refused_in_an_update(table: Table) -> None:
    with refused("reserved keyword: status"):
        table.update("SET status = :new", {":new": {"S": "PENDING"}})


def reserved_words_are_refused_in_a_query(table: Table) -> None:
    with refused("reserved keyword: status"):
        table.indexed(FilterExpression="status = :shard")


def a_consistent_read_of_an_index_is_refused(table: Table) -> None:
    with refused("onsistent read"):
        table.indexed(ConsistentRead=True)


def an_item_without_the_key_leaves_the_index(table: Table) -> None:
    table.put(due_shard={"S": "0"}, due_at={"N": "1"})
    assert len(table.indexed()) == 1
    table.update("REMOVE due_shard")
    assert table.indexed() == []


def a_keys_only_index_has_the_keys_only(table: Table) -> None:
    table.put(due_shard={"S": "0"}, due_at={"N": "1"}, contents={"S": "large"})
    assert table.indexed() == [KEY | {"due_shard": {"S": "0"}, "due_at": {"N": "1"}}]


def writing_outside_the_index_costs_it_nothing(table: Table) -> None:
    table.put(due_shard={"S": "0"}, due_at={"N": "1"})

    def units_of_the_index(attribute: str) -> float:
        answer = table.update(f"SET {attribute} = :n", {":n": {"N": "2"}}, ReturnConsumedCapacity="INDEXES")
        of_indexes = answer["ConsumedCapacity"].get("GlobalSecondaryIndexes", {})
        return float(of_indexes.get("due", {}).get("CapacityUnits", 0))

    assert units_of_the_index("contents") == 0
    assert units_of_the_index("due_at") == 2, "its entry is removed and written anew"


def numbers_of_38_digits_are_kept(table: Table) -> None:
    table.put(number={"N": "9" * 38})
    assert table.item()["number"] == {"N": "9" * 38}


def numbers_of_39_digits_are_refused(table: Table) -> None:
    with refused("38 (significant )?digits"):
        table.put(number={"N": "9" * 39})


def an_item_has_at_most_400_kb(table: Table) -> None:
    names_and_key = len("id" + "one" + "contents")
    table.put(contents={"S": "x" * (400 * 1024 - names_and_key)})
    with refused("tem size"):
        table.put(contents={"S": "x" * (400 * 1024 - names_and_key + 1)})


# Checks of queues


def what_is_not_deleted_comes_again(queue: Queue) -> None:
    queue.send()
    (first,) = queue.receive()
    assert queue.receive() == []
    time.sleep(SLEEP_S)
    (again,) = queue.receive()
    assert again["MessageId"] == first["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def a_receiver_changes_when_it_comes_again(queue: Queue) -> None:
    queue.send()
    queue.show_after(0, queue.receive()[0])
    (again,) = queue.receive()
    queue.show_after(30, again)
    time.sleep(SLEEP_S)
    assert queue.receive() == []


def what_was_received_too_often_is_a_dead_letter(queue: Queue) -> None:
    queue.send()
    (sent,) = queue.receive(VisibilityTimeout=0)
    queue.receive(VisibilityTimeout=0)
    assert queue.receive(dead_letters=True) == [], "it moves only when it would be received again"
    assert queue.receive() == []
    (dead,) = queue.receive(dead_letters=True)
    assert dead["MessageId"] == sent["MessageId"]
    assert dead["Attributes"]["SentTimestamp"] == sent["Attributes"]["SentTimestamp"], (
        "so it expires as if it had stayed"
    )


def a_delayed_message_comes_late(queue: Queue) -> None:
    queue.send(DelaySeconds=1)
    assert queue.receive() == []
    time.sleep(SLEEP_S)
    assert len(queue.receive()) == 1


def a_delay_over_900_s_is_refused(queue: Queue) -> None:
    with refused("DelaySeconds", "InvalidParameterValue"):
        queue.send(DelaySeconds=901)


def an_outdated_receipt_handle_is_no_error(queue: Queue) -> None:
    queue.send()
    (first,), (again,) = queue.receive(VisibilityTimeout=0), queue.receive()
    queue.delete(first)
    queue.delete(again)
    queue.delete(again)


def a_standard_queue_takes_a_message_group(queue: Queue) -> None:
    queue.send(MessageGroupId="owner")
    assert queue.receive()[0]["Attributes"]["MessageGroupId"] == "owner"


def a_batch_of_deletes_succeeds_in_part(queue: Queue) -> None:
    queue.send()
    handles = {"good": queue.receive()[0]["ReceiptHandle"], "bad": "no receipt handle"}
    entries = [{"Id": name, "ReceiptHandle": handle} for name, handle in handles.items()]
    answer = queue.sqs.delete_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["good"]
    assert [each["Id"] for each in answer["Failed"]] == ["bad"]


@dataclass(frozen=True)
class Fact(Generic[T]):
    check: Callable[[T], None]
    not_on: Mapping[str, str] = field(default_factory=dict)
    """The stand-ins that do not reproduce it, and what they do instead."""
    by_chance_on: Mapping[str, str] = field(default_factory=dict)
    """Those on which it holds at times, so that there is nothing to assert, and why."""

    def __str__(self) -> str:
        return self.check.__name__


OF_TABLES = [
    Fact(exactly_the_limit_passes, by_chance_on={"moto": "conditional writes are not atomic, more can pass"}),
    Fact(a_refused_update_shows_the_item),
    Fact(one_update_sees_the_item_before_it),
    Fact(overlapping_paths_are_refused, not_on={"moto": "takes them", "ministack": "takes them"}),
    Fact(
        arithmetic_in_a_condition_is_refused,
        not_on={"moto": "fails with an error of its own", "ministack": "takes it"},
    ),
    Fact(reserved_words_are_refused_in_an_update),
    Fact(reserved_words_are_refused_in_a_query, not_on={"ministack": "takes them"}),
    Fact(a_consistent_read_of_an_index_is_refused),
    Fact(an_item_without_the_key_leaves_the_index),
    Fact(a_keys_only_index_has_the_keys_only),
    Fact(writing_outside_the_index_costs_it_nothing, not_on={"moto": "says nothing of indexes"}),
    Fact(numbers_of_38_digits_are_kept),
    Fact(numbers_of_39_digits_are_refused, not_on={"moto": "keeps them"}),
    Fact(an_item_has_at_most_400_kb, not_on={"moto": "has 405,000 bytes at most"}),
]
OF_QUEUES = [
    Fact(what_is_not_deleted_comes_again),
    Fact(a_receiver_changes_when_it_comes_again),
    Fact(what_was_received_too_often_is_a_dead_letter),
    Fact(a_delayed_message_comes_late),
    Fact(a_delay_over_900_s_is_refused, not_on={"ministack": "takes it"}),
    Fact(an_outdated_receipt_handle_is_no_error, not_on={"ministack": "refuses it"}),
    Fact(a_standard_queue_takes_a_message_group),
    Fact(a_batch_of_deletes_succeeds_in_part),
]


@pytest.mark.parametrize("fact", OF_TABLES, ids=str)
def test_tables(stand_in: StandIn, fact: Fact[Table], record_property: Callable[[str, object], None]) -> None:
    ask(stand_in, fact, new_table(stand_in), record_property)


def new_table(stand_in: StandIn) -> Table:
    table = Table(dynamodb=stand_in.dynamodb, name=stand_in.new_name("facts"))
    stand_in.dynamodb.create_table(
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


@pytest.mark.parametrize("stand_in", ["moto", "ministack"], indirect=True)  # DynamoDB Local has no queues
@pytest.mark.parametrize("fact", OF_QUEUES, ids=str)
def test_queues(stand_in: StandIn, fact: Fact[Queue], record_property: Callable[[str, object], None]) -> None:
    url, dead_letters_url = create_queue_with_dead_letters(
        stand_in.sqs, stand_in.new_name("facts"), visibility_s=1, max_receives=2
    )
    queue = Queue(sqs=stand_in.sqs, url=url, dead_letters_url=dead_letters_url)
    ask(stand_in, fact, queue, record_property)


def ask(stand_in: StandIn, fact: Fact[T], subject: T, record_property: Callable[[str, object], None]) -> None:
    if stand_in.name in fact.by_chance_on:
        what = fact.by_chance_on[stand_in.name]
        record_property("not reproduced", f"{stand_in}: {str(fact).replace('_', ' ')} ({what})")
        return
    if stand_in.name not in fact.not_on:
        fact.check(subject)
        return
    try:
        fact.check(subject)
    except NOT_SO:
        record_property("not reproduced", f"{stand_in}: {str(fact).replace('_', ' ')} ({fact.not_on[stand_in.name]})")
        return
    pytest.fail(f"{stand_in} reproduces this now: remove it from the fact's `not_on`")
