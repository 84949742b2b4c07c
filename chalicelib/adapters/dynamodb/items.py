"""
Items as DynamoDB has them, to and from the domain.

Instants are epoch milliseconds, but for ``expires_at_epoch_s``, which DynamoDB's TTL wants in seconds. Data and results
are JSON text: DynamoDB's own numbers end at 38 digits.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.keys import job_key, user_key
from chalicelib.domain.jobs import Job, JobError, JobId, JobKey, JobStatus, Lease
from chalicelib.domain.users import User, UserId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from chalicelib.adapters.dynamodb.keys import Item

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def number(value: int) -> "AttributeValueTypeDef":
    """Return an integer as an attribute value."""
    return {"N": str(value)}


def text(value: str) -> "AttributeValueTypeDef":
    """Return a string as an attribute value."""
    return {"S": value}


def epoch_ms(at: datetime) -> "AttributeValueTypeDef":
    """Return an instant as epoch milliseconds."""
    return number((at - EPOCH) // MILLISECOND)


def epoch_s(at: datetime) -> "AttributeValueTypeDef":
    """Return an instant as epoch seconds, rounded up, so that a TTL never comes early."""
    return number(-((EPOCH - at) // timedelta(seconds=1)))


def error_value(error: JobError) -> "AttributeValueTypeDef":
    """Return a job's error as a map."""
    return {"M": {"code": text(error.code), "detail": text(error.detail)}}


def to_user_item(user: User) -> "Item":
    """Return the item of a user."""
    return user_key(user.username) | {
        "user_id": text(user.user_id),
        "username": text(user.username),
        "password_hash": text(user.password_hash),
        "created_at_epoch_ms": epoch_ms(user.created_at),
    }


def from_user_item(item: "Mapping[str, AttributeValueTypeDef]") -> User:
    """Return the user of an item."""
    return User(
        user_id=UserId(item["user_id"]["S"]),
        username=item["username"]["S"],
        password_hash=item["password_hash"]["S"],
        created_at=_instant(item["created_at_epoch_ms"]),
    )


def to_job_item(job: Job) -> "Item":
    """Return the item of a job; what it does not have yet is left out."""
    item = job_key(job.key) | {
        "operation": text(job.operation),
        "data": text(job.data_json),
        "status": text(job.status),
        "attempt": number(job.attempt),
        "max_attempts": number(job.max_attempts),
        "created_at_epoch_ms": epoch_ms(job.created_at),
        "expires_at_epoch_s": epoch_s(job.expires_at),
    }
    if job.started_at is not None:
        item["started_at_epoch_ms"] = epoch_ms(job.started_at)
    if job.finished_at is not None:
        item["finished_at_epoch_ms"] = epoch_ms(job.finished_at)
    if job.lease is not None:
        item["lease_token"] = text(job.lease.token)
        item["lease_expires_at_epoch_ms"] = epoch_ms(job.lease.expires_at)
    if job.result_json is not None:
        item["result"] = text(job.result_json)
    if job.error is not None:
        item["error"] = error_value(job.error)
    return item


def from_job_item(item: "Mapping[str, AttributeValueTypeDef]") -> Job:
    """Return the job of an item."""
    error = item["error"]["M"] if "error" in item else None
    return Job(
        key=JobKey(owner_id=UserId(item["owner_id"]["S"]), job_id=JobId(item["job_id"]["S"])),
        operation=item["operation"]["S"],
        data_json=item["data"]["S"],
        status=JobStatus(item["status"]["S"]),
        attempt=int(item["attempt"]["N"]),
        max_attempts=int(item["max_attempts"]["N"]),
        created_at=_instant(item["created_at_epoch_ms"]),
        expires_at=EPOCH + timedelta(seconds=int(item["expires_at_epoch_s"]["N"])),
        started_at=_instant(item["started_at_epoch_ms"]) if "started_at_epoch_ms" in item else None,
        finished_at=_instant(item["finished_at_epoch_ms"]) if "finished_at_epoch_ms" in item else None,
        lease=Lease(token=item["lease_token"]["S"], expires_at=_instant(item["lease_expires_at_epoch_ms"]))
        if "lease_token" in item
        else None,
        result_json=item["result"]["S"] if "result" in item else None,
        error=JobError(code=error["code"]["S"], detail=error["detail"]["S"]) if error else None,
    )


def _instant(value: "AttributeValueTypeDef") -> datetime:
    return EPOCH + int(value["N"]) * MILLISECOND
