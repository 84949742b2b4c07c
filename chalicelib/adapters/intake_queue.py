"""The intake queue on SQS, and the queue of what was refused of it."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.domain.receipts import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

ATTRIBUTE_MAX_CHARACTERS = 1024
"""Of each attribute, so that they leave nearly all of a message's 1 MiB to the body; SQS counts both together."""

_NOT_IN_SQS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What SQS refuses in attributes and bodies (API Reference, SendMessage)."""


class SqsIntakeQueue:
    """The intake queue: a standard queue, at least once and in any order."""

    def __init__(self, client: "Callable[[], SQSClient]", *, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def return_after(self, receipt_handle: str, wait: timedelta) -> None:
        """
        Have a received message come again after ``wait``.

        Raises:
            Unavailable: SQS does not answer; the message comes again after the queue's own timeout, or after this.
        """
        client = self._client()
        with unavailable_when_away("the intake queue"):
            client.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=int(wait.total_seconds())
            )


class SqsRefusedMessages:
    """The queue of refused messages: each body as it came, and the reason in attributes."""

    def __init__(self, client: "Callable[[], SQSClient]", *, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, body: str, refusal: Refusal, *, event_id: str) -> None:
        """
        Keep a message's body with ``Code``, ``Detail``, ``EventId`` and, if one value is at fault, its ``Pointer``.

        Raises:
            Unavailable: SQS does not answer; it may have been kept all the same.
        """
        said = {"Code": refusal.code, "Detail": refusal.detail, "EventId": event_id}
        if refusal.pointer is not None:
            said["Pointer"] = refusal.pointer
        client = self._client()
        with unavailable_when_away("the queue of refused messages"):
            client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=body,
                MessageAttributes={name: _attribute(text) for name, text in said.items()},
            )


def _attribute(text: str) -> "MessageAttributeValueTypeDef":
    """Return a text as SQS takes it: what it refuses is replaced, and what is too long ends early."""
    fit = _NOT_IN_SQS.sub("\ufffd", text)
    if len(fit) > ATTRIBUTE_MAX_CHARACTERS:
        fit = f"{fit[: ATTRIBUTE_MAX_CHARACTERS - 1]}…"
    return {"DataType": "String", "StringValue": fit}
