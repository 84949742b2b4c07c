"""
Keys of every table, and the names of the attributes that expressions mention.

No key is built anywhere else. A user's own text never becomes part of a composed key: ids are UUIDs and limit names are
ours, so no separator can be forged.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from chalicelib.domain.jobs import JobKey
from chalicelib.domain.rate_limits import Limit, Window
from chalicelib.domain.users import UserId, username_key
from chalicelib.ports import DueJob

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item: TypeAlias = dict[str, AttributeValueTypeDef]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def user_key(username: str) -> "Item":
    """Key of a user: the name, whatever its case."""
    return {"username_key": {"S": username_key(username)}}


def job_key(key: JobKey) -> "Item":
    """Key of a job: its owner, then its id."""
    return {"owner_id": {"S": key.owner_id}, "job_id": {"S": key.job_id}}


def limit_key(user_id: UserId, limit: Limit, window: Window) -> "Item":
    """Key of one user's counter for one window of one limit."""
    return {"counter_id": {"S": f"{user_id}#{limit.name}#{window.index}"}}


DUE_INDEX = "due"
"""Index of the jobs table: every job that is not final, by when the sweep looks at it, and the dead ones."""

DEAD_SHARD = "dead"
"""Partition of the index that holds dead jobs, by when they died."""


def shard_value(shard: int) -> str:
    """Partition of the index that holds one shard's due jobs."""
    return str(shard)


def due_key(due: DueJob, shard: str) -> "Item":
    """Key of one entry of the index."""
    at_ms = (due.due_at - EPOCH) // timedelta(milliseconds=1)
    return job_key(due.key) | {"due_shard": {"S": shard}, "due_at_epoch_ms": {"N": str(at_ms)}}
