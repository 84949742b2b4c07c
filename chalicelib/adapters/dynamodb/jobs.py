"""The jobs table. Each transition is one conditional write, named as in `chalicelib.domain.jobs`."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.conditional import ConditionRefused, conditional_write
from chalicelib.adapters.dynamodb.items import epoch_ms, error_value, from_job_item, number, text, to_job_item
from chalicelib.adapters.dynamodb.keys import job_key
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.jobs import Job, JobError, JobId, JobKey, JobStatus, Lease
from chalicelib.domain.users import UserId
from chalicelib.ports import JobPage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef

IS_NEW = "attribute_not_exists(job_id)"
"""Ids are random, so an item already there is this very job, put by a call whose response was lost."""

IS_UNTOUCHED = "#status = :pending AND #attempt = :zero"
"""No attempt has begun; a job that a consumer has seen is never taken back."""

IS_CLAIMABLE = (
    "(#status = :pending OR (#status = :in_progress AND #lease_expires_at <= :now)) AND #attempt < #max_attempts"
)
"""Waiting, or left by an attempt whose lease ran out; and attempts left. Also false when there is no such item."""

IS_HELD_BY_US = "#status = :in_progress AND #attempt = :attempt AND #lease_token = :token"
"""The fence: a later claim changes attempt and token, so an earlier attempt that wakes up can write nothing."""

NAMES = {
    "#attempt": "attempt",
    "#error": "error",
    "#finished_at": "finished_at_epoch_ms",
    "#lease_expires_at": "lease_expires_at_epoch_ms",
    "#lease_token": "lease_token",
    "#max_attempts": "max_attempts",
    "#result": "result",
    "#started_at": "started_at_epoch_ms",
    "#status": "status",
}
"""Placeholders for every attribute that a transition names; some are reserved words of DynamoDB."""


class DynamoDBJobRepository:
    """Jobs by owner and id; see `chalicelib.ports.JobRepository`."""

    def __init__(self, client: "Callable[[], DynamoDBClient]", *, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, job: Job) -> None:
        """Store a new job."""
        client = self._client()
        try:
            with conditional_write("jobs"):
                client.put_item(TableName=self._table, Item=to_job_item(job), ConditionExpression=IS_NEW)
        except ConditionRefused:
            return

    def withdraw(self, key: JobKey) -> None:
        """Remove a job that no consumer has touched, or raise `ConcurrentUpdate`."""
        client = self._client()
        try:
            with conditional_write("jobs"):
                client.delete_item(
                    TableName=self._table,
                    Key=job_key(key),
                    ConditionExpression=IS_UNTOUCHED,
                    ExpressionAttributeNames=_names_in(IS_UNTOUCHED),
                    ExpressionAttributeValues={":pending": text(JobStatus.PENDING), ":zero": number(0)},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            raise ConcurrentUpdate(_found(refused)) from refused

    def get(self, key: JobKey) -> Job | None:
        """Return the job as last written, or ``None``."""
        client = self._client()
        with unavailable_when_away("the jobs table"):
            answer = client.get_item(TableName=self._table, Key=job_key(key), ConsistentRead=True)
        item = answer.get("Item")
        return from_job_item(item) if item else None

    def newest(self, owner_id: UserId, *, limit: int, after: JobId | None) -> JobPage:
        """Return a page of the owner's jobs; DynamoDB also ends a page at 1 MB."""
        client = self._client()
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "owner_id = :owner",
            "ExpressionAttributeValues": {":owner": text(owner_id)},
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": limit,
        }
        if after is not None:
            query["ExclusiveStartKey"] = job_key(JobKey(owner_id=owner_id, job_id=after))
        with unavailable_when_away("the jobs table"):
            answer = client.query(**query)
        last = answer.get("LastEvaluatedKey")
        return JobPage(
            jobs=[from_job_item(item) for item in answer["Items"]],
            next_after=JobId(last["job_id"]["S"]) if last else None,
        )

    def claim(self, key: JobKey, lease: Lease, *, at: datetime) -> Job:
        """Begin the next attempt, or raise `ConcurrentUpdate`."""
        client = self._client()
        update = (
            "SET #status = :in_progress, #lease_token = :token, #lease_expires_at = :lease_expires_at,"
            " #started_at = if_not_exists(#started_at, :now) ADD #attempt :one"
        )
        try:
            with conditional_write("jobs"):
                answer = client.update_item(
                    TableName=self._table,
                    Key=job_key(key),
                    UpdateExpression=update,
                    ConditionExpression=IS_CLAIMABLE,
                    ExpressionAttributeNames=_names_in(update, IS_CLAIMABLE),
                    ExpressionAttributeValues={
                        ":pending": text(JobStatus.PENDING),
                        ":in_progress": text(JobStatus.IN_PROGRESS),
                        ":token": text(lease.token),
                        ":lease_expires_at": epoch_ms(lease.expires_at),
                        ":now": epoch_ms(at),
                        ":one": number(1),
                    },
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            found = _found(refused)
            if found is not None and found.status is JobStatus.IN_PROGRESS and found.lease == lease:
                return found  # our own claim, whose first response was lost
            raise ConcurrentUpdate(found) from refused
        return from_job_item(answer["Attributes"])

    def finish(self, job: Job, result_json: str, *, at: datetime) -> None:
        """End a job with its result, or raise `ConcurrentUpdate`."""
        self._end(job, JobStatus.SUCCESS, "#result", text(result_json), at=at)

    def fail(self, job: Job, error: JobError, *, at: datetime) -> None:
        """End a job with an error, or raise `ConcurrentUpdate`."""
        self._end(job, JobStatus.FAILED, "#error", error_value(error), at=at)

    def _end(
        self, job: Job, status: JobStatus, attribute: str, value: "AttributeValueTypeDef", *, at: datetime
    ) -> None:
        """
        Write a final state. The lease's token stays, so a repeated call after a lost response knows its own work.

        Raises:
            ConcurrentUpdate: Another attempt holds the job or has ended it.
        """
        if job.lease is None:
            raise ConcurrentUpdate(job)
        client = self._client()
        update = f"SET #status = :status, {attribute} = :value, #finished_at = :now"
        try:
            with conditional_write("jobs"):
                client.update_item(
                    TableName=self._table,
                    Key=job_key(job.key),
                    UpdateExpression=update,
                    ConditionExpression=IS_HELD_BY_US,
                    ExpressionAttributeNames=_names_in(update, IS_HELD_BY_US),
                    ExpressionAttributeValues={
                        ":in_progress": text(JobStatus.IN_PROGRESS),
                        ":attempt": number(job.attempt),
                        ":token": text(job.lease.token),
                        ":status": text(status),
                        ":value": value,
                        ":now": epoch_ms(at),
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            found = _found(refused)
            if (
                found is not None
                and found.status is status
                and found.is_held_by(attempt=job.attempt, token=job.lease.token)
            ):
                return  # our own write, whose first response was lost
            raise ConcurrentUpdate(found) from refused


def _found(refused: ConditionRefused) -> Job | None:
    return from_job_item(refused.found) if refused.found else None


def _names_in(*expressions: str) -> Mapping[str, str]:
    """Return the placeholders that occur; DynamoDB refuses unused ones."""
    return {
        placeholder: name for placeholder, name in NAMES.items() if any(placeholder in each for each in expressions)
    }
