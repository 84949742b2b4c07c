"""The audit table: events by whom they concern, the newest first."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.account_ports import AuditPage
from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.account_items import from_event_item, to_event_item
from chalicelib.adapters.dynamodb.items import text
from chalicelib.adapters.dynamodb.keys import event_key
from chalicelib.domain.audit import AuditEvent, EventId

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

IS_NEW = "attribute_not_exists(event_id)"
"""
An event has an id of its own, and is written together with what it tells of.

So a transaction that finds its event there was done before, and is repeated because its response was lost.
"""


class DynamoDBAuditTrail:
    """Audit events; see `chalicelib.account_ports.AuditTrail`."""

    def __init__(self, client: "Callable[[], DynamoDBClient]", *, table: str, retention: timedelta) -> None:
        self._client = client
        self._table = table
        self._retention = retention

    def record(self, event: AuditEvent) -> None:
        """Store an event by itself; the same again writes the same row."""
        client = self._client()
        with unavailable_when_away("the audit table"):
            client.put_item(TableName=self._table, Item=to_event_item(event, retention=self._retention))

    def page(self, subject: str, *, at: datetime, limit: int, after: EventId | None) -> AuditPage:
        """Return a page of events. DynamoDB deletes those whose retention is over up to days late."""
        client = self._client()
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "subject = :subject",
            "ExpressionAttributeValues": {":subject": text(subject)},
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": limit,
        }
        if after is not None:
            query["ExclusiveStartKey"] = event_key(subject, after)
        with unavailable_when_away("the audit table"):
            answer = client.query(**query)
        found = [from_event_item(item) for item in answer["Items"]]
        events = [event for event in found if at < event.at + self._retention]
        last = answer.get("LastEvaluatedKey")
        # Ids sort by time: behind an event whose retention is over there is none to show.
        is_end = last is None or len(events) < len(found)
        return AuditPage(events=events, next_after=None if is_end or last is None else EventId(last["event_id"]["S"]))

    def put(self, event: AuditEvent) -> "TransactWriteItemTypeDef":
        """Return the action that stores an event in the transaction that does what it tells of, under `IS_NEW`."""
        return {
            "Put": {
                "TableName": self._table,
                "Item": to_event_item(event, retention=self._retention),
                "ConditionExpression": IS_NEW,
            }
        }
