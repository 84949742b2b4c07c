"""``docs/model.md`` and its plots, which must be what the simulation computes now."""

import json
from pathlib import Path

import pytest

from benchmarks.cost.months import project_stage
from benchmarks.cost.prices import price_list
from benchmarks.model.aws import facts
from benchmarks.model.bill import dollars
from benchmarks.model.book import Used
from benchmarks.model.deployment import Limit
from benchmarks.model.figures import POINTS, digest
from benchmarks.model.page import PAGE, PLOTS, page
from benchmarks.model.plots import draw, mark
from benchmarks.model.product import counted, project_settings
from benchmarks.model.runs import Model, project_model
from benchmarks.model.values import span

OUT_OF_DATE = (
    "what happens at internet scale has changed: run make model, and see in the difference whether that was meant"
)


@pytest.fixture(scope="module")
def model() -> Model:
    return project_model(lambda _: None)


def test_the_page_shows_what_is_computed(model: Model) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(model), OUT_OF_DATE


def test_the_plots_were_drawn_from_what_is_computed(model: Model) -> None:
    plots = model.plots()
    assert {file.stem for file in PLOTS.glob("*.svg")} == set(plots)
    for name in plots:
        drawn = (PLOTS / f"{name}.svg").read_text(encoding="utf-8")
        assert mark(plots) in drawn, OUT_OF_DATE
        assert len(drawn) < 100_000
        assert f"model/{name}.svg" in PAGE.read_text(encoding="utf-8")


def test_a_line_has_no_more_points_than_are_seen_and_ends_where_the_run_does(model: Model) -> None:
    figure = model.plots()["burst"]
    for panel in figure["panels"]:
        for line in panel["lines"].values():
            assert len(line) <= POINTS + 2
    deployed = figure["panels"][0]["lines"]["as deployed"]
    assert deployed[-1][0] == pytest.approx(model.burst[0].outcome.samples[-1].at_s, rel=0.01)


def test_other_figures_have_another_mark() -> None:
    assert digest({"one": {"bars": [["a", 1]]}}) != digest({"one": {"bars": [["a", 2]]}})


def test_drawing_is_given_the_figures_and_their_mark(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncat >"$3/given.json"\necho "$4" >"$3/mark"\n')
    python.chmod(0o755)
    figures = {"one": {"bars": [["a", 1]]}}
    draw(figures, tmp_path / "plots", python=python)
    assert json.loads((tmp_path / "plots" / "given.json").read_text()) == figures
    assert (tmp_path / "plots" / "mark").read_text().strip() == mark(figures)


def test_as_deployed_it_is_the_consumers_that_a_burst_waits_for(model: Model) -> None:
    assert model.burst[0].holds_up is Limit.CONSUMERS
    assert model.sustained[0].outcome.last_rate == pytest.approx(10 * 5 / 1.59, rel=0.01)
    assert model.sustained[-1].outcome.last_rate == pytest.approx(10_000)


def test_each_fact_has_its_page_and_is_on_ours() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, fact in facts().facts.items():
        assert fact.page.startswith("https://docs.aws.amazon.com/")
        assert f"| `{name}` |" in text


def test_the_settings_are_those_of_the_stage() -> None:
    assert (project_settings("prod").stage_requests_per_s, project_settings("prod").stage_requests_burst) == (500, 1000)
    assert (project_settings("dev").stage_requests_per_s, project_settings("dev").stage_requests_burst) == (100, 200)
    assert project_settings("prod").submit_limit.quota == 120


def test_a_million_jobs_of_batches_cost_about_what_make_cost_says(model: Model) -> None:
    """Which reads the results, and has nobody wait: the million of the last rung costs a little more or less."""
    last = model.burst[-1].outcome
    used = last.book.used
    assert dollars(used, 100, model.prices, model.stage) == pytest.approx(11.01, rel=0.1)
    assert used.units["events_put"] / last.ended == pytest.approx(counted("Batch")["Events"])
    assert used.units["dynamodb_write_units"] / last.ended == pytest.approx(counted("Batch")["Write units"], rel=0.1)


def test_nothing_used_costs_nothing() -> None:
    assert dollars(Used(), 1, price_list(), project_stage("prod")) == 0


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.37, "0.4 s"), (86.6, "87 s"), (1_010, "17 min"), (31_890, "8 h 52 min"), (None, "not in that time")],
)
def test_times_are_shown_as_one_reads_them(seconds: float | None, shown: str) -> None:
    assert span(seconds) == shown
