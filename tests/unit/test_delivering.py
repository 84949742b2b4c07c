"""Attempts of deliveries: what each answer leads to, whoever else is at it, and whatever dies in between."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.delivery_waits import POSTPONED_MAX
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import ATTEMPTS, Delivery, DeliveryAttempt, DeliveryKey, DeliveryStatus
from chalicelib.domain.webhooks import CALLBACKS, SLOTS, DisabledBecause, Slot, Webhook, WebhookId
from chalicelib.event_ports import DeliveryMessage
from chalicelib.services.delivering import SLOT_HELD, SLOT_TRIES, Outcome
from tests.factories import OWNER, WEBHOOK, World, delivery_id_of, make_delivery, make_webhook
from tests.fakes import NOON

SECOND = timedelta(seconds=1)
TAKES = timedelta(milliseconds=125)
KEY = make_delivery().key
HELD = Slot(delivery_id="another", until=NOON + SLOT_HELD)


def world_with(*deliveries: Delivery, webhook: Webhook | None = None) -> World:
    world = World()
    world.webhooks.add(webhook or make_webhook())
    for delivery in deliveries or [make_delivery()]:
        world.deliveries.add(delivery)
    return world


def deliver(world: World, key: DeliveryKey = KEY, postponed: int = 0) -> Outcome:
    return world.delivering().deliver(DeliveryMessage(key=key, postponed=postponed))


def current(world: World, key: DeliveryKey = KEY) -> Delivery:
    delivery = world.deliveries.get(key)
    assert delivery is not None
    return delivery


def webhook_of(world: World, webhook_id: WebhookId = WEBHOOK) -> Webhook:
    webhook = world.webhooks.get(OWNER, webhook_id)
    assert webhook is not None
    return webhook


@pytest.mark.parametrize("status_code", [200, 201, 204, 299])
def test_a_delivery_that_is_taken_is_done(status_code: int) -> None:
    world = world_with()
    world.receivers.answers = [status_code]
    assert deliver(world) is Outcome.SUCCESS
    delivery = current(world)
    assert (delivery.status, delivery.attempt, delivery.due_at) == (DeliveryStatus.SUCCESS, 1, None)
    assert delivery.attempts == (DeliveryAttempt(at=NOON, duration=TAKES, status_code=status_code),)
    assert webhook_of(world) == make_webhook(), "the slot is given back"
    assert not world.delivery_queue.messages


def test_what_is_sent_is_the_event_as_it_was_stored_signed_with_every_secret_that_counts() -> None:
    body = '{"type":"job.succeeded","data":"ü"}'
    rotated = make_webhook(previous_secret="whsec_before", previous_secret_until=NOON + SECOND)
    world = world_with(make_delivery(body=body), webhook=rotated)
    deliver(world)
    (post,) = world.receivers.posts
    assert (post.url, post.body.decode()) == (rotated.url, body)
    assert post.headers == {
        "content-type": "application/json",
        "user-agent": "job-backend",
        "webhook-id": KEY.delivery_id,
        "webhook-timestamp": str(int(NOON.timestamp())),
        "webhook-signature": f"whsec_first:{len(body)} whsec_before:{len(body)}",
    }


@pytest.mark.parametrize("answer", [100, 199, 300, 301, 302, 307, 404, 409, 429, 500, 503, "no answer in 15 s"])
def test_any_other_answer_or_none_is_a_failed_attempt_and_the_next_one_is_sent_for(answer: int | str) -> None:
    world = world_with()
    world.receivers.answers = [answer]
    assert deliver(world) is Outcome.RETRIED
    delivery = current(world)
    assert (delivery.status, delivery.attempt, delivery.reason) == (DeliveryStatus.PENDING, 1, None)
    (attempt,) = delivery.attempts
    assert (attempt.status_code or attempt.error, attempt.at, attempt.duration) == (answer, NOON, TAKES)
    ended_at = NOON + TAKES
    assert delivery.run_at == ended_at + timedelta(seconds=5.25), "half of the chance of a tenth more"
    assert delivery.due_at == delivery.run_at + timedelta(seconds=60)
    assert world.delivery_queue.messages == [(DeliveryMessage(key=KEY), timedelta(seconds=6))]
    assert webhook_of(world) == make_webhook(failing_since=ended_at)


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("1", timedelta(seconds=5.25)),
        ("600", timedelta(seconds=600)),
        ("Mon, 23 Nov 2026 12:10:00 GMT", timedelta(minutes=10) - TAKES),
        ("nonsense", timedelta(seconds=5.25)),
    ],
)
def test_a_receiver_that_asks_for_time_gets_it(retry_after: str, wait: timedelta) -> None:
    world = world_with()
    world.receivers.answers = [(503, retry_after)]
    assert deliver(world) is Outcome.RETRIED
    assert current(world).run_at == NOON + TAKES + wait


def test_what_waits_longer_than_a_message_can_is_left_to_the_sweep() -> None:
    world = world_with()
    world.receivers.answers = [(503, "100000")]
    assert deliver(world) is Outcome.RETRIED
    delivery = current(world)
    assert delivery.run_at == NOON + TAKES + timedelta(days=1)
    assert delivery.due_at == delivery.run_at - timedelta(minutes=2)
    assert not world.delivery_queue.messages


def test_a_message_that_cannot_be_sent_is_left_to_the_sweep(caplog: pytest.LogCaptureFixture) -> None:
    world = world_with()
    world.receivers.answers = [503]
    world.delivery_queue.away = True
    assert deliver(world) is Outcome.RETRIED
    assert current(world).due_at is not None
    errors = [each.message for each in caplog.records if each.levelno == logging.ERROR]
    assert errors == ["message not sent; the sweep will send it"]


def test_an_endpoint_that_is_away_for_a_day_is_tried_ten_times_and_then_given_up() -> None:
    world = world_with()
    world.receivers.answers = [503]
    outcomes = []
    while not current(world).is_final:
        world.clock.advance(seconds=max((current(world).run_at - world.clock.now()).total_seconds(), 0))
        outcomes.append(deliver(world))
    assert outcomes == [Outcome.RETRIED] * (ATTEMPTS - 1) + [Outcome.FAILED]
    delivery = current(world)
    assert (delivery.status, delivery.reason) == (DeliveryStatus.FAILED, "every attempt failed")
    assert len(delivery.attempts) == len(world.receivers.posts) == ATTEMPTS
    taken = world.receivers.posts[-1].at - world.receivers.posts[0].at
    assert timedelta(hours=23) < taken < timedelta(hours=27)
    assert not webhook_of(world).is_disabled, "two days of failures it takes"


def test_an_endpoint_that_comes_back_gets_what_is_pending_and_its_failures_are_forgotten() -> None:
    tired = make_delivery(attempt=8, run_at=NOON)
    world = world_with(tired, webhook=make_webhook(failing_since=NOON - timedelta(days=30)))
    assert deliver(world) is Outcome.SUCCESS
    assert webhook_of(world) == make_webhook()


LAST = make_delivery(attempt=ATTEMPTS - 1)


@pytest.mark.parametrize(
    ("since", "disabled"),
    [
        (timedelta(days=2) - TAKES, DisabledBecause.ONLY_FAILURES),
        (timedelta(days=2) - TAKES - timedelta(milliseconds=1), None),
        (None, None),
    ],
)
def test_with_only_failures_for_two_days_what_is_given_up_takes_its_webhook_with_it(
    since: timedelta | None, disabled: DisabledBecause | None, caplog: pytest.LogCaptureFixture
) -> None:
    webhook = make_webhook(failing_since=None if since is None else NOON - since)
    world = world_with(LAST, webhook=webhook)
    world.receivers.answers = [500]
    assert deliver(world) is Outcome.FAILED
    found = webhook_of(world)
    assert (found.disabled_because, found.slots) == (disabled, {})
    assert found.disabled_at == (None if disabled is None else NOON + TAKES)
    assert (found.token == webhook.token) is (disabled is None)
    assert found.failing_since == webhook.failing_since or found.failing_since == NOON + TAKES
    warned = [each for each in caplog.records if each.message == "webhook disabled"]
    assert [each.__dict__["because"] for each in warned] == ([] if disabled is None else [disabled])


def test_with_only_failures_for_long_an_attempt_that_is_not_the_last_disables_nothing() -> None:
    world = world_with(webhook=make_webhook(failing_since=NOON - timedelta(days=30)))
    world.receivers.answers = [500]
    assert deliver(world) is Outcome.RETRIED
    assert not webhook_of(world).is_disabled


def test_a_success_that_came_while_the_last_attempt_was_under_way_keeps_the_webhook() -> None:
    world = world_with(LAST, make_delivery(2), webhook=make_webhook(failing_since=NOON - timedelta(days=30)))
    world.receivers.answers = [500, 200]
    world.receivers.meanwhile = lambda: succeed_the_other(world)

    def succeed_the_other(world: World) -> None:
        assert deliver(world, make_delivery(2).key) is Outcome.SUCCESS

    assert deliver(world) is Outcome.FAILED
    assert not webhook_of(world).is_disabled


def test_a_webhook_that_was_deleted_while_its_last_attempt_was_under_way_stays_so() -> None:
    world = world_with(LAST, webhook=make_webhook(failing_since=NOON - timedelta(days=30)))
    world.receivers.answers = [500]

    def delete() -> None:
        world.webhooks.remove(OWNER, WEBHOOK)

    world.receivers.meanwhile = delete
    assert deliver(world) is Outcome.FAILED
    assert world.webhooks.get(OWNER, WEBHOOK) is None


def test_a_receiver_that_is_gone_disables_its_webhook_at_once(caplog: pytest.LogCaptureFixture) -> None:
    world = world_with()
    world.receivers.answers = [410]
    assert deliver(world) is Outcome.FAILED
    delivery = current(world)
    assert (delivery.status, delivery.attempts[0].status_code) == (DeliveryStatus.FAILED, 410)
    assert delivery.reason == "the receiver answered 410: it wants no more of this"
    webhook = webhook_of(world)
    assert (webhook.disabled_because, webhook.disabled_at) == (DisabledBecause.GONE, NOON + TAKES)
    assert [each.message for each in caplog.records if each.levelno == logging.WARNING] == ["webhook disabled"]


def test_what_the_receiver_before_says_does_not_count_for_a_url_that_was_given_meanwhile() -> None:
    world = world_with()
    world.receivers.answers = [410]

    def give_another_url() -> None:
        webhook = webhook_of(world)
        world.webhooks.change(webhook, replace(webhook, url="https://next.example.com/hook", token="moved"))

    world.receivers.meanwhile = give_another_url
    assert deliver(world) is Outcome.FAILED
    assert not webhook_of(world).is_disabled


CALLED_BACK = DeliveryKey(owner_id=OWNER, webhook_id=CALLBACKS, delivery_id=KEY.delivery_id)


@pytest.mark.parametrize(("answer", "outcome"), [(410, Outcome.FAILED), (500, Outcome.RETRIED), (200, Outcome.SUCCESS)])
def test_no_callback_speaks_for_the_webhook_of_all(answer: int, outcome: Outcome) -> None:
    url = "https://example.net/called/back"
    webhook = make_webhook(webhook_id=CALLBACKS, url="")
    world = world_with(make_delivery(key=CALLED_BACK, url=url), webhook=webhook)
    world.receivers.answers = [answer]
    assert deliver(world, CALLED_BACK) is outcome
    assert [post.url for post in world.receivers.posts] == [url]
    assert webhook_of(world, CALLBACKS) == webhook


def test_a_callback_that_fails_for_long_disables_nothing() -> None:
    webhook = make_webhook(webhook_id=CALLBACKS, url="")
    world = world_with(replace(LAST, key=CALLED_BACK, url="https://a.example"), webhook=webhook)
    world.receivers.answers = ["no such host"]
    assert deliver(world, CALLED_BACK) is Outcome.FAILED
    assert webhook_of(world, CALLBACKS) == webhook


@pytest.mark.parametrize(
    ("delivery", "outcome"),
    [
        (make_delivery(2), Outcome.GONE),
        (make_delivery(expires_at=NOON), Outcome.GONE),
        (make_delivery(status=DeliveryStatus.SUCCESS, due_at=None), Outcome.ALREADY_FINAL),
        (make_delivery(status=DeliveryStatus.FAILED, due_at=None), Outcome.ALREADY_FINAL),
        (make_delivery(run_at=NOON + timedelta(milliseconds=1001)), Outcome.NOT_DUE),
    ],
)
def test_a_message_with_nothing_to_do_does_nothing(
    delivery: Delivery, outcome: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    world = world_with(delivery)
    with caplog.at_level(logging.INFO):
        assert deliver(world) is outcome
    assert world.deliveries.all() == [delivery]
    assert webhook_of(world) == make_webhook()
    assert not world.receivers.posts
    assert not world.delivery_queue.messages
    (line,) = caplog.records
    assert (line.message, line.__dict__["outcome"]) == ("delivery not tried", outcome)


def test_a_clock_that_is_a_little_behind_turns_no_message_away() -> None:
    assert deliver(world_with(make_delivery(run_at=NOON + SECOND))) is Outcome.SUCCESS


def test_what_is_pending_fails_when_its_webhook_was_deleted() -> None:
    world = world_with()
    world.webhooks.remove(OWNER, WEBHOOK)
    assert deliver(world) is Outcome.FAILED
    assert (current(world).status, current(world).attempts) == (DeliveryStatus.FAILED, ())
    assert current(world).reason == "the webhook was deleted"
    assert not world.receivers.posts


@pytest.mark.parametrize("because", list(DisabledBecause))
def test_what_is_pending_fails_when_its_webhook_is_disabled(because: DisabledBecause) -> None:
    world = world_with(webhook=make_webhook(disabled_because=because, disabled_at=NOON))
    assert deliver(world) is Outcome.FAILED
    assert current(world).reason == "the webhook is disabled; enable it, then replay this"
    assert not world.receivers.posts


def test_a_delivery_that_is_replayed_just_when_it_is_given_up_stays_replayed() -> None:
    world = world_with(webhook=make_webhook(disabled_because=DisabledBecause.OWNER, disabled_at=NOON))
    real_advance = world.deliveries.advance

    def overtaken(seen: Delivery, to: Delivery) -> None:
        real_advance(seen, seen.looked_at(again_at=NOON).replayed(**REPLAY))
        real_advance(seen, to)

    world.deliveries.advance = overtaken  # type: ignore[method-assign]
    assert deliver(world) is Outcome.SUPERSEDED
    assert current(world).token == "replay"


REPLAY: dict[str, Any] = {"token": "replay", "at": NOON, "due_at": NOON + SECOND, "retention": timedelta(days=14)}


@pytest.mark.parametrize(("answer", "since"), [(200, None), (500, NOON + TAKES)])
def test_what_came_of_an_attempt_that_a_replay_overtook_counts_for_the_webhook_only(
    answer: int, since: datetime | None
) -> None:
    world = world_with(webhook=make_webhook())
    replayed = make_delivery().replayed(**REPLAY)
    world.receivers.answers = [answer]
    world.receivers.meanwhile = lambda: world.deliveries.advance(make_delivery(), replayed)
    assert deliver(world) is Outcome.SUPERSEDED
    assert current(world) == replayed
    assert not world.delivery_queue.messages
    assert webhook_of(world) == make_webhook(failing_since=since), "the slot is given back"


def test_two_messages_of_a_delivery_are_one_post_at_a_time() -> None:
    world = world_with()
    second: list[Outcome] = []
    world.receivers.meanwhile = lambda: second.append(deliver(world))
    assert deliver(world) is Outcome.SUCCESS
    assert second == [Outcome.UNDER_WAY]
    assert len(world.receivers.posts) == 1


@pytest.mark.parametrize("taken", [0, 1])
def test_of_two_messages_that_see_the_same_slots_one_posts(taken: int) -> None:
    """The other has taken its slot, this one's or another, between the look and the write."""
    world = world_with()
    rival = Slot(delivery_id=KEY.delivery_id, until=NOON + SLOT_HELD, token="rival")
    real_get = world.webhooks.get

    def overtaken(owner_id: UserId, webhook_id: WebhookId) -> Webhook | None:
        seen = real_get(owner_id, webhook_id)
        world.webhooks.take_slot(make_webhook(), taken, rival, at=NOON)
        return seen

    world.webhooks.get = overtaken  # type: ignore[method-assign]
    assert deliver(world) is Outcome.UNDER_WAY
    assert not world.receivers.posts
    assert real_get(OWNER, WEBHOOK) == make_webhook(slots={taken: rival})


