"""From messages of the intake queue to jobs: which messages are done, which are refused, and which must come again."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from chalicelib.adapters.intake_messages import order_in
from chalicelib.batches import BatchResponse, Message, batch_response
from chalicelib.domain.errors import RateLimited, RequestRefused, Unavailable
from chalicelib.domain.receipts import Refusal
from chalicelib.intake_ports import IntakeQueue, RefusedMessages
from chalicelib.job_requests import wanted_job
from chalicelib.ports import Clock, OperationCatalogue
from chalicelib.services.intake import Intake

logger = logging.getLogger(__name__)

PATIENCE = timedelta(hours=1)
"""How long after it was sent a message may wait for room in its user's limit."""

COMES_AGAIN_AFTER_MIN = timedelta(seconds=30)
"""
Of a message that waits for room, though there may be room sooner.

In its hour it is then received 120 times at most, well below the queue's ``maxReceiveCount``, after which it would be
refused without a reason.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeConsumer:
    """
    Settles the messages of the intake queue.

    ``partial_responses`` tells whether the event source mapping has ``ReportBatchItemFailures``; see
    `chalicelib.batches`. Without it a message that fails brings its whole batch back. An event whose job was made has
    it then, and what was refused is refused once more; in batches of one, neither happens.
    """

    intake: Intake
    operations: OperationCatalogue
    queue: IntakeQueue
    refused: RefusedMessages
    clock: Clock
    partial_responses: bool

    def consume(self, messages: Sequence[Message]) -> BatchResponse | None:
        """
        Submit the job that each message asks for.

        A message that never will make a job is kept among the refused with the reason, and is done. One that fails for
        any other cause comes back, and after the queue's ``maxReceiveCount`` is among the refused without a reason.

        Returns:
            The failed messages, where the mapping asks for them.

        Raises:
            MessagesReturned: Some failed, and the mapping does not ask.
        """
        failed = [message for message in messages if not self._is_settled(message)]
        return batch_response(failed, messages, partial_responses=self.partial_responses)

    def _is_settled(self, message: Message) -> bool:
        try:
            return self._is_submitted_or_refused(message)
        except Unavailable:
            logger.exception("store or queue is away", extra={"message_id": message.message_id})
        except Exception:
            # One message must not decide over the others of its batch; it comes back and ends among the refused.
            logger.exception("intake broke", extra={"message_id": message.message_id})
        return False

    def _is_submitted_or_refused(self, message: Message) -> bool:
        log_fields = {"message_id": message.message_id}
        event_id = message.message_id
        try:
            order = order_in(message.body, message_id=message.message_id, sent_at=message.sent_at)
            event_id = order.event_id
            taken = self.intake.submit(order, wanted_job(order.job_json, self.operations))
        except RateLimited as limited:
            if self.clock.now() - message.sent_at < PATIENCE:
                logger.info("message waits for room in its user's limit", extra=log_fields)
                wait = timedelta(seconds=limited.retry_after_s)
                self.queue.return_after(message.receipt_handle, max(wait, COMES_AGAIN_AFTER_MIN))
                return False
            refusal = Refusal.of(limited)
            waited = f"it waited for {PATIENCE // timedelta(minutes=1)} min in vain"
            refusal = replace(refusal, detail=f"{refusal.detail}; {waited}")
        except RequestRefused as refused:
            refusal = Refusal.of(refused)
        else:
            job = taken.job.key
            outcome = "submitted" if taken.is_new else "there already"
            log_fields |= {"job_id": job.job_id, "owner_id": job.owner_id, "outcome": outcome}
            logger.info("event has its job", extra=log_fields)
            return True
        self.refused.send(message.body, refusal, event_id=event_id)
        logger.warning("message refused", extra={**log_fields, "code": refusal.code})
        return True
