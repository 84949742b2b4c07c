"""The caller's own account over HTTP: what it is, what was done with it, and its end."""

import json

import pytest

from chalicelib.account_ports import Erasure
from chalicelib.services.accounts import ERASED_AGAIN_AFTER
from tests.api.client import PASSWORD, Api
from tests.factories import make_event

NOON = "2026-11-23T12:00:00Z"


@pytest.mark.asvs("15.3.1")
def test_an_account_is_told_without_its_hash_and_addresses() -> None:
    api = Api()
    token = api.logged_in("Ada.L@example.com")
    answer = api.get("/me", token=token)
    (user,) = api.world.users.all()
    assert answer.json == {
        "user_id": user.user_id,
        "username": "Ada.L@example.com",
        "role": "user",
        "created_at": NOON,
    }


def test_what_only_a_later_version_knows_is_told_as_it_was_recorded() -> None:
    """An update is under way, or was taken back."""
    api = Api()
    token = api.logged_in("ada")
    (user,) = api.world.users.all()
    api.world.audit.record(make_event(subject=user.user_id, action="KEY_ROTATED"))
    answer = api.get("/me/audit", token=token)
    assert answer.status == 200
    assert sorted(event["action"] for event in answer.json["events"]) == ["KEY_ROTATED", "REGISTERED", "SIGNED_IN"]


@pytest.mark.asvs("16.3.1")
def test_what_was_done_with_an_account_is_told_newest_first() -> None:
    api = Api()
    api.registered("ada")
    api.log_in("ada", "a wrong password", address="203.0.113.9")
    token = api.signed_in("ada", address="198.51.100.7").access
    (session,) = api.get("/me/sessions", token=token).json["sessions"]
    signed_in, failed, registered = api.get("/me/audit", token=token).json["events"]
    assert signed_in == {
        "event_id": signed_in["event_id"],
        "at": NOON,
        "action": "SIGNED_IN",
        "actor": "ada",
        "address": "198.51.100.7",
        "credential_id": session["session_id"],
        "detail": None,
    }
    assert (failed["action"], failed["address"], failed["credential_id"]) == ("SIGN_IN_FAILED", "203.0.113.9", None)
    assert registered["action"] == "REGISTERED"


@pytest.mark.asvs("8.2.2", "16.4.2")
def test_the_audit_trail_is_read_page_by_page_and_has_nothing_of_others() -> None:
    api = Api()
    api.registered("ada")
    api.registered("eve")
    for number in range(7):
        api.log_in("ada", "a wrong password", address=f"198.51.100.{number}")
        api.log_in("eve", "a wrong password")
        api.log_in("nobody", "a wrong password")
        api.world.clock.advance(seconds=1)
    token = api.signed_in("ada").access
    ids: list[str] = []
    query = "limit=2"
    while query:
        page = api.get("/me/audit", token=token, query=query).json
        assert len(page["events"]) <= 2
        assert {event["actor"] for event in page["events"]} <= {"ada"}
        ids += [event["event_id"] for event in page["events"]]
        query = page["next_cursor"] and f"limit=2&cursor={page['next_cursor']}"
    whole = api.get("/me/audit", token=token, query="limit=100").json
    assert ids == [event["event_id"] for event in whole["events"]]
    assert (len(ids), whole["next_cursor"]) == (9, None)
    assert len(api.get("/me/audit", token=token).json["events"]) == 9


def test_a_cursor_of_anothers_trail_leads_to_ones_own_events_only() -> None:
    api = Api()
    ada, eve = api.logged_in("ada"), api.logged_in("eve")
    cursor = api.get("/me/audit", token=eve, query="limit=1").json["next_cursor"]
    assert cursor
    events = api.get("/me/audit", token=ada, query=f"cursor={cursor}").json["events"]
    assert {event["actor"] for event in events} == {"ada"}


