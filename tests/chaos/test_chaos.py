"""The harness on a small run, and on broken products that it must not pass."""

from dataclasses import replace

import pytest

from tests.chaos import sabotage
from tests.chaos.driver import run
from tests.chaos.faults import Fates, Kind, Plan

SMALL = Plan(kills=10, seed=1, consumers=3)


def test_no_job_is_lost_and_none_committed_twice_when_consumers_are_killed() -> None:
    figures = run(SMALL, print)

    assert figures.broken_promises == []
    assert figures.missing_faults == []
    assert figures.is_sound
    assert figures.jobs_acknowledged > 20
    assert sum(figures.kills.values()) >= 10


def test_ends_written_without_their_condition_are_seen_as_second_commits() -> None:
    broken = replace(
        SMALL,
        kills=0,
        stops=3,
        consumers=4,
        jobs_per_s=3,
        restarts=0,
        lost_requests=0,
        lost_answers=0,
        quiet_s=10,
        sabotage=sabotage.UNCONDITIONAL_WRITES,
    )

    figures = run(broken, print)

    assert figures.duplicate_commits > 0
    assert figures.broken_promises
    assert not figures.is_sound


def test_messages_deleted_before_their_work_are_seen_as_lost_jobs() -> None:
    broken = replace(
        SMALL,
        kills=4,
        stops=0,
        restarts=0,
        quiet_s=4,
        points=("after_claim",),
        kills_others=False,
        sabotage=sabotage.DELETES_FIRST,
    )

    figures = run(broken, print)

    assert figures.jobs_lost > 0
    assert figures.broken_promises
    assert not figures.is_sound


def test_a_seed_chooses_the_same_faults_every_time() -> None:
    plan = Plan.usual(kills=100, seed=7)

    assert Fates.of(plan) == Fates.of(plan)
    assert Fates.of(plan) != Fates.of(replace(plan, seed=8))


@pytest.mark.parametrize("kills", [1, 10, 101])
def test_there_is_a_fate_for_each_kill(kills: int) -> None:
    fates = Fates.of(Plan.usual(kills=kills, seed=1))

    drawn = [*fates.consumer, *fates.sweeper, *fates.submitter]
    assert sum(fate.kind is not Kind.STOPPED for fate in drawn) == kills
