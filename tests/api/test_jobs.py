import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.domain.jobs import JobKey, JobStatus, ScheduledRun, parsed_job_id
from chalicelib.domain.users import UserId
from tests.api.client import Api
from tests.events import api_event
from tests.factories import KEY, World, make_claim, make_job
from tests.fakes import NOON

READS = [f"/jobs/{{job_id}}{part}" for part in ("", "/status", "/result", "/events", "/explain")]
PLENTY = timedelta(minutes=10)
CHANGES = ["/jobs/{job_id}/cancel", "/jobs/{job_id}/retry"]
CALLS = [
    *(("GET", path) for path in READS),
    *(("POST", path) for path in CHANGES),
    ("DELETE", "/jobs/{job_id}"),
]


def computed(api: Api) -> None:
    """Run the job whose message was sent first."""
    api.world.execution().execute(api.world.queue.messages[0], time_left=lambda: PLENTY, whole_time=PLENTY)


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


@pytest.mark.parametrize("path", ["/jobs", "/jobs/", "/base/path/jobs", "//jobs", "/api//jobs"])
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
    assert (
        answer["headers"]["Location"] == f"{path.rstrip('/').replace('//', '/')}/{json.loads(answer['body'])['job_id']}"
    )


def test_a_computed_job_has_its_result_everywhere() -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token)
    computed(api)
    assert api.get(f"/jobs/{job_id}/status", token=token).json == {"status": "SUCCESS"}
    assert api.get(f"/jobs/{job_id}/result", token=token).json == {"status": "SUCCESS", "result": 14}
    assert api.get(f"/jobs/{job_id}", token=token).json == {
        "job_id": job_id,
        "operation": "square_sum",
        "data": [1, 2, 3],
        "status": "SUCCESS",
        "attempt": 1,
        "max_attempts": 3,
        "timeout_s": 60,
        "created_at": "2026-11-23T12:00:00Z",
        "run_at": "2026-11-23T12:00:00Z",
        "started_at": "2026-11-23T12:00:00Z",
        "finished_at": "2026-11-23T12:00:00Z",
        "expires_at": "2026-12-23T12:00:00Z",
        "tags": [],
        "metadata": {},
        "callback_url": None,
        "schedule_id": None,
        "scheduled_for": None,
        "result": 14,
        "error": None,
    }
    listed = {"job_id": job_id, "data": [1, 2, 3], "operation": "square_sum", "status": "SUCCESS", "result": 14}
    assert api.get("/jobs", token=token).json == {"jobs": [listed], "next_cursor": None}


def test_a_failed_job_says_why() -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token, data=[1e200])
    computed(api)
    error = {"code": "OPERATION_FAILED", "detail": "the result is beyond the largest float"}
    assert api.get(f"/jobs/{job_id}/result", token=token).json == {"status": "FAILED", "result": None, "error": error}
    whole = api.get(f"/jobs/{job_id}", token=token).json
    assert (whole["status"], whole["error"], whole["result"]) == ("FAILED", error, None)


def test_a_running_job_is_in_progress() -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token)
    api.world.jobs.claim(key_of(token, job_id), make_claim("a"))
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
    computed(api)
    text = api.get(f"/jobs/{job_id}", token=token).text
    assert f'"data":{data},' in text
    assert f'"result":{result},' in text


@pytest.mark.asvs("8.2.2", "8.4.1")
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_another_users_job_is_answered_as_one_that_never_was(method: str, path: str) -> None:
    api = Api()
    ada, bob = api.logged_in("ada"), api.logged_in("bob")
    job_id = api.submitted(ada)
    foreign = api.send(method, path.format(job_id=job_id), token=bob)
    assert foreign.status == 404
    assert foreign.problem["code"] == "NOT_FOUND"
    for no_job in ("01900000-0000-7000-8000-000000000000", "no-id", job_id.upper(), f"{job_id}0"):
        answer = api.send(method, path.format(job_id=no_job), token=bob)
        assert answer.but_for_the_limit == foreign.but_for_the_limit
    assert [job.status for job in api.world.jobs.all()] == [JobStatus.PENDING]


def test_the_operations_are_listed_with_their_schemas() -> None:
    operations = {each["name"]: each for each in Api().get("/operations").json["operations"]}
    assert operations["square_sum"] == {
        "name": "square_sum",
        "description": "Sum of the squares of a list of numbers; 0 for an empty list.",
        "input_schema": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "number"}]}},
        "max_attempts": 3,
        "timeout_s": 60,
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


