"""
From SQS messages to executions, and back to SQS: which messages are done, and which must come again.

`chalicelib.batches` has the two ways to say that.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.adapters.sqs import ForeignMessage, from_body
from chalicelib.batches import BatchResponse, Message, MessagesReturned, batch_response
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import JobKey
from chalicelib.ports import JobQueue
from chalicelib.services.dead_letters import Burial, DeadLetters
from chalicelib.services.execution import Execution, Outcome

logger = logging.getLogger(__name__)


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
        if failed and not self.partial_responses:
            self.queue.delete([message.receipt_handle for message in messages if message not in failed])
            detail = f"{len(failed)} of {len(messages)} messages return to the queue"
            raise MessagesReturned(detail)
        return batch_response(failed, messages, partial_responses=self.partial_responses)


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
