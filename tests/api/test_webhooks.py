"""Webhooks over HTTP: managed by their owner, their secrets shown once, disabled ones told of."""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.cloud_events import JOB_EVENTS
from chalicelib.domain.webhooks import CALLBACKS, WEBHOOKS_MAX, DisabledBecause, WebhookId
from tests.api.attempts import NO_ID
from tests.api.client import Api
from tests.factories import World

NOON = "2026-11-23T12:00:00Z"
URL = "https://example.com/hooks/jobs?token=hidden"


def patch(api: Api, token: str, webhook_id: str, **wanted: Any) -> Any:
    return api.send("PATCH", f"/webhooks/{webhook_id}", json.dumps(wanted), token=token)


def disabled_by(api: Api, because: DisabledBecause) -> None:
    """Do to the only webhook what a delivery does to one that it gives up."""
    (webhook,) = api.world.webhooks.all()
    now = api.world.clock.now()
    gone = replace(webhook, failing_since=now).disabled(because, token="deliver", at=now)
    api.world.webhooks.change(webhook, gone)


def test_a_secret_is_shown_when_it_is_made_and_never_again(caplog: pytest.LogCaptureFixture) -> None:
    api = Api()
    with caplog.at_level(logging.DEBUG):
        token = api.logged_in()
        made = api.new_webhook(token, url=URL, description="billing")
        webhook_id = made["webhook_id"]
        assert made == {
            "webhook_id": webhook_id,
            "url": URL,
            "event_types": sorted(JOB_EVENTS),
            "description": "billing",
            "is_disabled": False,
            "disabled_because": None,
            "disabled_at": None,
            "failing_since": None,
            "created_at": NOON,
            "previous_secret_until": None,
            "secret": made["secret"],
        }
        rotated = api.send("POST", f"/webhooks/{webhook_id}/secret", token=token)
        assert rotated.status == 201
        answers = [
            patch(api, token, webhook_id, description="", is_disabled=True),
            *(api.get(path, token=token) for path in ("/webhooks", f"/webhooks/{webhook_id}", "/me/audit", "/me")),
            api.send("DELETE", f"/webhooks/{webhook_id}", token=token),
        ]
    assert [answer.status for answer in answers] == [200, 200, 200, 200, 200, 204]
    logged = json.dumps([record.__dict__ for record in caplog.records], default=str)
    for secret in (made["secret"], rotated.json["secret"]):
        assert secret.startswith("whsec_")
        assert not [answer for answer in answers if secret in answer.text]
        assert secret not in logged + repr(api.world.audit.all())
    assert "hidden" not in logged + repr(api.world.audit.all())


def test_webhooks_are_listed_oldest_first_and_read_one_by_one() -> None:
    api = Api()
    token = api.logged_in()
    assert api.get("/webhooks", token=token).json == {"webhooks": []}
    first = api.new_webhook(token)
    api.world.clock.advance(minutes=1)
    second = api.new_webhook(token, event_types=["job.succeeded", "job.failed", "job.succeeded"])
    assert second["event_types"] == ["job.failed", "job.succeeded"]
    api.send("POST", f"/webhooks/{CALLBACKS}/secret", token=token)
    listed = api.get("/webhooks", token=token).json["webhooks"]
    assert [each["webhook_id"] for each in listed] == [first["webhook_id"], second["webhook_id"], CALLBACKS]
    for made, shown in zip((first, second), listed, strict=False):
        del made["secret"]
        assert shown == made == api.get(f"/webhooks/{made['webhook_id']}", token=token).json


def test_a_key_that_reads_jobs_reads_webhooks_and_does_no_more() -> None:
    api = Api()
    token = api.logged_in()
    made = api.new_webhook(token)
    path = f"/webhooks/{made['webhook_id']}"
    key = api.new_key(token, "jobs:read", "jobs:write")["api_key"]
    assert [api.get(each, token=key).status for each in ("/webhooks", path)] == [200, 200]
    before = api.world.webhooks.all()
    body = json.dumps({"url": URL})
    for method, where, text in (
        ("POST", "/webhooks", body),
        ("PATCH", path, body),
        ("DELETE", path, None),
        ("POST", f"{path}/secret", None),
        ("POST", f"/webhooks/{CALLBACKS}/secret", None),
    ):
        assert api.send(method, where, text, token=key).status == 403
    assert api.world.webhooks.all() == before


def test_a_change_keeps_what_is_left_out() -> None:
    api = Api()
    token = api.logged_in()
    made = api.new_webhook(token, description="billing")
    del made["secret"]
    webhook_id = made["webhook_id"]
    assert patch(api, token, webhook_id).json == made
    assert patch(api, token, webhook_id, url=None, is_disabled=None).json == made
    assert patch(api, token, webhook_id, url="https://example.org/").json == made | {"url": "https://example.org/"}
    changed = patch(api, token, webhook_id, event_types=["job.failed"], description="")
    assert changed.json == made | {"url": "https://example.org/", "event_types": ["job.failed"], "description": ""}
    assert api.get(f"/webhooks/{webhook_id}", token=token).json == changed.json


