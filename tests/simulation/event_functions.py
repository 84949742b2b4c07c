"""The functions that tell of jobs, *relay* and *deliver*, and what owners do with their deliveries."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.batches import Message, MessagesReturned
from chalicelib.deliveries import DeliveryConsumer
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_events import Change, Unreadable
from chalicelib.domain.webhooks import Webhook
from chalicelib.services.counting import NEEDED, Counting
from chalicelib.services.delivering import Delivering
from chalicelib.services.delivery_sweeping import DeliverySweep
from chalicelib.services.relaying import Relay, RelayBroke
from chalicelib.services.webhook_deliveries import DeliveryService
from tests.simulation.actor import Actor, Crashed
from tests.simulation.event_ports import (
    CountingSigner,
    SimulatedBus,
    SimulatedCounts,
    SimulatedDeliveries,
    SimulatedDeliveryQueue,
    SimulatedRelayFailures,
    SimulatedSender,
    SimulatedWebhooks,
)
from tests.simulation.faults import Fault
from tests.simulation.functions import API_MS, api_call, webhook_service
from tests.simulation.plan import SECOND

if TYPE_CHECKING:
    from tests.simulation.outside import Outside
    from tests.simulation.world import World

RELAY_MS = 60 * SECOND
DELIVER_MS = 60 * SECOND
SOURCE = "/simulated/jobs"
RETENTION = timedelta(days=14)

REPLAYED_ALL = 0.3
"""Of the replays, those of every delivery since one."""


def relay(world: "World", outside: "Outside", changes: Sequence[Change | Unreadable]) -> str | bool:
    """Run the relay on a batch; return as what the event source mapping takes how that went."""
    actor = Actor(world, "relay", time_ms=RELAY_MS)
    actor.dies_at_deadline = True
    actor.lose_time()
    the_relay = Relay(
        source=SOURCE,
        bus=SimulatedBus(actor, outside),
        failures=SimulatedRelayFailures(actor, outside),
        webhooks=SimulatedWebhooks(actor, outside),
        deliveries=SimulatedDeliveries(actor, outside),
        queue=SimulatedDeliveryQueue(actor, outside),
        clock=actor,
        ids=world.ids,
        retention=RETENTION,
    )
    counts = SimulatedCounts(actor, outside)
    try:
        again = the_relay.relay(changes, actor.time_left)
        Counting(counts).count(changes, until=again, time_left=actor.time_left)
    except Crashed:
        if counts.has_added:
            outside.count_observer.repeated()
        return False
    except (RelayBroke, Unavailable) as broke:
        cause = broke.__cause__ or broke
        if not isinstance(cause, Unavailable):
            world.observer.unexpected(repr(cause))
        return False
    if actor.time_left() < NEEDED:
        outside.count_observer.missed()  # time, perhaps, and not each count was begun
    actor.told(f"ends; {len(changes)} changes relayed" if again is None else f"ends; again from {again}")
    return True if again is None else again


def replay(world: "World", outside: "Outside", webhook: Webhook) -> None:
    """Have the owner of a webhook replay one of its deliveries, or all."""
    actor = Actor(world, "replay", time_ms=API_MS, owner=webhook.owner_id)
    service = DeliveryService(
        webhooks=webhook_service(actor, outside),
        deliveries=SimulatedDeliveries(actor, outside),
        queue=SimulatedDeliveryQueue(actor, outside),
        clock=actor,
        ids=world.ids,
        source=SOURCE,
        retention=RETENTION,
    )
    ids = [each.key.delivery_id for each in outside.deliveries.all() if each.key.webhook_id == webhook.webhook_id]
    if not ids:
        return

    def called() -> None:
        first = ids[int(world.chance() * len(ids))]
        if world.chance() < REPLAYED_ALL:
            service.replay_since(webhook.owner_id, webhook.webhook_id, first=first, status=None)
        else:
            service.replay(webhook.owner_id, webhook.webhook_id, first)

    api_call(actor, called)


def deliver(world: "World", outside: "Outside", message: Message) -> None:
    """Run the function of deliveries on a message; it is deleted if that went well."""
    actor = Actor(world, "deliver", time_ms=DELIVER_MS)
    actor.lose_time()
    delivering = Delivering(
        webhooks=SimulatedWebhooks(actor, outside),
        deliveries=SimulatedDeliveries(actor, outside),
        queue=SimulatedDeliveryQueue(actor, outside),
        sender=SimulatedSender(actor, outside),
        signer=CountingSigner(),
        clock=actor,
        ids=world.ids,
        randomness=actor,
    )
    consumer = DeliveryConsumer(delivering=delivering, partial_responses=world.plan.partial_responses)
    try:
        answer = consumer.consume([message])
    except Crashed:
        outside.deliveries_observer.gone_with(actor)
        return
    except MessagesReturned:
        is_settled = False
    else:
        is_settled = answer is None or not answer["batchItemFailures"]
    outside.deliveries_observer.left_off(actor)
    actor.told("ends; message deleted" if is_settled else "ends; message comes back")
    if is_settled and not world.faults.is_away(Fault.QUEUE_AWAY, actor.name, "delete"):
        outside.delete(actor, message.receipt_handle)


def sweep_of_deliveries(actor: Actor, outside: "Outside") -> DeliverySweep:
    """Return what sends deliveries again, for one run of the sweep."""
    return DeliverySweep(
        deliveries=SimulatedDeliveries(actor, outside),
        queue=SimulatedDeliveryQueue(actor, outside),
        clock=actor,
        randomness=actor,
    )
