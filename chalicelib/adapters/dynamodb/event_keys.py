"""
Keys of the tables of schedules, webhooks, deliveries and counts, and the names of their attributes; see ``keys``.

Apart from those, because what runs jobs has nothing to do with any of it.
"""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.keys import EPOCH
from chalicelib.domain.job_ends import Ending
from chalicelib.domain.jobs import JobStatus
from chalicelib.domain.schedules import ScheduleKey
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import DeliveryId, DeliveryKey
from chalicelib.domain.webhooks import WebhookId
from chalicelib.event_ports import DueDelivery
from chalicelib.schedule_ports import DueSchedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from chalicelib.adapters.dynamodb.keys import Item


def schedule_key(key: ScheduleKey) -> "Item":
    """Key of a schedule: its owner, then its id."""
    return {"owner_id": {"S": key.owner_id}, "schedule_id": {"S": key.schedule_id}}


def due_schedule_key(due: DueSchedule, shard: str) -> "Item":
    """Key of one entry of the index of due schedules."""
    at_ms = (due.due_at - EPOCH) // timedelta(milliseconds=1)
    return schedule_key(due.key) | {"due_shard": {"S": shard}, "due_at_epoch_ms": {"N": str(at_ms)}}


def webhook_key(owner_id: UserId, webhook_id: WebhookId) -> "Item":
    """Key of a webhook: its owner, then its id."""
    return {"owner_id": {"S": owner_id}, "webhook_id": {"S": webhook_id}}


def slot_name(number: int) -> str:
    """Return the name of the attribute that holds a slot of a webhook."""
    return f"slot{number}"


def delivery_key(key: DeliveryKey) -> "Item":
    """Key of a delivery: its owner, then its webhook and its id, so that those of a webhook sort by time."""
    return {"owner_id": {"S": key.owner_id}, "place": {"S": delivery_place(key.webhook_id, key.delivery_id)}}


def delivery_place(webhook_id: WebhookId, delivery_id: DeliveryId) -> str:
    """Return the place of a delivery among its owner's."""
    return f"{webhook_id}#{delivery_id}"


def parsed_delivery_key(item: "Mapping[str, AttributeValueTypeDef]") -> DeliveryKey:
    """Return which delivery an item is."""
    webhook_id, _, delivery_id = item["place"]["S"].partition("#")
    return DeliveryKey(
        owner_id=UserId(item["owner_id"]["S"]),
        webhook_id=WebhookId(webhook_id),
        delivery_id=DeliveryId(delivery_id),
    )


def due_delivery_key(due: DueDelivery, shard: str) -> "Item":
    """Key of one entry of the index of due deliveries."""
    at_ms = (due.due_at - EPOCH) // timedelta(milliseconds=1)
    return delivery_key(due.key) | {"due_shard": {"S": shard}, "due_at_epoch_ms": {"N": str(at_ms)}}


def count_key(ending: Ending) -> "Item":
    """Key of a count: the day, UTC, then the time, the operation and the rest of what is counted together."""
    code = "" if ending.error_code is None else f"#{ending.error_code}"
    return {
        "day": {"S": day_text(ending.slot)},
        "slot": {"S": f"{ending.slot:%H:%M}#{ending.operation}#{ending.status}{code}"},
    }


def day_text(at: datetime) -> str:
    """Return the day of an instant, as counts have it."""
    return f"{at:%Y-%m-%d}"


def parsed_count_key(item: "Mapping[str, AttributeValueTypeDef]") -> Ending:
    """Return what an item counts."""
    time, operation, status, *code = item["slot"]["S"].split("#", 3)
    return Ending(
        slot=datetime.fromisoformat(f"{item['day']['S']}T{time}+00:00"),
        operation=operation,
        status=JobStatus(status),
        error_code=code[0] if code else None,
    )


BUCKET = "b"
"""What the names of a count's buckets begin with; the number of the bucket follows."""


_BUCKET_NAME = re.compile(rf"{BUCKET}(\d+)")


def bucket_name(bucket: int) -> str:
    """Return the name of the attribute that counts a bucket: short, as a row has many."""
    return f"{BUCKET}{bucket}"


def named_bucket(name: str) -> int | None:
    """Return the bucket that the attribute of this name counts, ``None`` if it counts none."""
    match = _BUCKET_NAME.fullmatch(name)
    return int(match[1]) if match else None
