"""The jobs table. Each transition is one conditional write."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.changes import change
from chalicelib.adapters.dynamodb.conditional import ConditionRefused, conditional_write
from chalicelib.adapters.dynamodb.due_index import due_items
from chalicelib.adapters.dynamodb.items import (
    duration_ms,
    epoch_ms,
    event_value,
    from_due_item,
    from_job_item,
    number,
    text,
    to_job_item,
)
from chalicelib.adapters.dynamodb.job_rows import batch, listed_job
from chalicelib.adapters.dynamodb.keys import DEAD_SHARD, EPOCH, due_key, job_key, shard_value
from chalicelib.domain.delivery import shard
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.jobs import DUE_TOLERANCE, Claim, Job, JobEvent, JobKey, JobStatus, Transition
from chalicelib.ports import DueJob

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.adapters.dynamodb.keys import Item

IS_NEW = "attribute_not_exists(job_id)"
"""Ids are random, so an item already there is this very job, put by a call whose response was lost."""

IS_CLAIMABLE = (
    "(#status = :pending AND #run_at_epoch_ms <= :due"
    " OR #status = :in_progress AND #lease_expires_at_epoch_ms <= :now)"
    " AND #attempt < #last_attempt AND #timeout_ms <= :time_left AND #expires_at_epoch_s > :now_s"
)
"""
`Job.is_claimable`: due, or left by an attempt whose lease ran out. Also false when there is no such item.

