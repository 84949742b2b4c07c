"""
The ports, four times over: in memory, and on each stand-in for AWS: moto, MiniStack, DynamoDB Local.

A contract test takes ``ports`` and runs on each. What threads must prove runs on ``atomic_ports``, without moto, whose
conditional writes are not atomic. What only an implementation over AWS has, runs on ``aws``. DynamoDB Local has no
queues, so its tables come with a queue of MiniStack's.

The last fixtures are of the tests of operations in a real process: ``process`` is one, ``make`` makes others.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import boto3
import pytest
from moto import mock_aws

from chalicelib.account_ports import (
    AuditTrail,
    CredentialRepository,
    Erasure,
    ErasureQueue,
    RowEraser,
    UserRepository,
)
from chalicelib.adapters import delivery_queue, erasure_queue
from chalicelib.adapters.delivery_queue import SqsDeliveryQueue
from chalicelib.adapters.dynamodb.audit import DynamoDBAuditTrail
from chalicelib.adapters.dynamodb.credentials import DynamoDBCredentialRepository
from chalicelib.adapters.dynamodb.deliveries import DynamoDBDeliveryRepository
from chalicelib.adapters.dynamodb.everybodys_jobs import DynamoDBEverybodysJobs
from chalicelib.adapters.dynamodb.job_erasure import DynamoDBJobEraser
from chalicelib.adapters.dynamodb.job_lists import DynamoDBJobLists
from chalicelib.adapters.dynamodb.jobs import DynamoDBJobRepository
from chalicelib.adapters.dynamodb.pauses import DynamoDBPauseRepository
from chalicelib.adapters.dynamodb.rate_limits import DynamoDBRateLimitStore
from chalicelib.adapters.dynamodb.schedules import DynamoDBScheduleRepository
from chalicelib.adapters.dynamodb.statistics import DynamoDBCountStore
from chalicelib.adapters.dynamodb.submissions import DynamoDBSubmissions
from chalicelib.adapters.dynamodb.transactions import Backoff
from chalicelib.adapters.dynamodb.users import DynamoDBUserRepository
from chalicelib.adapters.dynamodb.webhooks import DynamoDBWebhookRepository
from chalicelib.adapters.erasure_queue import SqsErasureQueue
from chalicelib.adapters.operation_process import OperationProcess
from chalicelib.adapters.sqs import SqsJobQueue, from_body
from chalicelib.adapters.system import SystemPause, SystemRandomness
from chalicelib.domain.jobs import JobKey
from chalicelib.event_ports import DeliveryMessage, DeliveryQueue, DeliveryRepository, WebhookRepository
from chalicelib.pause_ports import PauseRepository
from chalicelib.ports import EverybodysJobs, JobLists, JobQueue, JobRepository, RateLimitStore, Submissions
from chalicelib.schedule_ports import ScheduleRepository
from chalicelib.statistics_ports import CountStore
from tests.aws import LosesFirstResponses, by_sdk, client, create_queue, create_table, nowhere, product_client
from tests.contract.conformance import ACCOUNT, AWS, STAND_INS, Subject, version_of
from tests.contract.operation_process import Make
from tests.delivery_fakes import InMemoryDeliveryQueue, InMemoryDeliveryRepository
from tests.fakes import (
    InMemoryAuditTrail,
    InMemoryCredentialRepository,
    InMemoryErasureQueue,
    InMemoryEverybodysJobs,
    InMemoryJobQueue,
    InMemoryJobRepository,
    InMemoryRateLimitStore,
    InMemorySubmissions,
    InMemoryUserRepository,
)
from tests.pause_fakes import InMemoryPauseRepository
from tests.schedule_fakes import InMemoryScheduleRepository
from tests.statistics_fakes import InMemoryCountStore
from tests.webhook_fakes import InMemoryWebhookRepository

AUDIT_RETENTION = timedelta(days=90)
_numbers = count(1)
_session = boto3.Session()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask the facts of a module of each stand-in that it names; where there is an account, of AWS alone."""
    if "subject" in metafunc.fixturenames:
        present = {AWS} if ACCOUNT in metafunc.config.stash else set(STAND_INS)
        names = [name for name in metafunc.module.ASKED if name in present]
        metafunc.parametrize("subject", names, indirect=True)
        if "fact" in metafunc.fixturenames:
            metafunc.parametrize("fact", metafunc.module.FACTS, ids=str)


