"""``app.py`` as Lambda enters it, over a real emulator, with every AWS call counted."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import jwt
import pytest

import app
from chalicelib import bootstrap
from chalicelib.account_ports import Erasure
from chalicelib.adapters.erasure_queue import to_body
from chalicelib.adapters.signing_keys import to_text
from chalicelib.adapters.system import SystemClock
from chalicelib.adapters.tokens import JwtCodec
from chalicelib.consumer import MessagesReturned
from chalicelib.domain.delivery import SHARDS
from chalicelib.domain.tokens import AccessClaims
from chalicelib.domain.users import UserId
from chalicelib.observability import JsonFormatter
from tests.api.client import JOB_ROUTES
from tests.aws import PROJECT, CountedCalls, client, create_queue, create_table, nowhere
from tests.deployment import environment
from tests.events import API_GATEWAY_POST, api_event, sqs_event
from tests.factories import OWNER, make_ring
from tests.fakes import FixedClock, FixedKeys

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
ORDER = Erasure(user_id=OWNER, username="yourname")
CREDENTIALS = {"username": "yourname", "password": "yourpassword"}


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
    parameter = f"/{suffix}/signing-keys"
    ssm.put_parameter(Name=parameter, Type="SecureString", Value=to_text(RING))
    variables = environment(
        STACK_NAME=suffix,
        USERS_TABLE=create_table(dynamodb, "UsersTable", f"users-{suffix}"),
        JOBS_TABLE=create_table(dynamodb, "JobsTable", f"jobs-{suffix}"),
        LIMITS_TABLE=create_table(dynamodb, "LimitsTable", f"limits-{suffix}"),
        CREDENTIALS_TABLE=create_table(dynamodb, "CredentialsTable", f"credentials-{suffix}"),
        AUDIT_TABLE=create_table(dynamodb, "AuditTable", f"audit-{suffix}"),
        IDEMPOTENCY_TABLE=create_table(dynamodb, "IdempotencyTable", f"idempotency-{suffix}"),
        JOBS_QUEUE_URL=create_queue(sqs, f"jobs-{suffix}"),
        ERASURES_QUEUE_URL=create_queue(sqs, f"erasures-{suffix}", "ErasuresQueue"),
        SIGNING_KEYS_PARAMETER=parameter,
        AWS_ENDPOINT_URL=ministack,
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # The limiter takes permits for ten seconds: between two of them the counts would differ.
    monkeypatch.setattr(bootstrap, "SystemClock", partial(FixedClock, SystemClock().now()))
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
    assert calls.taken() == {"UpdateItem": 2}, "claim and finish"

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
    assert calls.taken() == {"UpdateItem": 3, "PutItem": 1, "SendMessage": 1}
    assert calls.write_units == 6


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
    assert calls.taken() == {"Query": SHARDS, "GetItem": 1, "SendMessage": 1, "UpdateItem": 1}
    app.consume(received(), LambdaContext())
    assert call("GET", "/jobs/{job_id}/result", token=token, job_id=job["job_id"])[1]["result"] == 14
    calls.taken()
    app.sweep(SCHEDULED, LambdaContext())
    assert calls.taken() == {"Query": SHARDS}, "an idle sweep"


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


def test_a_retry_a_cancel_and_a_retry_by_hand_cost_few_calls(calls: CountedCalls) -> None:
    token = logged_in(calls)
    job_id = call("POST", "/jobs", {"data": [1, 2, 3], "operation": "square_sum"}, token=token)[1]["job_id"]
    calls.taken()
    assert call("POST", "/jobs/{job_id}/cancel", token=token, job_id=job_id)[0] == 202
    assert calls.taken() == {"UpdateItem": 2, "GetItem": 1}, "limit, read, cancel"
    app.consume(received(), LambdaContext())
    assert calls.taken() == {"UpdateItem": 1}, "a refused claim"
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
    calls.taken()
    assert call("DELETE", "/me", token=token) == (204, None)
    ended = calls.taken()
    assert (ended["SendMessage"], ended["DeleteItem"]) == (2, 1), "one order for now, one for a minute later"
    order = received(queue="ERASURES_QUEUE_URL")
    assert len(order["Records"]) == 1
    calls.taken()
    assert app.erase(order, LambdaContext()) is None
    assert calls.taken() == {"DeleteItem": 1, "Query": 2, "BatchWriteItem": 1}, "no credentials are left, two jobs are"
    assert app.erase(order, LambdaContext()) is None
    assert calls.taken() == {"DeleteItem": 1, "Query": 2}
    dynamodb = client("dynamodb", os.environ["AWS_ENDPOINT_URL"])
    for table in ("USERS_TABLE", "CREDENTIALS_TABLE", "JOBS_TABLE"):
        assert dynamodb.scan(TableName=os.environ[table])["Items"] == []


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
@pytest.mark.parametrize("entry", ["http", "consume", "dead_letter", "erase", "sweep", "redrive"])
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
from chalicelib import bootstrap
from chalicelib.adapters.system import SystemClock
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
    for resource in ("/health", "/operations", "/openapi.json", "/docs", "/"):
        status, packages = loaded_after(api_event("GET", resource))
        assert status in {200, 302}
        assert not packages & {"boto3", "jwt", "passlib", "argon2"}
