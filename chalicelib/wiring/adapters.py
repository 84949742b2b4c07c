"""What implements each port: the only module that knows every implementation."""

from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.wiring.once import made_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.account_ports import AuditTrail, CredentialRepository, ErasureQueue, RowEraser, UserRepository
    from chalicelib.adapters.aws import AwsClients
    from chalicelib.adapters.dynamodb.audit import DynamoDBAuditTrail
    from chalicelib.adapters.dynamodb.transactions import Backoff
    from chalicelib.config import Settings
    from chalicelib.event_ports import DeliveryQueue, DeliveryRepository, EventBus, RelayFailures, WebhookRepository
    from chalicelib.intake_ports import IntakeQueue, RefusedMessages
    from chalicelib.pause_ports import PauseRepository
    from chalicelib.ports import (
        AccountIdSource,
        Clock,
        CursorSeal,
        EverybodysJobs,
        JobLists,
        JobQueue,
        JobRepository,
        OperationCatalogue,
        OperationRunner,
        PasswordBlocklist,
        PasswordHasher,
        Pause,
        Randomness,
        RateLimitStore,
        SigningKeys,
        Submissions,
        Succession,
        TokenCodec,
    )
    from chalicelib.schedule_ports import ScheduleRepository, Timetable
    from chalicelib.statistics_ports import CountStore, QueueGauge
    from chalicelib.webhook_ports import WebhookSender, WebhookSigner