class Ports(Protocol):
    """One implementation of each port, empty, and the messages its queue holds."""

    @property
    def users(self) -> UserRepository: ...
    @property
    def credentials(self) -> CredentialRepository: ...
    @property
    def audit(self) -> AuditTrail: ...
    @property
    def jobs(self) -> JobRepository: ...
    @property
    def lists(self) -> JobLists: ...
    @property
    def everybodys(self) -> EverybodysJobs: ...
    @property
    def submissions(self) -> Submissions: ...
    @property
    def schedules(self) -> ScheduleRepository: ...
    @property
    def counts(self) -> CountStore: ...
    @property
    def pauses(self) -> PauseRepository: ...
    @property
    def limits(self) -> RateLimitStore: ...
    @property
    def queue(self) -> JobQueue: ...
    def received(self) -> list[JobKey]: ...
    @property
    def deliveries(self) -> DeliveryRepository: ...
    @property
    def delivery_queue(self) -> DeliveryQueue: ...
    def received_deliveries(self) -> list[DeliveryMessage]: ...
    @property
    def eraser(self) -> RowEraser: ...
    @property
    def erasures(self) -> ErasureQueue: ...
    def ordered(self) -> list[Erasure]: ...
    @property
    def webhooks(self) -> WebhookRepository: ...


@dataclass(frozen=True, kw_only=True)
class MemoryPorts:
    audit: InMemoryAuditTrail = field(default_factory=lambda: InMemoryAuditTrail(AUDIT_RETENTION))
    credentials: InMemoryCredentialRepository = field(init=False)
    users: InMemoryUserRepository = field(init=False)
    jobs: InMemoryJobRepository = field(default_factory=InMemoryJobRepository)
    counts: InMemoryCountStore = field(default_factory=InMemoryCountStore)
    limits: InMemoryRateLimitStore = field(default_factory=InMemoryRateLimitStore)
    queue: InMemoryJobQueue = field(default_factory=InMemoryJobQueue)
    deliveries: InMemoryDeliveryRepository = field(default_factory=InMemoryDeliveryRepository)
    delivery_queue: InMemoryDeliveryQueue = field(default_factory=InMemoryDeliveryQueue)
    submissions: InMemorySubmissions = field(init=False)
    schedules: InMemoryScheduleRepository = field(init=False)
    pauses: InMemoryPauseRepository = field(init=False)
    erasures: InMemoryErasureQueue = field(default_factory=InMemoryErasureQueue)
    webhooks: InMemoryWebhookRepository = field(default_factory=InMemoryWebhookRepository)

    def __post_init__(self) -> None:
        object.__setattr__(self, "credentials", InMemoryCredentialRepository(self.audit))
        object.__setattr__(self, "users", InMemoryUserRepository(self.credentials, self.audit))
        object.__setattr__(self, "submissions", InMemorySubmissions(self.jobs))
        object.__setattr__(self, "schedules", InMemoryScheduleRepository(self.jobs))
        object.__setattr__(self, "pauses", InMemoryPauseRepository(self.audit))

    @property
    def lists(self) -> InMemoryJobRepository:
        return self.jobs

    @property
    def everybodys(self) -> InMemoryEverybodysJobs:
        return InMemoryEverybodysJobs(self.jobs)

    @property
    def eraser(self) -> InMemoryJobRepository:
        return self.jobs

    def received(self) -> list[JobKey]:
        return list(self.queue.messages)

    def received_deliveries(self) -> list[DeliveryMessage]:
        return [message for message, _ in self.delivery_queue.messages]

    def ordered(self) -> list[Erasure]:
        return [erasure for erasure, _ in self.erasures.orders]


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """Clients of something that stands in for AWS."""

    name: str
    client: Callable[[str], Any]
    own: Callable[[str], Any]
    """The product's own clients, of which moto, which stands in botocore's place, knows nothing."""

    @property
    def dynamodb(self) -> Any:
        return self.client("dynamodb")

    @property
    def sqs(self) -> Any:
        return self.client("sqs")

    def new_name(self, prefix: str) -> str:
        """Return a name that no other test gives to a table or a queue."""
        return f"{prefix}-{next(_numbers)}"


