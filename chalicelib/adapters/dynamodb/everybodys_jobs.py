"""
Lists of everybody's jobs, from the index ``due``: bounded work a page, however many jobs there are.

The index has the jobs that are not final, and those that FAILED, each in several partitions. A page merges those by
time, which reads a little of each, then reads the rows that the entries lead to, and passes over what does not match.
"""

import heapq
from collections.abc import Callable, Iterator
from itertools import groupby, islice
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.items import epoch_ms, from_due_item, text
from chalicelib.adapters.dynamodb.job_rows import (
    BATCH_ROWS,
    EVALUATED_MAX,
    FIRST_BATCH_ROWS,
    READ_MAX_BYTES,
    batch,
    listed_job,
    size_bytes,
)
from chalicelib.adapters.dynamodb.keys import DEAD_SHARD, DUE_INDEX, failed_shard, shard_value
from chalicelib.domain.delivery import SHARDS
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.job_places import Place, instant_of, place_of
from chalicelib.domain.jobs import Job, JobKey, JobStatus
from chalicelib.ports import DueJob, FoundJob, FoundPage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

ENTRIES = 25
"""Entries of a partition read at once: an eighth of what a page looks at, and of 4 KB, which is half a read unit."""


class DynamoDBEverybodysJobs:
    """The jobs of all owners; see `chalicelib.ports.EverybodysJobs`."""

    def __init__(self, client: "Callable[[], DynamoDBClient]", *, table: str) -> None:
        self._client = client
        self._table = table

    def page(self, wanted: JobFilter, *, limit: int, after: str | None) -> FoundPage:
        """Return a page of everybody's jobs."""
        entries = self._merged(wanted, None if after is None else Place(after))
        found: dict[JobKey, FoundJob] = {}
        last: Place | None = None
        looked_at = read_bytes = 0
        while looked_at < EVALUATED_MAX:
            rows = min(BATCH_ROWS, max(FIRST_BATCH_ROWS, limit - len(found)), EVALUATED_MAX - looked_at)
            part = list(islice(entries, rows))
            items, unread = batch(self._client(), self._table, [key for _, key in part]) if part else ({}, set())
            for place, key in part:
                if key in unread or read_bytes > READ_MAX_BYTES:
                    if last is None:
                        detail = "the jobs table does not answer"
                        raise Unavailable(detail)
                    return FoundPage(found=list(found.values()), next_after=last)
                item = items.get(key)
                job: Job | None = None if item is None else listed_job(item)
                read_bytes += 0 if item is None else size_bytes(item)
                last = place
                # The index lags behind, and while it is read a job may move on in it, so that it comes twice.
                if job is not None and wanted.matches(job) and key not in found:
                    found[key] = FoundJob(job=job, place=place)
                if len(found) == limit:
                    return FoundPage(found=list(found.values()), next_after=last)
            looked_at += len(part)
            if not part:
                last = None
                break
        return FoundPage(found=list(found.values()), next_after=last)

    def _merged(self, wanted: JobFilter, after: Place | None) -> Iterator[tuple[Place, JobKey]]:
        """Yield where the index has jobs that may match, in the order of the list, read as they are asked for."""
        if wanted.status is not JobStatus.FAILED:
            due = [shard_value(number) for number in range(SHARDS)]
            return heapq.merge(*(self._partition(each, after, newest_first=False) for each in due))
        alive = [] if wanted.is_dead else [failed_shard(number) for number in range(SHARDS)]
        failed = [DEAD_SHARD, *alive]
        return heapq.merge(*(self._partition(each, after, newest_first=True) for each in failed), reverse=True)

    def _partition(self, name: str, after: Place | None, *, newest_first: bool) -> Iterator[tuple[Place, JobKey]]:
        for _, together in groupby(self._entries(name, after, newest_first), key=lambda entry: entry.due_at):
            # Entries of one millisecond come in any order, but all of them before the next.
            placed = [(place_of(entry.due_at, entry.key.job_id), entry.key) for entry in together]
            for place, key in sorted(placed, key=lambda each: each[0], reverse=newest_first):
                if after is None or (place < after if newest_first else place > after):
                    yield place, key

    def _entries(self, name: str, after: Place | None, newest_first: bool) -> Iterator[DueJob]:  # noqa: FBT001 - private, and named by its callers
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": DUE_INDEX,
            "KeyConditionExpression": "due_shard = :shard",
            "ExpressionAttributeValues": {":shard": text(name)},
            "ScanIndexForward": not newest_first,
            # No index can be read consistently; what it shows is only where to look.
            "ConsistentRead": False,
            "Limit": ENTRIES,
        }
        if after is not None:
            query["KeyConditionExpression"] = (
                f"due_shard = :shard AND due_at_epoch_ms {'<=' if newest_first else '>='} :at"
            )
            query["ExpressionAttributeValues"] = {":shard": text(name), ":at": epoch_ms(instant_of(after))}
        while True:
            with unavailable_when_away("the jobs table"):
                answer = self._client().query(**query)
            yield from map(from_due_item, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
