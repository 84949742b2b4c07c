"""The product over an emulated DynamoDB, SQS and parameter store, entered as Lambda enters it, under a meter."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

import app
from benchmarks.cost.meter import Meter, item_bytes
from benchmarks.lambda_context import LambdaContext
from chalicelib.adapters import system
from chalicelib.adapters.signing_keys import to_text
from chalicelib.observability import JsonFormatter
from tests.aws import client, create_queue, create_table
from tests.deployment import environment
from tests.events import api_event, sqs_event
from tests.factories import make_ring
from tests.fakes import FixedClock, PassingTime

BEGINS_AT = datetime(2099, 1, 1, 12, tzinfo=UTC)
"""So late that no emulator takes any row for expired."""

CREDENTIALS = {"username": "yourname", "password": "yourpassword"}
TABLES = (
    "Users",
    "Jobs",
    "Limits",
    "Credentials",
    "Audit",
    "Idempotency",
    "Webhooks",
    "Deliveries",
    "Schedules",
    "Statistics",
    "Pauses",
)
RECORDS_AT_ONCE = 100
"""Of the jobs table's stream, as ``app.py`` has it."""
SCHEDULED = {
    "account": "000000000000",
    "region": "us-east-1",
    "detail": {},
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2099-01-01T12:00:00Z",
    "id": "00000000-0000-4000-8000-000000000000",
    "resources": ["arn:aws:events:us-east-1:000000000000:rule/sweep"],
    "version": "0",
}
ROW_OVERHEAD_BYTES = 100
"""What DynamoDB adds to each row for storage, and to each entry of an index."""


class Refused(Exception):
    """The product gave another answer than the shape counts on; the message has it."""


class Changes:
    """The stream of the jobs table, read from its beginning on."""

    def __init__(self, streams: Any, stream: str) -> None:  # noqa: ANN401 - boto3's own
        self._streams = streams
        (shard,) = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
        self._place = {"StreamArn": stream, "ShardId": shard["ShardId"]}
        self._after = {"ShardIteratorType": "TRIM_HORIZON"}

    def following(self) -> list[dict[str, Any]]:
        """Return the next records, at most as many as a batch has; none are left when there is none."""
        # One of its own each time: DynamoDB Local takes none that is older than the first record.
        iterator = self._streams.get_shard_iterator(**self._place, **self._after)["ShardIterator"]
        found = self._streams.get_records(ShardIterator=iterator, Limit=RECORDS_AT_ONCE)["Records"]
        if found:
            last = found[-1]["dynamodb"]["SequenceNumber"]
            self._after = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last}
        # A time is a number in an event, and a date here; none of ours is read.
        return [{**record, "dynamodb": {**record["dynamodb"], "ApproximateCreationDateTime": 0.0}} for record in found]


