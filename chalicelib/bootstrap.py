"""Composition root: settings in, services out. The only module that knows every implementation."""

from dataclasses import dataclass
from datetime import timedelta

from chalicelib import operations
from chalicelib.adapters.aws import AwsClients
from chalicelib.adapters.cursors import HmacCursorSeal
from chalicelib.adapters.dynamodb.job_lists import DynamoDBJobLists
from chalicelib.adapters.dynamodb.jobs import DynamoDBJobRepository
from chalicelib.adapters.dynamodb.rate_limits import DynamoDBRateLimitStore
from chalicelib.adapters.dynamodb.submissions import DynamoDBSubmissions
from chalicelib.adapters.dynamodb.users import DynamoDBUserRepository
from chalicelib.adapters.operation_process import OperationProcess
from chalicelib.adapters.passwords import PasslibPasswordHasher
from chalicelib.adapters.signing_key import SsmSigningKey
from chalicelib.adapters.sqs import SqsJobQueue
from chalicelib.adapters.system import SystemClock, SystemIds, SystemPause, SystemRandomness
from chalicelib.adapters.tokens import JwtCodec
from chalicelib.config import Settings
from chalicelib.consumer import Consumer
from chalicelib.domain.rate_limits import Limit
from chalicelib.operations.registry import OperationRegistry
from chalicelib.ports import Clock, CursorSeal, OperationCatalogue
from chalicelib.services.accounts import AccountService
from chalicelib.services.dead_letters import DeadLetters
from chalicelib.services.execution import Execution
from chalicelib.services.jobs import JobService
from chalicelib.services.rate_limiting import RateLimiter
from chalicelib.services.submission import SubmissionService
from chalicelib.services.sweeping import Sweep
from chalicelib.services.waiting import Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the entry points call."""

    accounts: AccountService
    submissions: SubmissionService
    jobs: JobService
    waiting: Waiting
    cursors: CursorSeal
    consumer: Consumer
    sweep: Sweep
    dead_letters: DeadLetters
    operations: OperationCatalogue
    rate_limiter: RateLimiter
    submit_limit: Limit
    read_limit: Limit
    sign_in_limit: Limit
    body_max_bytes: int
    clock: Clock


def build(settings: Settings) -> Services:
    """Wire the services for AWS. Reaches nothing: clients are made with their first call."""
    clients = AwsClients()
    clock = SystemClock()
    ids = SystemIds()
    randomness = SystemRandomness()
    pause = SystemPause()
    worker = ids.new_worker_id()
    catalogue = OperationRegistry(operations)
    jobs = DynamoDBJobRepository(lambda: clients.dynamodb, table=settings.jobs_table)
    lists = DynamoDBJobLists(lambda: clients.dynamodb, table=settings.jobs_table)
    queue = SqsJobQueue(lambda: clients.sqs, queue_url=settings.jobs_queue_url)
    signing_key = SsmSigningKey(lambda: clients.ssm, parameter=settings.signing_key_parameter)
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
    limits_store = DynamoDBRateLimitStore(lambda: clients.dynamodb, table=settings.limits_table)
    return Services(
        accounts=AccountService(
            users=DynamoDBUserRepository(lambda: clients.dynamodb, table=settings.users_table),
            passwords=PasslibPasswordHasher(),
            tokens=JwtCodec(issuer=settings.token_issuer, key=signing_key),
            clock=clock,
            ids=ids,
            token_ttl=timedelta(seconds=settings.access_token_ttl_s),
        ),
        submissions=SubmissionService(
            jobs=jobs,
            submissions=DynamoDBSubmissions(
                lambda: clients.dynamodb,
                jobs_table=settings.jobs_table,
                idempotency_table=settings.idempotency_table,
                randomness=randomness,
                pause=pause,
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
        cursors=HmacCursorSeal(signing_key),
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
        body_max_bytes=settings.body_max_bytes,
        clock=clock,
    )
