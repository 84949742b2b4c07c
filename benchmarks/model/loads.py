"""What callers ask for: groups of users who behave alike, and for how long."""

from collections.abc import Iterator
from dataclasses import dataclass

CLOSELY_S = 300
"""How long a run goes second by second; then it goes by `STRIDE_S`."""

STRIDE_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """
    Users who behave alike: together they want ``at_once`` jobs at the beginning, and ``per_s`` for ``lasts_s``.

    Who ``insists`` tries again until the job is accepted; for the others a refusal is the end.
    """

    name: str
    users: int
    at_once: float = 0
    per_s: float = 0
    lasts_s: float = 0
    insists: bool = False

    def wanted(self, begin_s: float, end_s: float) -> float:
        """Return how many jobs they want in a span of time."""
        at_once = self.at_once if begin_s == 0 else 0
        return at_once + self.per_s * max(0, min(end_s, self.lasts_s) - begin_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What all groups want, each job by itself or in batches. A run ends with the last job, or at ``horizon_s``."""

    name: str
    groups: tuple[Group, ...]
    horizon_s: float
    jobs_per_request: int = 1

    @property
    def wanted(self) -> float:
        """All jobs that are ever wanted."""
        return sum(group.at_once + group.per_s * group.lasts_s for group in self.groups)

    @property
    def asked_until_s(self) -> float:
        """When the last is wanted."""
        return max(group.lasts_s for group in self.groups)

    def steps(self) -> Iterator[tuple[float, float]]:
        """Yield the time at which each step begins, and how long it is."""
        at: float = 0
        while at < self.horizon_s:
            step = 1 if at < CLOSELY_S else STRIDE_S
            yield at, step
            at += step
