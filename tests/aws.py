"""AWS for tests: clients of an emulator or of moto, the tables and the queue as the template defines them."""

import json
import socket
import ssl
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from chalicelib.adapters.aws_calls import SERVICES, Answer, AwsClient, Parameters, Policy, Surroundings
from chalicelib.adapters.aws_signature import Credentials
from chalicelib.adapters.sdk_client import SdkClient
from chalicelib.adapters.system import SystemClock, SystemIds, SystemPause, SystemRandomness
from deployment.template import VISIBILITY_IN_TIMEOUTS

if TYPE_CHECKING:
    from collections.abc import Callable

    Made = Callable[[Parameters], Answer]
    Around = Callable[[str, str, dict[str, Any], Made], Answer]

SAFEKEEPING = {
    "DeletionProtectionEnabled",
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "StreamSpecification",
}
"""Properties of a table that change nothing about its items."""

PROJECT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
FUNCTIONS = json.loads((PROJECT / ".chalice" / "config.json").read_text())["lambda_functions"]
DRIVEN = {
    "JobsQueue": "consume",
    "JobsDeadLetterQueue": "dead_letter",
    "ErasuresQueue": "erase",
    "DeliveriesQueue": "deliver",
}
"""Queues, each with the function that gets its messages."""
RESOURCES = json.loads((PROJECT / ".chalice" / "resources.json").read_text())["Resources"]


def client(service: str, endpoint_url: str | None = None) -> Any:
    """A client that neither retries nor waits long; without an endpoint it is moto's."""
    make: Any = boto3.client  # an overload for each service, and none for a name known at run time
    return make(
        service,
        region_name=REGION,
        endpoint_url=endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(connect_timeout=1, read_timeout=10, retries={"total_max_attempts": 1}, max_pool_connections=64),
    )


def product_client(service: str, endpoint_url: str) -> Any:
    """The client that the product makes of a service there; it tries each call once, and waits as long as `client`."""
    return AwsClient(
        SERVICES[service],
        endpoint_url=endpoint_url,
        region=REGION,
        credentials=Credentials(access_key="test", secret_key="test"),
        policy=Policy(connect_timeout_s=1, read_timeout_s=10, attempts=1),
        tls=ssl.create_default_context,
        around=Surroundings(
            environment={},
            clock=SystemClock(),
            pause=SystemPause(),
            randomness=SystemRandomness(),
            ids=SystemIds(),
        ),
    )


def by_sdk(client: Any) -> Any:
    """What the product makes of a client of boto3."""
    return SdkClient(client)


def create_table(dynamodb: Any, resource: str, name: str, *, forgets: bool = False) -> str:
    """
    Create the table that the template calls ``resource``; return its name.

    Only if it ``forgets`` has it the template's time to live: that goes by the real clock, and deletes rows that tests
    date by their own.
    """
    properties = dict(RESOURCES[resource]["Properties"])
    ttl = properties.pop("TimeToLiveSpecification", None)
    for of_a_stage in SAFEKEEPING:
        properties.pop(of_a_stage, None)
    dynamodb.create_table(TableName=name, **properties)
    if ttl and forgets:
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
    return name


def time_to_live(dynamodb: Any, resource: str, name: str) -> tuple[str, str]:
    """The attribute by which the table that the template calls ``resource`` forgets, and whether it does."""
    table = create_table(dynamodb, resource, name, forgets=True)
    described = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    return described["AttributeName"], described["TimeToLiveStatus"]


def create_queue(sqs: Any, name: str, resource: str = "JobsQueue") -> str:
    """Create the queue that the template calls ``resource``, with its visibility timeout; return its URL."""
    visibility_s = VISIBILITY_IN_TIMEOUTS * FUNCTIONS[DRIVEN[resource]]["lambda_timeout"]
    return str(sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": str(visibility_s)})["QueueUrl"])


def create_queue_with_dead_letters(sqs: Any, name: str, *, visibility_s: int, max_receives: int) -> tuple[str, str]:
    """Create a queue and the one its messages go to after ``max_receives``; return their URLs."""
    dead_letters_url = str(sqs.create_queue(QueueName=f"{name}-dead-letters")["QueueUrl"])
    answer = sqs.get_queue_attributes(QueueUrl=dead_letters_url, AttributeNames=["QueueArn"])
    redrive = {"deadLetterTargetArn": answer["Attributes"]["QueueArn"], "maxReceiveCount": max_receives}
    attributes = {"VisibilityTimeout": str(visibility_s), "RedrivePolicy": json.dumps(redrive)}
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]), dead_letters_url


