"""What the API answers to requests it cannot serve: always a problem, never a bare error, and nothing stored."""

import base64
import json
import logging
from typing import Any

import pytest

from chalicelib.domain.jobs import Job
from chalicelib.observability import JsonFormatter
from tests.api.client import JOB_ROUTES, Api
from tests.events import API_GATEWAY_POST
from tests.factories import World, make_limits

ROUTES_OF_JOBS = [(method, path.format(job_id="01900000-0000-7000-8000-000000000000")) for method, path in JOB_ROUTES]


def job_body(data: str) -> str:
    return f'{{"operation": "square_sum", "data": {data}}}'


@pytest.mark.asvs("2.2.1", "2.2.2", "15.3.3", "15.3.5")
@pytest.mark.parametrize(
    ("body", "status", "pointer", "detail"),
    [
        ("", 400, None, "the body is empty; send a JSON object"),
        (" \n", 400, None, "the body is empty"),
        ("{", 400, None, "not JSON"),
        ("nonsense", 400, None, "not JSON"),
        (job_body("[1,]"), 400, None, "not JSON"),
        (job_body("[1] trailing"), 400, None, "not JSON"),
        (job_body("[NaN]"), 400, None, "not JSON"),
        (job_body(r'"\ud800"'), 400, None, "half of a surrogate pair"),
        (job_body(r'"\ude00x"'), 400, None, "half of a surrogate pair"),
        (job_body('"\ud800"'), 400, None, "neither text nor Base64"),
        (job_body(r'"\ud83d\ude00"'), 422, "#/data", "expected a list, got text"),
        ('{"operation": "square_sum", "data": [1], "a/b~ü": 1}', 422, "#/a~1b~0%C3%BC", "no field a/b~ü"),
        (job_body('[1], "max_attempts": 1.5'), 422, "#/max_attempts", "a whole number or null, got a number with a"),
        (job_body("[Infinity]"), 400, None, "not JSON"),
        (job_body("[-Infinity]"), 400, None, "not JSON"),
        (job_body("[1e400]"), 422, "#/data/0", "out of range"),
        ("null", 422, "#", "expected an object, got null"),
        ("[1, 2, 3]", 422, "#", "expected an object, got a list"),
        ("{}", 422, "#", "the field operation is missing"),
        ('{"operation": "square_sum"}', 422, "#", "the field data is missing"),
        ('{"data": [1]}', 422, "#", "the field operation is missing"),
        (
            '{"operation": "square_sum", "data": [1], "run_att": 1}',
            422,
            "#/run_att",
            "no field run_att; did you mean run_at?",
        ),
        ('{"operation": 7, "data": [1]}', 422, "#/operation", "expected text, got a whole number"),
        ('{"operation": null, "data": [1]}', 422, "#/operation", "expected text, got null"),
        ('{"operation": "sqare_sum", "data": [1]}', 422, "#/operation", "did you mean square_sum?"),
        ('{"operation": "' + "x" * 100_000 + '", "data": [1]}', 422, "#/operation", "there is no such operation"),
        ('{"operation": "__init__", "data": [1]}', 422, "#/operation", "there is no such operation"),
        (job_body("null"), 422, "#/data", "expected a list, got null"),
        (job_body('"123"'), 422, "#/data", "expected a list, got text"),
        (job_body('{"0": 1}'), 422, "#/data", "expected a list, got an object"),
        (job_body('[1, "2"]'), 422, "#/data/1", "expected a number, got text"),
        (job_body("[true]"), 422, "#/data/0", "got true or false"),
        (job_body("[1, null]"), 422, "#/data/1", "got null"),
        (job_body("[" + "9" * 10_000 + "]"), 422, "#/data/0", "out of range"),
        (job_body("[" + "9" * 1_001 + "]"), 422, "#/data/0", "more than 1000 digits"),
        (job_body("[" * 100_000 + "]" * 100_000), 400, None, "nested too deeply"),
        ("[" * 100_000, 422, "#", "expected an object, got a list"),
        ('{"x": ' * 40_000, 422, "#/x", "no field x"),
        ('{"operation": "square_sum", "data": [], "' + "x" * 100_000 + '": 1}', 422, "#", "no field xxx"),
    ],
)
def test_a_bad_body_is_refused_and_nothing_stored(body: str, status: int, pointer: str | None, detail: str) -> None:
    api = Api()
    answer = api.send("POST", "/jobs", body, token=api.logged_in())
    assert answer.status == status
    assert detail in answer.problem["detail"]
    assert len(answer.problem["detail"]) < 500
    assert [error["pointer"] for error in answer.problem.get("errors", [])] == ([pointer] if pointer else [])
    assert not api.world.jobs.all()
    assert not api.world.queue.messages


