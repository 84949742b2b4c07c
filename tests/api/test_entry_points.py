"""``app.py`` as Lambda enters it, over a real emulator, with every AWS call counted."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import jwt
import pytest
from standardwebhooks import Webhook

import app
from chalicelib.account_ports import Erasure
from chalicelib.adapters import delivery_queue, system
from chalicelib.adapters.dynamodb.webhook_items import to_webhook_item
from chalicelib.adapters.erasure_queue import to_body
from chalicelib.adapters.signing_keys import to_text
from chalicelib.adapters.system import SystemClock
from chalicelib.adapters.tokens import JwtCodec
from chalicelib.batches import MessagesReturned
from chalicelib.domain import delivery, schedules, webhook_deliveries
from chalicelib.domain.jobs import JobId
from chalicelib.domain.tokens import AccessClaims
from chalicelib.domain.users import UserId
from chalicelib.event_ports import DeliveryMessage
from chalicelib.observability import JsonFormatter
from chalicelib.relay import ChangesReturned
from tests.api.client import JOB_ROUTES
from tests.aws import PROJECT, CountedCalls, client, create_queue, create_table, nowhere
from tests.deployment import environment
from tests.events import API_GATEWAY_POST, DYNAMODB_STREAM, api_event, sequence_number, sqs_event, stream_event
from tests.factories import KEY, OWNER, make_act, make_claim, make_delivery, make_job, make_ring, make_webhook
from tests.fakes import NOON, FixedClock, FixedKeys
from tests.webhook_receiver import Receiver, answering

RING = make_ring()
NUMBERS = count(1)
SCHEDULED = {
    "version": "0",
    "account": "000000000000",
    "region": "us-east-1",
    "detail": {},
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-11-23T12:00:00Z",
    "id": "00000000-0000-4000-8000-000000000000",
    "resources": ["arn:aws:events:us-east-1:000000000000:rule/sweep"],
}
UNKNOWN = DeliveryMessage(key=make_delivery().key)
ORDER = Erasure(user_id=OWNER, username="yourname")
CREDENTIALS = {"username": "yourname", "password": "yourpassword"}


IDLE = delivery.SHARDS + webhook_deliveries.SHARDS + schedules.SHARDS
"""Queries of a sweep that finds nothing."""

SIGN_IN = {"UpdateItem": 2, "GetItem": 1, "TransactWriteItems": 1}
"""The limits of the address and of the account, the user; and all that is written, together."""


class LambdaContext:
    """Of an invocation that has a minute and a half left."""

    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:
        return 90_000


@pytest.fixture
def calls(ministack: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountedCalls]:
    """The entry points over tables and a queue of their own; counts their AWS calls."""
    suffix = f"entry-{next(NUMBERS)}"
    dynamodb, sqs, ssm = (client(service, ministack) for service in ("dynamodb", "sqs", "ssm"))
    client("events", ministack).create_event_bus(Name=suffix)
    parameter = f"/{suffix}/signing-keys"
    ssm.put_parameter(Name=parameter, Type="SecureString", Value=to_text(RING))
    variables = environment(
        STACK_NAME=suffix,
        USERS_TABLE=create_table(dynamodb, "UsersTable", f"users-{suffix}"),
        JOBS_TABLE=create_table(dynamodb, "JobsTable", f"jobs-{suffix}"),
        LIMITS_TABLE=create_table(dynamodb, "LimitsTable", f"limits-{suffix}"),
        CREDENTIALS_TABLE=create_table(dynamodb, "CredentialsTable", f"credentials-{suffix}"),
        AUDIT_TABLE=create_table(dynamodb, "AuditTable", f"audit-{suffix}"),
        WEBHOOKS_TABLE=create_table(dynamodb, "WebhooksTable", f"webhooks-{suffix}"),
        IDEMPOTENCY_TABLE=create_table(dynamodb, "IdempotencyTable", f"idempotency-{suffix}"),
        STATISTICS_TABLE=create_table(dynamodb, "StatisticsTable", f"statistics-{suffix}"),
        PAUSES_TABLE=create_table(dynamodb, "PausesTable", f"pauses-{suffix}"),
        SCHEDULES_TABLE=create_table(dynamodb, "SchedulesTable", f"schedules-{suffix}"),
        JOBS_QUEUE_URL=create_queue(sqs, f"jobs-{suffix}"),
        ERASURES_QUEUE_URL=create_queue(sqs, f"erasures-{suffix}", "ErasuresQueue"),
        DELIVERIES_TABLE=create_table(dynamodb, "DeliveriesTable", f"deliveries-{suffix}"),
        DELIVERIES_QUEUE_URL=create_queue(sqs, f"deliveries-{suffix}", "DeliveriesQueue"),
        RELAY_FAILURES_QUEUE_URL=sqs.create_queue(QueueName=f"relay-failures-{suffix}")["QueueUrl"],
        EVENT_BUS_NAME=suffix,
        INTAKE_QUEUE_URL=sqs.create_queue(QueueName=f"intake-{suffix}")["QueueUrl"],
        INTAKE_REFUSED_QUEUE_URL=sqs.create_queue(QueueName=f"intake-refused-{suffix}")["QueueUrl"],
        INTAKES_PER_MINUTE="2",
        SIGNING_KEYS_PARAMETER=parameter,
        AWS_ENDPOINT_URL=ministack,
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # The limiter takes permits for ten seconds: between two of them the counts would differ.
    monkeypatch.setattr(system, "SystemClock", partial(FixedClock, SystemClock().now()))
    app.services.cache_clear()
    counted = CountedCalls()
    yield counted
    counted.stop()
    app.services.cache_clear()


def call(
    method: str,
    resource: str,
    body: Any = None,
    *,
    token: str = "",
    query: str = "",
    key: str | None = None,
    **parameters: str,
) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    if key is not None:
        headers["Idempotency-Key"] = key
    text = None if body is None else json.dumps(body)
    event = api_event(method, resource, body=text, headers=headers, path_parameters=parameters, query=query)
    answer: Any = app.app(event, None)
    return answer["statusCode"], json.loads(answer["body"] or "null")


def test_a_job_from_registration_to_result_and_what_each_step_costs(calls: CountedCalls) -> None:
    assert call("POST", "/register", CREDENTIALS)[0] == 201
    assert calls.taken() == {"UpdateItem": 1, "TransactWriteItems": 1}, "limit; user and event"
    token = call("POST", "/login", CREDENTIALS)[1]["access_token"]
    assert calls.taken() == SIGN_IN | {"GetParameter": 1}
    call("POST", "/login", CREDENTIALS)
    assert calls.taken() == SIGN_IN, "the ring is read once in five minutes"

    status, job = call("POST", "/jobs", {"data": [1, 2, 3], "operation": "square_sum"}, token=token)
    assert status == 202
    assert calls.taken() == {"UpdateItem": 1, "PutItem": 1, "SendMessage": 1}
    assert call("GET", "/jobs/{job_id}/status", token=token, job_id=job["job_id"])[1] == {"status": "PENDING"}
    assert calls.taken() == {"UpdateItem": 1, "GetItem": 1}, "and the next reads are prepaid"

    event = received()
    calls.taken()
    assert app.consume(event, LambdaContext()) is None
    assert calls.taken() == {"Query": 1, "UpdateItem": 2}, "pauses, once in ten seconds a container; claim and finish"

    answer = call("GET", "/jobs/{job_id}/result", token=token, job_id=job["job_id"])
    assert answer == (200, {"status": "SUCCESS", "result": 14})
    calls.taken()
    listed = call("GET", "/jobsList", token=token)[1]
    assert [each["job_id"] for each in listed["jobs"]] == [job["job_id"]]
    assert calls.taken() == {"Query": 1}

    deleted = call("DELETE", "/jobs/{job_id}", token=token, job_id=job["job_id"])
    assert deleted == (204, None)
    assert calls.taken() == {"UpdateItem": 1, "GetItem": 1, "DeleteItem": 1}, "limit, read, delete"
    assert call("DELETE", "/jobs/{job_id}", token=token, job_id=job["job_id"])[0] == 404
    assert app.consume(event, LambdaContext()) is None
    assert calls.taken() == {"UpdateItem": 2, "GetItem": 1}, "limit and read, then a refused claim"


def test_what_a_page_of_a_list_costs(calls: CountedCalls) -> None:
    token = logged_in(calls)
    for number in range(3):
        job_id = call("POST", "/jobs", {"data": [1], "operation": "square_sum"}, token=token)[1]["job_id"]
        assert call("POST", "/jobs/{job_id}/cancel", token=token, job_id=job_id)[0] == 202, number
    calls.taken()
    first = call("GET", "/jobs", token=token, query="limit=2")[1]
    assert calls.taken() == {"UpdateItem": 1, "Query": 1}, "the limiter, and the next reads are prepaid"
    assert len(call("GET", "/jobs", token=token, query=f"limit=2&cursor={first['next_cursor']}")[1]["jobs"]) == 1
    assert calls.taken() == {"Query": 1}
    assert len(call("GET", "/jobs", token=token, query="status=CANCELLED")[1]["jobs"]) == 3
    assert calls.taken() == {"Query": 1, "BatchGetItem": 1}
    assert call("GET", "/jobs", token=token, query="status=FAILED")[1]["jobs"] == []
    assert calls.taken() == {"Query": 1}
    assert call("GET", "/jobs", token=token, query="cursor=nonsense")[0] == 400
    assert calls.taken() == {}


def received(batch: int = 10, *, queue: str = "JOBS_QUEUE_URL") -> dict[str, Any]:
    """The event of a batch of messages from a queue, the jobs queue if no other."""
    sqs = client("sqs", os.environ["AWS_ENDPOINT_URL"])
    received_messages = sqs.receive_message(
        QueueUrl=os.environ[queue],
        MaxNumberOfMessages=batch,
        WaitTimeSeconds=5,
        MessageSystemAttributeNames=["SentTimestamp"],
    )["Messages"]
    event = sqs_event(*(message["Body"] for message in received_messages))
    for record, message in zip(event["Records"], received_messages, strict=True):
        record["attributes"] |= message["Attributes"]
        record["receiptHandle"] = message["ReceiptHandle"]
    return event


def logged_in(calls: CountedCalls) -> str:
    call("POST", "/register", CREDENTIALS)
    token: str = call("POST", "/login", CREDENTIALS)[1]["access_token"]
    calls.taken()
    return token


def test_a_successful_job_writes_six_units_the_limiter_and_the_index_included(calls: CountedCalls) -> None:
    token = logged_in(calls)
    calls.write_units = 0
    call("POST", "/jobs", {"data": [1, 2, 3], "operation": "square_sum"}, token=token)
    app.consume(received(), LambdaContext())
    assert calls.taken() == {"Query": 1, "UpdateItem": 3, "PutItem": 1, "SendMessage": 1}
    assert calls.write_units == 6


def test_a_callback_url_costs_one_call_and_two_the_first_time(calls: CountedCalls) -> None:
    token = logged_in(calls)
    job = {"data": [1], "operation": "square_sum", "callback_url": "https://example.com/my/job"}
    for made in (1, 0):
        assert call("POST", "/jobs", job, token=token)[0] == 202
        assert calls.taken() == {"UpdateItem": 1, "GetItem": 1, "PutItem": 1 + made, "SendMessage": 1}
    assert call("POST", "/jobs/batch", {"jobs": [job, job]}, token=token)[0] == 202
    assert calls.taken() == {"UpdateItem": 1, "GetItem": 1, "TransactWriteItems": 1, "SendMessageBatch": 1}


def test_a_key_costs_no_call_and_the_transaction_twice_the_units(calls: CountedCalls) -> None:
    token = logged_in(calls)
    calls.write_units = 0
    job = {"data": [1, 2, 3], "operation": "square_sum"}
    first = call("POST", "/jobs", job, token=token, key="monday")
    assert calls.taken() == {"UpdateItem": 1, "TransactWriteItems": 1, "SendMessageBatch": 1}
    assert calls.write_units == 1 + 2 * 1 + 1 + 2 * 1, "the limiter, the row, its entry in the index, the receipt"
    assert call("POST", "/jobs", job, token=token, key="monday") == first
    assert call("POST", "/jobs", {**job, "data": [1]}, token=token, key="monday")[0] == 422
    assert calls.taken() == {"UpdateItem": 2, "TransactWriteItems": 2}
    app.consume(received(), LambdaContext())
    assert call("GET", "/jobs/{job_id}/result", token=token, job_id=first[1]["job_id"])[1]["result"] == 14


@pytest.mark.parametrize(("key", "transactions", "units"), [(None, 1, 301), ("monday", 2, 321)])
def test_a_batch_of_a_hundred_costs_little_more_than_a_dozen_calls(
    calls: CountedCalls, key: str | None, transactions: int, units: int
) -> None:
    token = logged_in(calls)
    calls.write_units = 0
    batch = {"jobs": [{"data": [number], "operation": "square_sum"} for number in range(100)]}
    status, answer = call("POST", "/jobs/batch", batch, token=token, key=key)
    assert status == 202
    assert len({each["job_id"] for each in answer["jobs"]}) == 100
    looked_for = {"GetItem": 1} if key else {}
    assert calls.taken() == {"UpdateItem": 1, "TransactWriteItems": transactions, "SendMessageBatch": 10} | looked_for
    assert calls.write_units == units
    if key:
        assert call("POST", "/jobs/batch", batch, token=token, key=key) == (202, answer)
        assert calls.taken() == {"UpdateItem": 1, "GetItem": 1}, "a repetition counts once and writes nothing else"
        assert calls.write_units == units + 1


def test_reads_cost_little_more_than_one_call_each(calls: CountedCalls) -> None:
    token = logged_in(calls)
    job_id = call("POST", "/jobs", {"data": [1], "operation": "square_sum"}, token=token)[1]["job_id"]
    calls.taken()
    for _ in range(25):
        assert call("GET", "/jobs/{job_id}/status", token=token, job_id=job_id)[0] == 200
        assert call("GET", "/jobs/{job_id}/result", token=token, job_id=job_id)[0] == 200
    counts = calls.taken()
    assert counts == {"GetItem": 50, "UpdateItem": 5}
    assert sum(counts.values()) / 50 <= 1.2


def test_with_the_queue_away_a_job_is_accepted_and_the_sweep_brings_it(
    calls: CountedCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = logged_in(calls)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", nowhere())
    status, job = call("POST", "/jobs", {"data": [1, 2, 3], "operation": "square_sum"}, token=token)
    assert status == 202
    assert calls.taken() == {"UpdateItem": 1, "PutItem": 1, "SendMessage": 1}

    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS")
    monkeypatch.setenv("JOB_RESEND_S", "1")
    app.services.cache_clear()
    make_due(job["job_id"])
    calls.taken()
    app.sweep(SCHEDULED, LambdaContext())
    assert calls.taken() == {"Query": IDLE, "GetItem": 1, "SendMessage": 1, "UpdateItem": 1}
    app.consume(received(), LambdaContext())
    assert call("GET", "/jobs/{job_id}/result", token=token, job_id=job["job_id"])[1]["result"] == 14
    calls.taken()
    app.sweep(SCHEDULED, LambdaContext())
    assert calls.taken() == {"Query": IDLE}, "an idle sweep"


def make_due(job_id: str) -> None:
    """Let the sweep's next look at the only job be due now, instead of waiting for it."""
    dynamodb = client("dynamodb", os.environ["AWS_ENDPOINT_URL"])
    (item,) = dynamodb.scan(TableName=os.environ["JOBS_TABLE"])["Items"]
    assert item["job_id"]["S"] == job_id
    dynamodb.update_item(
        TableName=os.environ["JOBS_TABLE"],
        Key={name: item[name] for name in ("owner_id", "job_id")},
        UpdateExpression="SET due_at_epoch_ms = :past",
        ExpressionAttributeValues={":past": {"N": "0"}},
    )


