"""New jobs together, with the receipt of an idempotency key: one transaction over two tables."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.items import (
    from_receipt_item,
    number,
    text,
    to_job_item,
    to_receipt_item,
)
from chalicelib.adapters.dynamodb.jobs import IS_NEW
from chalicelib.adapters.dynamodb.keys import EPOCH, receipt_key
from chalicelib.adapters.dynamodb.transactions import Backoff, Transactions
from chalicelib.domain.jobs import Job
from chalicelib.domain.receipts import Receipt
from chalicelib.domain.users import UserId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef

    Row = Mapping[str, AttributeValueTypeDef]

KEY_IS_FREE = "attribute_not_exists(key_id) OR expires_at_epoch_s <= :now_s"
"""DynamoDB deletes an expired receipt up to days late; until then it counts as gone."""

IS_LEFT_OVER = "#token = :token AND attribute_exists(leftover)"
"""Of however many that find jobs left over by one submission, one puts them: it also takes them off the receipt."""

ACTIONS_MAX = 100
"""Of one transaction. A receipt takes one of them, so that of a hundred jobs one is left over."""

LEFTOVER = "leftover"


class DynamoDBSubmissions:
    """New jobs together; see `chalicelib.ports.Submissions`."""

    def __init__(
        self,
        client: "Callable[[], DynamoDBClient]",
        *,
        jobs_table: str,
        idempotency_table: str,
        backoff: Backoff,
    ) -> None:
        self._client = client
        self._transactions = Transactions(client, backoff)
        self._jobs_table = jobs_table
        self._idempotency_table = idempotency_table

    def add(self, jobs: Sequence[Job]) -> None:
        """Store new jobs."""
        self._write([self._put_job(to_job_item(job)) for job in jobs], lambda: None)

    def find(self, owner_id: UserId, key_digest: str, *, at: datetime) -> Receipt | None:
        """Return the receipt of a key."""
        row = self._found(owner_id, key_digest, at)
        return None if row is None else self._whole(row)

    def add_once(self, jobs: Sequence[Job], receipt: Receipt) -> Receipt:
        """
        Store new jobs and their receipt, or find the receipt that stands.

        What one transaction cannot take waits in the receipt, and a second one brings it to its table. Should that not
        come about, the request is not answered, and whoever repeats it does what is left before anything else.
        """
        items = [to_job_item(job) for job in jobs]
        fitting, leftover = items[: ACTIONS_MAX - 1], items[ACTIONS_MAX - 1 :]
        row = to_receipt_item(receipt)
        if leftover:
            row[LEFTOVER] = {"L": [{"M": item} for item in leftover]}
        put_receipt: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._idempotency_table,
                "Item": row,
                "ConditionExpression": KEY_IS_FREE,
                "ExpressionAttributeValues": {":now_s": number(int((receipt.created_at - EPOCH).total_seconds()))},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        put_jobs = [self._put_job(item) for item in fitting]
        by_key = (receipt.owner_id, receipt.key_digest, receipt.created_at)
        return self._whole(self._write([put_receipt, *put_jobs], lambda: self._found(*by_key)) or row)

    def _whole(self, standing: "Row") -> Receipt:
        """Return the receipt of a row, once the jobs that it still holds are put."""
        if LEFTOVER in standing:
            self._finish(standing)
        return from_receipt_item(standing)

    def _finish(self, standing: "Row") -> None:
        """Put the jobs that a receipt still holds, unless another has just done it."""
        done: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._idempotency_table,
                "Item": {name: value for name, value in standing.items() if name != LEFTOVER},
                "ConditionExpression": IS_LEFT_OVER,
                "ExpressionAttributeNames": {"#token": "token"},
                "ExpressionAttributeValues": {":token": text(standing["token"]["S"])},
            }
        }
        self._write([done, *(self._put_job(each["M"]) for each in standing[LEFTOVER]["L"])], lambda: None)

    def _write(self, actions: "Sequence[TransactWriteItemTypeDef]", found: "Callable[[], Row | None]") -> "Row | None":
        """
        Write all of ``actions``; return ``None``, or what they were refused for: the row that the first one found.

        A refused job is one of this very act: ids are random.
        """
        return self._transactions.write(actions, table="jobs", found=found).get(0)

    def _found(self, owner_id: UserId, key_digest: str, at: datetime) -> "Row | None":
        client = self._client()
        with unavailable_when_away("the idempotency table"):
            answer = client.get_item(
                TableName=self._idempotency_table, Key=receipt_key(owner_id, key_digest), ConsistentRead=True
            )
        row = answer.get("Item")
        return row if row and not from_receipt_item(row).is_expired(at) else None

    def _put_job(self, item: "Row") -> "TransactWriteItemTypeDef":
        return {"Put": {"TableName": self._jobs_table, "Item": item, "ConditionExpression": IS_NEW}}