@pytest.mark.asvs("1.3.3", "2.3.2")
@pytest.mark.parametrize("path", ["/jobs", "/register", "/login"])
def test_a_body_over_the_limit_is_refused_with_both_sizes(path: str) -> None:
    api = Api()
    token = api.logged_in()
    api.world.body_max_bytes = 10
    answer = Api(api.world).send("POST", path, '"' + "x" * 9 + '"', token=token)
    assert answer.status == 413
    assert answer.problem["detail"] == "the body has 11 bytes, and a request may have 10"
    assert not api.world.jobs.all()
    assert len(api.world.users.all()) == 1


@pytest.mark.asvs("2.3.2")
def test_data_over_the_limit_is_refused_with_both_sizes() -> None:
    api = Api(World(limits=make_limits(data_max_bytes=10)))
    answer = api.send("POST", "/jobs", job_body("[1,2,3,4,5]"), token=api.logged_in())
    assert answer.status == 413
    assert answer.problem["code"] == "INPUT_TOO_LARGE"
    assert answer.problem["detail"] == "data takes 11 bytes as JSON, and a job may have 10"
    assert not api.world.jobs.all()


@pytest.mark.asvs("3.5.2")
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_another_content_type_is_refused(content_type: str) -> None:
    api = Api()
    answer = api.send("POST", "/jobs", job_body("[1]"), token=api.logged_in(), headers={"Content-Type": content_type})
    assert answer.status == 415
    assert "Content-Type: application/json" in answer.problem["detail"]
    assert not api.world.jobs.all()


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_accepted_however_it_is_declared(content_type: str) -> None:
    api = Api()
    answer = api.send("POST", "/jobs", job_body("[1]"), token=api.logged_in(), headers={"Content-Type": content_type})
    assert answer.status == 202


@pytest.mark.asvs("1.1.1")
def test_a_body_that_is_not_even_text_is_refused() -> None:
    api = Api()
    encoded = base64.b64encode(b'{"operation": "\xff\xfe", "data": []}').decode()
    answer = api.send("POST", "/jobs", encoded, token=api.logged_in(), overrides={"isBase64Encoded": True})
    assert answer.status == 400
    assert answer.problem["code"] == "MALFORMED_BODY"


@pytest.mark.asvs("1.1.1")
def test_a_body_that_is_no_base64_is_refused() -> None:
    api = Api()
    answer = api.send("POST", "/jobs", "é", token=api.logged_in(), overrides={"isBase64Encoded": True})
    assert (answer.status, answer.problem["code"]) == (400, "MALFORMED_BODY")


@pytest.mark.asvs("3.5.1", "7.2.1", "8.2.1", "8.3.1")
@pytest.mark.parametrize(("method", "path"), ROUTES_OF_JOBS)
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic YWRhOmFkYQ==", "Bearer a b", "nonsense", "Bearer nonsense"]
)
def test_without_a_token_that_holds_no_job_call_does_anything(method: str, path: str, header: str | None) -> None:
    world = World()
    world.hits.away = world.jobs.away = True
    headers = {} if header is None else {"Authorization": header}
    answer = Api(world).send(method, path, job_body("[1]"), headers=headers)
    assert answer.status == 401
    assert answer.problem["code"] == "NOT_AUTHENTICATED"
    token_was_sent = header in {"nonsense", "Bearer nonsense"}
    error = ', error="invalid_token"' if token_was_sent else ""
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="job-backend"{error}'


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  ", ""])
def test_the_scheme_may_be_in_any_case_or_missing(scheme: str) -> None:
    api = Api()
    token = api.logged_in()
    assert api.send("GET", "/jobs", headers={"Authorization": scheme + token}).status == 200


@pytest.mark.asvs("16.5.2")
@pytest.mark.parametrize(("method", "path"), ROUTES_OF_JOBS)
def test_without_its_table_a_job_call_is_503(method: str, path: str) -> None:
    api = Api()
    token = api.logged_in()
    api.world.jobs.away = True
    body = f'{{"jobs": [{job_body("[1]")}]}}' if path.endswith("batch") else job_body("[1]")
    answer = api.send(method, path, body, token=token)
    assert answer.status == 503
    assert answer.problem["code"] == "UNAVAILABLE"
    assert int(answer.headers["Retry-After"]) > 0
    assert not api.world.jobs.all()
    assert not api.world.queue.messages


@pytest.mark.asvs("16.5.2")
def test_without_the_queue_a_job_is_accepted_all_the_same() -> None:
    """The row is the promise; the sweep sends the message."""
    api = Api()
    token = api.logged_in()
    api.world.queue.away = True
    job_id = api.submitted(token)
    assert [job.key.job_id for job in api.world.jobs.all()] == [job_id]