def test_what_pausing_costs(calls: CountedCalls) -> None:
    token = logged_in(calls)
    job_id = call("POST", "/jobs", {"data": [1, 2, 3], "operation": "square_sum"}, token=token)[1]["job_id"]
    app.services().administration.make_admin(CREDENTIALS["username"])
    calls.taken()
    a_call = {"GetItem": 2, "UpdateItem": 1}  # session and user; the limit of reads, of which ten are then prepaid
    pause = {"operation": "square_sum"}
    assert call("POST", "/admin/operations/{operation}/pause", {}, token=token, **pause)[0] == 200
    assert calls.taken() == a_call | {"Query": 1, "TransactWriteItems": 1}, "the pauses there are; pause and event"
    event = received()
    calls.taken()
    app.consume(event, LambdaContext())
    assert calls.taken() == {"Query": 1, "UpdateItem": 1}, "a look at the pauses, and a refused claim"
    app.consume(event, LambdaContext())
    assert calls.taken() == {"UpdateItem": 1}
    assert "is paused since" in call("GET", "/jobs/{job_id}/explain", token=token, job_id=job_id)[1]["explanation"]
    assert calls.taken() == {"GetItem": 1}, "this container knows the pauses"
    assert call("POST", "/admin/operations/{operation}/resume", token=token, **pause) == (200, {"sent": 1})
    resumed = {
        "GetItem": 2,
        "TransactWriteItems": 1,
        "Query": delivery.SHARDS,
        "BatchGetItem": 1,
        "SendMessageBatch": 1,
    }
    assert calls.taken() == resumed


