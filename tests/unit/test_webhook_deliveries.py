from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.cloud_events import EventType
from chalicelib.domain.webhook_deliveries import (
    ATTEMPTS,
    ATTEMPTS_KEPT,
    SHARDS,
    Delivery,
    DeliveryAttempt,
    DeliveryKey,
    DeliveryStatus,
    new_delivery,
    shard,
)
from tests.factories import OWNER, WEBHOOK, delivery_id_of, make_cloud_event, make_delivery
from tests.fakes import NOON

LATER = NOON + timedelta(seconds=5)
FAR = NOON + timedelta(days=1)
ATTEMPT = DeliveryAttempt(at=NOON, duration=timedelta(milliseconds=250), status_code=503)
DAY = timedelta(days=1)
NEW = make_delivery()


def retried(delivery: Delivery = NEW, token: str = "retry") -> Delivery:
    return delivery.retried(ATTEMPT, token=token, run_at=LATER, due_at=FAR)


def test_a_delivery_is_begun_with_its_event_to_be_tried_at_once() -> None:
    event = make_cloud_event()
    delivery = new_delivery(
        event, WEBHOOK, token="new", at=NOON + timedelta(milliseconds=1), due_at=LATER, retention=DAY, url="https://a"
    )
    assert delivery == Delivery(
        key=DeliveryKey(owner_id=OWNER, webhook_id=WEBHOOK, delivery_id=delivery_id_of(1)),
        event_type=EventType.SUCCEEDED,
        body=event.to_json(),
        status=DeliveryStatus.PENDING,
        token="new",
        attempt=0,
        last_attempt=ATTEMPTS,
        created_at=NOON + timedelta(milliseconds=1),
        run_at=NOON + timedelta(milliseconds=1),
        due_at=LATER,
        expires_at=FAR + timedelta(seconds=1),
        url="https://a",
    )
    assert delivery.key.delivery_id == event.id


def test_a_success_ends_it() -> None:
    delivery = replace(retried(), reason="left").succeeded(replace(ATTEMPT, status_code=204), token="success")
    assert (delivery.status, delivery.token, delivery.attempt) == (DeliveryStatus.SUCCESS, "success", 2)
    assert (delivery.due_at, delivery.reason, delivery.is_final) == (None, None, True)
    assert [each.status_code for each in delivery.attempts] == [503, 204]


def test_a_failure_that_is_not_the_last_leaves_it_waiting() -> None:
    delivery = retried()
    assert (delivery.status, delivery.token, delivery.attempt) == (DeliveryStatus.PENDING, "retry", 1)
    assert (delivery.run_at, delivery.due_at, delivery.is_final) == (LATER, FAR, False)
    assert (delivery.attempts, delivery.attempt_in_set) == ((ATTEMPT,), 1)


def test_it_is_given_up_after_an_attempt_or_without_one() -> None:
    tried = NEW.failed("every attempt failed", token="fail", attempt=ATTEMPT)
    untried = NEW.failed("the webhook was deleted", token="fail")
    assert (tried.attempt, tried.attempts, tried.reason) == (1, (ATTEMPT,), "every attempt failed")
    assert (untried.attempt, untried.attempts, untried.reason) == (0, (), "the webhook was deleted")
    assert {each.status for each in (tried, untried)} == {DeliveryStatus.FAILED}
    assert {(each.due_at, each.token) for each in (tried, untried)} == {(None, "fail")}


@pytest.mark.parametrize("ended", [NEW, retried(), NEW.failed("gone", token="fail", attempt=ATTEMPT)])
def test_a_replay_gives_it_fresh_attempts_and_keeps_the_id_and_the_log(ended: Delivery) -> None:
    replayed = ended.replayed(token="replay", at=FAR, due_at=FAR + timedelta(minutes=1), retention=timedelta(days=14))
    assert (replayed.key, replayed.body, replayed.attempts) == (ended.key, ended.body, ended.attempts)
    assert (replayed.status, replayed.reason, replayed.token) == (DeliveryStatus.PENDING, None, "replay")
    assert (replayed.run_at, replayed.due_at) == (FAR, FAR + timedelta(minutes=1))
    assert (replayed.attempt, replayed.attempt_in_set) == (ended.attempt, 0)
    assert replayed.last_attempt == ended.attempt + ATTEMPTS
    assert replayed.expires_at == FAR + timedelta(days=14)
    again = ended.replayed(token="replay", at=FAR, due_at=FAR, retention=timedelta(days=1))
    assert again.expires_at == ended.expires_at, "it is kept no shorter than it was to be"


def test_the_log_keeps_the_newest_attempts() -> None:
    delivery = NEW
    for number in range(ATTEMPTS_KEPT + 5):
        delivery = delivery.retried(replace(ATTEMPT, status_code=number), token="retry", run_at=LATER, due_at=FAR)
    assert [each.status_code for each in delivery.attempts] == list(range(5, ATTEMPTS_KEPT + 5))
    assert delivery.attempt == ATTEMPTS_KEPT + 5


def test_a_transition_moves_the_token_and_a_look_does_not() -> None:
    assert NEW.looked_at(again_at=FAR) == replace(NEW, due_at=FAR)
    assert NEW.is_unchanged_since(NEW.looked_at(again_at=FAR))
    assert not retried().is_unchanged_since(NEW)


def test_it_is_due_from_its_time_on_give_or_take_a_clock_s_error() -> None:
    delivery = make_delivery(run_at=LATER)
    assert not delivery.is_due(LATER - timedelta(milliseconds=1001))
    assert delivery.is_due(LATER - timedelta(seconds=1))
    assert delivery.is_due(FAR)


def test_it_is_expired_when_its_retention_is_over() -> None:
    assert NEW.is_expired(NEW.expires_at)
    assert not NEW.is_expired(NEW.expires_at - timedelta(milliseconds=1))


def test_deliveries_are_spread_over_all_shards() -> None:
    assert {shard(delivery_id_of(number)) for number in range(256)} == set(range(SHARDS))
