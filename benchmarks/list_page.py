"""
What a page of a list costs: the same at a million jobs of one owner as at a thousand.

Loads the jobs of two owners into a table on DynamoDB Local, AWS's own engine, or on MiniStack where there is no Java or
npm, reads pages of either with each kind of filter, and fails if their read units differ. Times are the stand-in's, and
prove nothing about AWS.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPConnection
from itertools import islice
from statistics import median
from typing import Any

from chalicelib.adapters.dynamodb.items import to_job_item
from chalicelib.adapters.dynamodb.job_lists import DynamoDBJobLists
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import Act, Job, JobError, JobId, JobKey, JobStatus, submitted
from chalicelib.domain.users import UserId
from localstack.emulator import running_emulator
from tests.aws import REGION, ReadUnits, client, create_table
from tests.dynamodb_local import DynamoDBLocalMissing, running_dynamodb_local

FEW = 1_000
DAY = datetime(2026, 1, 1, tzinfo=UTC)
A_JOB_EVERY = timedelta(milliseconds=10)
PAGE = 20
BATCH = 25
"""Rows that one BatchWriteItem takes at most."""

THREADS = 4
UNSIGNED = {
    "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
    "X-Amz-Date": "20260101T000000Z",
    "Content-Type": "application/x-amz-json-1.0",
    "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/dynamodb/aws4_request,"
    " SignedHeaders=host, Signature=none",
}
"""The stand-ins look at whose table it is, and never at the signature."""

TIMES = 5
OUT_OF_TURN = 10
"""Each of so many jobs has failed."""

FILTERS = {
    "none": JobFilter(),
    "created_after": JobFilter(created_after=DAY),
    "status=FAILED": JobFilter(status=JobStatus.FAILED),
    "status=SUCCESS": JobFilter(status=JobStatus.SUCCESS),
    "operation": JobFilter(operation="cube_sum"),
    "a tag that none has": JobFilter(tag="none"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one page cost."""

    units: float
    milliseconds: float


def main() -> int:
    """Run the benchmark for as many jobs as ``JOBS`` says; return the exit status."""
    many = int(os.environ.get("JOBS", "1000000"))
    with _engine() as (name, endpoint_url):
        dynamodb = client("dynamodb", endpoint_url)
        table = create_table(dynamodb, "JobsTable", "jobs")
        costs: list[dict[tuple[str, str], Cost]] = []
        for jobs in (FEW, many):
            owner_id = UserId(f"00000000-0000-4000-8000-{jobs:012}")
            _load(endpoint_url, table, owner_id, jobs)
            costs.append(_measured(dynamodb, table, owner_id, jobs))
    return _report(name, many, *costs)


@contextmanager
def _engine() -> Iterator[tuple[str, str]]:
    try:
        with running_dynamodb_local() as endpoint_url:
            yield "DynamoDB Local", endpoint_url
            return
    except DynamoDBLocalMissing as missing:
        print(missing)
    with running_emulator(enforce_iam=False) as endpoint_url:
        yield "MiniStack", endpoint_url


def _job_id(number: int) -> JobId:
    at_ms = (DAY + number * A_JOB_EVERY - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return JobId(f"{at_ms >> 16:08x}-{at_ms & 0xFFFF:04x}-7000-8000-{number:012x}")


def _kinds(owner_id: UserId) -> Sequence[Job]:
    """Return as many jobs as there are kinds of them, in the order in which they take turns."""
    act = Act(token="00000000-0000-4000-8000-000000000000", at=DAY, worker="benchmark")  # noqa: S106 - no secret
    waiting = submitted(
        JobKey(owner_id=owner_id, job_id=_job_id(0)),
        act,
        operation="square_sum",
        data_json="[1,2,3]",
        max_attempts=3,
        timeout=timedelta(minutes=1),
        retention=timedelta(days=30),
        run_at=DAY,
        due_at=DAY,
    )
    done = waiting.finished("14", act)
    others = [replace(done, operation=operation) for operation in ("square_sum", "cube_sum")] * (OUT_OF_TURN // 2)
    return [waiting.failed(JobError(code="OPERATION_FAILED", detail="no such planet"), act), *others[1:]]


def _load(endpoint_url: str, table: str, owner_id: UserId, jobs: int) -> None:
    """Put the jobs into the table. Past boto3, whose own work on so many rows is more than the engine's."""
    place = "the id"
    puts = [
        json.dumps({"PutRequest": {"Item": to_job_item(job) | {"job_id": {"S": place}}}}) for job in _kinds(owner_id)
    ]
    of_thread = threading.local()

    def write(begin: int) -> None:
        if not hasattr(of_thread, "connection"):
            of_thread.connection = HTTPConnection(endpoint_url.removeprefix("http://"))
        numbers = range(begin, min(begin + BATCH, jobs))
        batch = ",".join(puts[number % len(puts)].replace(place, _job_id(number)) for number in numbers)
        of_thread.connection.request("POST", "/", f'{{"RequestItems": {{"{table}": [{batch}]}}}}', UNSIGNED)
        answer = of_thread.connection.getresponse()
        text = answer.read().decode()
        if answer.status != HTTPStatus.OK or json.loads(text)["UnprocessedItems"]:
            raise RuntimeError(text)

    begins = iter(range(0, jobs, BATCH))
    loaded = 0
    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        while stretch := list(islice(begins, 400)):
            list(pool.map(write, stretch))
            loaded = min(loaded + len(stretch) * BATCH, jobs)
            rate = loaded / (time.monotonic() - began)
            print(f"\r  {loaded:,} of {jobs:,} jobs loaded, {rate:,.0f} a second ", end="", flush=True)
    print()


def _measured(dynamodb: Any, table: str, owner_id: UserId, jobs: int) -> dict[tuple[str, str], Cost]:  # noqa: ANN401 - boto3's own
    lists = DynamoDBJobLists(lambda: dynamodb, table=table)
    # The last page with any filter begins where just one page is left.
    begins = {"first": None, "middle": _job_id(jobs // 2), "last": _job_id(PAGE)}
    costs: dict[tuple[str, str], Cost] = {}
    with ReadUnits(dynamodb) as units:
        for kind, wanted in FILTERS.items():
            for place, after in begins.items():

                def page(wanted: JobFilter = wanted, after: JobId | None = after) -> object:
                    return lists.page(owner_id, wanted, limit=PAGE, after=after)

                seconds = [_seconds(page) for _ in range(TIMES)]
                costs[kind, place] = Cost(units=units.taken() / TIMES, milliseconds=1000 * median(seconds))
    return costs


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _report(
    name: str, many: int, few_costs: dict[tuple[str, str], Cost], many_costs: dict[tuple[str, str], Cost]
) -> int:
    print(f"\nA page of {PAGE} on {name}: read units and milliseconds, at {FEW:,} and at {many:,} jobs of one owner\n")
    print("| Filter | Page | Units | Units at the larger | ms | ms at the larger |")
    print("|---|---|--:|--:|--:|--:|")
    for (kind, place), few in few_costs.items():
        larger = many_costs[kind, place]
        print(
            f"| {kind} | {place} | {few.units:g} | {larger.units:g} | {few.milliseconds:.1f} |"
            f" {larger.milliseconds:.1f} |"
        )
    if all(cost.units == many_costs[key].units for key, cost in few_costs.items()):
        print("\nEvery page costs the same.")
        return 0
    print("\nThe units differ.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