def test_a_webhook_that_was_given_up_says_why_and_since_when_until_it_is_enabled() -> None:
    api = Api()
    token = api.logged_in()
    webhook_id = api.new_webhook(token)["webhook_id"]
    disabled_by(api, DisabledBecause.ONLY_FAILURES)
    shown = api.get(f"/webhooks/{webhook_id}", token=token).json
    told = ("is_disabled", "disabled_because", "disabled_at", "failing_since")
    assert [shown[name] for name in told] == [True, "ONLY_FAILURES", NOON, NOON]
    enabled = patch(api, token, webhook_id, is_disabled=False).json
    assert [enabled[name] for name in told] == [False, None, None, None]
    disabled = patch(api, token, webhook_id, is_disabled=True).json
    assert [disabled[name] for name in told] == [True, "OWNER", NOON, None]


def test_after_a_rotation_both_secrets_are_good_for_a_day() -> None:
    api = Api()
    token = api.logged_in()
    made = api.new_webhook(token)
    path = f"/webhooks/{made['webhook_id']}"
    answer = api.send("POST", f"{path}/secret", token=token)
    end = "2026-11-24T12:00:00Z"
    assert answer.json == {"secret": answer.json["secret"], "previous_valid_until": end}
    assert answer.json["secret"] != made["secret"]

    def signing() -> tuple[str, ...]:
        (webhook,) = api.world.webhooks.all()
        return webhook.secrets_at(api.world.clock.now())

    api.world.clock.advance(days=1, seconds=-1)
    token = api.signed_in().access
    assert signing() == (answer.json["secret"], made["secret"])
    assert api.get(path, token=token).json["previous_secret_until"] == end
    api.world.clock.advance(seconds=1)
    assert signing() == (answer.json["secret"],)
    assert api.get(path, token=token).json["previous_secret_until"] is None


def test_the_webhook_of_callback_urls_is_made_by_its_first_secret_and_can_only_be_disabled() -> None:
    api = Api()
    token = api.logged_in()
    path = f"/webhooks/{CALLBACKS}"
    missing = api.get(path, token=token)
    assert (missing.status, missing.problem["code"]) == (404, "NOT_FOUND")
    assert f"POST {path}/secret" in missing.problem["detail"]
    made = api.send("POST", f"{path}/secret", token=token)
    assert (made.status, made.json["previous_valid_until"]) == (201, None)
    assert api.send("POST", f"{path}/secret", token=token).json["previous_valid_until"] == "2026-11-24T12:00:00Z"
    shown = api.get(path, token=token).json
    assert (shown["webhook_id"], shown["url"]) == (CALLBACKS, "")
    assert shown["event_types"] == ["job.cancelled", "job.failed", "job.succeeded"]
    for field, value in (("url", URL), ("event_types", ["job.failed"])):
        refused = patch(api, token, CALLBACKS, **{field: value})
        assert (refused.status, refused.problem["errors"][0]["pointer"]) == (422, f"#/{field}")
    assert api.send("DELETE", path, token=token).status == 409
    assert patch(api, token, CALLBACKS, is_disabled=True).json == shown | {
        "is_disabled": True,
        "disabled_because": "OWNER",
        "disabled_at": NOON,
    }
    assert patch(api, token, CALLBACKS, is_disabled=False).json == shown


def test_one_has_ten_webhooks_at_most() -> None:
    api = Api()
    token = api.logged_in()
    made = [api.new_webhook(token) for _ in range(WEBHOOKS_MAX)]
    refused = api.post("/webhooks", {"url": URL}, token=token)
    assert (refused.status, refused.problem["code"]) == (409, "CONFLICT")
    assert api.send("DELETE", f"/webhooks/{made[0]['webhook_id']}", token=token).status == 204
    api.new_webhook(token)
    api.new_webhook(api.logged_in("bob"))


def test_a_deleted_webhook_is_gone() -> None:
    api = Api()
    token = api.logged_in()
    path = f"/webhooks/{api.new_webhook(token)['webhook_id']}"
    assert [api.send("DELETE", path, token=token).status for _ in range(2)] == [204, 404]
    assert api.get(path, token=token).status == 404
    assert api.get("/webhooks", token=token).json == {"webhooks": []}