def test_a_job_can_be_delayed_and_bounded_when_it_is_submitted() -> None:
    api = Api()
    token = api.logged_in()
    options = {"delay_s": 90, "max_attempts": 1, "timeout_s": 5, "retention_days": 2}
    answer = api.post("/jobs", {"data": [1], "operation": "square_sum", **options}, token=token)
    whole = api.get(f"/jobs/{answer.json['job_id']}", token=token).json
    assert (whole["run_at"], whole["expires_at"]) == ("2026-11-23T12:01:30Z", "2026-11-25T12:01:30Z")
    assert (whole["max_attempts"], whole["timeout_s"]) == (1, 5)
    assert api.world.queue.delays == [timedelta(seconds=90)]


@pytest.mark.parametrize("run_at", ["2026-11-23T12:01:30Z", "2026-11-23T13:01:30+01:00"])
def test_an_instant_to_run_at_may_be_in_any_zone(run_at: str) -> None:
    api = Api()
    token = api.logged_in()
    answer = api.post("/jobs", {"data": [1], "operation": "square_sum", "run_at": run_at}, token=token)
    assert answer.status == 202
    assert api.get(f"/jobs/{answer.json['job_id']}", token=token).json["run_at"] == "2026-11-23T12:01:30Z"


def test_an_instant_long_past_is_now() -> None:
    api = Api()
    token = api.logged_in()
    body = {"data": [1], "operation": "square_sum", "run_at": "0001-01-01T00:00:00+12:00"}
    job_id = api.post("/jobs", body, token=token).json["job_id"]
    assert api.get(f"/jobs/{job_id}", token=token).json["run_at"] == "2026-11-23T12:00:00Z"


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"run_at": "2026-11-23T12:01:30"}, "#/run_at"),
        ({"run_at": "tomorrow"}, "#/run_at"),
        ({"run_at": "9999-12-31T23:59:59Z"}, "#/run_at"),
        ({"run_at": "9999-12-31T23:59:59-12:00"}, "#/run_at"),
        ({"delay_s": 1.5}, "#/delay_s"),
        ({"delay_s": "1"}, "#/delay_s"),
        ({"delay_s": 10**30}, "#/delay_s"),
        ({"delay_s": 1, "run_at": "2026-11-23T12:01:30Z"}, "#/run_at"),
        ({"max_attempts": 4}, "#/max_attempts"),
        ({"timeout_s": 0}, "#/timeout_s"),
        ({"timeout_s": True}, "#/timeout_s"),
        ({"retention_days": 1000}, "#/retention_days"),
    ],
)
def test_an_option_that_cannot_be_kept_is_refused(options: dict[str, Any], pointer: str) -> None:
    api = Api()
    answer = api.post("/jobs", {"data": [1], "operation": "square_sum", **options}, token=api.logged_in())
    assert answer.status == 422
    assert [error["pointer"] for error in answer.problem["errors"]] == [pointer]
    assert not api.world.jobs.all()


def test_a_job_is_cancelled_once_and_can_be_retried_by_hand() -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token)
    answer = api.send("POST", f"/jobs/{job_id}/cancel", token=token)
    assert (answer.status, answer.json) == (202, {"job_id": job_id, "status": "CANCELLED"})
    assert api.get(f"/jobs/{job_id}/result", token=token).json == {"status": "CANCELLED", "result": None}
    again = api.send("POST", f"/jobs/{job_id}/cancel", token=token)
    assert (again.status, again.problem["code"]) == (409, "CONFLICT")

    answer = api.send("POST", f"/jobs/{job_id}/retry", token=token)
    assert (answer.status, answer.json) == (202, {"job_id": job_id, "status": "PENDING"})
    again = api.send("POST", f"/jobs/{job_id}/retry", token=token)
    assert (again.status, again.problem["code"]) == (409, "CONFLICT")
    computed(api)
    assert api.get(f"/jobs/{job_id}/result", token=token).json == {"status": "SUCCESS", "result": 14}


@pytest.mark.asvs("2.3.1")
@pytest.mark.parametrize("change", CHANGES)
def test_a_finished_job_is_neither_cancelled_nor_retried(change: str) -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token)
    computed(api)
    answer = api.send("POST", change.format(job_id=job_id), token=token)
    assert (answer.status, answer.problem["code"]) == (409, "CONFLICT")
    assert answer.problem["detail"].startswith("the job is SUCCESS; ")


