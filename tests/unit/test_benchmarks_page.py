"""The benchmarks' page, and the goals that it judges by."""

from typing import Any

import pytest

from benchmarks.cpu_per_job import OURS, PEER
from benchmarks.goals import Goal, goals
from benchmarks.page import PAGE, page, results
from benchmarks.parts import PARTS


def test_the_page_is_made_of_what_was_measured() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(results()), "run make bench, or write the page anew from its JSON"
    assert set(results()["parts"]) == set(PARTS)


def test_no_goal_was_missed_without_a_word_on_what_was_tried() -> None:
    judged = goals({name: part["measured"] for name, part in results()["parts"].items()})
    assert len(judged) >= 10
    tried = PAGE.read_text(encoding="utf-8").partition("## What was tried")[2]
    missed = [goal.goal for goal in judged if goal.verdict == "**missed**"]
    assert missed == list(TRIED)
    assert all(words in tried for words in TRIED.values())


TRIED = {
    "processor time of a job: at most a third of FastAPI + Celery + Redis + PostgreSQL": "**To a third and to a fifth**"
}
"""Goals that the last run missed, and the words with which the page begins to say what was tried for each."""


def spread(median: float) -> dict[str, float]:
    return {"median": median, "low": median, "high": median, "rounds": 1}


def processor_time(ours: float, theirs: float, own: float) -> dict[str, Any]:
    return {
        OURS: {
            "total_cpu_ms": spread(ours),
            "process_ours_cpu_ms": spread(own),
            "share_of_peer": spread(ours / theirs),
            "share_of_peer_with_server": spread(ours / theirs),
        },
        PEER: {"total_cpu_ms": spread(theirs)},
    }


@pytest.mark.parametrize(
    ("ours", "own", "verdicts"),
    [
        (0.5, 0.2, ["met", "met", "met"]),
        (1.0, 0.2, ["met", "not reached", "met"]),
        (1.01, 0.21, ["**missed**", "not reached", "**missed**"]),
    ],
)
def test_processor_time_is_judged_by_the_peers(ours: float, own: float, verdicts: list[str]) -> None:
    found = goals({"processor_time": processor_time(ours, 3.0, own)})
    assert [goal.verdict for goal in found] == verdicts


@pytest.mark.parametrize(("took", "verdict"), [(200, "met"), (201, "**missed**")])
def test_a_cold_start_is_judged_by_the_kinder_way_of_packing_the_peer(took: float, verdict: str) -> None:
    def figures(ms: float) -> dict[str, Any]:
        return {f"{what}_wall_ms": spread(ms) for what in ("health", "submit", "consume")}

    part = {
        "shipped": "compiled",
        "figures": {
            "this product, compiled": figures(took),
            "this product, source": figures(100),
            "FastAPI + Mangum + boto3, compiled": figures(200),
            "FastAPI + Mangum + boto3, source": figures(300),
            "Powertools + boto3, compiled": figures(150),
            "Powertools + boto3, source": figures(150),
            "boto3 alone, compiled": figures(150),
            "boto3 alone, source": figures(150),
        },
    }
    found = goals({"first_answers": part})
    assert {goal.verdict for goal in found if not goal.is_reached_for} == {verdict}
    assert {goal.verdict for goal in found if goal.is_reached_for} == {"not reached"}


def test_units_that_differ_between_sizes_are_a_miss() -> None:
    def cost(units: float) -> dict[str, float]:
        return {"read_units": units, "write_units": 0, "milliseconds": 1}

    def judged(larger: float) -> list[Goal]:
        costs = {"one owner": {"a page": {"1000": cost(3), "1000000": cost(larger)}}}
        return goals({"growing_tables": {"engine": "any", "costs": costs}})

    assert [goal.verdict for goal in judged(3)] == ["met"]
    (missed,) = judged(4)
    assert (missed.verdict, missed.measured) == ("**missed**", "a page from 1,000 to 1,000,000 jobs")


def test_memory_that_grows_is_a_miss() -> None:
    looks = [{"jobs": 100_000, "resident_kib": {}}]
    kept, grown = (
        goals({"resident_memory": {"looks": looks, "growth_kib": {"consumer": kib, "operations": 0}}})
        for kib in (3.0, 3.1)
    )
    assert (kept[0].is_met, grown[0].is_met) == (True, False)