@pytest.mark.asvs("13.4.2", "16.3.4", "16.5.1")
def test_a_fault_of_ours_is_a_problem_and_its_cause_in_the_log_under_the_request_id(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caplog.handler, "formatter", JsonFormatter())
    api = Api()
    token = api.logged_in()

    def broken(job: Job) -> None:  # noqa: ARG001 - named as the port has it
        message = "secret detail"
        raise ZeroDivisionError(message)

    api.world.jobs.add = broken  # type: ignore[method-assign]
    with caplog.at_level(logging.ERROR):
        answer = api.post("/jobs", {"data": [1], "operation": "square_sum"}, token=token)
    assert answer.status == 500
    assert answer.problem["code"] == "INTERNAL_SERVER_ERROR"
    assert "secret detail" not in answer.text
    assert answer.headers["X-Request-Id"] == API_GATEWAY_POST["requestContext"]["requestId"]
    (logged,) = [line for line in map(json.loads, caplog.text.splitlines()) if line["level"] == "ERROR"]
    assert "secret detail" in logged["exception"]
    assert logged["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.asvs("4.1.1")
@pytest.mark.parametrize(("method", "path"), [("DELETE", "/jobs"), ("PUT", "/login"), ("GET", "/register")])
def test_the_frameworks_own_refusals_have_the_same_shape(method: str, path: str) -> None:
    answer = Api().send(method, path)
    assert answer.status == 405
    assert answer.problem["code"] == "METHOD_NOT_ALLOWED"
    assert "Allow" in answer.headers


@pytest.mark.asvs("16.2.5")
def test_passwords_and_tokens_stay_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    api = Api()
    with caplog.at_level(logging.DEBUG):
        token = api.logged_in()
        api.post("/login", {"username": "ada", "password": "incorrect horse"})
        api.submitted(token)
        api.get("/jobs", token=token + "x")
    logged: list[Any] = [json.dumps(record.__dict__, default=str) for record in caplog.records]
    assert len(logged) >= 5, "each request has its line"
    for secret in ("correct horse", "incorrect horse", token):
        assert not [line for line in logged if secret in line]


@pytest.mark.asvs("16.2.1", "16.3.2", "16.3.3")
def test_every_refusal_has_a_line_in_the_log_that_says_what_was_called_and_by_whom(
    caplog: pytest.LogCaptureFixture,
) -> None:
    api = Api(World(sign_in_quota=1))
    token = api.logged_in()
    key = api.new_key(token, "jobs:read")["api_key"]
    (ada,) = api.world.users.all()
    assert api.log_in("ada", "a wrong password").status == 401
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="chalicelib.api.edge"):
        api.get("/jobs", token="no-token")
        api.post("/jobs", {"data": [1], "operation": "square_sum"}, token=key)
        api.get("/users/ada", token=token)
        api.post("/jobs", {"data": [1], "operation": "none"}, token=token)
        api.log_in("ada", "a wrong password")
        api.get("/health")
    lines = [record.__dict__ for record in caplog.records if record.name == "chalicelib.api.edge"]
    assert [(line["method"], line["route"], line["status"], line["user_id"]) for line in lines] == [
        ("GET", "/jobs", 401, None),
        ("POST", "/jobs", 403, ada.user_id),
        ("GET", "/users/{username}", 403, ada.user_id),
        ("POST", "/jobs", 422, ada.user_id),
        ("POST", "/login", 429, None),
        ("GET", "/health", 200, None),
    ]


@pytest.mark.parametrize(
    ("path", "body", "pointer", "detail"),
    [
        (
            "/webhooks",
            {"url": "https://example.com", "event_types": ["job.failed", "job.suceeded"]},
            "#/event_types/1",
            (
                "there is no such value; there are job.submitted, job.started, job.retrying, job.succeeded, "
                "job.failed, job.cancelled; did you mean job.succeeded?"
            ),
        ),
        (
            "/api-keys",
            {"name": "nightly", "scopes": ["*" * 1000]},
            "#/scopes/0",
            "there is no such value; there are jobs:read, jobs:write",
        ),
        (
            "/api-keys",
            {"name": "nightly", "scopes": ["it's"]},
            "#/scopes/0",
            "there is no such value; there are jobs:read, jobs:write",
        ),
    ],
)
def test_a_value_that_an_enumeration_does_not_have_is_told_which_it_has(
    path: str, body: dict[str, object], pointer: str, detail: str
) -> None:
    api = Api()
    answer = api.post(path, body, token=api.logged_in())
    assert answer.status == 422
    assert answer.problem["errors"] == [{"detail": detail, "pointer": pointer}]


def test_a_role_that_there_is_not_is_told_which_there_are() -> None:
    """As for an item of a list."""
    api = Api()
    token = api.logged_in("root")
    api.made_admin("root")
    answer = api.send("PATCH", "/users/ada", '{"role": "amdin"}', token=token)
    assert answer.status == 422
    detail = "there is no such value; there are user, admin; did you mean admin?"
    assert answer.problem["errors"] == [{"detail": detail, "pointer": "#/role"}]
