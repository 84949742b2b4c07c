"""``app.py`` as Lambda enters it, over a real emulator, with every AWS call counted."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

import app
from chalicelib.adapters.tokens import JwtCodec
from tests.api.client import JOB_ROUTES
from tests.aws import PROJECT, CountedCalls, client, create_queue, create_table, nowhere
from tests.deployment import environment
from tests.events import api_event, sqs_event
from tests.factories import OWNER

SIGNING_KEY = bytes(range(32))
NUMBERS = count(1)
CREDENTIALS = {"username": "yourname", "password": "yourpassword"}


@pytest.fixture
def calls(ministack: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountedCalls]:
    """The entry points over tables and a queue of their own; counts their AWS calls."""
    suffix = f"entry-{next(NUMBERS)}"
    dynamodb, sqs, ssm = (client(service, ministack) for service in ("dynamodb", "sqs", "ssm"))
    parameter = f"/{suffix}/signing-key"
    ssm.put_parameter(Name=parameter, Type="SecureString", Value=SIGNING_KEY.hex())
    variables = environment(
        TOKEN_ISSUER=suffix,
        USERS_TABLE=create_table(dynamodb, "UsersTable", f"users-{suffix}"),
        JOBS_TABLE=create_table(dynamodb, "JobsTable", f"jobs-{suffix}"),
        LIMITS_TABLE=create_table(dynamodb, "LimitsTable", f"limits-{suffix}"),
        JOBS_QUEUE_URL=create_queue(sqs, f"jobs-{suffix}"),
        SIGNING_KEY_PARAMETER=parameter,
        AWS_ENDPOINT_URL=ministack,
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    app.services.cache_clear()
    counted = CountedCalls()
    yield counted
    counted.stop()
    app.services.cache_clear()


def call(method: str, resource: str, body: Any = None, *, token: str = "", **parameters: str) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    text = None if body is None else json.dumps(body)
    event = api_event(method, resource, body=text, headers=headers, path_parameters=parameters)
    answer: Any = app.app(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def test_a_job_from_registration_to_result_and_what_each_step_costs(calls: CountedCalls) -> None:
    assert call("POST", "/register", CREDENTIALS)[0] == 201
    assert calls.taken() == {"PutItem": 1}
    token = call("POST", "/login", CREDENTIALS)[1]["access_token"]
    assert calls.taken() == {"GetItem": 1, "GetParameter": 1}
    call("POST", "/login", CREDENTIALS)
    assert calls.taken() == {"GetItem": 1}, "the key is read once for the life of a container"

    status, job = call("POST", "/jobs", {"data": [1, 2, 3], "operation": "square_sum"}, token=token)
    assert status == 202
    assert calls.taken() == {"UpdateItem": 1, "PutItem": 1, "SendMessage": 1}
    assert call("GET", "/jobs/{job_id}/status", token=token, job_id=job["job_id"])[1] == {"status": "PENDING"}
    assert calls.taken() == {"UpdateItem": 1, "GetItem": 1}

    sqs = client("sqs", os.environ["AWS_ENDPOINT_URL"])
    messages = sqs.receive_message(QueueUrl=os.environ["JOBS_QUEUE_URL"])["Messages"]
    calls.taken()
    assert app.consume(sqs_event(*(message["Body"] for message in messages)), None) is None
    assert calls.taken() == {"UpdateItem": 2}, "claim and finish"

    answer = call("GET", "/jobs/{job_id}/result", token=token, job_id=job["job_id"])
    assert answer == (200, {"status": "SUCCESS", "result": 14})
    calls.taken()
    listed = call("GET", "/jobsList", token=token)[1]
    assert [each["job_id"] for each in listed["jobs"]] == [job["job_id"]]
    assert calls.taken() == {"UpdateItem": 1, "Query": 1}


def test_with_the_queue_away_a_submit_is_refused_and_its_row_taken_back(
    calls: CountedCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("POST", "/register", CREDENTIALS)
    token = call("POST", "/login", CREDENTIALS)[1]["access_token"]
    calls.taken()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", nowhere())
    status, problem = call("POST", "/jobs", {"data": [1], "operation": "square_sum"}, token=token)
    assert (status, problem["code"]) == (503, "UNAVAILABLE")
    assert calls.taken() == {"UpdateItem": 1, "PutItem": 1, "SendMessage": 1, "DeleteItem": 1}
    assert call("GET", "/jobs", token=token)[1] == {"jobs": [], "next_cursor": None}


def test_a_token_that_has_expired_or_was_altered_opens_nothing(calls: CountedCalls) -> None:
    codec = JwtCodec(issuer=os.environ["TOKEN_ISSUER"], key=lambda: SIGNING_KEY)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)

    def token(minutes: int) -> str:
        return codec.issue(OWNER, token_id="one", at=an_hour_ago, expires_at=an_hour_ago + timedelta(minutes=minutes))

    assert call("GET", "/jobs", token=token(61))[0] == 200
    calls.taken()
    for bad, detail in [(token(59), "the token has expired; log in again"), (token(61)[:-1], "the token is not one")]:
        for method, resource in JOB_ROUTES:
            status, problem = call(method, resource, {"data": [1], "operation": "square_sum"}, token=bad, job_id="1")
            assert (status, problem["code"]) == (401, "NOT_AUTHENTICATED")
            assert problem["detail"].startswith(detail)
    assert calls.taken() == {}


def test_refusals_cost_nothing_or_one_call(calls: CountedCalls) -> None:
    assert call("GET", "/jobs", token="nonsense")[0] == 401
    assert calls.taken() == {"GetParameter": 1}
    assert call("GET", "/jobs", token="nonsense")[0] == 401
    assert call("POST", "/register", {"username": "yourname"})[0] == 422
    assert calls.taken() == {}
    call("POST", "/register", CREDENTIALS)
    token = call("POST", "/login", CREDENTIALS)[1]["access_token"]
    calls.taken()
    assert call("POST", "/jobs", {"data": "x", "operation": "square_sum"}, token=token)[0] == 422
    assert calls.taken() == {"UpdateItem": 1}, "a refused job counts against the limit"


@pytest.mark.parametrize("setting", ["JOBS_TABLE", "JOB_LEASE_S"])
def test_a_missing_setting_is_a_500_that_names_it_in_the_log(
    calls: CountedCalls, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, setting: str
) -> None:
    monkeypatch.delenv(setting)
    status, problem = call("GET", "/jobs", token="any")
    assert (status, problem["code"]) == (500, "INTERNAL_SERVER_ERROR")
    assert setting not in json.dumps(problem)
    assert f"{setting} is not set" in str(caplog.records[0].exc_info)
    assert call("GET", "/health")[0] == 200
    assert calls.taken() == {}


LOADED_AFTER = """
import json, sys
import app
answer = app.app(json.load(sys.stdin), None)
print(json.dumps([answer["statusCode"], sorted({name.partition(".")[0] for name in sys.modules})]))
"""


@pytest.fixture
def loaded_after() -> Callable[[dict[str, Any]], tuple[int, set[str]]]:
    """Enters a fresh interpreter with one event; gives the status and the packages that it had to import."""

    def run(event: dict[str, Any]) -> tuple[int, set[str]]:
        done = subprocess.run(
            [sys.executable, "-c", LOADED_AFTER],
            cwd=PROJECT,
            env=environment(PATH=os.environ["PATH"], PYTHONDONTWRITEBYTECODE="1"),
            input=json.dumps(event),
            capture_output=True,
            text=True,
            check=True,
        )
        status, packages = json.loads(done.stdout)
        return status, set(packages)

    return run


def test_a_cold_container_imports_only_what_the_call_needs(
    loaded_after: Callable[[dict[str, Any]], tuple[int, set[str]]],
) -> None:
    """boto3 and its clients are most of a cold start."""
    for resource in ("/health", "/operations"):
        status, packages = loaded_after(api_event("GET", resource))
        assert status == 200
        assert not packages & {"boto3", "passlib", "argon2"}
