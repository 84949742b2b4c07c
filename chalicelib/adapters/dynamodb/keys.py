"""
Keys of every table, and the names of the attributes that expressions mention.

No key is built anywhere else. A user's own text never becomes part of a composed key: ids are UUIDs, a name or
an address that is to be limited is a digest, and limit names are ours, so no separator can be forged.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from chalicelib.domain.audit import EventId
from chalicelib.domain.credentials import CredentialId
from chalicelib.domain.job_ends import Ending
from chalicelib.domain.jobs import JobKey, JobStatus
from chalicelib.domain.pauses import JobsOfOperation, SomeJobs
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.schedules import ScheduleKey
from chalicelib.domain.users import UserId, username_key
from chalicelib.domain.webhook_deliveries import DeliveryId, DeliveryKey
from chalicelib.domain.webhooks import WebhookId
from chalicelib.event_ports import DueDelivery
from chalicelib.ports import DueJob
from chalicelib.schedule_ports import DueSchedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item: TypeAlias = dict[str, AttributeValueTypeDef]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def user_key(username: str) -> "Item":
    """Key of a user: the name, whatever its case."""
    return {"username_key": {"S": username_key(username)}}


def credential_key(user_id: UserId, credential_id: CredentialId) -> "Item":
    """Key of a session or an API key: its owner, then its id."""
    return {"user_id": {"S": user_id}, "credential_id": {"S": credential_id}}


def event_key(subject: str, event_id: EventId) -> "Item":
    """Key of an audit event: whom it concerns, then its id, which sorts by time."""
    return {"subject": {"S": subject}, "event_id": {"S": event_id}}


def job_key(key: JobKey) -> "Item":
    """Key of a job: its owner, then its id."""
    return {"owner_id": {"S": key.owner_id}, "job_id": {"S": key.job_id}}


def schedule_key(key: ScheduleKey) -> "Item":
    """Key of a schedule: its owner, then its id."""
    return {"owner_id": {"S": key.owner_id}, "schedule_id": {"S": key.schedule_id}}


def limit_key(holder: str, limit: Limit) -> "Item":
    """Key of the tally of one limit for one user, or for the digest of a name or an address."""
    return {"counter_id": {"S": f"{holder}#{limit.name}"}}


MARK = "mark"
"""What the names of a tally's marks begin with; the number of the interval follows."""


def mark_name(interval: int) -> str:
    """Return the name of the attribute that holds an interval's mark."""
    return f"{MARK}{interval}"


def marked_interval(name: str) -> int | None:
    """Return the interval whose mark is held by the attribute of this name, ``None`` if it holds none."""
    return int(name.removeprefix(MARK)) if name.startswith(MARK) else None


def receipt_key(user_id: UserId, key_digest: str) -> "Item":
    """Key of the receipt of one user's idempotency key, which is there by its digest."""
    return {"key_id": {"S": f"{user_id}#{key_digest}"}}


def parsed_receipt_key(item: "Mapping[str, AttributeValueTypeDef]") -> tuple[UserId, str]:
    """Return whose receipt an item is, and of which key's digest."""
    user_id, _, key_digest = item["key_id"]["S"].partition("#")
    return UserId(user_id), key_digest


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


def webhook_key(owner_id: UserId, webhook_id: WebhookId) -> "Item":
    """Key of a webhook: its owner, then its id."""
    return {"owner_id": {"S": owner_id}, "webhook_id": {"S": webhook_id}}


def slot_name(number: int) -> str:
    """Return the name of the attribute that holds a slot of a webhook."""
    return f"slot{number}"


DUE_INDEX = "due"
"""Index of the jobs and of the deliveries table: what is not final, by when the sweep looks; and the FAILED jobs."""

DEAD_SHARD = "dead"
"""Partition of the index that holds dead jobs, by when they died."""


def failed_shard(shard: int) -> str:
    """Partition of the index that holds one shard's FAILED jobs that are not dead, by when they failed."""
    return f"failed-{shard}"


def shard_value(shard: int) -> str:
    """Partition of the index that holds one shard's due jobs."""
    return str(shard)


def due_key(due: DueJob, shard: str) -> "Item":
    """Key of one entry of the index."""
    at_ms = (due.due_at - EPOCH) // timedelta(milliseconds=1)
    return job_key(due.key) | {"due_shard": {"S": shard}, "due_at_epoch_ms": {"N": str(at_ms)}}


def due_schedule_key(due: DueSchedule, shard: str) -> "Item":
    """Key of one entry of the index of due schedules."""
    at_ms = (due.due_at - EPOCH) // timedelta(milliseconds=1)
    return schedule_key(due.key) | {"due_shard": {"S": shard}, "due_at_epoch_ms": {"N": str(at_ms)}}


def due_delivery_key(due: DueDelivery, shard: str) -> "Item":
    """Key of one entry of the index of due deliveries."""
    at_ms = (due.due_at - EPOCH) // timedelta(milliseconds=1)
    return delivery_key(due.key) | {"due_shard": {"S": shard}, "due_at_epoch_ms": {"N": str(at_ms)}}


PAUSES = "all"
"""The one partition of the pauses table, so that one Query reads all of it."""

OPERATION_PAUSE = "operation"
OWNER_PAUSE = "owner"
"""What the sort key of a pause begins with; `#` and the operation's name or the owner's id follow."""


def pause_key(jobs: SomeJobs) -> "Item":
    """Key of the pause of some jobs."""
    return (
        _pause_key(jobs.operation, OPERATION_PAUSE)
        if isinstance(jobs, JobsOfOperation)
        else owner_pause_key(jobs.owner_id)
    )


def owner_pause_key(owner_id: UserId) -> "Item":
    """Key of the pause of a user's jobs."""
    return _pause_key(owner_id, OWNER_PAUSE)


def _pause_key(name: str, kind: str) -> "Item":
    return {"part": {"S": PAUSES}, "paused": {"S": f"{kind}#{name}"}}


def parsed_pause_key(item: "Mapping[str, AttributeValueTypeDef]") -> tuple[str, str]:
    """Return which kind of thing is paused, and its name."""
    kind, _, name = item["paused"]["S"].partition("#")
    return kind, name


OWNER_STATUS_INDEX = "owner_status"
"""Index of the jobs table: one owner's jobs of one status, for the statuses in `INDEXED_STATUSES`."""

INDEXED_STATUSES = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})
"""What is rare and looked for. An index of the others would have each successful job pay for it."""


def owner_status(owner_id: UserId, status: JobStatus) -> str:
    """Partition of the index that holds one owner's jobs of one status."""
    return f"{owner_id}#{status}"
