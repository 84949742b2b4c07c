"""Transactions that are tried again while others are at the same rows, and the waits in between."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from chalicelib.adapters.dynamodb.conditional import TransactionCancelled, transaction
from chalicelib.domain.errors import Unavailable
from chalicelib.ports import Pause, Randomness

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef

    Row: TypeAlias = Mapping[str, AttributeValueTypeDef]

TRIES = 6
WAIT_MAX = timedelta(milliseconds=50)
"""Before the second try; before each further one twice as long. A transaction takes a few hundredths of a second."""


class Backoff:
    """Waits between tries, drawn from ``randomness`` and spent in ``pause``, so that rivals do not meet again."""

    def __init__(self, *, randomness: Randomness, pause: Pause) -> None:
        self._randomness = randomness
        self._pause = pause

    def tries(self) -> Iterator[int]:
        """Yield the numbers of `TRIES` tries, from 0 on, each but the first after a wait."""
        for number in range(TRIES):
            if number:
                self._pause.sleep(self._randomness.fraction() * WAIT_MAX * 2 ** (number - 1))
            yield number


def _nothing() -> None:
    return None


class Transactions:
    """
    Writes several rows, or none.

    DynamoDB refuses a transaction when another has one of its rows at that moment. It is then tried again.
    """

    def __init__(self, client: "Callable[[], DynamoDBClient]", backoff: Backoff) -> None:
        self._client = client
        self._backoff = backoff

    def write(
        self,
        actions: "Sequence[TransactWriteItemTypeDef]",
        *,
        table: str,
        found: "Callable[[], Row | None]" = _nothing,
    ) -> "Mapping[int, Row | None]":
        """
        Write all of ``actions``, most of them in ``table``, unless a condition does not hold.

        ``found`` looks for the row of the first action after a conflict, whose winner may have written it.

        Returns:
            The places of the actions that were refused, each with the row that it found, if it asked for that and
            there is one; empty when all was written.

        Raises:
            Unavailable: DynamoDB does not answer, and it may have been done; or others were at the rows in every try.
        """
        client = self._client()
        for attempt in self._backoff.tries():
            if attempt and (row := found()):
                return {0: row}
            try:
                with transaction(table):
                    client.transact_write_items(TransactItems=actions)
            except TransactionCancelled as cancelled:
                if cancelled.refused:
                    return cancelled.refused
            else:
                return {}
        message = f"the {table} table is busy"
        raise Unavailable(message)