def test_a_retry_a_cancel_and_a_retry_by_hand_cost_few_calls(calls: CountedCalls) -> None:
    token = logged_in(calls)
    job_id = call("POST", "/jobs", {"data": [1, 2, 3], "operation": "square_sum"}, token=token)[1]["job_id"]
    calls.taken()
    assert call("POST", "/jobs/{job_id}/cancel", token=token, job_id=job_id)[0] == 202
    assert calls.taken() == {"UpdateItem": 2, "GetItem": 1}, "limit, read, cancel"
    app.consume(received(), LambdaContext())
    assert calls.taken() == {"Query": 1, "UpdateItem": 1}, "a look at the pauses, and a refused claim"
    assert call("POST", "/jobs/{job_id}/retry", token=token, job_id=job_id)[0] == 202
    assert calls.taken() == {"UpdateItem": 2, "GetItem": 1, "SendMessage": 1}
    app.consume(received(), LambdaContext())
    assert calls.taken() == {"UpdateItem": 2}
    assert call("GET", "/jobs/{job_id}/result", token=token, job_id=job_id)[1] == {"status": "SUCCESS", "result": 14}


def test_a_dead_letter_fails_its_job_and_a_redrive_brings_it_back(calls: CountedCalls) -> None:
    token = logged_in(calls)
    job_id = call("POST", "/jobs", {"data": [1, 2, 3], "operation": "square_sum"}, token=token)[1]["job_id"]
    calls.taken()
    app.dead_letter(received(), LambdaContext())
    assert calls.taken() == {"GetItem": 1, "UpdateItem": 1}
    answer = call("GET", "/jobs/{job_id}/result", token=token, job_id=job_id)[1]
    assert (answer["status"], answer["error"]["code"]) == ("FAILED", "DEAD_LETTERED")
    calls.taken()
    assert app.redrive({}, LambdaContext()) == {"retried": 1, "is_complete": True}
    assert calls.taken() == {"Query": 1, "GetItem": 1, "UpdateItem": 1, "SendMessage": 1}
    app.consume(received(), LambdaContext())
    assert call("GET", "/jobs/{job_id}/result", token=token, job_id=job_id)[1] == {"status": "SUCCESS", "result": 14}


