"""How much passes a limit: buckets of tokens, tables that grow with their peaks, windows of the users' quotas."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.model.deployment import Limit
from chalicelib.domain.rate_limits import INTERVALS
from chalicelib.domain.rate_limits import Limit as Quota

CLOSE = 1e-6
"""Differences below it are those of the arithmetic."""


def tightest(wanted: float, *limits: tuple[Limit, float]) -> tuple[float, Limit | None]:
    """Return how much passes all of these limits, and which of them holds up the rest, if any does."""
    limit, most = min(limits, key=lambda each: each[1])
    return (max(0.0, most), limit) if wanted - most > CLOSE else (wanted, None)


@dataclass(slots=True)
class Bucket:
    """Tokens that come in at a rate and are kept up to ``size``; it begins full."""

    rate: float
    size: float
    spent: float = 0

    def room(self, seconds: float) -> float:
        """Return how many can be taken in a step of so many seconds, in which as many come in as the rate says."""
        return self.size - self.spent + self.rate * seconds

    def take(self, number: float, seconds: float) -> None:
        """Take so many in that step."""
        self.spent = max(0.0, self.spent + number - self.rate * seconds)


@dataclass(slots=True)
class Table:
    """The write units a second of a table or index on demand: what it began with, or a factor times an earlier peak."""

    units: float
    quota: float
    factor: float
    after_s: float
    _peak: float = 0
    _peaks: deque[tuple[float, float]] = field(default_factory=deque)

    def units_at(self, at: float) -> float:
        """Return what it takes now."""
        while self._peaks and self._peaks[0][0] + self.after_s <= at:
            _, peak = self._peaks.popleft()
            self.units = max(self.units, self.factor * peak)
        return min(self.units, self.quota)

    def used(self, at: float, units_per_s: float) -> None:
        """Remember a new peak."""
        if units_per_s > self._peak * 1.01:
            self._peak = units_per_s
            self._peaks.append((at, units_per_s))


@dataclass(slots=True)
class Window:
    """
    What some users together may still submit, by the product's sliding windows.

    They are taken to behave alike, so that each has the same share. Of a request with several jobs, what does not hold
    all of them is of no use.
    """

    quota: Quota
    users: int
    jobs_per_request: int
    _taken: deque[tuple[int, float]] = field(default_factory=deque)

    def room(self, at: float) -> float:
        """Return how many more jobs there is room for."""
        now = int(at // self.quota.interval.total_seconds())
        while self._taken and self._taken[0][0] < now - INTERVALS:
            self._taken.popleft()
        each = self.quota.quota // self.jobs_per_request * self.jobs_per_request
        return each * self.users - sum(taken for _, taken in self._taken)

    def take(self, at: float, jobs: float) -> None:
        """Count jobs, throughout the interval that they are submitted in."""
        now = int(at // self.quota.interval.total_seconds())
        if self._taken and self._taken[-1][0] == now:
            self._taken[-1] = (now, self._taken[-1][1] + jobs)
        else:
            self._taken.append((now, jobs))


def in_proportion(parts: Sequence[float], passes: float) -> list[float]:
    """Return what passes of each part, if so much of all passes, with no regard to whose it is."""
    whole = sum(parts)
    share = 1.0 if whole <= passes else passes / whole
    return [part * share for part in parts]
