"""Many rows of one table removed at once: by their keys, or all of one owner page by page."""

from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.items import text
from chalicelib.adapters.dynamodb.transactions import Backoff
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.users import UserId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import WriteRequestUnionTypeDef

    from chalicelib.adapters.dynamodb.keys import Item

BATCH_ROWS = 25
"""What one BatchWriteItem takes."""

PAGE_ROWS = 100
"""Rows that one step removes, at most; of large ones fewer, because a Query reads no more than 1 MB."""


def delete_all(client: "DynamoDBClient", table: str, keys: "Sequence[Item]", *, called: str, backoff: Backoff) -> None:
    """
    Remove the rows of these keys, whatever is in them, 25 a call; a row that is gone is no error.

    No key may occur twice. What DynamoDB does not get round to, because it is throttled, is asked for again.
    ``called`` is the table's name in messages.

    Raises:
        Unavailable: DynamoDB does not answer, or did not get round to all of it in any try; some rows may be gone.
    """
    for begin in range(0, len(keys), BATCH_ROWS):
        left: Sequence[WriteRequestUnionTypeDef] = [
            {"DeleteRequest": {"Key": key}} for key in keys[begin : begin + BATCH_ROWS]
        ]
        for _ in backoff.tries():
            with unavailable_when_away(f"the {called} table"):
                answer = client.batch_write_item(RequestItems={table: left})
            left = answer["UnprocessedItems"].get(table, [])
            if not left:
                break
        else:
            message = f"the {called} table is busy"
            raise Unavailable(message)


def delete_page(  # noqa: PLR0913 - a table, and what of it
    client: "DynamoDBClient", table: str, owner_id: UserId, *, range_key: str, called: str, backoff: Backoff
) -> bool:
    """
    Remove up to `PAGE_ROWS` rows of an owner from a table whose key is ``owner_id`` and ``range_key``.

    Returns:
        Whether there may be more.

    Raises:
        Unavailable: As `delete_all` does.
    """
    with unavailable_when_away(f"the {called} table"):
        answer = client.query(
            TableName=table,
            KeyConditionExpression="owner_id = :owner_id",
            ExpressionAttributeValues={":owner_id": text(owner_id)},
            ProjectionExpression=f"owner_id, {range_key}",
            ConsistentRead=True,
            Limit=PAGE_ROWS,
        )
    delete_all(client, table, answer["Items"], called=called, backoff=backoff)
    return "LastEvaluatedKey" in answer