def test_what_the_end_of_an_account_costs(calls: CountedCalls) -> None:
    token = logged_in(calls)
    for _ in range(2):
        call("POST", "/jobs", {"data": [1], "operation": "square_sum"}, token=token)
    status, webhook = call("POST", "/webhooks", {"url": "https://example.com/"}, token=token)
    assert status == 201
    assert call("POST", "/webhooks/{webhook_id}/test", token=token, webhook_id=webhook["webhook_id"])[0] == 202
    schedule = {"rate_s": 3600, "data": [1], "operation": "square_sum"}
    assert call("POST", "/schedules", schedule, token=token)[0] == 201
    calls.taken()
    assert call("DELETE", "/me", token=token) == (204, None)
    ended = calls.taken()
    assert (ended["SendMessage"], ended["DeleteItem"]) == (2, 1), "one order for now, one for a minute later"
    order = received(queue="ERASURES_QUEUE_URL")
    assert len(order["Records"]) == 1
    calls.taken()
    assert app.erase(order, LambdaContext()) is None
    left = "no credentials are left; a schedule, a webhook, a delivery and two jobs are"
    assert calls.taken() == {"DeleteItem": 2, "Query": 5, "BatchWriteItem": 4}, left
    assert app.erase(order, LambdaContext()) is None
    assert calls.taken() == {"DeleteItem": 2, "Query": 5}, "of the user, and of a pause"
    dynamodb = client("dynamodb", os.environ["AWS_ENDPOINT_URL"])
    for table in ("USERS", "CREDENTIALS", "SCHEDULES", "WEBHOOKS", "DELIVERIES", "JOBS"):
        assert dynamodb.scan(TableName=os.environ[f"{table}_TABLE"])["Items"] == []


