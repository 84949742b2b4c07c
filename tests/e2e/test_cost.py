"""What ``make cost`` counts, and that the README and ``docs/cost.md`` show what it computes now."""

import logging
import os
from pathlib import Path

import pytest

from benchmarks.cost.__main__ import costs_at
from benchmarks.cost.meter import NotCounted
from benchmarks.cost.page import PAGE, README, Costs, in_readme, page, with_block, write
from benchmarks.cost.prices import price_list
from benchmarks.cost.shapes import SHAPES, counted
from benchmarks.cost.stand import Refused, standing
from benchmarks.page import results
from benchmarks.parts import units_of
from chalicelib.adapters.aws import AwsClients
from chalicelib.domain import delivery, schedules, webhook_deliveries

OUT_OF_DATE = "what jobs cost has changed: run make cost, and see in the difference whether that was meant"
WITHOUT_TRANSACTIONS = ("Polling", "Waiting")
"""DynamoDB Local says more of transactions than AWS charges, and less of queries that find nothing."""


@pytest.fixture(scope="module")
def costs(ministack: str) -> Costs:
    return costs_at(ministack, price_list())


def per_job(costs: Costs, unit: str) -> dict[str, float]:
    return {shape.name: costs.jobs[shape.name].units[unit] / shape.jobs for shape in SHAPES}


def test_the_readme_shows_what_is_computed(costs: Costs) -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_block(text, in_readme(costs)), OUT_OF_DATE


def test_the_page_shows_what_is_computed(costs: Costs) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(costs), OUT_OF_DATE


def test_the_benchmarks_page_has_the_units_that_are_counted_now(costs: Costs) -> None:
    assert results()["parts"]["units"]["measured"] == units_of(costs), "run make bench PARTS=units"


def test_writing_puts_both_where_they_belong(costs: Costs, tmp_path: Path) -> None:
    readme, cost_page = (tmp_path / name for name in ("README.md", "cost.md"))
    readme.write_text(with_block(README.read_text(encoding="utf-8"), in_readme(costs).replace("USD", "EUR")))
    write(costs, readme=readme, cost_page=cost_page)
    assert readme.read_text(encoding="utf-8") == README.read_text(encoding="utf-8")
    assert cost_page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


def test_a_job_costs_the_requests_that_its_shape_makes(costs: Costs) -> None:
    assert per_job(costs, "api_requests") == {"Polling": 5, "Waiting": 1, "Waiting, once": 1, "Batch": 0.02}
    assert per_job(costs, "sqs_requests") == {
        "Polling": 3,
        "Waiting": 3,
        "Waiting, once": 3,
        "Batch": (10 + 2 * 20) / 100,
    }


def test_each_delivery_is_one_invocation_of_the_consumer(costs: Costs) -> None:
    assert {name: used.invocations["consume"] for name, used in costs.jobs.items()} == {
        "Polling": 20,
        "Waiting": 20,
        "Waiting, once": 20,
        "Batch": 20,
    }
    assert {name: used.jobs_run for name, used in costs.jobs.items()} == {shape.name: shape.jobs for shape in SHAPES}


def test_each_change_of_a_job_is_one_event_on_the_bus(costs: Costs) -> None:
    assert per_job(costs, "events_put") == dict.fromkeys((shape.name for shape in SHAPES), 3)
    relayed = {shape.name: costs.jobs[shape.name].invocations["relay"] / shape.jobs for shape in SHAPES}
    assert relayed == {"Polling": 2, "Waiting": 2, "Waiting, once": 2, "Batch": 0.21}


def test_rows_in_a_transaction_cost_twice_what_they_cost_alone(costs: Costs) -> None:
    """With a key the row and the receipt are in one: two units each in the place of the row's one."""
    written = per_job(costs, "dynamodb_write_units")
    more_by_the_key = written["Waiting, once"] - written["Waiting"]
    assert 2.9 <= more_by_the_key <= 3.1, "but for what the limiter writes now and then"
    counted = 1 / 5
    by_itself = (
        "two for the row, one for its place in the index, three to run it, and one to count five that end together"
    )
    assert 6 + counted <= written["Batch"] <= 6.1 + counted, by_itself


def test_a_page_of_a_hundred_results_is_charged_by_its_size(costs: Costs) -> None:
    assert costs.jobs["Batch"].units["dynamodb_read_units"] >= costs.jobs["Batch"].stored_bytes // 4096 - 3


def test_a_wait_is_billed_as_long_as_it_was(costs: Costs) -> None:
    waited = {name: used.waited_ms["api_handler"] / 20 for name, used in costs.jobs.items()}
    assert waited["Polling"] == waited["Batch"] == 0
    assert waited["Waiting"] == waited["Waiting, once"] == 475, "looks after 100, 250 and 475 ms; it ended at 300"


def test_an_idle_sweep_looks_once_at_each_shard(costs: Costs) -> None:
    sweeps = costs.sweeps.invocations["sweep"]
    looks = delivery.SHARDS + webhook_deliveries.SHARDS + schedules.SHARDS
    assert costs.sweeps.calls["sweep"] / sweeps == looks
    assert costs.sweeps.units["dynamodb_read_units"] / sweeps == looks / 2
    assert costs.sweeps.log_lines >= sweeps


def test_awss_own_engine_says_the_same_of_what_is_no_transaction(
    costs: Costs, ministack: str, dynamodb_local: str
) -> None:
    with standing(ministack, dynamodb_local) as stand:
        shapes = [shape for shape in SHAPES if shape.name in WITHOUT_TRANSACTIONS]
        local = counted(stand, price_list().assumed("waited_ms"), shapes)
    assert set(local) == set(WITHOUT_TRANSACTIONS)
    for name in WITHOUT_TRANSACTIONS:
        assert local[name].units == costs.jobs[name].units


def test_a_call_that_is_charged_and_not_counted_is_an_error(ministack: str) -> None:
    with standing(ministack) as stand:
        dynamodb = AwsClients().dynamodb
        with stand.meter.invocation("sweep"), pytest.raises(NotCounted, match="dynamodb ListTables"):
            dynamodb.list_tables()
        dynamodb.list_tables()
        assert stand.meter.taken().calls == {"sweep": 1}, "outside of an invocation nothing is the product's"


def test_a_shape_that_is_answered_otherwise_ends_the_count(ministack: str) -> None:
    with standing(ministack) as stand:
        with pytest.raises(Refused, match="gave 401"):
            stand.request("GET", "/jobs", 200)
        with pytest.raises(Refused, match="0 messages came, not 1"):
            stand.consume(1)


def test_the_stand_leaves_the_environment_and_the_log_as_they_were(ministack: str) -> None:
    before = dict(os.environ), list(logging.getLogger().handlers), logging.getLogger().level
    with standing(ministack):
        assert dict(os.environ) != before[0]
    assert (dict(os.environ), list(logging.getLogger().handlers), logging.getLogger().level) == before