@pytest.mark.parametrize("webhook_id", [NO_ID, "nonsense", "x" * 3000, "callback"])
def test_what_is_no_id_of_ones_own_is_not_there(webhook_id: str) -> None:
    api = Api()
    token = api.logged_in()
    path = f"/webhooks/{webhook_id}"
    answers = [
        api.get(path, token=token),
        patch(api, token, webhook_id, is_disabled=True),
        api.send("DELETE", path, token=token),
        api.send("POST", f"{path}/secret", token=token),
    ]
    assert [answer.status for answer in answers] == [404] * 4


def test_what_was_done_with_webhooks_is_an_event_of_the_account() -> None:
    api = Api()
    token = api.logged_in()
    webhook_id = api.new_webhook(token, url=URL)["webhook_id"]
    patch(api, token, webhook_id, is_disabled=True)
    api.send("POST", f"/webhooks/{webhook_id}/secret", token=token)
    api.send("DELETE", f"/webhooks/{webhook_id}", token=token)
    events = api.get("/me/audit", token=token).json["events"][:4]
    assert [(event["action"], event["detail"]) for event in events] == [
        ("WEBHOOK_DELETED", webhook_id),
        ("WEBHOOK_SECRET_ROTATED", webhook_id),
        ("WEBHOOK_CHANGED", f"{webhook_id}: disabled"),
        ("WEBHOOK_CREATED", f"{webhook_id}: url https://example.com"),
    ]
    (session,) = api.get("/me/sessions", token=token).json["sessions"]
    assert {(event["actor"], event["credential_id"]) for event in events} == {("ada", session["session_id"])}


WRONG: list[tuple[dict[str, object], str]] = [
    ({"url": "http://example.com/"}, "#/url"),
    ({"url": "https://user" + ":password@example.com/"}, "#/url"),
    ({"url": "https://127.0.0.1/"}, "#/url"),
    ({"url": "https://169.254.169.254/latest/meta-data"}, "#/url"),
    ({"url": "https://example.com:8443/"}, "#/url"),
    ({"url": "https://example.com/" + "x" * 2048}, "#/url"),
    ({"url": ""}, "#/url"),
    ({"url": 7}, "#/url"),
    ({"event_types": []}, "#/event_types"),
    ({"event_types": "job.failed"}, "#/event_types"),
    ({"event_types": ["webhook.test"]}, "#/event_types/0"),
    ({"event_types": ["job.failed", "job.*"]}, "#/event_types/1"),
    ({"event_types": ["job.failed"] * 7}, "#/event_types"),
    ({"description": "x" * 201}, "#/description"),
    ({"description": 7}, "#/description"),
    ({"secret": "whsec_mine"}, "#/secret"),
    ({"failing_since": None}, "#/failing_since"),
]


@pytest.mark.parametrize(("changed", "pointer"), WRONG)
def test_a_webhook_that_may_not_be_is_refused_where_it_is_wrong(changed: dict[str, object], pointer: str) -> None:
    api = Api()
    token = api.logged_in()
    made = api.new_webhook(token)
    before = api.world.webhooks.all()
    answers = [
        api.post("/webhooks", {"url": URL} | changed, token=token),
        patch(api, token, made["webhook_id"], **changed),
    ]
    for answer in answers:
        assert answer.status == 422
        assert [error["pointer"] for error in answer.problem["errors"]] == [pointer]
    assert api.world.webhooks.all() == before


def test_is_disabled_is_a_truth_and_not_for_a_new_webhook() -> None:
    api = Api()
    token = api.logged_in()
    made = api.new_webhook(token)
    refused = patch(api, token, made["webhook_id"], is_disabled="yes")
    assert (refused.status, refused.problem["errors"][0]["pointer"]) == (422, "#/is_disabled")
    refused = api.post("/webhooks", {"url": URL, "is_disabled": True}, token=token)
    assert (refused.status, refused.problem["errors"][0]["pointer"]) == (422, "#/is_disabled")


def test_the_longest_description_and_all_events_are_taken() -> None:
    api = Api()
    token = api.logged_in()
    made = api.new_webhook(token, description="\u00e4" * 200, event_types=sorted(JOB_EVENTS))
    assert (made["description"], made["event_types"]) == ("\u00e4" * 200, sorted(JOB_EVENTS))


def test_on_a_laptop_a_webhook_may_lead_to_it() -> None:
    api = Api(World(webhooks_to_anywhere=True))
    assert api.new_webhook(api.logged_in(), url="http://localhost:9000/")["url"] == "http://localhost:9000/"


def test_the_webhooks_of_an_account_go_with_it() -> None:
    api = Api()
    token = api.logged_in()
    api.new_webhook(token)
    kept = WebhookId(api.new_webhook(api.logged_in("bob"))["webhook_id"])
    assert api.send("DELETE", "/me", token=token).status == 204
    for order, _ in api.world.erasures.orders:
        api.world.erasure().erase(order, lambda: pytest.fail("there is little to erase"))
    assert [each.webhook_id for each in api.world.webhooks.all()] == [kept]
