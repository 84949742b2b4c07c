"""The end of a user's jobs in the jobs table."""

from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.batch_deletes import delete_all
from chalicelib.adapters.dynamodb.items import text
from chalicelib.adapters.dynamodb.transactions import Backoff
from chalicelib.domain.users import UserId

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

PAGE_ROWS = 100
"""Rows that one step removes, at most; of large ones fewer, because a Query reads no more than 1 MB."""


class DynamoDBJobEraser:
    """
    Removes jobs, final or not, expired or not; see `chalicelib.account_ports.JobEraser`.

    The deletes have no condition: they need none. No transition makes a row, so what an attempt or a sweep still writes
    to a job that is gone is refused.
    """

    def __init__(self, client: "Callable[[], DynamoDBClient]", *, table: str, backoff: Backoff) -> None:
        self._client = client
        self._table = table
        self._backoff = backoff

    def erase_some(self, owner_id: UserId) -> bool:
        """Remove up to `PAGE_ROWS` jobs of an owner; return whether there may be more."""
        client = self._client()
        with unavailable_when_away("the jobs table"):
            answer = client.query(
                TableName=self._table,
                KeyConditionExpression="owner_id = :owner_id",
                ExpressionAttributeValues={":owner_id": text(owner_id)},
                ProjectionExpression="owner_id, job_id",
                ConsistentRead=True,
                Limit=PAGE_ROWS,
            )
        delete_all(client, self._table, answer["Items"], called="jobs", backoff=self._backoff)
        return "LastEvaluatedKey" in answer