def test_a_message_that_was_overtaken_by_a_whole_attempt_posts_nothing() -> None:
    """Its look at the webhook was before, and its look at the delivery is after: the row says that it is done."""
    world = world_with()
    real_get = world.webhooks.get

    def overtaken(owner_id: UserId, webhook_id: WebhookId) -> Webhook | None:
        seen = real_get(owner_id, webhook_id)
        world.webhooks.get = real_get  # type: ignore[method-assign]
        assert deliver(world) is Outcome.SUCCESS
        return seen

    world.webhooks.get = overtaken  # type: ignore[method-assign]
    assert deliver(world) is Outcome.ALREADY_FINAL
    assert len(world.receivers.posts) == 1


def test_a_webhook_that_is_deleted_between_the_look_and_the_slot_gets_nothing() -> None:
    world = world_with()
    real_get = world.webhooks.get

    def overtaken(owner_id: UserId, webhook_id: WebhookId) -> Webhook | None:
        seen = real_get(owner_id, webhook_id)
        world.webhooks.remove(owner_id, webhook_id)
        return seen

    world.webhooks.get = overtaken  # type: ignore[method-assign]
    assert deliver(world) is Outcome.FAILED
    assert current(world).reason == "the webhook was deleted"


def test_who_is_always_overtaken_by_others_gives_way() -> None:
    world = world_with()
    tried: list[int] = []

    def overtaken(webhook: Webhook, number: int, slot: Slot, *, at: datetime) -> None:  # noqa: ARG001 - as the port has it
        tried.append(number)
        raise ConcurrentUpdate(make_webhook())

    world.webhooks.take_slot = overtaken  # type: ignore[method-assign]
    assert deliver(world) is Outcome.POSTPONED
    assert len(tried) == SLOT_TRIES
    assert not world.receivers.posts


