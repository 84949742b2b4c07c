"""Reading the index ``due``, which the tables of jobs, deliveries and schedules have alike."""

from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.items import epoch_ms, text
from chalicelib.adapters.dynamodb.keys import DUE_INDEX, EPOCH

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
    since: "datetime" = EPOCH,
    newest_first: bool = False,
) -> "Sequence[Mapping[str, AttributeValueTypeDef]]":
    """
    Return at most ``limit`` entries of one shard that are due from ``since`` to ``at``; fewer are the last of them.

    The longest due come first, or with ``newest_first`` last. ``after`` is the key of the last entry of another page,
    which need not be there any more, and ``called`` the table's name in messages.

    Raises:
        Unavailable: DynamoDB does not answer.
    """
    if since > at:  # which DynamoDB calls an error
        return ()
    query: QueryInputTypeDef = {
        "TableName": table,
        "IndexName": DUE_INDEX,
        "KeyConditionExpression": "due_shard = :shard AND due_at_epoch_ms BETWEEN :since AND :at",
        "ExpressionAttributeValues": {":shard": text(shard), ":since": epoch_ms(since), ":at": epoch_ms(at)},
        "ScanIndexForward": not newest_first,
        # No index can be read consistently; what it shows is only where to look.
        "ConsistentRead": False,
        "Limit": limit,
    }
    if after is not None:
        query["ExclusiveStartKey"] = after
    with unavailable_when_away(f"the {called} table"):
        return client.query(**query)["Items"]
