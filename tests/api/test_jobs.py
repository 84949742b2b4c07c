import json

import pytest

from chalicelib.domain.jobs import JobKey, Lease, parsed_job_id
from chalicelib.domain.users import UserId
from tests.api.client import Api
from tests.events import api_event
from tests.factories import World
from tests.fakes import NOON

READS = ["/jobs/{job_id}", "/jobs/{job_id}/status", "/jobs/{job_id}/result"]


def key_of(token: str, job_id: str) -> JobKey:
    owner_id = UserId(token.partition("/")[0])
    known_id = parsed_job_id(job_id)
    assert known_id is not None
    return JobKey(owner_id=owner_id, job_id=known_id)


def test_a_submitted_job_is_accepted_queued_and_pending() -> None:
    api = Api()
    token = api.logged_in()
    answer = api.post("/jobs", {"data": [1, 2, 3], "operation": "square_sum"}, token=token)
    assert answer.status == 202
    job_id = answer.json["job_id"]
    assert answer.json == {"job_id": job_id, "status": "PENDING"}
    assert answer.headers["Location"] == f"/api/jobs/{job_id}", "as API Gateway's own domain has it, stage included"
    assert list(api.world.queue.messages) == [key_of(token, job_id)]
    assert api.get(f"/jobs/{job_id}/status", token=token).json == {"status": "PENDING"}
    assert api.get(f"/jobs/{job_id}/result", token=token).json == {"status": "PENDING", "result": None}


@pytest.mark.parametrize("path", ["/jobs", "/jobs/", "/base/path/jobs"])
def test_the_location_is_below_the_path_that_the_caller_used(path: str) -> None:
    """Behind a custom domain there is no stage; there may be a base path."""
    api = Api()
    event = api_event(
        "POST",
        "/jobs",
        body='{"data": [1], "operation": "square_sum"}',
        headers={"Authorization": f"Bearer {api.logged_in()}"},
    )
    event["requestContext"]["path"] = path
    answer = api.app(event, None)
    assert answer["headers"]["Location"] == f"{path.rstrip('/')}/{json.loads(answer['body'])['job_id']}"


def test_a_computed_job_has_its_result_everywhere() -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token)
    api.world.services().execution.execute(api.world.queue.messages[0])
    assert api.get(f"/jobs/{job_id}/status", token=token).json == {"status": "SUCCESS"}
    assert api.get(f"/jobs/{job_id}/result", token=token).json == {"status": "SUCCESS", "result": 14}
    assert api.get(f"/jobs/{job_id}", token=token).json == {
        "job_id": job_id,
        "operation": "square_sum",
        "data": [1, 2, 3],
        "status": "SUCCESS",
        "attempt": 1,
        "max_attempts": 3,
        "created_at": "2026-11-23T12:00:00Z",
        "started_at": "2026-11-23T12:00:00Z",
        "finished_at": "2026-11-23T12:00:00Z",
        "expires_at": "2026-12-23T12:00:00Z",
        "result": 14,
        "error": None,
    }
    listed = {"job_id": job_id, "data": [1, 2, 3], "operation": "square_sum", "status": "SUCCESS", "result": 14}
    assert api.get("/jobs", token=token).json == {"jobs": [listed], "next_cursor": None}


def test_a_failed_job_says_why() -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token, data=[1e200])
    api.world.services().execution.execute(api.world.queue.messages[0])
    error = {"code": "OPERATION_FAILED", "detail": "the result is beyond the largest float"}
    assert api.get(f"/jobs/{job_id}/result", token=token).json == {"status": "FAILED", "result": None, "error": error}
    whole = api.get(f"/jobs/{job_id}", token=token).json
    assert (whole["status"], whole["error"], whole["result"]) == ("FAILED", error, None)


def test_a_running_job_is_in_progress() -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token)
    lease = Lease(token="t", expires_at=NOON + api.world.limits.lease)
    api.world.jobs.claim(key_of(token, job_id), lease, at=NOON)
    assert api.get(f"/jobs/{job_id}/status", token=token).json == {"status": "IN_PROGRESS"}
    assert api.get(f"/jobs/{job_id}/result", token=token).json == {"status": "IN_PROGRESS", "result": None}


