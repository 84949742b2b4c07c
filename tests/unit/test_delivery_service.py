"""What owners do with deliveries: reading them, a test, and replays."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.cloud_events import EventType
from chalicelib.domain.errors import ConcurrentUpdate, Conflict, Expired, NotFound, Unavailable
from chalicelib.domain.stable_ids import stable_id
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import (
    ATTEMPTS,
    REPLAYED_MAX,
    Delivery,
    DeliveryAttempt,
    DeliveryId,
    DeliveryStatus,
)
from chalicelib.domain.webhooks import CALLBACKS, DisabledBecause
from chalicelib.event_ports import DeliveryMessage
from chalicelib.services.webhook_deliveries import WRITE_TRIES, DeliveryService, Replayed
from tests.factories import OWNER, WEBHOOK, World, delivery_id_of, make_delivery, make_webhook
from tests.fakes import NOON

ATTEMPT = DeliveryAttempt(at=NOON, duration=timedelta(milliseconds=250), status_code=503)
LATER = NOON + timedelta(hours=1)
FAILED = make_delivery().failed("every attempt failed", token="fail", attempt=ATTEMPT)
KEY = FAILED.key


def world_with(*deliveries: Delivery, **webhook: Any) -> tuple[World, DeliveryService]:
    world = World()
    world.webhooks.add(make_webhook(**webhook))
    for delivery in deliveries:
        world.deliveries.add(delivery)
    world.clock.advance(hours=1)
    return world, world.delivery_service()


def current(world: World) -> Delivery:
    (delivery,) = world.deliveries.all()
    return delivery


def test_a_delivery_is_read_by_its_owner() -> None:
    _, service = world_with(FAILED)
    assert service.get(OWNER, WEBHOOK, KEY.delivery_id) == FAILED
    page = service.page(OWNER, WEBHOOK, status=None, limit=9, after=None)
    assert page.deliveries == [FAILED]


CALLS: dict[str, dict[str, Any]] = {
    "page": {"status": None, "limit": 9, "after": None},
    "get": {"delivery_id": KEY.delivery_id},
    "test": {},
    "replay": {"delivery_id": KEY.delivery_id},
    "replay_since": {"first": delivery_id_of(0), "status": None},
}


@pytest.mark.parametrize(("call", "arguments"), CALLS.items())
@pytest.mark.parametrize(
    ("owner_id", "webhook_id"),
    [(UserId("another"), WEBHOOK), (OWNER, CALLBACKS), (OWNER, f"{WEBHOOK}#"), (OWNER, ""), (OWNER, "x" * 5000)],
)
def test_a_webhook_that_is_not_the_owner_s_has_nothing(
    call: str, arguments: dict[str, Any], owner_id: UserId, webhook_id: str
) -> None:
    world, service = world_with(FAILED)
    with pytest.raises(NotFound):
        getattr(service, call)(owner_id, webhook_id, **arguments)
    assert current(world) == FAILED


@pytest.mark.parametrize("call", ["get", "replay"])
@pytest.mark.parametrize("delivery_id", [delivery_id_of(2), "", "nonsense", "x" * 5000, WEBHOOK])
def test_a_delivery_that_the_webhook_does_not_have_is_not_found(call: str, delivery_id: str) -> None:
    _, service = world_with(FAILED)
    with pytest.raises(NotFound, match=f"GET /webhooks/{WEBHOOK}/deliveries"):
        getattr(service, call)(OWNER, WEBHOOK, delivery_id)


@pytest.mark.parametrize("call", ["get", "replay"])
def test_what_is_kept_no_longer_is_said_to_have_been_there(call: str) -> None:
    world, service = world_with(make_delivery(expires_at=LATER))
    with pytest.raises(Expired, match="kept until 2026-11-23T13:00:00Z"):
        getattr(service, call)(OWNER, WEBHOOK, KEY.delivery_id)
    assert service.page(OWNER, WEBHOOK, status=None, limit=9, after=None).deliveries == []
    assert service.replay_since(OWNER, WEBHOOK, first=delivery_id_of(0), status=None).count == 0
    assert not world.delivery_queue.messages


def test_a_test_is_an_event_of_its_own_that_is_tried_at_once() -> None:
    world, service = world_with()
    first, second = service.test(OWNER, WEBHOOK), service.test(OWNER, WEBHOOK)
    assert list(world.deliveries.all()) == [first, second]
    assert first.key.delivery_id != second.key.delivery_id
    assert first.key.delivery_id == stable_id(LATER, WEBHOOK, first.token)
    assert (first.event_type, first.status, first.run_at) == (EventType.TEST, DeliveryStatus.PENDING, LATER)
    assert first.due_at == LATER + timedelta(seconds=60)
    assert first.expires_at == LATER + timedelta(days=14)
    assert json.loads(first.body) == {
        "specversion": "1.0",
        "id": first.key.delivery_id,
        "source": "/job-backend/webhooks",
        "type": "webhook.test",
        "subject": WEBHOOK,
        "time": "2026-11-23T13:00:00.000Z",
        "timestamp": "2026-11-23T13:00:00.000Z",
        "datacontenttype": "application/json",
        "data": {"webhook_id": WEBHOOK},
    }
    assert world.delivery_queue.messages == [(DeliveryMessage(key=each.key), timedelta()) for each in (first, second)]


def test_the_webhook_of_callbacks_has_no_url_to_test() -> None:
    world, service = world_with(webhook_id=CALLBACKS, url="")
    with pytest.raises(Conflict, match="callback_url"):
        service.test(OWNER, CALLBACKS)
    assert not world.deliveries.all()


@pytest.mark.parametrize("call", ["test", "replay", "replay_since"])
def test_nothing_is_sent_to_a_disabled_webhook_but_its_log_can_be_read(call: str) -> None:
    world, service = world_with(FAILED, disabled_because=DisabledBecause.GONE, disabled_at=NOON)
    with pytest.raises(Conflict, match=f"enable it first, by PATCH /webhooks/{WEBHOOK} with is_disabled: false"):
        getattr(service, call)(OWNER, WEBHOOK, **CALLS[call])
    assert current(world) == FAILED
    assert service.get(OWNER, WEBHOOK, KEY.delivery_id) == FAILED


@pytest.mark.parametrize("ended", [FAILED, make_delivery().succeeded(ATTEMPT, token="success")])
def test_a_replay_delivers_again_with_the_same_id_and_keeps_the_log(ended: Delivery) -> None:
    world, service = world_with(ended)
    replayed = service.replay(OWNER, WEBHOOK, KEY.delivery_id)
    assert current(world) == replayed
    assert (replayed.key, replayed.body, replayed.attempts) == (ended.key, ended.body, ended.attempts)
    assert (replayed.status, replayed.run_at) == (DeliveryStatus.PENDING, LATER)
    assert (replayed.attempt, replayed.last_attempt) == (1, 1 + ATTEMPTS)
    assert replayed.due_at == LATER + timedelta(seconds=60)
    assert replayed.expires_at == LATER + timedelta(days=14)
    ((message, delay),) = world.delivery_queue.taken()
    assert (message, delay) == (DeliveryMessage(key=KEY), timedelta())
    world.delivering().deliver(message)
    assert [post.headers["webhook-id"] for post in world.receivers.posts] == [KEY.delivery_id]
    assert [each.status_code for each in current(world).attempts] == [503, 200]


def test_a_replay_of_what_waits_has_it_tried_now() -> None:
    waiting = make_delivery().retried(ATTEMPT, token="retry", run_at=NOON + timedelta(hours=8), due_at=LATER)
    world, service = world_with(waiting)
    service.replay(OWNER, WEBHOOK, KEY.delivery_id)
    world.delivering().deliver(DeliveryMessage(key=KEY))
    assert current(world).status is DeliveryStatus.SUCCESS


def test_a_replay_that_an_attempt_overtook_is_decided_anew() -> None:
    world, service = world_with(make_delivery())
    real_get = world.deliveries.get
    ended = make_delivery().succeeded(ATTEMPT, token="success")

    def overtaken(key: Any) -> Delivery | None:
        seen = real_get(key)
        world.deliveries.advance(make_delivery(), ended)
        return seen

    world.deliveries.get = overtaken  # type: ignore[method-assign]
    assert service.replay(OWNER, WEBHOOK, KEY.delivery_id).attempts == (ATTEMPT,)
    assert (current(world).status, current(world).attempt) == (DeliveryStatus.PENDING, 1)


def moving(world: World, found: Delivery | None) -> list[Delivery]:
    """Have every transition refused, with the row found so; return what was tried."""
    tried: list[Delivery] = []

    def advance(seen: Delivery, to: Delivery) -> None:  # noqa: ARG001 - as the port has it
        tried.append(to)
        raise ConcurrentUpdate(found)

    world.deliveries.advance = advance  # type: ignore[method-assign]
    return tried


def test_a_replay_of_what_is_deleted_meanwhile_is_not_found() -> None:
    world, service = world_with(FAILED)
    moving(world, None)
    with pytest.raises(NotFound):
        service.replay(OWNER, WEBHOOK, KEY.delivery_id)
    assert not world.delivery_queue.messages


def test_a_replay_that_is_overtaken_each_time_is_to_be_tried_again() -> None:
    world, service = world_with(FAILED)
    tried = moving(world, FAILED)
    with pytest.raises(Unavailable, match="changing too quickly"):
        service.replay(OWNER, WEBHOOK, KEY.delivery_id)
    assert len(tried) == WRITE_TRIES


@pytest.mark.parametrize("away", [True, False])
def test_a_replay_whose_message_cannot_be_sent_stands_and_is_the_sweep_s(
    away: bool,  # noqa: FBT001 - a parameter
    caplog: pytest.LogCaptureFixture,
) -> None:
    world, service = world_with(FAILED)
    world.delivery_queue.away = away
    world.delivery_queue.refuses = {KEY}
    assert service.replay_since(OWNER, WEBHOOK, first=delivery_id_of(0), status=None).count == 1
    expected = "messages not sent; the sweep will send them" if away else "message refused; the sweep will send it"
    assert [each.message for each in caplog.records if each.levelno == logging.ERROR] == [expected]
    world.delivery_queue.away = False
    world.clock.advance(minutes=1)
    assert world.delivery_sweep().run(lambda: timedelta(minutes=1)).sent == 1


def many(count: int) -> list[Delivery]:
    return [
        make_delivery(number) if number % 2 else make_delivery(number).failed("all failed", token="fail")
        for number in range(count)
    ]


def walked(service: DeliveryService, first: DeliveryId, status: DeliveryStatus | None) -> list[int]:
    counts = []
    following: DeliveryId | None = first
    while following is not None:
        replayed = service.replay_since(OWNER, WEBHOOK, first=following, status=status)
        counts.append(replayed.count)
        following = replayed.next_after and delivery_id_of(int(replayed.next_after[-12:], 16) + 1)
    return counts


def test_all_since_a_time_are_replayed_each_once_a_hundred_a_call() -> None:
    deliveries = many(250)
    world, service = world_with(*deliveries)
    assert walked(service, delivery_id_of(20), None) == [REPLAYED_MAX, REPLAYED_MAX, 30]
    sent = [message.key for message, _ in world.delivery_queue.messages]
    assert sent == [each.key for each in deliveries[20:]]
    assert {each.run_at for each in world.deliveries.all()[20:]} == {LATER}
    assert list(world.deliveries.all()[:20]) == deliveries[:20]


def test_only_those_in_a_status_are_replayed_if_that_is_asked_for() -> None:
    deliveries = many(9)
    world, service = world_with(*deliveries)
    assert walked(service, delivery_id_of(0), DeliveryStatus.FAILED) == [5]
    assert [message.key for message, _ in world.delivery_queue.messages] == [each.key for each in deliveries[::2]]


def test_what_was_opened_before_a_store_went_away_is_sent() -> None:
    world, service = world_with(*many(3))
    real_advance = world.deliveries.advance

    def advance(seen: Delivery, to: Delivery) -> None:
        real_advance(seen, to)
        world.deliveries.away = True

    world.deliveries.advance = advance  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        service.replay_since(OWNER, WEBHOOK, first=delivery_id_of(0), status=None)
    assert [message.key for message, _ in world.delivery_queue.messages] == [make_delivery(0).key]


def test_there_may_be_nothing_to_replay() -> None:
    world, service = world_with()
    assert service.replay_since(OWNER, WEBHOOK, first=delivery_id_of(0), status=None) == Replayed(
        count=0, next_after=None
    )
    assert not world.delivery_queue.messages