def test_what_telling_of_a_job_costs_without_webhooks(calls: CountedCalls) -> None:
    assert app.relay(DYNAMODB_STREAM, LambdaContext()) is None
    told = {"Query": 1, "PutEvents": 3, "UpdateItem": 1}
    assert calls.taken() == told, "for three events of one job, which no call may have two of, and to count its end"
    assert calls.write_units == 1
    jobs = [make_job(key=replace(KEY, job_id=JobId(f"{KEY.job_id[:-2]}{number}"))) for number in range(10, 20)]
    running = [job.claimed(make_claim("claim")) for job in jobs]
    ended = [job.finished("14", make_act("finish")) for job in running]
    changes = [*((None, job) for job in jobs), *zip(jobs, running, strict=True), *zip(running, ended, strict=True)]
    assert app.relay(stream_event(*changes), LambdaContext()) is None
    assert calls.taken() == told, "for thirty of ten jobs, whose ends are counted together"
    assert calls.write_units == 2
    assert app.relay(stream_event((jobs[0], replace(jobs[0], due_at=NOON)), (ended[0], None)), LambdaContext()) is None
    assert calls.taken() == {}, "for the sweep's look, and for a row that is gone"


def test_what_telling_of_a_job_costs_with_a_webhook(calls: CountedCalls) -> None:
    dynamodb = client("dynamodb", os.environ["AWS_ENDPOINT_URL"])
    dynamodb.put_item(TableName=os.environ["WEBHOOKS_TABLE"], Item=to_webhook_item(make_webhook()))
    calls.taken()
    calls.write_units = 0
    assert app.relay(DYNAMODB_STREAM, LambdaContext()) is None
    assert calls.taken() == {"Query": 1, "PutItem": 3, "SendMessageBatch": 1, "PutEvents": 3, "UpdateItem": 1}
    # Each a row and its entry in the index. One of the rows is over 1 KB, another by the digits of its times. And the
    # end is counted.
    assert calls.write_units in {3 * 2 + 1 + 1, 3 * 2 + 2 + 1}
    bodies = [
        json.loads(item["body"]["S"]) for item in dynamodb.scan(TableName=os.environ["DELIVERIES_TABLE"])["Items"]
    ]
    assert sorted(body["type"] for body in bodies) == ["job.started", "job.submitted", "job.succeeded"]
    assert len(received(queue="DELIVERIES_QUEUE_URL")["Records"]) == 3
    calls.taken()
    assert app.relay(DYNAMODB_STREAM, LambdaContext()) is None
    again = {"Query": 1, "PutItem": 3, "PutEvents": 3, "UpdateItem": 1}
    assert calls.taken() == again, "told again, but not sent again; and refused to be counted"


def test_what_an_administrators_look_at_all_jobs_costs(calls: CountedCalls) -> None:
    token = logged_in(calls)
    dynamodb = client("dynamodb", os.environ["AWS_ENDPOINT_URL"])
    (user,) = dynamodb.scan(TableName=os.environ["USERS_TABLE"])["Items"]
    dynamodb.put_item(TableName=os.environ["USERS_TABLE"], Item={**user, "role": {"S": "admin"}})
    for _ in range(3):
        call("POST", "/jobs", {"data": [1], "operation": "square_sum"}, token=token)
    ended = make_job().claimed(make_claim("claim"))
    at = app.services().clock.now()
    app.relay(stream_event((ended, ended.finished("14", make_act("finish", at=at)))), LambdaContext())
    call("GET", "/jobs", token=token, query="limit=1")
    calls.taken()
    account = {"GetItem": 2}
    for window, parts in (("hour", {1, 2}), ("day", {1, 2}), ("week", {7, 8})):
        status, told = call("GET", "/admin/statistics", token=token, query=f"window={window}")
        assert (status, told["total"]["success"]) == (200, 1)
        taken = calls.taken()
        assert taken.pop("Query") in parts, "one for each day"
        assert taken == account, "session and user; a permit to read is left of the last ten"
    status, told = call("GET", "/admin/overview", token=token)
    assert (status, told["oldest_waiting_s"], told["queue"]) == (200, 0, {"waiting": 3, "in_flight": 0, "delayed": 0})
    looks = account | {"Query": delivery.SHARDS, "BatchGetItem": 1, "GetQueueAttributes": 1}
    assert calls.taken() == looks, "each shard, and the rows of all that may wait at once"