@pytest.mark.parametrize(
    ("operation", "data", "result"),
    [
        ("square_sum", "[]", "0"),
        ("square_sum", "[100000000000000000000,1]", "1" + "0" * 39 + "1"),
        ("cube_sum", "[1,2,3]", "36"),
        ("cube_sum", "[0.1,1e-30]", "0.0010000000000000002"),
    ],
)
def test_numbers_pass_through_unchanged(operation: str, data: str, result: str) -> None:
    api = Api()
    token = api.logged_in()
    body = f'{{"data": {data}, "operation": "{operation}"}}'
    job_id = api.send("POST", "/jobs", body, token=token).json["job_id"]
    api.world.services().execution.execute(api.world.queue.messages[0])
    text = api.get(f"/jobs/{job_id}", token=token).text
    assert f'"data":{data},' in text
    assert f'"result":{result},' in text


@pytest.mark.parametrize("path", READS)
def test_another_users_job_is_answered_as_one_that_never_was(path: str) -> None:
    api = Api()
    ada, bob = api.logged_in("ada"), api.logged_in("bob")
    job_id = api.submitted(ada)
    foreign = api.get(path.format(job_id=job_id), token=bob)
    assert foreign.status == 404
    assert foreign.problem["code"] == "NOT_FOUND"
    for no_job in ("01900000-0000-7000-8000-000000000000", "no-id", job_id.upper(), f"{job_id}0"):
        assert api.get(path.format(job_id=no_job), token=bob) == foreign


@pytest.mark.parametrize("path", ["/jobs", "/jobsList"])
def test_jobs_are_listed_newest_first_and_page_by_page(path: str) -> None:
    api = Api()
    token = api.logged_in()
    api.submitted(api.logged_in("bob"))
    submitted = [api.submitted(token, data=[number]) for number in range(5)]
    listed: list[str] = []
    query = "limit=2"
    while query:
        page = api.get(path, token=token, query=query).json
        assert len(page["jobs"]) <= 2
        listed += [job["job_id"] for job in page["jobs"]]
        query = page["next_cursor"] and f"limit=2&cursor={page['next_cursor']}"
    assert listed == submitted[::-1]


def test_a_page_has_twenty_jobs_unless_asked_otherwise() -> None:
    api = Api()
    token = api.logged_in()
    for _ in range(21):
        api.submitted(token)
    assert len(api.get("/jobs", token=token).json["jobs"]) == 20
    assert len(api.get("/jobs", token=token, query="limit=100").json["jobs"]) == 21


@pytest.mark.parametrize(
    "limit",
    ["0", "101", "-1", "ten", "", "1e1", "\N{ARABIC-INDIC DIGIT FIVE}", "1" * 10_000, "0010000", "0001" + "0" * 5000],
)
def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    api = Api()
    answer = api.get("/jobs", token=api.logged_in(), query=f"limit={limit}")
    assert answer.status == 400
    assert answer.problem["code"] == "INVALID_PARAMETER"
    assert answer.problem["detail"] == "limit must be a whole number from 1 to 100"


@pytest.mark.parametrize("cursor", ["", "nonsense", "' OR 1=1"])
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    api = Api()
    answer = api.get("/jobs", token=api.logged_in(), query=f"cursor={cursor}")
    assert answer.status == 400
    assert answer.problem["code"] == "INVALID_PARAMETER"
    assert answer.problem["detail"].startswith("cursor must be")


def test_the_operations_are_listed_with_their_schemas() -> None:
    operations = {each["name"]: each for each in Api().get("/operations").json["operations"]}
    assert operations["square_sum"] == {
        "name": "square_sum",
        "description": "Sum of the squares of a list of numbers; 0 for an empty list.",
        "input_schema": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "number"}]}},
    }
    assert "cube_sum" in operations


def test_health_asks_nobody() -> None:
    world = World()
    world.users.away = world.jobs.away = world.hits.away = world.queue.away = True
    answer = Api(world).get("/health")
    assert (answer.status, answer.json) == (200, {"status": "ok"})


def test_every_answer_carries_the_id_of_its_request() -> None:
    api = Api()
    event = api_event("GET", "/health")
    assert api.get("/health").headers["X-Request-Id"] == event["requestContext"]["requestId"]
    assert api.get("/jobs").headers["X-Request-Id"] == event["requestContext"]["requestId"]
