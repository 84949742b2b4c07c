"""Webhooks by owner and id: changed over what was read, their slots held by one each, gone for good."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.batch_deletes import PAGE_ROWS
from chalicelib.adapters.dynamodb.webhook_items import to_webhook_item
from chalicelib.domain.cloud_events import FINAL_EVENTS, EventType
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.users import UserId
from chalicelib.domain.webhooks import CALLBACKS, SLOTS, DisabledBecause, Disabling, Slot, Webhook, WebhookId
from tests.contract.conftest import Aws, Ports
from tests.factories import OWNER, make_webhook
from tests.fakes import NOON

ANOTHER = UserId("7f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a12")
WEBHOOK = make_webhook()
ID = WEBHOOK.webhook_id
CALLED_BACK = make_webhook(webhook_id=CALLBACKS, url="", description="", event_types=FINAL_EVENTS)
LEASE = timedelta(seconds=30)
LATER = NOON + timedelta(minutes=1)
SLOT = Slot(delivery_id="first", until=NOON + LEASE)


def webhook_of(number: int, **overrides: Any) -> Webhook:
    return make_webhook(webhook_id=WebhookId(f"00000000-0000-4000-9000-{number:012x}"), **overrides)


def moved(call: Callable[[], None]) -> Webhook | None:
    """Write what must be refused; return the webhook that was found."""
    with pytest.raises(ConcurrentUpdate) as refusal:
        call()
    found = refusal.value.current
    assert found is None or isinstance(found, Webhook)
    return found


def settle(ports: Ports, slot: Slot = SLOT, *, number: int = 0, **overrides: Any) -> None:
    values: dict[str, Any] = {"failed_at": None}
    ports.webhooks.settle(OWNER, ID, number=number, slot=slot, **values | overrides)


def disabling(because: DisabledBecause = DisabledBecause.GONE, *, seen_token: str = WEBHOOK.token) -> Disabling:
    return Disabling(because=because, seen_token=seen_token, token="settle")


def taken(ports: Ports, webhook: Webhook = WEBHOOK, slot: Slot = SLOT, *, number: int = 0) -> Webhook:
    """Store a webhook and take a slot; return it as it is then."""
    ports.webhooks.add(webhook)
    ports.webhooks.take_slot(webhook, number, slot, at=NOON)
    return replace(webhook, slots={number: slot})


FULL = make_webhook(
    previous_secret="whsec_before",
    previous_secret_until=LATER,
    disabled_because=DisabledBecause.GONE,
    disabled_at=LATER,
    failing_since=NOON,
    slots={0: SLOT, 3: Slot(delivery_id="second", until=LATER)},
)
KINDS = {"ordinary": WEBHOOK, "callbacks": CALLED_BACK, "full": FULL}


@pytest.mark.parametrize("webhook", KINDS.values(), ids=KINDS)
def test_a_webhook_is_found_by_its_owner_and_its_id(ports: Ports, webhook: Webhook) -> None:
    assert ports.webhooks.add(webhook) == webhook
    assert ports.webhooks.get(OWNER, webhook.webhook_id) == webhook
    assert ports.webhooks.get(ANOTHER, webhook.webhook_id) is None
    assert ports.webhooks.get(OWNER, webhook_of(9).webhook_id) is None


def test_of_two_with_one_id_the_first_stands(ports: Ports) -> None:
    ports.webhooks.add(CALLED_BACK)
    late = replace(CALLED_BACK, secret="whsec_other", token="late")
    assert ports.webhooks.add(late) == CALLED_BACK
    assert ports.webhooks.get(OWNER, CALLBACKS) == CALLED_BACK


def test_all_of_an_owner_are_listed_oldest_first_and_callbacks_last(ports: Ports) -> None:
    assert ports.webhooks.all_of(OWNER) == []
    newest = webhook_of(1, created_at=LATER)
    # Behind "callbacks" by its text, and of the same moment as another.
    same_moment = make_webhook(webhook_id=WebhookId("f0000000-0000-4000-9000-000000000001"))
    oldest = webhook_of(2)
    for each in (CALLED_BACK, newest, same_moment, oldest, webhook_of(3, owner_id=ANOTHER)):
        ports.webhooks.add(each)
    assert ports.webhooks.all_of(OWNER) == [oldest, same_moment, newest, CALLED_BACK]
    assert ports.webhooks.all_of(ANOTHER) == [webhook_of(3, owner_id=ANOTHER)]


CHANGES: dict[str, Callable[[Webhook], Webhook]] = {
    "url": lambda webhook: webhook.changed(url="https://example.org/", token="change"),
    "events": lambda webhook: webhook.changed(event_types=frozenset({EventType.FAILED}), token="change"),
    "description": lambda webhook: webhook.changed(description="", token="change"),
    "rotated": lambda webhook: webhook.rotated("whsec_second", token="change", at=NOON),
    "disabled": lambda webhook: webhook.disabled(DisabledBecause.OWNER, token="change", at=NOON),
    "enabled": lambda webhook: webhook.enabled(token="change"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("webhook", [WEBHOOK, FULL], ids=["ordinary", "full"])
def test_a_change_is_written_over_what_was_read(
    ports: Ports, webhook: Webhook, change: Callable[[Webhook], Webhook]
) -> None:
    ports.webhooks.add(webhook)
    to = change(webhook)
    ports.webhooks.change(webhook, to)
    assert ports.webhooks.get(OWNER, ID) == to


def test_a_change_of_what_was_changed_since_is_refused_with_the_webhook_as_it_is(ports: Ports) -> None:
    ports.webhooks.add(WEBHOOK)
    first = WEBHOOK.changed(description="first", token="first")
    ports.webhooks.change(WEBHOOK, first)
    second = WEBHOOK.changed(url="https://example.org/", token="second")
    assert moved(lambda: ports.webhooks.change(WEBHOOK, second)) == first
    assert ports.webhooks.get(OWNER, ID) == first
    assert moved(lambda: ports.webhooks.change(replace(first, owner_id=ANOTHER), second)) is None


def test_a_webhook_that_is_gone_is_not_brought_back(ports: Ports) -> None:
    ports.webhooks.add(WEBHOOK)
    assert ports.webhooks.remove(OWNER, ID)
    assert moved(lambda: ports.webhooks.change(WEBHOOK, WEBHOOK.enabled(token="enable"))) is None
    assert moved(lambda: ports.webhooks.take_slot(WEBHOOK, 0, SLOT, at=NOON)) is None
    settle(ports, failed_at=LATER, disabling=disabling())
    assert ports.webhooks.get(OWNER, ID) is None
    assert not ports.webhooks.remove(OWNER, ID)


def test_a_change_leaves_what_attempts_have_written_since_it_was_read(ports: Ports) -> None:
    ports.webhooks.add(WEBHOOK)
    kept = Slot(delivery_id="second", until=LATER)
    for number, slot in enumerate((SLOT, kept)):
        ports.webhooks.take_slot(WEBHOOK, number, slot, at=NOON)
    settle(ports, failed_at=LATER)
    to = WEBHOOK.changed(description="changed", token="change")
    ports.webhooks.change(WEBHOOK, to)
    assert ports.webhooks.get(OWNER, ID) == replace(to, failing_since=LATER, slots={1: kept})


def test_slots_that_were_seen_and_given_back_since_stay_so(ports: Ports) -> None:
    seen = taken(ports, replace(WEBHOOK, failing_since=NOON))
    settle(ports)
    to = seen.changed(description="changed", token="change")
    ports.webhooks.change(seen, to)
    assert ports.webhooks.get(OWNER, ID) == replace(to, failing_since=None, slots={})


def test_a_slot_is_held_by_one_until_it_is_given_back(ports: Ports) -> None:
    held = taken(ports, number=2)
    rival = Slot(delivery_id="second", until=LATER)
    just_before = SLOT.until - timedelta(milliseconds=1)
    assert moved(lambda: ports.webhooks.take_slot(WEBHOOK, 2, rival, at=just_before)) == held
    settle(ports, number=2)
    assert ports.webhooks.get(OWNER, ID) == WEBHOOK
    ports.webhooks.take_slot(WEBHOOK, 2, rival, at=NOON)
    assert ports.webhooks.get(OWNER, ID) == replace(WEBHOOK, slots={2: rival})


def test_two_messages_of_a_delivery_that_ask_at_one_moment_are_two(ports: Ports) -> None:
    held = taken(ports, slot=replace(SLOT, token="first"))
    assert moved(lambda: ports.webhooks.take_slot(WEBHOOK, 0, replace(SLOT, token="second"), at=NOON)) == held


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_delivery_holds_one_slot_until_it_is_given_back_or_over(ports: Ports, number: int) -> None:
    """Two messages of it may come at once, and see different slots free."""
    held = taken(ports, number=2)
    again = replace(SLOT, until=SLOT.until + LEASE)
    assert moved(lambda: ports.webhooks.take_slot(WEBHOOK, number, again, at=NOON)) == held
    ports.webhooks.take_slot(WEBHOOK, number, again, at=SLOT.until)
    assert ports.webhooks.get(OWNER, ID) == replace(WEBHOOK, slots={2: SLOT, number: again})


def test_a_slot_whose_time_is_over_can_be_taken_and_its_late_holder_changes_nothing(ports: Ports) -> None:
    taken(ports)
    next_one = Slot(delivery_id="second", until=LATER)
    ports.webhooks.take_slot(WEBHOOK, 0, next_one, at=SLOT.until)
    held = replace(WEBHOOK, slots={0: next_one})
    assert ports.webhooks.get(OWNER, ID) == held
    for late in ({"failed_at": None}, {"failed_at": LATER}, {"failed_at": LATER, "disabling": disabling()}):
        settle(ports, **late)
        assert ports.webhooks.get(OWNER, ID) == held


def test_a_slot_of_the_same_delivery_at_another_time_is_another(ports: Ports) -> None:
    held = taken(ports)
    again = replace(SLOT, until=SLOT.until + LEASE)
    assert moved(lambda: ports.webhooks.take_slot(WEBHOOK, 0, again, at=NOON)) == held
    settle(ports, again, failed_at=LATER)
    assert ports.webhooks.get(OWNER, ID) == held


def test_slots_are_taken_each_by_itself_and_leave_the_token_as_it_is(ports: Ports) -> None:
    ports.webhooks.add(WEBHOOK)
    slots = {number: Slot(delivery_id=str(number), until=LATER) for number in range(SLOTS)}
    for number, slot in slots.items():
        ports.webhooks.take_slot(WEBHOOK, number, slot, at=NOON)
    assert ports.webhooks.get(OWNER, ID) == replace(WEBHOOK, slots=slots)
    settle(ports, slots.pop(1), number=1)
    assert ports.webhooks.get(OWNER, ID) == replace(WEBHOOK, slots=slots)


def test_the_first_failure_is_kept_until_a_success(ports: Ports) -> None:
    ports.webhooks.add(WEBHOOK)
    since: list[object] = []
    for failed_at in (NOON, LATER, None, LATER):
        ports.webhooks.take_slot(WEBHOOK, 0, SLOT, at=NOON)
        settle(ports, failed_at=failed_at)
        (found,) = ports.webhooks.all_of(OWNER)
        assert found.token == WEBHOOK.token
        since.append(found.failing_since)
    assert since == [NOON, NOON, None, LATER]


@pytest.mark.parametrize("because", [DisabledBecause.GONE, DisabledBecause.ONLY_FAILURES])
def test_an_attempt_disables_its_webhook_and_a_change_that_saw_it_before_is_refused(
    ports: Ports, because: DisabledBecause
) -> None:
    taken(ports, replace(WEBHOOK, failing_since=NOON))
    settle(ports, failed_at=LATER, disabling=disabling(because))
    disabled = replace(WEBHOOK, disabled_because=because, disabled_at=LATER, failing_since=NOON, token="settle")
    assert ports.webhooks.get(OWNER, ID) == disabled
    assert moved(lambda: ports.webhooks.change(WEBHOOK, WEBHOOK.changed(token="change"))) == disabled


def test_an_attempt_that_disables_is_the_first_failure_if_there_was_none(ports: Ports) -> None:
    taken(ports)
    settle(ports, failed_at=LATER, disabling=disabling())
    (found,) = ports.webhooks.all_of(OWNER)
    assert (found.failing_since, found.slots) == (LATER, {})


def test_a_webhook_that_its_owner_changed_meanwhile_is_not_disabled_and_its_slot_is_given_back(ports: Ports) -> None:
    held = taken(ports)
    changed = held.changed(description="changed", token="change")
    ports.webhooks.change(held, changed)
    settle(ports, failed_at=LATER, disabling=disabling())
    assert ports.webhooks.get(OWNER, ID) == replace(changed, failing_since=LATER, slots={})


def test_of_sixteen_that_take_one_slot_one_has_it_and_all_are_told(atomic_ports: Ports) -> None:
    atomic_ports.webhooks.add(WEBHOOK)
    rivals = [Slot(delivery_id=str(number), until=LATER) for number in range(16)]

    def take(slot: Slot) -> object:
        try:
            atomic_ports.webhooks.take_slot(WEBHOOK, 1, slot, at=NOON)
        except ConcurrentUpdate as refused:
            return refused.current
        return None

    with ThreadPoolExecutor(len(rivals)) as pool:
        found = list(pool.map(take, rivals))
    assert found.count(None) == 1
    held = replace(WEBHOOK, slots={1: rivals[found.index(None)]})
    assert found.count(held) == 15
    assert atomic_ports.webhooks.get(OWNER, ID) == held


def test_of_sixteen_changes_of_one_webhook_one_is_written_and_all_are_told(atomic_ports: Ports) -> None:
    atomic_ports.webhooks.add(WEBHOOK)
    rivals = [WEBHOOK.changed(description=str(number), token=str(number)) for number in range(16)]

    def change(to: Webhook) -> object:
        try:
            atomic_ports.webhooks.change(WEBHOOK, to)
        except ConcurrentUpdate as refused:
            return refused.current
        return None

    with ThreadPoolExecutor(len(rivals)) as pool:
        found = list(pool.map(change, rivals))
    assert found.count(None) == 1
    winner = rivals[found.index(None)]
    assert found.count(winner) == 15
    assert atomic_ports.webhooks.get(OWNER, ID) == winner


def test_of_sixteen_that_make_callbacks_at_once_all_have_the_same(atomic_ports: Ports) -> None:
    rivals = [replace(CALLED_BACK, secret=f"whsec_{number}", token=str(number)) for number in range(16)]
    with ThreadPoolExecutor(len(rivals)) as pool:
        made = list(pool.map(atomic_ports.webhooks.add, rivals))
    assert len({each.token for each in made}) == 1
    assert atomic_ports.webhooks.all_of(OWNER) == [made[0]]


def test_attempts_and_changes_at_once_lose_nothing_of_each_other(atomic_ports: Ports) -> None:
    atomic_ports.webhooks.add(WEBHOOK)

    def attempts(number: int) -> None:
        for count in range(8):
            slot = Slot(delivery_id=f"{number}-{count}", until=LATER)
            atomic_ports.webhooks.take_slot(WEBHOOK, number, slot, at=NOON)
            settle(atomic_ports, slot, number=number, failed_at=NOON)

    def changes() -> Webhook:
        seen = WEBHOOK
        for count in range(8):
            to = seen.changed(description=str(count), token=str(count))
            atomic_ports.webhooks.change(seen, to)
            seen = to
        return seen

    with ThreadPoolExecutor(SLOTS + 1) as pool:
        changing = pool.submit(changes)
        list(pool.map(attempts, range(SLOTS)))
    assert atomic_ports.webhooks.get(OWNER, ID) == replace(changing.result(), failing_since=NOON)


def test_writes_whose_responses_were_lost_count(lossy_ports: Ports) -> None:
    assert lossy_ports.webhooks.add(WEBHOOK) == WEBHOOK
    to = WEBHOOK.changed(description="changed", token="change")
    lossy_ports.webhooks.change(WEBHOOK, to)
    assert lossy_ports.webhooks.get(OWNER, ID) == to
    lossy_ports.webhooks.take_slot(to, 0, SLOT, at=NOON)
    assert lossy_ports.webhooks.get(OWNER, ID) == replace(to, slots={0: SLOT})
    settle(lossy_ports, failed_at=LATER)
    assert lossy_ports.webhooks.get(OWNER, ID) == replace(to, failing_since=LATER)


def test_a_removal_whose_response_was_lost_is_done_and_finds_none(lossy_ports: Ports) -> None:
    lossy_ports.webhooks.add(WEBHOOK)
    assert not lossy_ports.webhooks.remove(OWNER, ID)
    assert lossy_ports.webhooks.all_of(OWNER) == []


def test_all_webhooks_of_an_owner_are_erased_and_no_others(ports: Ports) -> None:
    assert not ports.webhooks.erase_some(OWNER)
    for number in range(PAGE_ROWS + 1):
        ports.webhooks.add(webhook_of(number))
    kept = webhook_of(1, owner_id=ANOTHER)
    ports.webhooks.add(CALLED_BACK)
    ports.webhooks.add(kept)
    assert ports.webhooks.erase_some(OWNER)
    while ports.webhooks.erase_some(OWNER):
        pass
    assert ports.webhooks.all_of(OWNER) == []
    assert ports.webhooks.all_of(ANOTHER) == [kept]


def test_more_than_one_query_reads_are_all_of_an_owner(aws: Aws) -> None:
    """A Query ends at 1 MB by itself."""
    webhooks = [webhook_of(number, description="x" * 300_000) for number in range(6)]
    for each in webhooks:
        aws.ports().webhooks.add(each)
    queries: list[object] = []
    aws.dynamodb.meta.events.register("before-call.dynamodb.Query", lambda **_: queries.append(1))
    assert aws.ports().webhooks.all_of(OWNER) == webhooks
    assert len(queries) > 1


@pytest.mark.parametrize(
    "call",
    [
        lambda webhooks: webhooks.add(WEBHOOK),
        lambda webhooks: webhooks.get(OWNER, ID),
        lambda webhooks: webhooks.all_of(OWNER),
        lambda webhooks: webhooks.change(WEBHOOK, WEBHOOK.enabled(token="enable")),
        lambda webhooks: webhooks.remove(OWNER, ID),
        lambda webhooks: webhooks.take_slot(WEBHOOK, 0, SLOT, at=NOON),
        lambda webhooks: webhooks.settle(OWNER, ID, number=0, slot=SLOT, failed_at=None),
        lambda webhooks: webhooks.erase_some(OWNER),
    ],
    ids=["add", "get", "all_of", "change", "remove", "take_slot", "settle", "erase_some"],
)
def test_without_the_table_every_call_says_so(away_ports: Ports, call: Callable[[Any], object]) -> None:
    with pytest.raises(Unavailable, match="the webhooks table does not answer"):
        call(away_ports.webhooks)


def test_a_row_that_cannot_be_read_is_left_out_and_named_in_the_log(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    """It must not keep the owner's other webhooks from being told."""
    ports = aws.ports()
    ports.webhooks.add(webhook_of(1))
    ports.webhooks.add(webhook_of(2))
    row: Any = to_webhook_item(webhook_of(1)) | {"disabled_because": {"S": "PAUSED"}}
    aws.dynamodb.put_item(TableName=aws.webhooks_table, Item=row)
    assert ports.webhooks.all_of(OWNER) == [webhook_of(2)]
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.message == "row of the webhooks table cannot be read; it is told nothing"
    assert record.__dict__["webhook_id"] == webhook_of(1).webhook_id
