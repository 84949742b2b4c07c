"""What the product relies on in DynamoDB's transactions, asked as in `tests.contract.test_conformance`."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import StandIn
from tests.contract.test_conformance import KEY, Fact, Table, ask, new_table, refused

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


def write(table: Table, *actions: Any, **arguments: Any) -> None:
    table.dynamodb.transact_write_items(TransactItems=list(actions), **arguments)


def names(table: Table) -> set[str]:
    return {item["id"]["S"] for item in table.dynamodb.scan(TableName=table.name)["Items"]}


def one_refusal_undoes_all_and_is_told_in_its_place_with_the_item(table: Table) -> None:
    table.put(holder={"S": "another"})
    with pytest.raises(ClientError) as cancelled:
        write(table, put(table, "two"), put(table, "one"), put(table, "three"))
    assert cancelled.value.response["Error"]["Code"] == "TransactionCanceledException"
    reasons: Any = cancelled.value.response.get("CancellationReasons", [])
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed", "None"]
    assert reasons[1]["Item"] == KEY | {"holder": {"S": "another"}}
    assert names(table) == {"one"}


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
    assert names(table) == {"one"}


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
    assert names(table) == {"one", "two"}


def a_hundred_actions_are_done_and_no_more(table: Table) -> None:
    write(table, *[put(table, str(number)) for number in range(100)])
    assert len(names(table)) == 100
    with refused("100"):
        write(table, *[put(table, str(number)) for number in range(200, 301)])


def the_same_token_does_it_once(table: Table) -> None:
    for _ in range(2):
        write(table, put(table, "one"), ClientRequestToken="token")
    assert names(table) == {"one"}


def of_rivals_one_is_done(table: Table) -> None:
    def passes(number: int) -> bool:
        try:
            write(table, put(table, "one"), put(table, f"of {number}"))
        except table.dynamodb.exceptions.TransactionCanceledException:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(passes, range(48))).count(True) == 1
    assert len(names(table)) == 2


OF_TRANSACTIONS = [
    Fact(one_refusal_undoes_all_and_is_told_in_its_place_with_the_item),
    Fact(every_refusal_is_told_in_its_place_with_the_item),
    Fact(a_check_writes_nothing_and_undoes_all_when_it_is_refused),
    Fact(a_hundred_actions_are_done_and_no_more),
    Fact(the_same_token_does_it_once, not_on={"moto": "forgets the token, and refuses"}),
    Fact(of_rivals_one_is_done, by_chance_on={"moto": "transactions are not atomic"}),
]


@pytest.mark.parametrize("fact", OF_TRANSACTIONS, ids=str)
def test_transactions(stand_in: StandIn, fact: Fact[Table], record_property: Callable[[str, object], None]) -> None:
    ask(stand_in, fact, new_table(stand_in), record_property)


def test_botocore_gives_each_transaction_a_token_of_its_own(stand_in: StandIn) -> None:
    """So its second try, after a lost answer, is the same transaction."""
    tokens: list[str] = []
    stand_in.dynamodb.meta.events.register(
        "before-call.dynamodb.TransactWriteItems", lambda params, **_: tokens.append(params["body"].decode())
    )
    table = new_table(stand_in)
    write(table, put(table, "one"))
    assert '"ClientRequestToken": "' in tokens[0]
