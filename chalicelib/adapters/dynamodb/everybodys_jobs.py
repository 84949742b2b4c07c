"""
Lists of everybody's jobs, from the index ``due``: bounded work a page, however many jobs there are.

The index has the jobs that are not final, and those that FAILED, each in several partitions. A page merges those by
time, which reads a little of each, then reads the rows that the entries lead to, and passes over what does not match.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.due_index import due_items
from chalicelib.adapters.dynamodb.items import MILLISECOND, from_due_item
from chalicelib.adapters.dynamodb.job_rows import (
    BATCH_ROWS,
    EVALUATED_MAX,
    FIRST_BATCH_ROWS,
    READ_MAX_BYTES,
    batch,
    listed_job,
    size_bytes,
)
from chalicelib.adapters.dynamodb.keys import DEAD_SHARD, EPOCH, due_key, failed_shard, shard_value
from chalicelib.domain.delivery import SHARDS
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.job_places import Place, parsed_place
from chalicelib.domain.jobs import JobKey, JobStatus
from chalicelib.ports import DueJob, FoundJob, FoundPage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ENTRIES = 25
"""Entries of a partition read at once: an eighth of what a page looks at, and of 4 KB, which is half a read unit."""

EVER = EPOCH + timedelta(days=365 * 200)
"""Later than any job is due."""

CLOCKS_APART = timedelta(minutes=1)
"""No entry is earlier than its job was made by more than this: one clock made the job, another may have ended it."""


class DynamoDBEverybodysJobs:
    """The jobs of all owners; see `chalicelib.ports.EverybodysJobs`."""

    def __init__(self, client: "Callable[[], DynamoDBClient]", *, table: str) -> None:
        self._client = client
        self._table = table

    def page(self, wanted: JobFilter, *, limit: int, after: str | None) -> FoundPage:
        """Return a page of everybody's jobs."""
        entries = self._merged(wanted, None if after is None else parsed_place(after))
        found: dict[JobKey, FoundJob] = {}
        last: Place | None = None
        looked_at = 0
        sizes: list[int] = []
        rows = FIRST_BATCH_ROWS
        while rows > 0 and (part := list(islice(entries, rows))):
            # The key of a job that was made at another time says so: its row need not be read.
            keys = [each.key for each in part if each.key.job_id in wanted.ids]
            items, unread = batch(self._client(), self._table, keys) if keys else ({}, set())
            sizes += map(size_bytes, items.values())
            for place in part:
                if place.key in unread:
                    if last is None:
                        detail = "the jobs table does not answer"
                        raise Unavailable(detail)
                    return _page(found, last)
                last = place
                item = items.get(place.key)
                job = None if item is None else listed_job(item)
                # The index lags behind, and while it is read a job may move on in it, so that it comes twice.
                if job is not None and wanted.matches(job) and place.key not in found:
                    found[place.key] = FoundJob(job=job, place=place.text)
                if len(found) == limit:
                    return _page(found, last)
            looked_at += len(part)
            rows = min(
                BATCH_ROWS,
                max(FIRST_BATCH_ROWS, limit - len(found)),
                EVALUATED_MAX - looked_at,
                _rows_left(sizes),
            )
        return _page(found, last if rows <= 0 else None)

    def _merged(self, wanted: JobFilter, after: Place | None) -> Iterator[Place]:
        """Yield where the index has jobs that may match, in the order of the list, read as they are asked for."""
        newest_first = wanted.status is JobStatus.FAILED
        since = max(EPOCH + CLOCKS_APART, wanted.created_after or EPOCH) - CLOCKS_APART
        walks = [
            self._partition(number, name, since, after, newest_first=newest_first)
            for number, name in _partitions(wanted).items()
        ]
        return heapq.merge(*walks, key=lambda place: (place.at, place.partition), reverse=newest_first)

    def _partition(
        self, number: int, name: str, since: datetime, after: Place | None, *, newest_first: bool
    ) -> Iterator[Place]:
        """Yield what a partition has behind a place, which need not be its own; those of one instant as they come."""
        until = EVER
        last: DueJob | None = None
        if after is not None:
            is_done_with = number > after.partition if newest_first else number < after.partition
            beyond = MILLISECOND if is_done_with else timedelta()
            if newest_first:
                until = after.at - beyond
            else:
                since = max(since, after.at + beyond)
            if number == after.partition:
                last = DueJob(key=after.key, due_at=after.at)
        while True:
            items = due_items(
                self._client(),
                self._table,
                name,
                since=since,
                at=until,
                limit=ENTRIES,
                after=None if last is None else due_key(last, name),
                called="jobs",
                newest_first=newest_first,
            )
            for item in items:
                last = from_due_item(item)
                yield Place(at=last.due_at, partition=number, key=last.key)
            if len(items) < ENTRIES:
                return


def _partitions(wanted: JobFilter) -> Mapping[int, str]:
    """Return the partitions of the index that have what is wanted, by numbers that a place can hold."""
    if wanted.status is not JobStatus.FAILED:
        return {number: shard_value(number) for number in range(SHARDS)}
    dead = {SHARDS: DEAD_SHARD}
    return dead if wanted.is_dead else dead | {number: failed_shard(number) for number in range(SHARDS)}


def _rows_left(sizes_bytes: Sequence[int]) -> int:
    """Return how many rows more, if they are as the rows so far, bring a page to `READ_MAX_BYTES`."""
    left_bytes = READ_MAX_BYTES - sum(sizes_bytes)
    if left_bytes <= 0:
        return 0
    return left_bytes * len(sizes_bytes) // max(sum(sizes_bytes), 1) + 1 if sizes_bytes else BATCH_ROWS


def _page(found: Mapping[JobKey, FoundJob], last: Place | None) -> FoundPage:
    return FoundPage(found=list(found.values()), next_after=None if last is None else last.text)
