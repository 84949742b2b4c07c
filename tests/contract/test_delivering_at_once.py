"""Messages of deliveries that come at the same moment, by threads: how many attempts are under way at once."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from chalicelib.adapters.system import SystemIds
from chalicelib.domain.webhooks import SLOTS
from chalicelib.event_ports import DeliveryMessage
from chalicelib.services.delivering import Delivering, Outcome
from chalicelib.webhook_ports import Answer
from tests.contract.conftest import Ports
from tests.delivery_fakes import PlainSigner
from tests.factories import OWNER, make_delivery, make_webhook
from tests.fakes import FixedChance, FixedClock

AT_ONCE = 8
PATIENCE_S = 30


class SlowReceiver:
    """Answers no attempt before so many other messages are done with; remembers what was under way together."""

    def __init__(self, others: int) -> None:
        self._left = others
        self._changed = threading.Condition()
        self.under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.most_together = 0

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:  # noqa: ARG002 - as the port has it
        delivery_id = headers["webhook-id"]
        with self._changed:
            self.under_way[delivery_id] += 1
            self.most |= self.under_way
            self.most_together = max(self.most_together, self.under_way.total())
            assert self._changed.wait_for(lambda: self._left <= 0, PATIENCE_S)
            self.under_way[delivery_id] -= 1
        return Answer(status_code=200, retry_after=None, duration=timedelta(seconds=1))

    def done(self, outcome: Outcome) -> None:
        """Count a message that led to no attempt."""
        if outcome is not Outcome.SUCCESS:
            with self._changed:
                self._left -= 1
                self._changed.notify_all()


def delivered(ports: Ports, receiver: SlowReceiver, messages: Sequence[DeliveryMessage]) -> Counter[Outcome]:
    """Deliver all of the messages at once; return what became of how many."""
    delivering = Delivering(
        webhooks=ports.webhooks,
        deliveries=ports.deliveries,
        queue=ports.delivery_queue,
        sender=receiver,
        signer=PlainSigner(),
        clock=FixedClock(),
        ids=SystemIds(),
        randomness=FixedChance(),
    )
    barrier = threading.Barrier(len(messages))
    outcomes: list[Outcome] = []

    def deliver(message: DeliveryMessage) -> None:
        barrier.wait(PATIENCE_S)
        outcome = delivering.deliver(message)
        outcomes.append(outcome)
        receiver.done(outcome)

    threads = [threading.Thread(target=deliver, args=(message,)) for message in messages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(outcomes)


def test_the_same_message_many_times_is_one_attempt(atomic_ports: Ports) -> None:
    atomic_ports.webhooks.add(make_webhook())
    atomic_ports.deliveries.add(make_delivery())
    receiver = SlowReceiver(others=AT_ONCE - 1)
    outcomes = delivered(atomic_ports, receiver, [DeliveryMessage(key=make_delivery().key)] * AT_ONCE)
    assert outcomes == {Outcome.SUCCESS: 1, Outcome.UNDER_WAY: AT_ONCE - 1}
    assert receiver.most == {make_delivery().key.delivery_id: 1}


def test_of_many_deliveries_of_one_webhook_as_many_are_under_way_as_it_has_slots(atomic_ports: Ports) -> None:
    atomic_ports.webhooks.add(make_webhook())
    deliveries = [make_delivery(number) for number in range(AT_ONCE)]
    for delivery in deliveries:
        atomic_ports.deliveries.add(delivery)
    receiver = SlowReceiver(others=AT_ONCE - SLOTS)
    outcomes = delivered(atomic_ports, receiver, [DeliveryMessage(key=each.key) for each in deliveries])
    assert outcomes == {Outcome.SUCCESS: SLOTS, Outcome.POSTPONED: AT_ONCE - SLOTS}
    assert receiver.most_together == SLOTS
    assert len(receiver.most) == SLOTS
    assert atomic_ports.webhooks.get(OWNER, make_webhook().webhook_id) == make_webhook(), "all slots are given back"
