from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.dynamodb.keys import EPOCH
from chalicelib.adapters.dynamodb.webhook_items import from_webhook_item, to_owned_attributes, to_webhook_item
from chalicelib.domain.cloud_events import JOB_EVENTS
from chalicelib.domain.users import UserId
from chalicelib.domain.webhooks import CALLBACKS, SLOTS, DisabledBecause, Slot, Webhook, WebhookId
from tests.factories import make_webhook
from tests.fakes import NOON

INSTANTS = st.integers(0, 2**43).map(lambda milliseconds: EPOCH + timedelta(milliseconds=milliseconds))
WEBHOOKS = st.builds(
    Webhook,
    owner_id=st.text().map(UserId),
    webhook_id=st.text().map(WebhookId),
    url=st.text(),
    event_types=st.frozensets(st.sampled_from(sorted(JOB_EVENTS))),
    description=st.text(),
    secret=st.text(),
    token=st.text(),
    created_at=INSTANTS,
    previous_secret=st.none() | st.text(),
    previous_secret_until=st.none() | INSTANTS,
    disabled_because=st.none() | st.sampled_from(DisabledBecause),
    disabled_at=st.none() | INSTANTS,
    failing_since=st.none() | INSTANTS,
    slots=st.dictionaries(st.integers(0, SLOTS - 1), st.builds(Slot, delivery_id=st.text(), until=INSTANTS)),
)


@given(WEBHOOKS)
def test_a_webhook_is_read_as_it_was_written(webhook: Webhook) -> None:
    assert from_webhook_item(to_webhook_item(webhook)) == webhook


@given(WEBHOOKS)
def test_what_an_owner_changes_has_no_slot_and_no_part_of_the_key(webhook: Webhook) -> None:
    assert not {"owner_id", "webhook_id", *(f"slot{number}" for number in range(SLOTS))} & set(
        to_owned_attributes(webhook)
    )


def test_what_a_webhook_does_not_have_takes_no_room() -> None:
    plain = make_webhook(webhook_id=CALLBACKS, url="", description="")
    assert set(to_webhook_item(plain)) == {
        "owner_id",
        "webhook_id",
        "event_types",
        "secret",
        "token",
        "created_at_epoch_ms",
    }


def test_more_slots_of_newer_code_are_passed_over() -> None:
    webhook = make_webhook(slots={SLOTS - 1: Slot(delivery_id="a", until=NOON)})
    item = to_webhook_item(webhook)
    item[f"slot{SLOTS}"] = item[f"slot{SLOTS - 1}"]
    assert from_webhook_item(item) == webhook
