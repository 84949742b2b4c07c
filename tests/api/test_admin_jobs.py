"""Other people's jobs over HTTP: what administrators see of them, and never the data; and what they do with one."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.domain.jobs import Job, JobError, JobKey, JobStatus
from chalicelib.domain.users import UserId
from chalicelib.services.dead_letters import DEAD_LETTERED
from tests.api.attempts import NO_ID
from tests.api.client import Answer
from tests.api.test_administration import events, with_admin
from tests.factories import make_act, make_claim

NOBODY = "6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a99"
FAULT = JobError(code="OPERATION_FAILED", detail="no such planet")


class Administered:
    """An API with an administrator, and users with jobs."""

    def __init__(self, *usernames: str) -> None:
        self.api, self.root = with_admin(*usernames)
        self.tokens = {each: self.api.signed_in(each).access for each in usernames}

    def owner_id(self, username: str) -> str:
        return str(self.api.get("/me", token=self.tokens[username]).json["user_id"])

    def waiting(self, username: str = "ada", **options: Any) -> str:
        body = {"operation": "square_sum", "data": [4815162342]} | options
        answer = self.api.post("/jobs", body, token=self.tokens[username])
        assert answer.status == 202, answer.text
        return str(answer.json["job_id"])

    def failed(self, username: str = "ada", error: JobError = FAULT, **options: Any) -> str:
        """The id of a job that failed, the later the newer."""
        job_id = self.waiting(username, **options)
        world = self.api.world
        world.clock.advance(seconds=1)
        (job,) = [each for each in world.jobs.all() if each.key.job_id == job_id]
        claim = make_claim(f"claim {job_id}", at=world.clock.now())
        held = world.jobs.claim(job.key, claim)
        world.jobs.advance(held, held.failed(error, make_act(f"end {job_id}", at=world.clock.now())))
        return job_id

    def listed(self, query: str = "") -> Answer:
        return self.api.get("/admin/jobs", token=self.root, query=query)

    def ids(self, query: str = "") -> list[str]:
        answer = self.listed(query)
        assert answer.status == 200, answer.text
        return [job["job_id"] for job in answer.json["jobs"]]

    def one(self, username: str, job_id: str, part: str = "", *, method: str = "GET") -> Answer:
        path = f"/admin/jobs/{self.owner_id(username)}/{job_id}{part}"
        return self.api.send(method, path, token=self.root)

    def job(self, job_id: str) -> Job:
        (job,) = [each for each in self.api.world.jobs.all() if each.key.job_id == job_id]
        return job


@pytest.mark.asvs("8.2.3", "15.3.1")
def test_an_administrator_sees_what_a_job_is_and_not_what_it_computes() -> None:
    at = Administered("ada")
    job_id = at.failed(tags=["nightly"], metadata={"order": "1742"})
    answer = at.listed("status=FAILED")
    assert answer.json == {
        "jobs": [
            {
                "owner_id": at.owner_id("ada"),
                "username": "ada",
                "job_id": job_id,
                "operation": "square_sum",
                "status": "FAILED",
                "attempt": 1,
                "max_attempts": 3,
                "created_at": "2026-11-23T12:00:00Z",
                "run_at": "2026-11-23T12:00:00Z",
                "started_at": "2026-11-23T12:00:01Z",
                "finished_at": "2026-11-23T12:00:01Z",
                "error": {"code": "OPERATION_FAILED", "detail": None},
                "dead": False,
                "tags": ["nightly"],
            }
        ],
        "next_cursor": None,
    }
    looked_at = at.one("ada", job_id)
    by_user = at.listed("username=ada")
    for each in (answer, by_user):
        assert "no such planet" not in each.text, "an operation may repeat the data in what it says"
    for each in (answer, looked_at, by_user):
        assert "4815162342" not in each.text
        assert "1742" not in each.text


def test_a_look_at_a_job_gives_its_events_and_an_explanation_too() -> None:
    at = Administered("ada")
    job_id = at.failed()
    answer = at.one("ada", job_id)
    assert answer.status == 200
    (listed,) = at.listed("status=FAILED").json["jobs"]
    own = at.api.get(f"/jobs/{job_id}/events", token=at.tokens["ada"]).json["events"]
    error = {"code": "OPERATION_FAILED", "detail": "no such planet"}
    assert answer.json == {**listed, "error": error, "events": own, "explanation": answer.json["explanation"]}
    assert [event["transition"] for event in own] == ["SUBMIT", "CLAIM", "FAIL"]
    assert "no such planet" in answer.json["explanation"]


def test_what_the_service_says_of_a_dead_job_is_in_the_list() -> None:
    at = Administered("ada")
    job_id = at.failed(error=DEAD_LETTERED)
    expected = {"code": DEAD_LETTERED.code, "detail": DEAD_LETTERED.detail}
    for query in ("dead=true", "username=ada"):
        (listed,) = at.listed(query).json["jobs"]
        assert listed["error"] == expected
    assert at.one("ada", job_id).json["error"] == expected


def test_a_result_is_not_shown() -> None:
    at = Administered("ada")
    job_id = at.waiting()
    job = at.job(job_id)
    held = at.api.world.jobs.claim(job.key, make_claim("a"))
    at.api.world.jobs.advance(held, held.finished("23185788", make_act("end")))
    answer = at.one("ada", job_id)
    assert answer.json["status"] == "SUCCESS"
    assert "23185788" not in answer.text
    assert "23185788" not in at.listed("username=ada").text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=FAILED", ["of bob", "dead", "failed"]),
        ("status=FAILED&dead=true", ["dead"]),
        ("dead=true", ["dead"]),
        ("status=FAILED&dead=false", ["of bob", "dead", "failed"]),
        ("error_code=DEAD_LETTERED", ["dead"]),
        ("error_code=OPERATION_FAILED&operation=cube_sum", ["of bob"]),
        ("error_code=NONE", []),
        ("status=FAILED&tag=red", ["failed"]),
        ("status=FAILED&username=ada", ["dead", "failed"]),
        ("username=bob", ["of bob"]),
        ("username=BOB", ["of bob"]),
        ("username=ada", ["waiting", "dead", "failed"]),
        ("username=ada&dead=true", ["dead"]),
        ("username=ada&status=PENDING", ["waiting"]),
        ("username=ada&status=SUCCESS", []),
        ("username=ada&status=CANCELLED", []),
        ("status=PENDING", ["waiting"]),
        ("status=IN_PROGRESS", []),
        ("status=FAILED&created_before=2026-11-23T12:00:01Z", ["failed"]),
        ("status=FAILED&created_after=2026-11-23T12:00:02Z", ["of bob"]),
    ],
)
def test_each_filter_shows_the_jobs_that_match(query: str, expected: list[str]) -> None:
    at = Administered("ada", "bob")
    names = {
        at.failed(tags=["red"]): "failed",
        at.failed(error=DEAD_LETTERED): "dead",
        at.failed("bob", operation="cube_sum"): "of bob",
        at.waiting(): "waiting",
    }
    assert [names[job_id] for job_id in at.ids(query)] == expected


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("", "name a user by username, or ask for the status"),
        ("status=SUCCESS", "name a user by username, or ask for the status"),
        ("status=CANCELLED&tag=x", "name a user by username, or ask for the status"),
        ("tag=x", "name a user by username, or ask for the status"),
        ("dead=false", "name a user by username, or ask for the status"),
        ("status=PENDING&dead=true", "leave the status out, or make it FAILED"),
        ("username=ada&status=CANCELLED&error_code=X", "leave the status out, or make it FAILED"),
        ("status=FAILED&dead=yes", "dead must be true or false"),
        ("status=FAILED&dead=", "dead must be true or false"),
        ("status=FAILED&dead=1", "dead must be true or false"),
        ("status=FAILED&dead=true&dead=true", "dead is given 2 times"),
        ("status=DONE", "status must be"),
        ("status=FAILED&operation=squaresum", "square_sum"),
        ("status=FAILED&limit=0", "limit must be a whole number from 1 to 100"),
        ("status=FAILED&owner_id=x", "there is no parameter owner_id"),
        ("username=", "username must be text of 1 to 64 characters"),
        ("status=FAILED&error_code=", "error_code must be text of 1 to 256 characters"),
        ("status=FAILED&created_after=2026-11-24T00:00:00Z&created_before=2026-11-23T00:00:00Z", "created_before"),
        ("status=FAILED&cursor=nonsense", "begin again without it"),
    ],
)
def test_a_list_that_there_is_not_is_refused_with_what_to_change(query: str, detail: str) -> None:
    at = Administered("ada")
    answer = at.listed(query)
    assert (answer.status, answer.problem["code"]) == (400, "INVALID_PARAMETER")
    assert detail in answer.problem["detail"]
    assert [each for each in events(at.api, at.root) if each[0] == "JOBS_LISTED"] == []


@pytest.mark.parametrize("query", ["status=FAILED", "username=ada", "status=PENDING"])
def test_pages_lead_on_by_cursor_and_by_link(query: str) -> None:
    at = Administered("ada", "bob")
    for _ in range(3):
        at.failed()
        at.waiting()
    seen = at.ids(query)
    first = at.listed(f"{query}&limit=2")
    link = first.headers["Link"]
    cursor = first.json["next_cursor"]
    assert link == f'</api/admin/jobs?{query}&limit=2&cursor={cursor}>; rel="next"'
    ids = [job["job_id"] for job in first.json["jobs"]]
    while cursor is not None:
        answer = at.listed(f"{query}&limit=2&cursor={cursor}")
        ids += [job["job_id"] for job in answer.json["jobs"]]
        cursor = answer.json["next_cursor"]
    assert ids == seen
    assert len(ids) >= 3


@pytest.mark.asvs("8.2.2", "8.4.1")
def test_a_cursor_is_good_for_its_own_list_and_its_own_administrator_only() -> None:
    at = Administered("ada", "bob")
    for _ in range(3):
        at.failed()
    at.api.made_admin("bob")
    cursors = {query: at.listed(f"{query}&limit=1").json["next_cursor"] for query in ("status=FAILED", "username=ada")}
    own = at.api.get("/jobs", token=at.tokens["ada"], query="limit=1").json["next_cursor"]
    assert None not in {*cursors.values(), own}
    others = ["status=FAILED&tag=x", "status=PENDING", "username=bob", "username=ada&status=FAILED", "dead=true"]
    for query, cursor in [*((query, cursor) for query in others for cursor in cursors.values()), ("username=ada", own)]:
        answer = at.listed(f"{query}&limit=1&cursor={cursor}")
        assert (answer.status, answer.problem["code"]) == (400, "INVALID_PARAMETER"), query
    for query, cursor in cursors.items():
        query_on = f"{query}&limit=1&cursor={cursor}"
        assert at.listed(query_on).status == 200
        assert at.api.get("/admin/jobs", token=at.tokens["bob"], query=query_on).status == 400
    assert at.api.get("/jobs", token=at.root, query=f"cursor={cursors['username=ada']}").status == 400


@pytest.mark.parametrize("name", ["nobody", "%00", "a%20b", "..", "%ED%A0%80", quote("ada' OR '1'='1")])
def test_the_jobs_of_a_name_that_nobody_has_are_not_found(name: str) -> None:
    answer = Administered("ada").listed(f"username={name}")
    assert (answer.status, answer.problem["code"]) == (404, "NOT_FOUND")


def test_an_owner_without_a_session_has_no_name_in_the_list() -> None:
    at = Administered("ada")
    job_id = at.failed()
    owner_id = at.owner_id("ada")
    assert at.api.send("POST", "/logout/all", token=at.tokens["ada"]).status == 204
    (listed,) = at.listed("status=FAILED").json["jobs"]
    assert (listed["job_id"], listed["username"], listed["owner_id"]) == (job_id, None, owner_id)


@pytest.mark.parametrize("part", ["", "/cancel", "/retry"])
@pytest.mark.parametrize(
    "owner_id", [NOBODY, NO_ID, "nonsense", "x" * 5_000, "%00", "%2e%2e", "{owner_id}", "*", NOBODY.upper()]
)
def test_what_is_no_job_of_this_owner_is_not_found(owner_id: str, part: str) -> None:
    at = Administered("ada", "bob")
    job_id = at.failed()
    method = "POST" if part else "GET"
    for owner, job in ((owner_id, job_id), (at.owner_id("bob"), job_id), (at.owner_id("ada"), owner_id)):
        answer = at.api.send(method, f"/admin/jobs/{owner}/{job}{part}", token=at.root)
        assert (answer.status, answer.problem["code"]) == (404, "NOT_FOUND")
    assert at.job(job_id).status is JobStatus.FAILED
    assert [each[0] for each in events(at.api, at.root)] == ["SIGNED_IN", "ROLE_CHANGED", "REGISTERED"]


def test_a_job_is_cancelled_and_its_owner_sees_that_it_was_not_by_the_owner() -> None:
    at = Administered("ada")
    job_id = at.waiting()
    answer = at.one("ada", job_id, "/cancel", method="POST")
    assert (answer.status, answer.json) == (202, {"job_id": job_id, "status": "CANCELLED"})
    told = at.api.get(f"/jobs/{job_id}/events", token=at.tokens["ada"]).json["events"]
    assert (told[-1]["transition"], told[-1]["reason"]) == ("CANCEL", "by an administrator")
    assert at.one("ada", job_id, "/cancel", method="POST").problem["code"] == "CONFLICT"
    assert [each[0] for each in events(at.api, at.root)].count("JOB_CANCELLED") == 1


def test_a_failed_job_is_retried_and_runs_again() -> None:
    at = Administered("ada")
    job_id = at.failed()
    at.api.world.queue.messages.clear()
    answer = at.one("ada", job_id, "/retry", method="POST")
    assert (answer.status, answer.json) == (202, {"job_id": job_id, "status": "PENDING"})
    assert answer.headers["Location"] == f"/api/admin/jobs/{at.owner_id('ada')}/{job_id}"
    assert int(answer.headers["Retry-After"]) >= 1
    assert [key.job_id for key in at.api.world.queue.messages] == [job_id]
    assert at.one("ada", job_id, "/retry", method="POST").problem["code"] == "CONFLICT"


def test_each_look_and_each_change_is_told_to_both_sides() -> None:
    at = Administered("ada")
    job_id = at.failed()
    at.one("ada", job_id)
    at.one("ada", job_id, "/retry", method="POST")
    at.one("ada", job_id, "/cancel", method="POST")
    at.listed("username=ada")
    at.listed("status=FAILED")
    of_it = f"job {job_id}"
    assert events(at.api, at.tokens["ada"])[:4] == [
        ("JOBS_LISTED", "root", "all"),
        ("JOB_CANCELLED", "root", of_it),
        ("JOB_RETRIED", "root", of_it),
        ("JOB_LOOKED_AT", "root", of_it),
    ]
    assert events(at.api, at.root)[:5] == [
        ("JOBS_LISTED", "root", "status FAILED"),
        ("JOBS_LISTED", "root", "ada: all"),
        ("JOB_CANCELLED", "root", f"ada: {of_it}"),
        ("JOB_RETRIED", "root", f"ada: {of_it}"),
        ("JOB_LOOKED_AT", "root", f"ada: {of_it}"),
    ]


def test_what_administrators_may_do_users_may_not_even_with_their_own_jobs() -> None:
    at = Administered("ada")
    job_id = at.failed()
    path = f"/admin/jobs/{at.owner_id('ada')}/{job_id}"
    body = json.dumps({"action": "retry", "filter": {"username": "ada"}, "preview": True})
    for method, route, sent in (
        ("GET", "/admin/jobs", None),
        ("GET", path, None),
        ("POST", f"{path}/cancel", None),
        ("POST", f"{path}/retry", None),
        ("POST", "/admin/bulk", body),
    ):
        answer = at.api.send(method, route, sent, token=at.tokens["ada"])
        assert (answer.status, answer.problem["code"]) == (403, "NOT_PERMITTED")
    assert at.job(job_id).status is JobStatus.FAILED


def test_jobs_of_two_owners_with_one_id_are_two() -> None:
    at = Administered("ada", "bob")
    job_id = at.failed()
    job = at.job(job_id)
    other = replace(job, key=JobKey(owner_id=UserId(at.owner_id("bob")), job_id=job.key.job_id))
    at.api.world.jobs.add(other)
    assert at.one("bob", job_id, "/retry", method="POST").status == 202
    assert {each.key.owner_id: each.status for each in at.api.world.jobs.all()} == {
        at.owner_id("ada"): JobStatus.FAILED,
        at.owner_id("bob"): JobStatus.PENDING,
    }
