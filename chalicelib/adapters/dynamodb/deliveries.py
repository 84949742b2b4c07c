"""The deliveries table. Each transition is one conditional write."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.batch_deletes import delete_page
from chalicelib.adapters.dynamodb.changes import change
from chalicelib.adapters.dynamodb.conditional import ConditionRefused, conditional_write
from chalicelib.adapters.dynamodb.delivery_items import from_delivery_item, from_due_delivery_item, to_delivery_item
from chalicelib.adapters.dynamodb.due_index import due_items
from chalicelib.adapters.dynamodb.event_keys import delivery_key, delivery_place, due_delivery_key, parsed_delivery_key
from chalicelib.adapters.dynamodb.items import UNREADABLE, epoch_ms, text
from chalicelib.adapters.dynamodb.job_lists import EVALUATED_MIN
from chalicelib.adapters.dynamodb.job_rows import EVALUATED_MAX
from chalicelib.adapters.dynamodb.keys import shard_value
from chalicelib.adapters.dynamodb.transactions import Backoff
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import Delivery, DeliveryId, DeliveryKey, DeliveryStatus
from chalicelib.domain.webhooks import WebhookId
from chalicelib.event_ports import DeliveryPage, DueDelivery

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef

logger = logging.getLogger(__name__)

IS_NEW = "attribute_not_exists(place)"
"""An event has one delivery to a webhook, however often it is told."""

IS_UNCHANGED = "#token = :was_token"
"""`Delivery.is_unchanged_since`: the fence. Also false when there is no such item."""

IS_DUE_AS_SEEN = "#due_at_epoch_ms = :seen"
"""The sweep puts off only the look that it took; a delivery that has since ended has none to put off."""

FIRST = DeliveryId("0")
LAST = DeliveryId("~")
"""Sort before and after every id."""


class DynamoDBDeliveryRepository:
    """Deliveries by owner, webhook and id; see `chalicelib.event_ports.DeliveryRepository`."""

    def __init__(self, client: "Callable[[], DynamoDBClient]", *, table: str, backoff: Backoff) -> None:
        self._client = client
        self._table = table
        self._backoff = backoff

    def add(self, delivery: Delivery) -> bool:
        """Store a new delivery; false if there is one."""
        client = self._client()
        try:
            with conditional_write("deliveries"):
                client.put_item(
                    TableName=self._table,
                    Item=to_delivery_item(delivery),
                    ConditionExpression=IS_NEW,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            # Our own put, whose first response was lost, has made it new all the same.
            return refused.found is not None and refused.found["token"]["S"] == delivery.token
        return True

    def get(self, key: DeliveryKey) -> Delivery | None:
        """Return the delivery as last written, or ``None``."""
        client = self._client()
        with unavailable_when_away("the deliveries table"):
            answer = client.get_item(TableName=self._table, Key=delivery_key(key), ConsistentRead=True)
        item = answer.get("Item")
        return from_delivery_item(item) if item else None

    def advance(self, seen: Delivery, to: Delivery) -> None:
        """Write what a transition has made of ``seen``, or raise `ConcurrentUpdate`. Sends only what has changed."""
        client = self._client()
        made = change(to_delivery_item(seen), to_delivery_item(to))
        try:
            with conditional_write("deliveries"):
                client.update_item(
                    TableName=self._table,
                    Key=delivery_key(to.key),
                    UpdateExpression=made.update,
                    ConditionExpression=IS_UNCHANGED,
                    ExpressionAttributeNames={**made.names, "#token": "token"},
                    ExpressionAttributeValues={**made.values, ":was_token": text(seen.token)},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            found = from_delivery_item(refused.found) if refused.found else None
            if found is None or found.token != to.token:
                raise ConcurrentUpdate(found) from refused
            # else our own write, whose first response was lost

    def due(self, shard: int, *, at: datetime, limit: int, after: DueDelivery | None = None) -> Sequence[DueDelivery]:
        """Return a page of one shard's due deliveries."""
        place = shard_value(shard)
        key = None if after is None else due_delivery_key(after, place)
        found = due_items(self._client(), self._table, place, at=at, limit=limit, after=key, called="deliveries")
        return [from_due_delivery_item(item) for item in found]

    def look_again(self, seen: DueDelivery, *, at: datetime) -> None:
        """Put the sweep's next look off."""
        client = self._client()
        try:
            with conditional_write("deliveries"):
                client.update_item(
                    TableName=self._table,
                    Key=delivery_key(seen.key),
                    UpdateExpression="SET #due_at_epoch_ms = :at",
                    ConditionExpression=IS_DUE_AS_SEEN,
                    ExpressionAttributeNames={"#due_at_epoch_ms": "due_at_epoch_ms"},
                    ExpressionAttributeValues={":at": epoch_ms(at), ":seen": epoch_ms(seen.due_at)},
                )
        except ConditionRefused:
            return

    def page(
        self,
        owner_id: UserId,
        webhook_id: WebhookId,
        *,
        status: DeliveryStatus | None,
        limit: int,
        after: DeliveryId | None,
    ) -> DeliveryPage:
        """Return a page of a webhook's deliveries, newest first; ``limit`` is at most `EVALUATED_MAX`."""
        query = self._query(owner_id, delivery_place(webhook_id, FIRST), delivery_place(webhook_id, LAST))
        query["ScanIndexForward"] = False
        if after is not None:
            key = DeliveryKey(owner_id=owner_id, webhook_id=webhook_id, delivery_id=after)
            query["ExclusiveStartKey"] = delivery_key(key)
        return self._page(query, status, limit)

    def since(
        self,
        owner_id: UserId,
        webhook_id: WebhookId,
        *,
        first: DeliveryId,
        status: DeliveryStatus | None,
        limit: int,
    ) -> DeliveryPage:
        """Return a page of a webhook's deliveries, oldest first; ``limit`` is at most `EVALUATED_MAX`."""
        query = self._query(owner_id, delivery_place(webhook_id, first), delivery_place(webhook_id, LAST))
        return self._page(query, status, limit)

    def erase_some(self, owner_id: UserId) -> bool:
        """
        Remove up to `batch_deletes.PAGE_ROWS` deliveries of an owner; return whether there may be more.

        The deletes have no condition: nothing but `add` makes a row.
        """
        return delete_page(
            self._client(), self._table, owner_id, range_key="place", called="deliveries", backoff=self._backoff
        )

    def _query(self, owner_id: UserId, first: str, last: str) -> "QueryInputTypeDef":
        return {
            "TableName": self._table,
            "KeyConditionExpression": "owner_id = :owner_id AND place BETWEEN :first AND :last",
            "ExpressionAttributeValues": {":owner_id": text(owner_id), ":first": text(first), ":last": text(last)},
            "ConsistentRead": True,
        }

    def _page(self, query: "QueryInputTypeDef", status: DeliveryStatus | None, limit: int) -> DeliveryPage:
        """Return what of the rows has the status; the query's order holds."""
        client = self._client()
        found: list[Delivery] = []
        last: Mapping[str, AttributeValueTypeDef] = {}
        goes = _goes(limit, limit) if status is None else _goes(max(limit, EVALUATED_MIN), EVALUATED_MAX)
        for rows in goes:
            with unavailable_when_away("the deliveries table"):
                answer = client.query(**query | {"Limit": rows})
            for item in answer["Items"]:
                delivery = _delivery(item)
                if delivery is None or status not in {None, delivery.status}:
                    continue
                if len(found) == limit:
                    return DeliveryPage(deliveries=found, next_after=found[-1].key.delivery_id)
                found.append(delivery)
            if "LastEvaluatedKey" not in answer:
                return DeliveryPage(deliveries=found, next_after=None)
            last = query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            if len(found) == limit:
                break
        return DeliveryPage(deliveries=found, next_after=parsed_delivery_key(last).delivery_id)


def _goes(first: int, most: int) -> Iterator[int]:
    """
    Yield how many rows each Query of a page reads, ``most`` together: so many first, then twice as many each time.

    >>> list(_goes(20, 200)), list(_goes(20, 20))
    ([20, 40, 80, 60], [20])
    """
    rows = first
    while most > 0:
        yield min(rows, most)
        most -= rows
        rows *= 2


def _delivery(item: "Mapping[str, AttributeValueTypeDef]") -> Delivery | None:
    """Return the delivery of an item, ``None`` for one that cannot be read: it must not take the whole list with it."""
    try:
        return from_delivery_item(item)
    except UNREADABLE as fault:
        key = {"owner_id": item["owner_id"]["S"], "place": item["place"]["S"]}
        logger.error("row of the deliveries table cannot be read; lists leave it out", exc_info=fault, extra=key)  # noqa: TRY400 - it is handled, and told with its cause
        return None
