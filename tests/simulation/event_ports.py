"""The ports of events and webhooks as an actor sees them; see ``ports`` for what every call of one is."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.adapters.delivery_queue import to_body
from chalicelib.domain.cloud_events import CloudEvent
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.job_ends import Addition, Count
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import Delivery, DeliveryId, DeliveryKey, DeliveryStatus
from chalicelib.domain.webhook_deliveries import shard as of_shard
from chalicelib.domain.webhooks import Disabling, Slot, Webhook, WebhookId
from chalicelib.event_ports import DeliveryMessage, DeliveryPage, DueDelivery
from chalicelib.webhook_ports import Answer
from tests.simulation.actor import Actor
from tests.simulation.faults import Fault
from tests.simulation.observer import DELAY_MAX_MS
from tests.simulation.ports import call

if TYPE_CHECKING:
    from tests.simulation.outside import Outside


class SimulatedBus:
    """The event bus for one actor."""

    def __init__(self, actor: Actor, outside: "Outside") -> None:
        self._actor = actor
        self._outside = outside

    def put(self, events: Sequence[CloudEvent]) -> Mapping[int, str]:
        actor = self._actor
        faults = actor.world.faults
        observer = self._outside.events
        observer.put(events)

        def apply() -> Mapping[int, str]:
            refused = {}
            is_partial = faults.strikes(Fault.BUS_PARTIAL, actor.name, "put")
            for place, event in enumerate(events):
                if self._outside.is_refused(event.id):
                    refused[place] = Fault.BUS_REFUSES.value
                    observer.came(event, is_refused=True)
                elif not is_partial or actor.world.chance() < 0.5:
                    observer.came(event)
            if is_partial:
                actor.fails(Fault.BUS_PARTIAL)
            return refused

        return call(actor, "put", Fault.BUS_AWAY, apply)


class SimulatedRelayFailures:
    """The failures of the relay for one actor."""

    def __init__(self, actor: Actor, outside: "Outside") -> None:
        self._actor = actor
        self._outside = outside

    def send(self, position: str, reason: str) -> None:  # noqa: ARG002 - it is for people
        call(self._actor, "keep", Fault.QUEUE_AWAY, lambda: self._outside.events.kept(position))


class SimulatedCounts:
    """The statistics table for one actor; ``has_added`` once it has counted something."""

    def __init__(self, actor: Actor, outside: "Outside") -> None:
        self._actor = actor
        self._rows = outside.counts
        self._observer = outside.count_observer
        self.has_added = False

    def add(self, addition: Addition) -> bool:
        ending = addition.count.ending
        found: list[Count | None] = []

        def apply() -> bool:
            before = self._rows.counts.get(ending)
            is_added = self._rows.add(addition)
            if found:
                others = before is not found[-1]
                self._observer.tried_again(others_between=others, is_added=is_added)
            found.append(self._rows.counts.get(ending))
            self.has_added = True
            return is_added

        try:
            return call(self._actor, "count", Fault.STORE_AWAY, apply)
        except BaseException:
            self._observer.missed()
            raise

    def of_day(self, begins_at: datetime, ends_at: datetime, *, limit: int) -> Sequence[Count]:
        raise NotImplementedError


class SimulatedWebhooks:
    """The webhooks table for one actor."""

    def __init__(self, actor: Actor, outside: "Outside") -> None:
        self._actor = actor
        self._outside = outside
        self._rows = outside.webhooks

    def add(self, webhook: Webhook) -> Webhook:
        return call(self._actor, "add webhook", Fault.STORE_AWAY, lambda: self._rows.add(webhook))

    def get(self, owner_id: UserId, webhook_id: WebhookId) -> Webhook | None:
        return call(self._actor, "get webhook", Fault.STORE_AWAY, lambda: self._rows.get(owner_id, webhook_id))

    def all_of(self, owner_id: UserId) -> Sequence[Webhook]:
        return call(self._actor, "webhooks", Fault.STORE_AWAY, lambda: self._rows.all_of(owner_id))

    def change(self, seen: Webhook, to: Webhook) -> None:
        call(self._actor, "change webhook", Fault.STORE_AWAY, lambda: self._rows.change(seen, to))

    def remove(self, owner_id: UserId, webhook_id: WebhookId) -> bool:
        raise NotImplementedError

    def take_slot(self, webhook: Webhook, number: int, slot: Slot, *, at: datetime) -> None:
        observer = self._outside.deliveries_observer

        def apply() -> None:
            self._rows.take_slot(webhook, number, slot, at=at)
            observer.took(self._actor, webhook.webhook_id, slot)

        call(self._actor, "take slot", Fault.STORE_AWAY, apply)

    def settle(
        self,
        owner_id: UserId,
        webhook_id: WebhookId,
        *,
        number: int,
        slot: Slot,
        failed_at: datetime | None,
        disabling: Disabling | None = None,
    ) -> None:
        def apply() -> None:
            self._rows.settle(owner_id, webhook_id, number=number, slot=slot, failed_at=failed_at, disabling=disabling)
            self._outside.deliveries_observer.settled(self._actor)

        call(self._actor, "settle", Fault.STORE_AWAY, apply)

    def erase_some(self, owner_id: UserId) -> bool:
        raise NotImplementedError


class SimulatedDeliveries:
    """The deliveries table for one actor."""

    def __init__(self, actor: Actor, outside: "Outside") -> None:
        self._actor = actor
        self._outside = outside
        self._rows = outside.deliveries
        self._observer = outside.deliveries_observer

    def add(self, delivery: Delivery) -> bool:
        def apply() -> bool:
            before = self._rows.get(delivery.key)
            is_added = self._rows.add(delivery)
            self._wrote(before, delivery.key)
            return is_added

        return call(self._actor, "add delivery", Fault.STORE_AWAY, apply)

    def get(self, key: DeliveryKey) -> Delivery | None:
        def apply() -> Delivery | None:
            self._observer.read(self._actor, key)
            return self._rows.get(key)

        return call(self._actor, "get delivery", Fault.STORE_AWAY, apply)

    def advance(self, seen: Delivery, to: Delivery) -> None:
        def apply() -> None:
            before = self._rows.get(to.key)
            try:
                self._rows.advance(seen, to)
            except ConcurrentUpdate:
                self._observer.refused(self._actor)
                raise
            finally:
                self._wrote(before, to.key)

        call(self._actor, f"write {to.status}", Fault.STORE_AWAY, apply)

    def due(self, shard: int, *, at: datetime, limit: int, after: DueDelivery | None = None) -> Sequence[DueDelivery]:
        if not any(each.due_at for each in self._rows.all() if of_shard(each.key.delivery_id) == shard):
            return ()  # nobody could tell when it was asked
        return call(
            self._actor,
            "due deliveries",
            Fault.STORE_AWAY,
            lambda: self._outside.index(self._actor).due(shard, at=at, limit=limit, after=after),
        )

    def look_again(self, seen: DueDelivery, *, at: datetime) -> None:
        def apply() -> None:
            before = self._rows.get(seen.key)
            self._rows.look_again(seen, at=at)
            self._wrote(before, seen.key)

        call(self._actor, "look again", Fault.STORE_AWAY, apply)

    def page(
        self,
        owner_id: UserId,
        webhook_id: WebhookId,
        *,
        status: DeliveryStatus | None,
        limit: int,
        after: DeliveryId | None,
    ) -> DeliveryPage:
        raise NotImplementedError

    def since(
        self,
        owner_id: UserId,
        webhook_id: WebhookId,
        *,
        first: DeliveryId,
        status: DeliveryStatus | None,
        limit: int,
    ) -> DeliveryPage:
        return call(
            self._actor,
            "deliveries since",
            Fault.STORE_AWAY,
            lambda: self._rows.since(owner_id, webhook_id, first=first, status=status, limit=limit),
        )

    def erase_some(self, owner_id: UserId) -> bool:
        raise NotImplementedError

    def _wrote(self, before: Delivery | None, key: DeliveryKey) -> None:
        after = self._rows.get(key)
        if after is None or after is before:
            return
        if before is None:
            self._observer.added(self._actor, after)
        else:
            self._observer.wrote(self._actor, before, after)
        self._outside.wrote(after)


class SimulatedDeliveryQueue:
    """The deliveries queue for one actor."""

    def __init__(self, actor: Actor, outside: "Outside") -> None:
        self._actor = actor
        self._outside = outside

    def send(self, message: DeliveryMessage, *, delay: timedelta = timedelta()) -> None:
        actor = self._actor
        delay_ms = delay // timedelta(milliseconds=1)
        if not 0 <= delay_ms <= DELAY_MAX_MS or delay_ms % 1000:
            actor.world.observer.broken("D delays that SQS accepts", f"{delay_ms} ms")

        def apply() -> None:
            if actor.world.faults.strikes(Fault.SEND_FAILED, actor.name, "send"):
                actor.fails(Fault.SEND_FAILED)
            self._outside.send(to_body(message), delay_ms)

        call(actor, "send", Fault.QUEUE_AWAY, apply)

    def send_all(self, keys: Sequence[DeliveryKey]) -> Mapping[DeliveryKey, str]:
        actor = self._actor

        def apply() -> Mapping[DeliveryKey, str]:
            refused = {}
            for key in keys:
                if actor.world.faults.strikes(Fault.SEND_FAILED, actor.name, "send"):
                    refused[key] = Fault.SEND_FAILED.value
                else:
                    self._outside.send(to_body(DeliveryMessage(key=key)), 0)
            return refused

        return call(actor, "send", Fault.QUEUE_AWAY, apply)


class SimulatedSender:
    """The way out for one actor."""

    def __init__(self, actor: Actor, outside: "Outside") -> None:
        self._actor = actor
        self._outside = outside

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        return self._outside.receivers.post(self._actor, url, headers=headers, body=body)


class CountingSigner:
    """Signs nothing, and names the event."""

    def signed_headers(self, *, secrets: Sequence[str], event_id: str, at: datetime, body: str) -> Mapping[str, str]:  # noqa: ARG002
        return {"webhook-id": event_id, "webhook-timestamp": str(int(at.timestamp()))}
