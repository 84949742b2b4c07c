from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.cloud_events import FINAL_EVENTS, JOB_EVENTS, EventType
from chalicelib.domain.webhooks import (
    CALLBACKS,
    PREVIOUS_SECRET_KEPT,
    SLOTS,
    DisabledBecause,
    Slot,
    is_webhook_id,
)
from tests.factories import make_webhook
from tests.fakes import NOON

MOMENT = timedelta(milliseconds=1)
LATER = NOON + timedelta(minutes=1)
WEBHOOK = make_webhook()


@pytest.mark.parametrize("event_type", EventType)
def test_it_wants_the_events_that_it_subscribes_to_unless_it_is_disabled(event_type: EventType) -> None:
    final = make_webhook(event_types=FINAL_EVENTS)
    assert final.wants(event_type) is (event_type in FINAL_EVENTS)
    assert WEBHOOK.wants(event_type) is (event_type in JOB_EVENTS)
    assert not final.disabled(DisabledBecause.OWNER, token="a", at=NOON).wants(event_type)


def test_a_disabled_one_says_why_and_since_when_until_it_is_enabled() -> None:
    failing = make_webhook(failing_since=NOON)
    disabled = failing.disabled(DisabledBecause.ONLY_FAILURES, token="disable", at=LATER)
    assert disabled.is_disabled
    assert (disabled.disabled_because, disabled.disabled_at) == (DisabledBecause.ONLY_FAILURES, LATER)
    assert disabled.failing_since == NOON
    assert disabled.enabled(token="enable") == make_webhook(token="enable")
    assert not WEBHOOK.is_disabled


def test_after_a_rotation_both_secrets_sign_for_a_day_and_then_the_new_one_alone() -> None:
    assert WEBHOOK.secrets_at(NOON) == ("whsec_first",)
    assert WEBHOOK.previous_secret_kept_at(NOON) is None
    rotated = WEBHOOK.rotated("whsec_second", token="rotate", at=NOON)
    end = NOON + timedelta(hours=24)
    assert rotated.token == "rotate"
    assert rotated.secrets_at(end - MOMENT) == ("whsec_second", "whsec_first")
    assert rotated.previous_secret_kept_at(end - MOMENT) == end
    assert rotated.secrets_at(end) == ("whsec_second",)
    assert rotated.previous_secret_kept_at(end) is None


def test_a_secret_that_is_kept_for_an_unknown_time_signs_no_more() -> None:
    assert make_webhook(previous_secret="whsec_before").secrets_at(NOON) == ("whsec_first",)


def test_of_three_secrets_within_a_day_the_first_is_dropped() -> None:
    rotated = WEBHOOK.rotated("whsec_second", token="a", at=NOON).rotated("whsec_third", token="b", at=LATER)
    assert rotated.secrets_at(LATER) == ("whsec_third", "whsec_second")
    assert rotated.previous_secret_until == LATER + PREVIOUS_SECRET_KEPT


def test_no_secret_is_shown_where_a_webhook_is() -> None:
    assert "whsec" not in repr(WEBHOOK.rotated("whsec_second", token="a", at=NOON))


def test_a_slot_is_free_until_it_is_taken_and_from_the_end_of_its_time() -> None:
    assert WEBHOOK.free_slots(NOON) == list(range(SLOTS))
    held = make_webhook(slots={0: Slot(delivery_id="a", until=LATER), 2: Slot(delivery_id="b", until=NOON)})
    assert held.free_slots(NOON) == [1, 2, 3]
    assert held.free_slots(LATER - MOMENT) == [1, 2, 3]
    assert held.free_slots(LATER) == [0, 1, 2, 3]


def test_a_delivery_is_under_way_while_it_holds_a_slot() -> None:
    held = make_webhook(slots={1: Slot(delivery_id="a", until=LATER)})
    assert held.is_delivering("a", LATER - MOMENT)
    assert not held.is_delivering("a", LATER)
    assert not held.is_delivering("b", NOON)


def test_what_is_not_to_be_changed_stays() -> None:
    failing = make_webhook(failing_since=NOON)
    assert failing.changed(token="change") == replace(failing, token="change")
    assert failing.changed(url=failing.url, token="change") == replace(failing, token="change")
    changed = failing.changed(event_types=FINAL_EVENTS, description="", token="change")
    assert changed == replace(failing, event_types=FINAL_EVENTS, description="", token="change")


def test_another_url_has_not_failed_yet() -> None:
    changed = make_webhook(failing_since=NOON).changed(url="https://example.org/", token="change")
    assert changed == make_webhook(url="https://example.org/", token="change")


@pytest.mark.parametrize("text", [CALLBACKS, WEBHOOK.webhook_id])
def test_an_id_is_a_uuid_or_callbacks(text: str) -> None:
    assert is_webhook_id(text)


@pytest.mark.parametrize("text", ["", "callback", "callbacks ", "Callbacks", WEBHOOK.webhook_id.upper(), "x" * 3000])
def test_nothing_else_is_an_id(text: str) -> None:
    assert not is_webhook_id(text)