@pytest.mark.asvs("2.4.1")
@pytest.mark.parametrize(("method", "path"), [call for call in CALLS if call[0] != "GET"])
def test_a_change_counts_as_a_submission(method: str, path: str) -> None:
    api = Api(World(submit_quota=1))
    token = api.logged_in()
    job_id = api.submitted(token)
    assert api.send(method, path.format(job_id=job_id), token=token).status == 429


def test_a_final_job_is_deleted_and_then_never_was() -> None:
    api = Api()
    token = api.logged_in()
    job_id, other_id = api.submitted(token), api.submitted(token)
    refused = api.send("DELETE", f"/jobs/{job_id}", token=token)
    assert (refused.status, refused.problem["code"]) == (409, "CONFLICT")
    assert refused.problem["detail"] == "the job is PENDING; cancel it first, only a final one can be deleted"
    computed(api)
    answer = api.send("DELETE", f"/jobs/{job_id}", token=token)
    assert (answer.status, answer.text) == (204, "")
    assert api.send("DELETE", f"/jobs/{job_id}", token=token).status == 404
    for path in READS:
        assert api.get(path.format(job_id=job_id), token=token).status == 404
    assert [each["job_id"] for each in api.get("/jobs", token=token).json["jobs"]] == [other_id]


TAGS = ["red", "\N{SNOWMAN}", "t" * 64]
METADATA = {"order": "7", "m" * 64: "\N{SNOWMAN}" * 256, "nothing": ""}


def test_tags_and_metadata_come_back_wherever_the_job_does() -> None:
    api = Api()
    token = api.logged_in()
    body = {"data": [1], "operation": "square_sum", "tags": [*TAGS, "red"], "metadata": METADATA}
    job_id = api.post("/jobs", body, token=token).json["job_id"]
    computed(api)
    whole = api.get(f"/jobs/{job_id}", token=token).json
    assert (whole["tags"], whole["metadata"]) == (TAGS, METADATA), "each tag once"
    for query in ("", f"tag={quote(TAGS[1])}"):
        (listed,) = api.get("/jobs", token=token, query=query).json["jobs"]
        assert (listed["tags"], listed["metadata"]) == (TAGS, METADATA)
    assert api.get("/jobs", token=token, query="tag=blue").json["jobs"] == []


CALLBACK_URL = "https://example.com/hooks/jobs?of=ada"


def test_the_callback_url_comes_back_with_the_whole_job() -> None:
    api = Api()
    token = api.logged_in()
    body = {"data": [1], "operation": "square_sum", "callback_url": CALLBACK_URL}
    job_id = api.post("/jobs", body, token=token).json["job_id"]
    assert api.get(f"/jobs/{job_id}", token=token).json["callback_url"] == CALLBACK_URL
    batched = api.post("/jobs/batch", {"jobs": [body]}, token=token).json["jobs"][0]["job_id"]
    assert api.get(f"/jobs/{batched}", token=token).json["callback_url"] == CALLBACK_URL


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hooks",
        "https://127.0.0.1/hooks",
        "https://example.com:8443/hooks",
        "https://ada:secret@example.com/hooks",
        "not a url",
        "",
        "https://example.com/" + "h" * 2029,
        7,
    ],
)
def test_a_callback_url_that_is_not_to_be_called_is_refused(url: Any) -> None:
    """Everything else that is refused, `test_webhook_urls` has."""
    api = Api()
    token = api.logged_in()
    body = {"data": [1], "operation": "square_sum", "callback_url": url}
    answer = api.post("/jobs", body, token=token)
    assert answer.status == 422
    assert [error["pointer"] for error in answer.problem["errors"]] == ["#/callback_url"]
    (batched,) = api.post("/jobs/batch", {"jobs": [body]}, token=token).json["jobs"]
    assert [error["pointer"] for error in batched["error"]["errors"]] == ["#/jobs/0/callback_url"]
    assert not api.world.jobs.all()


def test_a_callback_url_may_be_as_long_as_urls_may_be() -> None:
    api = Api()
    body = {"data": [1], "operation": "square_sum", "callback_url": "https://example.com/" + "h" * 2028}
    assert api.post("/jobs", body, token=api.logged_in()).status == 202


