"""Composition root: settings in, services out. The only module that knows every implementation."""

from dataclasses import dataclass
from datetime import timedelta

from chalicelib import operations
from chalicelib.account_wiring import wired_accounts
from chalicelib.adapters.aws import AwsClients
from chalicelib.adapters.common_passwords import CommonPasswords
from chalicelib.adapters.cursors import HmacCursorSeal
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
from chalicelib.adapters.event_bus import EventBridgeBus
from chalicelib.adapters.intake_queue import SqsIntakeQueue, SqsRefusedMessages
from chalicelib.adapters.no_pauses import NoPauses
from chalicelib.adapters.operation_process import OperationProcess
from chalicelib.adapters.passwords import PasslibPasswordHasher
from chalicelib.adapters.relay_failures import SqsRelayFailures
from chalicelib.adapters.signing_keys import SsmSigningKeys
from chalicelib.adapters.sqs import SqsJobQueue
from chalicelib.adapters.succession import HmacSuccession
from chalicelib.adapters.system import SystemClock, SystemIds, SystemPause, SystemRandomness
from chalicelib.adapters.timetables import CronsimTimetable
from chalicelib.adapters.tokens import JwtCodec
from chalicelib.adapters.webhook_sender import HttpWebhookSender
from chalicelib.adapters.webhook_signatures import StandardWebhookSigner
from chalicelib.config import Settings
from chalicelib.consumer import Consumer
from chalicelib.deliveries import DeliveryConsumer
from chalicelib.domain.rate_limits import Limit
from chalicelib.erasures import ErasureConsumer
from chalicelib.intake import IntakeConsumer
from chalicelib.job_administration_wiring import wired_job_administration
from chalicelib.operations.registry import OperationRegistry
from chalicelib.pause_ports import PauseRepository
from chalicelib.ports import (
    Clock,
    CursorSeal,
    OperationCatalogue,
)
from chalicelib.relay import RelayConsumer
from chalicelib.services.acceptance import Acceptance
from chalicelib.services.accounts import AccountService
from chalicelib.services.administration import Administration
from chalicelib.services.api_keys import ApiKeyService
from chalicelib.services.auditing import Auditing
from chalicelib.services.authentication import Authentication
from chalicelib.services.bulk_actions import BulkActions
from chalicelib.services.counting import Counting
from chalicelib.services.dead_letters import DeadLetters
from chalicelib.services.delivering import Delivering
from chalicelib.services.delivery_sweeping import DeliverySweep
from chalicelib.services.erasure import ErasureService
from chalicelib.services.every_minute import EveryMinute
from chalicelib.services.execution import Execution
from chalicelib.services.firing import Firing
from chalicelib.services.intake import Intake
from chalicelib.services.job_administration import JobAdministration
from chalicelib.services.jobs import JobService
from chalicelib.services.known_pauses import KnownPauses
from chalicelib.services.pausing import PauseService
from chalicelib.services.rate_limiting import RateLimiter
from chalicelib.services.relaying import Relay
from chalicelib.services.resuming import WaitingJobs
from chalicelib.services.schedules import ScheduleService
from chalicelib.services.sessions import SessionService
from chalicelib.services.statistics import StatisticsService
from chalicelib.services.submission import SubmissionService
from chalicelib.services.sweeping import Sweep
from chalicelib.services.waiting import Waiting
from chalicelib.services.webhook_deliveries import DeliveryService
from chalicelib.services.webhooks import WebhookService


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the entry points call."""

    authentication: Authentication
    accounts: AccountService
    sessions: SessionService
    api_keys: ApiKeyService
    administration: Administration
    job_administration: JobAdministration
    bulk_actions: BulkActions
    statistics: StatisticsService
    pauses: PauseService
    submissions: SubmissionService
    jobs: JobService
    schedules: ScheduleService
    waiting: Waiting
    webhooks: WebhookService
    webhook_deliveries: DeliveryService
    cursors: CursorSeal
    consumer: Consumer
    relay: RelayConsumer
    every_minute: EveryMinute
    dead_letters: DeadLetters
    erasures: ErasureConsumer
    deliveries: DeliveryConsumer
    intake: IntakeConsumer
    operations: OperationCatalogue
    rate_limiter: RateLimiter
    submit_limit: Limit
    read_limit: Limit
    sign_in_limit: Limit
    sign_in_address_limit: Limit
    registration_limit: Limit
    body_max_bytes: int
    clock: Clock


def build(settings: Settings, clients: AwsClients | None = None) -> Services:
    """
    Wire the services for AWS, by ``clients`` or by those of the environment.

    Reaches nothing: clients are made with their first call.
    """
    clients = clients or AwsClients()
    clock = SystemClock()
    ids = SystemIds()
    randomness = SystemRandomness()
    pause = SystemPause()
    worker = ids.new_worker_id()
    catalogue = OperationRegistry(operations)
    jobs = DynamoDBJobRepository(lambda: clients.dynamodb, table=settings.jobs_table)
    lists = DynamoDBJobLists(lambda: clients.dynamodb, table=settings.jobs_table)
    queue = SqsJobQueue(lambda: clients.sqs, queue_url=settings.jobs_queue_url)
    signing_keys = SsmSigningKeys(
        lambda: clients.ssm, lambda: clients.ssm_once, parameter=settings.signing_keys_parameter, clock=clock
    )
    limits = settings.job_limits
    acceptance = Acceptance(operations=catalogue, limits=limits, webhooks_to_anywhere=settings.webhooks_to_anywhere)
    dead_letters = DeadLetters(jobs=jobs, queue=queue, clock=clock, ids=ids, limits=limits, worker=worker)
    backoff = Backoff(randomness=randomness, pause=pause)
    audit = DynamoDBAuditTrail(
        lambda: clients.dynamodb,
        table=settings.audit_table,
        retention=timedelta(days=settings.audit_retention_days),
    )
    pauses, known_pauses = _pauses(settings.pauses_table, clients, audit, backoff, clock)
    execution = Execution(
        jobs=jobs,
        queue=queue,
        runner=OperationProcess(
            memory_max_mb=settings.job_memory_max_mb, result_max_bytes=settings.job_result_max_bytes
        ),
        clock=clock,
        ids=ids,
        randomness=randomness,
        limits=limits,
        pauses=known_pauses,
        worker=worker,
    )
    credentials = DynamoDBCredentialRepository(
        lambda: clients.dynamodb, table=settings.credentials_table, audit=audit, backoff=backoff
    )
    users = DynamoDBUserRepository(
        lambda: clients.dynamodb,
        users_table=settings.users_table,
        credentials_table=settings.credentials_table,
        audit=audit,
        backoff=backoff,
    )
    timetable = CronsimTimetable()
    schedules = DynamoDBScheduleRepository(
        lambda: clients.dynamodb, table=settings.schedules_table, jobs_table=settings.jobs_table, backoff=backoff
    )
    schedule_service = ScheduleService(
        schedules=schedules, timetable=timetable, acceptance=acceptance, clock=clock, ids=ids
    )
    firing = Firing(
        schedules=schedules,
        timetable=timetable,
        acceptance=acceptance,
        queue=queue,
        clock=clock,
        ids=ids,
        randomness=randomness,
        worker=worker,
    )
    webhooks = DynamoDBWebhookRepository(lambda: clients.dynamodb, table=settings.webhooks_table, backoff=backoff)
    deliveries = DynamoDBDeliveryRepository(lambda: clients.dynamodb, table=settings.deliveries_table, backoff=backoff)
    delivery_queue = SqsDeliveryQueue(lambda: clients.sqs, queue_url=settings.deliveries_queue_url)
    delivery_sweep = DeliverySweep(deliveries=deliveries, queue=delivery_queue, clock=clock, randomness=randomness)
    webhook_service = WebhookService(
        webhooks=webhooks,
        audit=audit,
        auditing=Auditing(clock=clock, ids=ids),
        clock=clock,
        ids=ids,
        to_anywhere=settings.webhooks_to_anywhere,
    )
    # Where an update has not brought the setting yet, nothing is counted.
    counts = (
        DynamoDBCountStore(lambda: clients.dynamodb, table=settings.statistics_table)
        if settings.statistics_table
        else None
    )
    erasures = SqsErasureQueue(lambda: clients.sqs, queue_url=settings.erasures_queue_url)
    accounts = wired_accounts(
        users=users,
        credentials=credentials,
        audit=audit,
        erasures=erasures,
        passwords=PasslibPasswordHasher(
            memory_kib=settings.password_memory_kib, passes=settings.password_passes, lanes=settings.password_lanes
        ),
        blocklist=CommonPasswords(),
        tokens=JwtCodec(issuer=settings.stack_name, keys=signing_keys, clock=clock),
        succession=HmacSuccession(signing_keys),
        clock=clock,
        ids=ids,
        limits=settings.session_limits,
        schedules=schedule_service,
    )
    job_service = JobService(jobs=jobs, lists=lists, queue=queue, clock=clock, ids=ids, limits=limits, worker=worker)
    job_administration = wired_job_administration(
        service=job_service,
        jobs=jobs,
        lists=lists,
        everybodys_jobs=DynamoDBEverybodysJobs(lambda: clients.dynamodb, table=settings.jobs_table),
        queue=queue,
        users=users,
        credentials=credentials,
        audit=audit,
        clock=clock,
        ids=ids,
        limits=limits,
        worker=worker,
    )
    limits_store = DynamoDBRateLimitStore(lambda: clients.dynamodb, table=settings.limits_table)
    rate_limiter = RateLimiter(limits_store, clock, ids)
    return Services(
        authentication=accounts.authentication,
        accounts=accounts.accounts,
        sessions=accounts.sessions,
        api_keys=accounts.api_keys,
        administration=accounts.administration,
        job_administration=job_administration.one_by_one,
        bulk_actions=job_administration.in_bulk,
        statistics=StatisticsService(counts=counts, jobs=jobs, queue=queue, clock=clock),
        pauses=PauseService(
            pauses=pauses,
            known=known_pauses,
            users=users,
            operations=catalogue,
            waiting=WaitingJobs(jobs=jobs, queue=queue, clock=clock),
            auditing=Auditing(clock=clock, ids=ids),
            clock=clock,
        ),
        erasures=ErasureConsumer(
            erasure=ErasureService(
                users=users,
                credentials=credentials,
                rows=[
                    # In the order in which one makes the next: what is left of the one finds nobody to tell.
                    schedules,
                    DynamoDBJobEraser(lambda: clients.dynamodb, table=settings.jobs_table, backoff=backoff),
                    webhooks,
                    deliveries,
                    pauses,
                ],
                queue=erasures,
            ),
            partial_responses=settings.partial_batch_responses,
        ),
        intake=IntakeConsumer(
            intake=Intake(
                users=users,
                jobs=jobs,
                queue=queue,
                acceptance=acceptance,
                callbacks_of=webhook_service.callbacks_of,
                rate_limiter=rate_limiter,
                limit=settings.intake_limit,
                clock=clock,
                ids=ids,
                worker=worker,
            ),
            operations=catalogue,
            queue=SqsIntakeQueue(lambda: clients.sqs, queue_url=settings.intake_queue_url),
            refused=SqsRefusedMessages(lambda: clients.sqs, queue_url=settings.intake_refused_queue_url),
            clock=clock,
            partial_responses=settings.partial_batch_responses,
        ),
        submissions=SubmissionService(
            jobs=jobs,
            submissions=DynamoDBSubmissions(
                lambda: clients.dynamodb,
                jobs_table=settings.jobs_table,
                idempotency_table=settings.idempotency_table,
                backoff=backoff,
            ),
            queue=queue,
            acceptance=acceptance,
            callbacks_of=webhook_service.callbacks_of,
            clock=clock,
            ids=ids,
            worker=worker,
        ),
        jobs=job_service,
        schedules=schedule_service,
        waiting=Waiting(
            # Its own of both: a look that fails ends the wait, and must not take long about it.
            jobs=DynamoDBJobRepository(lambda: clients.dynamodb_once, table=settings.jobs_table),
            clock=clock,
            pause=pause,
            rate_limiter=RateLimiter(
                DynamoDBRateLimitStore(lambda: clients.dynamodb_once, table=settings.limits_table), clock, ids
            ),
            read_limit=settings.read_limit,
        ),
        webhooks=webhook_service,
        webhook_deliveries=DeliveryService(
            webhooks=webhook_service,
            deliveries=deliveries,
            queue=delivery_queue,
            clock=clock,
            ids=ids,
            source=f"/{settings.stack_name}/webhooks",
            retention=timedelta(days=settings.delivery_retention_days),
        ),
        deliveries=DeliveryConsumer(
            delivering=Delivering(
                webhooks=webhooks,
                deliveries=deliveries,
                queue=delivery_queue,
                sender=HttpWebhookSender(to_anywhere=settings.webhooks_to_anywhere),
                signer=StandardWebhookSigner(),
                clock=clock,
                ids=ids,
                randomness=randomness,
            ),
            partial_responses=settings.partial_batch_responses,
        ),
        cursors=HmacCursorSeal(signing_keys),
        consumer=Consumer(
            execution=execution,
            dead_letters=dead_letters,
            queue=queue,
            partial_responses=settings.partial_batch_responses,
        ),
        relay=RelayConsumer(
            relay=Relay(
                source=f"/{settings.stack_name}/jobs",
                bus=EventBridgeBus(
                    lambda: clients.events, bus_name=settings.event_bus_name, source=settings.stack_name
                ),
                failures=SqsRelayFailures(lambda: clients.sqs, queue_url=settings.relay_failures_queue_url),
                webhooks=webhooks,
                deliveries=deliveries,
                queue=delivery_queue,
                clock=clock,
                ids=ids,
                retention=timedelta(days=settings.delivery_retention_days),
            ),
            # Where an update has not brought the setting yet, there is no table to count in.
            counting=None if counts is None else Counting(counts),
            partial_responses=settings.partial_batch_responses,
        ),
        every_minute=EveryMinute(
            {
                # Where an update has not brought the settings yet, there are no tables to look at. What has most to do
                # at its times is last, and has what the others leave.
                "jobs": Sweep(jobs=jobs, queue=queue, clock=clock, randomness=randomness, limits=limits).run,
                **({"deliveries": delivery_sweep.run} if settings.deliveries_table else {}),
                **({"schedules": firing.run} if settings.schedules_table else {}),
            }
        ),
        dead_letters=dead_letters,
        operations=catalogue,
        rate_limiter=rate_limiter,
        submit_limit=settings.submit_limit,
        read_limit=settings.read_limit,
        sign_in_limit=settings.sign_in_limit,
        sign_in_address_limit=settings.sign_in_address_limit,
        registration_limit=settings.registration_limit,
        body_max_bytes=settings.body_max_bytes,
        clock=clock,
    )


def _pauses(
    table: str, clients: AwsClients, audit: DynamoDBAuditTrail, backoff: Backoff, clock: Clock
) -> tuple[PauseRepository, KnownPauses]:
    """Return all pauses, and what a container knows of them."""
    if not table:
        # Where an update has not brought the setting yet, nothing is paused.
        return NoPauses(), KnownPauses(tuple, clock=clock)
    # Its own of them: jobs go on when a look fails, and must not wait long for it.
    looked_at = DynamoDBPauseRepository(lambda: clients.dynamodb_once, table=table, audit=audit, backoff=backoff)
    pauses = DynamoDBPauseRepository(lambda: clients.dynamodb, table=table, audit=audit, backoff=backoff)
    return pauses, KnownPauses(looked_at.all, clock=clock)
