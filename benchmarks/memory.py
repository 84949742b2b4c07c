"""
Whether the consumer's memory is flat: that of its process and of the one that runs operations, over 100,000 jobs.

The consumer is entered as Lambda enters it, with batches of five, each job another one; a process beside it answers its
calls of AWS at once. Every 5,000 jobs both processes are looked at.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import linear_regression
from typing import TYPE_CHECKING, Any

import app
from benchmarks import PROJECT
from benchmarks.answering import answering
from benchmarks.lambda_context import LambdaContext
from benchmarks.measure import show
from benchmarks.processor_time import descendants
from chalicelib.adapters.aws_calls import Answer
from chalicelib.adapters.dynamodb.items import to_job_item
from chalicelib.adapters.sqs import to_body
from chalicelib.domain.jobs import JobId, JobKey
from tests.aws import WatchedCalls
from tests.deployment import environment
from tests.events import sqs_event
from tests.factories import OWNER, make_claim, make_job

if TYPE_CHECKING:
    from tests.aws import Made

JOBS = 100_000
BATCH = 5
LOOKS = 20
"""At how many places of a run the processes are looked at, besides its beginning."""

WARM_UP = 0.2
"""The first part of a run, in which caches fill; what grows in it is not counted."""

FLAT_MAX_KIB = 3.0
"""
The most that a flat process may grow by in 1,000 jobs.

Less than the smallest object that Python has, 16 bytes, for each batch: nothing is left behind by each, be it of a job
or of a batch, and of a million jobs no more than 3 MiB.
"""

CONSUMER, OPERATIONS = "consumer", "operations"


class Unfit(Exception):
    """The consumer did not do its jobs, or ended; the message has what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The resident memory of both processes after so many jobs, in KiB."""

    jobs: int
    resident_kib: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The looks, and by how much each process grew after warming up, in KiB per 1,000 jobs."""

    looks: Sequence[Look]
    growth_kib: Mapping[str, float]

    @property
    def is_flat(self) -> bool:
        """Whether no process grew by more than `FLAT_MAX_KIB`."""
        return max(self.growth_kib.values()) <= FLAT_MAX_KIB


def measured(*, jobs: int = JOBS) -> Memory:
    """
    Run so many jobs in a process of its own, which takes some 2 ms each.

    Raises:
        Unfit: They were not all done.
    """
    now = datetime.now(UTC)
    job = make_job(created_at=now, run_at=now, expires_at=now + timedelta(days=1)).claimed(make_claim("claim", at=now))
    answers = {
        "Query": {"Items": [], "Count": 0, "ScannedCount": 0},
        "UpdateItem": {"Attributes": to_job_item(job)},
    }
    looks = []
    # Its log, which is as that of a deployment, is of no use here.
    log = subprocess.DEVNULL
    with answering(answers) as aws:
        command = [sys.executable, "-m", "benchmarks.memory", str(jobs), aws.endpoint_url]
        with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=log, text=True) as process:  # noqa: S603 - this very interpreter, and no shell
            assert process.stdout is not None  # noqa: S101 - for the type checker
            for line in process.stdout:
                told = json.loads(line)
                if "failed" in told:
                    raise Unfit(told["failed"])
                looks.append(Look(**told))
                show(f"memory: {looks[-1].jobs:,} of {jobs:,} jobs done")
    if process.returncode:
        message = f"the consumer ended with exit code {process.returncode}"
        raise Unfit(message)
    print(file=sys.stderr)
    return Memory(looks=looks, growth_kib=growth(looks))


def growth(looks: Sequence[Look]) -> dict[str, float]:
    """Return by how much each process grows after warming up, as the straight line nearest to the looks does."""
    counted = [look for look in looks if look.jobs >= WARM_UP * looks[-1].jobs]
    thousands = [look.jobs / 1000 for look in counted]
    return {
        name: linear_regression(thousands, [look.resident_kib[name] for look in counted]).slope
        for name in looks[-1].resident_kib
    }


def main() -> int:
    """Measure and print; return the exit status."""
    found = measured(jobs=int(os.environ.get("JOBS", JOBS)))
    print(f"| Jobs | {CONSUMER}, MiB | {OPERATIONS}, MiB |\n|--:|--:|--:|")
    for look in found.looks:
        print(f"| {look.jobs:,} | {' | '.join(f'{kib / 1024:.2f}' for kib in look.resident_kib.values())} |")
    for name, kib in found.growth_kib.items():
        print(f"\nThe process of the {name} grew by {kib:.2f} KiB in 1,000 jobs after the first fifth.")
    print(f"\nThat is {'' if found.is_flat else 'not '}flat, which is at most {FLAT_MAX_KIB:g}.")
    return 0 if found.is_flat else 1


class _Ends:
    """Gives each claim the job that it asked for, and counts the good ends."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, _: str, operation: str, parameters: dict[str, Any], made: "Made") -> Answer:
        answer = made(parameters)
        if parameters.get("ReturnValues") == "ALL_NEW":
            answer["Attributes"] |= parameters["Key"]
        elif operation == "UpdateItem" and {"S": "SUCCESS"} in parameters["ExpressionAttributeValues"].values():
            self.done += 1
        return answer


def _consume(jobs: int, endpoint_url: str) -> None:
    """Run so many jobs in this process, and print what it holds."""
    variables = environment(
        PARTIAL_BATCH_RESPONSES="true", AWS_DEFAULT_REGION="us-east-1", AWS_ENDPOINT_URL=endpoint_url
    )
    os.environ.update(variables | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})
    ends = _Ends()
    WatchedCalls(ends)
    for batch in range(jobs // BATCH):
        if batch % (jobs // BATCH // LOOKS) == 0:
            _look(batch * BATCH)
        _deliver(range(batch * BATCH, (batch + 1) * BATCH))
    _look(jobs)
    if ends.done != jobs:
        message = f"{ends.done} jobs of {jobs} are done"
        raise Unfit(message)


def _deliver(numbers: Sequence[int]) -> None:
    keys = [JobKey(owner_id=OWNER, job_id=JobId(f"01900000-0000-7000-8000-{number:012}")) for number in numbers]
    event: dict[str, Any] = sqs_event(*map(to_body, keys))
    failed = app.consume(event, LambdaContext())
    if failed != {"batchItemFailures": []}:
        message = f"consume gave {failed}"
        raise Unfit(message)


def _look(jobs: int) -> None:
    children = descendants(os.getpid())
    if children:  # there is none before the first job
        resident_kib = {CONSUMER: _kib(os.getpid()), OPERATIONS: _kib(*children)}
        print(json.dumps({"jobs": jobs, "resident_kib": resident_kib}), flush=True)


def _kib(pid: int) -> int:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        try:
            _consume(int(sys.argv[1]), sys.argv[2])
        except Exception as error:
            print(json.dumps({"failed": repr(error)}), flush=True)
            raise
    else:
        sys.exit(main())
