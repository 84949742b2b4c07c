"""``/schedules``: what is answered, and what is refused."""

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.api.openapi import document
from chalicelib.api.openapi_schemas import REF
from chalicelib.api.routes import ENDPOINTS
from chalicelib.domain.jobs import JobError
from chalicelib.domain.schedules import SCHEDULES_MAX, ScheduleKey
from tests.api.client import Answer, Api
from tests.api.description import mismatch
from tests.factories import World, make_schedule
from tests.fakes import NOON

NIGHTLY = {"cron": "30 2 * * *", "time_zone": "Europe/Zurich", "operation": "square_sum", "data": [1, 2, 3]}
HOURLY = {"rate_s": 3600, "operation": "square_sum", "data": [1, 2, 3]}


def made(api: Api, token: str, **body: Any) -> dict[str, Any]:
    answer = api.post("/schedules", body or NIGHTLY, token=token)
    assert answer.status == 201, answer.text
    schedule: dict[str, Any] = answer.json
    return schedule


def changed(api: Api, token: str, schedule_id: str, **body: Any) -> Answer:
    return api.send("PATCH", f"/schedules/{schedule_id}", json.dumps(body), token=token)


def test_a_schedule_is_made_and_shown_whole() -> None:
    api = Api()
    token = api.logged_in()
    answer = api.post("/schedules", {**NIGHTLY, "name": "nightly"}, token=token)
    schedule_id = answer.json["schedule_id"]
    assert answer.status == 201
    assert answer.headers["Location"] == f"/api/schedules/{schedule_id}"
    assert answer.json == {
        "schedule_id": schedule_id,
        "name": "nightly",
        "cron": "30 2 * * *",
        "rate_s": None,
        "time_zone": "Europe/Zurich",
        "operation": "square_sum",
        "data": [1, 2, 3],
        "tags": [],
        "metadata": {},
        "max_attempts": None,
        "timeout_s": None,
        "retention_days": None,
        "missed_within_s": 3600,
        "is_paused": False,
        "created_at": "2026-11-23T12:00:00Z",
        "next_run_at": "2026-11-24T01:30:00Z",
        "last_run_at": None,
        "last_job_id": None,
        "skipped": 0,
        "last_error": None,
    }
    assert api.get(f"/schedules/{schedule_id}", token=token).json == answer.json


def test_all_that_can_be_said_of_one_comes_back() -> None:
    api = Api()
    token = api.logged_in()
    body = {
        **HOURLY,
        "name": "hourly",
        "time_zone": "UTC",
        "tags": ["blue"],
        "metadata": {"order": "1742"},
        "max_attempts": 2,
        "timeout_s": 30,
        "retention_days": 7,
        "missed_within_s": 90,
        "is_paused": True,
    }
    schedule = made(api, token, **body)
    assert {name: schedule[name] for name in body} == body
    assert (schedule["cron"], schedule["next_run_at"]) == (None, None), "while it is paused"


def test_what_became_of_it_is_told_and_its_jobs_name_it() -> None:
    api = Api()
    token = api.logged_in()
    schedule_id = made(api, token, **HOURLY)["schedule_id"]
    api.world.clock.advance(hours=1, seconds=20)
    api.world.firing().run(lambda: timedelta(minutes=1))
    token = api.signed_in().access
    (listed,) = api.get("/jobs", token=token).json["jobs"]
    schedule = api.get(f"/schedules/{schedule_id}", token=token).json
    assert schedule["last_run_at"] == "2026-11-23T13:00:00Z"
    assert schedule["last_job_id"] == listed["job_id"]
    assert schedule["next_run_at"] == "2026-11-23T14:00:00Z"
    job = api.get(f"/jobs/{listed['job_id']}", token=token).json
    assert (job["schedule_id"], job["scheduled_for"]) == (schedule_id, "2026-11-23T13:00:00Z")
    assert job["created_at"] == "2026-11-23T13:00:20Z"


def test_a_job_of_no_schedule_names_none() -> None:
    api = Api()
    token = api.logged_in()
    job = api.get(f"/jobs/{api.submitted(token)}", token=token).json
    assert (job["schedule_id"], job["scheduled_for"]) == (None, None)


