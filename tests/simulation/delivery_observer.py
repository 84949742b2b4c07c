"""
The observer of deliveries: what each receiver was sent and took, and how each row has changed.

Like that of jobs it calls none of the product's predicates; the waits between attempts stand here a second time.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.domain.webhook_deliveries import Delivery, DeliveryKey
from chalicelib.domain.webhooks import Slot, WebhookId
from tests.simulation.event_observer import Broken, EventObserver, Step
from tests.simulation.observer import EARLY_MS, ms
from tests.simulation.plan import HOUR, SECOND, SKEW_MAX_MS

if TYPE_CHECKING:
    from chalicelib.domain.users import UserId
    from tests.simulation.actor import Actor

WAITS_MS = tuple(SECOND * seconds for seconds in (5, 30, 120, 480, 1800, 7200, 18_000, 28_800, 28_800))
ATTEMPTS = 10
SLOTS = 4
JITTER = 1.1
RETRY_AFTER_MAX_MS = 24 * HOUR
GONE = 410
CALLBACKS = "callbacks"
FINAL_TYPES = frozenset({"job.succeeded", "job.failed", "job.cancelled"})

DISABLED_AFTER_MS = 48 * HOUR

LATEST_WAIT_MS = int(8 * HOUR * JITTER) + HOUR
"""How long after everything is well again a delivery may still wait: its longest wait, and what brings it on."""

ATTEMPTS_WITHIN_MS = int(sum(WAITS_MS) * JITTER) + 4 * HOUR
"""How long all attempts take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Who of an owner's is told what, and whether its receiver gets well."""

    owner_id: "UserId"
    webhook_id: WebhookId
    url: str
    types: frozenset[str]
    is_dead: bool

    def wants(self, step: Step) -> bool:
        """Tell whether it is to be told of a transition."""
        if step.row.key.owner_id != self.owner_id or step.type not in self.types:
            return False
        return self.webhook_id != CALLBACKS or step.row.callback_url == self.url


@dataclass(slots=True, kw_only=True)
class DeliveryRecord:
    """What the observer knows of one delivery."""

    subscription: Subscription
    type: str
    status: str = "PENDING"
    recorded_in_set: int = 0
    not_before_ms: int
    is_taken: bool = False
    replays: int = 0
    was_refused_for_good: bool = False


@dataclass(slots=True, kw_only=True)
class Hand:
    """What one invocation has read, holds and did; ``answered`` is the status code, 0 for none, and when."""

    read: tuple[DeliveryKey, str, int, int] | None = None
    slot: tuple[WebhookId, int] | None = None
    posts: int = 0
    answered: tuple[int, int, int] | None = None
    is_recorded: bool = False
    is_settled: bool = False
    was_refused: bool = False


