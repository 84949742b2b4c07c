"""The sweep of deliveries: sends the messages of those that are due and that no message seems to bring."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

from chalicelib.domain.delivery import RESEND_AFTER_MAX, look_at_expired, look_at_waiting
from chalicelib.domain.delivery_waits import postponed_within
from chalicelib.domain.webhook_deliveries import FIRST_LOOK, SHARDS
from chalicelib.event_ports import DeliveryMessage, DeliveryQueue, DeliveryRepository, DueDelivery
from chalicelib.ports import Clock, Randomness
from chalicelib.services.delivery_dispatch import log_fields
from chalicelib.services.due_rows import PAGE, DueRows, Swept

logger = logging.getLogger(__name__)


class DeliverySweep:
    """
    Finds due deliveries whose message was lost, whose attempt died, or whose wait is over.

    It only ever sends; whether an attempt is made, `deliver` decides.
    """

    def __init__(
        self,
        *,
        deliveries: DeliveryRepository,
        queue: DeliveryQueue,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._deliveries = deliveries
        self._queue = queue
        self._clock = clock
        self._randomness = randomness

    def run(self, time_left: Callable[[], timedelta]) -> Swept:
        """Look at every delivery that is due now, while there is time, and log in one line how it went."""
        at = self._clock.now()
        rows = DueRows(
            called="delivery",
            shards=SHARDS,
            page=lambda shard, last: self._deliveries.due(shard, at=at, limit=PAGE, after=last),
            look=self._look_at,
            put_off=lambda due: self._deliveries.look_again(due, at=self._clock.now() + RESEND_AFTER_MAX),
            log_fields=lambda due: log_fields(due.key),
        )
        swept = rows.sweep(time_left, self._randomness)
        logger.log(
            logging.INFO if swept.is_complete else logging.WARNING, "sweep of deliveries done", extra=asdict(swept)
        )
        return swept

    def _look_at(self, due: DueDelivery) -> bool:
        """
        Send the delivery if that is to be done, then put the next look off; tell whether it was sent.

        In this order, because a sweep that dies in between leaves the delivery due: it is sent twice, not too late.
        """
        delivery = self._deliveries.get(due.key)
        if delivery is None or delivery.due_at != due.due_at:
            return False  # the index lags behind the row
        now = self._clock.now()
        if delivery.is_expired(now):
            self._deliveries.look_again(due, at=look_at_expired(at=now).again_at)
            return False
        decision = look_at_waiting(delivery.run_at, at=now, resend_after=FIRST_LOOK)
        if decision.delay is not None:
            postponed = postponed_within(max(now - delivery.run_at, timedelta()))
            self._queue.send(DeliveryMessage(key=due.key, postponed=postponed), delay=decision.delay)
            logger.info("delivery sent again", extra=log_fields(due.key))
        self._deliveries.look_again(due, at=decision.again_at)
        return decision.delay is not None
