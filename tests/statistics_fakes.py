"""In-memory implementations of the ports of statistics. They pass the same contract suite as the real ones."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_ends import Addition, Count, Ending
from chalicelib.statistics_ports import QueueDepth
from tests.fakes import InMemoryJobQueue


class InMemoryCountStore:
    """
    Counts, and of each the batch that was added last.

    ``answers`` is how many additions are taken before the store is away.
    """

    def __init__(self) -> None:
        self.counts: dict[Ending, Count] = {}
        self.answers: int | None = None
        self.fault: Exception | None = None
        self._last_batches: dict[Ending, str] = {}

    def add(self, addition: Addition) -> bool:
        if self.fault:
            raise self.fault
        if self.answers is not None:
            if self.answers == 0:
                detail = "the fake is away"
                raise Unavailable(detail)
            self.answers -= 1
        added = addition.count
        if self._last_batches.get(added.ending) == addition.batch:
            return False
        self._last_batches[added.ending] = addition.batch
        before = self.counts.get(added.ending, Count(ending=added.ending, jobs=0, latencies={}))
        self.counts[added.ending] = Count(
            ending=added.ending,
            jobs=before.jobs + added.jobs,
            latencies=dict(Counter(before.latencies) + Counter(added.latencies)),
        )
        return True

    def of_day(self, begins_at: datetime, ends_at: datetime, *, limit: int) -> Sequence[Count]:
        if self.answers == 0:
            detail = "the fake is away"
            raise Unavailable(detail)
        found = [count for ending, count in self.counts.items() if begins_at <= ending.slot < ends_at]
        return sorted(found, key=lambda count: count.ending.slot, reverse=True)[:limit]


class InMemoryQueueGauge:
    """Says of a queue in memory what waits in it; nothing is ever with a receiver."""

    def __init__(self, queue: InMemoryJobQueue) -> None:
        self._queue = queue

    def depth(self) -> QueueDepth:
        if self._queue.away:
            detail = "the fake is away"
            raise Unavailable(detail)
        delayed = sum(bool(delay) for delay in self._queue.delays)
        return QueueDepth(waiting=len(self._queue.messages) - delayed, in_flight=0, delayed=delayed)
