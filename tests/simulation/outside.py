"""All outside the backend of one schedule: the bus, the webhooks and their receivers, and the queue of deliveries."""

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.domain.cloud_events import FINAL_EVENTS, JOB_EVENTS
from chalicelib.domain.jobs import Job
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import Delivery, DeliveryKey
from chalicelib.domain.webhooks import CALLBACKS, Webhook, WebhookId
from chalicelib.services.delivery_sweeping import DeliverySweep
from tests.simulation import event_functions
from tests.simulation.actor import OWNERS, Actor
from tests.simulation.count_observer import CountObserver
from tests.simulation.delivery_observer import (
    ATTEMPTS_WITHIN_MS,
    LATEST_WAIT_MS,
    DeliveryObserver,
    Subscription,
)
from tests.simulation.event_observer import TOLD_WITHIN_MS, EventObserver
from tests.simulation.event_plan import PlannedWebhook, Telling, callback_url
from tests.simulation.faults import Fault
from tests.simulation.models import Deliveries, History, Queue
from tests.simulation.observer import instant, ms
from tests.simulation.plan import MINUTE, PAUSE_MAX_MS, SECOND
from tests.simulation.receivers import Receivers
from tests.simulation.stream import Stream
from tests.statistics_fakes import InMemoryCountStore
from tests.webhook_fakes import InMemoryWebhookRepository

if TYPE_CHECKING:
    from tests.simulation.world import World

VISIBILITY_MS = 360 * SECOND
"""Six times the function's time, as the template has it."""

RETENTION = timedelta(days=14)


