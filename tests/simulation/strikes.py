"""Which faults strike where in one schedule; each that does is counted, and gets a line in the trace."""

from collections import Counter
from random import Random

from tests.simulation.faults import AT_CALLS, AT_RECEIVERS, OF_OPERATIONS, Fault
from tests.simulation.plan import SKEW_MAX_MS, Plan
from tests.simulation.scheduler import Scheduler

Told = tuple[int, str, str]
"""A line of the trace: when, who, and what; that of a fault ends with the fault's name."""

Thresholds = list[tuple[float, Fault]]


class Strikes:
    """Draws a plan's faults until they are over; ``suppressed`` numbers and kinds are drawn, and do not strike."""

    def __init__(
        self,
        plan: Plan,
        rng: Random,
        scheduler: Scheduler,
        *,
        suppressed: frozenset[int] = frozenset(),
        suppressed_kinds: frozenset[Fault] = frozenset(),
    ) -> None:
        self.drawn = 0
        self.struck: Counter[Fault] = Counter()
        self.trace: list[Told] = []
        self._plan = plan
        self._chance = rng.random
        self._scheduler = scheduler
        self._suppressed = suppressed
        self._suppressed_kinds = suppressed_kinds
        self._at_calls = _thresholds(plan, AT_CALLS)
        self._endings = _thresholds(plan, OF_OPERATIONS)
        self._receiving = _thresholds(plan, AT_RECEIVERS)

    @property
    def are_over(self) -> bool:
        """Whether the faults are over."""
        return self._scheduler.now >= self._plan.heal_at_ms

    def told(self, who: str, what: str) -> None:
        """Add a line to the trace."""
        self.trace.append((self._scheduler.now, who, what))

    def note(self, fault: Fault, who: str, where: str = "") -> None:
        """Count a fault that strikes and write its line; the one place that does."""
        self.struck[fault] += 1
        self.told(who, f"{where}: {fault}" if where else fault.value)

    def at_call(self, who: str, call: str) -> Fault | None:
        """Draw what strikes at a call of the store, the queue or the runner."""
        return self._of(self._at_calls, who, call)

    def ending(self, who: str) -> Fault | None:
        """Draw how an operation ends."""
        return self._of(self._endings, who, "run")

    def receiving(self, who: str) -> Fault | None:
        """Draw what the receiver of a webhook does with a request; ``None`` if it takes it and says so."""
        return self._of(self._receiving, who, "post")

    def strikes(self, fault: Fault, who: str, where: str = "") -> bool:
        """Draw whether a fault strikes here."""
        rate = self._plan.rates.get(fault)
        return rate is not None and self._of([(rate, fault)], who, where) is not None

    def is_on(self, fault: Fault) -> bool:
        """Tell whether a fault that strikes a whole schedule does so."""
        return fault in self._plan.rates and fault not in self._suppressed_kinds

    def is_out(self, fault: Fault) -> bool:
        """Tell whether it is the time of an outage."""
        outage = self._plan.outages.get(fault)
        return outage is not None and outage[0] <= self._scheduler.now < outage[1]

    def is_away(self, fault: Fault, who: str, where: str = "") -> bool:
        """Tell whether somebody finds the store or the queue away."""
        if not self.is_out(fault):
            return False
        self.note(fault, who, where)
        return True

    def skew_ms(self, who: str) -> int:
        """Draw how far a clock is off."""
        if Fault.SKEW not in self._plan.rates or self.are_over:
            return 0
        skew_ms = int(SKEW_MAX_MS * (2 * self._chance() - 1))
        if Fault.SKEW in self._suppressed_kinds:
            return 0
        self.note(Fault.SKEW, who, f"begins, clock {skew_ms / 1000:+.3f} s off")
        return skew_ms

    def _of(self, thresholds: Thresholds, who: str, where: str) -> Fault | None:
        if not thresholds or self.are_over:
            return None
        number = self._chance()
        if number >= thresholds[-1][0]:
            return None
        fault = next(fault for threshold, fault in thresholds if number < threshold)
        self.drawn += 1
        if self.drawn in self._suppressed or fault in self._suppressed_kinds:
            return None
        self.note(fault, who, where)
        return fault


def _thresholds(plan: Plan, faults: tuple[Fault, ...]) -> Thresholds:
    thresholds: Thresholds = []
    total = 0.0
    for fault in faults:
        if fault in plan.rates:
            total += plan.rates[fault]
            thresholds.append((total, fault))
    return thresholds
