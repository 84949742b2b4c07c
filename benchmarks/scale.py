"""
What a page of a list, a claim and a check of a limit cost: the same at a million jobs as at a thousand.

Loads jobs of one owner, then of many, into a table on DynamoDB Local, AWS's own engine, or on MiniStack where there is
no Java or npm. At each size it reads pages with each kind of filter, claims jobs and takes permits, and fails if read
or write units differ from those at another size. Times are the stand-in's, and prove nothing about AWS.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any
from uuid import uuid4

from benchmarks.loading import DAY, Owners, act, job_id, load, waiting_job
from chalicelib.adapters.dynamodb.job_lists import DynamoDBJobLists
from chalicelib.adapters.dynamodb.jobs import DynamoDBJobRepository
from chalicelib.adapters.dynamodb.rate_limits import DynamoDBRateLimitStore
from chalicelib.adapters.system import SystemIds
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import Claim, JobKey, JobStatus
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.users import UserId
from chalicelib.services.rate_limiting import RateLimiter
from localstack.emulator import running_emulator
from tests.aws import ReadUnits, WriteUnits, client, create_table
from tests.dynamodb_local import DynamoDBLocalMissing, running_dynamodb_local
from tests.fakes import FixedClock

SMALLEST = 1_000
LARGEST = 1_000_000
JOBS_EACH = 500
"""Of each of many owners: more than any page looks at."""

OWNERS = (Owners(name="one owner", jobs_each=None), Owners(name="many owners", jobs_each=JOBS_EACH))
PAGE = 20
TIMES = 5

FILTERS = {
    "none": JobFilter(),
    "created_after": JobFilter(created_after=DAY),
    "status=FAILED": JobFilter(status=JobStatus.FAILED),
    "status=SUCCESS": JobFilter(status=JobStatus.SUCCESS),
    "operation": JobFilter(operation="cube_sum"),
    "a tag that none has": JobFilter(tag="none"),
}

CLAIM, LIMIT = "a claim", "a check of a limit"


class UnitsDiffer(Exception):
    """Something costs more, or less, at one size than at another; the message names it with its units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What doing it once costs; the time is the median."""

    read_units: float
    write_units: float
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What each thing costs at each size, by whose the jobs are: ``costs["one owner"]["a claim"][1000]``."""

    engine: str
    costs: Mapping[str, Mapping[str, Mapping[int, Cost]]]


def measured(*, sizes: Sequence[int]) -> Scale:
    """
    Measure at so many jobs, each size larger than the last, which are loaded once.

    Raises:
        UnitsDiffer: Read or write units are not the same at every size.
    """
    with _engine() as (name, endpoint_url):
        costs = {owners.name: costs_of(endpoint_url, owners, sizes) for owners in OWNERS}
    print(file=sys.stderr)
    return Scale(engine=name, costs=costs)


def costs_of(
    endpoint_url: str,
    owners: Owners,
    sizes: Sequence[int],
    *,
    page: int = PAGE,
    filters: Mapping[str, JobFilter] = FILTERS,
) -> dict[str, dict[int, Cost]]:
    """
    Return what each thing costs at each size, in tables of their own on the engine, which are removed again.

    Pages are of at most ``page`` jobs, of which each owner has more.

    Raises:
        UnitsDiffer: Read or write units are not the same at every size.
    """
    dynamodb = client("dynamodb", endpoint_url)
    bench = _Bench(dynamodb, page, filters)
    costs: dict[str, dict[int, Cost]] = {}
    try:
        for loaded, size in pairwise((0, *sizes)):
            load(endpoint_url, bench.jobs_table, owners, range(loaded, size))
            owner_id, numbers = owners.in_the_middle(size)
            if not loaded:
                bench.costs(owner_id, numbers)  # once for the engine, which is slow at first
            for what, cost in bench.costs(owner_id, numbers).items():
                costs.setdefault(what, {})[size] = cost
    finally:
        bench.remove()
    differing = [
        f"{what} of {owners.name}: {dict(zip(sizes, units, strict=True))}"
        for what, of_what in costs.items()
        if len(set(units := [(cost.read_units, cost.write_units) for cost in of_what.values()])) > 1
    ]
    if differing:
        message = "read and write units are not the same at every size:\n" + "\n".join(differing)
        raise UnitsDiffer(message)
    return costs


