"""From messages of the deliveries queue to attempts, and back: which messages are done, and which must come again."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.adapters.delivery_queue import from_body
from chalicelib.adapters.sqs import ForeignMessage
from chalicelib.batches import BatchResponse, Message, batch_response
from chalicelib.domain.errors import Unavailable
from chalicelib.services.delivering import Delivering
from chalicelib.services.delivery_dispatch import log_fields

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryConsumer:
    """
    Settles the messages of the deliveries queue.

    ``partial_responses`` tells whether the event source mapping has ``ReportBatchItemFailures``; see
    `chalicelib.batches`. Without it a message that fails brings its whole batch back, which does no harm: what was
    tried is not due any more.
    """

    delivering: Delivering
    partial_responses: bool

    def consume(self, messages: Sequence[Message]) -> BatchResponse | None:
        """
        Try the delivery of each message.

        One that names no delivery comes back like one that failed, and ends in the dead-letter queue, where a person
        sees it: it may be of a later version.

        Returns:
            The failed messages, where the mapping asks for them.

        Raises:
            MessagesReturned: Some failed, and the mapping does not ask.
        """
        failed = [message for message in messages if not self._is_settled(message)]
        return batch_response(failed, messages, partial_responses=self.partial_responses)

    def _is_settled(self, message: Message) -> bool:
        try:
            named = from_body(message.body)
        except ForeignMessage:
            logger.exception("message names no delivery", extra={"message_id": message.message_id})
            return False
        try:
            self.delivering.deliver(named)
        except Unavailable:
            logger.exception("store or queue is away", extra=log_fields(named.key))
            return False
        except Exception:
            # It comes back and ends in the dead-letter queue; until it is tried, its row stays due.
            logger.exception("delivery broke", extra=log_fields(named.key))
            return False
        return True
