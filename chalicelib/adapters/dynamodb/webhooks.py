"""The webhooks table: webhooks by owner and id. Each write is conditional."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.batch_deletes import delete_page
from chalicelib.adapters.dynamodb.changes import change
from chalicelib.adapters.dynamodb.conditional import ConditionRefused, conditional_write
from chalicelib.adapters.dynamodb.event_keys import slot_name, webhook_key
from chalicelib.adapters.dynamodb.items import UNREADABLE, epoch_ms, text
from chalicelib.adapters.dynamodb.transactions import Backoff
from chalicelib.adapters.dynamodb.webhook_items import (
    from_webhook_item,
    slot_value,
    to_owned_attributes,
    to_webhook_item,
)
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.users import UserId
from chalicelib.domain.webhooks import CALLBACKS, SLOTS, Disabling, Slot, Webhook, WebhookId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef

    from chalicelib.adapters.dynamodb.keys import Item

logger = logging.getLogger(__name__)

IS_NEW = "attribute_not_exists(webhook_id)"
"""Of the makers of one `CALLBACKS`, the first makes it; any other id is random, and its row this very webhook."""

IS_THERE = "attribute_exists(webhook_id)"
"""An update must not bring back a row that was removed: only `add` makes one."""

IS_UNCHANGED = "#token = :was_token"
"""
What the owner changes is written over what was read. Also false when there is no such row.

Slots and ``failing_since`` are not part of it: they change with every attempt, and leave the token as it is.
"""

IS_FREE = f"{IS_THERE} AND (attribute_not_exists(#slot) OR #slot.#until_epoch_ms <= :at)"
"""Nobody holds the slot, or whoever took it never came back. Of those who take it at once, one finds it so."""

IS_NOT_UNDER_WAY = "(attribute_not_exists({0}) OR {0}.#delivery_id <> :delivery_id OR {0}.#until_epoch_ms <= :at)"
"""Of each other slot: the delivery does not hold that one, as another message of it may, taken at the same moment."""

IS_HELD = "#slot = :slot"
"""
Whoever gives a slot back holds it, as it was taken.

