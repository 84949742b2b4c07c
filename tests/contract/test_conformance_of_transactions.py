"""What the product relies on in DynamoDB's transactions."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.contract.conformance import AWS, KEY, STAND_INS, Fact, Subject, Table, ask, refused

ASKED = (*STAND_INS, AWS)
IS_NEW = "attribute_not_exists(id)"


def put(table: Table, name: str, condition: str = IS_NEW, **attributes: Any) -> Any:
    return {
        "Put": {
            "TableName": table.name,
            "Item": {"id": {"S": name}} | attributes,
            "ConditionExpression": condition,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def write(table: Table, *actions: Any, **arguments: Any) -> Any:
    return table.dynamodb.transact_write_items(TransactItems=list(actions), **arguments)


def one_refusal_undoes_all_and_is_told_in_its_place_with_the_item(table: Table) -> None:
    table.put(holder={"S": "another"})
    with pytest.raises(ClientError) as cancelled:
        write(table, put(table, "two"), put(table, "one"), put(table, "three"))
    assert cancelled.value.response["Error"]["Code"] == "TransactionCanceledException"
    reasons: Any = cancelled.value.response.get("CancellationReasons", [])
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed", "None"]
    assert reasons[1]["Item"] == KEY | {"holder": {"S": "another"}}
    assert table.names() == {"one"}


def every_refusal_is_told_in_its_place_with_the_item(table: Table) -> None:
    table.put(holder={"S": "another"})
    gone = {
        "Delete": {"TableName": table.name, "Key": {"id": {"S": "two"}}, "ConditionExpression": "attribute_exists(id)"}
    }
    with pytest.raises(ClientError) as cancelled:
        write(table, gone, put(table, "three"), put(table, "one"))
    reasons: Any = cancelled.value.response.get("CancellationReasons", [])
    assert [reason["Code"] for reason in reasons] == ["ConditionalCheckFailed", "None", "ConditionalCheckFailed"]
    assert [reason.get("Item") for reason in reasons] == [None, None, KEY | {"holder": {"S": "another"}}]
    assert table.names() == {"one"}


def a_check_writes_nothing_and_undoes_all_when_it_is_refused(table: Table) -> None:
    def check(holder: str) -> Any:
        return {
            "ConditionCheck": {
                "TableName": table.name,
                "Key": KEY,
                "ConditionExpression": "holder = :holder",
                "ExpressionAttributeValues": {":holder": {"S": holder}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    table.put(holder={"S": "me"})
    write(table, check("me"), put(table, "two"))
    with pytest.raises(ClientError) as cancelled:
        write(table, check("another"), put(table, "three"))
    reasons: Any = cancelled.value.response.get("CancellationReasons", [])
    assert reasons[0]["Item"] == table.item() == KEY | {"holder": {"S": "me"}}
    assert table.names() == {"one", "two"}


def a_hundred_actions_are_done_and_no_more(table: Table) -> None:
    write(table, *[put(table, str(number)) for number in range(100)])
    assert len(table.names()) == 100
    with refused("100"):
        write(table, *[put(table, str(number)) for number in range(200, 301)])


def the_same_token_does_it_once(table: Table) -> None:
    token = str(uuid4())  # an account knows it for ten minutes, in whatever table
    for _ in range(2):
        write(table, put(table, "one"), ClientRequestToken=token)
    assert table.names() == {"one"}


def of_rivals_one_is_done(table: Table) -> None:
    def passes(number: int) -> bool:
        try:
            write(table, put(table, "one"), put(table, f"of {number}"))
        except table.dynamodb.exceptions.TransactionCanceledException:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(passes, range(48))).count(True) == 1
    assert len(table.names()) == 2


def a_write_in_a_transaction_costs_double(table: Table) -> None:
    alone = table.update("SET a = :n", {":n": {"N": "1"}}, ReturnConsumedCapacity="TOTAL")
    assert alone["ConsumedCapacity"]["CapacityUnits"] == 1
    answer = write(table, put(table, "two"), put(table, "three"), ReturnConsumedCapacity="TOTAL")
    assert [each["CapacityUnits"] for each in answer["ConsumedCapacity"]] == [4]


FACTS: list[Fact[Table]] = [
    Fact(one_refusal_undoes_all_and_is_told_in_its_place_with_the_item),
    Fact(every_refusal_is_told_in_its_place_with_the_item),
    Fact(a_check_writes_nothing_and_undoes_all_when_it_is_refused),
    Fact(a_hundred_actions_are_done_and_no_more),
    Fact(the_same_token_does_it_once, not_on={"moto": "forgets the token, and refuses"}),
    Fact(of_rivals_one_is_done, by_chance_on={"moto": "transactions are not atomic"}),
    Fact(a_write_in_a_transaction_costs_double, not_on={"moto": "counts other units"}),
]


def test_transactions(subject: Subject, fact: Fact[Table], record_property: Callable[[str, object], None]) -> None:
    ask(subject, fact, subject.table(), record_property)


def test_botocore_gives_each_transaction_a_token_of_its_own(subject: Subject) -> None:
    """So its second try, after a lost answer, is the same transaction."""
    tokens: list[str] = []
    table = subject.table()
    table.dynamodb.meta.events.register(
        "before-call.dynamodb.TransactWriteItems", lambda params, **_: tokens.append(params["body"].decode())
    )
    write(table, put(table, "one"))
    assert '"ClientRequestToken": "' in tokens[0]
