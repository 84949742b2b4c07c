"""The schedules table. Each change is one conditional write; a due time is one transaction with its job."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

import msgspec

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.batch_deletes import delete_page
from chalicelib.adapters.dynamodb.changes import change
from chalicelib.adapters.dynamodb.conditional import ConditionRefused, conditional_write
from chalicelib.adapters.dynamodb.due_index import due_items
from chalicelib.adapters.dynamodb.event_keys import due_schedule_key, schedule_key
from chalicelib.adapters.dynamodb.items import UNREADABLE, text, to_job_item
from chalicelib.adapters.dynamodb.jobs import IS_NEW
from chalicelib.adapters.dynamodb.keys import shard_value
from chalicelib.adapters.dynamodb.schedule_items import (
    from_due_schedule_item,
    from_schedule_item,
    schedule_key_of,
    to_schedule_item,
)
from chalicelib.adapters.dynamodb.transactions import Backoff, Transactions
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.jobs import Job
from chalicelib.domain.schedules import Schedule, ScheduleId, ScheduleKey
from chalicelib.domain.users import UserId
from chalicelib.schedule_ports import DueSchedule, SchedulePage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef, TransactWriteItemTypeDef

    from chalicelib.adapters.dynamodb.keys import Item

    Row = Mapping[str, AttributeValueTypeDef]

logger = logging.getLogger(__name__)

IS_NEW_SCHEDULE = "attribute_not_exists(schedule_id)"
"""Ids are random, so an item already there is this very schedule, put by a call whose response was lost."""

IS_UNCHANGED = "#token = :was_token"
"""`Schedule.is_unchanged_since`. Each change gives the row a new token; false also when there is no such item."""


class _Update(TypedDict):
    TableName: str
    Key: "Item"
    UpdateExpression: str
    ConditionExpression: str
    ExpressionAttributeNames: Mapping[str, str]
    ExpressionAttributeValues: "Item"


class DynamoDBScheduleRepository:
    """Schedules by owner and id; see `chalicelib.schedule_ports.ScheduleRepository`."""

    def __init__(
        self, client: "Callable[[], DynamoDBClient]", *, table: str, jobs_table: str, backoff: Backoff
    ) -> None:
        self._client = client
        self._transactions = Transactions(client, backoff)
        self._backoff = backoff
        self._table = table
        self._jobs_table = jobs_table

    def add(self, schedule: Schedule) -> None:
        """Store a new schedule."""
        client = self._client()
        try:
            with conditional_write("schedules"):
                client.put_item(
                    TableName=self._table, Item=to_schedule_item(schedule), ConditionExpression=IS_NEW_SCHEDULE
                )
        except ConditionRefused:
            return

    def get(self, key: ScheduleKey) -> Schedule | None:
        """Return the schedule as last written, or ``None``."""
        client = self._client()
        with unavailable_when_away("the schedules table"):
            answer = client.get_item(TableName=self._table, Key=schedule_key(key), ConsistentRead=True)
        item = answer.get("Item")
        return from_schedule_item(item) if item else None

    def count(self, owner_id: UserId, *, at_most: int) -> int:
        """Return how many schedules an owner has, but no more than ``at_most``."""
        client = self._client()
        query = self._of_owner(owner_id) | {"Select": "COUNT"}
        counted = 0
        while True:
            query["Limit"] = at_most - counted
            with unavailable_when_away("the schedules table"):
                answer = client.query(**query)
            counted += answer["Count"]
            if counted == at_most or "LastEvaluatedKey" not in answer:
                return counted
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def page(self, owner_id: UserId, *, limit: int, after: ScheduleId | None) -> SchedulePage:
        """Return a page of an owner's schedules; DynamoDB ends one at 1 MB, so it may be short."""
        client = self._client()
        query = self._of_owner(owner_id) | {"ScanIndexForward": False, "Limit": limit}
        if after is not None:
            query["ExclusiveStartKey"] = schedule_key(ScheduleKey(owner_id=owner_id, schedule_id=after))
        with unavailable_when_away("the schedules table"):
            answer = client.query(**query)
        last = answer.get("LastEvaluatedKey")
        read = [_readable(item) for item in answer["Items"]]
        return SchedulePage(
            schedules=[schedule for schedule in read if schedule is not None],
            next_after=schedule_key_of(last).schedule_id if last else None,
        )

    def change(self, seen: Schedule, to: Schedule) -> None:
        """Write a change, or raise `ConcurrentUpdate`. Sends only what has changed."""
        client = self._client()
        try:
            with conditional_write("schedules"):
                client.update_item(**self._update(seen, to), ReturnValuesOnConditionCheckFailure="ALL_OLD")
        except ConditionRefused as refused:
            _raise_unless_done(refused.found, to)

    def fire(self, seen: Schedule, to: Schedule, job: Job) -> None:
        """Store a job and write the schedule as moved on, both or neither, or raise `ConcurrentUpdate`."""
        move: TransactWriteItemTypeDef = {
            "Update": {**self._update(seen, to), "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        }
        put: TransactWriteItemTypeDef = {
            "Put": {"TableName": self._jobs_table, "Item": to_job_item(job), "ConditionExpression": IS_NEW}
        }
        refused = self._transactions.write([move, put], table="schedules")
        if 0 in refused:
            _raise_unless_done(refused[0], to)
        elif refused:
            raise ConcurrentUpdate(seen)  # the schedule is as it was, and the job is there

    def remove(self, key: ScheduleKey) -> bool:
        """Remove a schedule; false if there was none."""
        client = self._client()
        with unavailable_when_away("the schedules table"):
            answer = client.delete_item(TableName=self._table, Key=schedule_key(key), ReturnValues="ALL_OLD")
        return bool(answer.get("Attributes"))

    def due(self, shard: int, *, at: datetime, limit: int, after: DueSchedule | None = None) -> Sequence[DueSchedule]:
        """Return a page of one shard's due schedules."""
        place = shard_value(shard)
        key = None if after is None else due_schedule_key(after, place)
        found = due_items(self._client(), self._table, place, at=at, limit=limit, after=key, called="schedules")
        return [from_due_schedule_item(item) for item in found]

    def erase_some(self, owner_id: UserId) -> bool:
        """Remove up to `batch_deletes.PAGE_ROWS` schedules of an owner; return whether there may be more."""
        return delete_page(
            self._client(), self._table, owner_id, range_key="schedule_id", called="schedules", backoff=self._backoff
        )

    def _of_owner(self, owner_id: UserId) -> "QueryInputTypeDef":
        return {
            "TableName": self._table,
            "KeyConditionExpression": "owner_id = :owner_id",
            "ExpressionAttributeValues": {":owner_id": text(owner_id)},
            "ConsistentRead": True,
        }

    def _update(self, seen: Schedule, to: Schedule) -> _Update:
        made = change(to_schedule_item(seen), to_schedule_item(to))
        return {
            "TableName": self._table,
            "Key": schedule_key(to.key),
            "UpdateExpression": made.update,
            "ConditionExpression": IS_UNCHANGED,
            "ExpressionAttributeNames": {**made.names, "#token": "token"},
            "ExpressionAttributeValues": {**made.values, ":was_token": text(seen.token)},
        }


def _raise_unless_done(found: "Row | None", to: Schedule) -> None:
    """Raise `ConcurrentUpdate`, unless the row is what was to be written, by a call whose response was lost."""
    current = from_schedule_item(found) if found else None
    if current is None or current.token != to.token:
        raise ConcurrentUpdate(current)


def _readable(item: "Row") -> Schedule | None:
    """Return the schedule of an item, ``None`` for one that cannot be shown and must not take the list with it."""
    try:
        schedule = from_schedule_item(item)
        msgspec.json.decode(schedule.data_json, type=msgspec.Raw)
        if schedule.metadata_json is not None:
            msgspec.json.decode(schedule.metadata_json, type=dict[str, str])
    except UNREADABLE as fault:
        key = {"owner_id": item["owner_id"]["S"], "schedule_id": item["schedule_id"]["S"]}
        logger.error("row of the schedules table cannot be read; lists leave it out", exc_info=fault, extra=key)  # noqa: TRY400 - it is handled, and told with its cause
        return None
    return schedule
