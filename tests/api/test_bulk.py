"""``POST /admin/bulk``: what is refused, what a preview says, and that repeating a call comes to an end."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.jobs import JobStatus
from chalicelib.services.bulk_actions import JOBS_MAX
from chalicelib.services.dead_letters import DEAD_LETTERED
from tests.api.client import Answer, Api
from tests.api.test_admin_jobs import Administered


def sent(at: Administered, action: str, *, preview: bool = False, cursor: str | None = None, **filter_: Any) -> Answer:
    body = {"action": action, "filter": filter_, "preview": preview}
    return at.api.post("/admin/bulk", body if cursor is None else body | {"cursor": cursor}, token=at.root)


def done(at: Administered, action: str, **more: Any) -> dict[str, Any]:
    answer = sent(at, action, **more)
    assert answer.status == 200, answer.text
    body: dict[str, Any] = answer.json
    return body


def test_a_preview_says_how_many_and_the_action_does_as_many() -> None:
    at = Administered("ada", "bob")
    failed = [at.failed(), at.failed("bob")]
    waiting = at.waiting()
    assert done(at, "retry", preview=True) == {"matched": 2, "changed": 0, "next_cursor": None}
    assert [at.job(each).status for each in failed] == [JobStatus.FAILED] * 2
    assert done(at, "retry") == {"matched": 2, "changed": 2, "next_cursor": None}
    assert [at.job(each).status for each in failed] == [JobStatus.PENDING] * 2
    assert done(at, "cancel", preview=True)["matched"] == 3
    assert done(at, "cancel", username="ada") == {"matched": 2, "changed": 2, "next_cursor": None}
    assert at.job(waiting).status is JobStatus.CANCELLED
    assert at.job(failed[1]).status is JobStatus.PENDING


@pytest.mark.parametrize(
    ("action", "asked", "expected"),
    [
        ("retry", {}, {"failed", "dead", "of bob"}),
        ("retry", {"status": "FAILED"}, {"failed", "dead", "of bob"}),
        ("retry", {"dead": True}, {"dead"}),
        ("retry", {"dead": False}, {"failed", "dead", "of bob"}),
        ("retry", {"error_code": "OPERATION_FAILED"}, {"failed", "of bob"}),
        ("retry", {"username": "bob"}, {"of bob"}),
        ("retry", {"operation": "cube_sum", "username": None}, {"of bob"}),
        ("retry", {"created_before": "2026-11-23T12:00:01Z"}, {"failed"}),
        ("retry", {"username": "ada", "status": "CANCELLED"}, {"cancelled"}),
        ("cancel", {}, {"waiting"}),
        ("cancel", {"status": "PENDING"}, {"waiting"}),
        ("cancel", {"status": "IN_PROGRESS"}, set()),
        ("cancel", {"username": "bob"}, set()),
        ("cancel", {"username": "ada", "operation": "square_sum"}, {"waiting"}),
    ],
)
def test_each_filter_meets_the_jobs_that_it_names(action: str, asked: dict[str, Any], expected: set[str]) -> None:
    at = Administered("ada", "bob")
    names = {
        at.failed(): "failed",
        at.failed(error=DEAD_LETTERED): "dead",
        at.failed("bob", operation="cube_sum"): "of bob",
        at.waiting(): "waiting",
    }
    cancelled = at.waiting()
    assert at.one("ada", cancelled, "/cancel", method="POST").status == 202
    names[cancelled] = "cancelled"
    before = {each.key.job_id: each.status for each in at.api.world.jobs.all()}
    assert done(at, action, preview=True, **asked)["matched"] == len(expected)
    assert done(at, action, **asked) == {"matched": len(expected), "changed": len(expected), "next_cursor": None}
    changed = {each.key.job_id for each in at.api.world.jobs.all() if each.status is not before[each.key.job_id]}
    assert {names[job_id] for job_id in changed} == expected


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"action": "delete"}, "#/action", "retry"),
        ({"preview": "no"}, "#/preview", "true or false"),
        ({"filter": {"status": "SUCCESS"}}, "#/filter/status", "leave the status out for FAILED"),
        ({"filter": {"status": "PENDING"}}, "#/filter/status", "leave the status out for FAILED"),
        ({"filter": {"status": "CANCELLED"}}, "#/filter/status", "name the user by username"),
        (
            {"filter": {"status": "CANCELLED", "username": "ada", "dead": True}},
            "#/filter/dead",
            "dead is of FAILED jobs",
        ),
        (
            {"filter": {"status": "CANCELLED", "username": "ada", "error_code": "X"}},
            "#/filter/error_code",
            "error_code is of FAILED jobs",
        ),
        ({"action": "cancel", "filter": {"dead": True}}, "#/filter/dead", "dead is of FAILED jobs"),
        ({"action": "cancel", "filter": {"error_code": "X"}}, "#/filter/error_code", "error_code is of FAILED jobs"),
        ({"action": "cancel", "filter": {"status": "FAILED"}}, "#/filter/status", "leave the status out for both"),
        ({"filter": {"operation": "squaresum"}}, "#/filter/operation", "square_sum"),
        ({"filter": {"tag": "x"}}, "#/filter/tag", "tag"),
        ({"filter": {"username": ""}}, "#/filter/username", "at least 1 character"),
        ({"filter": {"created_before": "yesterday"}}, "#/filter/created_before", "RFC3339"),
        ({"filter": {"created_before": "2026-11-23T12:00:00"}}, "#/filter/created_before", ""),
        ({"filter": None}, "#/filter", "an object"),
        ({"cursor": "nonsense"}, "#/cursor", "begin again without it"),
        ({"owner_id": "x"}, "#/owner_id", "no field owner_id"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_to_change(body: dict[str, Any], pointer: str, detail: str) -> None:
    at = Administered("ada")
    at.failed()
    at.waiting()
    before = list(at.api.world.jobs.all())
    good = {"action": "retry", "filter": {}, "preview": False}
    answer = at.api.post("/admin/bulk", good | body, token=at.root)
    assert (answer.status, answer.problem["code"]) == (422, "INVALID_INPUT"), answer.text
    (error,) = answer.problem["errors"]
    assert error["pointer"] == pointer
    assert detail in error["detail"]
    assert at.api.world.jobs.all() == before


@pytest.mark.parametrize("left_out", ["action", "filter", "preview"])
def test_nothing_is_done_by_leaving_something_out(left_out: str) -> None:
    at = Administered("ada")
    at.failed()
    body = {"action": "retry", "filter": {}, "preview": False}
    del body[left_out]
    assert at.api.post("/admin/bulk", body, token=at.root).status == 422
    assert [each.status for each in at.api.world.jobs.all()] == [JobStatus.FAILED]


def test_the_call_is_repeated_until_there_is_no_cursor() -> None:
    at = Administered("ada")
    for _ in range(JOBS_MAX + 5):
        at.failed()
    first = done(at, "retry")
    assert (first["matched"], first["changed"]) == (JOBS_MAX, JOBS_MAX)
    second = done(at, "retry", cursor=first["next_cursor"])
    assert second == {"matched": 5, "changed": 5, "next_cursor": None}
    assert {each.status for each in at.api.world.jobs.all()} == {JobStatus.PENDING}


@pytest.mark.asvs("8.2.2", "8.4.1")
def test_a_cursor_is_good_for_its_own_action_and_filter_only() -> None:
    at = Administered("ada", "bob")
    at.api.made_admin("bob")
    for _ in range(JOBS_MAX + 5):
        at.failed()
    listed = at.listed("status=FAILED").json["next_cursor"]
    cursor = done(at, "retry")["next_cursor"]
    for answer in (
        sent(at, "cancel", cursor=cursor),
        sent(at, "retry", cursor=cursor, dead=True),
        sent(at, "retry", cursor=cursor, username="ada"),
        sent(at, "retry", cursor=listed),
    ):
        assert (answer.status, answer.problem["errors"][0]["pointer"]) == (422, "#/cursor")
    body = {"action": "retry", "filter": {}, "preview": True, "cursor": cursor}
    assert at.api.post("/admin/bulk", body, token=at.tokens["bob"]).status == 422
    assert at.api.post("/admin/bulk", body, token=at.root).json["matched"] == 5


def test_one_call_works_for_ten_seconds_and_then_says_where_it_goes_on() -> None:
    """The gateway gives up after 29 s, and the caller would not know what was done."""
    at = Administered("ada")
    world = at.api.world
    for _ in range(30):
        at.failed()
    advance = world.jobs.advance

    def slowly(seen: Any, to: Any) -> None:
        world.clock.advance(seconds=1)
        advance(seen, to)

    world.jobs.advance = slowly  # type: ignore[method-assign]
    begun = world.clock.now()
    first = done(at, "retry")
    assert world.clock.now() - begun == timedelta(seconds=10)
    assert (first["matched"], first["changed"]) == (10, 10)
    changed = first["changed"]
    cursor = first["next_cursor"]
    while cursor is not None:
        page = done(at, "retry", cursor=cursor)
        changed, cursor = changed + page["changed"], page["next_cursor"]
    assert changed == 30


def test_a_bulk_action_is_told_to_each_user_once_a_call() -> None:
    at = Administered("ada", "bob")
    for owner in ("ada", "ada", "bob"):
        at.failed(owner)
    done(at, "retry", preview=True)
    done(at, "retry", error_code="OPERATION_FAILED")

    def told(api: Api, token: str) -> list[tuple[str, str | None]]:
        events = api.get("/me/audit", token=token).json["events"]
        return [(each["action"], each["detail"]) for each in events if each["action"].startswith("JOBS")]

    assert told(at.api, at.tokens["ada"]) == [("JOBS_RETRIED", "jobs: 2")]
    assert told(at.api, at.tokens["bob"]) == [("JOBS_RETRIED", "jobs: 1")]
    assert told(at.api, at.root) == [("JOBS_RETRIED", "jobs: 3, users: 2; status FAILED, error_code OPERATION_FAILED")]