@pytest.mark.parametrize(
    "query",
    [
        "cursor=nonsense",
        "cursor=",
        f"cursor={'a' * 36}",
        f"cursor={'a' * 10_000}",
        "cursor=00000000-0000-4000-9000-00000000000G",
        "cursor=00000000-0000-4000-9000-000000000006%0a",
        "cursor=%00",
        "limit=0",
        "limit=101",
        "limit=1.5",
        "user_id=00000000-0000-4000-9000-000000000006",
        "subject=eve",
    ],
)
def test_a_query_that_is_none_of_the_trails_is_refused(query: str) -> None:
    api = Api()
    answer = api.get("/me/audit", token=api.logged_in(), query=query)
    assert (answer.status, answer.problem["code"]) == (400, "INVALID_PARAMETER")


@pytest.mark.asvs("7.4.2")
def test_a_deleted_account_is_gone_at_once_and_all_it_leaves_is_ordered_to_be_erased_twice() -> None:
    api = Api()
    api.registered("ada")
    session, other = api.signed_in(), api.signed_in()
    key = api.new_key(session.access)["api_key"]
    api.submitted(session.access)
    (user,) = api.world.users.all()
    answer = api.send("DELETE", "/me", token=session.access)
    assert (answer.status, answer.text) == (204, "")
    for token in (session.access, other.access, key):
        assert api.get("/jobs", token=token).status == 401
        assert api.send("DELETE", "/me", token=token).status == 401
    assert api.post("/token/refresh", {"refresh_token": other.refresh}).status == 401
    assert api.log_in().status == 401
    assert not api.world.users.all()
    assert not api.world.credentials.rows
    erasure = Erasure(user_id=user.user_id, username="ada")
    assert [order for order, _ in api.world.erasures.orders] == [erasure] * 2
    assert [delay.total_seconds() for _, delay in api.world.erasures.orders] == [0, ERASED_AGAIN_AFTER.total_seconds()]
    assert api.world.audit.all()[-2].action == "ACCOUNT_DELETED", "before the failed log-in"


def test_the_name_of_a_deleted_account_is_free_and_its_next_user_is_another() -> None:
    api = Api()
    first = api.logged_in("ada")
    job_id = api.submitted(first)
    assert api.send("DELETE", "/me", token=first).status == 204
    second = api.logged_in("ada")
    assert api.get(f"/jobs/{job_id}", token=second).status == 404
    events = api.get("/me/audit", token=second).json["events"]
    assert [event["action"] for event in events] == ["SIGNED_IN", "REGISTERED"]
    assert api.get("/me", token=first).status == 401
    erase_again = api.world.erasures.orders[1][0]
    api.world.users.remove(erase_again.username, erase_again.user_id)
    assert api.get("/me", token=second).status == 200, "the second erasure is not of the new user"


def test_a_deletion_that_breaks_off_is_ordered_all_the_same() -> None:
    api = Api()
    token = api.logged_in()
    api.world.users.away = True
    answer = api.send("DELETE", "/me", token=token)
    assert (answer.status, answer.problem["code"]) == (503, "UNAVAILABLE")
    assert len(api.world.erasures.orders) == 2


def test_a_deletion_that_cannot_be_ordered_does_not_begin() -> None:
    api = Api()
    token = api.logged_in()
    api.world.erasures.away = True
    assert api.send("DELETE", "/me", token=token).status == 503
    api.world.erasures.away = False
    assert api.get("/me", token=token).status == 200
    assert api.send("DELETE", "/me", token=token).status == 204


@pytest.mark.parametrize("change", ["disabled", "gone"])
def test_a_session_whose_account_is_gone_is_told_that_its_token_is_invalid(change: str) -> None:
    """As when the credentials could not be removed with it."""
    api = Api()
    api.registered("ada")
    token = api.signed_in("ada").access
    (user,) = api.world.users.all()
    if change == "gone":
        api.world.users.remove("ada", user.user_id)
        api.registered("ada")
    else:
        api.world.users.change(user, user.administered(role=None, is_disabled=True), events=[])
    body = json.dumps({"current_password": PASSWORD, "new_password": f"another {PASSWORD}"})
    key = '{"name": "key", "scopes": ["jobs:read"]}'
    for method, path, text in (("GET", "/me", None), ("PUT", "/me/password", body), ("POST", "/api-keys", key)):
        answer = api.send(method, path, text, token=token)
        assert (answer.status, answer.problem["code"]) == (401, "NOT_AUTHENTICATED")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert len(api.world.credentials.rows) == 1
