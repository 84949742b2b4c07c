"""Running one seed."""

from collections import Counter
from dataclasses import dataclass, field, replace
from hashlib import sha256
from random import Random

from tests.simulation.errors import listened
from tests.simulation.event_plan import draw_events, without
from tests.simulation.faults import AT_CALLS, Fault
from tests.simulation.observer import Violation
from tests.simulation.pause_plan import draw_pauses
from tests.simulation.plan import FULL, Configuration, Plan, drawn_plan
from tests.simulation.strikes import Told
from tests.simulation.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """
    What is left out of a seed's schedule, to make it smaller: its faults by number, its jobs,
    calls, webhooks, schedules and pauses by place.

    With ``salt`` its plan is run with another chance, and what is left of the faults strikes more often.
    """

    faults: frozenset[int] = frozenset()
    kinds: frozenset[Fault] = frozenset()
    jobs: frozenset[int] = frozenset()
    calls: frozenset[int] = frozenset()
    webhooks: frozenset[int] = frozenset()
    schedules: frozenset[int] = frozenset()
    pauses: frozenset[int] = frozenset()
    salt: int = 0

    def and_also(self, other: "Cut") -> "Cut":
        """Return what leaves out both."""
        return Cut(
            faults=self.faults | other.faults,
            kinds=self.kinds | other.kinds,
            jobs=self.jobs | other.jobs,
            calls=self.calls | other.calls,
            webhooks=self.webhooks | other.webhooks,
            schedules=self.schedules | other.schedules,
            pauses=self.pauses | other.pauses,
            salt=other.salt or self.salt,
        )


WHOLE = Cut()


@dataclass(slots=True, kw_only=True)
class Run:
    """What came of one schedule."""

    seed: int
    steps: int
    struck: Counter[Fault]
    violations: list[Violation]
    trace: list[Told] = field(default_factory=list)
    plan: Plan
    fault_count: int
    happened: set[tuple[str | None, str, str]]

    def digest(self) -> str:
        """Return a hash of all that happened: the same for the same seed, on any machine."""
        return sha256(repr((self.seed, self.steps, self.trace, self.violations)).encode()).hexdigest()


def simulate(seed: int, *, configuration: Configuration = FULL, cut: Cut = WHOLE) -> Run:
    """Run one seed's schedule; nothing but the arguments decides what happens."""
    rng = Random(seed)
    plan = drawn_plan(rng, configuration)
    draw_events(plan, Random(f"{seed} events"), configuration)
    draw_pauses(plan, Random(f"{seed} pauses"), configuration)
    if cut is not WHOLE:
        _cut(plan, cut)
    if cut.salt:
        rng = Random(seed * 1_000 + cut.salt)
        plan.rates = {kind: max(rate, 0.15) if kind in AT_CALLS else rate for kind, rate in plan.rates.items()}
    world = World(plan, rng, configuration=configuration, suppressed=cut.faults, suppressed_kinds=cut.kinds)
    with listened(world.observer.unexpected):
        world.run()
    return Run(
        seed=seed,
        steps=world.scheduler.steps,
        struck=world.faults.struck,
        violations=world.observer.violations,
        trace=world.faults.trace,
        plan=plan,
        fault_count=world.faults.drawn,
        happened=world.observer.happened,
    )


def _cut(plan: Plan, cut: Cut) -> None:
    for kind in cut.kinds:
        plan.outages.pop(kind, None)
        if kind is Fault.PURGE:
            plan.purges_ms.clear()
        elif kind is Fault.STALE_INDEX:
            plan.index_lag_ms = 0
    plan.calls = [call for place, call in enumerate(plan.calls) if place not in cut.calls and call.job not in cut.jobs]
    without(plan, webhooks=cut.webhooks, schedules=cut.schedules)
    plan.pauses = [each for place, each in enumerate(plan.pauses) if place not in cut.pauses]
    # A job keeps its place, so that the calls still mean the same one.
    plan.jobs = [replace(job, is_left_out=place in cut.jobs) for place, job in enumerate(plan.jobs)]
