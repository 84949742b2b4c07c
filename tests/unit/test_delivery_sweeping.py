import logging
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.webhook_deliveries import SHARDS, Delivery, DeliveryKey
from chalicelib.event_ports import DeliveryMessage, DueDelivery
from chalicelib.services.delivery_sweeping import DeliverySweep
from chalicelib.services.due_rows import PAGE, Swept
from tests.factories import World, make_delivery
from tests.fakes import NOON

MINUTE = timedelta(minutes=1)
KEY = make_delivery().key


def plenty() -> timedelta:
    return MINUTE


def world_with(*deliveries: Delivery) -> tuple[World, DeliverySweep]:
    world = World()
    for delivery in deliveries:
        world.deliveries.add(delivery)
    return world, world.delivery_sweep()


def test_a_delivery_whose_message_was_lost_is_sent_again_and_looked_at_later() -> None:
    world, sweep = world_with(make_delivery(due_at=NOON))
    assert sweep.run(plenty) == Swept(looked_at=1, sent=1, is_complete=True)
    assert world.delivery_queue.messages == [(DeliveryMessage(key=KEY), timedelta())]
    assert world.deliveries.all() == [make_delivery(due_at=NOON + MINUTE)]
    assert sweep.run(plenty) == Swept(looked_at=0, sent=0, is_complete=True)


def test_a_delivery_that_waits_for_long_is_sent_ahead_to_arrive_when_it_is_due() -> None:
    run_at = NOON + timedelta(seconds=90)
    world, sweep = world_with(make_delivery(run_at=run_at, due_at=NOON))
    assert sweep.run(plenty).sent == 1
    assert world.delivery_queue.messages == [(DeliveryMessage(key=KEY), timedelta(seconds=90))]
    assert world.deliveries.all()[0].due_at == run_at + MINUTE


def test_a_delivery_that_waits_for_longer_than_a_message_can_is_looked_at_shortly_before() -> None:
    run_at = NOON + timedelta(hours=8)
    world, sweep = world_with(make_delivery(run_at=run_at, due_at=NOON))
    assert sweep.run(plenty) == Swept(looked_at=1, sent=0, is_complete=True)
    assert world.deliveries.all()[0].due_at == run_at - timedelta(minutes=2)


@pytest.mark.parametrize(("due_for_s", "again_in_s", "postponed"), [(0, 60, 0), (120, 120, 5), (86_400, 900, 9)])
def test_what_nobody_gets_round_to_is_sent_ever_more_rarely_and_steps_back_ever_longer(
    due_for_s: int, again_in_s: int, postponed: int
) -> None:
    """Messages of a webhook without a free slot go round; each look adds one, which must come to an end."""
    world, sweep = world_with(make_delivery(run_at=NOON - timedelta(seconds=due_for_s), due_at=NOON))
    assert sweep.run(plenty).sent == 1
    assert world.delivery_queue.messages == [(DeliveryMessage(key=KEY, postponed=postponed), timedelta())]
    assert world.deliveries.all()[0].due_at == NOON + timedelta(seconds=again_in_s)


def test_an_expired_delivery_is_put_off_and_not_sent() -> None:
    world, sweep = world_with(make_delivery(due_at=NOON, expires_at=NOON))
    assert sweep.run(plenty) == Swept(looked_at=1, sent=0, is_complete=True)
    assert world.deliveries.all()[0].due_at == NOON + timedelta(minutes=15)
    assert not world.delivery_queue.messages


def test_every_shard_is_swept_and_more_than_a_page_of_each() -> None:
    deliveries = [make_delivery(number, due_at=NOON) for number in range(SHARDS * (PAGE + 1))]
    world, sweep = world_with(*deliveries)
    assert sweep.run(plenty) == Swept(looked_at=len(deliveries), sent=len(deliveries), is_complete=True)
    assert {message.key for message, _ in world.delivery_queue.messages} == {each.key for each in deliveries}


@pytest.mark.parametrize("row", [None, make_delivery(due_at=NOON + MINUTE)])
def test_an_index_that_lags_behind_the_row_sends_nothing(row: Delivery | None) -> None:
    world, sweep = world_with(make_delivery(due_at=NOON))
    world.deliveries.get = lambda key: row  # type: ignore[method-assign]  # noqa: ARG005
    assert sweep.run(plenty) == Swept(looked_at=1, sent=0, is_complete=True)
    assert not world.delivery_queue.messages


