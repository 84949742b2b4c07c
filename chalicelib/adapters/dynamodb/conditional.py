"""
What a refused conditional write tells.

A write whose caller must tell more than yes or no asks for ``ReturnValuesOnConditionCheckFailure=ALL_OLD``. Its refusal
comes with the row as it was, and the client's own retry after a lost response can be told from somebody else's change.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.aws_calls import AwsRefusal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


class ConditionRefused(Exception):
    """The condition did not hold; ``found`` is the item as it was, ``None`` when there is none."""

    def __init__(self, found: "Mapping[str, AttributeValueTypeDef] | None") -> None:
        super().__init__()
        self.found = found


@contextmanager
def conditional_write(table: str) -> Iterator[None]:
    """
    Run one conditional write to ``table``.

    Raises:
        ConditionRefused: The condition did not hold.
        Unavailable: DynamoDB does not answer; the write may have happened.
    """
    with unavailable_when_away(f"the {table} table"):
        try:
            yield
        except AwsRefusal as refusal:
            if refusal.code != "ConditionalCheckFailedException":
                raise
            found = cast("Mapping[str, AttributeValueTypeDef] | None", refusal.members.get("Item"))
            raise ConditionRefused(found) from refusal


REFUSED = "ConditionalCheckFailed"
PASSING_REASONS = frozenset(
    {"None", REFUSED, "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"}
)
"""Why a transaction may be cancelled that is as it should be; any other reason is a fault of ours."""


class TransactionCancelled(Exception):
    """
    A transaction was cancelled as a whole; nothing of it was written.

    ``refused`` has the places of the actions whose condition did not hold, each with the item that it found, if it
    asked for that and there is one. If there are none, others were at the same rows, and the same may go through in a
    moment.
    """

    def __init__(self, refused: "Mapping[int, Mapping[str, AttributeValueTypeDef] | None]") -> None:
        super().__init__()
        self.refused = refused


@contextmanager
def transaction(table: str) -> Iterator[None]:
    """
    Run one transaction, most of it in ``table``.

    The client gives it a token of its own, so that its tries after a lost response do it once.

    Raises:
        TransactionCancelled: It was not done.
        Unavailable: DynamoDB does not answer; it may have been done.
    """
    with unavailable_when_away(f"the {table} table"):
        try:
            yield
        except AwsRefusal as refusal:
            if refusal.code != "TransactionCanceledException":
                raise
            reasons = cast("Sequence[Mapping[str, Any]]", refusal.members.get("CancellationReasons") or [])
            codes = [reason.get("Code") or "None" for reason in reasons]
            if not PASSING_REASONS.issuperset(codes):
                raise
            refused = {place: reasons[place].get("Item") for place, code in enumerate(codes) if code == REFUSED}
            raise TransactionCancelled(refused) from refusal