@dataclass(slots=True)
class DeliveryObserver:
    """Checks every attempt and every write of a delivery."""

    broken: Broken
    now_ms: Callable[[], int]
    events: EventObserver
    subscriptions: Mapping[tuple["UserId", str], Subscription]
    are_skewed: bool
    records: dict[DeliveryKey, DeliveryRecord] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    _hands: dict[str, Hand] = field(default_factory=dict)
    _under_way: dict[str, tuple[DeliveryKey, int]] = field(default_factory=dict)

    def hand(self, actor: "Actor") -> Hand:
        """Return what is known of an invocation."""
        return self._hands.setdefault(actor.name, Hand())

    def added(self, actor: "Actor", delivery: Delivery) -> None:
        """Check a new delivery."""
        key = delivery.key
        url = delivery.url or key.webhook_id
        subscription = self.subscriptions.get((key.owner_id, url))
        told = json.loads(delivery.body)
        if subscription is None or told["data"]["owner_id"] != key.owner_id or actor.kind != "relay":
            self.broken("W6 no owner's event goes to another", f"{actor.name} made a delivery to {url}")
            return
        if told["type"] not in subscription.types or told["type"] != delivery.event_type.value:
            self.broken("W1 all that is subscribed arrives", f"{told['type']} is not subscribed")
        if told["id"] != key.delivery_id:
            self.broken("W2 one delivery, one id", f"{told['id']} in the delivery of {key.delivery_id}")
        self.records[key] = DeliveryRecord(
            subscription=subscription, type=told["type"], not_before_ms=ms(delivery.run_at)
        )

    def read(self, actor: "Actor", key: DeliveryKey) -> None:
        """Note that an invocation reads a delivery as it stands."""
        record = self.records.get(key)
        if record is not None:
            self.hand(actor).read = (key, record.status, record.recorded_in_set, record.not_before_ms)

    def took(self, actor: "Actor", webhook_id: WebhookId, slot: Slot) -> None:
        """Note that an invocation holds a slot."""
        self.hand(actor).slot = (webhook_id, ms(slot.until))

    def settled(self, actor: "Actor") -> None:
        """Note that an invocation gives its slot back."""
        self.hand(actor).is_settled = True

    def posts(self, actor: "Actor", url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Check an attempt that begins."""
        hand = self.hand(actor)
        hand.posts += 1
        if hand.read is None:
            self.broken("W3 attempts within the maximum", f"{actor.name} posts what it has not read")
            return
        key, status, recorded, not_before_ms = hand.read
        record = self.records[key]
        told = json.loads(body)
        if not headers["webhook-id"] == told["id"] == key.delivery_id:
            self.broken("W2 one delivery, one id", f"{headers['webhook-id']} for {told['id']}")
        if url != record.subscription.url or told["data"]["owner_id"] != key.owner_id:
            self.broken("W6 no owner's event goes to another", f"{actor.name} posts to {url}")
        if told["type"] not in record.subscription.types:
            self.broken("W1 all that is subscribed arrives", f"{told['type']} is not subscribed")
        if status != "PENDING" or recorded >= ATTEMPTS or hand.posts > 1:
            self.broken("W3 attempts within the maximum", f"{actor.name} posts a {status} delivery, {recorded} before")
        if actor.reading + EARLY_MS < not_before_ms:
            self.broken("W3 attempts when due", f"{actor.name} posts {not_before_ms - actor.reading} ms early")
        self._in_slot(actor, key, hand.slot)

    def _in_slot(self, actor: "Actor", key: DeliveryKey, slot: tuple[WebhookId, int] | None) -> None:
        """Check those attempts that are under way under a slot that counts by every clock."""
        if slot is None or slot[0] != key.webhook_id:
            self.broken("W4 attempts in slots", f"{actor.name} posts without one")
            return
        counts_ms = self.now_ms() + (SKEW_MAX_MS if self.are_skewed else 0)
        self._under_way[actor.name] = (key, slot[1])
        at_once = [
            other
            for other, until_ms in self._under_way.values()
            if (other.owner_id, other.webhook_id) == (key.owner_id, key.webhook_id) and until_ms > counts_ms
        ]
        if len(at_once) > SLOTS:
            self.broken("W4 attempts in slots", f"{len(at_once)} attempts at once of {key.webhook_id}")
        if at_once.count(key) > 1:
            self.broken("W4 attempts in slots", f"{at_once.count(key)} attempts at once of {key.delivery_id}")

    def answered(self, actor: "Actor", code: int, *, is_taken: bool, retry_after_ms: int = 0) -> None:
        """Note how a receiver answered; code 0 for not at all."""
        self._under_way.pop(actor.name, None)
        hand = self.hand(actor)
        hand.answered = (code, self.now_ms() + actor.skew_ms, retry_after_ms)
        if hand.read is not None:
            record = self.records[hand.read[0]]
            record.is_taken = record.is_taken or is_taken
            if code == GONE:
                record.was_refused_for_good = True
                if record.subscription.webhook_id != CALLBACKS:
                    self.gone.add(record.subscription.url)

    def wrote(self, actor: "Actor", before: Delivery, after: Delivery) -> None:
        """Check a write of a row."""
        record = self.records[after.key]
        if before.token == after.token:
            if before.status is not after.status or before.attempt != after.attempt or actor.kind != "sweep":
                self.broken("W5 final stays final", f"{actor.name} changed more than the next look")
            return
        to = after.status.value
        if actor.kind == "replay":
            record.replays += 1
            record.recorded_in_set = 0
        elif actor.kind != "deliver" or record.status != "PENDING":
            self.broken("W5 final stays final", f"{record.status} became {to} by {actor.name}")
        else:
            self._recorded(actor, record, before, after)
        if (after.body, after.key) != (before.body, before.key):
            self.broken("W2 one delivery, one id", f"{actor.name} changed what is told")
        if (after.due_at is None) is (to == "PENDING"):
            self.broken("W1 all that is subscribed arrives", f"{to}, and due at {after.due_at}")
        record.status = to
        record.not_before_ms = ms(after.run_at)

    def _recorded(self, actor: "Actor", record: DeliveryRecord, before: Delivery, after: Delivery) -> None:
        hand = self.hand(actor)
        to = after.status.value
        code, ended_ms, retry_after_ms = hand.answered or (-1, 0, 0)
        is_success = 200 <= code < 300
        if hand.answered is not None and after.attempt != before.attempt:
            hand.is_recorded = True
            record.recorded_in_set += 1
        if is_success is not (to == "SUCCESS"):
            self.broken("W3 an attempt's end is written", f"{code} made it {to}")
        if code == GONE and to != "FAILED":
            self.broken("W3 an attempt's end is written", f"{code} made it {to}")
        has_only_failed = record.subscription.is_dead and self.now_ms() >= DISABLED_AFTER_MS
        is_disabled = record.subscription.url in self.gone or has_only_failed
        if to == "FAILED" and record.recorded_in_set < ATTEMPTS and code != GONE and not is_disabled:
            self.broken("W1 all that is subscribed arrives", f"given up after {record.recorded_in_set} attempts")
        if to == "PENDING":
            if record.recorded_in_set >= ATTEMPTS:
                self.broken("W3 attempts within the maximum", f"retried after {record.recorded_in_set}")
                return
            wait_ms = WAITS_MS[record.recorded_in_set - 1]
            asked_ms = min(retry_after_ms, RETRY_AFTER_MAX_MS)
            most_ms = actor.reading + max(int(wait_ms * JITTER), asked_ms) + SECOND
            if not ended_ms + max(wait_ms, asked_ms) - SECOND <= ms(after.run_at) <= most_ms:
                self.broken("W3 attempts when due", f"waits {ms(after.run_at) - ended_ms} ms, {asked_ms} asked for")

    def refused(self, actor: "Actor") -> None:
        """Note that a write was refused by its condition."""
        self.hand(actor).was_refused = True

    def left_off(self, actor: "Actor") -> None:
        """Check an invocation that came to its end by itself."""
        self._under_way.pop(actor.name, None)
        hand = self._hands.pop(actor.name, None)
        if hand is None or actor.was_failed:
            return
        if hand.answered is not None and not hand.is_recorded and not hand.was_refused:
            self.broken("W3 an attempt's end is written", f"{actor.name} posted and wrote nothing")
        if hand.slot is not None and not hand.is_settled:
            self.broken("W4 attempts in slots", f"{actor.name} kept its slot")

    def gone_with(self, actor: "Actor") -> None:
        """Forget a process that is gone."""
        self._under_way.pop(actor.name, None)
        self._hands.pop(actor.name, None)

    def at_end(self) -> None:
        """Check that everything arrived, once everything is well for long enough."""
        for steps in self.events.steps.values():
            for step in steps:
                if step.event is None:
                    continue
                for subscription in self.subscriptions.values():
                    if subscription.wants(step) and subscription.url not in self.gone:
                        self._arrived(step, subscription)

    def _arrived(self, step: Step, subscription: Subscription) -> None:
        record = next(
            (
                record
                for key, record in self.records.items()
                if step.event is not None and key.delivery_id == step.event.id and record.subscription is subscription
            ),
            None,
        )
        if record is None:
            self.broken("W1 all that is subscribed arrives", f"no delivery of {step.type} to {subscription.url}")
        elif record.status == "PENDING":
            self.broken("W1 all that is subscribed arrives", f"{step.type} is still PENDING")
        elif subscription.is_dead or record.was_refused_for_good:
            return
        elif not record.is_taken or record.status != "SUCCESS":
            self.broken("W1 all that is subscribed arrives", f"{step.type} is {record.status}")