class Adapters:
    """
    What the services reach the outside by, each made once.

    Reaches nothing: clients are made with their first call. A test assigns its fakes to the members.
    """

    def __init__(self, settings: "Settings", clients: "AwsClients") -> None:
        self.settings = settings
        self._clients = clients

    # This process

    @made_once
    def clock(self) -> "Clock":
        """The time of all that the services do."""
        from chalicelib.adapters.system import SystemClock

        return SystemClock()

    @made_once
    def ids(self) -> "AccountIdSource":
        """New ids; those of one process are in order."""
        from chalicelib.adapters.system import SystemIds

        return SystemIds()

    @made_once
    def worker(self) -> str:
        """What this process is called in the events of jobs."""
        from chalicelib.adapters.system import SystemIds

        return SystemIds().new_worker_id()

    @made_once
    def randomness(self) -> "Randomness":
        """What spreads waits."""
        from chalicelib.adapters.system import SystemRandomness

        return SystemRandomness()

    @made_once
    def pause(self) -> "Pause":
        """What waits."""
        from chalicelib.adapters.system import SystemPause

        return SystemPause()

    @made_once
    def operations(self) -> "OperationCatalogue":
        """What jobs can compute."""
        from chalicelib import operations
        from chalicelib.operations.registry import OperationRegistry

        return OperationRegistry(operations)

    @made_once
    def runner(self) -> "OperationRunner":
        """What runs operations."""
        from chalicelib.adapters.operation_process import OperationProcess

        return OperationProcess(
            memory_max_mb=self.settings.job_memory_max_mb, result_max_bytes=self.settings.job_result_max_bytes
        )

    @made_once
    def timetable(self) -> "Timetable":
        """When schedules are due."""
        from chalicelib.adapters.timetables import CronsimTimetable

        return CronsimTimetable()

    @made_once
    def _backoff(self) -> "Backoff":
        from chalicelib.adapters.dynamodb.transactions import Backoff

        return Backoff(randomness=self.randomness, pause=self.pause)

    # Jobs

    @made_once
    def jobs(self) -> "JobRepository":
        """The rows of jobs."""
        from chalicelib.adapters.dynamodb.jobs import DynamoDBJobRepository

        return DynamoDBJobRepository(lambda: self._clients.dynamodb, table=self.settings.jobs_table)

    @made_once
    def jobs_once(self) -> "JobRepository":
        """The same by calls that end soon, for who would rather do without than wait."""
        from chalicelib.adapters.dynamodb.jobs import DynamoDBJobRepository

        return DynamoDBJobRepository(lambda: self._clients.dynamodb_once, table=self.settings.jobs_table)

    @made_once
    def job_lists(self) -> "JobLists":
        """The jobs of one owner, a page at a time."""
        from chalicelib.adapters.dynamodb.job_lists import DynamoDBJobLists

        return DynamoDBJobLists(lambda: self._clients.dynamodb, table=self.settings.jobs_table)

    @made_once
    def everybodys_jobs(self) -> "EverybodysJobs":
        """The jobs of all owners, a page at a time."""
        from chalicelib.adapters.dynamodb.everybodys_jobs import DynamoDBEverybodysJobs

        return DynamoDBEverybodysJobs(lambda: self._clients.dynamodb, table=self.settings.jobs_table)

    @made_once
    def job_eraser(self) -> "RowEraser":
        """What removes the jobs of one owner."""
        from chalicelib.adapters.dynamodb.job_erasure import DynamoDBJobEraser

        return DynamoDBJobEraser(lambda: self._clients.dynamodb, table=self.settings.jobs_table, backoff=self._backoff)

    @made_once
    def submissions(self) -> "Submissions":
        """What adds several jobs at once, or with a key."""
        from chalicelib.adapters.dynamodb.submissions import DynamoDBSubmissions

        return DynamoDBSubmissions(
            lambda: self._clients.dynamodb,
            jobs_table=self.settings.jobs_table,
            idempotency_table=self.settings.idempotency_table,
            backoff=self._backoff,
        )

    @made_once
    def queue(self) -> "JobQueue":
        """The messages of jobs."""
        from chalicelib.adapters.sqs import SqsJobQueue

        return SqsJobQueue(lambda: self._clients.sqs, queue_url=self.settings.jobs_queue_url)

    @made_once
    def queue_gauge(self) -> "QueueGauge":
        """How many messages of jobs there are."""
        from chalicelib.adapters.sqs import SqsJobQueue

        return SqsJobQueue(lambda: self._clients.sqs, queue_url=self.settings.jobs_queue_url)

    @made_once
    def pauses(self) -> "PauseRepository":
        """What is paused; where an update has not brought the setting yet, nothing can be."""
        return self._pauses(lambda: self._clients.dynamodb)

    @made_once
    def pauses_once(self) -> "PauseRepository":
        """The same by calls that end soon, for who would rather do without than wait."""
        return self._pauses(lambda: self._clients.dynamodb_once)

    def _pauses(self, client: "Callable[[], DynamoDBClient]") -> "PauseRepository":
        if not self.settings.pauses_table:
            from chalicelib.adapters.no_pauses import NoPauses

            return NoPauses()
        from chalicelib.adapters.dynamodb.pauses import DynamoDBPauseRepository

        return DynamoDBPauseRepository(
            client, table=self.settings.pauses_table, audit=self._audit, backoff=self._backoff
        )

    @made_once
    def counts(self) -> "CountStore | None":
        """How jobs ended; none where an update has not brought the setting yet, and nothing is counted."""
        if not self.settings.statistics_table:
            return None
        from chalicelib.adapters.dynamodb.statistics import DynamoDBCountStore

        return DynamoDBCountStore(lambda: self._clients.dynamodb, table=self.settings.statistics_table)

    @made_once
    def limits(self) -> "RateLimitStore":
        """What is used of the limits."""
        from chalicelib.adapters.dynamodb.rate_limits import DynamoDBRateLimitStore

        return DynamoDBRateLimitStore(lambda: self._clients.dynamodb, table=self.settings.limits_table)

    @made_once
    def limits_once(self) -> "RateLimitStore":
        """The same by calls that end soon, for who would rather do without than wait."""
        from chalicelib.adapters.dynamodb.rate_limits import DynamoDBRateLimitStore

        return DynamoDBRateLimitStore(lambda: self._clients.dynamodb_once, table=self.settings.limits_table)

    # Accounts

    @made_once
    def users(self) -> "UserRepository":
        """The users."""
        from chalicelib.adapters.dynamodb.users import DynamoDBUserRepository

        return DynamoDBUserRepository(
            lambda: self._clients.dynamodb,
            users_table=self.settings.users_table,
            credentials_table=self.settings.credentials_table,
            audit=self._audit,
            backoff=self._backoff,
        )

    @made_once
    def credentials(self) -> "CredentialRepository":
        """The sessions and API keys."""
        from chalicelib.adapters.dynamodb.credentials import DynamoDBCredentialRepository

        return DynamoDBCredentialRepository(
            lambda: self._clients.dynamodb,
            table=self.settings.credentials_table,
            audit=self._audit,
            backoff=self._backoff,
        )

    @made_once
    def audit(self) -> "AuditTrail":
        """What was done with accounts."""
        return self._audit

    @made_once
    def _audit(self) -> "DynamoDBAuditTrail":
        from chalicelib.adapters.dynamodb.audit import DynamoDBAuditTrail

        return DynamoDBAuditTrail(
            lambda: self._clients.dynamodb,
            table=self.settings.audit_table,
            retention=timedelta(days=self.settings.audit_retention_days),
        )

    @made_once
    def erasure_queue(self) -> "ErasureQueue":
        """The orders to erase what a user leaves."""
        from chalicelib.adapters.erasure_queue import SqsErasureQueue

        return SqsErasureQueue(lambda: self._clients.sqs, queue_url=self.settings.erasures_queue_url)

    @made_once
    def passwords(self) -> "PasswordHasher":
        """What hashes passwords."""
        from chalicelib.adapters.passwords import PasslibPasswordHasher

        settings = self.settings
        return PasslibPasswordHasher(
            memory_kib=settings.password_memory_kib, passes=settings.password_passes, lanes=settings.password_lanes
        )

    @made_once
    def blocklist(self) -> "PasswordBlocklist":
        """The passwords that anybody would try."""
        from chalicelib.adapters.common_passwords import CommonPasswords

        return CommonPasswords()

    @made_once
    def signing_keys(self) -> "SigningKeys":
        """The keys of all that is signed here."""
        from chalicelib.adapters.signing_keys import SsmSigningKeys

        return SsmSigningKeys(
            lambda: self._clients.ssm,
            lambda: self._clients.ssm_once,
            parameter=self.settings.signing_keys_parameter,
            clock=self.clock,
        )

    @made_once
    def tokens(self) -> "TokenCodec":
        """Access tokens."""
        from chalicelib.adapters.tokens import JwtCodec

        return JwtCodec(issuer=self.settings.stack_name, keys=self.signing_keys, clock=self.clock)

    @made_once
    def succession(self) -> "Succession":
        """What follows a refresh token."""
        from chalicelib.adapters.succession import HmacSuccession

        return HmacSuccession(self.signing_keys)

    @made_once
    def cursors(self) -> "CursorSeal":
        """What makes a place in a list one that only its reader can go on from."""
        from chalicelib.adapters.cursors import HmacCursorSeal

        return HmacCursorSeal(self.signing_keys)

    # Schedules, events and webhooks

    @made_once
    def schedules(self) -> "ScheduleRepository":
        """The schedules."""
        from chalicelib.adapters.dynamodb.schedules import DynamoDBScheduleRepository

        return DynamoDBScheduleRepository(
            lambda: self._clients.dynamodb,
            table=self.settings.schedules_table,
            jobs_table=self.settings.jobs_table,
            backoff=self._backoff,
        )

    @made_once
    def webhooks(self) -> "WebhookRepository":
        """The webhooks."""
        from chalicelib.adapters.dynamodb.webhooks import DynamoDBWebhookRepository

        return DynamoDBWebhookRepository(
            lambda: self._clients.dynamodb, table=self.settings.webhooks_table, backoff=self._backoff
        )

    @made_once
    def deliveries(self) -> "DeliveryRepository":
        """What webhooks are told."""
        from chalicelib.adapters.dynamodb.deliveries import DynamoDBDeliveryRepository

        return DynamoDBDeliveryRepository(
            lambda: self._clients.dynamodb, table=self.settings.deliveries_table, backoff=self._backoff
        )

    @made_once
    def delivery_queue(self) -> "DeliveryQueue":
        """The messages of deliveries."""
        from chalicelib.adapters.delivery_queue import SqsDeliveryQueue

        return SqsDeliveryQueue(lambda: self._clients.sqs, queue_url=self.settings.deliveries_queue_url)

    @made_once
    def sender(self) -> "WebhookSender":
        """What calls webhooks."""
        from chalicelib.adapters.webhook_sender import HttpWebhookSender

        return HttpWebhookSender(to_anywhere=self.settings.webhooks_to_anywhere)

    @made_once
    def signer(self) -> "WebhookSigner":
        """What signs the calls."""
        from chalicelib.adapters.webhook_signatures import StandardWebhookSigner

        return StandardWebhookSigner()

    @made_once
    def bus(self) -> "EventBus":
        """Where the account's own programs hear of jobs."""
        from chalicelib.adapters.event_bus import EventBridgeBus

        return EventBridgeBus(
            lambda: self._clients.events, bus_name=self.settings.event_bus_name, source=self.settings.stack_name
        )

    @made_once
    def relay_failures(self) -> "RelayFailures":
        """Where what can never be told is kept."""
        from chalicelib.adapters.relay_failures import SqsRelayFailures

        return SqsRelayFailures(lambda: self._clients.sqs, queue_url=self.settings.relay_failures_queue_url)

    @made_once
    def intake_queue(self) -> "IntakeQueue":
        """The messages of AWS that ask for jobs."""
        from chalicelib.adapters.intake_queue import SqsIntakeQueue

        return SqsIntakeQueue(lambda: self._clients.sqs, queue_url=self.settings.intake_queue_url)

    @made_once
    def refused_messages(self) -> "RefusedMessages":
        """Where those of them are kept that no job was made of."""
        from chalicelib.adapters.intake_queue import SqsRefusedMessages

        return SqsRefusedMessages(lambda: self._clients.sqs, queue_url=self.settings.intake_refused_queue_url)