@dataclass(frozen=True, kw_only=True)
class Aws:
    """Clients, and the tables and the queue of one test, each made when it is first asked for: few need them all."""

    dynamodb: Any
    sqs: Any
    own: Callable[[str], Any]
    new_name: Callable[[str], str]
    _made: dict[str, str] = field(default_factory=dict)
    _making: threading.Lock = field(default_factory=threading.Lock)

    @property
    def users_table(self) -> str:
        return self._once("users", lambda name: create_table(self.dynamodb, "UsersTable", name))

    @property
    def credentials_table(self) -> str:
        return self._once("credentials", lambda name: create_table(self.dynamodb, "CredentialsTable", name))

    @property
    def audit_table(self) -> str:
        return self._once("audit", lambda name: create_table(self.dynamodb, "AuditTable", name))

    @property
    def jobs_table(self) -> str:
        return self._once("jobs", lambda name: create_table(self.dynamodb, "JobsTable", name))

    @property
    def schedules_table(self) -> str:
        return self._once("schedules", lambda name: create_table(self.dynamodb, "SchedulesTable", name))

    @property
    def statistics_table(self) -> str:
        return self._once("statistics", lambda name: create_table(self.dynamodb, "StatisticsTable", name))

    @property
    def pauses_table(self) -> str:
        return self._once("pauses", lambda name: create_table(self.dynamodb, "PausesTable", name))

    @property
    def limits_table(self) -> str:
        return self._once("limits", lambda name: create_table(self.dynamodb, "LimitsTable", name))

    @property
    def idempotency_table(self) -> str:
        return self._once("idempotency", lambda name: create_table(self.dynamodb, "IdempotencyTable", name))

    @property
    def webhooks_table(self) -> str:
        return self._once("webhooks", lambda name: create_table(self.dynamodb, "WebhooksTable", name))

    @property
    def queue_url(self) -> str:
        return self._once("queue", lambda name: create_queue(self.sqs, name))

    @property
    def deliveries_table(self) -> str:
        return self._once("deliveries", lambda name: create_table(self.dynamodb, "DeliveriesTable", name))

    @property
    def deliveries_queue_url(self) -> str:
        return self._once("delivery-queue", lambda name: create_queue(self.sqs, name, "DeliveriesQueue"))

    @property
    def erasures_queue_url(self) -> str:
        return self._once("erasures", lambda name: create_queue(self.sqs, name, "ErasuresQueue"))

    def ports(self, *, dynamodb: Any = None, sqs: Any = None) -> Ports:
        """The ports over these tables, through clients of boto3: the given ones, or those that a test can listen to."""
        return AwsPorts(aws=self, dynamodb=by_sdk(dynamodb or self.dynamodb), sqs=by_sdk(sqs or self.sqs))

    def own_ports(self) -> Ports:
        """The ports over these tables, through the clients that the product makes itself."""
        return AwsPorts(aws=self, dynamodb=self.own("dynamodb"), sqs=self.own("sqs"))

    def _once(self, prefix: str, make: Callable[[str], str]) -> str:
        with self._making:  # several threads of a test may be the first to ask
            if prefix not in self._made:
                self._made[prefix] = make(self.new_name(prefix))
            return self._made[prefix]


