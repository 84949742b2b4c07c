"""Makes the objects of the domain, with only what a test cares about spelled out."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib import operations
from chalicelib.adapters.cursors import HmacCursorSeal
from chalicelib.bootstrap import AccountServices, Services, wired_accounts
from chalicelib.consumer import Consumer
from chalicelib.domain.audit import AuditAction, AuditEvent, EventId
from chalicelib.domain.credentials import KEY_SCOPES, ApiKey, CredentialId, Session, digest
from chalicelib.domain.jobs import Act, Claim, Job, JobEvent, JobId, JobKey, JobLimits, JobStatus, Transition
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.signing_keys import KeyRing
from chalicelib.domain.tokens import SessionLimits
from chalicelib.domain.users import User, UserId
from chalicelib.erasures import ErasureConsumer
from chalicelib.operations.registry import OperationRegistry
from chalicelib.ports import OperationRunner, PasswordHasher, SigningKeys, Succession, TokenCodec
from chalicelib.services.dead_letters import DeadLetters
from chalicelib.services.erasure import ErasureService
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
    FixedKeys,
    FixedSuccession,
    InMemoryAuditTrail,
    InMemoryBlocklist,
    InMemoryCredentialRepository,
    InMemoryErasureQueue,
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


def make_session(**overrides: Any) -> Session:
    values: dict[str, Any] = {
        "user_id": OWNER,
        "username": "ada",
        "credential_id": CredentialId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a22"),
        "started_at": NOON,
        "refreshed_at": NOON,
        "expires_at": NOON + timedelta(days=7),
        "ends_at": NOON + timedelta(days=30),
        "address": "203.0.113.7",
        "family_digest": digest(b"family"),
        "current_digest": digest(b"first"),
    }
    return Session(**values | overrides)


def make_api_key(**overrides: Any) -> ApiKey:
    values: dict[str, Any] = {
        "user_id": OWNER,
        "username": "ada",
        "credential_id": CredentialId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a33"),
        "name": "nightly import",
        "scopes": frozenset(KEY_SCOPES),
        "digest": digest(b"secret"),
        "created_at": NOON,
        "expires_at": NOON + timedelta(days=90),
    }
    return ApiKey(**values | overrides)


def make_event(number: int = 1, **overrides: Any) -> AuditEvent:
    values: dict[str, Any] = {
        "subject": OWNER,
        "event_id": EventId(f"01900000-0000-7000-8000-{number:012x}"),
        "at": NOON,
        "action": AuditAction.SIGNED_IN,
        "actor": "ada",
    }
    return AuditEvent(**values | overrides)


def make_session_limits(**overrides: Any) -> SessionLimits:
    values: dict[str, Any] = {
        "token_ttl": timedelta(minutes=15),
        "idle": timedelta(days=7),
        "longest": timedelta(days=30),
    }
    return SessionLimits(**values | overrides)


def make_ring(**overrides: Any) -> KeyRing:
    values: dict[str, Any] = {"kid": "first", "secret": bytes(range(32)), "at": NOON}
    return KeyRing.first(**values | overrides)


@dataclass(kw_only=True)
class World:
    """The services over fakes, with the fakes at hand."""

    clock: FixedClock = field(default_factory=FixedClock)
    ids: CountingIds = field(default_factory=CountingIds)
    audit: InMemoryAuditTrail = field(default_factory=InMemoryAuditTrail)
    succession: Succession = field(default_factory=FixedSuccession)
    erasures: InMemoryErasureQueue = field(default_factory=InMemoryErasureQueue)
    jobs: InMemoryJobRepository = field(default_factory=InMemoryJobRepository)
    hits: InMemoryRateLimitStore = field(default_factory=InMemoryRateLimitStore)
    queue: InMemoryJobQueue = field(default_factory=InMemoryJobQueue)
    catalogue: OperationRegistry = field(default_factory=lambda: OperationRegistry(operations))
    runner: OperationRunner | None = None
    passwords: PasswordHasher = field(default_factory=ReversedPasswords)
    tokens: TokenCodec | None = None
    keys: SigningKeys | None = None
    chance: FixedChance = field(default_factory=FixedChance)
    partial_responses: bool = False
    limits: JobLimits = field(default_factory=make_limits)
    submit_quota: int = 1000
    read_quota: int = 1000
    sign_in_quota: int = 1000
    address_quota: int = 1000
    registration_quota: int = 1000
    session_limits: SessionLimits = field(default_factory=make_session_limits)
    body_max_bytes: int = 256 * 1024
    allowed_origins: frozenset[str] = frozenset()
    pause: PassingTime = field(init=False)
    submissions: InMemorySubmissions = field(init=False)
    credentials: InMemoryCredentialRepository = field(init=False)
    users: InMemoryUserRepository = field(init=False)

    def __post_init__(self) -> None:
        self.credentials = InMemoryCredentialRepository(self.audit)
        self.users = InMemoryUserRepository(self.credentials, self.audit)
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

    def erasure(self) -> ErasureService:
        return ErasureService(users=self.users, credentials=self.credentials, jobs=self.jobs, queue=self.erasures)

    def account_services(self) -> AccountServices:
        return wired_accounts(
            users=self.users,
            credentials=self.credentials,
            audit=self.audit,
            erasures=self.erasures,
            passwords=self.passwords,
            blocklist=InMemoryBlocklist(),
            tokens=self.tokens or PlainTokens(self.clock),
            succession=self.succession,
            clock=self.clock,
            ids=self.ids,
            limits=self.session_limits,
        )

    def services(self) -> Services:
        accounts = self.account_services()
        rate_limiter = RateLimiter(self.hits, self.clock, self.ids)
        read_limit = Limit(name="read", quota=self.read_quota, window=timedelta(minutes=1), admits_uncounted=True)
        return Services(
            authentication=accounts.authentication,
            accounts=accounts.accounts,
            sessions=accounts.sessions,
            api_keys=accounts.api_keys,
            administration=accounts.administration,
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
            cursors=HmacCursorSeal(self.keys or FixedKeys(make_ring(), self.clock)),
            consumer=Consumer(
                execution=self.execution(),
                dead_letters=self.dead_letters(),
                queue=self.queue,
                partial_responses=self.partial_responses,
            ),
            sweep=Sweep(jobs=self.jobs, queue=self.queue, clock=self.clock, randomness=self.chance, limits=self.limits),
            dead_letters=self.dead_letters(),
            erasures=ErasureConsumer(erasure=self.erasure(), partial_responses=self.partial_responses),
            operations=self.catalogue,
            rate_limiter=rate_limiter,
            submit_limit=Limit(name="submit", quota=self.submit_quota, window=timedelta(minutes=1)),
            read_limit=read_limit,
            sign_in_limit=Limit(name="sign-in", quota=self.sign_in_quota, window=timedelta(hours=1)),
            sign_in_address_limit=Limit(name="sign-in-address", quota=self.address_quota, window=timedelta(hours=1)),
            registration_limit=Limit(name="register", quota=self.registration_quota, window=timedelta(hours=1)),
            body_max_bytes=self.body_max_bytes,
            clock=self.clock,
        )
