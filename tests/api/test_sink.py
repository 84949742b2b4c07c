"""The sink that a benchmark has in the place of AWS, and the product over it: its normal path, and no other."""

import re
import sys
from collections.abc import Iterator

import pytest

from benchmarks.aws_answers import Answers, Unanswerable
from benchmarks.line_process import ProcessEnded, line_process
from benchmarks.sink import ask, running_sink
from tests.aws import client

KEY = {"owner_id": {"S": "ada"}, "job_id": {"S": "first"}}


@pytest.fixture(scope="module")
def sink() -> Iterator[str]:
    with running_sink() as endpoint_url:
        yield endpoint_url


def test_a_row_is_kept_and_changed_as_by_dynamodb(sink: str) -> None:
    dynamodb = client("dynamodb", sink)
    status, log = {"S": "PENDING"}, [{"S": "submitted"}]
    dynamodb.put_item(TableName="jobs", Item=KEY | {"status": status, "log": {"L": log}, "length": {"N": "7"}})
    changed = dynamodb.update_item(
        TableName="jobs",
        Key=KEY,
        UpdateExpression=(
            "SET #status = :status, #end = :now + #length, #log = list_append(#log, :log),"
            " #status_before = if_not_exists(#status_before, #status), #born = if_not_exists(#born, :now)"
            " ADD #taken :one REMOVE #length"
        ),
        ExpressionAttributeNames={
            f"#{name}": name for name in ("status", "end", "length", "log", "status_before", "born", "taken")
        },
        ExpressionAttributeValues={
            ":status": {"S": "IN_PROGRESS"},
            ":now": {"N": "100"},
            ":log": {"L": [{"S": "claimed"}]},
            ":one": {"N": "1"},
        },
        ReturnValues="ALL_NEW",
    )
    assert changed["Attributes"] == KEY | {
        "status": {"S": "IN_PROGRESS"},
        "status_before": status,
        "log": {"L": [*log, {"S": "claimed"}]},
        "end": {"N": "107"},
        "born": {"N": "100"},
        "taken": {"N": "1"},
    }
    assert dynamodb.get_item(TableName="jobs", Key=KEY)["Item"] == changed["Attributes"]
    assert ask(sink) == {
        "calls": {"PutItem": 1, "UpdateItem": 1, "GetItem": 1},
        "messages": [],
        "jobs": {"IN_PROGRESS": 1},
    }


def test_a_message_is_kept(sink: str) -> None:
    sent = client("sqs", sink).send_message(QueueUrl="https://sqs.example.com/queue", MessageBody="hello")
    assert sent["MD5OfMessageBody"] == "5d41402abc4b2a76b9719d911017c592"
    assert ask(sink)["messages"] == ["hello"]


@pytest.mark.parametrize("in_place_of_aws", ["a sink", "objects"])
def test_the_product_does_a_job_with_the_calls_of_its_design(sink: str, in_place_of_aws: str) -> None:
    """Each answer, each result and the calls are looked at there; it ends where one is another."""
    endpoint_url = sink if in_place_of_aws == "a sink" else "-"
    with line_process([sys.executable, "-m", "benchmarks.product_process", endpoint_url]) as process:
        assert process.ask(submit=3)["cpu_s"] > 0
        used = process.ask(consume=1, batch=1)
        assert used["operation_cpu_s"] > 0
        assert used["cpu_s"] > 0
        assert 0 < process.ask(share_of_ours=1)["share"] < 1
        process.ask(consume=1, batch=5)
        with pytest.raises(ProcessEnded, match=re.escape("calls were {}, and are to be {'UpdateItem': 2}")):
            process.ask(consume=1, batch=1)


def test_what_is_none_of_a_jobs_normal_path_has_no_answer() -> None:
    with pytest.raises(Unanswerable, match="DeleteItem"):
        Answers().answer("DeleteItem", {})
    wrong = {"TableName": "jobs", "Key": KEY, "UpdateExpression": "DELETE tags :tags", "ExpressionAttributeValues": {}}
    with pytest.raises(Unanswerable, match="DELETE tags"):
        Answers().answer("UpdateItem", wrong)