def full(**overrides: Any) -> Webhook:
    return make_webhook(slots=dict.fromkeys(range(SLOTS), HELD), **overrides)


@pytest.mark.parametrize("postponed", range(POSTPONED_MAX))
def test_without_a_free_slot_the_message_is_sent_again_ever_later_and_the_row_not_touched(postponed: int) -> None:
    world = world_with(webhook=full())
    assert deliver(world, postponed=postponed) is Outcome.POSTPONED
    delay = timedelta(seconds=min(2 ** (postponed + 1), 900))
    assert world.delivery_queue.messages == [(DeliveryMessage(key=KEY, postponed=postponed + 1), delay)]
    assert current(world) == make_delivery()
    assert not world.receivers.posts


@pytest.mark.parametrize("postponed", [POSTPONED_MAX, 10**6])
def test_a_message_that_was_postponed_often_enough_is_left_to_the_sweep(postponed: int) -> None:
    world = world_with(webhook=full())
    assert deliver(world, postponed=postponed) is Outcome.LEFT_TO_SWEEP
    assert not world.delivery_queue.messages
    assert current(world).due_at == NOON + timedelta(seconds=60), "it stays due"


def test_a_slot_whose_holder_died_is_free_when_its_time_is_over() -> None:
    world = world_with(webhook=full())
    world.clock.advance(seconds=SLOT_HELD.total_seconds())
    assert deliver(world) is Outcome.SUCCESS


