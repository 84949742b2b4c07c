"""AWS for tests: clients of an emulator or of moto, the tables and the queue as the template defines them."""

import json
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

PROJECT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
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
        config=Config(connect_timeout=1, read_timeout=10, retries={"total_max_attempts": 1}, max_pool_connections=40),
    )


def create_table(dynamodb: Any, resource: str, name: str) -> str:
    """Create the table that the template calls ``resource``; return its name."""
    properties = dict(RESOURCES[resource]["Properties"])
    ttl = properties.pop("TimeToLiveSpecification", None)
    dynamodb.create_table(TableName=name, **properties)
    if ttl:
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
    return name


def create_queue(sqs: Any, name: str) -> str:
    """Create the jobs queue with the template's visibility timeout; return its URL."""
    visibility_s = RESOURCES["JobsQueue"]["Properties"]["VisibilityTimeout"]
    return str(sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": str(visibility_s)})["QueueUrl"])


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


class CountedCalls:
    """Counts the AWS calls of every client that boto3's default session makes from now on, by operation."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()
        boto3.setup_default_session()
        assert boto3.DEFAULT_SESSION is not None
        boto3.DEFAULT_SESSION.events.register("before-call", self._count)

    def stop(self) -> None:
        """The next client is made by a new session, uncounted."""
        boto3.DEFAULT_SESSION = None

    def _count(self, event_name: str, **_: Any) -> None:
        self._of[event_name.rpartition(".")[2]] += 1

    def taken(self) -> dict[str, int]:
        """The counts so far; counting begins anew."""
        counts, self._of = dict(self._of), Counter()
        return counts
