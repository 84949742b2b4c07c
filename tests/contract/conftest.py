"""
The ports, three times over: in memory, on moto, on MiniStack.

A contract test takes ``ports`` and runs on each. What threads must prove runs on ``atomic_ports``, without moto, whose
conditional writes are not atomic. What only an implementation over AWS has, runs on ``aws``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.adapters.dynamodb.jobs import DynamoDBJobRepository
from chalicelib.adapters.dynamodb.rate_limits import DynamoDBRateLimitStore
from chalicelib.adapters.dynamodb.users import DynamoDBUserRepository
from chalicelib.adapters.sqs import SqsJobQueue, from_body
from chalicelib.domain.jobs import JobKey
from chalicelib.ports import JobQueue, JobRepository, RateLimitStore, UserRepository
from tests.aws import LosesFirstResponses, client, create_queue, create_table, nowhere
from tests.fakes import (
    InMemoryJobQueue,
    InMemoryJobRepository,
    InMemoryRateLimitStore,
    InMemoryUserRepository,
)

_numbers = count(1)


@dataclass(frozen=True, kw_only=True)
class Ports:
    """One implementation of each port, empty, and the messages its queue holds."""

    users: UserRepository
    jobs: JobRepository
    limits: RateLimitStore
    queue: JobQueue
    received: Callable[[], list[JobKey]]


@dataclass(frozen=True, kw_only=True)
class Aws:
    """Clients, and the tables and the queue of one test."""

    dynamodb: Any
    sqs: Any
    users_table: str
    jobs_table: str
    limits_table: str
    queue_url: str

    def ports(self, *, dynamodb: Any = None, sqs: Any = None) -> Ports:
        """The ports over these tables, through the given clients or the ordinary ones."""
        dynamodb, sqs = dynamodb or self.dynamodb, sqs or self.sqs
        return Ports(
            users=DynamoDBUserRepository(lambda: dynamodb, table=self.users_table),
            jobs=DynamoDBJobRepository(lambda: dynamodb, table=self.jobs_table),
            limits=DynamoDBRateLimitStore(lambda: dynamodb, table=self.limits_table),
            queue=SqsJobQueue(lambda: sqs, queue_url=self.queue_url),
            received=self._received,
        )

    def _received(self) -> list[JobKey]:
        answer = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        return [from_body(message["Body"]) for message in answer.get("Messages", [])]


def _aws(endpoint_url: str | None) -> Aws:
    dynamodb, sqs = client("dynamodb", endpoint_url), client("sqs", endpoint_url)
    number = next(_numbers)
    return Aws(
        dynamodb=dynamodb,
        sqs=sqs,
        users_table=create_table(dynamodb, "UsersTable", f"users-{number}"),
        jobs_table=create_table(dynamodb, "JobsTable", f"jobs-{number}"),
        limits_table=create_table(dynamodb, "LimitsTable", f"limits-{number}"),
        queue_url=create_queue(sqs, f"jobs-{number}"),
    )


def _memory() -> Ports:
    queue = InMemoryJobQueue()
    return Ports(
        users=InMemoryUserRepository(),
        jobs=InMemoryJobRepository(),
        limits=InMemoryRateLimitStore(),
        queue=queue,
        received=lambda: list(queue.messages),
    )


@pytest.fixture(params=["moto", "ministack"])
def aws(request: pytest.FixtureRequest) -> Iterator[Aws]:
    if request.param == "ministack":
        yield _aws(request.getfixturevalue("ministack"))
    else:
        with mock_aws():
            yield _aws(None)


@pytest.fixture(params=["memory", "moto", "ministack"])
def ports(request: pytest.FixtureRequest) -> Iterator[Ports]:
    if request.param == "memory":
        yield _memory()
    elif request.param == "ministack":
        yield _aws(request.getfixturevalue("ministack")).ports()
    else:
        with mock_aws():
            yield _aws(None).ports()


@pytest.fixture(params=["memory", "ministack"])
def atomic_ports(request: pytest.FixtureRequest) -> Ports:
    if request.param == "memory":
        return _memory()
    return _aws(request.getfixturevalue("ministack")).ports()


@pytest.fixture
def lossy_ports(aws: Aws) -> Ports:
    """Every call is made twice, as the SDK does after a lost response."""
    return aws.ports(dynamodb=LosesFirstResponses(aws.dynamodb), sqs=LosesFirstResponses(aws.sqs))


@pytest.fixture
def away_ports(aws: Aws) -> Ports:
    """Nothing listens where DynamoDB and SQS should be."""
    url = nowhere()
    return aws.ports(dynamodb=client("dynamodb", url), sqs=client("sqs", url))
