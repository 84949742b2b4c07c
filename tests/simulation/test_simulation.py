import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.batches import totals_of
from tests.simulation.event_plan import PlannedWebhook
from tests.simulation.faults import OF_BACKEND, OF_EVENTS, Fault
from tests.simulation.observer import TABLE
from tests.simulation.plan import NO_SWEEP, OUTSIDE, PAUSED, PROMPT, Configuration
from tests.simulation.report import Totals, story, summary
from tests.simulation.schedule import Cut, Run, simulate


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [simulate(seed) for seed in range(1, 301)]


@pytest.fixture(scope="module")
def told_runs() -> list[Run]:
    return [simulate(seed, configuration=OUTSIDE) for seed in range(1, 151)]


@pytest.mark.parametrize("seed", [1, 12, 77])
def test_a_seed_always_does_the_same(seed: int) -> None:
    assert simulate(seed).digest() == simulate(seed).digest()


def test_seeds_differ(runs: list[Run]) -> None:
    assert len({run.digest() for run in runs}) == len(runs)


def test_the_product_breaks_no_invariant(runs: list[Run]) -> None:
    assert [(run.seed, run.violations[0]) for run in runs if run.violations] == []


def test_the_product_breaks_no_invariant_of_what_it_tells_and_fires(told_runs: list[Run]) -> None:
    assert [(run.seed, run.violations[0]) for run in told_runs if run.violations] == []


def test_the_product_breaks_no_invariant_while_an_operator_pauses_and_resumes() -> None:
    runs = [simulate(seed, configuration=PAUSED) for seed in range(1, 201)]
    assert [(run.seed, run.violations[0]) for run in runs if run.violations] == []
    done = Counter(what for run in runs for _, who, what in run.trace if who.startswith(("pause", "resume")))
    assert done["add pause"] > 100
    assert done["remove pause"] > 100
    assert done["send"] > 10, "some waited, and were sent at once"


def test_pauses_can_be_left_out_and_are_told_of() -> None:
    run = next(run for run in map(_paused, range(1, 50)) if len(run.plan.pauses) == 2)
    assert sum(" is paused from " in line for line in story(run)) == 2
    smaller = simulate(run.seed, configuration=PAUSED, cut=Cut(pauses=frozenset({0})))
    assert smaller.plan.pauses == run.plan.pauses[1:]


def _paused(seed: int) -> Run:
    return simulate(seed, configuration=PAUSED)


def test_some_schedules_have_everything_at_once(told_runs: list[Run]) -> None:
    plans = [run.plan for run in told_runs if run.plan.telling is not None and run.plan.firing is not None]
    assert any(plan.telling is not None and plan.telling.webhooks for plan in plans)


def test_the_queue_alone_brings_jobs_to_their_end_when_no_message_is_lost() -> None:
    assert [seed for seed in range(1, 101) if simulate(seed, configuration=NO_SWEEP).violations] == []


def test_jobs_go_on_promptly_where_only_crashes_happen() -> None:
    assert [seed for seed in range(1, 301) if simulate(seed, configuration=PROMPT).violations] == []


def test_every_fault_strikes(runs: list[Run]) -> None:
    struck = Counter[Fault]()
    for run in runs:
        struck.update(run.struck)
    assert {fault for fault in OF_BACKEND if not struck[fault]} == set()


def test_every_fault_outside_strikes(told_runs: list[Run]) -> None:
    struck = Counter[Fault]()
    for run in told_runs:
        struck.update(run.struck)
    assert {fault for fault in OF_EVENTS if not struck[fault]} == set()


def test_the_trace_shows_every_fault_that_struck(runs: list[Run], told_runs: list[Run]) -> None:
    for run in (*runs, *told_runs):
        shown = Counter(fault for _, _, what in run.trace for fault in Fault if what.endswith(fault))
        assert shown == run.struck, run.seed


def test_a_clock_that_is_off_is_the_first_line_of_its_actor() -> None:
    run = next(run for run in map(simulate, range(1, 100)) if run.struck[Fault.SKEW])
    first: dict[str, str] = {}
    for _, who, what in run.trace:
        first.setdefault(who, what)
    assert sum(what.endswith(Fault.SKEW) for what in first.values()) == run.struck[Fault.SKEW]


def test_every_transition_happens() -> None:
    """Otherwise its rules would be checked by nobody."""
    missing = {(before, after, who) for (before, after), by in TABLE.items() for who in by}
    for seed in range(1, 5_001):
        missing -= simulate(seed).happened
        if not missing:
            break
    assert missing == set()


def test_a_configuration_keeps_other_faults_out() -> None:
    only_duplicates = Configuration(faults=frozenset({Fault.DUPLICATE}))
    struck = {fault for seed in range(1, 51) for fault in simulate(seed, configuration=only_duplicates).struck}
    assert struck == {Fault.DUPLICATE}


def test_totals_do_not_depend_on_who_counted() -> None:
    whole = totals_of(range(1, 41))
    parts = Totals()
    for seeds in (range(21, 41), range(1, 21)):
        parts.add(totals_of(seeds))
    assert list(summary(whole, seconds=1)) == list(summary(parts, seconds=1))


def test_a_story_tells_who_did_what_and_when() -> None:
    lines = list(story(simulate(12)))
    assert any("consume-" in line and line.endswith("finish") for line in lines)


def test_a_story_begins_with_who_is_told_and_which_schedules_there_are(told_runs: list[Run]) -> None:
    run = next(run for run in told_runs if run.plan.firing is not None and _webhooks(run))
    lines = list(story(run))
    assert any(line.startswith("webhook 0: owner") for line in lines)
    assert any(line.startswith("schedule 0: owner") for line in lines)


def test_webhooks_and_schedules_can_be_left_out(told_runs: list[Run]) -> None:
    run = next(run for run in told_runs if run.plan.firing is not None and len(_webhooks(run)) > 1)
    cut = Cut(webhooks=frozenset({0}), schedules=frozenset({0, 1}))
    smaller = simulate(run.seed, configuration=OUTSIDE, cut=cut)
    assert _webhooks(smaller) == _webhooks(run)[1:]
    assert not any(line.startswith("schedule") for line in story(smaller))
    assert smaller.violations == []


def _webhooks(run: Run) -> list[PlannedWebhook]:
    return [] if run.plan.telling is None else run.plan.telling.webhooks


def test_a_seed_does_the_same_in_another_process() -> None:
    """Where strings hash differently, so that the order of a set would."""
    program = """
from tests.simulation.plan import FULL, OUTSIDE, PAUSED
from tests.simulation.schedule import simulate
print("".join(simulate(77, configuration=each).digest() for each in (FULL, OUTSIDE, PAUSED)))
"""
    command = [sys.executable, "-c", program]
    env = {"PYTHONHASHSEED": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env, cwd=Path(__file__).parents[2])
    others = "".join(simulate(77, configuration=each).digest() for each in (OUTSIDE, PAUSED))
    assert done.stdout.strip() == simulate(77).digest() + others