def test_one_slow_endpoint_delays_no_other_owner() -> None:
    """Four attempts of it are under way; what else there is for it steps back, ever longer, and holds nobody up."""
    world = world_with(*(make_delivery(number) for number in range(1, 8)))
    other = DeliveryKey(owner_id=UserId("another"), webhook_id=WEBHOOK, delivery_id=delivery_id_of(1))
    world.webhooks.add(make_webhook(owner_id=other.owner_id, url="https://quick.example"))
    world.deliveries.add(make_delivery(key=other))
    slow = [make_delivery(number).key for number in range(1, 8)]
    outcomes: list[Outcome] = []

    def within(number: int) -> None:
        """Begin the next attempt while this one is under way."""
        if number < SLOTS:
            world.receivers.meanwhile = lambda: within(number + 1)
            outcomes.append(deliver(world, slow[number]))
            return
        for times in range(3):
            assert {deliver(world, key, times) for key in slow[SLOTS:]} == {Outcome.POSTPONED}
        assert deliver(world, other) is Outcome.SUCCESS
        assert world.receivers.posts[-1].url == "https://quick.example"

    within(0)
    assert outcomes == [Outcome.SUCCESS] * SLOTS
    delays = [delay // SECOND for message, delay in world.delivery_queue.messages if message.key == slow[-1]]
    assert delays == [2, 4, 8]
    assert [len(world.receivers.posts), webhook_of(world).slots] == [SLOTS + 1, {}]
    assert deliver(world, slow[-1], 3) is Outcome.SUCCESS, "with the slots free again, it goes through"


class Crash(BaseException):
    """The function is gone."""


def test_who_dies_with_a_slot_leaves_a_delivery_that_is_due_and_a_slot_that_ends() -> None:
    world = world_with()

    def die() -> None:
        raise Crash

    world.receivers.meanwhile = die
    with pytest.raises(Crash):
        deliver(world)
    assert current(world) == make_delivery()
    assert deliver(world) is Outcome.UNDER_WAY
    world.clock.advance(seconds=SLOT_HELD.total_seconds())
    assert world.delivery_sweep().run(lambda: timedelta(minutes=1)).sent == 1
    assert deliver(world) is Outcome.SUCCESS


def test_who_dies_before_the_slot_is_given_back_has_delivered() -> None:
    world = world_with()

    def die(*_: object, **__: object) -> None:
        raise Crash

    world.webhooks.settle = die  # type: ignore[method-assign]
    with pytest.raises(Crash):
        deliver(world)
    assert current(world).status is DeliveryStatus.SUCCESS
    assert deliver(world) is Outcome.ALREADY_FINAL
    assert webhook_of(world).free_slots(NOON + SLOT_HELD) == list(range(SLOTS))


@pytest.mark.parametrize("away", ["webhooks", "deliveries"])
def test_with_a_table_away_the_message_must_come_back(away: str) -> None:
    world = world_with()
    getattr(world, away).away = True
    with pytest.raises(Unavailable):
        deliver(world)
    assert not world.receivers.posts


def test_with_the_queue_away_a_message_without_a_slot_must_come_back() -> None:
    world = world_with(webhook=full())
    world.delivery_queue.away = True
    with pytest.raises(Unavailable):
        deliver(world)


def test_each_attempt_has_a_line_that_tells_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    url = "https://user.example/hook?token=hush"
    world = world_with(make_delivery(body='{"data":"private"}'), webhook=make_webhook(url=url))
    world.receivers.answers = [503, "no answer in 15 s", 200]
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            deliver(world)
            world.clock.advance(hours=1)
    lines = [each for each in caplog.records if each.message == "delivery tried"]
    assert [each.levelname for each in lines] == ["INFO"] * 3
    told = ("webhook_id", "delivery_id", "status_code", "error", "duration_ms", "outcome")
    assert [[each.__dict__[name] for name in told] for each in lines] == [
        [WEBHOOK, KEY.delivery_id, 503, None, 125, "RETRIED"],
        [WEBHOOK, KEY.delivery_id, None, "no answer in 15 s", 125, "RETRIED"],
        [WEBHOOK, KEY.delivery_id, 200, None, 125, "SUCCESS"],
    ]
    everything = str([each.__dict__ for each in caplog.records])
    assert not [each for each in ("hush", "private", "whsec", "user.example") if each in everything]
