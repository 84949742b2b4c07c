"""Makes the objects of the domain, with only what a test cares about spelled out."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib import operations
from chalicelib.adapters.cursors import HmacCursorSeal
from chalicelib.bootstrap import Services
from chalicelib.consumer import Consumer
from chalicelib.domain.jobs import Act, Claim, Job, JobEvent, JobId, JobKey, JobLimits, JobStatus, Transition
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.users import User, UserId
from chalicelib.operations.registry import OperationRegistry
from chalicelib.ports import OperationRunner
from chalicelib.services.accounts import AccountService
from chalicelib.services.dead_letters import DeadLetters
from chalicelib.services.execution import Execution
from chalicelib.services.jobs import JobService
from chalicelib.services.rate_limiting import RateLimiter
from chalicelib.services.submission import SubmissionService
from chalicelib.services.sweeping import Sweep
from chalicelib.services.waiting import Waiting
from tests.fakes import (
    NOON,
    CountingIds,
    FixedChance,
    FixedClock,
    InMemoryJobQueue,
    InMemoryJobRepository,
    InMemoryRateLimitStore,
    InMemorySubmissions,
    InMemoryUserRepository,
    InProcessRunner,
    PassingTime,
    PlainTokens,
    ReversedPasswords,
)

OWNER = UserId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a11")
KEY = JobKey(owner_id=OWNER, job_id=JobId("01900000-0000-7000-8000-000000000001"))
TIMEOUT = timedelta(seconds=60)
LEASE_MARGIN = timedelta(seconds=15)
LEASE = TIMEOUT + LEASE_MARGIN


def make_user(**overrides: Any) -> User:
    values: dict[str, Any] = {"user_id": OWNER, "username": "ada", "password_hash": "hash", "created_at": NOON}
    return User(**values | overrides)


def make_job(**overrides: Any) -> Job:
    values: dict[str, Any] = {
        "key": KEY,
        "operation": "square_sum",
        "data_json": "[1,2,3]",
        "status": JobStatus.PENDING,
        "token": "submit",
        "attempt": 0,
        "last_attempt": overrides.get("max_attempts", 3),
        "max_attempts": 3,
        "timeout": TIMEOUT,
        "retention": timedelta(days=30),
        "created_at": NOON,
        "run_at": NOON,
        "due_at": NOON + timedelta(seconds=60),
        "expires_at": NOON + timedelta(days=30),
        "events": (JobEvent(at=NOON, transition=Transition.SUBMIT, attempt=0, worker="api"),),
    }
    return Job(**values | overrides)


def make_act(token: str, *, at: datetime = NOON) -> Act:
    return Act(token=token, at=at, worker="consumer")


def make_claim(token: str, *, at: datetime = NOON, time_left: timedelta = timedelta(minutes=10)) -> Claim:
    return Claim(act=make_act(token, at=at), time_left=time_left, lease_margin=LEASE_MARGIN)


def make_limits(**overrides: Any) -> JobLimits:
    values: dict[str, Any] = {
        "lease_margin": LEASE_MARGIN,
        "resend_after": timedelta(seconds=60),
        "retention": timedelta(days=30),
        "data_max_bytes": 256 * 1024,
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
    catalogue: OperationRegistry = field(default_factory=lambda: OperationRegistry(operations))
    runner: OperationRunner | None = None
    chance: FixedChance = field(default_factory=FixedChance)
    partial_responses: bool = False
    limits: JobLimits = field(default_factory=make_limits)
    submit_quota: int = 1000
    read_quota: int = 1000
    sign_in_quota: int = 1000
    body_max_bytes: int = 256 * 1024
    pause: PassingTime = field(init=False)
    submissions: InMemorySubmissions = field(init=False)

    def __post_init__(self) -> None:
        self.pause = PassingTime(self.clock)
        self.submissions = InMemorySubmissions(self.jobs)

    def execution(self) -> Execution:
        return Execution(
            jobs=self.jobs,
            queue=self.queue,
            runner=self.runner or InProcessRunner(self.catalogue),
            clock=self.clock,
            ids=self.ids,
            randomness=self.chance,
            limits=self.limits,
            worker="consumer",
        )

    def dead_letters(self) -> DeadLetters:
        return DeadLetters(
            jobs=self.jobs, queue=self.queue, clock=self.clock, ids=self.ids, limits=self.limits, worker="dead-letter"
        )

    def services(self) -> Services:
        rate_limiter = RateLimiter(self.hits, self.clock, self.ids)
        read_limit = Limit(name="read", quota=self.read_quota, window=timedelta(minutes=1), admits_uncounted=True)
        return Services(
            accounts=AccountService(
                users=self.users,
                passwords=ReversedPasswords(),
                tokens=PlainTokens(),
                clock=self.clock,
                ids=self.ids,
                token_ttl=timedelta(hours=1),
            ),
            submissions=SubmissionService(
                jobs=self.jobs,
                submissions=self.submissions,
                queue=self.queue,
                operations=self.catalogue,
                clock=self.clock,
                ids=self.ids,
                limits=self.limits,
                worker="api",
            ),
            jobs=JobService(
                jobs=self.jobs,
                lists=self.jobs,
                queue=self.queue,
                clock=self.clock,
                ids=self.ids,
                limits=self.limits,
                worker="api",
            ),
            waiting=Waiting(
                jobs=self.jobs,
                clock=self.clock,
                pause=self.pause,
                rate_limiter=rate_limiter,
                read_limit=read_limit,
            ),
            cursors=HmacCursorSeal(lambda: bytes(32)),
            consumer=Consumer(
                execution=self.execution(),
                dead_letters=self.dead_letters(),
                queue=self.queue,
                partial_responses=self.partial_responses,
            ),
            sweep=Sweep(jobs=self.jobs, queue=self.queue, clock=self.clock, randomness=self.chance, limits=self.limits),
            dead_letters=self.dead_letters(),
            operations=self.catalogue,
            rate_limiter=rate_limiter,
            submit_limit=Limit(name="submit", quota=self.submit_quota, window=timedelta(minutes=1)),
            read_limit=read_limit,
            sign_in_limit=Limit(name="sign-in", quota=self.sign_in_quota, window=timedelta(minutes=1)),
            body_max_bytes=self.body_max_bytes,
            clock=self.clock,
        )
