"""Makes the objects of the domain, with only what a test cares about spelled out."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib import operations
from chalicelib.account_wiring import AccountServices, wired_accounts
from chalicelib.adapters.cursors import HmacCursorSeal
from chalicelib.adapters.timetables import CronsimTimetable
from chalicelib.bootstrap import Services
from chalicelib.consumer import Consumer
from chalicelib.deliveries import DeliveryConsumer
from chalicelib.domain.audit import AuditAction, AuditEvent, EventId
from chalicelib.domain.cloud_events import JOB_EVENTS, CloudEvent, EventType
from chalicelib.domain.credentials import KEY_SCOPES, ApiKey, CredentialId, Session, digest
from chalicelib.domain.jobs import Act, Claim, Job, JobEvent, JobId, JobKey, JobLimits, JobStatus, Transition
from chalicelib.domain.pauses import JobPause, JobsOfOperation, JobsOfUser, SomeJobs
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.schedules import Schedule, ScheduleId, ScheduleKey, Timing
from chalicelib.domain.signing_keys import KeyRing
from chalicelib.domain.tokens import SessionLimits
from chalicelib.domain.users import User, UserId
from chalicelib.domain.webhook_deliveries import Delivery, DeliveryId, DeliveryKey, DeliveryStatus
from chalicelib.domain.webhooks import Webhook, WebhookId
from chalicelib.erasures import ErasureConsumer
from chalicelib.intake import IntakeConsumer
from chalicelib.job_administration_wiring import JobAdministrationServices, wired_job_administration
from chalicelib.operations.registry import OperationRegistry
from chalicelib.ports import OperationRunner, PasswordHasher, SigningKeys, Succession, TokenCodec
from chalicelib.relay import RelayConsumer
from chalicelib.services.acceptance import Acceptance
from chalicelib.services.auditing import Auditing
from chalicelib.services.counting import Counting
from chalicelib.services.dead_letters import DeadLetters
from chalicelib.services.delivering import Delivering
from chalicelib.services.delivery_sweeping import DeliverySweep
from chalicelib.services.erasure import ErasureService
from chalicelib.services.every_minute import EveryMinute
from chalicelib.services.execution import Execution
from chalicelib.services.firing import Firing
from chalicelib.services.intake import Intake
from chalicelib.services.jobs import JobService
from chalicelib.services.known_pauses import KnownPauses
from chalicelib.services.pausing import PauseService
from chalicelib.services.rate_limiting import RateLimiter
from chalicelib.services.relaying import Relay
from chalicelib.services.resuming import WaitingJobs
from chalicelib.services.schedules import ScheduleService
from chalicelib.services.statistics import StatisticsService
from chalicelib.services.submission import SubmissionService
from chalicelib.services.sweeping import Sweep
from chalicelib.services.waiting import Waiting
from chalicelib.services.webhook_deliveries import DeliveryService
from chalicelib.services.webhooks import WebhookService
from tests.delivery_fakes import InMemoryDeliveryQueue, InMemoryDeliveryRepository, PlainSigner, Receivers
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
            schedules=self.schedule_service(),
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

    def intake(self, rate_limiter: RateLimiter) -> IntakeConsumer:
        return IntakeConsumer(
            intake=Intake(
                users=self.users,
                jobs=self.jobs,
                queue=self.queue,
                acceptance=self.acceptance(),
                callbacks_of=self.webhook_service().callbacks_of,
                rate_limiter=rate_limiter,
                limit=Limit(name="intake", quota=self.intake_quota, window=timedelta(minutes=1)),
                clock=self.clock,
                ids=self.ids,
                worker="intake",
            ),
            operations=self.catalogue,
            queue=self.intake_queue,
            refused=self.refused,
            clock=self.clock,
            partial_responses=self.partial_responses,
        )

    def sweep(self) -> Sweep:
        return Sweep(jobs=self.jobs, queue=self.queue, clock=self.clock, randomness=self.chance, limits=self.limits)

    def job_service(self) -> JobService:
        return JobService(
            jobs=self.jobs,
            lists=self.jobs,
            queue=self.queue,
            clock=self.clock,
            ids=self.ids,
            limits=self.limits,
            worker="api",
        )

    def job_administration(self) -> JobAdministrationServices:
        return wired_job_administration(
            service=self.job_service(),
            jobs=self.jobs,
            lists=self.jobs,
            everybodys_jobs=self.everybodys_jobs,
            queue=self.queue,
            users=self.users,
            credentials=self.credentials,
            audit=self.audit,
            clock=self.clock,
            ids=self.ids,
            limits=self.limits,
            worker="api",
        )

    def services(self) -> Services:
        job_administration = self.job_administration()
        accounts = self.account_services()
        rate_limiter = RateLimiter(self.hits, self.clock, self.ids)
        read_limit = Limit(name="read", quota=self.read_quota, window=timedelta(minutes=1), admits_uncounted=True)
        return Services(
            authentication=accounts.authentication,
            accounts=accounts.accounts,
            sessions=accounts.sessions,
            api_keys=accounts.api_keys,
            administration=accounts.administration,
            job_administration=job_administration.one_by_one,
            bulk_actions=job_administration.in_bulk,
            statistics=self.statistics(),
            pauses=self.pause_service(),
            submissions=SubmissionService(
                jobs=self.jobs,
                submissions=self.submissions,
                queue=self.queue,
                acceptance=self.acceptance(),
                callbacks_of=self.webhook_service().callbacks_of,
                clock=self.clock,
                ids=self.ids,
                worker="api",
            ),
            jobs=self.job_service(),
            schedules=self.schedule_service(),
            waiting=Waiting(
                jobs=self.jobs,
                clock=self.clock,
                pause=self.pause,
                rate_limiter=rate_limiter,
                read_limit=read_limit,
            ),
            webhooks=self.webhook_service(),
            webhook_deliveries=self.delivery_service(),
            deliveries=DeliveryConsumer(delivering=self.delivering(), partial_responses=self.partial_responses),
            cursors=HmacCursorSeal(self.keys or FixedKeys(make_ring(), self.clock)),
            consumer=Consumer(
                execution=self.execution(),
                dead_letters=self.dead_letters(),
                queue=self.queue,
                partial_responses=self.partial_responses,
            ),
            relay=RelayConsumer(
                relay=self.relay(), counting=Counting(self.counts), partial_responses=self.partial_responses
            ),
            every_minute=EveryMinute(
                {"jobs": self.sweep().run, "deliveries": self.delivery_sweep().run, "schedules": self.firing().run}
            ),
            dead_letters=self.dead_letters(),
            erasures=ErasureConsumer(erasure=self.erasure(), partial_responses=self.partial_responses),
            intake=self.intake(rate_limiter),
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
