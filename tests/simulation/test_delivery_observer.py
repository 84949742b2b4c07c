"""Each invariant of deliveries is broken once by hand."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from chalicelib.domain.cloud_events import JOB_EVENTS, CloudEvent
from chalicelib.domain.job_events import job_event
from chalicelib.domain.webhook_deliveries import Delivery, DeliveryAttempt, new_delivery
from chalicelib.domain.webhooks import CALLBACKS, Slot, WebhookId
from tests.simulation.actor import OWNERS, Actor
from tests.simulation.delivery_observer import ATTEMPTS, WAITS_MS, DeliveryObserver, Subscription
from tests.simulation.event_observer import EventObserver
from tests.simulation.observer import instant
from tests.simulation.plan import HOUR, MINUTE, SECOND, Plan
from tests.simulation.test_observer import History
from tests.simulation.world import World

if TYPE_CHECKING:
    from chalicelib.domain.users import UserId

ALL_ARRIVES = "W1 all that is subscribed arrives"
ONE_ID = "W2 one delivery, one id"
WITHIN_MAXIMUM = "W3 attempts within the maximum"
WHEN_DUE = "W3 attempts when due"
END_WRITTEN = "W3 an attempt's end is written"
IN_SLOTS = "W4 attempts in slots"
STAYS_FINAL = "W5 final stays final"
OWN_EVENTS = "W6 no owner's event goes to another"

WEBHOOK = WebhookId("webhook-0")
URL = "https://0.example/"
RETENTION = timedelta(days=14)


class Sent:
    """The event of a job that was submitted, on its way to the one webhook of its owner."""

    def __init__(self, *, types: frozenset[str] = frozenset(JOB_EVENTS), is_dead: bool = False) -> None:
        self.broken: set[str] = set()
        self.world = World(Plan(heal_at_ms=0), Random(1))
        events = EventObserver(self.note, lambda: self.world.scheduler.now, lambda: 0)
        owner_id = OWNERS[0]
        subscriptions: dict[tuple[UserId, str], Subscription] = {
            (owner_id, WEBHOOK): Subscription(
                owner_id=owner_id, webhook_id=WEBHOOK, url=URL, types=types, is_dead=is_dead
            )
        }
        self.observer = DeliveryObserver(
            self.note, lambda: self.world.scheduler.now, events, subscriptions, are_skewed=False
        )
        job = History().job
        events.happened("position 0", None, job)
        event = job_event(None, job, source="/simulated")
        assert event is not None
        self.event: CloudEvent = event
        events.came(self.event)
        self.delivery = self.new()

    def note(self, invariant: str, _detail: str) -> None:
        self.broken.add(invariant)

    def new(self, webhook_id: WebhookId = WEBHOOK, event: CloudEvent | None = None) -> Delivery:
        at = self.world.now()
        return new_delivery(event or self.event, webhook_id, token="t", at=at, due_at=at, retention=RETENTION)

    def actor(self, kind: str = "deliver") -> Actor:
        actor = Actor(self.world, kind, time_ms=60_000)
        actor.now()
        return actor

    def later(self, by_ms: int) -> None:
        self.world.scheduler.now += by_ms

    def add(self, delivery: Delivery | None = None) -> None:
        self.observer.added(self.actor("relay"), delivery or self.delivery)

    def begin(self, actor: Actor | None = None, *, number: int = 0) -> Actor:
        actor = actor or self.actor()
        self.observer.read(actor, self.delivery.key)
        slot = Slot(delivery_id=f"{number}", until=self.world.now() + timedelta(seconds=60))
        self.observer.took(actor, WEBHOOK, slot)
        return actor

    def post(self, actor: Actor, *, url: str = URL, event_id: str | None = None) -> None:
        headers = {"webhook-id": event_id or self.delivery.key.delivery_id}
        self.observer.posts(actor, url, headers, self.delivery.body.encode())

    def write(self, actor: Actor, to: Delivery) -> None:
        before, self.delivery = self.delivery, replace(to, token=f"{to.token}+")
        self.observer.wrote(actor, before, self.delivery)

    def attempt(self, code: int, *, retry_after_ms: int = 0, wait_ms: int | None = None) -> Actor:
        """Make one attempt to its end."""
        actor = self.begin()
        self.post(actor)
        self.observer.answered(actor, code, is_taken=code == 204, retry_after_ms=retry_after_ms)
        self.write(actor, self.after(code, wait_ms))
        self.observer.settled(actor)
        self.observer.left_off(actor)
        return actor

    def after(self, code: int, wait_ms: int | None = None) -> Delivery:
        made = DeliveryAttempt(at=self.world.now(), duration=timedelta(), status_code=code)
        delivery = self.delivery
        if code == 204:
            return delivery.succeeded(made, token=delivery.token)
        if code == 410 or delivery.attempt + 1 == delivery.last_attempt:
            return delivery.failed("it failed", token=delivery.token, attempt=made)
        tried = delivery.attempt - delivery.last_attempt + ATTEMPTS
        run_at = instant(self.world.scheduler.now + (WAITS_MS[tried] if wait_ms is None else wait_ms))
        return delivery.retried(made, token=delivery.token, run_at=run_at, due_at=run_at)

    def replay(self) -> None:
        at = self.world.now()
        to = self.delivery.replayed(token=self.delivery.token, at=at, due_at=at, retention=RETENTION)
        self.write(self.actor("replay"), to)


def test_a_delivery_that_fails_twice_and_is_replayed_breaks_nothing() -> None:
    sent = Sent()
    sent.add()
    sent.attempt(500)
    sent.later(WAITS_MS[0])
    sent.attempt(429, retry_after_ms=HOUR, wait_ms=HOUR)
    sent.later(HOUR)
    sent.attempt(204)
    sent.replay()
    sent.attempt(204)
    sent.observer.at_end()
    assert sent.broken == set()


def test_a_delivery_to_a_receiver_that_is_never_there_fails_after_its_attempts() -> None:
    sent = Sent(is_dead=True)
    sent.add()
    for wait_ms in (*WAITS_MS, 0):
        sent.attempt(0)
        sent.later(wait_ms)
    assert sent.delivery.attempt == ATTEMPTS
    sent.observer.at_end()
    assert sent.broken == set()


def test_a_process_that_is_gone_owes_nothing() -> None:
    sent = Sent()
    sent.add()
    actor = sent.begin()
    sent.post(actor)
    sent.observer.answered(actor, 204, is_taken=True)
    sent.observer.gone_with(actor)
    sent.attempt(204)
    sent.observer.at_end()
    assert sent.broken == set()


def test_a_webhook_whose_receiver_is_gone_gets_no_more() -> None:
    sent = Sent()
    sent.add()
    sent.attempt(410)
    sent.observer.at_end()
    assert sent.broken == set()


def no_delivery(sent: Sent) -> None:
    sent.observer.at_end()


def still_waiting(sent: Sent) -> None:
    sent.add()
    sent.observer.at_end()


def never_taken(sent: Sent) -> None:
    sent.add()
    actor = sent.begin()
    sent.post(actor)
    sent.observer.answered(actor, 204, is_taken=False)
    sent.write(actor, sent.after(204))
    sent.observer.at_end()


def given_up(sent: Sent) -> None:
    sent.add()
    actor = sent.begin()
    sent.post(actor)
    sent.observer.answered(actor, 500, is_taken=False)
    sent.write(actor, sent.delivery.failed("no more", token="t2", attempt=sent.after(500).attempts[-1]))


def final_and_due(sent: Sent) -> None:
    sent.add()
    actor = sent.begin()
    sent.post(actor)
    sent.observer.answered(actor, 204, is_taken=True)
    sent.write(actor, replace(sent.after(204), due_at=instant(0)))


def other_body(sent: Sent) -> None:
    told = json.loads(sent.delivery.body)
    sent.add(replace(sent.delivery, body=json.dumps({**told, "id": "another"})))


def changed_body(sent: Sent) -> None:
    sent.add()
    actor = sent.begin()
    sent.post(actor)
    sent.observer.answered(actor, 204, is_taken=True)
    sent.write(actor, replace(sent.after(204), body="{}"))


def other_id_sent(sent: Sent) -> None:
    sent.add()
    sent.post(sent.begin(), event_id="another")


def posted_unread(sent: Sent) -> None:
    sent.add()
    sent.post(sent.actor())


def posted_twice(sent: Sent) -> None:
    sent.add()
    actor = sent.begin()
    sent.post(actor)
    sent.observer.answered(actor, 500, is_taken=False)
    sent.post(actor)


def posted_when_done(sent: Sent) -> None:
    sent.add()
    sent.attempt(204)
    sent.post(sent.begin())


def retried_past_the_last(sent: Sent) -> None:
    sent.add()
    for wait_ms in WAITS_MS:
        sent.attempt(500)
        sent.later(wait_ms)
    sent.delivery = replace(sent.delivery, last_attempt=99)
    sent.attempt(500, wait_ms=WAITS_MS[-1])


def posted_early(sent: Sent) -> None:
    sent.add()
    sent.attempt(500)
    sent.later(WAITS_MS[0] - 2 * SECOND)
    sent.post(sent.begin())


def waits_too_short(sent: Sent) -> None:
    sent.add()
    sent.attempt(500, wait_ms=WAITS_MS[0] - 2 * SECOND)


def waits_too_long(sent: Sent) -> None:
    sent.add()
    sent.attempt(500, wait_ms=2 * WAITS_MS[0])


def retry_after_ignored(sent: Sent) -> None:
    sent.add()
    sent.attempt(429, retry_after_ms=HOUR)


def failure_as_success(sent: Sent) -> None:
    sent.add()
    actor = sent.begin()
    sent.post(actor)
    sent.observer.answered(actor, 500, is_taken=False)
    sent.write(actor, sent.after(204))


def gone_retried(sent: Sent) -> None:
    sent.add()
    actor = sent.begin()
    sent.post(actor)
    sent.observer.answered(actor, 410, is_taken=False)
    sent.write(actor, sent.after(500))


def end_not_written(sent: Sent) -> None:
    sent.add()
    actor = sent.begin()
    sent.post(actor)
    sent.observer.answered(actor, 204, is_taken=True)
    sent.observer.settled(actor)
    sent.observer.left_off(actor)


def without_slot(sent: Sent) -> None:
    sent.add()
    actor = sent.actor()
    sent.observer.read(actor, sent.delivery.key)
    sent.post(actor)


def slot_kept(sent: Sent) -> None:
    sent.add()
    sent.observer.left_off(sent.begin())


def one_delivery_twice_at_once(sent: Sent) -> None:
    sent.add()
    sent.post(sent.begin(number=0))
    sent.post(sent.begin(number=1))


def five_at_once(sent: Sent) -> None:
    for number in range(5):
        sent.delivery = sent.new(event=replace(sent.event, id=f"{number}"))
        sent.add()
        sent.post(sent.begin(number=number))


def final_overwritten(sent: Sent) -> None:
    sent.add()
    late = sent.begin()
    sent.post(late)
    sent.observer.answered(late, 500, is_taken=False)
    before = sent.delivery
    sent.attempt(204)
    sent.observer.wrote(late, sent.delivery, replace(before, token="late"))


def stored_again(sent: Sent) -> None:
    sent.add()
    sent.attempt(204)
    sent.observer.wrote(sent.actor("relay"), sent.delivery, replace(sent.new(), token="again"))


def look_changes_more(sent: Sent) -> None:
    sent.add()
    sent.observer.wrote(sent.actor("sweep"), sent.delivery, replace(sent.delivery, attempt=1))


def another_owners_webhook(sent: Sent) -> None:
    sent.add(sent.new(WebhookId("webhook-1")))


def another_url(sent: Sent) -> None:
    sent.add()
    sent.post(sent.begin(), url="https://1.example/")


@pytest.mark.parametrize(
    ("history", "invariant"),
    [
        (no_delivery, ALL_ARRIVES),
        (still_waiting, ALL_ARRIVES),
        (never_taken, ALL_ARRIVES),
        (given_up, ALL_ARRIVES),
        (final_and_due, ALL_ARRIVES),
        (other_body, ONE_ID),
        (changed_body, ONE_ID),
        (other_id_sent, ONE_ID),
        (posted_unread, WITHIN_MAXIMUM),
        (posted_twice, WITHIN_MAXIMUM),
        (posted_when_done, WITHIN_MAXIMUM),
        (retried_past_the_last, WITHIN_MAXIMUM),
        (posted_early, WHEN_DUE),
        (waits_too_short, WHEN_DUE),
        (waits_too_long, WHEN_DUE),
        (retry_after_ignored, WHEN_DUE),
        (failure_as_success, END_WRITTEN),
        (gone_retried, END_WRITTEN),
        (end_not_written, END_WRITTEN),
        (without_slot, IN_SLOTS),
        (slot_kept, IN_SLOTS),
        (one_delivery_twice_at_once, IN_SLOTS),
        (five_at_once, IN_SLOTS),
        (final_overwritten, STAYS_FINAL),
        (stored_again, STAYS_FINAL),
        (look_changes_more, STAYS_FINAL),
        (another_owners_webhook, OWN_EVENTS),
        (another_url, OWN_EVENTS),
    ],
)
def test_what_goes_wrong_with_a_delivery_is_noticed(history: Callable[[Sent], None], invariant: str) -> None:
    sent = Sent()
    history(sent)
    assert sent.broken == {invariant}


def test_what_a_webhook_has_not_subscribed_to_is_noticed() -> None:
    sent = Sent(types=frozenset({"job.failed"}))
    sent.add()
    assert sent.broken == {ALL_ARRIVES}


def test_four_attempts_at_once_are_as_many_as_there_are_slots() -> None:
    sent = Sent()
    for number in range(4):
        sent.delivery = sent.new(event=replace(sent.event, id=f"{number}"))
        sent.add()
        sent.post(sent.begin(number=number))
    assert sent.broken == set()


def test_an_attempt_whose_slot_has_ended_does_not_count() -> None:
    sent = Sent()
    sent.add()
    sent.post(sent.begin(number=0))
    sent.later(MINUTE)
    sent.post(sent.begin(number=1))
    assert sent.broken == set()


def test_a_callback_url_is_told_of_its_own_job_only() -> None:
    sent = Sent()
    url = "https://callbacks.example/0/0"
    called_back = Subscription(
        owner_id=OWNERS[0], webhook_id=CALLBACKS, url=url, types=frozenset({"job.submitted"}), is_dead=False
    )
    step = sent.observer.events.step_of(sent.event.id)
    assert step is not None
    assert not called_back.wants(step)
    assert called_back.wants(replace(step, row=replace(step.row, callback_url=url)))