@dataclass(frozen=True, kw_only=True)
class AwsPorts:
    aws: Aws
    dynamodb: Any
    sqs: Any
    backoff: Backoff = field(default_factory=lambda: Backoff(randomness=SystemRandomness(), pause=SystemPause()))

    @property
    def users(self) -> DynamoDBUserRepository:
        return DynamoDBUserRepository(
            lambda: self.dynamodb,
            users_table=self.aws.users_table,
            credentials_table=self.aws.credentials_table,
            audit=self.audit,
            backoff=self.backoff,
        )

    @property
    def credentials(self) -> DynamoDBCredentialRepository:
        return DynamoDBCredentialRepository(
            lambda: self.dynamodb, table=self.aws.credentials_table, audit=self.audit, backoff=self.backoff
        )

    @property
    def audit(self) -> DynamoDBAuditTrail:
        return DynamoDBAuditTrail(lambda: self.dynamodb, table=self.aws.audit_table, retention=AUDIT_RETENTION)

    @property
    def jobs(self) -> DynamoDBJobRepository:
        return DynamoDBJobRepository(lambda: self.dynamodb, table=self.aws.jobs_table)

    @property
    def lists(self) -> DynamoDBJobLists:
        return DynamoDBJobLists(lambda: self.dynamodb, table=self.aws.jobs_table)

    @property
    def everybodys(self) -> DynamoDBEverybodysJobs:
        return DynamoDBEverybodysJobs(lambda: self.dynamodb, table=self.aws.jobs_table)

    @property
    def submissions(self) -> DynamoDBSubmissions:
        return DynamoDBSubmissions(
            lambda: self.dynamodb,
            jobs_table=self.aws.jobs_table,
            idempotency_table=self.aws.idempotency_table,
            backoff=self.backoff,
        )

    @property
    def schedules(self) -> DynamoDBScheduleRepository:
        return DynamoDBScheduleRepository(
            lambda: self.dynamodb,
            table=self.aws.schedules_table,
            jobs_table=self.aws.jobs_table,
            backoff=self.backoff,
        )

    @property
    def counts(self) -> DynamoDBCountStore:
        return DynamoDBCountStore(lambda: self.dynamodb, table=self.aws.statistics_table)

    @property
    def pauses(self) -> DynamoDBPauseRepository:
        return DynamoDBPauseRepository(
            lambda: self.dynamodb, table=self.aws.pauses_table, audit=self.audit, backoff=self.backoff
        )

    @property
    def limits(self) -> DynamoDBRateLimitStore:
        return DynamoDBRateLimitStore(lambda: self.dynamodb, table=self.aws.limits_table)

    @property
    def queue(self) -> SqsJobQueue:
        return SqsJobQueue(lambda: self.sqs, queue_url=self.aws.queue_url)

    @property
    def eraser(self) -> DynamoDBJobEraser:
        return DynamoDBJobEraser(lambda: self.dynamodb, table=self.aws.jobs_table, backoff=self.backoff)

    @property
    def webhooks(self) -> DynamoDBWebhookRepository:
        return DynamoDBWebhookRepository(lambda: self.dynamodb, table=self.aws.webhooks_table, backoff=self.backoff)

    @property
    def erasures(self) -> SqsErasureQueue:
        return SqsErasureQueue(lambda: self.sqs, queue_url=self.aws.erasures_queue_url)

    @property
    def deliveries(self) -> DynamoDBDeliveryRepository:
        return DynamoDBDeliveryRepository(lambda: self.dynamodb, table=self.aws.deliveries_table, backoff=self.backoff)

    @property
    def delivery_queue(self) -> SqsDeliveryQueue:
        return SqsDeliveryQueue(lambda: self.sqs, queue_url=self.aws.deliveries_queue_url)

    def received_deliveries(self) -> list[DeliveryMessage]:
        url = self.aws.deliveries_queue_url
        answer = self.aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        return [delivery_queue.from_body(message["Body"]) for message in answer.get("Messages", [])]

    def received(self) -> list[JobKey]:
        answer = self.aws.sqs.receive_message(QueueUrl=self.aws.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        return [from_body(message["Body"]) for message in answer.get("Messages", [])]

    def ordered(self) -> list[Erasure]:
        url = self.aws.erasures_queue_url
        answer = self.aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        return [erasure_queue.from_body(message["Body"]) for message in answer.get("Messages", [])]


@contextmanager
def _one_session() -> Iterator[None]:
    """Have clients made by the same session, which reads the descriptions of the services once."""
    before, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, _session
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = before


@contextmanager
def standing_in(name: str, request: pytest.FixtureRequest) -> Iterator[StandIn]:
    if name == "moto":
        # In this order: moto forgets the session of the others.
        with mock_aws(), _one_session():
            yield StandIn(name=name, client=cache(client), own=cache(lambda service: by_sdk(client(service))))
        return
    ministack: str = request.getfixturevalue("ministack")
    dynamodb_url = ministack if name == "ministack" else request.getfixturevalue("dynamodb_local")
    with _one_session():
        yield StandIn(
            name=name,
            client=cache(lambda service: client(service, dynamodb_url if service == "dynamodb" else ministack)),
            own=cache(lambda service: product_client(service, dynamodb_url if service == "dynamodb" else ministack)),
        )


def _aws(stand_in: StandIn) -> Aws:
    return Aws(dynamodb=stand_in.dynamodb, sqs=stand_in.sqs, own=stand_in.own, new_name=stand_in.new_name)


def _ports(request: pytest.FixtureRequest) -> Iterator[Ports]:
    if request.param == "memory":
        yield MemoryPorts()
    else:
        with standing_in(request.param, request) as stand_in:
            yield _aws(stand_in).own_ports()


@pytest.fixture(params=STAND_INS)
def stand_in(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with standing_in(request.param, request) as stand_in:
        yield stand_in


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == AWS:
        yield request.config.stash[ACCOUNT]
        return
    with standing_in(request.param, request) as stand_in:
        yield Subject(
            name=stand_in.name,
            version=version_of(stand_in.name),
            client=stand_in.client,
            new_name=lambda kind: stand_in.new_name(f"facts-{kind}"),
        )


@pytest.fixture
def aws(stand_in: StandIn) -> Aws:
    return _aws(stand_in)


@pytest.fixture(params=["memory", *STAND_INS])
def ports(request: pytest.FixtureRequest) -> Iterator[Ports]:
    yield from _ports(request)


@pytest.fixture(params=["memory", *(name for name in STAND_INS if name != "moto")])
def atomic_ports(request: pytest.FixtureRequest) -> Iterator[Ports]:
    yield from _ports(request)


@pytest.fixture
def lossy_ports(aws: Aws) -> Ports:
    """Every call is made twice, as the SDK does after a lost response."""
    return aws.ports(dynamodb=LosesFirstResponses(aws.dynamodb), sqs=LosesFirstResponses(aws.sqs))


@pytest.fixture
def away_ports(aws: Aws) -> Ports:
    """Nothing listens where DynamoDB and SQS should be."""
    url = nowhere()
    return AwsPorts(aws=aws, dynamodb=product_client("dynamodb", url), sqs=product_client("sqs", url))


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes processes that are ended after the test."""
    made: list[OperationProcess] = []

    def make(**overrides: Any) -> OperationProcess:
        arguments = {"memory_max_mb": 256, "result_max_bytes": 65536, "package": "tests.operations", **overrides}
        made.append(OperationProcess(**arguments))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def process(make: Make) -> OperationProcess:
    return make()


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A pipe that an operation can open by its path, and the end to read from."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, reader
    os.close(reader)
