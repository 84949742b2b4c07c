"""What the plots show, as data: a few lines of each scenario over time, thinned out."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from benchmarks.model.outcome import Outcome, Sample, percentile
from benchmarks.model.scenarios import NOISY, QUIET, Rung, Variation

POINTS = 80
"""Of a line; more would not be seen."""

DIGITS = 3
"""Of a number; more would not be seen either."""

Points: TypeAlias = Sequence[tuple[float, float]]
Figure: TypeAlias = Mapping[str, Any]
Dollars: TypeAlias = Callable[[Sample], float]


def of_ladder(
    title: str, rungs: Sequence[Rung], chosen: Mapping[str, int], dollars: Dollars, *, is_burst: bool
) -> Figure:
    """Return backlog, latency and cost of some rungs, which are chosen by the name of their line."""
    outcomes = {name: rungs[place].outcome for name, place in chosen.items()}
    return {
        "title": title,
        "is_log": is_burst,
        "panels": [
            _panel("jobs that wait", outcomes, _waiting, is_log=not is_burst),
            _panel("p99 in seconds,\nof jobs as they end", outcomes, _latency_of(None), is_log=True),
            _panel("USD so far", outcomes, dollars),
        ],
    }


def of_variations(title: str, made: Sequence[Variation], dollars: Dollars) -> Figure:
    """Return how quiet tenants and the noisy one fare."""
    outcomes = {_plain(each.called): each.outcome for each in made}
    return {
        "title": title,
        "is_log": False,
        "panels": [
            _panel("quiet tenants:\np99 in seconds", outcomes, _latency_of(QUIET), is_log=True),
            _panel("noisy tenant:\np99 in seconds", outcomes, _latency_of(NOISY), is_log=True),
            _panel("jobs that wait,\nof all tenants", outcomes, _waiting),
            _panel("USD so far", outcomes, dollars),
        ],
    }


def of_rungs(title: str, rungs: Sequence[Rung]) -> Figure:
    """Return how many jobs a second end on each rung, as bars."""
    bars = [
        ["as deployed" if rung.raised is None else _plain(rung.raised.how), _short(rung.outcome.last_rate)]
        for rung in rungs
    ]
    return {"title": title, "bars": bars, "unit": "jobs that end in a second, over the last ten minutes"}


def digest(figures: Mapping[str, Figure]) -> str:
    """Return what tells these figures from any others."""
    return hashlib.sha256(json.dumps(figures, sort_keys=True).encode()).hexdigest()[:16]


def _panel(
    label: str,
    outcomes: Mapping[str, Outcome],
    value: Callable[[Sample], float | None],
    *,
    is_log: bool = False,
) -> Mapping[str, Any]:
    lines = {name: _line(outcome, value) for name, outcome in outcomes.items()}
    return {"label": label, "lines": lines, "is_log": is_log}


def _plain(markdown: str) -> str:
    return markdown.replace("`", "").replace("*", "")


def _waiting(sample: Sample) -> float:
    return sample.at_callers + sample.in_queue


def _latency_of(group: str | None) -> Callable[[Sample], float | None]:
    def latency(sample: Sample) -> float | None:
        chosen = sample.latencies.values() if group is None else [sample.latencies.get(group, ())]
        return percentile((each for latencies in chosen for each in latencies), 0.99)

    return latency


def _line(outcome: Outcome, value: Callable[[Sample], float | None]) -> Points:
    return [
        (_short(sample.at_s), _short(number))
        for sample in _thinned(outcome.samples)
        if (number := value(sample)) is not None
    ]


def _thinned(samples: Sequence[Sample]) -> Iterator[Sample]:
    """Yield samples that are about as far apart in the logarithm of time as on a plot; the last one always."""
    if len(samples) <= POINTS:
        yield from samples
        return
    factor = (samples[-1].at_s / samples[0].at_s) ** (1 / POINTS)
    due = 0.0
    for sample in samples:
        if sample.at_s >= due or sample is samples[-1]:
            yield sample
            due = sample.at_s * factor


def _short(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
