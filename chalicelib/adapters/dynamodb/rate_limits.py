"""The limits table: one tally a user and limit."""

from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.conditional import ConditionRefused, conditional_write
from chalicelib.adapters.dynamodb.items import epoch_s, from_tally_item, number, text
from chalicelib.adapters.dynamodb.keys import limit_key, mark_name
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.rate_limits import Limit, Taking, Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

NOT_BEGUN = "attribute_not_exists(born)"
"""Of simultaneous takings one begins the tally, and the others are refused and told of it."""

HAS_ROOM = "born = :born AND taken <= :highest AND ticket <> :ticket"
"""
The tally is the one that was seen, and has room.

DynamoDB evaluates and counts in one step, so simultaneous requests cannot pass together. The SDK's own retry after a
lost response carries the same ticket, so it does not count again.
"""


class DynamoDBRateLimitStore:
    """Tallies; see `chalicelib.ports.RateLimitStore`."""

    def __init__(self, client: "Callable[[], DynamoDBClient]", *, table: str) -> None:
        self._client = client
        self._table = table

    def take(self, holder: str, limit: Limit, taking: Taking) -> Tally:
        """Take permits, or raise `ConcurrentUpdate`."""
        mark = mark_name(taking.interval)
        values: dict[str, AttributeValueTypeDef] = {
            ":permits": number(taking.permits),
            ":ticket": text(taking.ticket),
            ":expires": epoch_s(limit.forgotten_at(taking.interval)),
        }
        if taking.born is None:
            condition = NOT_BEGUN
            update = f"SET born = :ticket, {mark} = :nothing"
            values[":nothing"] = number(0)
        else:
            condition = HAS_ROOM
            update = f"SET {mark} = if_not_exists({mark}, taken)"
            values |= {":born": text(taking.born), ":highest": number(taking.highest)}
        update += ", ticket = :ticket, expires_at_epoch_s = :expires ADD taken :permits"
        if taking.old_marks:
            update += " REMOVE " + ", ".join(mark_name(old) for old in taking.old_marks)
        client = self._client()
        try:
            with conditional_write("limits"):
                answer = client.update_item(
                    TableName=self._table,
                    Key=limit_key(holder, limit),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            if not refused.found:
                raise ConcurrentUpdate(None) from refused
            tally = from_tally_item(refused.found)
            if refused.found["ticket"] == text(taking.ticket):
                return tally  # our own taking, whose first response was lost
            raise ConcurrentUpdate(tally) from refused
        return from_tally_item(answer["Attributes"])

    def get(self, holder: str, limit: Limit) -> Tally | None:
        """Return the tally as last written, or ``None``."""
        client = self._client()
        with unavailable_when_away("the limits table"):
            answer = client.get_item(TableName=self._table, Key=limit_key(holder, limit), ConsistentRead=True)
        item = answer.get("Item")
        return from_tally_item(item) if item else None
