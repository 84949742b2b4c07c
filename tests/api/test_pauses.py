"""Pausing and resuming over HTTP: for administrators, and told to whose jobs wait."""

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.no_pauses import NoPauses
from chalicelib.services.execution import Outcome
from tests.api.client import Answer, Api
from tests.factories import World

NOON = "2026-11-23T12:00:00Z"
REASON = "it floods the planet service"
PLENTY = timedelta(minutes=10)


def with_admin(*usernames: str, world: World | None = None) -> tuple[Api, str]:
    """An API with an administrator and some users; and the administrator's token."""
    api = Api(world)
    for username in ("root", *usernames):
        api.registered(username)
    api.made_admin("root")
    return api, api.signed_in("root").access


def paused(api: Api, token: str, what: str, **body: Any) -> Answer:
    return api.post(f"/admin/{what}/pause", body, token=token)


def resumed(api: Api, token: str, what: str) -> Answer:
    return api.send("POST", f"/admin/{what}/resume", token=token)


def outcomes(api: Api) -> list[Outcome]:
    """What a new container makes of the messages there are."""
    messages, api.world.queue.messages = list(api.world.queue.messages), type(api.world.queue.messages)()
    execution = api.world.execution()
    return [execution.execute(key, time_left=lambda: PLENTY, whole_time=PLENTY) for key in messages]


def test_an_operation_is_paused_listed_and_resumed() -> None:
    api, root = with_admin()
    pause = {"operation": "square_sum", "paused_at": NOON, "paused_by": "root", "reason": REASON}
    assert paused(api, root, "operations/square_sum", reason=REASON).json == pause
    assert api.get("/admin/pauses", token=root).json == {"pauses": [pause]}
    assert resumed(api, root, "operations/square_sum").json == {"sent": 0}
    assert api.get("/admin/pauses", token=root).json == {"pauses": []}


def test_a_users_jobs_are_paused_listed_and_resumed() -> None:
    api, root = with_admin("ada@example.com")
    user_id = api.get("/users/ada@example.com", token=root).json["user_id"]
    pause = {"owner_id": user_id, "username": "ada@example.com", "paused_at": NOON, "paused_by": "root", "reason": None}
    assert paused(api, root, "users/ADA%40example.com").json == pause
    assert api.get("/admin/pauses", token=root).json == {"pauses": [pause]}
    assert resumed(api, root, "users/ada@example.com").json == {"sent": 0}


@pytest.mark.parametrize("what", ["operations/square_sum", "users/ada"])
def test_a_paused_job_is_accepted_waits_says_why_and_goes_on(what: str) -> None:
    api, root = with_admin("ada")
    ada = api.signed_in("ada").access
    paused(api, root, what, reason=REASON)
    job_id = api.submitted(ada)
    assert outcomes(api) == [Outcome.PAUSED]
    told = api.get(f"/jobs/{job_id}/explain", token=ada).json
    assert told["status"] == "PENDING"
    assert f"paused since {NOON} ({REASON})" in told["explanation"]
    assert "root" not in json.dumps(told)
    assert resumed(api, root, what).json == {"sent": 1}
    assert outcomes(api) == [Outcome.SUCCESS]
    assert "paused" not in api.get(f"/jobs/{job_id}/explain", token=ada).json["explanation"]


def test_who_is_paused_reads_it_in_the_own_audit_trail() -> None:
    api, root = with_admin("ada")
    paused(api, root, "users/ada", reason=REASON)
    (event, *_) = api.get("/me/audit", token=api.signed_in("ada").access, query="limit=2").json["events"][1:]
    assert (event["action"], event["actor"], event["detail"]) == ("JOBS_PAUSED", "root", REASON)


@pytest.mark.parametrize(("reason", "detail"), [("", "1"), ("x" * 201, "200"), (7, "text")])
def test_a_reason_is_some_text_that_is_not_too_long(reason: object, detail: str) -> None:
    api, root = with_admin()
    answer = paused(api, root, "operations/square_sum", reason=reason)
    assert (answer.status, answer.problem["code"]) == (422, "INVALID_INPUT")
    assert detail in answer.problem["detail"]
    assert [each["pointer"] for each in answer.problem["errors"]] == ["#/reason"]
    assert not api.world.pauses.stored()


@pytest.mark.parametrize("name", ["sqare_sum", "%00", "a%20b", "%25", "x" * 5_000, "square_sum%00"])
@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_an_operation_that_there_is_not_is_not_found(verb: str, name: str) -> None:
    api, root = with_admin()
    answer = api.send("POST", f"/admin/operations/{name}/{verb}", "{}" if verb == "pause" else None, token=root)
    assert (answer.status, answer.problem["code"]) == (404, "NOT_FOUND")
    assert "there are cube_sum, square_sum" in answer.problem["detail"]


def test_what_is_not_paused_cannot_be_resumed() -> None:
    api, root = with_admin("ada")
    for what in ("operations/square_sum", "users/ada"):
        answer = resumed(api, root, what)
        assert (answer.status, answer.problem["code"]) == (409, "CONFLICT")
        assert "GET /admin/pauses" in answer.problem["detail"]


def test_before_the_template_has_brought_the_table_administrators_are_told_so() -> None:
    world = World()
    world.pauses = NoPauses()  # type: ignore[assignment]
    api, root = with_admin("ada", world=world)
    for answer in (
        api.get("/admin/pauses", token=root),
        *(paused(api, root, what) for what in ("operations/square_sum", "users/ada")),
        *(resumed(api, root, what) for what in ("operations/square_sum", "users/ada")),
    ):
        assert (answer.status, answer.problem["code"]) == (503, "UNAVAILABLE")
        assert "has no table of pauses yet (PAUSES_TABLE is not set)" in answer.problem["detail"]


def test_with_the_pauses_away_jobs_are_explained_as_ever() -> None:
    api, _ = with_admin("ada")
    ada = api.signed_in("ada").access
    job_id = api.submitted(ada)
    api.world.pauses.away = True
    answer = api.get(f"/jobs/{job_id}/explain", token=ada)
    assert (answer.status, answer.json["status"]) == (200, "PENDING")
