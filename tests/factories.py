"""Makes the objects of the domain, with only what a test cares about spelled out."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn

from chalicelib import operations
from chalicelib.adapters.aws import AwsClients
from chalicelib.adapters.timetables import CronsimTimetable
from chalicelib.adapters.tokens import JwtCodec
from chalicelib.bootstrap import Services
from chalicelib.config import Settings
from chalicelib.domain.audit import AuditAction, AuditEvent, EventId
from chalicelib.domain.cloud_events import JOB_EVENTS, CloudEvent, EventType
from chalicelib.domain.credentials import KEY_SCOPES, ApiKey, CredentialId, Session, digest
from chalicelib.domain.jobs import Act, Claim, Job, JobEvent, JobId, JobKey, JobLimits, JobStatus, Transition
from chalicelib.domain.pauses import JobPause, JobsOfOperation, JobsOfUser, SomeJobs
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.schedules import Schedule, ScheduleId, ScheduleKey, Timing
from chalicelib.domain.signing_keys import KeyRing
from chalicelib.domain.tokens import AccessClaims, SessionLimits
from chalicelib.domain.users import User, UserId
from chalicelib.domain.webhook_deliveries import Delivery, DeliveryId, DeliveryKey, DeliveryStatus
from chalicelib.domain.webhooks import Webhook, WebhookId
from chalicelib.operations.registry import OperationRegistry
from chalicelib.ports import OperationRunner, PasswordHasher, SigningKeys, Succession, TokenCodec
from chalicelib.services.acceptance import Acceptance
from chalicelib.services.auditing import Auditing
from chalicelib.services.dead_letters import DeadLetters
from chalicelib.services.delivering import Delivering
from chalicelib.services.delivery_sweeping import DeliverySweep
from chalicelib.services.erasure import ErasureService
from chalicelib.services.execution import Execution
from chalicelib.services.firing import Firing
from chalicelib.services.jobs import JobService
from chalicelib.services.known_pauses import KnownPauses
from chalicelib.services.pausing import PauseService
from chalicelib.services.relaying import Relay
from chalicelib.services.resuming import WaitingJobs
from chalicelib.services.schedules import ScheduleService
from chalicelib.services.statistics import StatisticsService
from chalicelib.services.sweeping import Sweep
from chalicelib.services.webhook_deliveries import DeliveryService
from chalicelib.services.webhooks import WebhookService
from chalicelib.wiring.adapters import Adapters
from tests.delivery_fakes import InMemoryDeliveryQueue, InMemoryDeliveryRepository, PlainSigner, Receivers
from tests.deployment import environment
from tests.event_fakes import InMemoryEventBus, InMemoryRelayFailures
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
    InMemoryEverybodysJobs,
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
from tests.intake_fakes import InMemoryIntakeQueue, InMemoryRefusedMessages
from tests.pause_fakes import InMemoryPauseRepository
from tests.schedule_fakes import InMemoryScheduleRepository
from tests.statistics_fakes import InMemoryCountStore, InMemoryQueueGauge
from tests.webhook_fakes import InMemoryWebhookRepository

OWNER = UserId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a11")
WEBHOOK = WebhookId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a55")
KEY = JobKey(owner_id=OWNER, job_id=JobId("01900000-0000-7000-8000-000000000001"))
TIMEOUT = timedelta(seconds=60)
LEASE_MARGIN = timedelta(seconds=15)
LEASE = TIMEOUT + LEASE_MARGIN
SETTINGS = Settings.from_env(environment(STACK_NAME="job-backend"))


SQUARE_SUMS = JobsOfOperation(operation="square_sum")
ADAS_JOBS = JobsOfUser(owner_id=OWNER, username="ada")


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


SCHEDULE_KEY = ScheduleKey(owner_id=OWNER, schedule_id=ScheduleId("01900000-0000-7000-8000-000000000002"))


def make_schedule(**overrides: Any) -> Schedule:
    values: dict[str, Any] = {
        "key": SCHEDULE_KEY,
        "name": "nightly",
        "timing": Timing(anchor=NOON, rate=timedelta(hours=1)),
        "operation": "square_sum",
        "data_json": "[1,2,3]",
        "token": "made",
        "created_at": NOON,
        "next_run_at": NOON + timedelta(hours=1),
    }
    return Schedule(**values | overrides)


def make_act(token: str, *, at: datetime = NOON) -> Act:
    return Act(token=token, at=at, worker="consumer")


def make_claim(
    token: str,
    *,
    at: datetime = NOON,
    time_left: timedelta = timedelta(minutes=10),
    paused_operations: frozenset[str] = frozenset(),
) -> Claim:
    return Claim(
        act=make_act(token, at=at), time_left=time_left, lease_margin=LEASE_MARGIN, paused_operations=paused_operations
    )


def make_pause(jobs: SomeJobs = SQUARE_SUMS, **overrides: Any) -> JobPause:
    values: dict[str, Any] = {"jobs": jobs, "paused_at": NOON, "paused_by": "root-of-all"}
    return JobPause(**values | overrides)


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


def make_webhook(**overrides: Any) -> Webhook:
    values: dict[str, Any] = {
        "owner_id": OWNER,
        "webhook_id": WEBHOOK,
        "url": "https://example.com/hooks/jobs",
        "event_types": JOB_EVENTS,
        "description": "the billing service",
        "secret": "whsec_first",
        "token": "create",
        "created_at": NOON,
    }
    return Webhook(**values | overrides)


def make_session_limits(**overrides: Any) -> SessionLimits:
    values: dict[str, Any] = {
        "token_ttl": timedelta(minutes=15),
        "idle": timedelta(days=7),
        "longest": timedelta(days=30),
    }
    return SessionLimits(**values | overrides)


def make_cloud_event(**overrides: Any) -> CloudEvent:
    values: dict[str, Any] = {
        "id": KEY.job_id,
        "source": "/job-backend/jobs",
        "type": EventType.SUCCEEDED,
        "subject": KEY.job_id,
        "time": NOON,
        "owner_id": OWNER,
        "data_json": '{"status":"SUCCESS"}',
    }
    return CloudEvent(**values | overrides)


def make_delivery(number: int = 1, **overrides: Any) -> Delivery:
    """The delivery of an event to `WEBHOOK`; a greater number is a later event."""
    values: dict[str, Any] = {
        "key": DeliveryKey(owner_id=OWNER, webhook_id=WEBHOOK, delivery_id=delivery_id_of(number)),
        "event_type": EventType.SUCCEEDED,
        "body": '{"type":"job.succeeded"}',
        "status": DeliveryStatus.PENDING,
        "token": "new",
        "attempt": 0,
        "last_attempt": 10,
        "created_at": NOON,
        "run_at": NOON,
        "due_at": NOON + timedelta(seconds=60),
        "expires_at": NOON + timedelta(days=14),
    }
    return Delivery(**values | overrides)


def delivery_id_of(number: int) -> DeliveryId:
    return DeliveryId(f"01900000-0000-7000-8000-{number:012x}")


def make_ring(**overrides: Any) -> KeyRing:
    values: dict[str, Any] = {"kid": "first", "secret": bytes(range(32)), "at": NOON}
    return KeyRing.first(**values | overrides)


def make_token(session: Session, ring: KeyRing, *, issuer: str, at: datetime) -> str:
    """An access token of the session, good for an hour from then."""
    clock = FixedClock(at)
    claims = AccessClaims(
        user_id=session.user_id,
        session_id=session.credential_id,
        token_id=session.credential_id,
        issued_at=at,
        expires_at=at + timedelta(hours=1),
    )
    return JwtCodec(issuer=issuer, keys=FixedKeys(ring, clock), clock=clock).issue(claims)


@dataclass(kw_only=True)
class World:
    """The services over fakes, with the fakes at hand."""

    clock: FixedClock = field(default_factory=FixedClock)
    ids: CountingIds = field(default_factory=CountingIds)
    audit: InMemoryAuditTrail = field(default_factory=InMemoryAuditTrail)
    succession: Succession = field(default_factory=FixedSuccession)
    erasures: InMemoryErasureQueue = field(default_factory=InMemoryErasureQueue)
    webhooks: InMemoryWebhookRepository = field(default_factory=InMemoryWebhookRepository)
    webhooks_to_anywhere: bool = False
    deliveries: InMemoryDeliveryRepository = field(default_factory=InMemoryDeliveryRepository)
    delivery_queue: InMemoryDeliveryQueue = field(default_factory=InMemoryDeliveryQueue)
    bus: InMemoryEventBus = field(default_factory=InMemoryEventBus)
    relay_failures: InMemoryRelayFailures = field(default_factory=InMemoryRelayFailures)
    intake_queue: InMemoryIntakeQueue = field(default_factory=InMemoryIntakeQueue)
    refused: InMemoryRefusedMessages = field(default_factory=InMemoryRefusedMessages)
    jobs: InMemoryJobRepository = field(default_factory=InMemoryJobRepository)
    hits: InMemoryRateLimitStore = field(default_factory=InMemoryRateLimitStore)
    queue: InMemoryJobQueue = field(default_factory=InMemoryJobQueue)
    counts: InMemoryCountStore = field(default_factory=InMemoryCountStore)
    catalogue: OperationRegistry = field(default_factory=lambda: OperationRegistry(operations))
    runner: OperationRunner | None = None
    passwords: PasswordHasher = field(default_factory=ReversedPasswords)
    tokens: TokenCodec | None = None
    keys: SigningKeys | None = None
    chance: FixedChance = field(default_factory=FixedChance)
    partial_responses: bool = False
    limits: JobLimits = field(default_factory=make_limits)
    submit_quota: int = 1000
    intake_quota: int = 1000
    read_quota: int = 1000
    sign_in_quota: int = 1000
    address_quota: int = 1000
    registration_quota: int = 1000
    session_limits: SessionLimits = field(default_factory=make_session_limits)
    body_max_bytes: int = 256 * 1024
    allowed_origins: frozenset[str] = frozenset()
    pause: PassingTime = field(init=False)
    receivers: Receivers = field(init=False)
    submissions: InMemorySubmissions = field(init=False)
    schedules: InMemoryScheduleRepository = field(init=False)
    credentials: InMemoryCredentialRepository = field(init=False)
    users: InMemoryUserRepository = field(init=False)
    everybodys_jobs: InMemoryEverybodysJobs = field(init=False)
    pauses: InMemoryPauseRepository = field(init=False)

    def __post_init__(self) -> None:
        self.credentials = InMemoryCredentialRepository(self.audit)
        self.users = InMemoryUserRepository(self.credentials, self.audit)
        self.everybodys_jobs = InMemoryEverybodysJobs(self.jobs)
        self.pauses = InMemoryPauseRepository(self.audit)
        self.pause = PassingTime(self.clock)
        self.receivers = Receivers(self.clock)
        self.submissions = InMemorySubmissions(self.jobs)
        self.schedules = InMemoryScheduleRepository(self.jobs)

    def acceptance(self) -> Acceptance:
        return Acceptance(operations=self.catalogue, limits=self.limits, webhooks_to_anywhere=self.webhooks_to_anywhere)

    def execution(self) -> Execution:
        return Execution(
            jobs=self.jobs,
            queue=self.queue,
            runner=self.runner or InProcessRunner(self.catalogue),
            clock=self.clock,
            ids=self.ids,
            randomness=self.chance,
            limits=self.limits,
            pauses=self.known_pauses(),
            worker="consumer",
        )

    def known_pauses(self) -> KnownPauses:
        """What a new container knows."""
        return KnownPauses(self.pauses.all, clock=self.clock)

    def pause_service(self) -> PauseService:
        return PauseService(
            pauses=self.pauses,
            known=self.known_pauses(),
            users=self.users,
            operations=self.catalogue,
            waiting=WaitingJobs(jobs=self.jobs, queue=self.queue, clock=self.clock),
            auditing=Auditing(clock=self.clock, ids=self.ids),
            clock=self.clock,
        )

    def dead_letters(self) -> DeadLetters:
        return DeadLetters(
            jobs=self.jobs, queue=self.queue, clock=self.clock, ids=self.ids, limits=self.limits, worker="dead-letter"
        )

    def erasure(self) -> ErasureService:
        return ErasureService(
            users=self.users,
            credentials=self.credentials,
            rows=[self.schedules, self.jobs, self.webhooks, self.deliveries, self.pauses],
            queue=self.erasures,
        )

    def webhook_service(self) -> WebhookService:
        return WebhookService(
            webhooks=self.webhooks,
            audit=self.audit,
            auditing=Auditing(clock=self.clock, ids=self.ids),
            clock=self.clock,
            ids=self.ids,
            to_anywhere=self.webhooks_to_anywhere,
        )

    def relay(self) -> Relay:
        return Relay(
            source="/job-backend/jobs",
            bus=self.bus,
            failures=self.relay_failures,
            webhooks=self.webhooks,
            deliveries=self.deliveries,
            queue=self.delivery_queue,
            clock=self.clock,
            ids=self.ids,
            retention=timedelta(days=14),
        )

    def statistics(self) -> StatisticsService:
        return StatisticsService(
            counts=self.counts, jobs=self.jobs, queue=InMemoryQueueGauge(self.queue), clock=self.clock
        )

    def delivering(self) -> Delivering:
        return Delivering(
            webhooks=self.webhooks,
            deliveries=self.deliveries,
            queue=self.delivery_queue,
            sender=self.receivers,
            signer=PlainSigner(),
            clock=self.clock,
            ids=self.ids,
            randomness=self.chance,
        )

    def delivery_sweep(self) -> DeliverySweep:
        return DeliverySweep(
            deliveries=self.deliveries, queue=self.delivery_queue, clock=self.clock, randomness=self.chance
        )

    def delivery_service(self) -> DeliveryService:
        return DeliveryService(
            webhooks=self.webhook_service(),
            deliveries=self.deliveries,
            queue=self.delivery_queue,
            clock=self.clock,
            ids=self.ids,
            source="/job-backend/webhooks",
            retention=timedelta(days=14),
        )

    def schedule_service(self) -> ScheduleService:
        return ScheduleService(
            schedules=self.schedules,
            timetable=CronsimTimetable(),
            acceptance=self.acceptance(),
            clock=self.clock,
            ids=self.ids,
        )

    def firing(self) -> Firing:
        return Firing(
            schedules=self.schedules,
            timetable=CronsimTimetable(),
            acceptance=self.acceptance(),
            queue=self.queue,
            clock=self.clock,
            ids=self.ids,
            randomness=self.chance,
            worker="sweep",
        )

    def sweep(self) -> Sweep:
        return Sweep(jobs=self.jobs, queue=self.queue, clock=self.clock, randomness=self.chance, limits=self.limits)

    def job_service(self) -> JobService:
        return self.services().jobs

    def services(self) -> Services:
        """The services of a new container, wired as the product's are."""
        services = Services(self.adapters())
        services.job_limits = self.limits
        services.session_limits = self.session_limits
        services.submit_limit = Limit(name="submit", quota=self.submit_quota, window=timedelta(minutes=1))
        services.intake_limit = Limit(name="intake", quota=self.intake_quota, window=timedelta(minutes=1))
        services.read_limit = Limit(
            name="read", quota=self.read_quota, window=timedelta(minutes=1), admits_uncounted=True
        )
        services.sign_in_limit = Limit(name="sign-in", quota=self.sign_in_quota, window=timedelta(hours=1))
        services.sign_in_address_limit = Limit(
            name="sign-in-address", quota=self.address_quota, window=timedelta(hours=1)
        )
        services.registration_limit = Limit(name="register", quota=self.registration_quota, window=timedelta(hours=1))
        return services

    def adapters(self) -> Adapters:
        """The fakes in their places; whatever has none there cannot reach AWS."""
        settings = replace(
            SETTINGS,
            body_max_bytes=self.body_max_bytes,
            partial_batch_responses=self.partial_responses,
            webhooks_to_anywhere=self.webhooks_to_anywhere,
        )
        adapters = Adapters(settings, AwsClients(_no_client))
        adapters.clock = self.clock
        adapters.ids = self.ids
        adapters.worker = "api"
        adapters.randomness = self.chance
        adapters.pause = self.pause
        adapters.operations = self.catalogue
        adapters.runner = self.runner or InProcessRunner(self.catalogue)
        adapters.jobs = adapters.jobs_once = self.jobs
        adapters.job_lists = self.jobs
        adapters.everybodys_jobs = self.everybodys_jobs
        adapters.job_eraser = self.jobs
        adapters.submissions = self.submissions
        adapters.queue = self.queue
        adapters.queue_gauge = InMemoryQueueGauge(self.queue)
        adapters.pauses = adapters.pauses_once = self.pauses
        adapters.counts = self.counts
        adapters.limits = adapters.limits_once = self.hits
        adapters.users = self.users
        adapters.credentials = self.credentials
        adapters.audit = self.audit
        adapters.erasure_queue = self.erasures
        adapters.passwords = self.passwords
        adapters.blocklist = InMemoryBlocklist()
        adapters.signing_keys = self.keys or FixedKeys(make_ring(), self.clock)
        adapters.tokens = self.tokens or PlainTokens(self.clock)
        adapters.succession = self.succession
        adapters.schedules = self.schedules
        adapters.webhooks = self.webhooks
        adapters.deliveries = self.deliveries
        adapters.delivery_queue = self.delivery_queue
        adapters.sender = self.receivers
        adapters.signer = PlainSigner()
        adapters.bus = self.bus
        adapters.relay_failures = self.relay_failures
        adapters.intake_queue = self.intake_queue
        adapters.refused_messages = self.refused
        return adapters


def _no_client(service: str, *, config: object) -> NoReturn:  # noqa: ARG001 - as botocore is asked
    message = f"{service} has no fake"
    raise AssertionError(message)
