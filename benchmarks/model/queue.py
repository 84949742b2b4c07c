"""Jobs that wait, as cohorts by when they were wanted; and the order in which SQS delivers them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Line:
    """Jobs of one group in the order in which they came; each cohort is when they were wanted, and how many."""

    waiting: float = 0
    _cohorts: deque[list[float]] = field(default_factory=deque)

    def add(self, wanted_at: float, jobs: float) -> None:
        """Let jobs wait at the end."""
        if jobs <= 0:
            return
        self.waiting += jobs
        if self._cohorts and self._cohorts[-1][0] == wanted_at:
            self._cohorts[-1][1] += jobs
        else:
            self._cohorts.append([wanted_at, jobs])

    def take(self, jobs: float) -> list[tuple[float, float]]:
        """Take so many from the front; return them as cohorts."""
        taken: list[tuple[float, float]] = []
        while jobs > 0 and self._cohorts:
            first = self._cohorts[0]
            part = min(jobs, first[1])
            taken.append((first[0], part))
            jobs -= part
            self.waiting -= part
            first[1] -= part
            if first[1] <= 0:
                self._cohorts.popleft()
        if not self._cohorts:
            self.waiting = 0
        return taken

    @property
    def oldest(self) -> float:
        """When the first was wanted; never, if none waits."""
        return self._cohorts[0][0] if self._cohorts else float("inf")


def delivered(waiting: Sequence[float], noisy: Sequence[bool], most: float) -> list[float]:
    """
    Return how many of each group's waiting messages are delivered, of ``most`` together.

    Those of quiet groups come first. Among equals each message is as likely as any other, as a standard queue promises
    no order.
    """
    served = [0.0] * len(waiting)
    for is_noisy in (False, True):
        members = [place for place in range(len(waiting)) if noisy[place] is is_noisy and waiting[place] > 0]
        whole = sum(waiting[place] for place in members)
        share = 1.0 if whole <= most else most / whole
        for place in members:
            served[place] = waiting[place] * share
        most -= min(whole, most)
    return served
