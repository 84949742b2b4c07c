"""The end of an account on the deployed stack, under the roles of its template."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.account_ports import Erasure
from chalicelib.adapters.erasure_queue import to_body
from chalicelib.domain.users import UserId
from tests.aws import client
from tests.e2e.conftest import Runner, call, finished, local_stage, logged_in, project_with, running

OPERATIONS = {
    "sleeps": """
def sleeps(data: int) -> int:
    'How many seconds it has slept.'
    import time
    time.sleep(data)
    return data
""",
}
PATIENCE_S = 30
SLEEP_S = 5
"""As long as a job is under way; its owner's account is gone well before."""


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A copy of the product with an operation that takes its time, deployed."""
    with running(project_with(tmp_path_factory.mktemp("project"), OPERATIONS), SUBMITS_PER_MINUTE="1000") as runner:
        yield runner


class Behind:
    """What lies behind the API, as the emulator's administrator sees it."""

    def __init__(self, endpoint: str) -> None:
        self.outputs = local_stage(endpoint).stack().outputs()
        self.sqs = client("sqs", endpoint)
        self.dynamodb = client("dynamodb", endpoint)

    def rows(self, table: str, attribute: str, value: str) -> list[Any]:
        answer = self.dynamodb.scan(
            TableName=self.outputs[f"{table}TableName"],
            FilterExpression="#name = :value",
            ExpressionAttributeNames={"#name": attribute},
            ExpressionAttributeValues={":value": {"S": value}},
        )
        assert "LastEvaluatedKey" not in answer
        return list(answer["Items"])

    def user_id(self, username: str) -> UserId:
        (row,) = self.rows("Users", "username_key", username)
        return UserId(row["user_id"]["S"])

    def rows_of(self, user_id: UserId) -> dict[str, int]:
        """How many rows of each kind a user has."""
        kept = {"Users": "user_id", "Credentials": "user_id", "Jobs": "owner_id", "Audit": "subject"}
        return {table: len(self.rows(table, attribute, user_id)) for table, attribute in kept.items()}

    def is_settled(self, queue: str) -> bool:
        """Whether a queue holds no message but delayed ones, and none is being worked on."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.outputs[f"{queue}QueueUrl"], AttributeNames=names)
        return not any(map(int, answer["Attributes"].values()))


@pytest.fixture(scope="module")
def behind(aws_endpoint: str) -> Behind:
    return Behind(aws_endpoint)


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"not in {PATIENCE_S} s: {what}"
        time.sleep(0.1)


def submitted(api: str, token: str, **job: Any) -> str:
    """Submit a job; return its path."""
    status, answer = call(api, "POST", "/jobs", body={"data": [1, 2, 3], "operation": "square_sum", **job}, token=token)
    assert status == 202, answer
    return f"/jobs/{answer['job_id']}"


@pytest.mark.asvs("7.4.2", "14.2.4")
def test_an_account_ends_with_all_it_has_and_its_name_is_free_again(api: str, behind: Behind) -> None:
    token, other = logged_in(api, "ada"), logged_in(api, "bob")
    ada, bob = behind.user_id("ada"), behind.user_id("bob")
    finished(api, submitted(api, token), token)
    submitted(api, token, delay_s=600)
    slow = submitted(api, token, operation="sleeps", data=SLEEP_S)
    kept = submitted(api, other, delay_s=600)
    wait_until(lambda: call(api, "GET", f"{slow}/status", token=token)[1] == {"status": "IN_PROGRESS"}, "it is begun")
    before, others = behind.rows_of(ada), behind.rows_of(bob)
    assert (before["Users"], before["Credentials"], before["Jobs"]) == (1, 1, 3)

    assert call(api, "DELETE", "/me", token=token) == (204, None)
    assert call(api, "POST", "/login", body={"username": "ada", "password": "yourpassword"})[0] == 401
    gone = {"Users": 0, "Credentials": 0, "Jobs": 0, "Audit": before["Audit"] + 1}
    wait_until(lambda: behind.rows_of(ada) == gone, "its rows are gone, but for the events, one of its end among them")
    wait_until(lambda: behind.is_settled("Jobs"), "the attempt that was under way has ended")
    assert behind.rows_of(ada) == gone, "and left no trace"

    again = logged_in(api, "ada")
    assert behind.user_id("ada") != ada
    assert call(api, "GET", "/jobs", token=again)[1]["jobs"] == []
    mine = submitted(api, again, delay_s=600)
    order = to_body(Erasure(user_id=ada, username="ada"))
    behind.sqs.send_message(QueueUrl=behind.outputs["ErasuresQueueUrl"], MessageBody=order)
    wait_until(lambda: behind.is_settled("Erasures"), "the order came again")
    assert call(api, "GET", mine, token=again)[0] == 200, "it is not about whoever has the name now"
    assert call(api, "GET", kept, token=other)[0] == 200
    assert behind.rows_of(bob) == others


def test_an_order_takes_what_was_written_after_the_account_was_gone(api: str, behind: Behind) -> None:
    """Of more jobs than one step removes, too."""
    token = logged_in(api, "grace")
    grace = behind.user_id("grace")
    for _ in range(2):
        jobs = [{"data": [number], "operation": "square_sum", "delay_s": 600} for number in range(100)]
        assert call(api, "POST", "/jobs/batch", body={"jobs": jobs}, token=token)[0] == 202
    assert behind.rows_of(grace)["Jobs"] == 200
    order = to_body(Erasure(user_id=grace, username="grace"))
    behind.sqs.send_message(QueueUrl=behind.outputs["ErasuresQueueUrl"], MessageBody=order)
    wait_until(lambda: behind.rows_of(grace)["Jobs"] == 0, "its jobs are gone")
    wait_until(lambda: behind.is_settled("Erasures"), "the order is done with")
    rows = behind.rows_of(grace)
    assert (rows["Users"], rows["Credentials"], rows["Jobs"]) == (0, 0, 0)
    answer = behind.sqs.receive_message(QueueUrl=behind.outputs["ErasuresDeadLetterQueueUrl"])
    assert not answer.get("Messages")
