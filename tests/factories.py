"""Makes the objects of the domain, with only what a test cares about spelled out."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chalicelib import operations
from chalicelib.bootstrap import Services
from chalicelib.domain.jobs import Job, JobId, JobKey, JobLimits, JobStatus
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.users import User, UserId
from chalicelib.operations.registry import OperationRegistry
from chalicelib.ports import OperationCatalogue
from chalicelib.services.accounts import AccountService
from chalicelib.services.execution import Execution
from chalicelib.services.jobs import JobService
from chalicelib.services.rate_limiting import RateLimiter
from tests.fakes import (
    NOON,
    CountingIds,
    FixedClock,
    InMemoryJobQueue,
    InMemoryJobRepository,
    InMemoryRateLimitStore,
    InMemoryUserRepository,
    PlainTokens,
    ReversedPasswords,
)

OWNER = UserId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a11")
KEY = JobKey(owner_id=OWNER, job_id=JobId("01900000-0000-7000-8000-000000000001"))
LEASE = timedelta(seconds=120)


def make_user(**overrides: Any) -> User:
    values: dict[str, Any] = {"user_id": OWNER, "username": "ada", "password_hash": "hash", "created_at": NOON}
    return User(**values | overrides)


def make_job(**overrides: Any) -> Job:
    values: dict[str, Any] = {
        "key": KEY,
        "operation": "square_sum",
        "data_json": "[1,2,3]",
        "status": JobStatus.PENDING,
        "attempt": 0,
        "max_attempts": 3,
        "created_at": NOON,
        "expires_at": NOON + timedelta(days=30),
    }
    return Job(**values | overrides)


def make_limits(**overrides: Any) -> JobLimits:
    values: dict[str, Any] = {
        "max_attempts": 3,
        "lease": LEASE,
        "retention": timedelta(days=30),
        "data_max_bytes": 256 * 1024,
        "result_max_bytes": 64 * 1024,
    }
    return JobLimits(**values | overrides)


@dataclass(kw_only=True)
class World:
    """The services over fakes, with the fakes at hand."""

    clock: FixedClock = field(default_factory=FixedClock)
    ids: CountingIds = field(default_factory=CountingIds)
    users: InMemoryUserRepository = field(default_factory=InMemoryUserRepository)
    jobs: InMemoryJobRepository = field(default_factory=InMemoryJobRepository)
    hits: InMemoryRateLimitStore = field(default_factory=InMemoryRateLimitStore)
    queue: InMemoryJobQueue = field(default_factory=InMemoryJobQueue)
    catalogue: OperationCatalogue = field(default_factory=lambda: OperationRegistry(operations))
    limits: JobLimits = field(default_factory=make_limits)
    submit_quota: int = 1000
    read_quota: int = 1000
    body_max_bytes: int = 256 * 1024

    def services(self) -> Services:
        return Services(
            accounts=AccountService(
                users=self.users,
                passwords=ReversedPasswords(),
                tokens=PlainTokens(),
                clock=self.clock,
                ids=self.ids,
                token_ttl=timedelta(hours=1),
            ),
            jobs=JobService(
                jobs=self.jobs,
                queue=self.queue,
                operations=self.catalogue,
                clock=self.clock,
                ids=self.ids,
                limits=self.limits,
            ),
            execution=Execution(
                jobs=self.jobs, operations=self.catalogue, clock=self.clock, ids=self.ids, limits=self.limits
            ),
            operations=self.catalogue,
            rate_limiter=RateLimiter(self.hits, self.clock),
            submit_limit=Limit(name="submit", quota=self.submit_quota, window=timedelta(minutes=1)),
            read_limit=Limit(name="read", quota=self.read_quota, window=timedelta(minutes=1)),
            body_max_bytes=self.body_max_bytes,
        )