def test_with_the_queue_away_the_deliveries_stay_due(caplog: pytest.LogCaptureFixture) -> None:
    world, sweep = world_with(make_delivery(due_at=NOON))
    world.delivery_queue.away = True
    assert sweep.run(plenty) == Swept(looked_at=1, sent=0, is_complete=False)
    assert caplog.records[0].message == "delivery cannot be swept now"
    assert caplog.records[0].__dict__["delivery_id"] == KEY.delivery_id
    world.delivery_queue.away = False
    assert sweep.run(plenty).sent == 1


def broken_rows(world: World, *keys: DeliveryKey) -> None:
    real_get = world.deliveries.get

    def get(key: DeliveryKey) -> Delivery | None:
        if key in keys:
            raise KeyError("status")  # noqa: EM101
        return real_get(key)

    world.deliveries.get = get  # type: ignore[method-assign]


def test_a_row_that_cannot_be_read_keeps_no_other_waiting_and_is_put_off(caplog: pytest.LogCaptureFixture) -> None:
    other = make_delivery(1 + SHARDS, due_at=NOON)
    world, sweep = world_with(make_delivery(due_at=NOON), other)
    broken_rows(world, KEY)
    assert sweep.run(plenty) == Swept(looked_at=2, sent=1, is_complete=True)
    assert [message.key for message, _ in world.delivery_queue.messages] == [other.key]
    assert caplog.records[0].message == "delivery cannot be swept"
    assert sweep.run(plenty).looked_at == 0
    assert world.deliveries.all()[0].due_at == NOON + timedelta(minutes=15)


def test_a_row_that_cannot_even_be_put_off_keeps_no_other_waiting(caplog: pytest.LogCaptureFixture) -> None:
    other = make_delivery(1 + SHARDS, due_at=NOON)
    world, sweep = world_with(make_delivery(due_at=NOON), other)
    broken_rows(world, KEY)
    real_look_again = world.deliveries.look_again

    def look_again(seen: DueDelivery, *, at: datetime) -> None:
        if seen.key == KEY:
            raise KeyError("due_at")  # noqa: EM101
        real_look_again(seen, at=at)

    world.deliveries.look_again = look_again  # type: ignore[method-assign]
    assert sweep.run(plenty) == Swept(looked_at=2, sent=1, is_complete=True)
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ["delivery cannot be swept", "row cannot be put off"]


@pytest.mark.parametrize("is_broken", [True, False])
def test_a_row_that_cannot_be_put_off_for_now_stays_due(is_broken: bool) -> None:  # noqa: FBT001 - a parameter
    world, sweep = world_with(make_delivery(due_at=NOON))
    if is_broken:
        broken_rows(world, KEY)

    def away(seen: DueDelivery, *, at: datetime) -> None:  # noqa: ARG001 - as the port has it
        detail = "throttled"
        raise Unavailable(detail)

    world.deliveries.look_again = away  # type: ignore[method-assign]
    assert sweep.run(plenty) == Swept(looked_at=1, sent=0, is_complete=False)


def test_a_look_does_not_fence_an_attempt_that_is_under_way() -> None:
    world, sweep = world_with(make_delivery(due_at=NOON))
    sweep.run(plenty)
    world.deliveries.advance(make_delivery(due_at=NOON), make_delivery(due_at=NOON).failed("gone", token="fail"))
    assert world.deliveries.all() == [make_delivery().failed("gone", token="fail")]


def test_of_every_sweep_the_log_has_a_line(caplog: pytest.LogCaptureFixture) -> None:
    world, sweep = world_with(make_delivery(due_at=NOON))
    with caplog.at_level(logging.INFO):
        sweep.run(plenty)
        world.deliveries.away = True
        sweep.run(plenty)
    lines = [record for record in caplog.records if record.message == "sweep of deliveries done"]
    assert [(line.levelname, line.__dict__["sent"]) for line in lines] == [("INFO", 1), ("WARNING", 0)]


def test_it_is_one_of_the_sweeps_of_each_minute() -> None:
    world, _ = world_with(make_delivery(due_at=NOON))
    world.services().every_minute.run(plenty)
    assert [message.key for message, _ in world.delivery_queue.messages] == [KEY]
