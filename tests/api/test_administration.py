"""Other people's accounts over HTTP: for administrators, and told to whom it concerns."""

import json
from typing import Any

import pytest

from tests.api.client import Answer, Api, Tokens

NOON = "2026-11-23T12:00:00Z"


def with_admin(*usernames: str) -> tuple[Api, str]:
    """An API with an administrator and some users; and the administrator's token."""
    api = Api()
    for username in ("root", *usernames):
        api.registered(username)
    api.made_admin("root")
    return api, api.signed_in("root").access


def changed(api: Api, token: str, username: str, **change: Any) -> Answer:
    return api.send("PATCH", f"/users/{username}", json.dumps(change), token=token)


def events(api: Api, token: str) -> list[tuple[str, str, str | None]]:
    told = api.get("/me/audit", token=token).json["events"]
    return [(event["action"], event["actor"], event["detail"]) for event in told]


@pytest.mark.asvs("8.2.3", "15.3.1")
def test_an_administrator_sees_what_an_account_is_and_not_its_hash() -> None:
    api, root = with_admin("ada")
    answer = api.get("/users/ADA", token=root)
    assert answer.json == {
        "user_id": answer.json["user_id"],
        "username": "ada",
        "role": "user",
        "is_disabled": False,
        "created_at": NOON,
    }


@pytest.mark.parametrize("in_path", ["ada+jobs@example.com", "ada%2Bjobs%40example.com", "ada%2bjobs@example.com"])
def test_a_name_is_found_however_its_characters_are_sent(in_path: str) -> None:
    """API Gateway hands a part of the path on as it was sent."""
    api, root = with_admin("ada+jobs@example.com")
    assert api.get(f"/users/{in_path}", token=root).json["username"] == "ada+jobs@example.com"


@pytest.mark.parametrize(
    "name", ["eve", "%00", "%2e%2e", "a%20b", "%25", "%", "%ff", "x" * 5_000, "{username}", "ada%00"]
)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_name_that_nobody_has_is_not_found(method: str, name: str) -> None:
    api, root = with_admin("ada")
    answer = api.send(method, f"/users/{name}", '{"role": "admin"}' if method == "PATCH" else None, token=root)
    assert (answer.status, answer.problem["code"]) == (404, "NOT_FOUND")


def test_a_new_administrator_is_one_at_once_and_until_it_is_taken_back() -> None:
    api, root = with_admin("ada", "eve")
    ada = api.signed_in("ada").access
    assert api.get("/users/eve", token=ada).status == 403
    answer = changed(api, root, "ada", role="admin")
    assert (answer.status, answer.json["role"]) == (200, "admin")
    assert api.get("/users/eve", token=ada).status == 200
    assert api.get("/me", token=ada).json["role"] == "admin"
    assert changed(api, ada, "root", role="user").status == 200
    assert api.get("/users/eve", token=root).status == 403
    assert changed(api, root, "root", role="admin").status == 403


@pytest.mark.asvs("7.4.2", "7.4.5")
def test_a_disabled_account_loses_every_credential_and_an_enabled_one_signs_in_again() -> None:
    api, root = with_admin("ada")
    ada: Tokens = api.signed_in("ada")
    key = api.new_key(ada.access)["api_key"]
    assert [api.get("/jobs", token=each).status for each in (ada.access, key)] == [200, 200]
    answer = changed(api, root, "ada", is_disabled=True)
    assert (answer.status, answer.json["is_disabled"]) == (200, True)
    assert [api.get("/jobs", token=each).status for each in (ada.access, key)] == [401, 401]
    assert api.get("/me", token=ada.access).status == 401
    assert api.post("/token/refresh", {"refresh_token": ada.refresh}).status == 401
    assert api.log_in("ada").status == 401
    assert changed(api, root, "ada", is_disabled=False).json["is_disabled"] is False
    assert api.log_in("ada").status == 200
    assert api.get("/jobs", token=key).status == 401, "what was deleted stays deleted"


def test_disabling_that_broke_off_is_completed_by_its_repetition() -> None:
    api, root = with_admin("ada")
    key = api.new_key(api.signed_in("ada").access)["api_key"]
    remove = api.world.credentials.remove_all
    api.world.credentials.remove_all = api.world.erasures.send  # type: ignore[assignment,method-assign]
    assert changed(api, root, "ada", is_disabled=True).status == 500
    api.world.credentials.remove_all = remove  # type: ignore[method-assign]
    assert api.get("/jobs", token=key).status == 200
    assert changed(api, root, "ada", is_disabled=True).status == 200
    assert api.get("/jobs", token=key).status == 401


@pytest.mark.parametrize("change", [{"role": "user"}, {"is_disabled": True}, {}])
def test_an_administrator_cannot_change_the_own_account(change: dict[str, Any]) -> None:
    """So there is always another to undo what one did."""
    api, root = with_admin()
    answer = changed(api, root, "ROOT", **change)
    assert (answer.status, answer.problem["code"]) == (409, "CONFLICT")
    assert api.get("/me", token=root).json["role"] == "admin"


def test_what_is_left_out_or_null_stays() -> None:
    api, root = with_admin("ada")
    changed(api, root, "ada", role="admin")
    for change in ({}, {"role": None}, {"role": None, "is_disabled": None}):
        assert changed(api, root, "ada", **change).json["role"] == "admin"
    assert changed(api, root, "ada", is_disabled=True).json["role"] == "admin"


def test_every_look_and_every_change_is_told_to_both_sides() -> None:
    api, root = with_admin("ada")
    ada = api.signed_in("ada").access
    api.get("/users/ada", token=root)
    changed(api, root, "ada", role="admin")
    assert events(api, ada)[:2] == [("ROLE_CHANGED", "root", "from user to admin"), ("USER_LOOKED_AT", "root", None)]
    assert events(api, root)[:2] == [
        ("USER_CHANGED", "root", "ada: from user to admin"),
        ("USER_LOOKED_AT", "root", "ada: USER_LOOKED_AT"),
    ]
    changed(api, root, "ada", is_disabled=True)
    changed(api, root, "ada", is_disabled=False)
    changed(api, root, "ada", is_disabled=False)
    assert [action for action, *_ in events(api, api.signed_in("ada").access)][1:3] == [
        "ACCOUNT_ENABLED",
        "ACCOUNT_DISABLED",
    ]
    assert ("ROLE_CHANGED", "(operator)", "from user to admin") in events(api, root)


@pytest.mark.asvs("8.2.1", "15.3.3")
def test_nobody_becomes_an_administrator_by_registering() -> None:
    api = Api()
    for more in ({"role": "admin"}, {"is_admin": True}):
        answer = api.post("/register", {"username": "eve", "password": "correct horse"} | more)
        assert answer.status == 422
    assert api.get("/me", token=api.logged_in("admin")).json["role"] == "user"


@pytest.mark.asvs("16.2.1")
def test_who_is_an_administrator_is_made_one_once() -> None:
    api, root = with_admin()
    api.made_admin("root")
    assert [each for each in events(api, root) if each[0] == "ROLE_CHANGED"] == [
        ("ROLE_CHANGED", "(operator)", "from user to admin")
    ]
