"""Reading the index ``due``, which the tables of jobs, deliveries and schedules have alike."""

from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.items import epoch_ms, text
from chalicelib.adapters.dynamodb.keys import DUE_INDEX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef

    from chalicelib.adapters.dynamodb.keys import Item


def due_items(  # noqa: PLR0913 - a table, and what of it
    client: "DynamoDBClient",
    table: str,
    shard: str,
    *,
    at: "datetime",
    limit: int,
    after: "Item | None",
    called: str,
) -> "Sequence[Mapping[str, AttributeValueTypeDef]]":
    """
    Return at most ``limit`` entries of one shard that are due at ``at``, the longest due first.

    ``after`` is the key of the last entry of another page, and ``called`` the table's name in messages.

    Raises:
        Unavailable: DynamoDB does not answer.
    """
    query: QueryInputTypeDef = {
        "TableName": table,
        "IndexName": DUE_INDEX,
        "KeyConditionExpression": "due_shard = :shard AND due_at_epoch_ms <= :at",
        "ExpressionAttributeValues": {":shard": text(shard), ":at": epoch_ms(at)},
        # No index can be read consistently; what it shows is only where to look.
        "ConsistentRead": False,
        "Limit": limit,
    }
    if after is not None:
        query["ExclusiveStartKey"] = after
    with unavailable_when_away(f"the {called} table"):
        return client.query(**query)["Items"]
