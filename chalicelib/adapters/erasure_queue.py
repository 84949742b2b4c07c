"""
The queue of erasures on SQS, and the form of its messages.

The form changes by the rule of `chalicelib.adapters.sqs`, so that an update loses no order.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from chalicelib.account_ports import Erasure
from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.sqs import Id, Version, foreign
from chalicelib.domain.users import UserId, is_username

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient


class ErasureMessage(msgspec.Struct, frozen=True):
    """Body of a message: whose account ends, and the name it had."""

    user_id: Id
    username: str
    version: Version = 1


def to_body(erasure: Erasure) -> str:
    """Return the message body for an order."""
    return msgspec.json.encode(ErasureMessage(user_id=erasure.user_id, username=erasure.username)).decode()


def from_body(body: str) -> Erasure:
    """
    Return the order that a message body gives.

    Raises:
        ForeignMessage: The body is not an `ErasureMessage`, or nobody can have that name.
    """
    try:
        message = msgspec.json.decode(body, type=ErasureMessage)
    except msgspec.DecodeError as other:
        raise foreign(body) from other
    if not is_username(message.username):
        raise foreign(body)
    return Erasure(user_id=UserId(message.user_id), username=message.username)


class SqsErasureQueue:
    """The queue of erasures: a standard queue, at least once and in any order."""

    def __init__(self, client: "Callable[[], SQSClient]", *, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, erasure: Erasure, *, delay: timedelta = timedelta()) -> None:
        """
        Send an order, to arrive after ``delay``.

        Raises:
            Unavailable: SQS does not answer; the message may have been sent all the same.
        """
        client = self._client()
        with unavailable_when_away("the erasure queue"):
            client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=to_body(erasure),
                DelaySeconds=int(delay.total_seconds()),
            )
