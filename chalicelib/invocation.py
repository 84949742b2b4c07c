"""What Lambda hands to a function besides HTTP requests: messages, the time that is left, and the invocation's name."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, cast

from chalicelib.batches import Message
from chalicelib.observability import request_id

MODULE = "app"
"""Of the handlers, as Lambda's setting names them."""


class LambdaContext(Protocol):
    """The part of Lambda's context object that the product uses."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return how long Lambda lets this invocation run on."""
        ...


def serves_http(handler: str) -> bool:
    """
    Tell whether the process of this ``_HANDLER`` may have to answer HTTP requests: any but that of another function.

    Lambda sets that to the function's handler. It is empty where no function is entered, as in tests and when Chalice
    makes a template, and names another module where something is wrapped around the handlers.

    >>> serves_http("app.app"), serves_http(""), serves_http("wrapper.handler"), serves_http("app.consume")
    (True, True, True, False)
    """
    module, _, function = handler.rpartition(".")
    return module != MODULE or function == "app"


def time_left(context: object) -> Callable[[], timedelta]:
    """Return a clock of what is left to the invocation of this ``context``, as Lambda made it."""
    lambda_context = cast("LambdaContext", context)
    return lambda: timedelta(milliseconds=lambda_context.get_remaining_time_in_millis())


def named_invocation(event: Any, get_response: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - of any handler
    """Put Lambda's id of the invocation into each of its log lines. Middleware of what is not HTTP."""
    naming = request_id.set(cast("LambdaContext", event.context).aws_request_id)
    try:
        return get_response(event)
    finally:
        request_id.reset(naming)


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
