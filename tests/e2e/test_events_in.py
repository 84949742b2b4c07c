"""Events in, on the whole product: SNS, EventBridge and S3 make jobs, each event one; and schedules by the sweep."""

import json
import time
from typing import Any

import pytest

from tests.aws import PROJECT, client
from tests.e2e.conftest import call, finished, local_stage, logged_in

RECORDED = json.loads((PROJECT / "tests" / "events" / "intake.json").read_text())
PAGE = (PROJECT / "docs" / "intake.md").read_text()


def documented(kind: str) -> Any:
    """The one example of its kind on the page."""
    (block,) = PAGE.split(f"<!-- intake: {kind} -->\n```json\n")[1:]
    return json.loads(block.partition("```")[0])


@pytest.fixture(scope="module")
def outputs(aws_endpoint: str) -> dict[str, str]:
    return local_stage(aws_endpoint).stack().outputs()


def jobs(api: str, token: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call(api, "GET", "/jobs", token=token)[1]["jobs"]
    return found


def settled_jobs(api: str, token: str, count: int, *, patience_s: float = 30) -> list[dict[str, Any]]:
    """A user's jobs, once there are so many and all have ended."""
    deadline = time.monotonic() + patience_s
    while len(found := jobs(api, token)) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    for each in found:
        finished(api, f"/jobs/{each['job_id']}", token)
    return jobs(api, token)


def wait_until_empty(aws_endpoint: str, url: str, *, patience_s: float = 30) -> None:
    sqs = client("sqs", aws_endpoint)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    deadline = time.monotonic() + patience_s
    while any(int(n) for n in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_message_on_the_topic_makes_one_job_though_it_is_delivered_twice(
    api: str, aws_endpoint: str, outputs: dict[str, str]
) -> None:
    token = logged_in(api, "sender")
    form = documented("the message of a notification") | {"username": "sender"}
    sns, sqs = client("sns", aws_endpoint), client("sqs", aws_endpoint)
    message_id = sns.publish(TopicArn=outputs["IntakeTopicArn"], Message=json.dumps(form))["MessageId"]
    (job,) = settled_jobs(api, token, 1)
    assert (job["result"], job["metadata"]) == (25, {"report": "2026-11"})

    # What SNS delivers when it delivers twice: another message of the queue with the same notification.
    envelope = RECORDED["sns"] | {"Message": json.dumps(form)}
    for _ in range(2):
        sqs.send_message(QueueUrl=outputs["IntakeQueueUrl"], MessageBody=json.dumps(envelope))
    assert envelope["MessageId"] != message_id
    settled_jobs(api, token, 2)
    wait_until_empty(aws_endpoint, outputs["IntakeQueueUrl"])
    assert len(jobs(api, token)) == 2


def test_an_event_on_the_bus_makes_one_job_though_it_is_delivered_twice(
    api: str, aws_endpoint: str, outputs: dict[str, str]
) -> None:
    token = logged_in(api, "putter")
    (entry,) = documented("entries for put-events")
    detail = json.loads(entry["Detail"]) | {"username": "putter"}
    events, sqs = client("events", aws_endpoint), client("sqs", aws_endpoint)
    entry |= {"EventBusName": outputs["EventBusName"], "Detail": json.dumps(detail)}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    (job,) = settled_jobs(api, token, 1)
    assert job["result"] == 169

    event = RECORDED["eventbridge"] | {"detail-type": "job.submit", "detail": detail}
    for _ in range(2):
        sqs.send_message(QueueUrl=outputs["IntakeQueueUrl"], MessageBody=json.dumps(event))
    settled_jobs(api, token, 2)
    wait_until_empty(aws_endpoint, outputs["IntakeQueueUrl"])
    assert len(jobs(api, token)) == 2


def test_what_is_refused_is_in_the_refused_queue_with_the_reason(
    api: str, aws_endpoint: str, outputs: dict[str, str]
) -> None:
    logged_in(api, "mistaken")
    form = {"username": "mistaken", "operation": "square_sum", "data": [1, "2"]}
    sns, sqs = client("sns", aws_endpoint), client("sqs", aws_endpoint)
    sns.publish(TopicArn=outputs["IntakeTopicArn"], Message=json.dumps(form))
    deadline = time.monotonic() + 30
    while True:
        assert time.monotonic() < deadline
        answer = sqs.receive_message(
            QueueUrl=outputs["IntakeRefusedQueueUrl"], MessageAttributeNames=["All"], WaitTimeSeconds=1
        )
        if answer.get("Messages"):
            break
    (message,) = answer["Messages"]
    assert json.loads(json.loads(message["Body"])["Message"]) == form
    reason = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (reason["Code"], reason["Pointer"]) == ("INVALID_INPUT", "#/data/1")
    sqs.delete_message(QueueUrl=outputs["IntakeRefusedQueueUrl"], ReceiptHandle=message["ReceiptHandle"])


def test_an_upload_to_a_bucket_makes_a_job_by_the_stack_of_the_page(
    api: str, aws_endpoint: str, outputs: dict[str, str]
) -> None:
    token = logged_in(api, "uploader")
    stack = documented("a stack")
    queue = outputs["IntakeQueueUrl"].rpartition("/")[2]
    stage = queue.removeprefix("job-backend-").removesuffix("-intake")
    assert queue == f"job-backend-{stage}-intake"
    cloudformation, s3 = client("cloudformation", aws_endpoint), client("s3", aws_endpoint)
    parameters = [
        {"ParameterKey": name, "ParameterValue": value} for name, value in (("Stage", stage), ("Username", "uploader"))
    ]
    cloudformation.create_stack(StackName="uploads", TemplateBody=json.dumps(stack), Parameters=parameters)
    cloudformation.get_waiter("stack_create_complete").wait(StackName="uploads", WaiterConfig={"Delay": 1})
    resource = cloudformation.describe_stack_resource(StackName="uploads", LogicalResourceId="Uploads")
    bucket = resource["StackResourceDetail"]["PhysicalResourceId"]
    s3.put_object(Bucket=bucket, Key="elsewhere/1.bin", Body=b"12345")
    s3.put_object(Bucket=bucket, Key='incoming/an "odd" näme.bin', Body=b"123456789")
    (job,) = settled_jobs(api, token, 1)
    assert (job["data"], job["result"], job["tags"]) == ([9], 81, ["upload"])
    assert job["metadata"] == {"bucket": bucket, "key": 'incoming/an "odd" näme.bin'}


def test_a_schedule_is_fired_by_the_sweep_that_runs_every_minute(
    api: str, aws_endpoint: str, outputs: dict[str, str]
) -> None:
    """Of the deployed function; its due time is moved here, so that the test need not wait for it."""
    token = logged_in(api, "clockwork")
    body = {"cron": "0 0 1 1 *", "time_zone": "Europe/Zurich", "operation": "square_sum", "data": [1, 2, 3]}
    status, schedule = call(api, "POST", "/schedules", body=body, token=token)
    assert status == 201, schedule
    owner_id = call(api, "GET", "/me", token=token)[1]["user_id"]
    due_ms = int(time.time() * 1000)
    client("dynamodb", aws_endpoint).update_item(
        TableName=outputs["SchedulesTableName"],
        Key={"owner_id": {"S": owner_id}, "schedule_id": {"S": schedule["schedule_id"]}},
        UpdateExpression="SET next_run_at_epoch_ms = :due, due_at_epoch_ms = :due",
        ConditionExpression="attribute_exists(due_at_epoch_ms) AND attribute_exists(next_run_at_epoch_ms)",
        ExpressionAttributeValues={":due": {"N": str(due_ms)}},
    )
    # The emulator's own timer drives it: no test calls the function.
    (job,) = settled_jobs(api, token, 1, patience_s=90)
    assert job["result"] == 14
    whole = call(api, "GET", f"/jobs/{job['job_id']}", token=token)[1]
    assert whole["schedule_id"] == schedule["schedule_id"]
    told = call(api, "GET", f"/schedules/{schedule['schedule_id']}", token=token)[1]
    assert (told["last_job_id"], told["last_run_at"]) == (job["job_id"], whole["scheduled_for"])
    assert told["next_run_at"].endswith("-12-31T23:00:00Z")