def test_why_there_was_no_job_is_told() -> None:
    api = Api()
    token = api.logged_in()
    (user,) = api.world.users.all()
    error = JobError(code="INVALID_INPUT", detail="there is no such operation")
    schedule = make_schedule(
        key=ScheduleKey(owner_id=user.user_id, schedule_id=make_schedule().key.schedule_id), skipped=3, last_error=error
    )
    api.world.schedules.add(schedule)
    shown = api.get(f"/schedules/{schedule.key.schedule_id}", token=token).json
    assert shown["last_error"] == {"code": "INVALID_INPUT", "detail": "there is no such operation"}
    assert shown["skipped"] == 3


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"name": "weekly"}, {}),
        ({"cron": "0 9 * * MON-FRI"}, {"next_run_at": "2026-11-24T08:00:00Z"}),
        ({"rate_s": 600}, {"cron": None, "next_run_at": "2026-11-23T12:20:00Z"}),
        ({"time_zone": "UTC"}, {"next_run_at": "2026-11-24T02:30:00Z"}),
        ({"operation": "cube_sum"}, {}),
        ({"data": [4]}, {}),
        ({"tags": ["blue"]}, {}),
        ({"tags": []}, {}),
        ({"metadata": {"a": "b"}}, {}),
        ({"metadata": {}}, {}),
        ({"max_attempts": 1}, {}),
        ({"max_attempts": None}, {}),
        ({"timeout_s": 7}, {}),
        ({"retention_days": 9}, {}),
        ({"missed_within_s": 0}, {}),
        ({"is_paused": True}, {"next_run_at": None}),
        ({}, {}),
    ],
)
def test_each_member_can_be_changed_and_the_rest_stays(change: dict[str, Any], shown: dict[str, Any]) -> None:
    api = Api()
    token = api.logged_in()
    before = made(api, token, **NIGHTLY, tags=["red"], metadata={"c": "d"}, max_attempts=2)
    api.world.clock.advance(minutes=10)
    answer = changed(api, token, before["schedule_id"], **change)
    assert answer.status == 200, answer.text
    assert answer.json == before | change | shown
    assert api.get(f"/schedules/{before['schedule_id']}", token=token).json == answer.json


def test_a_rate_gives_way_to_an_expression() -> None:
    api = Api()
    token = api.logged_in()
    answer = changed(api, token, made(api, token, **HOURLY)["schedule_id"], cron="0 0 1 1 *")
    assert (answer.json["cron"], answer.json["rate_s"]) == ("0 0 1 1 *", None)
    assert answer.json["next_run_at"] == "2027-01-01T00:00:00Z"


def test_a_pause_makes_up_nothing() -> None:
    api = Api()
    token = api.logged_in()
    schedule_id = made(api, token, **HOURLY)["schedule_id"]
    changed(api, token, schedule_id, is_paused=True)
    api.world.clock.advance(hours=2, minutes=30)
    token = api.signed_in().access
    resumed = changed(api, token, schedule_id, is_paused=False).json
    assert (resumed["is_paused"], resumed["next_run_at"]) == (False, "2026-11-23T15:00:00Z")
    api.world.firing().run(lambda: timedelta(minutes=1))
    assert not api.world.jobs.all()


def test_a_deleted_schedule_is_gone() -> None:
    api = Api()
    token = api.logged_in()
    path = f"/schedules/{made(api, token)['schedule_id']}"
    answer = api.send("DELETE", path, token=token)
    assert (answer.status, answer.text) == (204, "")
    for method in ("GET", "DELETE"):
        gone = api.send(method, path, token=token)
        assert (gone.status, gone.problem["code"]) == (404, "NOT_FOUND")
    assert not api.world.schedules.all()