Where operations are paused, a claim has their names besides; see `_claimable`.
"""

CLAIMED = (
    "SET #status = :in_progress, #token = :token, #lease_expires_at_epoch_ms = :lease_base + #timeout_ms,"
    " #started_at_epoch_ms = if_not_exists(#started_at_epoch_ms, :now), #events = list_append(#events, :events)"
    " ADD #attempt :one"
)
"""`Job.claimed`. Writes no attribute of the index of due jobs, which would cost as much again."""

IS_UNCHANGED = "#status = :was_status AND #attempt = :was_attempt AND #token = :was_token"
"""
`Job.is_unchanged_since`: the fence. Every transition changes the token, so one that began from an older row, such as
the end of an attempt that lost its lease, can write nothing.
"""

IS_DUE_AS_SEEN = "#due_shard = :shard AND #due_at_epoch_ms = :seen"
"""The sweep puts off only the look that it took; a job that has since ended has none to put off, whenever it did."""


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

    def get(self, key: JobKey) -> Job | None:
        """Return the job as last written, or ``None``."""
        client = self._client()
        with unavailable_when_away("the jobs table"):
            answer = client.get_item(TableName=self._table, Key=job_key(key), ConsistentRead=True)
        item = answer.get("Item")
        return from_job_item(item) if item else None

    def get_all(self, keys: Sequence[JobKey]) -> Sequence[Job]:
        """Return the jobs there are of some keys."""
        items, _ = batch(self._client(), self._table, keys)
        read = [listed_job(item) for item in items.values()]
        return [job for job in read if job is not None]

    def claim(self, key: JobKey, claim: Claim) -> Job:
        """Begin the next attempt, or raise `ConcurrentUpdate`."""
        client = self._client()
        act = claim.act
        condition, paused = _claimable(claim)
        # The log derives the attempt of each event from the row's, which a claim does not know.
        event = JobEvent(at=act.at, transition=Transition.CLAIM, attempt=0, worker=act.worker)
        try:
            with conditional_write("jobs"):
                answer = client.update_item(
                    TableName=self._table,
                    Key=job_key(key),
                    UpdateExpression=CLAIMED,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=_names_in(CLAIMED, condition),
                    ExpressionAttributeValues={
                        ":pending": text(JobStatus.PENDING),
                        ":in_progress": text(JobStatus.IN_PROGRESS),
                        ":token": text(act.token),
                        ":due": epoch_ms(act.at + DUE_TOLERANCE),
                        ":now": epoch_ms(act.at),
                        ":now_s": number(int((act.at - EPOCH).total_seconds())),
                        ":lease_base": epoch_ms(act.at + claim.lease_margin),
                        ":time_left": duration_ms(claim.time_left),
                        ":events": {"L": [event_value(event)]},
                        ":one": number(1),
                        **paused,
                    },
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            found = _found(refused)
            if found is not None and found.token == act.token:
                return found  # our own claim, whose first response was lost
            raise ConcurrentUpdate(found) from refused
        return from_job_item(answer["Attributes"])

    def advance(self, seen: Job, to: Job) -> None:
        """Write what a transition has made of ``seen``, or raise `ConcurrentUpdate`. Sends only what has changed."""
        client = self._client()
        made = change(to_job_item(seen), to_job_item(to))
        try:
            with conditional_write("jobs"):
                client.update_item(
                    TableName=self._table,
                    Key=job_key(to.key),
                    UpdateExpression=made.update,
                    ConditionExpression=IS_UNCHANGED,
                    ExpressionAttributeNames={**made.names, **_names_in(IS_UNCHANGED)},
                    ExpressionAttributeValues=_as_seen(seen) | made.values,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            found = _found(refused)
            if found is None or found.token != to.token:
                raise ConcurrentUpdate(found) from refused
            # else our own write, whose first response was lost

    def delete(self, seen: Job) -> None:
        """Remove the row that ``seen`` was, or raise `ConcurrentUpdate`."""
        client = self._client()
        try:
            with conditional_write("jobs"):
                client.delete_item(
                    TableName=self._table,
                    Key=job_key(seen.key),
                    ConditionExpression=IS_UNCHANGED,
                    ExpressionAttributeNames=_names_in(IS_UNCHANGED),
                    ExpressionAttributeValues=_as_seen(seen),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            found = _found(refused)
            if found is not None:
                raise ConcurrentUpdate(found) from refused
            # else gone already, by our own call whose first response was lost, or by another's

    def due(self, shard: int, *, at: datetime, limit: int, after: DueJob | None = None) -> Sequence[DueJob]:
        """Return a page of one shard's due jobs."""
        return self._indexed(shard_value(shard), at, limit, after)

    def dead(self, *, at: datetime, limit: int, after: DueJob | None = None) -> Sequence[DueJob]:
        """Return a page of the dead jobs."""
        return self._indexed(DEAD_SHARD, at, limit, after)

    def look_again(self, seen: DueJob, *, at: datetime) -> None:
        """Put the sweep's next look off."""
        client = self._client()
        update = "SET #due_at_epoch_ms = :at"
        try:
            with conditional_write("jobs"):
                client.update_item(
                    TableName=self._table,
                    Key=job_key(seen.key),
                    UpdateExpression=update,
                    ConditionExpression=IS_DUE_AS_SEEN,
                    ExpressionAttributeNames=_names_in(update, IS_DUE_AS_SEEN),
                    ExpressionAttributeValues={
                        ":at": epoch_ms(at),
                        ":shard": text(shard_value(shard(seen.key.job_id))),
                        ":seen": epoch_ms(seen.due_at),
                    },
                )
        except ConditionRefused:
            return

    def _indexed(self, shard: str, at: datetime, limit: int, after: DueJob | None) -> Sequence[DueJob]:
        key = None if after is None else due_key(after, shard)
        found = due_items(self._client(), self._table, shard, at=at, limit=limit, after=key, called="jobs")
        return [from_due_item(item) for item in found]


def _claimable(claim: Claim) -> "tuple[str, Item]":
    """Return the condition of a claim, and the values that it has besides those of `IS_CLAIMABLE`."""
    if not claim.paused_operations:
        return IS_CLAIMABLE, {}
    paused = {f":paused{place}": text(name) for place, name in enumerate(sorted(claim.paused_operations))}
    return f"{IS_CLAIMABLE} AND NOT #operation IN ({', '.join(paused)})", paused


def _as_seen(seen: Job) -> "Item":
    """Return the values of `IS_UNCHANGED`."""
    return {
        ":was_status": text(seen.status),
        ":was_attempt": number(seen.attempt),
        ":was_token": text(seen.token),
    }


def _found(refused: ConditionRefused) -> Job | None:
    return from_job_item(refused.found) if refused.found else None


@lru_cache(maxsize=64)
def _names_in(*expressions: str) -> Mapping[str, str]:
    """Return the placeholders that occur, each for the attribute of its name; some are reserved words of DynamoDB."""
    words: Iterable[str] = " ".join(expressions).replace("(", " ").replace(")", " ").replace(",", " ").split()
    return {word: word[1:] for word in words if word.startswith("#")}
