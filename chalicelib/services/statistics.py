"""What administrators are told of all jobs together: how they ended, and how many wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.delivery import RESEND_AFTER_MAX, SHARDS
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_ends import SLOT, Count
from chalicelib.domain.jobs import Job, JobStatus
from chalicelib.domain.statistics import Statistics, Window, days, statistics
from chalicelib.ports import Clock, JobRepository
from chalicelib.statistics_ports import CountStore, QueueDepth, QueueGauge

ROWS_MAX = 20_000
"""Of counts, so many are looked at: about five seconds' work for a function of 512 MB."""

ENTRIES = 100
"""Of each shard of the index, so many are considered, the longest due first."""

LOOKED_AT = 100
"""Rows that are read, in one call: jobs that run, or that are delayed, are in the index too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """
    What waits as of an instant.

    ``oldest_waiting`` is for how long the job that has waited longest is due, of those that were looked at: in a long
    backlog one that waits longer may be missed. ``None`` if none of these waits.
    """

    queue: QueueDepth
    oldest_waiting: timedelta | None
    as_of: datetime


class StatisticsService:
    """
    Reads counts and indexes; the work is bounded, and does not grow with the number of jobs.

    ``counts`` is ``None`` where an update has not brought their table yet.
    """

    def __init__(self, *, counts: CountStore | None, jobs: JobRepository, queue: QueueGauge, clock: Clock) -> None:
        self._counts = counts
        self._jobs = jobs
        self._queue = queue
        self._clock = clock

    def of(self, window: Window) -> Statistics:
        """
        Return the statistics of a window that ends now, of the newest `ROWS_MAX` counts if it has more.

        Raises:
            Unavailable: There is no table of counts yet, or it is away.
        """
        if self._counts is None:
            detail = "the statistics table is not there yet: update the stack with the template of this version"
            raise Unavailable(detail)
        at = self._clock.now()
        counts, counted_from = _newest(self._counts, *window.span(at))
        return statistics(counts, window=window, at=at, counted_from=counted_from)

    def overview(self) -> Overview:
        """Return what waits now."""
        at = self._clock.now()
        waits = [max(at - job.queued_at, timedelta()) for job in self._candidates(at) if _is_waiting(job, at)]
        return Overview(queue=self._queue.depth(), oldest_waiting=max(waits, default=None), as_of=at)

    def _candidates(self, at: datetime) -> Sequence[Job]:
        """
        Return the jobs with the smallest ids, which were submitted first, among the open ones that may be due.

        The sweep looks at each of these within `RESEND_AFTER_MAX`, so the index has it until then.
        """
        keys = {
            due.key for shard in range(SHARDS) for due in self._jobs.due(shard, at=at + RESEND_AFTER_MAX, limit=ENTRIES)
        }
        first = sorted(keys, key=lambda key: key.job_id)[:LOOKED_AT]
        return self._jobs.get_all(first) if first else []


def _newest(store: CountStore, begins_at: datetime, ends_at: datetime) -> tuple[Sequence[Count], datetime]:
    """Return the counts of a span, and from when on they are all there; one too many tells that older ones are."""
    counts: list[Count] = []
    for part in reversed([*days(begins_at, ends_at)]):
        counts += store.of_day(*part, limit=ROWS_MAX + 1 - len(counts))
        if len(counts) > ROWS_MAX:
            return counts, counts[-1].ending.slot + SLOT
    return counts, begins_at


def _is_waiting(job: Job, at: datetime) -> bool:
    return job.status is JobStatus.PENDING and job.is_due(at) and not job.is_expired(at)
