"""The way out: changes of jobs, from the stream's shards to the event bus and the statistics."""

import math

from benchmarks.model.book import Book, Step
from benchmarks.model.capacity import CLOSE, tightest
from benchmarks.model.deployment import Deployment, Limit
from benchmarks.model.loads import Load
from benchmarks.model.product import CHANGES, WEBHOOKS_READ_UNITS, Product


class Relay:
    """Tells of changes. Nobody has a webhook, and each owner's jobs are as likely in a batch as another's."""

    def __init__(self, load: Load, limits: Deployment, product: Product, book: Book) -> None:
        self._limits, self._product, self._book = limits, product, book
        self._owners = sum(group.users for group in load.groups)
        self._batch = 1.0
        self.waiting = 0.0

    def wanted(self, changes: float, shards: float, step: Step) -> float:
        """Return how many relays at once would tell of all that waits, and of so many changes more."""
        self._fill(changes, shards, step)
        return (self.waiting + changes) / self._rate() / step.seconds

    def tell(self, changes: float, running: float, shards: float, step: Step) -> None:
        """Let so many relays tell of what waits and of changes that are new."""
        product, limits, book = self._product, self._limits, self._book
        self._fill(changes, shards, step)
        self.waiting += changes
        rate, puts = self._rate(), self._puts() / self._batch
        most_at_once = shards * product.relay_parallel
        tells, limit = tightest(
            self.waiting,
            (Limit.CONCURRENCY, running * rate * step.seconds + CLOSE),
            (Limit.STREAM, most_at_once * rate * step.seconds),
            (Limit.PUT_EVENTS, limits.put_events / puts * step.seconds),
        )
        self.waiting = max(0.0, self.waiting - tells)
        if limit is not None and self.waiting > 1:
            book.held.waits(limit, self.waiting / CHANGES, at=step.at_s, seconds=step.seconds)
        book.share(Limit.STREAM, tells, most_at_once * rate * step.seconds)
        book.share(Limit.PUT_EVENTS, tells * puts / step.seconds, limits.put_events)
        batches = tells / self._batch
        self._count(batches, step)
        book.used.invoked("relay", batches, calls=self._calls())
        book.used.unit("events_put", tells)
        book.used.unit("dynamodb_read_units", batches * min(self._batch, self._owners) * WEBHOOKS_READ_UNITS)

    def _fill(self, changes: float, shards: float, step: Step) -> None:
        """Find how many changes a batch has: what came since the last poll of a shard, divided between its relays."""
        at_once = shards * self._product.relay_parallel * self._limits.stream_polls
        polled = (self.waiting + changes) / step.seconds / at_once
        self._batch = min(self._product.relay_batch, max(1.0, polled))

    def _count(self, batches: float, step: Step) -> None:
        """Count the ends: a write for each batch, all to the partition of the day; what it does not take is lost."""
        most = self._limits.statistics_keys * self._limits.key_units * step.seconds
        self._book.share(Limit.STATISTICS_KEY, batches, most)
        if batches - most > CLOSE:
            self._book.held.waits(Limit.STATISTICS_KEY, batches - most, at=step.at_s, seconds=step.seconds)
        self._book.used.unit("dynamodb_write_units", min(batches, most))

    def _rate(self) -> float:
        """Return how many changes one relay tells in a second."""
        return self._batch / (self._product.relay_s + self._calls() * self._product.call_s)

    def _calls(self) -> float:
        """Return the calls for a batch: a Query for each owner, the events, and one count."""
        return min(self._batch, self._owners) + self._puts() + 1

    def _puts(self) -> int:
        return math.ceil(self._batch / self._product.events_at_once)
