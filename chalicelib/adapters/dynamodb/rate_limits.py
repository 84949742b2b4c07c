"""The limits table: one counter a user, limit and window."""

from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.conditional import ConditionRefused, conditional_write
from chalicelib.adapters.dynamodb.items import epoch_s, number
from chalicelib.adapters.dynamodb.keys import limit_key
from chalicelib.domain.rate_limits import Limit, Window
from chalicelib.domain.users import UserId

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

HAS_ROOM = "attribute_not_exists(hits) OR hits <= :room"
"""DynamoDB evaluates and counts in one step, so simultaneous requests cannot pass together."""


class DynamoDBRateLimitStore:
    """Counters of requests in a window; see `chalicelib.ports.RateLimitStore`."""

    def __init__(self, client: "Callable[[], DynamoDBClient]", *, table: str) -> None:
        self._client = client
        self._table = table

    def take(self, user_id: UserId, limit: Limit, window: Window, *, permits: int = 1) -> bool:
        """Count requests, unless the quota has no room for all of them."""
        if permits > limit.quota:
            return False
        client = self._client()
        try:
            with conditional_write("limits"):
                client.update_item(
                    TableName=self._table,
                    Key=limit_key(user_id, limit, window),
                    UpdateExpression="SET expires_at_epoch_s = :expires ADD hits :permits",
                    ConditionExpression=HAS_ROOM,
                    ExpressionAttributeValues={
                        ":permits": number(permits),
                        ":room": number(limit.quota - permits),
                        ":expires": epoch_s(window.ends_at),
                    },
                )
        except ConditionRefused:
            return False
        return True
