"""
What events, webhooks and deliveries need from the outside, as protocols.

As in `chalicelib.ports`, every method that reaches AWS raises `Unavailable` when the other side does not answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.domain.cloud_events import CloudEvent
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import Delivery, DeliveryId, DeliveryKey, DeliveryStatus
from chalicelib.domain.webhooks import Disabling, Slot, Webhook, WebhookId


class EventBus(Protocol):
    """The event bus of the stage: at least once."""

    def put(self, events: Sequence[CloudEvent]) -> Mapping[int, str]:
        """
        Put at most 10 events on the bus.

        Returns:
            Why events were refused for good, by their places.

        Raises:
            Unavailable: The bus does not answer, or has not taken some of them for now; others it may have taken.
        """
        ...


class RelayFailures(Protocol):
    """Where it is kept what could not be told."""

    def send(self, position: str, reason: str) -> None:
        """Keep that the change at a position of the stream could not be relayed."""
        ...


class WebhookRepository(Protocol):
    """Webhooks by owner and id."""

    def add(self, webhook: Webhook) -> Webhook:
        """Store a new webhook; return the one that stands: this, or the one that has its id already."""
        ...

    def get(self, owner_id: UserId, webhook_id: WebhookId) -> Webhook | None:
        """Return the webhook as last written, or ``None``."""
        ...

    def all_of(self, owner_id: UserId) -> Sequence[Webhook]:
        """Return every webhook of an owner, the oldest first, `CALLBACKS` last if it is there."""
        ...

    def change(self, seen: Webhook, to: Webhook) -> None:
        """
        Write what the owner has changed, if the row has the token that ``seen`` has.

        Slots are left as they are. A change whose response was lost still counts when it is tried again.

        Raises:
            ConcurrentUpdate: It has another; with the webhook as it is, ``None`` when it is gone.
        """
        ...

    def remove(self, owner_id: UserId, webhook_id: WebhookId) -> bool:
        """Remove a webhook; false if there was none."""
        ...

    def take_slot(self, webhook: Webhook, number: int, slot: Slot, *, at: datetime) -> None:
        """
        Have a delivery hold a slot, if at ``at`` nobody does, and it holds no other of the webhook.

        Raises:
            ConcurrentUpdate: Somebody does, or it holds another; with the webhook as it is, ``None`` when it is gone.
        """
        ...

    def settle(  # noqa: PLR0913 - one write leaves all that an attempt tells
        self,
        owner_id: UserId,
        webhook_id: WebhookId,
        *,
        number: int,
        slot: Slot,
        failed_at: datetime | None,
        disabling: Disabling | None = None,
    ) -> None:
        """
        Give a slot back, if it is still held so, and leave what the attempt tells of the webhook.

        ``failed_at`` is when it failed, which `Webhook.failing_since` becomes unless it has a value; ``None`` clears
        that. With ``disabling`` the webhook is disabled, at ``failed_at``, unless its owner has changed it meanwhile.
        One that is gone, or whose slot another holds by now, is left as it is.
        """
        ...

    def erase_some(self, owner_id: UserId) -> bool:
        """Remove some webhooks of an owner; return whether there may be more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDelivery:
    """An entry of the index of due deliveries, which may lag behind the rows."""

    key: DeliveryKey
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPage:
    """Deliveries in order; ``next_after`` is the id to go on after, ``None`` at the end. A page may be short."""

    deliveries: Sequence[Delivery]
    next_after: DeliveryId | None


class DeliveryRepository(Protocol):
    """Deliveries by owner, webhook and id. Each transition is one conditional write."""

    def add(self, delivery: Delivery) -> bool:
        """Store a new delivery; false, and nothing stored, if its event has one for this webhook already."""
        ...

    def get(self, key: DeliveryKey) -> Delivery | None:
        """Return the delivery as last written, or ``None``."""
        ...

    def advance(self, seen: Delivery, to: Delivery) -> None:
        """
        Write a transition, which made ``to`` of ``seen``, if the row `Delivery.is_unchanged_since` then.

        One whose response was lost still counts when it is tried again, known by its token.

        Raises:
            ConcurrentUpdate: It has changed; with the delivery as it is, ``None`` when it is gone.
        """
        ...

    def due(self, shard: int, *, at: datetime, limit: int, after: DueDelivery | None = None) -> Sequence[DueDelivery]:
        """Return entries of one shard that are due, as `chalicelib.ports.JobRepository.due` does."""
        ...

    def look_again(self, seen: DueDelivery, *, at: datetime) -> None:
        """Put the sweep's next look off; does nothing if the delivery is final or was put off by another."""
        ...

    def page(
        self,
        owner_id: UserId,
        webhook_id: WebhookId,
        *,
        status: DeliveryStatus | None,
        limit: int,
        after: DeliveryId | None,
    ) -> DeliveryPage:
        """Return at most ``limit`` deliveries of a webhook, newest first, older than ``after``; bounded work a page."""
        ...

    def since(
        self,
        owner_id: UserId,
        webhook_id: WebhookId,
        *,
        first: DeliveryId,
        status: DeliveryStatus | None,
        limit: int,
    ) -> DeliveryPage:
        """Return at most ``limit`` deliveries of a webhook, oldest first, from id ``first`` on; bounded work a page."""
        ...

    def erase_some(self, owner_id: UserId) -> bool:
        """Remove some deliveries of an owner; return whether there may be more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryMessage:
    """What a message of the deliveries queue says; ``postponed`` is how often in a row no slot was free."""

    key: DeliveryKey
    postponed: int = 0


class DeliveryQueue(Protocol):
    """The queue that wakes `deliver`: at least once, in any order."""

    def send(self, message: DeliveryMessage, *, delay: timedelta = timedelta()) -> None:
        """Send a message, to arrive after ``delay``: whole seconds, 15 minutes at most."""
        ...

    def send_all(self, keys: Sequence[DeliveryKey]) -> Mapping[DeliveryKey, str]:
        """Send many deliveries' keys at once; return why those that the queue refused were."""
        ...
