"""The queue of what could not be told, on SQS, where Lambda also puts the records that it has given up."""

from typing import TYPE_CHECKING

import msgspec

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.sqs import Version

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient


class RelayFailureMessage(msgspec.Struct, frozen=True):
    """Body of a message: a sequence number of the stream, and why its change was not told. A person reads it."""

    position: str
    reason: str
    version: Version = 1


class SqsRelayFailures:
    """The queue of failures: a standard queue, at least once."""

    def __init__(self, client: "Callable[[], SQSClient]", *, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, position: str, reason: str) -> None:
        """
        Keep that the change at a position of the stream could not be relayed.

        Raises:
            Unavailable: SQS does not answer; the message may have been sent all the same.
        """
        client = self._client()
        body = msgspec.json.encode(RelayFailureMessage(position=position, reason=reason)).decode()
        with unavailable_when_away("the queue of relay failures"):
            client.send_message(QueueUrl=self._queue_url, MessageBody=body)
