import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from chalicelib.domain.audit import AuditAction, AuditEvent
from chalicelib.domain.cloud_events import FINAL_EVENTS, JOB_EVENTS, EventType
from chalicelib.domain.errors import ConcurrentUpdate, Conflict, InvalidInput, NotFound, Unavailable
from chalicelib.domain.users import UserId
from chalicelib.domain.webhooks import CALLBACKS, SECRET_BYTES, WEBHOOKS_MAX, DisabledBecause, Slot, Webhook
from chalicelib.services.webhooks import WRITE_TRIES
from tests.factories import OWNER, World, make_webhook
from tests.sign_in import HOME, signed_in
from tests.webhook_fakes import InMemoryWebhookRepository

URL = "https://example.com/hooks/abc?token=hidden"
NO_ID = "00000000-0000-4000-9000-00000000ffff"


class Owned:
    """A world with a user who is signed in."""

    def __init__(self, webhooks: InMemoryWebhookRepository | None = None, **overrides: Any) -> None:
        self.world = World(webhooks=webhooks or InMemoryWebhookRepository(), **overrides)
        self.service = self.world.webhook_service()
        self.caller = signed_in(self.world.services())
        self._before = len(self.world.audit.all())

    def created(self, url: str = URL, **overrides: Any) -> Webhook:
        values: dict[str, Any] = {"event_types": JOB_EVENTS, "description": "", "address": HOME}
        return self.service.create(self.caller, url=url, **values | overrides)

    def changed(self, webhook_id: str, **wanted: Any) -> Webhook:
        values: dict[str, Any] = dict.fromkeys(("url", "event_types", "description", "is_disabled"))
        return self.service.change(self.caller, webhook_id, **values | wanted, address=HOME)

    def rotated(self, webhook_id: str) -> Webhook:
        return self.service.rotate_secret(self.caller, webhook_id, address=HOME)

    def delete(self, webhook_id: str) -> None:
        self.service.delete(self.caller, webhook_id, address=HOME)

    def stored(self, webhook_id: str) -> Webhook:
        return self.service.get(self.caller.user_id, webhook_id)

    def events(self) -> list[AuditEvent]:
        return list(self.world.audit.all())[self._before :]

    def told(self) -> list[tuple[str, str | None]]:
        return [(event.action, event.detail) for event in self.events()]


def not_found(call: Callable[[], object]) -> None:
    with pytest.raises(NotFound, match="GET /webhooks lists those you have"):
        call()


