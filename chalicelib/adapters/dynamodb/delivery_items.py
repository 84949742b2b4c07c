"""Items of deliveries, to and from the domain; see `chalicelib.adapters.dynamodb.items` for how they may change."""

from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.event_keys import delivery_key, parsed_delivery_key
from chalicelib.adapters.dynamodb.items import MILLISECOND, duration_ms, epoch_ms, epoch_s, instant, number, text
from chalicelib.adapters.dynamodb.keys import EPOCH, shard_value
from chalicelib.domain.cloud_events import EventType
from chalicelib.domain.webhook_deliveries import Delivery, DeliveryAttempt, DeliveryStatus, shard
from chalicelib.event_ports import DueDelivery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from chalicelib.adapters.dynamodb.keys import Item


def to_delivery_item(delivery: Delivery) -> "Item":
    """Return the item of a delivery; what it does not have, or not any more, is left out."""
    item = delivery_key(delivery.key) | {
        "event_type": text(delivery.event_type),
        "body": text(delivery.body),
        "status": text(delivery.status),
        "token": text(delivery.token),
        "attempt": number(delivery.attempt),
        "last_attempt": number(delivery.last_attempt),
        "created_at_epoch_ms": epoch_ms(delivery.created_at),
        "run_at_epoch_ms": epoch_ms(delivery.run_at),
        "expires_at_epoch_s": epoch_s(delivery.expires_at),
        "attempts": {"L": [_attempt_value(attempt) for attempt in delivery.attempts]},
    }
    if delivery.due_at is not None:
        item["due_shard"] = text(shard_value(shard(delivery.key.delivery_id)))
        item["due_at_epoch_ms"] = epoch_ms(delivery.due_at)
    if delivery.url is not None:
        item["url"] = text(delivery.url)
    if delivery.reason is not None:
        item["reason"] = text(delivery.reason)
    return item


def from_delivery_item(item: "Mapping[str, AttributeValueTypeDef]") -> Delivery:
    """Return the delivery of an item."""
    return Delivery(
        key=parsed_delivery_key(item),
        event_type=EventType(item["event_type"]["S"]),
        body=item["body"]["S"],
        status=DeliveryStatus(item["status"]["S"]),
        token=item["token"]["S"],
        attempt=int(item["attempt"]["N"]),
        last_attempt=int(item["last_attempt"]["N"]),
        created_at=instant(item["created_at_epoch_ms"]),
        run_at=instant(item["run_at_epoch_ms"]),
        due_at=instant(item["due_at_epoch_ms"]) if "due_at_epoch_ms" in item else None,
        expires_at=EPOCH + timedelta(seconds=int(item["expires_at_epoch_s"]["N"])),
        url=item["url"]["S"] if "url" in item else None,
        reason=item["reason"]["S"] if "reason" in item else None,
        attempts=tuple(_attempt(value["M"]) for value in item["attempts"]["L"]),
    )


def from_due_delivery_item(item: "Mapping[str, AttributeValueTypeDef]") -> DueDelivery:
    """Return an entry of the index of due deliveries."""
    return DueDelivery(key=parsed_delivery_key(item), due_at=instant(item["due_at_epoch_ms"]))


def _attempt_value(attempt: DeliveryAttempt) -> "AttributeValueTypeDef":
    value = {"at_epoch_ms": epoch_ms(attempt.at), "duration_ms": duration_ms(attempt.duration)}
    if attempt.status_code is not None:
        value["status_code"] = number(attempt.status_code)
    if attempt.error is not None:
        value["error"] = text(attempt.error)
    return {"M": value}


def _attempt(value: "Mapping[str, AttributeValueTypeDef]") -> DeliveryAttempt:
    return DeliveryAttempt(
        at=instant(value["at_epoch_ms"]),
        duration=int(value["duration_ms"]["N"]) * MILLISECOND,
        status_code=int(value["status_code"]["N"]) if "status_code" in value else None,
        error=value["error"]["S"] if "error" in value else None,
    )