@pytest.mark.asvs("8.2.2")
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_another_users_schedule_is_not_there(method: str) -> None:
    api = Api()
    schedule_id = made(api, api.logged_in())["schedule_id"]
    (before,) = api.world.schedules.all()
    body = '{"name": "mine"}' if method == "PATCH" else None
    for path in (f"/schedules/{schedule_id}", "/schedules/nonsense"):
        answer = api.send(method, path, body, token=api.logged_in(f"bob-{len(path)}"))
        assert (answer.status, answer.problem["code"]) == (404, "NOT_FOUND")
        assert answer.problem["detail"] == "you have no schedule of this id; GET /schedules lists those you have"
    assert api.world.schedules.all() == [before]


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"cron": "61 * * * *"}, "#/cron", "cron is not right: bad minute"),
        ({"cron": "* * * *"}, "#/cron", "cron must have five fields"),
        ({"cron": "0 0 30 2 *"}, "#/cron", "bad day-of-month"),
        ({"cron": 5}, "#/cron", "expected text"),
        ({"rate_s": 60}, "#/rate_s", "give cron or rate_s, not both"),
        ({"cron": None, "rate_s": 59}, "#/rate_s", "rate_s must be from 60 to 31536000"),
        ({"cron": None, "rate_s": 60.5}, "#/rate_s", "a whole number"),
        ({"cron": None}, "#/cron", "give cron or rate_s"),
        ({"time_zone": "Europe/Zürich"}, "#/time_zone", "did you mean Europe/Zurich?"),
        ({"time_zone": "../etc/passwd"}, "#/time_zone", "there is no such time zone"),
        ({"operation": "sqare_sum"}, "#/operation", "did you mean square_sum?"),
        ({"data": ["a"]}, "#/data/0", "expected a number"),
        ({"max_attempts": 99}, "#/max_attempts", "max_attempts must be from 1"),
        ({"timeout_s": 0}, "#/timeout_s", "timeout_s must be from 1"),
        ({"retention_days": 0}, "#/retention_days", "retention_days must be from 1"),
        ({"missed_within_s": 86_401}, "#/missed_within_s", "missed_within_s must be from 0 to 86400"),
        ({"name": "x" * 65}, "#/name", "at most 64 characters"),
        ({"tags": ["x" * 65]}, "#/tags/0", "at most 64 characters"),
        ({"metadata": {"a": 1}}, "#/metadata/a", "expected text"),
        ({"is_paused": "yes"}, "#/is_paused", "expected true or false"),
        ({"run_at": "2027-01-01T00:00:00Z"}, "#/run_at", "there is no field run_at"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_changes_nothing(change: Any, pointer: str, detail: str) -> None:
    api = Api()
    token = api.logged_in()
    schedule_id = made(api, token)["schedule_id"]
    before = api.world.schedules.all()
    whole = {name: value for name, value in ({**NIGHTLY, **change}).items() if value is not None}
    refused = [api.post("/schedules", whole, token=token)]
    if None not in change.values():
        both = {"cron": NIGHTLY["cron"], **change} if "rate_s" in change else change
        refused.append(changed(api, token, schedule_id, **both))
    for answer in refused:
        assert (answer.status, answer.problem["code"]) == (422, "INVALID_INPUT"), answer.text
        (error,) = answer.problem["errors"]
        assert error["pointer"] == pointer
        assert detail in error["detail"]
    assert api.world.schedules.all() == before


def test_there_may_be_so_many() -> None:
    api = Api()
    token = api.logged_in()
    for _ in range(SCHEDULES_MAX):
        made(api, token)
    answer = api.post("/schedules", NIGHTLY, token=token)
    assert (answer.status, answer.problem["code"]) == (409, "CONFLICT")
    assert answer.problem["detail"].startswith("you have 100 schedules")


def test_schedules_are_listed_newest_first_and_page_by_page() -> None:
    api = Api()
    token = api.logged_in()
    made(api, api.logged_in("bob"))
    ids = [made(api, token)["schedule_id"] for _ in range(5)]
    listed: list[str] = []
    query = "limit=2"
    while query:
        page = api.get("/schedules", token=token, query=query)
        listed += [each["schedule_id"] for each in page.json["schedules"]]
        cursor = page.json["next_cursor"]
        expected = f'</api/schedules?limit=2&cursor={cursor}>; rel="next"' if cursor else None
        assert page.headers.get("Link") == expected
        query = cursor and f"limit=2&cursor={cursor}"
    assert listed == ids[::-1]
    whole = api.get("/schedules", token=token).json
    assert (len(whole["schedules"]), whole["next_cursor"]) == (5, None)
    assert whole["schedules"][0] == api.get(f"/schedules/{ids[-1]}", token=token).json


@pytest.mark.asvs("8.2.2")
def test_a_cursor_that_no_page_of_this_list_gave_is_refused() -> None:
    api = Api()
    ada, bob = api.logged_in("ada"), api.logged_in("bob")
    for token in (ada, ada, bob, bob):
        made(api, token)
        api.submitted(token)
    of_bob = api.get("/schedules", token=bob, query="limit=1").json["next_cursor"]
    of_jobs = api.get("/jobs", token=ada, query="limit=1").json["next_cursor"]
    own = api.get("/schedules", token=ada, query="limit=1").json["next_cursor"]
    for cursor in (of_bob, of_jobs, own[::-1], "nonsense"):
        answer = api.get("/schedules", token=ada, query=f"cursor={cursor}")
        assert (answer.status, answer.problem["code"]) == (400, "INVALID_PARAMETER")
        assert answer.problem["detail"] == (
            "cursor must be the next_cursor of an earlier page of this list; begin again without it"
        )
    assert api.get("/jobs", token=ada, query=f"cursor={own}").status == 400


def test_a_key_reads_and_writes_schedules_by_its_scopes() -> None:
    api = Api()
    token = api.logged_in()
    schedule_id = made(api, token)["schedule_id"]
    reading = api.new_key(token, "jobs:read")["api_key"]
    writing = api.new_key(token, "jobs:write")["api_key"]
    assert api.get("/schedules", token=reading).status == 200
    assert api.get("/schedules", token=writing).status == 403
    assert api.post("/schedules", NIGHTLY, token=reading).status == 403
    assert changed(api, writing, schedule_id, is_paused=True).status == 200


@pytest.mark.asvs("7.4.1")
def test_a_session_that_has_just_ended_elsewhere_makes_nothing_that_lasts() -> None:
    """Another container still answers its reads for a few seconds."""
    api = Api()
    token = api.logged_in()
    schedule_id = made(api, token)["schedule_id"]
    api.world.credentials.rows.clear()
    assert api.get("/schedules", token=token).status == 200
    assert api.post("/schedules", NIGHTLY, token=token).status == 401
    assert len(api.world.schedules.all()) == 1
    assert changed(api, token, schedule_id, is_paused=True).status == 401


def test_writing_counts_as_submitting_and_reading_as_reading() -> None:
    api = Api(World(submit_quota=2, read_quota=2))
    token = api.logged_in()
    schedule_id = made(api, token)["schedule_id"]
    assert changed(api, token, schedule_id, name="weekly").status == 200
    assert api.send("DELETE", f"/schedules/{schedule_id}", token=token).status == 429
    assert [api.get("/schedules", token=token).status for _ in range(3)] == [200, 200, 429]


def test_the_description_asks_for_one_timing_and_shows_bodies_that_are_good() -> None:
    api = Api()
    token = api.logged_in()
    schemas = document(ENDPOINTS, api.world.catalogue)["components"]["schemas"]
    for operation in api.world.catalogue.all():
        of_one = schemas[f"ScheduleRequest.{operation.name}"]
        assert [each["required"] for each in of_one["oneOf"]] == [["cron"], ["rate_s"]]
    examples = schemas["ScheduleRequest"]["examples"]
    assert {frozenset(each) & {"cron", "rate_s"} for each in examples} == {frozenset({"cron"}), frozenset({"rate_s"})}
    for example in examples:
        assert api.post("/schedules", example, token=token).status == 201


def test_the_description_says_which_bodies_of_schedules_are_refused() -> None:
    api = Api()
    token = api.logged_in()
    schedule_id = made(api, token)["schedule_id"]
    described = document(ENDPOINTS, api.world.catalogue)
    good = {"rate_s": 3600, "operation": "square_sum", "data": [1, 2]}
    most = api.world.catalogue.all()[0].policy.max_attempts
    for wrong in ({"data": 1}, {"cron": "0 2 * * *"}, {"rate_s": None}, {"max_attempts": most + 1}):
        assert not mismatch(described, {"$ref": f"{REF}ScheduleRequest"}, good)
        assert mismatch(described, {"$ref": f"{REF}ScheduleRequest"}, good | wrong)
        assert api.post("/schedules", good | wrong, token=token).status == 422
    both = {"rate_s": 3600, "cron": "0 2 * * *"}
    for part in both.items():
        assert not mismatch(described, {"$ref": f"{REF}ScheduleChange"}, dict([part]))
    assert mismatch(described, {"$ref": f"{REF}ScheduleChange"}, both)
    assert changed(api, token, schedule_id, **both).status == 422
    assert api.world.clock.now() == NOON
