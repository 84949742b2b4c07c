"""Jobs that wait, are called off, lose their message or die, on the deployed stack under the roles of its template."""

import json
from datetime import datetime
from typing import Any

import pytest

from chalicelib.domain.jobs import DUE_TOLERANCE
from chalicelib.services.known_pauses import REMEMBERED_FOR
from tests.aws import client
from tests.e2e.conftest import call, finished, local_stage, logged_in
from tests.e2e.test_accounts import admin_named
from tests.e2e.test_redrive import redrive

SWEEP_PATIENCE_S = 75
"""The sweep comes once a minute; the rest is for a slow machine."""


@pytest.fixture(scope="module")
def token(api: str) -> str:
    return logged_in(api, "jane")


def submitted(api: str, token: str, **options: Any) -> str:
    """Submit a job; return its path."""
    job = {"data": [1, 2, 3], "operation": "square_sum", **options}
    status, answer = call(api, "POST", "/jobs", body=job, token=token)
    assert status == 202, answer
    return f"/jobs/{answer['job_id']}"


class Behind:
    """What lies behind the API, for tests that take a message away or put one in."""

    def __init__(self, endpoint: str) -> None:
        self.outputs = local_stage(endpoint).stack().outputs()
        self.sqs = client("sqs", endpoint)
        self.dynamodb = client("dynamodb", endpoint)

    def lose_all_messages(self) -> None:
        self.sqs.purge_queue(QueueUrl=self.outputs["JobsQueueUrl"])

    def row_of(self, job_path: str) -> Any:
        """The key of a job's row; the API never tells the owner's part of it."""
        (key,) = self.dynamodb.scan(
            TableName=self.outputs["JobsTableName"],
            ProjectionExpression="owner_id, job_id",
            FilterExpression="job_id = :job_id",
            ExpressionAttributeValues={":job_id": {"S": job_path.rpartition("/")[2]}},
        )["Items"]
        return key


@pytest.fixture(scope="module")
def behind(aws_endpoint: str) -> Behind:
    return Behind(aws_endpoint)


def seconds_between(job: dict[str, str], first: str, second: str) -> float:
    return (datetime.fromisoformat(job[second]) - datetime.fromisoformat(job[first])).total_seconds()


def test_a_delayed_job_begins_when_its_time_has_come(api: str, token: str) -> None:
    path = submitted(api, token, delay_s=2)
    assert call(api, "GET", f"{path}/status", token=token)[1] == {"status": "PENDING"}
    # Its message brings it: before the sweep would look at it, a minute after it was due, patience is at its end.
    assert finished(api, path, token, patience_s=30)["result"] == 14
    job = call(api, "GET", path, token=token)[1]
    assert seconds_between(job, "created_at", "run_at") == 2
    assert seconds_between(job, "run_at", "started_at") >= -DUE_TOLERANCE.total_seconds()


def test_a_job_is_called_off_once_and_on_again(api: str, token: str) -> None:
    path = submitted(api, token, delay_s=600)
    assert "which is due at" in call(api, "GET", f"{path}/explain", token=token)[1]["explanation"]
    status, answer = call(api, "POST", f"{path}/cancel", token=token)
    assert (status, answer["status"]) == (202, "CANCELLED")
    status, problem = call(api, "POST", f"{path}/cancel", token=token)
    assert (status, problem["code"]) == (409, "CONFLICT")
    assert "was cancelled at" in call(api, "GET", f"{path}/explain", token=token)[1]["explanation"]

    status, answer = call(api, "POST", f"{path}/retry", token=token)
    assert (status, answer["status"]) == (202, "PENDING")
    assert finished(api, path, token) == {"status": "SUCCESS", "result": 14}
    assert call(api, "POST", f"{path}/retry", token=token)[0] == 409
    events = call(api, "GET", f"{path}/events", token=token)[1]["events"]
    assert [event["transition"] for event in events] == ["SUBMIT", "CANCEL", "RETRY_BY_HAND", "CLAIM", "FINISH"]


def test_the_job_of_a_user_who_is_paused_waits_until_it_is_resumed(api: str, aws_endpoint: str) -> None:
    warden, paula = admin_named(api, aws_endpoint, "warden"), logged_in(api, "paula")
    reason = "too many at once"
    status, pause = call(api, "POST", "/admin/users/paula/pause", body={"reason": reason}, token=warden)
    assert (status, pause["username"], pause["paused_by"], pause["reason"]) == (200, "paula", "warden", reason)
    # By when its message comes, no consumer goes by what it knew before the pause.
    path = submitted(api, paula, delay_s=REMEMBERED_FOR.seconds + 1)
    headers = {"Prefer": f"wait={REMEMBERED_FOR.seconds + 4}"}
    assert call(api, "GET", f"{path}/status", token=paula, headers=headers)[1] == {"status": "PENDING"}
    explanation = call(api, "GET", f"{path}/explain", token=paula)[1]["explanation"]
    assert f"its owner's jobs are paused since {pause['paused_at'][:19]}Z ({reason})" in explanation

    assert call(api, "POST", "/admin/users/paula/resume", token=warden) == (200, {"sent": 1})
    assert finished(api, path, paula, patience_s=60) == {"status": "SUCCESS", "result": 14}
    assert call(api, "POST", "/admin/users/paula/resume", token=warden)[0] == 409
    assert call(api, "GET", "/admin/pauses", token=warden) == (200, {"pauses": []})


def test_a_dead_job_says_so_and_is_retried_by_a_redrive(
    api: str, token: str, behind: Behind, aws_endpoint: str
) -> None:
    path = submitted(api, token, delay_s=2)
    behind.lose_all_messages()
    behind.sqs.send_message(
        QueueUrl=behind.outputs["JobsDeadLetterQueueUrl"],
        MessageBody=json.dumps({name: value["S"] for name, value in behind.row_of(path).items()}),
        DelaySeconds=2,
    )
    assert finished(api, path, token)["error"]["code"] == "DEAD_LETTERED"

    redriven = redrive(AWS_ENDPOINT_URL=aws_endpoint)
    assert (redriven.returncode, redriven.stdout) == (0, "1 dead job retried\n"), redriven.stderr
    assert finished(api, path, token) == {"status": "SUCCESS", "result": 14}
    assert redrive(AWS_ENDPOINT_URL=aws_endpoint).stdout == "0 dead jobs retried\n"


def test_a_job_whose_message_was_lost_is_sent_by_the_sweep(api: str, token: str, behind: Behind) -> None:
    """The last test here: a minute has partly passed when it begins, and the schedule waits for no one."""
    path = submitted(api, token, delay_s=5)
    behind.lose_all_messages()
    # The first look is due a minute after the job; this test brings it forward, and the schedule does the rest.
    behind.dynamodb.update_item(
        TableName=behind.outputs["JobsTableName"],
        Key=behind.row_of(path),
        UpdateExpression="SET due_at_epoch_ms = run_at_epoch_ms",
    )
    assert finished(api, path, token, patience_s=5 + SWEEP_PATIENCE_S) == {"status": "SUCCESS", "result": 14}
