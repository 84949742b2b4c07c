"""The statistics table: counts of jobs' ends, each a row that is added to and never read before."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.conditional import ConditionRefused, conditional_write
from chalicelib.adapters.dynamodb.event_keys import bucket_name, count_key, day_text, named_bucket, parsed_count_key
from chalicelib.adapters.dynamodb.items import epoch_s, number, text
from chalicelib.domain.job_ends import RETENTION, Addition, Count

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef

IS_ANOTHER_BATCH = "attribute_not_exists(last_batch) OR last_batch <> :batch"
"""
Of the batches that were added the row keeps the last, so an addition that is repeated at once changes nothing.

All batches would be ever more, and a row of more than a kilobyte costs more than one unit to write.
"""


class DynamoDBCountStore:
    """Counts; see `chalicelib.statistics_ports.CountStore`."""

    def __init__(self, client: "Callable[[], DynamoDBClient]", *, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, addition: Addition) -> bool:
        """Add to a count; false if its last addition had the same batch."""
        count = addition.count
        added = {"jobs": count.jobs} | {bucket_name(bucket): jobs for bucket, jobs in count.latencies.items()}
        values: dict[str, AttributeValueTypeDef] = {f":{name}": number(jobs) for name, jobs in added.items()}
        client = self._client()
        try:
            with conditional_write("statistics"):
                client.update_item(
                    TableName=self._table,
                    Key=count_key(count.ending),
                    UpdateExpression="SET last_batch = :batch, expires_at_epoch_s = :expires"
                    f" ADD {', '.join(f'{name} :{name}' for name in added)}",
                    ConditionExpression=IS_ANOTHER_BATCH,
                    ExpressionAttributeValues=values
                    | {":batch": text(addition.batch), ":expires": epoch_s(count.ending.slot + RETENTION)},
                )
        except ConditionRefused:
            return False
        return True

    def of_day(self, begins_at: datetime, ends_at: datetime, *, limit: int) -> Sequence[Count]:
        """Return at most so many counts of a part of a day, the newest slots first, as they were a moment ago."""
        client = self._client()
        # A slot's text goes on behind its time, so what begins at the end sorts behind it.
        end = f"{ends_at:%H:%M}" if day_text(ends_at) == day_text(begins_at) else "24:00"
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "#day = :day AND slot BETWEEN :begin AND :end",
            "ExpressionAttributeNames": {"#day": "day"},
            "ExpressionAttributeValues": {
                ":day": text(day_text(begins_at)),
                ":begin": text(f"{begins_at:%H:%M}"),
                ":end": text(end),
            },
            # Half the price, and a moment's delay is nothing beside the relay's.
            "ConsistentRead": False,
            "ScanIndexForward": False,
        }
        counts: list[Count] = []
        while True:
            query["Limit"] = limit - len(counts)
            with unavailable_when_away("the statistics table"):
                answer = client.query(**query)
            counts += [from_count_item(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer or len(counts) >= limit:
                return counts
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def from_count_item(item: "Mapping[str, AttributeValueTypeDef]") -> Count:
    """Return the count of an item."""
    return Count(
        ending=parsed_count_key(item),
        jobs=int(item["jobs"]["N"]),
        latencies={
            bucket: int(value["N"]) for name, value in item.items() if (bucket := named_bucket(name)) is not None
        },
    )
