"""A small history for the page to show: jobs of two people in every status, one that died; a past for the charts."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.adapters.aws import AwsClients
from chalicelib.adapters.dynamodb.statistics import DynamoDBCountStore
from chalicelib.adapters.sqs import to_body
from chalicelib.adapters.system import SystemClock
from chalicelib.domain.job_ends import SLOT, Addition, Count, Ending, begin_of, bucket
from chalicelib.domain.jobs import JobId, JobKey, JobStatus
from chalicelib.domain.users import UserId
from chalicelib.services.known_pauses import REMEMBERED_FOR
from deployment.emulated import clients
from tests.browser.person import PASSWORD
from tests.e2e.conftest import call, finished, local_stage, program

ADMIN = "ada"
USER = "grace"
PAST = timedelta(days=1)
PATIENCE_S = 60


@dataclass(frozen=True, kw_only=True)
class History:
    """What there is to see: ids of the administrator's own things, and of a user's job that failed."""

    job_id: str
    failed_job_id: str
    user_id: str
    schedule_id: str
    webhook_id: str
    delivery_id: str


def made_up(api: str, aws_endpoint: str, receiver_url: str) -> History:
    """Have two people use a service that nobody has used before; deliveries go to ``receiver_url``."""
    ada, grace = (signed_up(api, name) for name in (ADMIN, USER))
    program("deployment.admin", AWS_ENDPOINT_URL=aws_endpoint, USERNAME=ADMIN).check_returncode()
    add_past(aws_endpoint)
    event_types = ["job.succeeded", "job.failed", "job.cancelled"]
    webhook = _made(api, ada, "/webhooks", url=receiver_url, event_types=event_types, description="Billing")
    schedule = _made(
        api,
        ada,
        "/schedules",
        name="Nightly totals",
        cron="30 2 * * *",
        time_zone="Europe/Vienna",
        operation="square_sum",
        data=[1, 2, 3],
        tags=["nightly"],
    )
    _made(api, ada, "/api-keys", name="nightly import", scopes=["jobs:read", "jobs:write"], expires_in_days=90)
    done = [
        _job(api, ada, operation="square_sum", data=list(range(size)), tags=["report", f"run-{size}"])
        for size in (3, 40, 7)
    ]
    for job_id in done:
        finished(api, f"/jobs/{job_id}", ada)
    _job(api, ada, operation="cube_sum", data=[1e200, 2], tags=["report"])
    cancelled = _job(api, ada, operation="cube_sum", data=[5, 8], delay_s=3600)
    call(api, "POST", f"/jobs/{cancelled}/cancel", token=ada)
    failed = _job(api, grace, operation="square_sum", data=[1e300])
    finished(api, f"/jobs/{failed}", grace)
    pause = "/admin/operations/cube_sum/{}"
    assert call(api, "POST", pause.format("pause"), body={"reason": "waits for new limits"}, token=ada)[0] == 200
    time.sleep(REMEMBERED_FOR / timedelta(seconds=1))  # till no consumer goes by what it knew before
    dead = _job(api, grace, operation="cube_sum", data=[2, 3], tags=["import"])
    bury(aws_endpoint, dead)
    finished(api, f"/jobs/{dead}", grace)
    _job(api, ada, operation="cube_sum", data=[4, 4, 4], tags=["report"])
    user_id = call(api, "GET", f"/users/{USER}", token=ada)[1]["user_id"]
    return History(
        job_id=done[1],
        failed_job_id=dead,
        user_id=user_id,
        schedule_id=schedule["schedule_id"],
        webhook_id=webhook["webhook_id"],
        delivery_id=_first_delivery(api, ada, webhook["webhook_id"]),
    )


def signed_up(api: str, username: str) -> str:
    """Register somebody and return a token."""
    credentials = {"username": username, "password": PASSWORD}
    call(api, "POST", "/register", body=credentials)
    token: str = call(api, "POST", "/login", body=credentials)[1]["access_token"]
    return token


def bury(aws_endpoint: str, job_id: str) -> None:
    """Do as SQS does with a message that nobody settled: it lies in the dead-letter queue."""
    aws, names = clients(aws_endpoint), local_stage(aws_endpoint).stack().outputs()
    (job,) = aws.client("dynamodb").scan(
        TableName=names["JobsTableName"],
        FilterExpression="job_id = :id",
        ExpressionAttributeValues={":id": {"S": job_id}},
    )["Items"]
    key = JobKey(owner_id=UserId(job["owner_id"]["S"]), job_id=JobId(job_id))
    aws.client("sqs").send_message(QueueUrl=names["JobsDeadLetterQueueUrl"], MessageBody=to_body(key))


def add_past(aws_endpoint: str) -> None:
    """Count ends of jobs of a day that never was, as the relay counts those that are."""
    table = local_stage(aws_endpoint).stack().outputs()["StatisticsTableName"]
    aws = AwsClients(clients(aws_endpoint).client)
    counts = DynamoDBCountStore(lambda: aws.dynamodb, table=table)
    slot = begin_of(SystemClock().now() - PAST, SLOT)
    for number in range(PAST // SLOT):
        busy = 1.2 - math.cos(2 * math.pi * number * SLOT / PAST) + 0.3 * math.sin(number)
        _count(
            counts, slot, "square_sum", JobStatus.SUCCESS, round(60 * busy), timedelta(milliseconds=180 * (1 + busy))
        )
        _count(counts, slot, "cube_sum", JobStatus.SUCCESS, round(25 * busy), timedelta(milliseconds=420 * (1 + busy)))
        if number % 7 == 0:
            _count(counts, slot, "cube_sum", JobStatus.FAILED, round(4 * busy), timedelta(seconds=9), "TIMED_OUT")
        if number % 11 == 0:
            _count(counts, slot, "square_sum", JobStatus.CANCELLED, 3, None)
        slot += SLOT


def _count(  # noqa: PLR0917 - the parts of a count
    counts: DynamoDBCountStore,
    slot: datetime,
    operation: str,
    status: JobStatus,
    jobs: int,
    latency: timedelta | None,
    code: str | None = None,
) -> None:
    ending = Ending(slot=slot, operation=operation, status=status, error_code=code)
    slow = jobs // 20
    latencies = {} if latency is None else {bucket(latency): jobs - slow, bucket(latency * 4): slow}
    if jobs:
        counts.add(Addition(count=Count(ending=ending, jobs=jobs, latencies=latencies), batch="made up"))


def _job(api: str, token: str, **wanted: Any) -> str:
    job_id: str = _made(api, token, "/jobs", **wanted)["job_id"]
    return job_id


def _made(api: str, token: str, path: str, **wanted: Any) -> Mapping[str, Any]:
    status, made = call(api, "POST", path, body=wanted, token=token)
    assert status in {201, 202}, made
    body: Mapping[str, Any] = made
    return body


def _first_delivery(api: str, token: str, webhook_id: str) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        deliveries = call(api, "GET", f"/webhooks/{webhook_id}/deliveries?status=SUCCESS", token=token)[1]["deliveries"]
        if deliveries:
            delivery_id: str = deliveries[-1]["delivery_id"]
            return delivery_id
        assert time.monotonic() < deadline, "nothing was delivered"
        time.sleep(0.2)
