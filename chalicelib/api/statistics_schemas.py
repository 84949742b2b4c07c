"""Answers about all jobs together. The field names are the API's."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypedDict

import msgspec

from chalicelib.domain.statistics import Ends, Latency, Statistics, Window
from chalicelib.fields import Instant, Operation, described

if TYPE_CHECKING:
    from chalicelib.services.statistics import Overview

Jobs = Annotated[int, described("", 7)]
Milliseconds = Annotated[int, described("", 420)]


class LatencyPercentiles(msgspec.Struct, frozen=True):
    """From when a job was to run to its end, in milliseconds; each is off by less than half, or than 10 ms."""

    p50: Milliseconds
    p95: Milliseconds
    p99: Milliseconds

    @classmethod
    def from_latency(cls, latency: Latency) -> "LatencyPercentiles":
        """Return percentiles as the API tells them."""
        return cls(p50=latency.p50_ms, p95=latency.p95_ms, p99=latency.p99_ms)


LatencyMs = Annotated[
    LatencyPercentiles | None,
    msgspec.Meta(description="Of the jobs that ended SUCCESS or FAILED; null if there are none."),
]


class CountedEnds(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs ended how."""

    success: Jobs
    failed: Jobs
    cancelled: Jobs
    latency_ms: LatencyMs


class CountedInterval(CountedEnds, frozen=True, kw_only=True):
    """The ends of one interval."""

    begins_at: Instant


class CountedOperation(CountedEnds, frozen=True, kw_only=True):
    """The ends of one operation's jobs."""

    operation: Operation


class CountedError(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs of an operation failed with a code."""

    operation: Operation
    code: Annotated[str, described("Of the job's error; OTHER stands for codes that are too long.", "TIMED_OUT")]
    jobs: Jobs


class ToldEnds(TypedDict):
    """The fields of `CountedEnds`."""

    success: int
    failed: int
    cancelled: int
    latency_ms: LatencyPercentiles | None


def _told(ends: Ends) -> ToldEnds:
    latency = None if ends.latency is None else LatencyPercentiles.from_latency(ends.latency)
    return {"success": ends.success, "failed": ends.failed, "cancelled": ends.cancelled, "latency_ms": latency}


class StatisticsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of ``GET /admin/statistics``."""

    window: Window
    interval_s: Annotated[int, described("How long each interval is.", 300)]
    begins_at: Instant
    ends_at: Instant
    counted_from: Annotated[
        datetime,
        described(
            "From when on everything is counted: begins_at, or later where there was too much to look at. "
            "What ended before it is in none of the numbers.",
            "2026-11-24T12:00:00Z",
            format="date-time",
        ),
    ]
    intervals: Annotated[
        Sequence[CountedInterval], msgspec.Meta(description="All of them, the oldest first; the last is not over yet.")
    ]
    total: CountedEnds
    operations: Annotated[Sequence[CountedOperation], msgspec.Meta(description="Those with the most jobs first.")]
    errors: Annotated[Sequence[CountedError], msgspec.Meta(description="The most frequent first, at most 100.")]

    @classmethod
    def from_statistics(cls, statistics: Statistics) -> "StatisticsAnswer":
        """Return statistics as the API tells them."""
        return cls(
            window=statistics.window,
            interval_s=statistics.window.interval // timedelta(seconds=1),
            begins_at=statistics.begins_at,
            ends_at=statistics.ends_at,
            counted_from=statistics.counted_from,
            intervals=[
                CountedInterval(begins_at=begins_at, **_told(ends)) for begins_at, ends in statistics.intervals.items()
            ],
            total=CountedEnds(**_told(statistics.total)),
            operations=[
                CountedOperation(operation=name, **_told(ends)) for name, ends in statistics.operations.items()
            ],
            errors=[
                CountedError(operation=each.operation, code=each.code, jobs=each.jobs) for each in statistics.errors
            ],
        )


class QueueCounts(msgspec.Struct, frozen=True, kw_only=True):
    """About how many messages the queue of jobs has, as SQS counts them."""

    waiting: Annotated[int, described("To be received now.", 12)]
    in_flight: Annotated[int, described("With a consumer.", 5)]
    delayed: Annotated[int, described("For later.", 3)]


class OverviewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of ``GET /admin/overview``."""

    queue: QueueCounts
    oldest_waiting_s: Annotated[
        int | None,
        described(
            "For how many seconds the job that has waited longest is due, or longer: "
            "of a long backlog not every job is looked at. Null if none is found that waits.",
            42,
        ),
    ]
    as_of: Instant

    @classmethod
    def from_overview(cls, overview: "Overview") -> "OverviewAnswer":
        """Return what waits as the API tells it."""
        oldest = overview.oldest_waiting
        return cls(
            queue=QueueCounts(
                waiting=overview.queue.waiting, in_flight=overview.queue.in_flight, delayed=overview.queue.delayed
            ),
            oldest_waiting_s=None if oldest is None else oldest // timedelta(seconds=1),
            as_of=overview.as_of,
        )
