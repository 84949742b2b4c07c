"""API keys over HTTP: shown once, good for jobs by their scopes, wherever a token is used."""

import json
import logging
from datetime import timedelta

import pytest

from chalicelib.api.endpoint import Endpoint
from chalicelib.api.routes import ENDPOINTS
from chalicelib.domain.credentials import ApiKey
from chalicelib.domain.errors import Unavailable
from chalicelib.services.api_keys import KEYS_MAX
from tests.api.attempts import name_of, prepared
from tests.api.client import Api

OF_JOBS = [each for each in ENDPOINTS if each.path.startswith("/jobs")]
NOON = "2026-11-23T12:00:00Z"


def test_a_key_is_shown_when_it_is_made_and_never_again(caplog: pytest.LogCaptureFixture) -> None:
    api = Api()
    with caplog.at_level(logging.DEBUG):
        token = api.logged_in()
        made = api.new_key(token, "jobs:read", days=30)
        assert made == {
            "key_id": made["key_id"],
            "name": "nightly import",
            "scopes": ["jobs:read"],
            "created_at": NOON,
            "expires_at": "2026-12-23T12:00:00Z",
            "api_key": made["api_key"],
        }
        assert made["api_key"].startswith("jbk_")
        assert len(made["api_key"]) == 90
        secret = made["api_key"][-43:]
        api.get("/jobs", token=made["api_key"])
        answers = [api.get(path, token=token) for path in ("/api-keys", "/me", "/me/sessions", "/me/audit", "/jobs")]
        api.send("DELETE", f"/api-keys/{made['key_id']}", token=token)
        answers.append(api.get("/jobs", token=made["api_key"]))
    assert not [answer for answer in answers if secret in answer.text]
    assert secret not in json.dumps([record.__dict__ for record in caplog.records], default=str)
    assert secret not in repr(api.world.credentials.rows) + repr(api.world.audit.all())


def test_keys_are_listed_newest_first_with_what_they_are_good_for() -> None:
    api = Api()
    token = api.logged_in()
    first = api.new_key(token, "jobs:write", "jobs:read")
    api.world.clock.advance(minutes=1)
    second = api.new_key(token, "jobs:read")
    answer = api.get("/api-keys", token=token)
    listed = answer.json["api_keys"]
    assert [each["key_id"] for each in listed] == [second["key_id"], first["key_id"]]
    assert listed[1] == {
        "key_id": first["key_id"],
        "name": "nightly import",
        "scopes": ["jobs:read", "jobs:write"],
        "created_at": NOON,
        "expires_at": "2027-02-21T12:00:00Z",
        "last_used_at": None,
    }
    assert "digest" not in answer.text


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", ""])
@pytest.mark.parametrize("endpoint", OF_JOBS, ids=name_of)
def test_a_key_opens_what_its_scope_is_for_with_and_without_the_scheme(endpoint: Endpoint, scheme: str) -> None:
    attempt = prepared(endpoint)
    key = attempt.api.new_key(attempt.owner.access, endpoint.access.scope)["api_key"]
    attempt.token = None
    attempt.headers["Authorization"] = scheme + key
    assert attempt.send().status in endpoint.answers


@pytest.mark.parametrize("scheme", ["Bearer ", ""])
@pytest.mark.parametrize("endpoint", OF_JOBS, ids=name_of)
def test_a_key_without_the_scope_is_told_which_one_it_lacks(endpoint: Endpoint, scheme: str) -> None:
    attempt = prepared(endpoint)
    wanted = endpoint.access.scope
    other = {"jobs:read": "jobs:write", "jobs:write": "jobs:read"}[wanted]
    attempt.headers["Authorization"] = scheme + attempt.api.new_key(attempt.owner.access, other)["api_key"]
    attempt.token = None
    answer = attempt.send()
    assert (answer.status, answer.problem["code"]) == (403, "NOT_PERMITTED")
    assert answer.problem["detail"] == f"this API key does not have the scope {wanted}"
    challenge = f'Bearer realm="job-backend", error="insufficient_scope", scope="{wanted}"'
    assert answer.headers["WWW-Authenticate"] == challenge


def test_a_key_is_for_jobs_and_cannot_change_the_account_or_make_keys() -> None:
    api = Api()
    key = api.new_key(api.logged_in())["api_key"]
    body = '{"name": "another", "scopes": ["jobs:read"]}'
    for method, path, text in (("POST", "/api-keys", body), ("GET", "/me", None), ("DELETE", "/me", None)):
        answer = api.send(method, path, text, token=key)
        assert (answer.status, answer.problem["detail"]) == (
            403,
            "API keys are for jobs; log in and use the access token",
        )
        assert "WWW-Authenticate" not in answer.headers
    assert len(api.world.users.all()) == 1


def test_jobs_of_a_key_are_its_owners_and_count_against_the_owners_limits() -> None:
    api = Api()
    token = api.logged_in()
    key = api.new_key(token)["api_key"]
    job_id = api.submitted(key)
    assert api.get(f"/jobs/{job_id}", token=token).status == 200
    remaining = [api.get("/jobs", token=each).headers["RateLimit"].split(";")[1] for each in (token, key)]
    assert int(remaining[0].removeprefix("r=")) == int(remaining[1].removeprefix("r=")) + 1


