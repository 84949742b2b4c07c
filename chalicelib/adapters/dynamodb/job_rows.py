"""Rows of the jobs table read for lists: many at once by their keys, and none of them can spoil the list."""

import logging
from typing import TYPE_CHECKING

import msgspec

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.items import UNREADABLE, from_job_item
from chalicelib.adapters.dynamodb.keys import job_key
from chalicelib.domain.jobs import Job, JobId, JobKey
from chalicelib.domain.users import UserId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from chalicelib.adapters.dynamodb.keys import Item

logger = logging.getLogger(__name__)

EVALUATED_MAX = 200
"""Rows that one page looks at, at most."""

FIRST_BATCH_ROWS = 8
BATCH_ROWS = 25
"""Rows read at once by their keys, fewer at first: a Query ends at 1 MB by itself, and these may each be of 400 KB."""

BATCH_TRIES = 3
"""Times that a batch is asked for what DynamoDB did not get round to."""

READ_MAX_BYTES = 1024 * 1024
"""After this much a page reads on no more, so it has 2 MB at most. Lambda can answer with 6, escapes included."""


def batch(
    client: "DynamoDBClient", table: str, keys: "Iterable[JobKey]"
) -> "tuple[Mapping[JobKey, Item], set[JobKey]]":
    """
    Return the rows that there are, and the keys that DynamoDB did not get round to.

    Raises:
        Unavailable: DynamoDB does not answer.
    """
    items: dict[JobKey, Item] = {}
    unread = list(dict.fromkeys(keys))  # each once: two requests for one row are an error
    for _ in range(BATCH_TRIES):
        asked = [job_key(key) for key in unread]
        with unavailable_when_away("the jobs table"):
            answer = client.batch_get_item(RequestItems={table: {"Keys": asked, "ConsistentRead": True}})
        items |= {key_of(item): item for item in answer["Responses"].get(table, [])}
        left = answer["UnprocessedKeys"].get(table)
        unread = [key_of(key) for key in left["Keys"]] if left else []
        if not unread:
            break
    return items, set(unread)


def listed_job(item: "Mapping[str, AttributeValueTypeDef]") -> Job | None:
    """Return the job of an item, ``None`` for one that cannot be shown: it must not take the whole list with it."""
    try:
        job = from_job_item(item)
        for json_text in (job.data_json, job.result_json):
            if json_text is not None:
                msgspec.json.decode(json_text, type=msgspec.Raw)
        if job.metadata_json is not None:
            msgspec.json.decode(job.metadata_json, type=dict[str, str])
    except UNREADABLE as fault:
        key = {"owner_id": item["owner_id"]["S"], "job_id": item["job_id"]["S"]}
        logger.error("row of the jobs table cannot be read; lists leave it out", exc_info=fault, extra=key)  # noqa: TRY400 - it is handled, and told with its cause
        return None
    return job


def key_of(item: "Mapping[str, AttributeValueTypeDef]") -> JobKey:
    """Return the key of an item, or of an entry of an index."""
    return JobKey(owner_id=UserId(item["owner_id"]["S"]), job_id=JobId(item["job_id"]["S"]))


def size_bytes(item: "Mapping[str, AttributeValueTypeDef]") -> int:
    """Return what the texts of an item take, which is nearly all of it."""
    return sum(len(value["S"].encode()) for value in item.values() if "S" in value)