class _Bench:
    """What is measured, over tables of its own."""

    def __init__(self, dynamodb: Any, page: int, filters: Mapping[str, JobFilter]) -> None:  # noqa: ANN401 - boto3's own
        self._dynamodb = dynamodb
        self._page = page
        self._filters = filters
        suffix = uuid4()
        self.jobs_table = create_table(dynamodb, "JobsTable", f"jobs-{suffix}")
        self._limits_table = create_table(dynamodb, "LimitsTable", f"limits-{suffix}")
        self._lists = DynamoDBJobLists(lambda: dynamodb, table=self.jobs_table)
        self._jobs = DynamoDBJobRepository(lambda: dynamodb, table=self.jobs_table)
        self._limits = DynamoDBRateLimitStore(lambda: dynamodb, table=self._limits_table)

    def remove(self) -> None:
        for table in (self.jobs_table, self._limits_table):
            self._dynamodb.delete_table(TableName=table)

    def costs(self, owner_id: UserId, numbers: range) -> dict[str, Cost]:
        """Return what each thing costs for an owner with the jobs of these numbers."""
        # The last page with any filter begins where just one page is left.
        begins = {"first": None, "middle": numbers[len(numbers) // 2], "last": numbers[self._page]}
        costs = {}
        for name, wanted in self._filters.items():
            for place, begin in begins.items():
                after = None if begin is None else job_id(begin)
                page = partial(self._lists.page, owner_id, wanted, limit=self._page, after=after)
                costs[f"{place} page, filter: {name}"] = self._cost([page] * TIMES)
        return {**costs, CLAIM: self._claims(owner_id, numbers), LIMIT: self._limit(owner_id)}

    def _claims(self, owner_id: UserId, numbers: range) -> Cost:
        keys = [JobKey(owner_id=owner_id, job_id=job_id(numbers.stop + number)) for number in range(TIMES)]
        claim = Claim(
            act=act(),
            time_left=timedelta(minutes=5),
            lease_margin=timedelta(seconds=15),
            paused_operations=frozenset(),
        )
        for key in keys:
            self._jobs.add(waiting_job(key))
        cost = self._cost([partial(self._jobs.claim, key, claim) for key in keys])
        for key in keys:  # which the next size's pages would show
            self._dynamodb.delete_item(
                TableName=self.jobs_table, Key={"owner_id": {"S": key.owner_id}, "job_id": {"S": key.job_id}}
            )
        return cost

    def _limit(self, owner_id: UserId) -> Cost:
        limiter = RateLimiter(self._limits, FixedClock(DAY), SystemIds())
        limit = Limit(name=f"submit-{uuid4()}", quota=1000, window=timedelta(minutes=1))
        limiter.admit(owner_id, limit)  # begins the tally, once in a while
        return self._cost([partial(limiter.admit, owner_id, limit)] * TIMES)

    def _cost(self, calls: Sequence[Callable[[], object]]) -> Cost:
        with ReadUnits(self._dynamodb) as reads, WriteUnits(self._dynamodb) as writes:
            milliseconds = [1000 * _seconds(call) for call in calls]
            return Cost(
                read_units=reads.taken() / len(calls),
                write_units=writes.taken() / len(calls),
                milliseconds=median(milliseconds),
            )


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


@contextmanager
def _engine() -> Iterator[tuple[str, str]]:
    try:
        with running_dynamodb_local(lives_long=True) as endpoint_url:
            yield "DynamoDB Local", endpoint_url
            return
    except DynamoDBLocalMissing as missing:
        print(missing, file=sys.stderr)
    with running_emulator(enforce_iam=False) as endpoint_url:
        yield "MiniStack", endpoint_url


def sizes_to(largest: int) -> list[int]:
    """
    Return the sizes up to this one, each ten times the last.

    >>> sizes_to(1_000_000), sizes_to(5_000)
    ([1000, 10000, 100000, 1000000], [1000, 5000])
    """
    sizes = [SMALLEST]
    while sizes[-1] * 10 <= largest:
        sizes.append(sizes[-1] * 10)
    return sizes if sizes[-1] >= largest else [*sizes, largest]


def main() -> int:
    """Measure up to as many jobs as ``JOBS`` says, and print; return the exit status."""
    sizes = sizes_to(int(os.environ.get("JOBS", LARGEST)))
    try:
        found = measured(sizes=sizes)
    except UnitsDiffer as differ:
        print(f"\n{differ}", file=sys.stderr)
        return 1
    print(f"On {found.engine}, a page being one of {PAGE} jobs: read and write units, the same at each size, and ms\n")
    print(f"| Of | What | Reads | Writes | {' | '.join(f'ms at {size:,}' for size in sizes)} |")
    print("|---|---|--:|--:|" + "--:|" * len(sizes))
    for owners, costs in found.costs.items():
        for what, at in costs.items():
            units = f"{at[sizes[0]].read_units:g} | {at[sizes[0]].write_units:g}"
            print(f"| {owners} | {what} | {units} | {' | '.join(f'{at[size].milliseconds:.1f}' for size in sizes)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
