"""Operations that fail, hang or crash, in a deployment that has some: what the consumer makes of them as a Lambda."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.aws import client
from tests.e2e.conftest import LOCAL_STACK, Runner, call, finished, logged_in, project_with, running
from tests.embedded_metrics import Datum, data_of

OPERATIONS = {
    "second_try": """
def second_try(data: None, job: RunningJob) -> int:
    'Number of the attempt, but not of the first.'
    if job.attempt == 1:
        raise RuntimeError("not yet")
    return job.attempt
""",
    "hangs": """
POLICY = OperationPolicy(max_attempts=1, timeout_s=2)
def hangs(data: None) -> int:
    'Nothing, ever.'
    while True:
        pass
""",
    "crashes": """
POLICY = OperationPolicy(max_attempts=1)
def crashes(data: None) -> int:
    'Nothing: its process is gone.'
    import os
    os.abort()
""",
    "grows": """
POLICY = OperationPolicy(max_attempts=1)
def grows(data: None) -> int:
    'Nothing: it has no memory left.'
    return len(bytearray(10**9))
""",
    "listens": """
def listens(data: None, job: RunningJob) -> int:
    'Whatever, once it is called off.'
    import time
    while not job.is_cancelled():
        time.sleep(0.1)
    return 0
""",
}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A copy of the product with more operations, deployed."""
    with running(project_with(tmp_path_factory.mktemp("project"), OPERATIONS)) as runner:
        yield runner


@pytest.fixture(scope="module")
def token(api: str) -> str:
    return logged_in(api, "ada")


def submitted(api: str, token: str, operation: str) -> str:
    """Submit a job; return its path."""
    status, answer = call(api, "POST", "/jobs", body={"data": None, "operation": operation}, token=token)
    assert status == 202, answer
    return f"/jobs/{answer['job_id']}"


def events(api: str, token: str, path: str) -> list[tuple[str, int, str | None]]:
    log = call(api, "GET", f"{path}/events", token=token)[1]["events"]
    return [(event["transition"], event["attempt"], event["reason"]) for event in log]


def test_an_attempt_that_failed_is_followed_by_the_next(api: str, token: str) -> None:
    path = submitted(api, token, "second_try")
    assert finished(api, path, token) == {"status": "SUCCESS", "result": 2}
    assert events(api, token, path) == [
        ("SUBMIT", 0, None),
        ("CLAIM", 1, None),
        ("RETRY", 1, "OPERATION_FAILED: RuntimeError: not yet"),
        ("CLAIM", 2, None),
        ("FINISH", 2, None),
    ]


@pytest.mark.parametrize(
    ("operation", "code"), [("hangs", "TIMED_OUT"), ("crashes", "PROCESS_DIED"), ("grows", "OUT_OF_MEMORY")]
)
def test_an_operation_takes_nothing_down_but_its_own_job(api: str, token: str, operation: str, code: str) -> None:
    answer = finished(api, submitted(api, token, operation), token)
    assert (answer["status"], answer["error"]["code"]) == ("FAILED", code)
    assert finished(api, submitted(api, token, "second_try"), token)["status"] == "SUCCESS"


def lines_of(logs: Any, job_path: str) -> list[str]:
    """What the consumer's log has of a job."""
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/job-backend-local-consume")["logGroups"]
    lines = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
    return [line["message"].rstrip("\n") for line in lines if job_path.rpartition("/")[2] in line["message"]]


def test_metrics_are_events_of_the_log_by_themselves(api: str, token: str, aws_endpoint: str) -> None:
    """CloudWatch takes them only from events that are nothing but JSON."""
    logs = client("logs", aws_endpoint)
    path = submitted(api, token, "second_try")
    finished(api, path, token)
    deadline = time.monotonic() + 20
    while not (ends := [line for line in lines_of(logs, path) if '"job ended"' in line]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (failed,) = [line for line in lines_of(logs, path) if '"attempt failed"' in line]
    assert data_of(failed) == [Datum(LOCAL_STACK, "FailedAttempts", "Count", 1)]
    (end,) = ends
    jobs, took, attempts = data_of(end)
    assert jobs == Datum(LOCAL_STACK, "Jobs", "Count", 1, (("outcome", "SUCCESS"),))
    assert attempts == Datum(LOCAL_STACK, "Attempts", "Count", 2)
    job = call(api, "GET", path, token=token)[1]
    queued, done = (datetime.fromisoformat(job[name]) for name in ("created_at", "finished_at"))
    assert took == Datum(LOCAL_STACK, "QueuedToDone", "Milliseconds", (done - queued) // timedelta(milliseconds=1))


def outcomes(logs: Any, job_path: str) -> list[str]:
    """How each delivery of the job's message ended, as the consumer's log has it."""
    found = [line for line in lines_of(logs, job_path) if '"message delivered"' in line]
    return [line.partition('"outcome": "')[2].partition('"')[0] for line in found]


def test_an_operation_hears_that_its_job_is_called_off(api: str, token: str, aws_endpoint: str) -> None:
    logs = client("logs", aws_endpoint)
    path = submitted(api, token, "listens")
    deadline = time.monotonic() + 20
    while call(api, "GET", f"{path}/status", token=token)[1]["status"] == "PENDING" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert call(api, "POST", f"{path}/cancel", token=token)[1]["status"] == "CANCELLED"
    while not outcomes(logs, path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert outcomes(logs, path) == ["SUPERSEDED"], "the consumer is free again, and its attempt of no account"
    assert finished(api, path, token) == {"status": "CANCELLED", "result": None}
    assert [event[:2] for event in events(api, token, path)] == [("SUBMIT", 0), ("CLAIM", 1), ("CANCEL", 2)]
