"""
Batches of messages as Lambda hands them over, and what it is answered.

A function that fails on part of a batch can say so in one of two ways, and the wrong one loses messages. Where the
event source mapping has ``ReportBatchItemFailures``, it returns the failed ids and Lambda deletes the others. Where it
has not, Lambda would take that answer for success and delete them all: there it raises, and deletes the done ones
before, if they must not come again. The template that turns the mapping's flag on also sets
``PARTIAL_BATCH_RESPONSES``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict


class MessagesReturned(Exception):
    """Some messages of the batch must be delivered again, after the queue's visibility timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as the event source mapping delivers it; ``sent_at`` is by the clock of SQS."""

    body: str
    message_id: str
    receipt_handle: str
    sent_at: datetime


class ItemIdentifier(TypedDict):
    """A failed message, in AWS's own spelling."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """A partial batch response, in AWS's own spelling."""

    batchItemFailures: list[ItemIdentifier]


def batch_response(
    failed: Sequence[Message], messages: Sequence[Message], *, partial_responses: bool
) -> BatchResponse | None:
    """
    Return what a function answers for a batch of which some failed, where none of the others need be kept from coming.

    Raises:
        MessagesReturned: Some failed, and the mapping does not ask which: all of them return.
    """
    if partial_responses:
        return {"batchItemFailures": [{"itemIdentifier": message.message_id} for message in failed]}
    if failed:
        detail = f"{len(failed)} of {len(messages)} messages failed; all of them return to the queue"
        raise MessagesReturned(detail)
    return None
