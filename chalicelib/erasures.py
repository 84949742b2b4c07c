"""From messages of the erasures queue to erasures, and back: which messages are done, and which must come again."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.adapters.erasure_queue import from_body
from chalicelib.adapters.sqs import ForeignMessage
from chalicelib.batches import BatchResponse, Message, batch_response
from chalicelib.domain.errors import Unavailable
from chalicelib.services.erasure import ErasureService

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureConsumer:
    """
    Settles the messages of the erasures queue.

    ``partial_responses`` tells whether the event source mapping has ``ReportBatchItemFailures``; see
    `chalicelib.batches`. Without it a message that fails brings its whole batch back, which does no harm: what is
    erased is erased again.
    """

    erasure: ErasureService
    partial_responses: bool

    def consume(self, messages: Sequence[Message], time_left: Callable[[], timedelta]) -> BatchResponse | None:
        """
        Carry out the order of each message; ``time_left`` is what remains to the function.

        One that is no order comes back like one that failed, and ends in the dead-letter queue, where a person sees it:
        it may be of a later version, and an order must not be lost.

        Returns:
            The failed messages, where the mapping asks for them.

        Raises:
            MessagesReturned: Some failed, and the mapping does not ask.
        """
        failed = [message for message in messages if not self._is_settled(message, time_left)]
        return batch_response(failed, messages, partial_responses=self.partial_responses)

    def _is_settled(self, message: Message, time_left: Callable[[], timedelta]) -> bool:
        try:
            erasure = from_body(message.body)
        except ForeignMessage:
            logger.exception("message is no order to erase", extra={"message_id": message.message_id})
            return False
        log_fields = {"user_id": erasure.user_id}
        try:
            self.erasure.erase(erasure, time_left)
        except Unavailable:
            logger.exception("store or queue is away", extra=log_fields)
            return False
        except Exception:
            # One message must not decide over the others of its batch; it comes back and ends in the dead-letter queue.
            logger.exception("erasure broke", extra=log_fields)
            return False
        logger.info("order to erase carried out", extra=log_fields)
        return True
