"""
Very many jobs of one owner or of many, put into a table past boto3, whose own work on each is more than the engine's.

Each job's number tells its id, its owner and its kind, so what is loaded can be found again without being kept.
"""

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPConnection
from itertools import islice

from benchmarks.measure import show
from chalicelib.adapters.dynamodb.items import to_job_item
from chalicelib.domain.jobs import Act, Job, JobError, JobId, JobKey, submitted
from chalicelib.domain.users import UserId
from tests.aws import REGION

DAY = datetime(2026, 1, 1, tzinfo=UTC)
A_JOB_EVERY = timedelta(milliseconds=10)
BATCH = 25
"""Rows that one BatchWriteItem takes at most."""

BATCHES_AT_ONCE = 400
THREADS = 4
OUT_OF_TURN = 10
"""Each of so many jobs has failed."""

UNSIGNED = {
    "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
    "X-Amz-Date": "20260101T000000Z",
    "Content-Type": "application/x-amz-json-1.0",
    "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/dynamodb/aws4_request,"
    " SignedHeaders=host, Signature=none",
}
"""The stand-ins look at whose table it is, and never at the signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Who has the jobs: each owner so many in a row, or one owner all of them."""

    name: str
    jobs_each: int | None

    def of_job(self, number: int) -> UserId:
        """Return who has the job of this number."""
        owner = 0 if self.jobs_each is None else number // self.jobs_each
        return UserId(f"00000000-0000-4000-8000-{owner:012}")

    def in_the_middle(self, jobs: int) -> tuple[UserId, range]:
        """Return one owner where there are so many jobs, and the numbers of that owner's."""
        if self.jobs_each is None:
            return self.of_job(0), range(jobs)
        begin = jobs // 2 // self.jobs_each * self.jobs_each
        return self.of_job(begin), range(begin, begin + self.jobs_each)


def job_id(number: int) -> JobId:
    """Return the id of the job of this number; a later one is of a later instant."""
    at_ms = (DAY + number * A_JOB_EVERY - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return JobId(f"{at_ms >> 16:08x}-{at_ms & 0xFFFF:04x}-7000-8000-{number:012x}")


def waiting_job(key: JobKey) -> Job:
    """Return a job that is due."""
    return submitted(
        key,
        act(),
        operation="square_sum",
        data_json="[1,2,3]",
        max_attempts=3,
        timeout=timedelta(minutes=1),
        retention=timedelta(days=30),
        run_at=DAY,
        due_at=DAY,
    )


def act() -> Act:
    """Return the one who does everything here, at once."""
    return Act(token="00000000-0000-4000-8000-000000000000", at=DAY, worker="benchmark")  # noqa: S106 - no secret


def _kinds(key: JobKey) -> Sequence[Job]:
    """Return as many jobs as there are kinds of them, in the order in which they take turns."""
    waiting = waiting_job(key)
    done = waiting.finished("14", act())
    others = [replace(done, operation=operation) for operation in ("square_sum", "cube_sum")] * (OUT_OF_TURN // 2)
    return [waiting.failed(JobError(code="OPERATION_FAILED", detail="no such planet"), act()), *others[1:]]


def load(endpoint_url: str, table: str, owners: Owners, numbers: range) -> None:
    """Put the jobs of these numbers into the table; show how far it is."""
    somebody, place = UserId("the owner"), JobId("the id 00")  # of one whose last digits tell its shard
    puts = [
        json.dumps({"PutRequest": {"Item": to_job_item(job)}})
        for job in _kinds(JobKey(owner_id=somebody, job_id=place))
    ]
    of_thread = threading.local()
    connections: list[HTTPConnection] = []

    def write(batch: range) -> None:
        if not hasattr(of_thread, "connection"):
            of_thread.connection = HTTPConnection(endpoint_url.removeprefix("http://"))
            connections.append(of_thread.connection)
        # The index of failed jobs has the owner within its key, too.
        rows = ",".join(
            puts[number % len(puts)].replace(place, job_id(number)).replace(somebody, owners.of_job(number))
            for number in batch
        )
        of_thread.connection.request("POST", "/", f'{{"RequestItems": {{"{table}": [{rows}]}}}}', UNSIGNED)
        answer = of_thread.connection.getresponse()
        text = answer.read().decode()
        if answer.status != HTTPStatus.OK or json.loads(text)["UnprocessedItems"]:
            raise RuntimeError(text)

    batches = (numbers[begin : begin + BATCH] for begin in range(0, len(numbers), BATCH))
    loaded = 0
    began_s = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        while stretch := list(islice(batches, BATCHES_AT_ONCE)):
            list(pool.map(write, stretch))
            loaded += sum(map(len, stretch))
            rate = loaded / (time.monotonic() - began_s)
            show(f"{owners.name}: {loaded:,} of {len(numbers):,} more jobs loaded, {rate:,.0f} a second")
    for connection in connections:
        connection.close()
