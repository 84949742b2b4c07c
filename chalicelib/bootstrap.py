"""Composition root: settings in, services out. The only module that knows every implementation."""

from dataclasses import dataclass
from datetime import timedelta

from chalicelib import operations
from chalicelib.account_ports import AuditTrail, CredentialRepository, ErasureQueue, UserRepository
from chalicelib.adapters.aws import AwsClients
from chalicelib.adapters.common_passwords import CommonPasswords
from chalicelib.adapters.cursors import HmacCursorSeal
from chalicelib.adapters.dynamodb.audit import DynamoDBAuditTrail
from chalicelib.adapters.dynamodb.credentials import DynamoDBCredentialRepository
from chalicelib.adapters.dynamodb.job_erasure import DynamoDBJobEraser
from chalicelib.adapters.dynamodb.job_lists import DynamoDBJobLists
from chalicelib.adapters.dynamodb.jobs import DynamoDBJobRepository
from chalicelib.adapters.dynamodb.rate_limits import DynamoDBRateLimitStore
from chalicelib.adapters.dynamodb.submissions import DynamoDBSubmissions
from chalicelib.adapters.dynamodb.transactions import Backoff
from chalicelib.adapters.dynamodb.users import DynamoDBUserRepository
from chalicelib.adapters.erasure_queue import SqsErasureQueue
from chalicelib.adapters.operation_process import OperationProcess
from chalicelib.adapters.passwords import PasslibPasswordHasher
from chalicelib.adapters.signing_keys import SsmSigningKeys
from chalicelib.adapters.sqs import SqsJobQueue
from chalicelib.adapters.succession import HmacSuccession
from chalicelib.adapters.system import SystemClock, SystemIds, SystemPause, SystemRandomness
from chalicelib.adapters.tokens import JwtCodec
from chalicelib.config import Settings
from chalicelib.consumer import Consumer
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.tokens import SessionLimits
from chalicelib.erasures import ErasureConsumer
from chalicelib.operations.registry import OperationRegistry
from chalicelib.ports import (
    AccountIdSource,
    Clock,
    CursorSeal,
    OperationCatalogue,
    PasswordBlocklist,
    PasswordHasher,
    Succession,
    TokenCodec,
)
from chalicelib.services.accounts import AccountService
from chalicelib.services.administration import Administration
from chalicelib.services.api_keys import ApiKeyService
from chalicelib.services.auditing import Auditing
from chalicelib.services.authentication import Authentication
from chalicelib.services.dead_letters import DeadLetters
from chalicelib.services.erasure import ErasureService
from chalicelib.services.execution import Execution
from chalicelib.services.jobs import JobService
from chalicelib.services.rate_limiting import RateLimiter
from chalicelib.services.sessions import SessionService
from chalicelib.services.submission import SubmissionService
from chalicelib.services.sweeping import Sweep
from chalicelib.services.waiting import Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the entry points call."""

    authentication: Authentication
    accounts: AccountService
    sessions: SessionService
    api_keys: ApiKeyService
    administration: Administration
    submissions: SubmissionService
    jobs: JobService
    waiting: Waiting
    cursors: CursorSeal
    consumer: Consumer
    sweep: Sweep
    dead_letters: DeadLetters
    erasures: ErasureConsumer
    operations: OperationCatalogue
    rate_limiter: RateLimiter
    submit_limit: Limit
    read_limit: Limit
    sign_in_limit: Limit
    sign_in_address_limit: Limit
    registration_limit: Limit
    body_max_bytes: int
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountServices:
    """Those of the services that have to do with who the caller is."""

    authentication: Authentication
    accounts: AccountService
    sessions: SessionService
    api_keys: ApiKeyService
    administration: Administration


def wired_accounts(  # noqa: PLR0913 - each is a part
    *,
    users: UserRepository,
    credentials: CredentialRepository,
    audit: AuditTrail,
    erasures: ErasureQueue,
    passwords: PasswordHasher,
    blocklist: PasswordBlocklist,
    tokens: TokenCodec,
    succession: Succession,
    clock: Clock,
    ids: AccountIdSource,
    limits: SessionLimits,
) -> AccountServices:
    """Wire the services of accounts, over whatever they are to reach."""
    auditing = Auditing(clock=clock, ids=ids)
    authentication = Authentication(credentials=credentials, tokens=tokens, clock=clock)
    sessions = SessionService(
        users=users,
        credentials=credentials,
        audit=audit,
        tokens=tokens,
        succession=succession,
        authentication=authentication,
        auditing=auditing,
        clock=clock,
        ids=ids,
        limits=limits,
    )
    accounts = AccountService(
        users=users,
        audit=audit,
        passwords=passwords,
        blocklist=blocklist,
        sessions=sessions,
        erasures=erasures,
        auditing=auditing,
        clock=clock,
        ids=ids,
    )
    return AccountServices(
        authentication=authentication,
        accounts=accounts,
        sessions=sessions,
        api_keys=ApiKeyService(
            accounts=accounts,
            users=users,
            credentials=credentials,
            authentication=authentication,
            auditing=auditing,
            clock=clock,
            ids=ids,
        ),
        administration=Administration(
            accounts=accounts, sessions=sessions, users=users, audit=audit, auditing=auditing
        ),
    )


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
    dead_letters = DeadLetters(jobs=jobs, queue=queue, clock=clock, ids=ids, limits=limits, worker=worker)
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
        worker=worker,
    )
    backoff = Backoff(randomness=randomness, pause=pause)
    audit = DynamoDBAuditTrail(
        lambda: clients.dynamodb,
        table=settings.audit_table,
        retention=timedelta(days=settings.audit_retention_days),
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
    )
    limits_store = DynamoDBRateLimitStore(lambda: clients.dynamodb, table=settings.limits_table)
    return Services(
        authentication=accounts.authentication,
        accounts=accounts.accounts,
        sessions=accounts.sessions,
        api_keys=accounts.api_keys,
        administration=accounts.administration,
        erasures=ErasureConsumer(
            erasure=ErasureService(
                users=users,
                credentials=credentials,
                jobs=DynamoDBJobEraser(lambda: clients.dynamodb, table=settings.jobs_table, backoff=backoff),
                queue=erasures,
            ),
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
            operations=catalogue,
            clock=clock,
            ids=ids,
            limits=limits,
            worker=worker,
        ),
        jobs=JobService(jobs=jobs, lists=lists, queue=queue, clock=clock, ids=ids, limits=limits, worker=worker),
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
        cursors=HmacCursorSeal(signing_keys),
        consumer=Consumer(
            execution=execution,
            dead_letters=dead_letters,
            queue=queue,
            partial_responses=settings.partial_batch_responses,
        ),
        sweep=Sweep(jobs=jobs, queue=queue, clock=clock, randomness=randomness, limits=limits),
        dead_letters=dead_letters,
        operations=catalogue,
        rate_limiter=RateLimiter(limits_store, clock, ids),
        submit_limit=settings.submit_limit,
        read_limit=settings.read_limit,
        sign_in_limit=settings.sign_in_limit,
        sign_in_address_limit=settings.sign_in_address_limit,
        registration_limit=settings.registration_limit,
        body_max_bytes=settings.body_max_bytes,
        clock=clock,
    )
