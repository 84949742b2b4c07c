"""Sending a delivery's message, which may fail: the row is the promise, and the sweep sends what was not sent."""

import logging
from collections.abc import Sequence
from datetime import datetime

from chalicelib.domain.delivery import message_delay
from chalicelib.domain.webhook_deliveries import Delivery, DeliveryKey
from chalicelib.event_ports import DeliveryMessage, DeliveryQueue

logger = logging.getLogger(__name__)


def dispatch(queue: DeliveryQueue, delivery: Delivery, *, at: datetime) -> None:
    """
    Send the message of a delivery whose row was just written, to arrive when its next attempt is due.

    One that waits longer than a message can is left to the sweep, and so is one whose message cannot be sent.
    """
    delay = message_delay(delivery.run_at, at=at)
    if delay is None:
        return
    try:
        queue.send(DeliveryMessage(key=delivery.key), delay=delay)
    except Exception:
        logger.exception("message not sent; the sweep will send it", extra=log_fields(delivery.key))


def dispatch_all(queue: DeliveryQueue, keys: Sequence[DeliveryKey]) -> None:
    """Send the messages of deliveries that are due and whose rows were just written, as `dispatch` does."""
    try:
        refused = queue.send_all(keys)
    except Exception:
        delivery_ids = [key.delivery_id for key in keys]
        logger.exception("messages not sent; the sweep will send them", extra={"delivery_ids": delivery_ids})
        return
    for key, reason in refused.items():
        logger.error("message refused; the sweep will send it", extra=log_fields(key) | {"reason": reason})


def log_fields(key: DeliveryKey) -> dict[str, str]:
    """Return what the log says of which delivery it is about."""
    return {"owner_id": key.owner_id, "webhook_id": key.webhook_id, "delivery_id": key.delivery_id}
