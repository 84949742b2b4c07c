"""The books of a run: what each limit held up, how much of it was made use of, and what was used of AWS."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.model.capacity import CLOSE, in_proportion
from benchmarks.model.deployment import DELAY_EVENTS, Limit


@dataclass(frozen=True, slots=True)
class Step:
    """A span of time: when it begins, and how long it is."""

    at_s: float
    seconds: float


@dataclass(slots=True)
class Held:
    """
    What each limit held up: when it first did, and the job-seconds that were lost before it.

    A job that was refused for good counts as held from then on, as no end of it is ever reached.
    """

    first_s: dict[Limit, float] = field(default_factory=dict)
    job_seconds: defaultdict[Limit, float] = field(default_factory=lambda: defaultdict(float))
    refused: defaultdict[Limit, float] = field(default_factory=lambda: defaultdict(float))

    def waits(self, limit: Limit, jobs: float, *, at: float, seconds: float) -> None:
        """So many jobs wait before a limit, throughout a step."""
        self.first_s.setdefault(limit, at)
        self.job_seconds[limit] += jobs * seconds

    def refuses(self, limit: Limit, jobs: float, *, at: float, until: float) -> None:
        """So many jobs are refused for good, in a run that goes on until then."""
        self.refused[limit] += jobs
        self.waits(limit, jobs, at=at, seconds=until - at)

    def weight(self, limit: Limit) -> float:
        """Return the job-seconds that a limit held up."""
        return self.job_seconds.get(limit, 0.0)

    def first(self) -> Limit | None:
        """Return the limit that jobs felt first; of several at once, the one that they come to first."""
        order = list(Limit)
        felt = [limit for limit in self.first_s if limit not in DELAY_EVENTS]
        return min(felt, key=lambda limit: (self.first_s[limit], order.index(limit)), default=None)

    def most(self, among: Iterable[Limit] = tuple(Limit)) -> Limit | None:
        """Return which of these held up most, ``None`` if none held up anything."""
        held = [limit for limit in among if self.weight(limit) > 0]
        return max(held, key=self.weight, default=None)


@dataclass(slots=True)
class Used:
    """What was used of AWS so far, in what `benchmarks.cost` counts."""

    units: Counter[str] = field(default_factory=Counter)
    invocations: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    jobs_run: float = 0

    def invoked(self, function: str, times: float, *, calls: float = 0) -> None:
        """Count invocations of a function, with ``calls`` of AWS in each."""
        self.invocations[function] += times  # type: ignore[assignment] # shares of invocations are as good
        self.calls[function] += times * calls  # type: ignore[assignment]

    def unit(self, name: str, number: float) -> None:
        """Count units of the price list."""
        self.units[name] += number  # type: ignore[assignment]

    def copy(self) -> "Used":
        """Return it as it is now."""
        return Used(
            units=self.units.copy(),
            invocations=self.invocations.copy(),
            calls=self.calls.copy(),
            jobs_run=self.jobs_run,
        )


@dataclass(slots=True)
class Book:
    """
    All that is kept of a run.

    ``shares`` is, of each limit, the most that was made use of in a step, as a share of what it lets through. Of a
    throttle it is more than all while its burst is used.
    """

    held: Held = field(default_factory=Held)
    used: Used = field(default_factory=Used)
    shares: dict[Limit, float] = field(default_factory=dict)
    stops: dict[Limit, float] = field(default_factory=dict)

    def share(self, limit: Limit, used: float, most: float) -> None:
        """Remember how much was made use of."""
        if 0 < most < math.inf:
            self.shares[limit] = max(self.shares.get(limit, 0.0), used / most)

    def stop(self, jobs: float, limit: Limit) -> None:
        """So many jobs did not get past a limit in this step; whether they come again is for their callers."""
        if jobs > CLOSE:
            self.stops[limit] = self.stops.get(limit, 0.0) + jobs

    def passing(self, asked: list[float], passes: float, limit: Limit | None) -> list[float]:
        """Return what passes of each group's jobs, where a limit lets through only so many of all."""
        if limit is None:
            return asked
        through = in_proportion(asked, passes)
        self.stop(math.fsum(asked) - math.fsum(through), limit)
        return through
