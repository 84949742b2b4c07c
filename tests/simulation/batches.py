"""What each process of a large run does."""

import gc

from tests.simulation.errors import only_errors_logged
from tests.simulation.plan import FULL
from tests.simulation.report import Totals
from tests.simulation.schedule import simulate

CHUNK = 250
"""Seeds handed to a process at once."""


def prepared() -> None:
    """Make a process fit for speed: no log but of errors, and a garbage collector that looks seldom."""
    only_errors_logged()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def totals_of(seeds: range) -> Totals:
    """Run the schedules of these seeds."""
    totals = Totals()
    for seed in seeds:
        totals.count(simulate(seed, configuration=FULL))
    return totals
