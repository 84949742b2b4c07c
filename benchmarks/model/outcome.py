"""What a run has to tell: latencies, samples over time, and its books."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from benchmarks.model.book import Book, Used

LAST_S = 600


def percentile(latencies: Iterable[tuple[float, float]], share: float) -> float | None:
    """Return the latency that so large a share of the jobs has at most; each comes with its number of jobs."""
    ordered = sorted(latencies)
    if not ordered:
        return None
    ranks = [*accumulate(jobs for _, jobs in ordered)]
    place = bisect_left(ranks, share * ranks[-1])
    return ordered[min(place, len(ordered) - 1)][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How things stand at the end of a step; rates and latencies are of what was accepted and ended in it."""

    at_s: float
    at_callers: float
    in_queue: float
    events_waiting: float
    accepted_per_s: float
    ended_per_s: float
    consumers: float
    latencies: Mapping[str, tuple[tuple[float, float], ...]]
    used: Used


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    A whole run.

    ``done_at_s`` is when the last job ended, ``None`` if some had not at the end. ``latencies`` are by group, from when
    a job was wanted to its end, with the number of jobs that had them.
    """

    wanted: float
    ended: float
    refused: float
    at_callers: float
    in_queue: float
    done_at_s: float | None
    latencies: Mapping[str, tuple[tuple[float, float], ...]]
    wanted_by: Mapping[str, float]
    refused_by: Mapping[str, float]
    samples: tuple[Sample, ...]
    book: Book

    @property
    def _last(self) -> list[Sample]:
        """The samples of the last ten minutes."""
        return [sample for sample in self.samples if sample.at_s > self.samples[-1].at_s - LAST_S]

    @property
    def last_rate(self) -> float:
        """How many jobs ended in a second, over the last ten minutes."""
        last = self._last
        begins = [self.samples[-len(last) - 1].at_s if len(last) < len(self.samples) else 0.0]
        begins += [sample.at_s for sample in last[:-1]]
        ended = math.fsum(
            sample.ended_per_s * (sample.at_s - begin) for begin, sample in zip(begins, last, strict=True)
        )
        return ended / (last[-1].at_s - begins[0])

    def last_latency(self, share: float) -> float | None:
        """Return a percentile of the latency of the jobs that ended in the last ten minutes."""
        return percentile(
            (each for sample in self._last for latencies in sample.latencies.values() for each in latencies), share
        )

    def latency(self, share: float, group: str | None = None) -> float | None:
        """Return a percentile of the latency, of all groups or one."""
        chosen = self.latencies.items() if group is None else [(group, self.latencies[group])]
        return percentile((each for _, latencies in chosen for each in latencies), share)