def test_on_a_laptop_a_callback_url_may_lead_there() -> None:
    api = Api(World(webhooks_to_anywhere=True))
    body = {"data": [1], "operation": "square_sum", "callback_url": "http://127.0.0.1:8000/hooks"}
    assert api.post("/jobs", body, token=api.logged_in()).status == 202


def test_a_job_that_a_schedule_has_made_names_it_and_its_due_time() -> None:
    api = Api()
    token = api.logged_in()
    scheduled = ScheduledRun(schedule_id="6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a44", due_at=NOON)
    key = JobKey(owner_id=UserId(token.partition("/")[0]), job_id=KEY.job_id)
    api.world.jobs.add(make_job(key=key, scheduled=scheduled))
    whole = api.get(f"/jobs/{key.job_id}", token=token).json
    assert (whole["schedule_id"], whole["scheduled_for"]) == (scheduled.schedule_id, "2026-11-23T12:00:00Z")


@pytest.mark.asvs("1.2.3", "1.1.1")
@pytest.mark.parametrize("text", ['"}, "job_id": "', "\\", "\\u0041", "</script>", "%41", "&amp;", "\u2028"])
def test_a_text_that_looks_like_json_or_is_encoded_comes_back_as_it_was(text: str) -> None:
    api = Api()
    token = api.logged_in()
    body = {"data": [1], "operation": "square_sum", "tags": [text], "metadata": {"said": text}}
    plain = api.post("/jobs", body | {"tags": ["a"], "metadata": {"said": "a"}}, token=token).json
    answer = api.post("/jobs", body, token=token).json
    assert answer.keys() == plain.keys()
    whole = api.get(f"/jobs/{answer['job_id']}", token=token).json
    assert (whole["tags"], whole["metadata"]) == ([text], {"said": text})


@pytest.mark.asvs("2.2.1")
@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"tags": "red"}, "#/tags"),
        ({"tags": [""]}, "#/tags/0"),
        ({"tags": ["red", "t" * 65]}, "#/tags/1"),
        ({"tags": [1]}, "#/tags/0"),
        ({"tags": [str(number) for number in range(11)]}, "#/tags"),
        ({"metadata": ["order"]}, "#/metadata"),
        ({"metadata": {"": "7"}}, "#/metadata"),
        ({"metadata": {"m" * 65: "7"}}, "#/metadata"),
        ({"metadata": {"nothing": "", "order": 7, "more": 7}}, "#/metadata/order"),
        ({"metadata": {"or/der": "7" * 257}}, "#/metadata/or~1der"),
        ({"metadata": {str(number): "" for number in range(17)}}, "#/metadata"),
    ],
)
def test_tags_and_metadata_beyond_their_bounds_are_refused(options: dict[str, Any], pointer: str) -> None:
    api = Api()
    answer = api.post("/jobs", {"data": [1], "operation": "square_sum", **options}, token=api.logged_in())
    assert answer.status == 422
    assert [error["pointer"] for error in answer.problem["errors"]] == [pointer]
    assert not api.world.jobs.all()


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_an_expired_job_is_gone_from_every_call_at_once(method: str, path: str) -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token)
    api.world.clock.advance(days=30)
    token = api.signed_in().access
    answer = api.send(method, path.format(job_id=job_id), token=token)
    assert (answer.status, answer.problem["code"]) == (410, "EXPIRED")
    assert answer.problem["detail"] == "this job was kept until 2026-12-23T12:00:00Z"
    assert api.get("/jobs", token=token).json == {"jobs": [], "next_cursor": None}


def test_the_events_of_a_job_are_told_in_order() -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token, data=[1e200])
    computed(api)
    at = "2026-11-23T12:00:00Z"
    assert api.get(f"/jobs/{job_id}/events", token=token).json == {
        "events": [
            {"at": at, "transition": "SUBMIT", "attempt": 0, "worker": "api", "reason": None},
            {"at": at, "transition": "CLAIM", "attempt": 1, "worker": "consumer", "reason": None},
            {"at": at, "transition": "FAIL", "attempt": 1, "worker": "consumer", "reason": "OPERATION_FAILED"},
        ]
    }


def test_a_job_explains_itself() -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token)
    answer = api.get(f"/jobs/{job_id}/explain", token=token).json
    assert answer["status"] == "PENDING"
    assert answer["explanation"].startswith("The job was accepted at 2026-11-23T12:00:00Z and waits for attempt 1 of 3")
