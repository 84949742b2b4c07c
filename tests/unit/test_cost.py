"""The arithmetic of ``make cost``, with prices that are made up; ``tests/e2e/test_cost.py`` has the real ones."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.cost.meter import (
    Counts,
    NotCounted,
    item_bytes,
    line_bytes,
    metrics_in,
    read_units,
    write_units,
)
from benchmarks.cost.months import (
    GB,
    MONTH_MINUTES,
    NotPriced,
    Stage,
    always_on_month,
    holds,
    idle_month,
    million_jobs,
    project_stage,
    watch,
)
from benchmarks.cost.page import BEGIN, END, Costs, aligned, bills, in_readme, page, with_block
from benchmarks.cost.prices import PriceError, PriceList, price_list
from benchmarks.cost.shapes import SHAPES

UNITS = list(price_list().prices)
ASSUMED = dict.fromkeys(price_list().assumptions, 0.0) | {"long_poll_s": 20.0, "table_key_minutes": 5.0}
STAGE = Stage(
    name="made-up",
    architecture="x86_64",
    memory_mb={"api_handler": 1024, "consume": 512, "sweep": 256},
    log_retention_days=60,
    job_retention_days=15,
    keeps_data=False,
    keeps_access_logs=False,
    traces=False,
    queues_read=2,
    watch={},
)


def document(**changed: Any) -> dict[str, Any]:
    """A price list in which a unit of anything is one dollar."""
    price = {"what": "things", "usd": 1, "per": 1, "page": "a page", "read_at": "here"}
    return {
        "as_of": "2026-01-01",
        "region": "nowhere-1",
        "note": "Made up.",
        "prices": {unit: {"service": unit.partition("_")[0], **price} for unit in UNITS},
        "assumptions": {name: {"value": value, "why": "made up"} for name, value in ASSUMED.items()},
        "sources": [],
    } | changed


def made_up(
    assumed: Mapping[str, float] | None = None,
    *,
    usd: Mapping[str, float] | None = None,
    free: Mapping[str, float] | None = None,
) -> PriceList:
    given = document()
    for unit, price in (usd or {}).items():
        given["prices"][unit]["usd"] = price
    for unit, number in (free or {}).items():
        given["prices"][unit]["free_a_month"] = number
    for name, value in (assumed or {}).items():
        given["assumptions"][name]["value"] = value
    return PriceList.read(json.dumps(given))


def counts(**units: float) -> Counts:
    return Counts(units=defaultdict(float, units))


def test_a_bill_adds_up_by_service_at_the_price_of_each_unit() -> None:
    prices = made_up(usd={"lambda_requests": 0.5, "lambda_gb_s_arm64": 0.25, "sqs_requests": 2})
    bill = prices.bill({"lambda_requests": 4, "lambda_gb_s_arm64": 8, "sqs_requests": 3})
    assert (bill["lambda"], bill["sqs"], bill["xray"]) == (4.0, 6.0, 0.0)


def test_a_price_is_for_as_many_units_as_it_says() -> None:
    given = document()
    given["prices"]["kms_requests"] |= {"usd": 3, "per": 10_000}
    assert PriceList.read(json.dumps(given)).bill({"kms_requests": 25_000})["kms"] == 7.5


def test_the_free_tier_takes_off_what_it_has_and_no_more() -> None:
    prices = made_up(free={"sqs_requests": 10})
    assert prices.bill({"sqs_requests": 12})["sqs"] == 12
    assert prices.bill({"sqs_requests": 12}, with_free_tier=True)["sqs"] == 2
    assert prices.bill({"sqs_requests": 9}, with_free_tier=True)["sqs"] == 0


def test_a_missing_price_is_an_error_even_for_no_units() -> None:
    given = document()
    del given["prices"]["sqs_requests"]
    with pytest.raises(PriceError, match="no price for sqs_requests"):
        PriceList.read(json.dumps(given)).bill({"sqs_requests": 0})


def test_a_missing_assumption_is_an_error() -> None:
    given = document()
    del given["assumptions"]["pollers"]
    sweeps = Counts(invocations=Counter(sweep=1))
    with pytest.raises(PriceError, match="what to assume of pollers"):
        idle_month(sweeps, PriceList.read(json.dumps(given)), STAGE)


@pytest.mark.parametrize("lacking", ["as_of", "region", "prices", "assumptions", "sources"])
def test_a_list_that_lacks_a_part_is_refused(lacking: str) -> None:
    given = document()
    del given[lacking]
    with pytest.raises(PriceError, match=lacking):
        PriceList.read(json.dumps(given))


@pytest.mark.parametrize(("field", "value"), [("usd", -1), ("per", 0)])
def test_a_price_that_cannot_be_is_refused_by_its_name(field: str, value: float) -> None:
    given = document()
    given["prices"]["xray_traces"][field] = value
    with pytest.raises(PriceError, match="xray_traces"):
        PriceList.read(json.dumps(given))


def test_the_projects_list_says_of_each_price_where_it_is_from() -> None:
    for unit, price in price_list().prices.items():
        assert price.page.startswith("https://aws.amazon.com/"), unit
        assert price.read_at, unit


def test_a_million_jobs_use_what_a_few_do_times_their_number() -> None:
    units = million_jobs(counts(api_requests=10, dynamodb_write_units=25), 5, made_up(), STAGE)
    assert (units["api_requests"], units["dynamodb_write_units"]) == (2_000_000, 5_000_000)


def test_gb_seconds_are_memory_times_what_calls_jobs_starts_and_waits_take() -> None:
    assumed = {
        "api_invocation_ms": 10,
        "consume_invocation_ms": 20,
        "aws_call_ms": 5,
        "job_ms": 100,
        "cold_share": 0.5,
        "cold_start_ms": 40,
    }
    used = Counts(
        invocations=Counter(api_handler=2, consume=1),
        calls=Counter(api_handler=4, consume=2),
        waited_ms=Counter(api_handler=500),
        jobs_run=3,
    )
    api_s = (2 * (10 + 0.5 * 40) + 4 * 5 + 500) / 1000
    consume_s = (20 + 0.5 * 40 + 2 * 5 + 3 * 100) / 1000
    for architecture in ("x86_64", "arm64"):
        units = million_jobs(used, 1_000_000, made_up(assumed), replace(STAGE, architecture=architecture))
        assert units[f"lambda_gb_s_{architecture}"] == pytest.approx(1.0 * api_s + 0.5 * consume_s)
        assert units["lambda_requests"] == 3


def test_logs_are_the_lines_with_what_lambda_and_cloudwatch_add_and_are_kept_as_long_as_the_stage_says() -> None:
    prices = made_up({"lambda_lines_bytes": 300, "lambda_lines": 3, "log_event_bytes": 26, "log_kept_share": 0.5})
    used = Counts(invocations=Counter(sweep=2), log_bytes=1000, log_lines=4)
    units = million_jobs(used, 1_000_000, prices, STAGE)
    assert units["log_gb"] * GB == pytest.approx(1000 + 2 * 300 + (4 + 2 * 3) * 26)
    assert units["log_gb_months"] == pytest.approx(units["log_gb"] * 0.5 * 2), "60 days are two months"


def test_access_logs_traces_and_recovery_cost_only_where_the_stage_has_them() -> None:
    prices = made_up({"access_log_line_bytes": 100, "log_event_bytes": 26, "trace_share": 0.05})
    used = counts(api_requests=20)
    used.stored_bytes = GB
    plain = million_jobs(used, 1_000_000, prices, STAGE)
    assert (plain["log_gb"], "xray_traces" in plain, "dynamodb_pitr_gb_months" in plain) == (0, False, False)
    assert plain["dynamodb_storage_gb_months"] == 0.5, "jobs are kept for half a month"
    whole = replace(STAGE, keeps_access_logs=True, traces=True, keeps_data=True)
    units = million_jobs(used, 1_000_000, prices, whole)
    assert units["log_gb"] * GB == pytest.approx(20 * 126)
    assert units["xray_traces"] == 1
    assert units["dynamodb_pitr_gb_months"] == 0.5


def test_data_out_has_the_headers_that_the_gateway_adds() -> None:
    used = counts(api_requests=2)
    used.out_bytes = 1000
    units = million_jobs(used, 1_000_000, made_up({"gateway_headers_bytes": 350}), STAGE)
    assert units["transfer_out_gb"] * GB == pytest.approx(1700)


def test_an_idle_month_has_a_sweep_a_minute_the_polls_of_each_queue_and_the_watch() -> None:
    sweeps = counts(dynamodb_read_units=8)
    sweeps.invocations = Counter(sweep=2)
    stage = replace(STAGE, watch={"alarm_metric_months": 9, "dashboard_months": 1})
    units = idle_month(sweeps, made_up({"pollers": 5, "long_poll_s": 20}), stage)
    assert units["lambda_requests"] == MONTH_MINUTES == 43_200
    assert units["dynamodb_read_units"] == 4 * 43_200
    assert units["sqs_requests"] == 2 * 648_000, "five polls of 20 s, for two queues"
    assert (units["alarm_metric_months"], units["dashboard_months"]) == (9, 1)
    assert not {"kms_requests", "xray_traces"} & set(units)


def test_a_stage_that_traces_and_keeps_its_data_costs_more_when_idle() -> None:
    sweeps = Counts(invocations=Counter(sweep=1), metrics={"one", "another"})
    stage = replace(STAGE, keeps_data=True, traces=True)
    units = idle_month(sweeps, made_up({"trace_first_a_minute": 1, "table_key_minutes": 5}), stage)
    assert units["xray_traces"] == 43_200
    assert units["kms_requests"] == 8_640
    assert units["custom_metric_months"] == 2


def alarm(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors", "Period": 60, **properties}}


def test_alarms_and_dashboards_of_the_template_are_counted_where_their_conditions_hold() -> None:
    stat = {"MetricStat": {"Metric": {"MetricName": "Errors"}, "Period": 300, "Stat": "Sum"}}
    template = {
        "Conditions": {"Watches": {"Fn::Equals": [{"Ref": "Watch"}, "true"]}},
        "Resources": {
            "One": alarm(),
            "OfThree": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {"Metrics": [stat, stat, stat, {"Expression": "m1 + m2"}]},
            },
            "Sometimes": {**alarm(), "Condition": "Watches"},
            "Together": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {}},
            "Board": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {}},
            "Other": {"Properties": {}},
        },
    }
    always = {"alarm_metric_months": 4, "composite_alarm_months": 1, "dashboard_months": 1}
    assert watch(template, {"Watch": "false"}) == always
    assert watch(template, {"Watch": "true"}) == always | {"alarm_metric_months": 5}


@pytest.mark.parametrize(
    "properties", [{"Period": 10}, {"Metrics": [{"Expression": "SELECT AVG(Errors) FROM Functions"}]}]
)
def test_an_alarm_with_another_price_is_an_error(properties: dict[str, Any]) -> None:
    with pytest.raises(NotPriced, match="Dear"):
        watch({"Resources": {"Dear": alarm(**properties)}}, {})


def test_conditions_are_those_of_cloudformation() -> None:
    conditions = {"IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}}
    parameters = {"Stage": "prod", "Number": 1}
    named = {"Condition": "IsProd"}
    assert holds(named, conditions, parameters)
    assert not holds({"Fn::Not": [named]}, conditions, parameters)
    assert holds({"Fn::Or": [{"Fn::Not": [named]}, named]}, conditions, parameters)
    assert not holds({"Fn::And": [{"Fn::Not": [named]}, named]}, conditions, parameters)
    assert holds({"Fn::Equals": [{"Ref": "Number"}, "1"]}, conditions, parameters)
    with pytest.raises(NotPriced, match="Fn::Contains"):
        holds({"Fn::Contains": []}, conditions, parameters)


def test_stages_of_the_project_differ_as_its_settings_say() -> None:
    dev, prod = project_stage("dev"), project_stage("prod")
    assert (dev.keeps_data, dev.traces, dev.keeps_access_logs) == (False, False, False)
    assert (prod.keeps_data, prod.traces, prod.keeps_access_logs) == (True, True, True)
    assert (dev.queues_read, prod.queues_read) == (5, 5), "jobs, their dead letters, erasures, deliveries, intake"
    assert prod.log_retention_days > dev.log_retention_days
    assert prod.memory_mb["api_handler"] == 512


def test_a_stages_own_settings_go_before_the_shared_ones() -> None:
    config = {
        "lambda_architecture": "x86_64",
        "environment_variables": {"JOB_RETENTION_DAYS": "30"},
        "lambda_functions": {"sweep": {"lambda_memory_size": 256}, "consume": {"lambda_memory_size": 512}},
        "template_parameters": {
            "LogRetentionDays": 14,
            "KeepsData": "false",
            "KeepsAccessLogs": "false",
            "Traces": "false",
        },
        "stages": {
            "big": {
                "lambda_architecture": "arm64",
                "environment_variables": {"JOB_RETENTION_DAYS": "7"},
                "lambda_functions": {"sweep": {"lambda_memory_size": 1024}},
                "template_parameters": {"LogRetentionDays": 90},
            }
        },
    }
    stage = Stage.of(config, {"Resources": {}}, "big")
    assert (stage.architecture, stage.job_retention_days, stage.log_retention_days) == ("arm64", 7, 90)
    assert stage.memory_mb == {"sweep": 1024, "consume": 512}


def test_a_write_costs_what_the_answer_says_of_all_its_tables() -> None:
    assert write_units({"ConsumedCapacity": {"CapacityUnits": 3}}) == 3
    assert write_units({"ConsumedCapacity": [{"CapacityUnits": 3}, {"CapacityUnits": 2}]}) == 5
    with pytest.raises(NotCounted, match="no error"):
        write_units({})
    with pytest.raises(NotCounted, match="ThrottlingException"):
        write_units({"Error": {"Code": "ThrottlingException"}})


def test_a_refused_write_costs_as_much_as_the_row_that_refused_it_and_twice_in_a_transaction() -> None:
    refused = {"Error": {"Code": "ConditionalCheckFailedException"}}
    row = {"a": {"S": "x" * 1500}}
    assert write_units(refused) == 1
    assert write_units({**refused, "Item": row}) == 2
    reasons = [{"Code": "ConditionalCheckFailed", "Item": row}, {"Code": "None"}]
    assert write_units({"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}) == 6


def test_a_read_costs_by_the_size_of_all_that_it_finds_and_half_unless_it_is_consistent() -> None:
    row = {"a": {"S": "x" * 3000}}
    page_of_rows = {"Items": [row] * 3, "Count": 3, "ScannedCount": 3}
    assert read_units(page_of_rows, is_consistent=True) == 3
    assert read_units(page_of_rows, is_consistent=False) == 1.5
    assert read_units({"Responses": {"table": [row] * 3}}, is_consistent=True) == 3, "each row for itself"
    assert read_units({"Items": [], "Count": 0, "ScannedCount": 0}, is_consistent=False) == 0.5
    assert read_units({}, is_consistent=True) == 1, "a row that is not there"
    with pytest.raises(NotCounted, match="went through rows"):
        read_units({"Items": [row], "Count": 1, "ScannedCount": 2}, is_consistent=True)


def test_the_size_of_a_row_is_that_of_its_names_and_values() -> None:
    assert item_bytes({"id": {"S": "äbc"}}) == 2 + 4
    assert item_bytes({"n": {"N": "1234"}}) == 1 + 3
    assert item_bytes({"b": {"B": b"123"}, "t": {"BOOL": True}, "z": {"NULL": True}}) == (1 + 3) + (1 + 1) + (1 + 1)
    assert item_bytes({"tags": {"L": [{"S": "x"}]}}) == 4 + 3 + 1 + 1
    assert item_bytes({"m": {"M": {"k": {"S": "v"}}}}) == 1 + 3 + 1 + 1 + 1
    assert item_bytes({"s": {"SS": ["ab", "c"]}}) == 1 + 3


def test_the_length_of_a_log_line_does_not_depend_on_what_was_measured_in_it() -> None:
    assert line_bytes('{"took_ms": 7}') == line_bytes('{"took_ms": 123.45}')
    assert line_bytes('{"job": "a"}') + 1 == line_bytes('{"job": "ab"}')
    assert line_bytes('{"at": 1795608000000}') == len('{"at": 1795608000000}') + 1, "an instant keeps its length"


def test_metrics_in_the_log_are_found_by_name_and_dimensions() -> None:
    directive = {"Namespace": "n", "Dimensions": [["outcome"]], "Metrics": [{"Name": "a"}, {"Name": "b"}]}
    line = {"_aws": {"CloudWatchMetrics": [directive]}, "outcome": "SUCCESS", "a": 1, "b": 2}
    found = metrics_in(json.dumps(line))
    assert len(found) == 2
    assert len(found | metrics_in(json.dumps(line | {"outcome": "FAILED"}))) == 4
    assert metrics_in('{"message": "request"}') == set()


def test_the_smallest_task_that_never_stops_is_a_quarter_of_a_processor_and_half_a_gb() -> None:
    prices = made_up(usd={"fargate_vcpu_hours": 0.04, "fargate_gb_hours": 0.004})
    assert always_on_month(prices) == pytest.approx(720 * (0.25 * 0.04 + 0.5 * 0.004))


def test_a_table_of_bills_leaves_out_what_costs_less_than_half_a_cent_and_adds_it_all_the_same() -> None:
    shown = bills({"A": {"SQS": 1.5, "S3": 0.004, "KMS": 0.0}, "B": {"SQS": 0.001, "S3": 0.004, "KMS": 2}})
    assert shown.splitlines() == [
        "| USD | A | B |",
        "|---|--:|--:|",
        "| SQS | 1.50 | 0.00 |",
        "| KMS | 0.00 | 2.00 |",
        "| **Sum** | **1.50** | **2.00** |",
    ]
    almost = bills({"A": {"S3": 0.004, "SSM": 0.004}})
    assert almost.splitlines()[2:] == ["| **Sum** | **0.01** |"], "they are in the sum"
    assert aligned(shown).splitlines()[2] == "SQS  1.50  0.00"


def test_only_the_block_between_the_markers_changes() -> None:
    block = f"{BEGIN}\nnew \\1\n{END}"
    assert with_block(f"before\n{BEGIN}\nold\n{END}\nafter", block) == f"before\n{block}\nafter"


@pytest.mark.parametrize("text", ["", BEGIN, f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_readme_without_the_markers_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        with_block(text, "")


def costs(metrics: set[str], prices: PriceList | None = None) -> Costs:
    jobs = {shape.name: counts(api_requests=shape.jobs) for shape in SHAPES}
    sweeps = Counts(invocations=Counter(sweep=1), metrics=metrics)
    return Costs(prices=prices or made_up(), busy=STAGE, stages=(STAGE,), jobs=jobs, sweeps=sweeps)


def test_a_dearer_price_shows_in_both_texts() -> None:
    dear = costs(set(), made_up(usd={"api_requests": 3}))
    for text in (in_readme, page):
        assert "1,000,000.00" in text(costs(set()))
        assert "3,000,000.00" in text(dear)
        assert "$" not in text(dear), "a name of the template that was not filled in"


def test_custom_metrics_are_said_where_there_are_some() -> None:
    assert "custom metrics. Each costs" not in page(costs(set()))
    assert "write 2 custom metrics. Each costs" in page(costs({"one", "another"}))