def test_a_change_that_cannot_be_read_is_kept_for_a_person(calls: CountedCalls) -> None:
    event = stream_event((None, make_job()))
    event["Records"][0]["dynamodb"]["NewImage"]["status"] = {"S": "PAUSED"}
    assert app.relay(event, LambdaContext()) is None
    assert calls.taken() == {"SendMessage": 1}
    (record,) = received(queue="RELAY_FAILURES_QUEUE_URL")["Records"]
    assert json.loads(record["body"])["position"] == sequence_number(0)


@pytest.mark.parametrize(
    ("partial", "answer"), [("true", {"batchItemFailures": [{"itemIdentifier": sequence_number(0)}]}), ("false", None)]
)
def test_without_the_bus_changes_come_again_in_the_way_the_mapping_asks_for(
    calls: CountedCalls, monkeypatch: pytest.MonkeyPatch, partial: str, answer: Any
) -> None:
    monkeypatch.setenv("PARTIAL_BATCH_RESPONSES", partial)
    monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", nowhere())
    event = stream_event((None, make_job()))
    if answer is None:
        with pytest.raises(ChangesReturned):
            app.relay(event, LambdaContext())
    else:
        assert app.relay(event, LambdaContext()) == answer
    assert calls.taken() == {"Query": 1, "PutEvents": 1}