def test_the_last_use_of_a_key_is_noted_once_in_five_minutes() -> None:
    api = Api()
    token = api.logged_in()
    key = api.new_key(token)["api_key"]
    noted: list[ApiKey] = []
    note = api.world.credentials.note_use

    def noting(key: ApiKey) -> None:
        noted.append(key)
        note(key)

    api.world.credentials.note_use = noting  # type: ignore[method-assign]

    def last_use() -> str:
        assert api.get("/jobs", token=key).status == 200
        token = api.signed_in().access
        return str(api.get("/api-keys", token=token).json["api_keys"][0]["last_used_at"])

    assert [last_use() for _ in range(3)] == [NOON] * 3
    api.world.clock.advance(minutes=5, seconds=-1)
    assert last_use() == NOON
    api.world.clock.advance(seconds=1)
    assert [last_use() for _ in range(3)] == ["2026-11-23T12:05:00Z"] * 3
    assert len(noted) == 2


def test_a_key_whose_use_cannot_be_noted_works_and_is_not_tried_again_at_once() -> None:
    api = Api()
    key = api.new_key(api.logged_in())["api_key"]
    tries = []

    def away(key: ApiKey) -> None:
        tries.append(key)
        detail = "the fake is away"
        raise Unavailable(detail)

    api.world.credentials.note_use = away  # type: ignore[method-assign]
    assert [api.get("/jobs", token=key).status for _ in range(5)] == [200] * 5
    assert len(tries) == 1


@pytest.mark.parametrize("days", [1, 365])
def test_a_key_expires_to_the_second_and_is_listed_no_more(days: int) -> None:
    api = Api()
    key = api.new_key(api.logged_in(), days=days)["api_key"]
    api.world.clock.advance(seconds=timedelta(days=days).total_seconds() - 1)
    assert api.get("/jobs", token=key).status == 200
    api.world.clock.advance(seconds=1)
    refused = api.get("/jobs", token=key)
    assert (refused.status, refused.problem["code"]) == (401, "NOT_AUTHENTICATED")
    assert api.get("/api-keys", token=api.signed_in().access).json == {"api_keys": []}


def test_a_deleted_key_is_worth_nothing_here_at_once_and_elsewhere_within_ten_seconds() -> None:
    here = Api()
    token = here.logged_in()
    made = here.new_key(token)
    there = Api(here.world)
    assert [api.get("/jobs", token=made["api_key"]).status for api in (here, there)] == [200, 200]
    assert here.send("DELETE", f"/api-keys/{made['key_id']}", token=token).status == 204
    assert [api.get("/jobs", token=made["api_key"]).status for api in (here, there)] == [401, 200]
    here.world.clock.advance(seconds=10)
    assert there.get("/jobs", token=made["api_key"]).status == 401
    assert here.send("DELETE", f"/api-keys/{made['key_id']}", token=token).status == 404
    events = [event["action"] for event in here.get("/me/audit", token=token).json["events"]]
    assert events[:2] == ["API_KEY_DELETED", "API_KEY_CREATED"]


def test_what_is_only_like_a_key_is_none() -> None:
    api = Api()
    token = api.logged_in()
    key = api.new_key(token)["api_key"]
    other = api.new_key(token)["api_key"]
    wrong = [key[:-43] + other[-43:], key[:-1], key + "A", key.upper(), "jbk_", "jbk_" + "A" * 86, "jbr_" + key[4:]]
    for text in [*wrong, "jbk_" + "=" * 86, "jbk_" + "A" * 100_000, key.replace("jbk_", "jbk__")]:
        answer = api.get("/jobs", token=text)
        assert answer.status == 401, text
        assert "invalid_token" in answer.headers["WWW-Authenticate"]
    assert api.get("/jobs", token=key).status == 200


def test_one_has_fifty_keys_at_most_and_expired_ones_do_not_count() -> None:
    api = Api()
    token = api.logged_in()
    for _ in range(KEYS_MAX):
        api.new_key(token, days=1)
    body = {"name": "one more", "scopes": ["jobs:read"]}
    refused = api.post("/api-keys", body, token=token)
    assert (refused.status, refused.problem["code"]) == (409, "CONFLICT")
    api.world.clock.advance(days=1)
    assert api.post("/api-keys", body, token=api.signed_in().access).status == 201


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"scopes": []}, "#/scopes"),
        ({"scopes": ["account"]}, "#/scopes/0"),
        ({"scopes": ["admin"]}, "#/scopes/0"),
        ({"scopes": ["jobs:read", "*"]}, "#/scopes/1"),
        ({"scopes": ["jobs:read", "jobs:write", "jobs:read"]}, "#/scopes"),
        ({"scopes": "jobs:read"}, "#/scopes"),
        ({"name": ""}, "#/name"),
        ({"name": "x" * 65}, "#/name"),
        ({"expires_in_days": 0}, "#/expires_in_days"),
        ({"expires_in_days": 366}, "#/expires_in_days"),
        ({"expires_in_days": -1}, "#/expires_in_days"),
        ({"expires_in_days": 10**30}, "#/expires_in_days"),
        ({"expires_in_days": "90"}, "#/expires_in_days"),
        ({"expires_in_days": None}, "#/expires_in_days"),
    ],
)
def test_a_key_that_may_not_be_is_refused_where_it_is_wrong(changed: dict[str, object], pointer: str) -> None:
    api = Api()
    token = api.logged_in()
    answer = api.post("/api-keys", {"name": "nightly", "scopes": ["jobs:read"]} | changed, token=token)
    assert answer.status == 422
    assert [error["pointer"] for error in answer.problem["errors"]] == [pointer]
    assert len(api.world.credentials.rows) == 1