Also false when it was given back, so one attempt tells of itself once, and when the webhook is gone.
"""

SUCCEEDED = "REMOVE #slot, #failing_since_epoch_ms"
FAILED = "SET #failing_since_epoch_ms = if_not_exists(#failing_since_epoch_ms, :failed_at) REMOVE #slot"
DISABLED = (
    "SET #failing_since_epoch_ms = if_not_exists(#failing_since_epoch_ms, :failed_at),"
    " #disabled_because = :because, #disabled_at_epoch_ms = :failed_at, #token = :token REMOVE #slot"
)
"""What an attempt leaves, by how it ended."""


class DynamoDBWebhookRepository:
    """Webhooks by owner and id; see `chalicelib.event_ports.WebhookRepository`."""

    def __init__(self, client: "Callable[[], DynamoDBClient]", *, table: str, backoff: Backoff) -> None:
        self._client = client
        self._table = table
        self._backoff = backoff

    def add(self, webhook: Webhook) -> Webhook:
        """Store a new webhook; return the one that stands."""
        client = self._client()
        try:
            with conditional_write("webhooks"):
                client.put_item(
                    TableName=self._table,
                    Item=to_webhook_item(webhook),
                    ConditionExpression=IS_NEW,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            return webhook if refused.found is None else from_webhook_item(refused.found)
        return webhook

    def get(self, owner_id: UserId, webhook_id: WebhookId) -> Webhook | None:
        """Return the webhook as last written, or ``None``."""
        client = self._client()
        key = webhook_key(owner_id, webhook_id)
        with unavailable_when_away("the webhooks table"):
            answer = client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        item = answer.get("Item")
        return from_webhook_item(item) if item else None

    def all_of(self, owner_id: UserId) -> Sequence[Webhook]:
        """
        Return every webhook of an owner, however many Queries it takes.

        One that this version cannot read is left out: it must not keep the others from being told.
        """
        client = self._client()
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "owner_id = :owner_id",
            "ExpressionAttributeValues": {":owner_id": text(owner_id)},
            "ConsistentRead": True,
        }
        found: list[Webhook] = []
        while True:
            with unavailable_when_away("the webhooks table"):
                answer = client.query(**query)
            found += [webhook for item in answer["Items"] if (webhook := _readable(item)) is not None]
            if not answer.get("LastEvaluatedKey"):
                return sorted(found, key=lambda each: (each.webhook_id == CALLBACKS, each.created_at, each.webhook_id))
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def change(self, seen: Webhook, to: Webhook) -> None:
        """Write what the owner has made of ``seen``, or raise `ConcurrentUpdate`. Sends only what has changed."""
        client = self._client()
        made = change(to_owned_attributes(seen), to_owned_attributes(to))
        try:
            with conditional_write("webhooks"):
                client.update_item(
                    TableName=self._table,
                    Key=webhook_key(seen.owner_id, seen.webhook_id),
                    UpdateExpression=made.update,
                    ConditionExpression=IS_UNCHANGED,
                    ExpressionAttributeNames={**made.names, "#token": "token"},
                    ExpressionAttributeValues={**made.values, ":was_token": text(seen.token)},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            found = _found(refused)
            if found is None or found.token != to.token:
                raise ConcurrentUpdate(found) from refused
            # else our own change, whose first response was lost

    def remove(self, owner_id: UserId, webhook_id: WebhookId) -> bool:
        """Remove a webhook; false if there was none, also when it is tried again after a lost response."""
        client = self._client()
        try:
            with conditional_write("webhooks"):
                client.delete_item(
                    TableName=self._table, Key=webhook_key(owner_id, webhook_id), ConditionExpression=IS_THERE
                )
        except ConditionRefused:
            return False
        return True

    def take_slot(self, webhook: Webhook, number: int, slot: Slot, *, at: datetime) -> None:
        """Have a delivery hold a slot, or raise `ConcurrentUpdate`."""
        client = self._client()
        others = {f"#{slot_name(each)}": slot_name(each) for each in range(SLOTS) if each != number}
        try:
            with conditional_write("webhooks"):
                client.update_item(
                    TableName=self._table,
                    Key=webhook_key(webhook.owner_id, webhook.webhook_id),
                    UpdateExpression="SET #slot = :slot",
                    ConditionExpression=" AND ".join([IS_FREE, *map(IS_NOT_UNDER_WAY.format, others)]),
                    ExpressionAttributeNames={
                        "#slot": slot_name(number),
                        "#until_epoch_ms": "until_epoch_ms",
                        "#delivery_id": "delivery_id",
                        **others,
                    },
                    ExpressionAttributeValues={
                        ":slot": slot_value(slot),
                        ":delivery_id": text(slot.delivery_id),
                        ":at": epoch_ms(at),
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            found = _found(refused)
            if found is None or found.slots.get(number) != slot:
                raise ConcurrentUpdate(found) from refused
            # else taken by ourselves, with a first response that was lost

    def settle(  # noqa: PLR0913 - see the protocol
        self,
        owner_id: UserId,
        webhook_id: WebhookId,
        *,
        number: int,
        slot: Slot,
        failed_at: datetime | None,
        disabling: Disabling | None = None,
    ) -> None:
        """Give a slot back with what the attempt tells of the webhook, unless it is no longer held so."""
        key = webhook_key(owner_id, webhook_id)
        names = {"#slot": slot_name(number), "#failing_since_epoch_ms": "failing_since_epoch_ms"}
        values: Item = {":slot": slot_value(slot)}
        if failed_at is None:
            self._settle(key, SUCCEEDED, IS_HELD, names, values)
            return
        values[":failed_at"] = epoch_ms(failed_at)
        if disabling is not None:
            more = {f"#{name}": name for name in ("disabled_because", "disabled_at_epoch_ms", "token")}
            told: Item = {
                ":because": text(disabling.because),
                ":token": text(disabling.token),
                ":was_token": text(disabling.seen_token),
            }
            if self._settle(key, DISABLED, f"{IS_HELD} AND {IS_UNCHANGED}", names | more, values | told):
                return
        self._settle(key, FAILED, IS_HELD, names, values)

    def _settle(self, key: "Item", update: str, condition: str, names: Mapping[str, str], values: "Item") -> bool:
        client = self._client()
        try:
            with conditional_write("webhooks"):
                client.update_item(
                    TableName=self._table,
                    Key=key,
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=values,
                )
        except ConditionRefused:
            return False
        return True

    def erase_some(self, owner_id: UserId) -> bool:
        """
        Remove up to `batch_deletes.PAGE_ROWS` webhooks of an owner; return whether there may be more.

        The deletes have no condition: nothing but `add` makes a row.
        """
        return delete_page(
            self._client(), self._table, owner_id, range_key="webhook_id", called="webhooks", backoff=self._backoff
        )


def _found(refused: ConditionRefused) -> Webhook | None:
    return from_webhook_item(refused.found) if refused.found else None


def _readable(item: "Mapping[str, AttributeValueTypeDef]") -> Webhook | None:
    try:
        return from_webhook_item(item)
    except UNREADABLE as fault:
        key = {"owner_id": item["owner_id"]["S"], "webhook_id": item["webhook_id"]["S"]}
        logger.error("row of the webhooks table cannot be read; it is told nothing", exc_info=fault, extra=key)  # noqa: TRY400 - it is handled, and told with its cause
        return None