class Rivalled(InMemoryWebhookRepository):
    """The first ``times`` changes come too late: another has given the webhook another description."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._left = times

    def change(self, seen: Webhook, to: Webhook) -> None:
        if self._left:
            self._left -= 1
            super().change(seen, seen.changed(description=f"of a rival {self._left}", token=f"rival {self._left}"))
        super().change(seen, to)


def test_a_webhook_is_stored_as_asked_with_a_secret_of_its_own() -> None:
    owned = Owned()
    made = owned.created(event_types=[EventType.FAILED, EventType.FAILED], description="billing")
    assert owned.stored(made.webhook_id) == made
    assert (made.owner_id, made.url, made.description) == (owned.caller.user_id, URL, "billing")
    assert made.event_types == {EventType.FAILED}
    assert (made.created_at, made.is_disabled) == (owned.world.clock.now(), False)
    prefix, _, encoded = made.secret.partition("_")
    assert prefix == "whsec"
    assert len(base64.b64decode(encoded, validate=True)) == SECRET_BYTES
    assert owned.created().secret != made.secret


@pytest.mark.parametrize("url", ["http://example.com/", "https://10.0.0.1/", "https://localhost/", "ftp://a/", ""])
def test_a_url_to_which_nothing_may_be_sent_is_refused_and_nothing_is_told(url: str) -> None:
    owned = Owned()
    made = owned.created()
    for call in (owned.created, partial(owned.changed, made.webhook_id)):
        with pytest.raises(InvalidInput) as refused:
            call(url=url)
        assert refused.value.pointer == "#/url"
    assert owned.world.webhooks.all() == [made]
    assert len(owned.events()) == 1


def test_on_a_laptop_a_webhook_may_lead_anywhere() -> None:
    owned = Owned(webhooks_to_anywhere=True)
    made = owned.created("http://localhost:8000/")
    assert owned.changed(made.webhook_id, url="http://127.0.0.1:1/").url == "http://127.0.0.1:1/"
    assert owned.told()[0] == (AuditAction.WEBHOOK_CREATED, f"{made.webhook_id}: url http://localhost:8000")


def test_one_has_so_many_webhooks_and_no_more_until_one_is_deleted() -> None:
    owned = Owned()
    owned.service.callbacks_of(owned.caller.user_id)
    first, *_ = [owned.created() for _ in range(WEBHOOKS_MAX)]
    owned.changed(first.webhook_id, is_disabled=True)
    with pytest.raises(Conflict, match=f"you have {WEBHOOKS_MAX} webhooks"):
        owned.created()
    owned.delete(first.webhook_id)
    owned.created()
    assert len(owned.world.webhooks.all()) == WEBHOOKS_MAX + 1


@pytest.mark.parametrize("webhook_id", ["", NO_ID, "nonsense", "x" * 3000])
def test_webhooks_are_ones_own(webhook_id: str) -> None:
    owned = Owned()
    made = owned.created()
    wanted = webhook_id or made.webhook_id
    stranger = Owned(owned.world.webhooks)
    stranger.caller = replace(owned.caller, user_id=UserId("7f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a12"))
    assert stranger.service.all_of(stranger.caller.user_id) == []
    not_found(lambda: stranger.stored(wanted))
    not_found(lambda: stranger.changed(wanted, is_disabled=True))
    not_found(lambda: stranger.delete(wanted))
    not_found(lambda: stranger.rotated(wanted))
    assert owned.world.webhooks.all() == [made]
    assert stranger.events() == []


def test_what_is_left_out_of_a_change_stays() -> None:
    owned = Owned()
    made = owned.created()
    changed = owned.changed(made.webhook_id, url="https://example.org/")
    assert changed == replace(made, url="https://example.org/", token=changed.token)
    changed = owned.changed(made.webhook_id, event_types=[EventType.FAILED], description="billing")
    assert (changed.url, changed.description) == ("https://example.org/", "billing")
    assert changed.event_types == {EventType.FAILED}
    assert owned.stored(made.webhook_id) == changed
    assert len({made.token, changed.token}) == 2


def test_what_changes_nothing_is_neither_written_nor_told() -> None:
    owned = Owned()
    made = owned.created()
    same = {"url": made.url, "event_types": JOB_EVENTS, "description": "", "is_disabled": False}
    for wanted in ({}, same):
        assert owned.changed(made.webhook_id, **wanted) == made
    assert len(owned.events()) == 1


def test_a_webhook_is_disabled_by_its_owner_and_enabled_again() -> None:
    owned = Owned()
    made = owned.created()
    disabled = owned.changed(made.webhook_id, is_disabled=True)
    assert (disabled.disabled_because, disabled.disabled_at) == (DisabledBecause.OWNER, owned.world.clock.now())
    owned.world.clock.advance(minutes=1)
    assert owned.changed(made.webhook_id, is_disabled=True) == disabled
    enabled = owned.changed(made.webhook_id, is_disabled=False)
    assert enabled == replace(made, token=enabled.token)
    assert len({made.token, disabled.token, enabled.token}) == 3


def test_one_that_was_disabled_for_another_reason_keeps_it_until_it_is_enabled() -> None:
    owned = Owned()
    gone = make_webhook(
        owner_id=owned.caller.user_id,
        disabled_because=DisabledBecause.GONE,
        disabled_at=owned.world.clock.now(),
        failing_since=owned.world.clock.now(),
    )
    owned.world.webhooks.add(gone)
    assert owned.changed(gone.webhook_id, is_disabled=True) == gone
    enabled = owned.changed(gone.webhook_id, is_disabled=False)
    assert (enabled.is_disabled, enabled.failing_since) == (False, None)


def test_a_rotation_keeps_the_secret_before_it_for_a_day() -> None:
    owned = Owned()
    made = owned.created()
    rotated = owned.rotated(made.webhook_id)
    assert rotated.secret.startswith("whsec_")
    assert rotated.secrets_at(owned.world.clock.now()) == (rotated.secret, made.secret)
    assert rotated.previous_secret_until == owned.world.clock.now() + timedelta(hours=24)
    assert owned.stored(made.webhook_id) == rotated


def test_callbacks_are_made_when_they_are_needed_and_once() -> None:
    owned = Owned()
    made = owned.service.callbacks_of(owned.caller.user_id)
    assert (made.webhook_id, made.url, made.event_types) == (CALLBACKS, "", FINAL_EVENTS)
    assert owned.service.callbacks_of(owned.caller.user_id) == made
    assert owned.stored(CALLBACKS) == made
    assert owned.service.all_of(owned.caller.user_id) == [made]
    assert owned.events() == []


def test_the_first_secret_of_callbacks_makes_them_and_the_next_is_a_rotation() -> None:
    owned = Owned()
    with pytest.raises(NotFound, match="POST /webhooks/callbacks/secret"):
        owned.stored(CALLBACKS)
    first = owned.rotated(CALLBACKS)
    assert (first.previous_secret, owned.stored(CALLBACKS)) == (None, first)
    second = owned.rotated(CALLBACKS)
    assert second.secrets_at(owned.world.clock.now()) == (second.secret, first.secret)
    assert owned.told() == [(AuditAction.WEBHOOK_SECRET_ROTATED, "callbacks")] * 2


def test_callbacks_that_another_makes_at_the_same_time_are_rotated_and_made_once() -> None:
    class MadeMeanwhile(InMemoryWebhookRepository):
        def add(self, webhook: Webhook) -> Webhook:
            super().add(replace(webhook, secret="whsec_relays", token="relay"))
            return super().add(webhook)

    owned = Owned(MadeMeanwhile())
    rotated = owned.rotated(CALLBACKS)
    assert rotated.previous_secret == "whsec_relays"
    assert owned.stored(CALLBACKS) == rotated
    assert owned.told() == [(AuditAction.WEBHOOK_SECRET_ROTATED, "callbacks")]
    assert Owned(MadeMeanwhile()).service.callbacks_of(OWNER).token == "relay"


@pytest.mark.parametrize(("field", "value"), [("url", URL), ("event_types", [EventType.FAILED])])
def test_where_callbacks_go_and_what_of_cannot_be_changed(field: str, value: object) -> None:
    owned = Owned()
    made = owned.service.callbacks_of(owned.caller.user_id)
    with pytest.raises(InvalidInput, match=f"no {field} of its own") as refused:
        owned.changed(CALLBACKS, **{field: value})
    assert refused.value.pointer == f"#/{field}"
    with pytest.raises(Conflict, match="can be disabled"):
        owned.delete(CALLBACKS)
    assert owned.world.webhooks.all() == [made]
    assert owned.events() == []


def test_callbacks_can_be_disabled_and_enabled() -> None:
    owned = Owned()
    owned.service.callbacks_of(owned.caller.user_id)
    assert owned.changed(CALLBACKS, is_disabled=True).is_disabled
    assert not owned.changed(CALLBACKS, is_disabled=False).is_disabled


def test_everything_is_told_with_its_host_and_no_more_of_a_url_and_without_secrets() -> None:
    owned = Owned()
    made = owned.created()
    webhook_id = made.webhook_id
    secrets = [made.secret]
    owned.changed(webhook_id, url="https://example.org/path?token=hidden", description="hidden")
    owned.changed(webhook_id, event_types=[EventType.STARTED, EventType.FAILED], is_disabled=True)
    owned.changed(webhook_id, is_disabled=False)
    secrets.append(owned.rotated(webhook_id).secret)
    owned.delete(webhook_id)
    assert owned.told() == [
        (AuditAction.WEBHOOK_CREATED, f"{webhook_id}: url https://example.com"),
        (AuditAction.WEBHOOK_CHANGED, f"{webhook_id}: url https://example.org, description"),
        (AuditAction.WEBHOOK_CHANGED, f"{webhook_id}: event_types job.failed job.started, disabled"),
        (AuditAction.WEBHOOK_CHANGED, f"{webhook_id}: enabled"),
        (AuditAction.WEBHOOK_SECRET_ROTATED, webhook_id),
        (AuditAction.WEBHOOK_DELETED, webhook_id),
    ]
    for event in owned.events():
        assert (event.subject, event.actor, event.address) == (owned.caller.user_id, "ada", HOME)
        assert event.credential_id == owned.caller.credential_id
    told = repr(owned.events())
    assert not [each for each in (*secrets, "hidden", "abc", "path") if each in told]


def test_what_is_done_is_logged_and_what_is_refused_is_not(caplog: pytest.LogCaptureFixture) -> None:
    owned = Owned()
    caplog.clear()
    with caplog.at_level("INFO"):
        made = owned.created()
        owned.changed(made.webhook_id, is_disabled=True)
        owned.rotated(made.webhook_id)
        owned.rotated(CALLBACKS)
        owned.delete(made.webhook_id)
    logged = [record.__dict__["action"] for record in caplog.records]
    assert logged == [event.action for event in owned.events()]
    assert "hidden" not in repr([record.__dict__ for record in caplog.records])
    owned.world.webhooks.away = True
    with caplog.at_level("INFO"), pytest.raises(Unavailable):
        owned.rotated(CALLBACKS)
    assert len(caplog.records) == len(logged)


def test_without_the_audit_trail_no_webhook_is_made_changed_or_deleted() -> None:
    owned = Owned()
    made = owned.created()
    owned.world.audit.away = True
    calls = (
        owned.created,
        lambda: owned.changed(made.webhook_id, description="changed"),
        lambda: owned.rotated(made.webhook_id),
        lambda: owned.rotated(CALLBACKS),
        lambda: owned.delete(made.webhook_id),
    )
    for call in calls:
        with pytest.raises(Unavailable):
            call()
    assert owned.world.webhooks.all() == [made]


def test_what_another_changed_meanwhile_is_changed_once_more_and_told_once() -> None:
    owned = Owned(Rivalled(WRITE_TRIES - 1))
    made = owned.created()
    changed = owned.changed(made.webhook_id, url="https://example.org/")
    assert (changed.url, changed.description) == ("https://example.org/", "of a rival 0")
    assert owned.stored(made.webhook_id) == changed
    assert [action for action, _ in owned.told()] == [AuditAction.WEBHOOK_CREATED, AuditAction.WEBHOOK_CHANGED]


def test_a_rotation_between_whose_look_and_write_another_rotates_keeps_that_secret() -> None:
    class RotatedMeanwhile(InMemoryWebhookRepository):
        def change(self, seen: Webhook, to: Webhook) -> None:
            if seen.token != "rival":
                super().change(seen, seen.rotated("whsec_rivals", token="rival", at=seen.created_at))
            super().change(seen, to)

    owned = Owned(RotatedMeanwhile())
    rotated = owned.rotated(owned.created().webhook_id)
    assert rotated.previous_secret == "whsec_rivals"
    assert owned.stored(rotated.webhook_id) == rotated


def test_what_others_change_all_the_time_is_given_up() -> None:
    owned = Owned(Rivalled(WRITE_TRIES))
    made = owned.created()
    with pytest.raises(Conflict, match="changed by others at the same time"):
        owned.changed(made.webhook_id, is_disabled=True)
    assert not owned.stored(made.webhook_id).is_disabled


def test_what_is_deleted_while_it_is_changed_is_not_found_and_stays_gone() -> None:
    class DeletedMeanwhile(InMemoryWebhookRepository):
        def change(self, seen: Webhook, to: Webhook) -> None:
            self.remove(seen.owner_id, seen.webhook_id)
            super().change(seen, to)

    owned = Owned(DeletedMeanwhile())
    made = owned.created()
    with pytest.raises(NotFound):
        owned.changed(made.webhook_id, is_disabled=True)
    assert owned.world.webhooks.all() == []


def test_a_deletion_that_another_did_meanwhile_is_done() -> None:
    class RemovedAlready(InMemoryWebhookRepository):
        def remove(self, owner_id: UserId, webhook_id: Any) -> bool:
            return super().remove(owner_id, webhook_id) and super().remove(owner_id, webhook_id)

    owned = Owned(RemovedAlready())
    owned.delete(owned.created().webhook_id)
    assert owned.world.webhooks.all() == []


def test_a_change_leaves_attempts_that_are_under_way_alone() -> None:
    owned = Owned()
    made = owned.created()
    slot = Slot(delivery_id="a", until=owned.world.clock.now() + timedelta(seconds=30))
    owned.world.webhooks.take_slot(made, 0, slot, at=owned.world.clock.now())
    assert owned.changed(made.webhook_id, description="changed").slots == {0: slot}
    with pytest.raises(ConcurrentUpdate):
        owned.world.webhooks.take_slot(made, 0, replace(slot, delivery_id="b"), at=owned.world.clock.now())
