"""
What a refused conditional write tells.

A write whose caller must tell more than yes or no asks for ``ReturnValuesOnConditionCheckFailure=ALL_OLD``. Its refusal
comes with the row as it was, and the SDK's own retry after a lost response can be told from somebody else's change.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from chalicelib.adapters.aws import unavailable_when_away

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
    from botocore.exceptions import ClientError  # noqa: PLC0415 - boto3 is loaded with the first call

    with unavailable_when_away(f"the {table} table"):
        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            found = cast("Mapping[str, AttributeValueTypeDef] | None", error.response.get("Item"))
            raise ConditionRefused(found) from error
