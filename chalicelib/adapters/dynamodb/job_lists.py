"""
Lists of the jobs table: bounded work a page, however many jobs the owner has.

A list of FAILED or CANCELLED jobs finds their keys in the index, then reads the rows; any other reads the owner's rows,
newest first, and passes over those that do not match.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.items import text
from chalicelib.adapters.dynamodb.job_rows import (
    BATCH_ROWS,
    EVALUATED_MAX,
    FIRST_BATCH_ROWS,
    READ_MAX_BYTES,
    batch,
    listed_job,
    size_bytes,
)
from chalicelib.adapters.dynamodb.keys import INDEXED_STATUSES, OWNER_STATUS_INDEX, owner_status
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_filters import IdRange, JobFilter
from chalicelib.domain.jobs import Job, JobId, JobKey
from chalicelib.domain.users import UserId
from chalicelib.ports import JobPage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef

    from chalicelib.adapters.dynamodb.keys import Item

EVALUATED_MIN = 20
"""Rows that the first Query of a filtered page looks at, however few jobs it may have; so there are few Queries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """Ids newest first, each with its job unless that is gone or unreadable; ``next_after`` as in `JobPage`."""

    jobs: Sequence[tuple[JobId, Job | None]]
    next_after: JobId | None
    size_bytes: int = 0


class DynamoDBJobLists:
    """The jobs of one owner; see `chalicelib.ports.JobLists`."""

    def __init__(self, client: "Callable[[], DynamoDBClient]", *, table: str) -> None:
        self._client = client
        self._table = table

    def page(self, owner_id: UserId, wanted: JobFilter, *, limit: int, after: JobId | None) -> JobPage:
        """Return a page of the owner's jobs; ``limit`` is below `EVALUATED_MAX`."""
        ids = wanted.ids if after is None else wanted.ids.older_than(after)
        found: list[Job] = []
        next_after = None
        left_bytes = READ_MAX_BYTES
        for rows in _goes(max(limit, EVALUATED_MIN) if wanted.is_selective else limit):
            stretch = self._stretch(owner_id, wanted, ids, rows, left_bytes)
            next_after = stretch.next_after
            left_bytes -= stretch.size_bytes
            for job_id, job in stretch.jobs:
                if job is not None and wanted.matches(job):
                    found.append(job)
                if len(found) == limit:
                    is_last = job_id == stretch.jobs[-1][0]
                    return JobPage(jobs=found, next_after=next_after if is_last else job_id)
            if next_after is None or left_bytes <= 0 or not wanted.is_selective:
                break
            ids = ids.older_than(next_after)
        return JobPage(jobs=found, next_after=next_after)

    def _stretch(self, owner_id: UserId, wanted: JobFilter, ids: IdRange, rows: int, left_bytes: int) -> _Stretch:
        if ids.is_empty:  # which DynamoDB calls an error
            return _Stretch(jobs=(), next_after=None)
        if wanted.status in INDEXED_STATUSES:
            partition = owner_status(owner_id, wanted.status)
            # No index can be read consistently; what it shows is only where to look.
            query = self._query("owner_status", partition, ids, rows) | {"IndexName": OWNER_STATUS_INDEX}
            entries, next_after = self._queried(query)
            return self._rows(owner_id, [_id_of(entry) for entry in entries], next_after, left_bytes)
        query = self._query("owner_id", owner_id, ids, rows) | {"ConsistentRead": True}
        items, next_after = self._queried(query)
        jobs = [(_id_of(item), listed_job(item)) for item in items]
        return _Stretch(jobs=jobs, next_after=next_after, size_bytes=sum(map(size_bytes, items)))

    def _query(self, hash_name: str, partition: str, ids: IdRange, rows: int) -> "QueryInputTypeDef":
        return {
            "TableName": self._table,
            "KeyConditionExpression": f"{hash_name} = :partition AND job_id BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":partition": text(partition),
                ":first": text(ids.first),
                ":last": text(ids.last),
            },
            "ScanIndexForward": False,
            "ConsistentRead": False,
            "Limit": rows,
        }

    def _queried(self, query: "QueryInputTypeDef") -> "tuple[Sequence[Item], JobId | None]":
        client = self._client()
        with unavailable_when_away("the jobs table"):
            answer = client.query(**query)
        last = answer.get("LastEvaluatedKey")
        return answer["Items"], _id_of(last) if last else None

    def _rows(self, owner_id: UserId, ids: Sequence[JobId], next_after: JobId | None, left_bytes: int) -> _Stretch:
        """Return the rows of the keys that the index has, until ``left_bytes`` are used up."""
        jobs: list[tuple[JobId, Job | None]] = []
        read_bytes = 0
        for part in _batches([JobKey(owner_id=owner_id, job_id=job_id) for job_id in ids]):
            items, unread = batch(self._client(), self._table, part)
            for key in part:
                if key in unread or read_bytes > left_bytes:
                    if not jobs:
                        detail = "the jobs table does not answer"
                        raise Unavailable(detail)
                    return _Stretch(jobs=jobs, next_after=jobs[-1][0], size_bytes=read_bytes)
                item = items.get(key)
                jobs.append((key.job_id, None if item is None else listed_job(item)))
                read_bytes += 0 if item is None else size_bytes(item)
        return _Stretch(jobs=jobs, next_after=next_after, size_bytes=read_bytes)


def _goes(limit: int) -> Iterator[int]:
    """
    Yield how many rows each Query of a page reads, `EVALUATED_MAX` together.

    First as many as the page may have jobs, then twice as many each time: the one job that is missing should not cost
    as much as all.

    >>> list(_goes(20)), list(_goes(100))
    ([20, 40, 80, 60], [100, 100])
    """
    left = EVALUATED_MAX
    rows = limit
    while left > 0:
        yield min(rows, left)
        left -= rows
        rows *= 2


def _batches(keys: Sequence[JobKey]) -> Iterator[Sequence[JobKey]]:
    begin, rows = 0, FIRST_BATCH_ROWS
    while begin < len(keys):
        yield keys[begin : begin + rows]
        begin, rows = begin + rows, BATCH_ROWS


def _id_of(item: "Mapping[str, AttributeValueTypeDef]") -> JobId:
    return JobId(item["job_id"]["S"])
