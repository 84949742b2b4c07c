"""How many functions run at once: the queue's mapping, new containers, and the account's concurrency."""

import math
from dataclasses import dataclass, field

from benchmarks.model.book import Book, Step
from benchmarks.model.capacity import Bucket, in_proportion, tightest
from benchmarks.model.deployment import Deployment, Limit
from benchmarks.model.product import Product

API, CONSUME, RELAY = "api_handler", "consume", "relay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How many of each function run throughout a step, and, where it is fewer than wanted, why."""

    number: dict[str, float]
    why: dict[str, Limit] = field(default_factory=dict)


class Functions:
    """The functions of the account. Containers that were made stay."""

    def __init__(self, limits: Deployment, product: Product, book: Book) -> None:
        self._limits, self._product, self._book = limits, product, book
        self._ring = Bucket(limits.ring_reads, limits.ring_reads)
        self._new = {name: Bucket(limits.environments, limits.environments_burst) for name in (API, CONSUME, RELAY)}
        self._containers = dict.fromkeys(self._new, 0.0)
        self._first = min(limits.pollers_first, limits.consumers, limits.mapping)
        self._pollers = self._first

    def run(self, wanted: dict[str, float], step: Step) -> Running:
        """Return how many run of those that are wanted at once."""
        number, why = dict(wanted), {}
        number[CONSUME], limit = self._polled(wanted[CONSUME], step)
        if limit is not None:
            why[CONSUME] = limit
        for name, running in number.items():
            number[name], limit = self._with_containers(name, running, step)
            if limit is not None:
                why[name] = limit
        whole = math.fsum(number.values())
        most = self._limits.concurrency
        self._book.share(Limit.CONCURRENCY, min(whole, most), most)
        if whole > most:
            number = dict(zip(number, in_proportion([*number.values()], most), strict=True))
            why = dict.fromkeys(number, Limit.CONCURRENCY)
        for name, running in number.items():
            new = max(0.0, running - self._containers[name])
            self._containers[name] += new
            self._new[name].take(new, step.seconds)
            if name == API:
                self._ring.take(new, step.seconds)
        return Running(number=number, why=why)

    def _polled(self, wanted: float, step: Step) -> tuple[float, Limit | None]:
        """Return how many consumers the queue's mapping runs; it grows while they are not enough."""
        limits = self._limits
        bounds = (
            (Limit.CONSUMERS, limits.consumers),
            (Limit.MAPPING, limits.mapping),
            (Limit.IN_FLIGHT, limits.in_flight / self._product.batch),
        )
        grown = self._pollers if wanted <= self._pollers else self._pollers + limits.pollers * step.seconds
        runs, limit = tightest(wanted, *bounds, (Limit.POLLERS, grown))
        for each, bound in bounds:
            self._book.share(each, runs, bound)
        self._pollers = max(self._first, runs)
        return runs, limit

    def _with_containers(self, name: str, wanted: float, step: Step) -> tuple[float, Limit | None]:
        has = self._containers[name]
        rooms = [(Limit.ENVIRONMENTS, has + self._new[name].room(step.seconds))]
        if name == API:
            # Each new one reads the key ring before it can answer anybody.
            rooms.append((Limit.RING_READS, has + self._ring.room(step.seconds)))
        return tightest(wanted, *rooms)
