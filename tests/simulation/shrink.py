"""Making a failing schedule small: leave out what it does not need in order to fail."""

from collections.abc import Iterator

from tests.simulation.faults import Fault
from tests.simulation.plan import FULL, Configuration
from tests.simulation.schedule import WHOLE, Cut, Run, simulate

TRIES_MAX = 3_000
"""Schedules run in order to make one smaller: a few seconds, and the same ones on every machine."""

SALTS = 60
"""Other chances given to each kind of fault to show the mistake all alone."""


def shrunk(
    run: Run,
    *,
    configuration: Configuration = FULL,
    tries_max: int = TRIES_MAX,
) -> tuple[Run, Cut]:
    """
    Return a smaller run of the same seed that breaks the same invariant, and what was cut for it.

    Greedy: whole kinds of faults, calls, jobs, webhooks, schedules and pauses, then single faults; whatever can go
    goes, until nothing more can or the tries are used up. What is cut changes what the seed draws after it, so a cut
    may also make the run longer; such a one is not taken.
    """
    tries = 0
    invariant = run.violations[0].invariant
    best, cut = run, WHOLE
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for more in _cuts(best):
            if tries == tries_max:
                return best, cut
            tries += 1
            candidate = cut.and_also(more)
            if candidate == cut:
                continue
            tried = simulate(run.seed, configuration=configuration, cut=candidate)
            if tried.violations and tried.violations[0].invariant == invariant and _size(tried) < _size(best):
                best, cut, is_smaller = tried, candidate, True
    return best, cut


def _size(run: Run) -> tuple[int, int, int]:
    jobs = sum(not job.is_left_out for job in run.plan.jobs)
    kinds = sum(number > 0 for number in run.struck.values())
    telling, firing = run.plan.telling, run.plan.firing
    told = 0 if telling is None else len(telling.webhooks)
    fired = 0 if firing is None else len(firing.changes)
    paused = len(run.plan.pauses)
    return (kinds + len(run.plan.calls) + jobs + told + fired + paused, sum(run.struck.values()), len(run.trace))


def _cuts(run: Run) -> Iterator[Cut]:
    kinds = [kind for kind in Fault if run.struck[kind]]
    for kind in kinds:
        others = frozenset(Fault) - {kind}
        yield Cut(kinds=others)
        if len(kinds) > 1:
            yield from (Cut(kinds=others, salt=salt) for salt in range(1, SALTS))
    for kind in kinds:
        yield Cut(kinds=frozenset({kind}))
    for place in range(3):
        yield Cut(calls=frozenset({place}))
        yield Cut(jobs=frozenset({place}))
        yield Cut(webhooks=frozenset({place}))
        yield Cut(schedules=frozenset({place}))
        yield Cut(pauses=frozenset({place}))
    for number in range(1, run.fault_count + 1):
        yield Cut(faults=frozenset({number}))
