"""The observer of counts: how many jobs ended how, and how many of these were counted."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from chalicelib.domain.job_ends import Count
from chalicelib.domain.jobs import Job
from tests.simulation.observer import FINAL, ms
from tests.simulation.plan import MINUTE

Broken = Callable[[str, str], None]
"""Notes a violation."""

ONCE = "N1 no end is counted twice"
ALL = "N2 every end is counted"

SLOT_MS = 5 * MINUTE

Row = tuple[int, str, str, str | None]
"""When five minutes begin, the operation, the status, and the error's code. Written from the design, not the code."""


@dataclass(slots=True)
class CountObserver:
    """
    Counts too, and checks the product's counts.

    Counts may be low where one could not be written, which is ``missed``, and high where changes came again that had
    been counted, which is ``repeated``.
    """

    broken: Broken
    ends: Counter[Row] = field(default_factory=Counter)
    _is_missed: bool = False
    _is_repeated: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether every end must be counted once."""
        return not (self._is_missed or self._is_repeated)

    def happened(self, before: Job | None, after: Job) -> None:
        """Note a write of a row."""
        if (before is not None and before.token == after.token) or after.status.value not in FINAL:
            return
        assert after.finished_at is not None
        begins_ms = ms(after.finished_at) // SLOT_MS * SLOT_MS
        code = None if after.error is None else after.error.code
        self.ends[begins_ms, after.operation, after.status.value, code] += 1

    def missed(self) -> None:
        """Note that some ends may not have been counted."""
        self._is_missed = True

    def repeated(self) -> None:
        """Note that ends may have been counted twice, as they came again."""
        self._is_repeated = True

    def tried_again(self, *, others_between: bool, is_added: bool) -> None:
        """Check an addition whose first answer was lost, and which is tried again."""
        if is_added and others_between:
            self.repeated()
        elif is_added:
            self.broken(ONCE, "an addition was tried again, and added again")

    def at_end(self, counts: Iterable[Count]) -> None:
        """Check the counts as they are when all has been told."""
        counted = {
            (ms(each.ending.slot), each.ending.operation, each.ending.status.value, each.ending.error_code): each.jobs
            for each in counts
        }
        for row in {*counted, *self.ends}:
            found, wanted = counted.get(row, 0), self.ends[row]
            if found > wanted and not self._is_repeated:
                self.broken(ONCE, f"{found} of {wanted} {row[1:]}")
            if found < wanted and not self._is_missed:
                self.broken(ALL, f"{found} of {wanted} {row[1:]}")