class Outside:
    """Who is told, and what is on its way to them."""

    def __init__(self, world: "World", telling: Telling) -> None:
        self._world = world
        self._telling = telling
        broken = world.observer.broken
        self.events = EventObserver(broken, lambda: world.scheduler.now, lambda: self._healed_ms)
        self.count_observer = CountObserver(broken)
        self.counts = InMemoryCountStore()
        self.webhooks = InMemoryWebhookRepository()
        self.deliveries = Deliveries()
        self._history = History[DeliveryKey, Delivery]()
        self._planned = self._receivers()
        self._subscriptions = self._subscribed()
        self.deliveries_observer = DeliveryObserver(
            broken,
            lambda: world.scheduler.now,
            self.events,
            self._subscriptions,
            are_skewed=world.faults.is_on(Fault.SKEW),
        )
        self.receivers = Receivers(world, self.deliveries_observer, self._planned)
        self.stream = Stream(
            world, partial(event_functions.relay, world, self), shards=telling.shards, batch_max=telling.batch_max
        )
        self.queue = Queue(
            world,
            visibility_timeout_s=VISIBILITY_MS / SECOND,
            retention_s=world.message_retention_ms / SECOND,
        )
        self._refused: dict[str, bool] = {}

    @property
    def bound_ms(self) -> int:
        """Until when everything must have been told to everybody."""
        replayed_ms = max((each.at_ms for each in self._telling.replays), default=0)
        begun_ms = max(
            self._world.latest_run_ms, self._healed_ms, self._telling.latest_away_ms, replayed_ms + PAUSE_MAX_MS
        )
        if any(each.is_dead for each in self._telling.webhooks):
            return begun_ms + ATTEMPTS_WITHIN_MS
        return begun_ms + TOLD_WITHIN_MS + (LATEST_WAIT_MS if self._telling.has_webhooks else 0)

    @property
    def _healed_ms(self) -> int:
        return self._world.plan.heal_at_ms + PAUSE_MAX_MS

    def begin(self) -> None:
        """Have deliveries replayed at their times."""
        webhooks = self.webhooks.all()
        for each in self._telling.replays:
            replayed = partial(event_functions.replay, self._world, self, webhooks[each.webhook])
            self._world.start(each.at_ms, replayed)

    # What is told.

    def happened(self, before: Job | None, after: Job) -> None:
        """Take note of a write of a job's row."""
        self.events.happened(self.stream.append(before, after), before, after)
        self.count_observer.happened(before, after)

    def is_refused(self, event_id: str) -> bool:
        """Draw, once for each event, whether the bus refuses it for good."""
        if event_id not in self._refused:
            self._refused[event_id] = self._world.faults.strikes(Fault.BUS_REFUSES, "bus")
        return self._refused[event_id]

    # Deliveries.

    def wrote(self, delivery: Delivery) -> None:
        """Take note of a delivery's new state: when the sweep has to look."""
        if self._world.plan.index_lag_ms:
            self._history.wrote(self._world.scheduler.now, delivery.key, delivery)
        if delivery.due_at is not None:
            self._world.tick_for(ms(delivery.due_at))

    def index(self, actor: Actor) -> Deliveries:
        """Return the table as the index of due deliveries shows it now."""
        shown_ms = self._world.shown_ms(actor, "due deliveries")
        return self.deliveries if shown_ms is None else Deliveries.of(self._history.rows(shown_ms))

    def due_ms(self) -> list[int]:
        """Return when the sweep has to look at each delivery that waits."""
        return [ms(each.due_at) for each in self.deliveries.all() if each.due_at is not None]

    def at_end(self) -> None:
        """Check what must hold when everything has been told."""
        self.events.at_end()
        self.deliveries_observer.at_end()
        struck = self._world.faults.struck
        if struck[Fault.CHANGE_UNREADABLE]:
            self.count_observer.missed()
        if struck[Fault.BATCH_AGAIN]:
            self.count_observer.repeated()
        if self.stream.is_done():
            self.count_observer.at_end(self.counts.counts.values())

    def send(self, body: str, delay_ms: int) -> None:
        """Add a message, and have it polled when it is there to see."""
        self.queue.send(body, delay_ms // 1000)
        self._world.scheduler.at(self._world.scheduler.now + delay_ms, self._poll)

    def _poll(self) -> None:
        world = self._world
        now = world.scheduler.now
        if world.faults.is_away(Fault.QUEUE_AWAY, "deliveries"):
            world.scheduler.at(world.plan.outages[Fault.QUEUE_AWAY][1], self._poll)
            return
        if world.faults.strikes(Fault.LATE, "deliveries"):
            world.scheduler.at(now + int(5 * MINUTE * world.chance() ** 2), self._poll)
            return
        for received in self.queue.receive(1):
            message = self.queue.message(received)
            world.scheduler.at(now + VISIBILITY_MS, self._poll)
            world.scheduler.at(now, self._poll)
            world.start(now, partial(event_functions.deliver, world, self, message))
            if world.faults.strikes(Fault.DUPLICATE, "deliveries"):
                later_ms = int(2 * MINUTE * world.chance() ** 4)
                world.start(now + later_ms, partial(event_functions.deliver, world, self, message))

    def delete(self, actor: Actor, receipt_handle: str) -> None:
        """Delete a message, unless it is to come back."""
        if not self._world.faults.strikes(Fault.UNDELETED, actor.name, "delete"):
            self.queue.delete(receipt_handle)

    def sweep(self, actor: Actor) -> DeliverySweep:
        """Return what sends deliveries again, for one run of the sweep."""
        return event_functions.sweep_of_deliveries(actor, self)

    # The plan.

    def _receivers(self) -> dict[str, PlannedWebhook]:
        planned = {f"https://{place}.example/": each for place, each in enumerate(self._telling.webhooks)}
        for place in self._telling.callbacks:
            job = self._world.plan.jobs[place]
            planned[callback_url(job.owner, place)] = PlannedWebhook(
                owner=job.owner, is_final_only=True, away_ms=self._telling.callbacks_away_ms
            )
        return planned

    def _subscribed(self) -> dict[tuple[UserId, str], Subscription]:
        """Store the webhooks; return who is told what, by owner and webhook, or callback URL."""
        found: dict[tuple[UserId, str], Subscription] = {}
        for place, (url, planned) in enumerate(self._planned.items()):
            owner_id = OWNERS[planned.owner]
            is_callback = place >= len(self._telling.webhooks)
            webhook_id = CALLBACKS if is_callback else WebhookId(f"00000000-0000-4000-8000-{place:012x}")
            types = FINAL_EVENTS if planned.is_final_only else JOB_EVENTS
            found[owner_id, url if is_callback else webhook_id] = Subscription(
                owner_id=owner_id,
                webhook_id=webhook_id,
                url=url,
                types=frozenset(each.value for each in types),
                is_dead=planned.is_dead,
            )
            if not is_callback:
                self.webhooks.add(
                    Webhook(
                        owner_id=owner_id,
                        webhook_id=webhook_id,
                        url=url,
                        event_types=types,
                        description="",
                        secret="whsec_",
                        token=f"webhook-{place}",
                        created_at=instant(0),
                    )
                )
        return found
