"""What a person reads: the summary of many schedules, and the trace of one."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.simulation.faults import Fault
from tests.simulation.observer import Violation
from tests.simulation.plan import Plan
from tests.simulation.schedule import Run

SHOWN_MAX = 20
"""Failing seeds named in a summary."""


@dataclass(slots=True, kw_only=True)
class Totals:
    """Sums over many schedules; the same whatever order and however many processes they ran in."""

    schedules: int = 0
    steps: int = 0
    struck: Counter[Fault] = field(default_factory=Counter)
    failures: dict[int, Violation] = field(default_factory=dict)

    def count(self, run: Run) -> None:
        """Add one run."""
        self.schedules += 1
        self.steps += run.steps
        self.struck.update(run.struck)
        if run.violations:
            self.failures[run.seed] = run.violations[0]

    def add(self, other: "Totals") -> None:
        """Add the sums of others."""
        self.schedules += other.schedules
        self.steps += other.steps
        self.struck.update(other.struck)
        self.failures.update(other.failures)


def summary(totals: Totals, *, seconds: float) -> Iterator[str]:
    """Yield the lines of a summary."""
    yield f"{totals.schedules:,} schedules, {totals.steps:,} steps, {sum(totals.struck.values()):,} faults"
    for fault in Fault:
        yield f"  {fault.value:<48} {totals.struck[fault]:>12,}"
    yield f"{seconds:.1f} s, {totals.schedules / max(seconds, 0.001):,.0f} schedules a second"
    yield f"{len(totals.failures):,} violations"
    for seed in sorted(totals.failures)[:SHOWN_MAX]:
        violation = totals.failures[seed]
        yield f"  seed {seed}: {violation.invariant}: {violation.detail}"


def story(run: Run) -> Iterator[str]:
    """Yield a run's trace, a line an event, and what it broke."""
    for number, job in enumerate(run.plan.jobs):
        if not job.is_left_out:
            attempts = job.max_attempts or "as many as usual"
            together = "" if job.batch == number else f", in the batch of job {job.batch}"
            keyed = "" if job.again_ms is None else ", with an idempotency key"
            yield f"job {number}: owner {job.owner}, delay {job.delay_s} s, attempts {attempts}{together}{keyed}"
    yield from _outside(run.plan)
    for pause in run.plan.pauses:
        of = "the operation" if pause.owner is None else f"owner {pause.owner}"
        yield f"{of} is paused from {_time(pause.at_ms)} to {_time(pause.until_ms)}"
    yield f"faults until {_time(run.plan.heal_at_ms)}"
    for fault, (begin, end) in run.plan.outages.items():
        yield f"{fault.value} from {_time(begin)} to {_time(end)}"
    for at_ms, actor, what in run.trace:
        yield f"{_time(at_ms)}  {actor:<12} {what}"
    for violation in run.violations:
        yield f"{_time(violation.at_ms)}  BROKEN       {violation.invariant}: {violation.detail}"


def _outside(plan: Plan) -> Iterator[str]:
    """Yield who is told, and which schedules there are."""
    if plan.telling is not None:
        yield f"jobs are told of, {plan.telling.batch_max} changes at a time"
        for number, webhook in enumerate(plan.telling.webhooks):
            wants = "final events" if webhook.is_final_only else "all events"
            begin_ms, end_ms = webhook.away_ms
            away = ", never there" if webhook.is_dead else f", away from {_time(begin_ms)} to {_time(end_ms)}"
            yield f"webhook {number}: owner {webhook.owner}, {wants}{away if webhook.is_dead or end_ms else ''}"
        for place in sorted(plan.telling.callbacks):
            yield f"job {place} has a callback URL"
    if plan.firing is not None:
        kept = {change.schedule for change in plan.firing.changes}
        for number, schedule in enumerate(plan.firing.schedules):
            if number in kept:
                late = f"{schedule.missed_within_ms // 1000} s late at most"
                yield f"schedule {number}: owner {schedule.owner}, every {_time(schedule.every_ms)}, {late}"


def _time(at_ms: int) -> str:
    minutes, milliseconds = divmod(at_ms, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds / 1000:06.3f}"