def test_what_a_delivery_costs_and_that_its_receiver_can_verify_it(
    calls: CountedCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOKS_TO_ANYWHERE", "true")
    token = logged_in(calls)
    no, yes = (f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode() for status in ("503 No", "204 Yes"))
    with Receiver(answering(no, yes)) as receiver:
        webhook = call("POST", "/webhooks", {"url": receiver.url}, token=token)[1]
        of = {"webhook_id": webhook["webhook_id"]}
        calls.taken()
        calls.write_units = 0
        told = call("POST", "/webhooks/{webhook_id}/test", token=token, **of)[1]
        assert calls.write_units == 1 + 2, "the limiter, the row, its entry in the index"
        assert calls.taken() == {"UpdateItem": 1, "GetItem": 1, "PutItem": 1, "SendMessage": 1}
        event = received(queue="DELIVERIES_QUEUE_URL")
        calls.taken()
        assert app.deliver(event, LambdaContext()) is None
        once = {"GetItem": 2, "UpdateItem": 3}
        assert calls.taken() == once | {"SendMessage": 1}, "webhook and delivery; slot, row, slot; the next message"
        assert app.deliver(event, LambdaContext()) is None
        assert calls.taken() == {"GetItem": 2}, "not due yet"
        replay = "/webhooks/{webhook_id}/deliveries/{delivery_id}/replay"
        assert call("POST", replay, token=token, delivery_id=told["delivery_id"], **of)[0] == 202
        calls.taken()
        calls.write_units = 0
        assert app.deliver(event, LambdaContext()) is None
        assert calls.taken() == once
        assert calls.write_units == 4, "the slot, the row and its entry in the index, the slot"
    shown = call(
        "GET", "/webhooks/{webhook_id}/deliveries/{delivery_id}", token=token, delivery_id=told["delivery_id"], **of
    )[1]
    assert [each["status_code"] for each in shown["attempts"]] == [503, 204]
    for post in receiver.received:
        assert Webhook(webhook["secret"]).verify(post.body, post.headers) == json.loads(shown["body"])


def test_what_a_message_that_asks_for_a_job_costs(calls: CountedCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTIAL_BATCH_RESPONSES", "true")
    token = logged_in(calls)
    form = {"username": CREDENTIALS["username"], "operation": "square_sum", "data": [1, 2, 3]}
    sent_to(queue="INTAKE_QUEUE_URL", body=json.dumps(form))
    event = received(queue="INTAKE_QUEUE_URL")
    calls.taken()
    calls.write_units = 0
    assert app.intake(event, LambdaContext()) == {"batchItemFailures": []}
    assert calls.taken() == {"GetItem": 2, "UpdateItem": 1, "PutItem": 1, "SendMessage": 1}, "user and row; limit; row"
    assert calls.write_units == 3, "the limiter, the row, its entry in the index"
    assert app.intake(event, LambdaContext()) == {"batchItemFailures": []}
    assert calls.taken() == {"GetItem": 2}, "the row is there"
    app.consume(received(), LambdaContext())
    (listed,) = call("GET", "/jobs", token=token)[1]["jobs"]
    answer = call("GET", "/jobs/{job_id}/result", token=token, job_id=listed["job_id"])
    assert answer == (200, {"status": "SUCCESS", "result": 14})


def test_what_a_message_costs_that_is_refused_or_must_wait(
    calls: CountedCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARTIAL_BATCH_RESPONSES", "true")
    logged_in(calls)
    form = {"username": CREDENTIALS["username"], "operation": "square_sum", "data": [1]}
    assert app.intake(sqs_event("nonsense"), LambdaContext()) == {"batchItemFailures": []}
    assert calls.taken() == {"SendMessage": 1}
    (refused,) = received(queue="INTAKE_REFUSED_QUEUE_URL")["Records"]
    assert refused["body"] == "nonsense"
    for number in range(3):
        sent_to(queue="INTAKE_QUEUE_URL", body=json.dumps(form | {"data": [number]}))
        event = received(queue="INTAKE_QUEUE_URL")
        event["Records"][0]["messageId"] = f"message-{number}"
        calls.taken()
        failed = app.intake(event, LambdaContext())
        if number < 2:
            assert failed == {"batchItemFailures": []}
        else:
            assert failed == {"batchItemFailures": [{"itemIdentifier": "message-2"}]}
            assert calls.taken() == {"GetItem": 2, "ChangeMessageVisibility": 1}, "that there is no room is known here"


def sent_to(*, queue: str, body: str) -> None:
    """Put a message into a queue."""
    client("sqs", os.environ["AWS_ENDPOINT_URL"]).send_message(QueueUrl=os.environ[queue], MessageBody=body)


def test_a_message_of_no_job_fails_the_function_where_no_partial_response_was_asked_for(calls: CountedCalls) -> None:
    with pytest.raises(MessagesReturned):
        app.consume(sqs_event("nonsense"), LambdaContext())
    assert calls.taken() == {}


def test_a_message_of_no_job_is_returned_by_id_where_it_was(
    calls: CountedCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARTIAL_BATCH_RESPONSES", "true")
    assert app.consume(sqs_event("nonsense"), LambdaContext()) == {
        "batchItemFailures": [{"itemIdentifier": "message-0"}]
    }
    assert calls.taken() == {}


@pytest.mark.asvs("7.2.1", "9.1.1", "9.2.1")
def test_a_token_that_has_expired_or_was_altered_opens_nothing(calls: CountedCalls) -> None:
    an_hour_ago = SystemClock().now() - timedelta(hours=1)
    then = FixedClock(an_hour_ago)
    codec = JwtCodec(issuer=os.environ["STACK_NAME"], keys=FixedKeys(RING, then), clock=then)
    session = jwt.decode(logged_in(calls), options={"verify_signature": False})

    def token(ttl_s: int) -> str:
        claims = AccessClaims(
            user_id=UserId(session["sub"]),
            session_id=session["sid"],
            token_id=session["jti"],
            issued_at=an_hour_ago,
            expires_at=an_hour_ago + timedelta(seconds=ttl_s),
        )
        return codec.issue(claims)

    assert call("GET", "/jobs", token=token(3600))[0] == 200
    calls.taken()
    for bad, detail in [
        (token(3540), "the token has expired; log in again"),
        (token(3600)[:-1], "the token is not one"),
    ]:
        for method, resource in JOB_ROUTES:
            status, problem = call(method, resource, {"data": [1], "operation": "square_sum"}, token=bad, job_id="1")
            assert (status, problem["code"]) == (401, "NOT_AUTHENTICATED")
            assert problem["detail"].startswith(detail)
    assert calls.taken() == {}


def test_a_credential_is_looked_at_once_in_ten_seconds_for_jobs_and_each_time_for_accounts(calls: CountedCalls) -> None:
    tokens = call("POST", "/login", CREDENTIALS)[1] if call("POST", "/register", CREDENTIALS)[0] == 201 else {}
    token = tokens["access_token"]
    calls.taken()
    assert call("GET", "/jobs", token=token)[0] == 200
    assert calls.taken() == {"UpdateItem": 1, "Query": 1}, "limit and list; the sign-in was here"
    app.services.cache_clear()
    for looks in (1, 0, 0):
        assert call("GET", "/jobs", token=token)[0] == 200
        assert calls.taken().get("GetItem", 0) == looks
    key = call("POST", "/api-keys", {"name": "import", "scopes": ["jobs:read"]}, token=token)[1]["api_key"]
    assert calls.taken() == {"GetItem": 2, "Query": 1, "TransactWriteItems": 1}, "session and user; keys; all together"
    assert call("GET", "/jobs", token=key)[0] == 200
    assert calls.taken() == {"GetItem": 1, "UpdateItem": 1, "Query": 1}, "the key, its use, the list"
    assert call("GET", "/jobs", token=key)[0] == 200
    assert calls.taken() == {"Query": 1}
    for _ in range(2):
        assert call("GET", "/me", token=token)[0] == 200
        assert calls.taken() == {"GetItem": 2}, "session and user"
    refreshed = call("POST", "/token/refresh", {"refresh_token": tokens["refresh_token"]})[1]
    assert calls.taken() == {"GetItem": 2, "UpdateItem": 1}, "session and user"
    assert call("POST", "/logout", token=refreshed["access_token"])[0] == 204
    assert calls.taken() == {"GetItem": 2, "TransactWriteItems": 1}
    for _ in range(2):
        assert call("GET", "/jobs", token=token)[0] == 401
    assert calls.taken() == {"GetItem": 1}, "that it is gone is remembered too"


def test_refusals_cost_nothing_or_one_call(calls: CountedCalls) -> None:
    assert call("GET", "/jobs", token="nonsense")[0] == 401
    assert calls.taken() == {}
    for kid in ("made-up", "another"):
        forged = jwt.encode({}, bytes(32), headers={"typ": "at+jwt", "kid": kid})
        assert call("GET", "/jobs", token=forged)[0] == 401
    assert calls.taken() == {"GetParameter": 1}, "and no other within ten seconds"
    assert call("POST", "/register", {"username": "yourname"})[0] == 422
    assert calls.taken() == {}
    call("POST", "/register", CREDENTIALS)
    token = call("POST", "/login", CREDENTIALS)[1]["access_token"]
    calls.taken()
    assert call("POST", "/jobs", {"data": "x", "operation": "square_sum"}, token=token)[0] == 422
    assert calls.taken() == {"UpdateItem": 1}, "a refused job counts against the limit"


@pytest.mark.parametrize("setting", ["JOBS_TABLE", "JOB_LEASE_MARGIN_S"])
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


@pytest.mark.asvs("16.2.1")
@pytest.mark.parametrize(
    "entry", ["http", "consume", "dead_letter", "erase", "relay", "intake", "deliver", "sweep", "redrive"]
)
def test_every_log_line_names_the_request_or_the_invocation(
    calls: CountedCalls, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    token = logged_in(calls)
    call("POST", "/jobs", {"data": [1, 2, 3], "operation": "square_sum"}, token=token)
    entries: dict[str, Callable[[], object]] = {
        "http": lambda: call("GET", "/jobs", token=token),
        "consume": lambda: app.consume(received(), LambdaContext()),
        "dead_letter": lambda: app.dead_letter(received(), LambdaContext()),
        "erase": lambda: app.erase(sqs_event(to_body(ORDER)), LambdaContext()),
        "relay": lambda: app.relay(DYNAMODB_STREAM, LambdaContext()),
        "intake": lambda: app.intake(sqs_event("nonsense"), LambdaContext()),
        "deliver": lambda: app.deliver(sqs_event(delivery_queue.to_body(UNKNOWN)), LambdaContext()),
        "sweep": lambda: app.sweep(SCHEDULED, LambdaContext()),
        "redrive": lambda: app.dead_letter(received(), LambdaContext()) or app.redrive({}, LambdaContext()),
    }
    monkeypatch.setattr(caplog.handler, "formatter", JsonFormatter())
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="chalicelib"):
        entries[entry]()
    lines = [json.loads(line) for line in caplog.text.splitlines()]
    names = {line["request_id"] for line in lines if line["logger"].startswith("chalicelib")}
    of_the_request = API_GATEWAY_POST["requestContext"]["requestId"]
    assert names == {of_the_request if entry == "http" else LambdaContext.aws_request_id}


def test_the_setting_allows_an_origin_and_a_wrong_one_none(
    calls: CountedCalls, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    origin = "https://app.example.com"

    def allowed(setting: str, resource: str) -> tuple[int, str | None]:
        monkeypatch.setenv("CORS_ALLOWED_ORIGINS", setting)
        app.allowed_origins.cache_clear()
        app.services.cache_clear()
        answer: Any = app.app(api_event("GET", resource, headers={"Origin": origin}), None)
        return answer["statusCode"], answer["headers"].get("Access-Control-Allow-Origin")

    try:
        for resource, status in (("/health", 200), ("/jobs", 401)):
            assert allowed("", resource) == (status, None)
            assert allowed(origin, resource) == (status, origin)
        assert allowed("app.example.com", "/health") == (200, None)
        assert allowed("app.example.com", "/operations") == (500, None)
    finally:
        app.allowed_origins.cache_clear()
    assert "CORS_ALLOWED_ORIGINS must not have app.example.com: an origin is like" in caplog.text
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

    compiled = {name: os.environ[name] for name in ("PYTHONPYCACHEPREFIX",) if name in os.environ}

    def run(event: dict[str, Any]) -> tuple[int, set[str]]:
        done = subprocess.run(
            [sys.executable, "-c", LOADED_AFTER],
            cwd=PROJECT,
            env=environment(PATH=os.environ["PATH"], **compiled),
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
    """botocore and its clients are most of a cold start."""
    for resource in ("/health", "/operations", "/openapi.json", "/docs", "/"):
        status, packages = loaded_after(api_event("GET", resource))
        assert status in {200, 302}
        assert not packages & {"boto3", "botocore", "jwt", "passlib", "argon2", "cronsim", "zoneinfo", "tzdata"}
