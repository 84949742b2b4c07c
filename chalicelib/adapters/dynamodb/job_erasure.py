"""The end of a user's jobs in the jobs table."""

from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.batch_deletes import delete_page
from chalicelib.adapters.dynamodb.transactions import Backoff
from chalicelib.domain.users import UserId

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDBJobEraser:
    """
    Removes jobs, final or not, expired or not; see `chalicelib.account_ports.RowEraser`.

    The deletes have no condition: they need none. No transition makes a row, so what an attempt or a sweep still writes
    to a job that is gone is refused.
    """

    def __init__(self, client: "Callable[[], DynamoDBClient]", *, table: str, backoff: Backoff) -> None:
        self._client = client
        self._table = table
        self._backoff = backoff

    def erase_some(self, owner_id: UserId) -> bool:
        """Remove up to `batch_deletes.PAGE_ROWS` jobs of an owner; return whether there may be more."""
        return delete_page(
            self._client(), self._table, owner_id, range_key="job_id", called="jobs", backoff=self._backoff
        )