def nowhere() -> str:
    """A URL of this machine at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


class LosesFirstResponses:
    """A client each of whose calls is made twice, as after a response that was lost; the second answer counts."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._inner, method)

        def twice(**arguments: Any) -> Any:
            call(**arguments)
            return call(**arguments)

        return twice


class WatchedCalls:
    """
    Has ``around`` make every call of the clients that the product makes itself, until `stop`.

    It gets the service's name, the operation, its parameters, which it may change, and what makes the call of them.
    """

    def __init__(self, around: "Around") -> None:
        self._call = made = AwsClient.call

        def call(client: AwsClient, operation: str, parameters: Parameters) -> Answer:
            return around(client.service.name, operation, dict(parameters), partial(made, client, operation))

        setattr(AwsClient, "call", call)  # noqa: B010 - to the type checker it is no variable

    def stop(self) -> None:
        """Calls are made as ever."""
        setattr(AwsClient, "call", self._call)  # noqa: B010 - as above


class CountedCalls:
    """
    Counts the AWS calls of the clients that the product makes itself, by operation.

    ``write_units`` adds up what DynamoDB charges for writes, of tables and indexes.
    """

    WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()
        self.write_units = 0.0
        self._watched = WatchedCalls(self._counted)

    def stop(self) -> None:
        """Count no more."""
        self._watched.stop()

    def taken(self) -> dict[str, int]:
        """The counts so far; counting begins anew."""
        counts, self._of = dict(self._of), Counter()
        return counts

    def _counted(self, _: str, operation: str, parameters: dict[str, Any], made: "Made") -> Answer:
        self._of[operation] += 1
        if operation not in self.WRITES:
            return made(parameters)
        # A refused write is charged too, but its answer does not say how much. A transaction's has one for each table.
        answer = made({**parameters, "ReturnConsumedCapacity": "INDEXES"})
        consumed = answer.get("ConsumedCapacity", [])
        for each in consumed if isinstance(consumed, list) else [consumed]:
            self.write_units += each.get("CapacityUnits", 0)
        return answer


class _Units:
    """Adds up what DynamoDB charges for some calls of one client within the block, of tables and indexes."""

    _CALLS: tuple[str, ...]

    def __init__(self, dynamodb: Any) -> None:
        self._events = dynamodb.meta.events
        self._units = 0.0

    def __enter__(self) -> Self:
        for call in self._CALLS:
            self._events.register(f"provide-client-params.dynamodb.{call}", self._ask_for_units)
            self._events.register(f"after-call.dynamodb.{call}", self._add_units)
        return self

    def __exit__(self, *_: object) -> None:
        for call in self._CALLS:
            self._events.unregister(f"provide-client-params.dynamodb.{call}", self._ask_for_units)
            self._events.unregister(f"after-call.dynamodb.{call}", self._add_units)

    def taken(self) -> float:
        """The units so far; adding up begins anew."""
        units, self._units = self._units, 0.0
        return units

    def _ask_for_units(self, params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def _add_units(self, parsed: dict[str, Any], **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])  # which MiniStack leaves out of BatchGetItem's answer
        for each in consumed if isinstance(consumed, list) else [consumed]:
            self._units += each["CapacityUnits"]


class ReadUnits(_Units):
    """Adds up those of reads."""

    _CALLS = ("GetItem", "Query", "BatchGetItem")


class WriteUnits(_Units):
    """Adds up those of writes."""

    _CALLS = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")


class Altered:
    """A client that answers some calls otherwise."""

    def __init__(self, inner: Any, **calls: Any) -> None:
        self._inner = inner
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return self._calls.get(name) or getattr(self._inner, name)