class Stand:
    """
    One warm container of each function, and one user who is signed in.

    Time passes only where `clock` is advanced or a request waits; what shall happen during a wait is
    ``pause.meanwhile``.
    """

    def __init__(  # noqa: PLR0913 - what stands in for AWS, a service each
        self,
        *,
        sqs: Any,  # noqa: ANN401 - boto3's own
        dynamodb: Any,  # noqa: ANN401
        changes: "Changes",
        names: dict[str, str],
        meter: Meter,
        clock: FixedClock,
    ) -> None:
        self._sqs = sqs
        self._changes = changes
        self._dynamodb = dynamodb
        self._names = names
        self._token = ""
        self.meter = meter
        self.clock = clock
        self.pause = PassingTime(clock)

    def sign_in(self) -> None:
        """Register the user and sign in."""
        self.request("POST", "/register", 201, CREDENTIALS)
        self._token = self.request("POST", "/login", 200, CREDENTIALS)["access_token"]

    def request(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        resource: str,
        status: int,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        query: str = "",
        **parameters: str,
    ) -> Any:  # noqa: ANN401 - any JSON
        """Make a request of the API; return its answer, which must have this status."""
        given = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}", **(headers or {})}
        text = None if body is None else json.dumps(body)
        event = api_event(method, resource, body=text, headers=given, path_parameters=parameters, query=query)
        waits = len(self.pause.slept)
        with self.meter.invocation("api_handler"):
            answer: Any = app.app(event, None)
        counts = self.meter.counts
        counts.waited_ms["api_handler"] += sum(
            round(slept.total_seconds() * 1000) for slept in self.pause.slept[waits:]
        )
        counts.units["api_requests"] += 1
        counts.out_bytes += len(answer["body"].encode())
        counts.out_bytes += sum(len(f"{name}: {value}\r\n".encode()) for name, value in answer["headers"].items())
        if answer["statusCode"] != status:
            message = f"{method} {resource} gave {answer['statusCode']}: {answer['body']}"
            raise Refused(message)
        return json.loads(answer["body"])

    def consume(self, number: int) -> None:
        """
        Deliver one batch of so many messages, as the event source mapping does.

        It receives the batch with one request and deletes it with another.
        """
        bodies: list[str] = []
        while len(bodies) < number:
            answer = self._sqs.receive_message(
                QueueUrl=self._names["JOBS_QUEUE_URL"], MaxNumberOfMessages=number - len(bodies), WaitTimeSeconds=1
            )
            received = answer.get("Messages", [])
            if not received:
                message = f"{len(bodies)} messages came, not {number}"
                raise Refused(message)
            bodies += [message["Body"] for message in received]
        with self.meter.invocation("consume"):
            failed = app.consume(sqs_event(*bodies), LambdaContext())
        if failed != {"batchItemFailures": []}:
            message = f"consume gave {failed}"
            raise Refused(message)
        self.meter.counts.jobs_run += number
        self.meter.counts.units["sqs_requests"] += 2
        self.meter.counts.units["sqs_fair_requests"] += 2

    def relay(self) -> None:
        """Have all changes of jobs told that were not yet, as the stream's event source mapping does, for nothing."""
        while records := self._changes.following():
            with self.meter.invocation("relay"):
                failed = app.relay({"Records": records}, LambdaContext())
            if failed != {"batchItemFailures": []}:
                message = f"relay gave {failed}"
                raise Refused(message)

    def sweep(self) -> None:
        """Run one sweep."""
        with self.meter.invocation("sweep"):
            app.sweep(SCHEDULED, LambdaContext())
        self.meter.counts.units["schedule_runs"] += 1

    def stored_bytes(self) -> int:
        """Return what DynamoDB keeps of all jobs, of which none may be in an index any more."""
        rows = self._dynamodb.scan(TableName=self._names["JOBS_TABLE"])["Items"]
        return sum(item_bytes(row) + ROW_OVERHEAD_BYTES for row in rows)


@contextmanager
def standing(endpoint_url: str, dynamodb_url: str = "") -> Iterator[Stand]:
    """Give a stand of its own tables and queues on the emulator; its tables are at ``dynamodb_url`` if it is given."""
    suffix = f"cost-{uuid4()}"
    dynamodb_url = dynamodb_url or endpoint_url
    # Made before the meter, which counts none of what the stand does in the place of AWS.
    dynamodb, sqs, ssm = client("dynamodb", dynamodb_url), client("sqs", endpoint_url), client("ssm", endpoint_url)
    names = {f"{name.upper()}_TABLE": create_table(dynamodb, f"{name}Table", f"{name}-{suffix}") for name in TABLES}
    names |= {
        "JOBS_QUEUE_URL": create_queue(sqs, f"jobs-{suffix}"),
        "DELIVERIES_QUEUE_URL": create_queue(sqs, f"deliveries-{suffix}"),
        "EVENT_BUS_NAME": f"bus-{suffix}",
        "ERASURES_QUEUE_URL": create_queue(sqs, f"erasures-{suffix}", "ErasuresQueue"),
        "SIGNING_KEYS_PARAMETER": f"/{suffix}/signing-keys",
    }
    told = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    described = dynamodb.update_table(TableName=names["JOBS_TABLE"], StreamSpecification=told)["TableDescription"]
    changes = Changes(client("dynamodbstreams", dynamodb_url), described["LatestStreamArn"])
    client("events", endpoint_url).create_event_bus(Name=names["EVENT_BUS_NAME"])
    clock = FixedClock(BEGINS_AT)
    ring = to_text(make_ring(at=BEGINS_AT))
    ssm.put_parameter(Name=names["SIGNING_KEYS_PARAMETER"], Type="SecureString", Value=ring)
    variables = environment(
        STACK_NAME="job-backend-cost",
        PARTIAL_BATCH_RESPONSES="true",
        AWS_ENDPOINT_URL=endpoint_url,
        AWS_ENDPOINT_URL_DYNAMODB=dynamodb_url,
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - the emulator's
        **names,
    )
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        meter = Meter(JsonFormatter(namespace="job-backend-cost"))
        stand = Stand(sqs=sqs, dynamodb=dynamodb, changes=changes, names=names, meter=meter, clock=clock)
        patch.setattr(system, "SystemClock", lambda: clock)
        patch.setattr(system, "SystemPause", lambda: stand.pause)
        app.services.cache_clear()
        app.allowed_origins.cache_clear()
        root.handlers = [meter]
        root.setLevel(logging.INFO)
        try:
            yield stand
        finally:
            root.handlers = handlers
            root.setLevel(level)
            meter.stop()
            app.services.cache_clear()
            app.allowed_origins.cache_clear()
