"""
Keys of the tables of jobs and accounts, and the names of the attributes that expressions mention.

``event_keys`` has those of schedules, webhooks and counts, and no key is built anywhere else. A user's own text never
becomes part of a composed key: ids are UUIDs, a name or an address that is to be limited is a digest, and limit names
are ours, so no separator can be forged.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from chalicelib.domain.audit import EventId
from chalicelib.domain.credentials import CredentialId
from chalicelib.domain.jobs import JobKey, JobStatus
from chalicelib.domain.pauses import JobsOfOperation, SomeJobs
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.users import UserId, username_key
from chalicelib.ports import DueJob

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
