"""What Lambda hands to a function besides HTTP requests: messages, and the time that is left."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, cast

from chalicelib.consumer import Message


class LambdaContext(Protocol):
    """The part of Lambda's context object that the product uses."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how long Lambda lets this invocation run on."""
        ...


def time_left(context: object) -> Callable[[], timedelta]:
    """Return a clock of what is left to the invocation of this ``context``, as Lambda made it."""
    lambda_context = cast("LambdaContext", context)
    return lambda: timedelta(milliseconds=lambda_context.get_remaining_time_in_millis())


def messages(event: dict[str, Any]) -> Sequence[Message]:
    """Return the messages of an SQS event source mapping's event."""
    return [
        Message(
            body=record["body"],
            message_id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            sent_at=datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC),
        )
        for record in event["Records"]
    ]
