"""What the product relies on in DynamoDB's tables and items."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from tests.contract.conformance import AWS, KEY, STAND_INS, Fact, Subject, Table, ask, eventually, refused

ASKED = (*STAND_INS, AWS)


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


def adding_begins_at_nothing(table: Table) -> None:
    for _ in range(2):
        table.update("SET batch_id = :me ADD jobs :two, b7 :two", {":two": {"N": "2"}, ":me": {"S": "me"}})
    assert table.item() == KEY | {"jobs": {"N": "4"}, "b7": {"N": "4"}, "batch_id": {"S": "me"}}


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
    assert len(eventually(table.indexed, bool)) == 1
    table.update("REMOVE due_shard")
    assert eventually(table.indexed, lambda items: not items) == []


def a_keys_only_index_has_the_keys_only(table: Table) -> None:
    table.put(due_shard={"S": "0"}, due_at={"N": "1"}, contents={"S": "large"})
    assert eventually(table.indexed, bool) == [KEY | {"due_shard": {"S": "0"}, "due_at": {"N": "1"}}]


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


def a_protected_table_is_not_deleted(table: Table) -> None:
    table.dynamodb.update_table(TableName=table.name, DeletionProtectionEnabled=True)
    table.wait()
    try:
        with refused("protected against deletion|DeletionProtectionEnabled"):
            table.dynamodb.delete_table(TableName=table.name)
    finally:
        table.dynamodb.update_table(TableName=table.name, DeletionProtectionEnabled=False)
        table.wait()


def a_table_tells_which_attribute_ends_its_items(table: Table) -> None:
    expiry = {"Enabled": True, "AttributeName": "expires_at"}
    table.dynamodb.update_time_to_live(TableName=table.name, TimeToLiveSpecification=expiry)
    described = table.dynamodb.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    assert described["AttributeName"] == "expires_at"
    assert described["TimeToLiveStatus"] in {"ENABLING", "ENABLED"}, "which on AWS takes up to an hour"


FACTS: list[Fact[Table]] = [
    Fact(exactly_the_limit_passes, by_chance_on={"moto": "conditional writes are not atomic, more can pass"}),
    Fact(a_refused_update_shows_the_item),
    Fact(one_update_sees_the_item_before_it),
    Fact(adding_begins_at_nothing),
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
    Fact(a_protected_table_is_not_deleted),
    Fact(a_table_tells_which_attribute_ends_its_items),
]


def test_tables(subject: Subject, fact: Fact[Table], record_property: Callable[[str, object], None]) -> None:
    ask(subject, fact, subject.table(), record_property)
