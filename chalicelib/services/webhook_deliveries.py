"""Deliveries as the owner of a webhook sees them: what became of each, a test, and replays."""

import json
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.cloud_events import CloudEvent, EventType
from chalicelib.domain.errors import ConcurrentUpdate, Conflict, Expired, NotFound, Unavailable
from chalicelib.domain.jobs import parsed_job_id
from chalicelib.domain.stable_ids import stable_id
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import (
    FIRST_LOOK,
    REPLAYED_MAX,
    Delivery,
    DeliveryId,
    DeliveryKey,
    DeliveryStatus,
    new_delivery,
)
from chalicelib.domain.webhooks import CALLBACKS, Webhook
from chalicelib.event_ports import DeliveryPage, DeliveryQueue, DeliveryRepository
from chalicelib.ports import Clock, IdSource
from chalicelib.services.delivery_dispatch import dispatch, dispatch_all
from chalicelib.services.webhooks import WebhookService

WRITE_TRIES = 5
"""Times that a delivery is opened anew because an attempt came between; each loss is an attempt's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How many deliveries were opened again; ``next_after`` is the id to go on after, ``None`` at the end."""

    count: int
    next_after: DeliveryId | None


class DeliveryService:
    """
    Deliveries of one owner at a time: the owner is part of every key, so no call can reach another's.

    Of a webhook that the owner does not have, every method raises `NotFound`. ``source`` is what test events are from,
    ``retention`` how long deliveries are kept.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        webhooks: WebhookService,
        deliveries: DeliveryRepository,
        queue: DeliveryQueue,
        clock: Clock,
        ids: IdSource,
        source: str,
        retention: timedelta,
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._queue = queue
        self._clock = clock
        self._ids = ids
        self._source = source
        self._retention = retention

    def page(
        self,
        owner_id: UserId,
        webhook_id: str,
        *,
        status: DeliveryStatus | None,
        limit: int,
        after: DeliveryId | None,
    ) -> DeliveryPage:
        """Return a page of a webhook's deliveries, newest first; expired ones are left out, so it may be short."""
        webhook = self._webhooks.get(owner_id, webhook_id)
        now = self._clock.now()
        page = self._deliveries.page(owner_id, webhook.webhook_id, status=status, limit=limit, after=after)
        kept = [delivery for delivery in page.deliveries if not delivery.is_expired(now)]
        return DeliveryPage(deliveries=kept, next_after=page.next_after)

    def get(self, owner_id: UserId, webhook_id: str, delivery_id: str) -> Delivery:
        """
        Return one delivery.

        Raises:
            NotFound: The webhook has no such delivery.
            Expired: Its retention is over, and the table has not deleted it yet.
        """
        return self._of(self._webhooks.get(owner_id, webhook_id), delivery_id)

    def test(self, owner_id: UserId, webhook_id: str) -> Delivery:
        """
        Have a test event sent to a webhook; return its delivery.

        Raises:
            Conflict: The webhook is disabled, or has no URL of its own.
        """
        webhook = self._enabled(owner_id, webhook_id)
        if webhook.webhook_id == CALLBACKS:
            detail = "the webhook of callback URLs has none of its own; submit a job with a callback_url to test that"
            raise Conflict(detail)
        now, token = self._clock.now(), self._ids.new_token_id()
        event = CloudEvent(
            id=stable_id(now, webhook.webhook_id, token),
            source=self._source,
            type=EventType.TEST,
            subject=webhook.webhook_id,
            time=now,
            owner_id=owner_id,
            data_json=json.dumps({"webhook_id": webhook.webhook_id}, separators=(",", ":")),
        )
        delivery = new_delivery(
            event, webhook.webhook_id, token=token, at=now, due_at=now + FIRST_LOOK, retention=self._retention
        )
        self._deliveries.add(delivery)
        dispatch(self._queue, delivery, at=now)
        return delivery

    def replay(self, owner_id: UserId, webhook_id: str, delivery_id: str) -> Delivery:
        """
        Open a delivery again, in whatever state it is: the same event with a fresh set of attempts, from now on.

        Raises:
            Conflict: The webhook is disabled.
            NotFound: The webhook has no such delivery.
            Expired: Its retention is over.
        """
        webhook = self._enabled(owner_id, webhook_id)
        reopened = self._reopened(self._of(webhook, delivery_id))
        if reopened is None:
            raise _no_such_delivery(webhook)
        dispatch(self._queue, reopened, at=reopened.run_at)
        return reopened

    def replay_since(
        self, owner_id: UserId, webhook_id: str, *, first: DeliveryId, status: DeliveryStatus | None
    ) -> Replayed:
        """
        Open deliveries again, at most `REPLAYED_MAX`, from the id ``first`` on, oldest first.

        Raises:
            Conflict: The webhook is disabled.
        """
        webhook = self._enabled(owner_id, webhook_id)
        page = self._deliveries.since(owner_id, webhook.webhook_id, first=first, status=status, limit=REPLAYED_MAX)
        reopened: list[DeliveryKey] = []
        try:
            reopened += (delivery.key for each in page.deliveries if (delivery := self._reopened(each)) is not None)
        finally:
            dispatch_all(self._queue, reopened)
        return Replayed(count=len(reopened), next_after=page.next_after)

    def _enabled(self, owner_id: UserId, webhook_id: str) -> Webhook:
        webhook = self._webhooks.get(owner_id, webhook_id)
        if webhook.is_disabled:
            detail = (
                f"the webhook is disabled; enable it first, by PATCH /webhooks/{webhook_id} with is_disabled: false"
            )
            raise Conflict(detail)
        return webhook

    def _of(self, webhook: Webhook, delivery_id: str) -> Delivery:
        known_id = parsed_job_id(delivery_id)  # of the same form: a UUID version 7
        found = None
        if known_id is not None:
            key = DeliveryKey(
                owner_id=webhook.owner_id, webhook_id=webhook.webhook_id, delivery_id=DeliveryId(known_id)
            )
            found = self._deliveries.get(key)
        if found is None:
            raise _no_such_delivery(webhook)
        if found.is_expired(self._clock.now()):
            detail = f"this delivery was kept until {found.expires_at:%Y-%m-%dT%H:%M:%SZ}"
            raise Expired(detail)
        return found

    def _reopened(self, delivery: Delivery | None) -> Delivery | None:
        """
        Open a delivery again, and return it; ``None`` if it is gone, or expired.

        Raises:
            Unavailable: Attempts of it kept coming between.
        """
        for _ in range(WRITE_TRIES):
            now = self._clock.now()
            if delivery is None or delivery.is_expired(now):
                return None
            to = delivery.replayed(
                token=self._ids.new_token_id(), at=now, due_at=now + FIRST_LOOK, retention=self._retention
            )
            try:
                self._deliveries.advance(delivery, to)
            except ConcurrentUpdate as moved:
                delivery = moved.current if isinstance(moved.current, Delivery) else None
                continue
            return to
        detail = "the delivery is changing too quickly; try again"
        raise Unavailable(detail)


def _no_such_delivery(webhook: Webhook) -> NotFound:
    detail = f"this webhook has no such delivery; GET /webhooks/{webhook.webhook_id}/deliveries lists those it has"
    return NotFound(detail)
