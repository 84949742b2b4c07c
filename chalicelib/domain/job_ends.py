"""
Ends of jobs as they are counted: by five minutes, operation, and how they ended, with a histogram of their latencies.

An end is a change that made a job final. One that is retried by hand and ends again has two. The latency is the time
from `Job.queued_at` to the end, of jobs that ended SUCCESS or FAILED: who cancels one chooses when it ends.
"""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, repeat
from typing import Final

from chalicelib.domain.job_events import Change, Unreadable
from chalicelib.domain.jobs import Job, JobStatus

SLOT: Final = timedelta(minutes=5)
"""What is counted together; the shortest interval that can be told of."""

RETENTION: Final = timedelta(days=9)
"""How long counts are kept: longer than any window reaches back, and the relay may be half a day late."""

BUCKET_FACTOR: Final = 1.5
"""How much longer the latencies of a bucket are at its upper bound than at its lower one."""

BOUNDS_MS: Final[Sequence[float]] = tuple(accumulate(repeat(BUCKET_FACTOR, 37), lambda ms, by: ms * by, initial=10.0))
"""
Where each bucket ends and the next begins, from 10 ms to 9 hours; what is longer is all in the last.

38 bounds, so 39 buckets.
"""

BUCKETS: Final = len(BOUNDS_MS) + 1

CODE_MAX_CHARACTERS: Final = 64
OTHER_CODE: Final = "OTHER"
"""Stands for an error's code that is longer, or that is missing."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What is counted together: ``slot`` is when its five minutes begin; only FAILED has an ``error_code``."""

    slot: datetime
    operation: str
    status: JobStatus
    error_code: str | None = None

    @classmethod
    def of(cls, job: Job, finished_at: datetime) -> "Ending":
        """Return where a job that ended then is counted."""
        code = None
        if job.status is JobStatus.FAILED:
            code = OTHER_CODE if job.error is None else job.error.code
            if not 0 < len(code) <= CODE_MAX_CHARACTERS or not (code.isascii() and code.isprintable()):
                code = OTHER_CODE
        return cls(slot=begin_of(finished_at, SLOT), operation=job.operation, status=job.status, error_code=code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many jobs ended so; ``latencies`` has how many of them each bucket has, and nothing of CANCELLED ones."""

    ending: Ending
    jobs: int
    latencies: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What is to be added to a count; ``batch`` names its very ends, so that the same ones can be told again."""

    count: Count
    batch: str


def additions(changes: Iterable[Change | Unreadable]) -> Sequence[Addition]:
    """Return what changes add to counts: one addition for each `Ending`, so never more than there are ends."""
    ended: dict[Ending, list[Job]] = {}
    for change in changes:
        job = None if isinstance(change, Unreadable) else _ended(change)
        if job is not None and job.finished_at is not None:
            ended.setdefault(Ending.of(job, job.finished_at), []).append(job)
    return [
        Addition(
            count=Count(ending=ending, jobs=len(jobs), latencies=_latencies(jobs)),
            batch=_digest(sorted(job.token for job in jobs)),
        )
        for ending, jobs in ended.items()
    ]


def bucket(latency: timedelta) -> int:
    """
    Return the bucket of a latency; of what is below zero, as by a clock that was behind, the first.

    >>> bucket(timedelta(0)), bucket(timedelta(milliseconds=10)), bucket(timedelta(days=1))
    (0, 1, 38)
    """
    return bisect_right(BOUNDS_MS, latency / MILLISECOND)


def begin_of(at: datetime, length: timedelta) -> datetime:
    """Return when the interval of this length begins that an instant is in; the first of a day begins with it, UTC."""
    return at - (at - EPOCH) % length


def _ended(change: Change) -> Job | None:
    before, after = change.before, change.after
    if after is None or not after.is_final or (before is not None and before.token == after.token):
        return None
    return after


def _latencies(jobs: Iterable[Job]) -> Mapping[int, int]:
    return Counter(
        bucket(job.finished_at - job.queued_at)
        for job in jobs
        if job.finished_at is not None and job.status is not JobStatus.CANCELLED
    )


def _digest(tokens: Iterable[str]) -> str:
    return hashlib.sha256(" ".join(tokens).encode()).hexdigest()[:16]
