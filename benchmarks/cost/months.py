"""What AWS bills: of counts and the settings of a stage, units by the names of the price list."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import PROJECT
from benchmarks.cost.meter import Counts
from benchmarks.cost.prices import PriceList
from deployment.dashboard import with_dashboard

MILLION = 1_000_000
GB = 2**30
MONTH_DAYS = 30
MONTH_MINUTES = MONTH_DAYS * 24 * 60
MINUTE_S = 60
STANDARD_PERIOD_S = 60
"""An alarm that looks more often than once a minute costs more."""


class NotPriced(Exception):
    """The template has something whose cost is not known here; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What of a stage decides about costs. Memory sizes are by function; ``watch`` is what costs by the month."""

    name: str
    architecture: str
    memory_mb: Mapping[str, int]
    log_retention_days: int
    job_retention_days: int
    keeps_data: bool
    keeps_access_logs: bool
    traces: bool
    queues_read: int
    watch: Mapping[str, int]

    @classmethod
    def of(cls, config: Mapping[str, Any], resources: Mapping[str, Any], name: str) -> "Stage":
        """Return a stage of ``.chalice/config.json``, over ``.chalice/resources.json``."""
        own = config["stages"][name]
        parameters = {**config["template_parameters"], **own.get("template_parameters", {})}
        variables = {**config["environment_variables"], **own.get("environment_variables", {})}
        functions = {
            function: {**shared, **own.get("lambda_functions", {}).get(function, {})}
            for function, shared in config["lambda_functions"].items()
        }
        events = [
            event["Properties"]
            for resource in resources["Resources"].values()
            for event in resource.get("Properties", {}).get("Events", {}).values()
        ]
        return cls(
            name=name,
            architecture=own.get("lambda_architecture", config["lambda_architecture"]),
            memory_mb={function: settings["lambda_memory_size"] for function, settings in functions.items()},
            log_retention_days=parameters["LogRetentionDays"],
            job_retention_days=int(variables["JOB_RETENTION_DAYS"]),
            keeps_data=parameters["KeepsData"] == "true",
            keeps_access_logs=parameters["KeepsAccessLogs"] == "true",
            traces=parameters["Traces"] == "true",
            queues_read=sum("Queue" in event for event in events),
            watch=watch(resources, parameters),
        )


def project_stage(name: str) -> Stage:
    """Return a stage of the project."""
    folder = PROJECT / ".chalice"
    config, resources = (json.loads((folder / file).read_text()) for file in ("config.json", "resources.json"))
    return Stage.of(config, with_dashboard(resources), name)


def watch(resources: Mapping[str, Any], parameters: Mapping[str, object]) -> Counter[str]:
    """
    Return the alarms and dashboards of a stage, as units of the price list: an alarm costs by the metrics it looks at.

    Raises:
        NotPriced: An alarm looks more often than once a minute, or at the result of a query.
    """
    units: Counter[str] = Counter()
    conditions = resources.get("Conditions", {})
    for name, resource in resources["Resources"].items():
        if "Condition" in resource and not holds(conditions[resource["Condition"]], conditions, parameters):
            continue
        kind, properties = resource.get("Type"), resource.get("Properties", {})
        if kind == "AWS::CloudWatch::Alarm":
            units["alarm_metric_months"] += _metrics(name, properties)
        elif kind == "AWS::CloudWatch::CompositeAlarm":
            units["composite_alarm_months"] += 1
        elif kind == "AWS::CloudWatch::Dashboard":
            units["dashboard_months"] += 1
    return units


def _metrics(alarm: str, properties: Mapping[str, Any]) -> int:
    """Return how many metrics an alarm looks at; those that it only computes are free."""
    given = properties.get("Metrics")
    stats = [properties] if given is None else [each["MetricStat"] for each in given if "MetricStat" in each]
    if not stats or any(stat.get("Period", STANDARD_PERIOD_S) < STANDARD_PERIOD_S for stat in stats):
        message = f"the alarm {alarm} is of a kind with a price of its own"
        raise NotPriced(message)
    return len(stats)


def holds(condition: Any, conditions: Mapping[str, Any], parameters: Mapping[str, object]) -> bool:  # noqa: ANN401 - JSON
    """
    Tell whether a condition of a template holds.

    Raises:
        NotPriced: It is of a kind that the project's template did not have.
    """
    ((function, given),) = condition.items()
    if function == "Condition":
        return holds(conditions[given], conditions, parameters)
    if function == "Fn::Not":
        return not holds(given[0], conditions, parameters)
    if function in {"Fn::And", "Fn::Or"}:
        each = [holds(part, conditions, parameters) for part in given]
        return all(each) if function == "Fn::And" else any(each)
    if function == "Fn::Equals":
        left, right = (str(parameters[side["Ref"]]) if isinstance(side, dict) else str(side) for side in given)
        return left == right
    message = f"a condition of the template has {function}"
    raise NotPriced(message)


def usage(counts: Counts, prices: PriceList, stage: Stage, *, times: float) -> dict[str, float]:
    """Return the units of so many ``times`` the counts; of what is kept, for as long as the stage keeps it."""
    assumed = prices.assumed
    units: defaultdict[str, float] = defaultdict(float)
    for unit, number in counts.units.items():
        units[unit] += number * times
    invocations = sum(counts.invocations.values())
    requests = counts.units["api_requests"]
    units["lambda_requests"] += invocations * times
    units[f"lambda_gb_s_{stage.architecture}"] += times * sum(
        stage.memory_mb[function] / 1024 * billed_ms(counts, prices, function) / 1000 for function in counts.invocations
    )
    log_bytes = counts.log_bytes + invocations * assumed("lambda_lines_bytes")
    log_lines = counts.log_lines + invocations * assumed("lambda_lines")
    if stage.keeps_access_logs:
        log_bytes += requests * assumed("access_log_line_bytes")
        log_lines += requests
    log_gb = times * (log_bytes + log_lines * assumed("log_event_bytes")) / GB
    units["log_gb"] += log_gb
    units["log_gb_months"] += log_gb * assumed("log_kept_share") * stage.log_retention_days / MONTH_DAYS
    stored = times * counts.stored_bytes / GB * stage.job_retention_days / MONTH_DAYS
    units["dynamodb_storage_gb_months"] += stored
    if stage.keeps_data:
        units["dynamodb_pitr_gb_months"] += stored
    if stage.traces:
        units["xray_traces"] += times * requests * assumed("trace_share")
    units["transfer_out_gb"] += times * (counts.out_bytes + requests * assumed("gateway_headers_bytes")) / GB
    return units


def billed_ms(counts: Counts, prices: PriceList, function: str) -> float:
    """Return how long the invocations of a function are assumed to take together, their counted waits included."""
    assumed = prices.assumed
    invocations = counts.invocations[function]
    of_one = assumed(f"{function.removesuffix('_handler')}_invocation_ms")
    cold = assumed("cold_share") * assumed("cold_start_ms")
    jobs_ms = counts.jobs_run * assumed("job_ms") if function == "consume" else 0
    return (
        invocations * (of_one + cold)
        + counts.calls[function] * assumed("aws_call_ms")
        + counts.waited_ms[function]
        + jobs_ms
    )


def million_jobs(counts: Counts, jobs: int, prices: PriceList, stage: Stage) -> dict[str, float]:
    """Return the units of a million jobs, of which ``jobs`` gave the counts."""
    return usage(counts, prices, stage, times=MILLION / jobs)


def idle_month(sweeps: Counts, prices: PriceList, stage: Stage) -> dict[str, float]:
    """
    Return the units of a month in which nobody calls: a sweep each minute, the polls of empty queues, and the watch.

    A metric that only sweeps write is counted here, those that jobs write are not.
    """
    assumed = prices.assumed
    runs = sweeps.invocations["sweep"]
    units = usage(sweeps, prices, stage, times=MONTH_MINUTES / runs)
    polls_a_minute = assumed("pollers") * MINUTE_S / assumed("long_poll_s")
    units["sqs_requests"] += stage.queues_read * polls_a_minute * MONTH_MINUTES
    for unit, number in stage.watch.items():
        units[unit] += number
    units["custom_metric_months"] += len(sweeps.metrics)
    units["s3_gb_months"] += assumed("deployed_gb")
    if stage.traces:
        units["xray_traces"] += MONTH_MINUTES * assumed("trace_first_a_minute")
    if stage.keeps_data:
        units["kms_requests"] += MONTH_MINUTES / assumed("table_key_minutes")
    return units


def always_on_month(prices: PriceList) -> float:
    """Return what the smallest task that never stops costs on Fargate: a quarter of a processor and half a GB."""
    hours = MONTH_DAYS * 24
    return sum(prices.bill({"fargate_vcpu_hours": hours / 4, "fargate_gb_hours": hours / 2}).values())
