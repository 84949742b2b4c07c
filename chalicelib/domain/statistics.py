"""What counts of jobs' ends tell: how many ended how in each interval of a window, and how long they took."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chalicelib.domain.job_ends import BOUNDS_MS, BUCKETS, Count, begin_of
from chalicelib.domain.jobs import JobStatus

DAY: Final = timedelta(days=1)

ERRORS_MAX: Final = 100
"""Of the errors that are told of: the most frequent ones."""


class Window(StrEnum):
    """How far back statistics reach: to the beginning of the interval that lies so far back."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"

    @property
    def interval(self) -> timedelta:
        """How long each of its intervals is; a day has a whole number of them."""
        return {Window.HOUR: timedelta(minutes=5), Window.DAY: timedelta(minutes=30)}.get(self, timedelta(hours=2))

    @property
    def intervals(self) -> int:
        """How many it has; the last is the one that is running."""
        return {Window.HOUR: 12, Window.DAY: 48}.get(self, 84)

    def span(self, at: datetime) -> tuple[datetime, datetime]:
        """Return when its first interval begins and its last one ends, as of an instant."""
        ends_at = begin_of(at, self.interval) + self.interval
        return ends_at - self.intervals * self.interval, ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """
    Percentiles in milliseconds, by nearest rank.

    Each is taken from the bucket that has the job of its rank, as if the bucket's jobs were evenly spread. So it is off
    by less than half of that job's latency, or than 10 ms if that was shorter; beyond the last bound it is that bound.
    """

    p50_ms: int
    p95_ms: int
    p99_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """How many jobs ended how; ``latency`` is of those that ended SUCCESS or FAILED, ``None`` without any."""

    success: int = 0
    failed: int = 0
    cancelled: int = 0
    latency: Latency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCount:
    """How many jobs of an operation failed with a code."""

    operation: str
    code: str
    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """
    The ends of a window, complete from ``counted_from`` on; what ended before that is in none of the numbers.

    ``intervals`` are all there are, the oldest first, by when they begin; ``operations`` are by name, those with the
    most jobs first; ``errors`` the most frequent first, at most `ERRORS_MAX`.
    """

    window: Window
    begins_at: datetime
    ends_at: datetime
    counted_from: datetime
    intervals: Mapping[datetime, Ends]
    total: Ends
    operations: Mapping[str, Ends]
    errors: Sequence[ErrorCount]


@dataclass(slots=True)
class _Sum:
    """Counts that are being added up."""

    jobs: Counter[JobStatus] = field(default_factory=Counter)
    latencies: Counter[int] = field(default_factory=Counter)

    def add(self, count: Count) -> None:
        self.jobs[count.ending.status] += count.jobs
        self.latencies.update(count.latencies)

    def ends(self) -> Ends:
        return Ends(
            success=self.jobs[JobStatus.SUCCESS],
            failed=self.jobs[JobStatus.FAILED],
            cancelled=self.jobs[JobStatus.CANCELLED],
            latency=latency(self.latencies),
        )


def statistics(
    counts: Iterable[Count], *, window: Window, at: datetime, counted_from: datetime | None = None
) -> Statistics:
    """
    Return what counts tell of a window as of an instant; those of other times are passed over.

    ``counted_from`` is the beginning of the oldest slot that they have all of; without it they have the whole window.
    """
    begins_at, ends_at = window.span(at)
    counted_from = counted_from or begins_at
    total = _Sum()
    intervals = {begins_at + number * window.interval: _Sum() for number in range(window.intervals)}
    operations: dict[str, _Sum] = {}
    errors: Counter[tuple[str, str]] = Counter()
    for count in counts:
        ending = count.ending
        interval = intervals.get(begin_of(ending.slot, window.interval))
        if interval is None or ending.slot < counted_from:
            continue
        for each in (total, interval, operations.setdefault(ending.operation, _Sum())):
            each.add(count)
        if ending.error_code is not None:
            errors[ending.operation, ending.error_code] += count.jobs
    busiest = sorted(operations.items(), key=lambda named: (-named[1].jobs.total(), named[0]))
    most = sorted(errors.items(), key=lambda counted: (-counted[1], counted[0]))[:ERRORS_MAX]
    return Statistics(
        window=window,
        begins_at=begins_at,
        ends_at=ends_at,
        counted_from=counted_from,
        intervals={begin: each.ends() for begin, each in intervals.items()},
        total=total.ends(),
        operations={name: each.ends() for name, each in busiest},
        errors=[ErrorCount(operation=operation, code=code, jobs=jobs) for (operation, code), jobs in most],
    )


def days(begins_at: datetime, ends_at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts that a span has of each day, UTC: from when to when, which may be the next midnight."""
    while begins_at < ends_at:
        midnight = begin_of(begins_at, DAY) + DAY
        yield begins_at, min(midnight, ends_at)
        begins_at = midnight


def latency(latencies: Mapping[int, int]) -> Latency | None:
    """Return the percentiles of a histogram, ``None`` of an empty one."""
    if not any(latencies.values()):
        return None
    p50, p95, p99 = (round(_percentile(latencies, percent)) for percent in (50, 95, 99))
    return Latency(p50_ms=p50, p95_ms=p95, p99_ms=p99)


def _percentile(latencies: Mapping[int, int], percent: int) -> float:
    rank = math.ceil(sum(latencies.values()) * percent / 100)
    below = 0
    bucket = 0
    while below + latencies.get(bucket, 0) < rank:
        below += latencies.get(bucket, 0)
        bucket += 1
    if bucket == BUCKETS - 1:
        return BOUNDS_MS[-1]
    lower, upper = (0.0, *BOUNDS_MS)[bucket : bucket + 2]
    return lower + (upper - lower) * (rank - below - 0.5) / latencies[bucket]
