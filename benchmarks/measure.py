"""
Figures of several contestants who take turns, so that a slow minute of the machine meets all of them alike.

Each round asks each contestant once, and every other round in the opposite order. What is kept of the rounds is the
median, and between which values the middle half of them lies.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles

Figures = Mapping[str, float]
"""What one round of one contestant gives, by the name of the figure, with its unit: ``submit_cpu_ms``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What a figure was over all rounds: the median, and the quartiles."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, samples: list[float]) -> "Spread":
        """Return that of these samples, of which there must be one at least."""
        low, _, high = quantiles(samples, n=4, method="inclusive") if len(samples) > 1 else samples * 3
        return cls(median=median(samples), low=low, high=high, rounds=len(samples))


def taking_turns(
    part: str, contestants: Mapping[str, Callable[[], Figures]], *, rounds: int
) -> dict[str, dict[str, Spread]]:
    """Return each contestant's figures over so many rounds; show how far it is as ``part``."""
    samples: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in contestants}
    for number in range(rounds):
        order = list(contestants) if number % 2 == 0 else list(reversed(list(contestants)))
        for name in order:
            show(f"{part}: round {number + 1} of {rounds}, {name}")
            for figure, value in contestants[name]().items():
                samples[name][figure].append(value)
    show(f"{part}: done")
    print(file=sys.stderr)
    return {
        name: {figure: Spread.of(values) for figure, values in figures.items()} for name, figures in samples.items()
    }


def show(line: str) -> None:
    """Show where a long run is, in the place of what was shown before."""
    if sys.stderr.isatty():
        print(f"\r\033[K  {line}", end="", file=sys.stderr, flush=True)
    else:
        print(f"  {line}", file=sys.stderr, flush=True)
