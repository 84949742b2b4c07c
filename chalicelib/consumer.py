"""
From SQS messages to executions, and back to SQS: which messages are done, and which must come again.

A function that fails on part of a batch can say so in one of two ways, and the wrong one loses messages. Where the
event source mapping has ``ReportBatchItemFailures``, it returns the failed ids and Lambda deletes the others. Where it
has not, Lambda would take that answer for success and delete them all: there the done ones are deleted here, then the
function raises. The template that turns the mapping's flag on also sets ``PARTIAL_BATCH_RESPONSES``.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from chalicelib.adapters.sqs import ForeignMessage, from_body
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import JobKey
from chalicelib.ports import JobQueue
from chalicelib.services.dead_letters import Burial, DeadLetters
from chalicelib.services.execution import Execution, Outcome

logger = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """
    Settles the messages of the jobs queue and of its dead letters.

    ``partial_responses`` tells whether the event source mappings have ``ReportBatchItemFailures``.
    """

    execution: Execution
    dead_letters: DeadLetters
    queue: JobQueue
    partial_responses: bool

    def consume(self, messages: Sequence[Message], time_left: Callable[[], timedelta]) -> BatchResponse | None:
        """
        Run the job of each message; ``time_left`` is what remains to the function.

        Returns:
            The failed messages, where the mapping asks for them.

        Raises:
            MessagesReturned: Some failed, and the mapping does not ask. After the queue's ``maxReceiveCount`` a message
                that keeps failing is in the dead-letter queue.
        """
        whole_time = time_left()
        return self._answered(
            messages, lambda key, _: self.execution.execute(key, time_left=time_left, whole_time=whole_time)
        )

    def bury(self, letters: Sequence[Message]) -> BatchResponse | None:
        """
        Fail the job of each dead letter; answers as `consume` does.

        A letter that names no job is let go: the log has it, and there is no job to say it on.
        """
        return self._answered(
            letters, lambda key, letter: self.dead_letters.bury(key, sent_at=letter.sent_at), foreign_is_settled=True
        )

    def _answered(
        self,
        messages: Sequence[Message],
        settle: Callable[[JobKey, Message], Outcome | Burial],
        *,
        foreign_is_settled: bool = False,
    ) -> BatchResponse | None:
        failed = [
            message for message in messages if not _is_settled(message, settle, foreign_is_settled=foreign_is_settled)
        ]
        if self.partial_responses:
            return {"batchItemFailures": [{"itemIdentifier": message.message_id} for message in failed]}
        if failed:
            self.queue.delete([message.receipt_handle for message in messages if message not in failed])
            detail = f"{len(failed)} of {len(messages)} messages return to the queue"
            raise MessagesReturned(detail)
        return None


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


def _is_settled(
    message: Message, settle: Callable[[JobKey, Message], Outcome | Burial], *, foreign_is_settled: bool
) -> bool:
    try:
        key = from_body(message.body)
    except ForeignMessage:
        logger.exception("message names no job", extra={"message_id": message.message_id})
        return foreign_is_settled
    log_fields = {"job_id": key.job_id, "owner_id": key.owner_id}
    try:
        outcome = settle(key, message)
    except Unavailable:
        logger.exception("store or queue is away", extra=log_fields)
        return False
    except Exception:
        # One message must not decide over the others of its batch; it comes back and ends in the dead-letter queue.
        logger.exception("delivery broke", extra=log_fields)
        return False
    logger.info("message delivered", extra={**log_fields, "outcome": outcome})
    return outcome.is_settled
