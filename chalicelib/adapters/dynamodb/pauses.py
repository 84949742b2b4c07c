"""The pauses table: a few rows in one partition, each written together with the audit events that tell of it."""

import logging
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.audit import DynamoDBAuditTrail
from chalicelib.adapters.dynamodb.items import UNREADABLE, epoch_ms, instant, text
from chalicelib.adapters.dynamodb.keys import (
    OPERATION_PAUSE,
    OWNER_PAUSE,
    PAUSES,
    owner_pause_key,
    parsed_pause_key,
    pause_key,
)
from chalicelib.adapters.dynamodb.transactions import Backoff, Transactions
from chalicelib.domain.pauses import JobPause, JobsOfOperation, JobsOfUser, SomeJobs
from chalicelib.domain.users import UserId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef

    from chalicelib.adapters.dynamodb.keys import Item
    from chalicelib.domain.audit import AuditEvent

logger = logging.getLogger(__name__)

IS_NOT_PAUSED = "attribute_not_exists(paused)"
"""Of two who pause the same jobs the first one's time and reason stand."""

IS_PAUSED = "attribute_exists(paused)"
"""Of two who resume the same jobs one is told that they are not paused."""


class DynamoDBPauseRepository:
    """All pauses; see `chalicelib.pause_ports.PauseRepository`."""

    def __init__(
        self, client: "Callable[[], DynamoDBClient]", *, table: str, audit: DynamoDBAuditTrail, backoff: Backoff
    ) -> None:
        self._client = client
        self._transactions = Transactions(client, backoff)
        self._table = table
        self._audit = audit

    def all(self) -> "Sequence[JobPause]":
        """Return every pause; they are so few that one Query has them all."""
        client = self._client()
        with unavailable_when_away("the pauses table"):
            answer = client.query(
                TableName=self._table,
                KeyConditionExpression="part = :part",
                ExpressionAttributeValues={":part": text(PAUSES)},
                ConsistentRead=True,
            )
        read = [_readable(item) for item in answer["Items"]]
        return [pause for pause in read if pause is not None]

    def add(self, pause: JobPause, events: "Sequence[AuditEvent]") -> JobPause:
        """Store a pause with its events, unless its jobs are paused; return the pause that stands."""
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._table,
                "Item": to_pause_item(pause),
                "ConditionExpression": IS_NOT_PAUSED,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        puts = [self._audit.put(event) for event in events]
        found = self._transactions.write([put, *puts], table="pauses").get(0)
        return from_pause_item(found) if found else pause

    def remove(self, jobs: SomeJobs, events: "Sequence[AuditEvent]") -> bool:
        """Remove a pause and store the events; false if there was none."""
        delete: TransactWriteItemTypeDef = {
            "Delete": {"TableName": self._table, "Key": pause_key(jobs), "ConditionExpression": IS_PAUSED}
        }
        puts = [self._audit.put(event) for event in events]
        refused = self._transactions.write([delete, *puts], table="pauses")
        # If an event is there, it was our own first call that removed the pause, and its response was lost.
        return refused.keys() != {0}

    def erase_some(self, owner_id: UserId) -> bool:
        """Remove the pause of a user's jobs; there is no more of it."""
        client = self._client()
        with unavailable_when_away("the pauses table"):
            client.delete_item(TableName=self._table, Key=owner_pause_key(owner_id))
        return False


def to_pause_item(pause: JobPause) -> "Item":
    """Return the item of a pause; what it does not have is left out."""
    item = pause_key(pause.jobs) | {"paused_at_epoch_ms": epoch_ms(pause.paused_at), "paused_by": text(pause.paused_by)}
    if isinstance(pause.jobs, JobsOfUser):
        item["username"] = text(pause.jobs.username)
    if pause.reason is not None:
        item["reason"] = text(pause.reason)
    return item


def from_pause_item(item: "Mapping[str, AttributeValueTypeDef]") -> JobPause:
    """Return the pause of an item."""
    return JobPause(
        jobs=_jobs_of(item),
        paused_at=instant(item["paused_at_epoch_ms"]),
        paused_by=item["paused_by"]["S"],
        reason=item["reason"]["S"] if "reason" in item else None,
    )


def _jobs_of(item: "Mapping[str, AttributeValueTypeDef]") -> SomeJobs:
    kind, name = parsed_pause_key(item)
    if kind == OPERATION_PAUSE:
        return JobsOfOperation(operation=name)
    if kind == OWNER_PAUSE:
        return JobsOfUser(owner_id=UserId(name), username=item["username"]["S"])
    message = f"nothing of the kind {kind} can be paused"
    raise ValueError(message)


def _readable(item: "Mapping[str, AttributeValueTypeDef]") -> JobPause | None:
    """Return the pause of an item, ``None`` for one that cannot be read and must not stop every consumer."""
    try:
        return from_pause_item(item)
    except UNREADABLE as fault:
        paused = {"paused": item["paused"]["S"]}
        logger.error("row of the pauses table cannot be read; it pauses nothing", exc_info=fault, extra=paused)  # noqa: TRY400 - it is handled, and told with its cause
        return None
