"""
The CloudWatch dashboard of a stack: what runs, what waits and what fails, on one screen.

It is made from the template, so it has every function, queue, table and alarm that is in it, and nothing else. It is
Python because its body is JSON in a text, in which nobody would find anything.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deployment.template import functions, stream_mappings

Metric = list[Any]
"""A metric as a dashboard names it: namespace, name, each dimension and its value, and how it is shown."""

RESOURCE = "Dashboard"
SPAN_S = 300
"""Of one point in the graphs; that of most alarms."""

COLUMNS, COLUMN_WIDTH, HEIGHT = 4, 6, 5
ALARMS_HEIGHT = 4
QUANTILES = ("p50", "p99")
STACK = "${AWS::StackName}"
NAME = {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}
"""The region is in it because all regions of an account share the names of dashboards."""

API = ("ApiName", STACK, "Stage", "api")


def with_dashboard(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template with the dashboard of what is in it."""
    resources = template["Resources"]
    body = {"widgets": [_alarms(resources), *_placed(_graphs(resources))]}
    made = {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {"DashboardName": NAME, "DashboardBody": {"Fn::Sub": json.dumps(body)}},
    }
    return {**template, "Resources": {**resources, RESOURCE: made}}


def _graphs(resources: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the graphs, a row each for jobs, for queues, for the API with its tables, for functions, and for events."""
    yield from _of_jobs()
    yield from _of_queues(resources)
    yield from _of_the_api()
    yield from _of_tables(resources)
    yield from _of_functions(resources)
    yield from _of_events(resources)


def _of_jobs() -> Iterator[dict[str, Any]]:
    outcomes = f"SEARCH('{{\"{STACK}\",outcome}} MetricName=\"Jobs\"', 'Sum', {SPAN_S})"
    yield _graph("Jobs that ended, by outcome", [[{"expression": outcomes, "label": ""}]])
    yield _graph("From queued to done", _each([STACK, "QueuedToDone"], QUANTILES), unit="ms")
    taken = _each([STACK, "Attempts"], ("Average", "Maximum"))
    yield _graph("Attempts a job took, and those that failed", [*taken, [STACK, "FailedAttempts", {"label": "failed"}]])
    yield _graph("Errors logged", [[STACK, "LoggedErrors"]])


def _of_queues(resources: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    queues = _named(resources, "AWS::SQS::Queue")
    alive = [name for name in queues if "RedrivePolicy" in resources[name]["Properties"]]
    dead = [name for name in queues if name not in alive]
    depth = {"ApproximateNumberOfMessagesVisible": "waiting", "ApproximateNumberOfMessagesNotVisible": "taken"}
    flow = {"NumberOfMessagesSent": "sent", "NumberOfMessagesDeleted": "done"}
    age = {"ApproximateAgeOfOldestMessage": ""}
    yield _graph("Messages", _of_each_queue(alive, depth), stat="Maximum")
    yield _graph("Messages sent and done", _of_each_queue(alive, flow))
    yield _graph("Age of the oldest message", _of_each_queue(queues, age), stat="Maximum", unit="s")
    yield _graph("Dead letters", _of_each_queue(dead, depth), stat="Maximum")


def _of_the_api() -> Iterator[dict[str, Any]]:
    counts = {"Count": "requests", "4XXError": "4xx", "5XXError": "5xx"}
    yield _graph("API", [["AWS/ApiGateway", each, *API, {"label": label}] for each, label in counts.items()])
    yield _graph("API, latency", _each(["AWS/ApiGateway", "Latency", *API], QUANTILES), unit="ms")


def _of_tables(resources: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    units = {"ConsumedReadCapacityUnits": "read", "ConsumedWriteCapacityUnits": "written"}
    refused = {"ReadThrottleEvents": "reads", "WriteThrottleEvents": "writes"}
    yield _graph("DynamoDB, units", _of_each_table(resources, units))
    yield _graph("DynamoDB, refused", _of_each_table(resources, refused))


def _of_functions(resources: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    functions = _named(resources, "AWS::Serverless::Function")
    yield _graph("Functions, crashes", _of_each_function(functions, "Errors"))
    yield _graph("Functions, throttled", _of_each_function(functions, "Throttles"))
    yield _graph("Functions, duration", _of_each_function(functions, "Duration"), stat="p99", unit="ms, p99")
    yield _graph("Functions, at once", _of_each_function(functions, "ConcurrentExecutions"), stat="Maximum")


def _of_events(resources: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    relays = [name for name, function in functions({"Resources": resources}).items() if stream_mappings(function)]
    ages = _of_each_function(relays, "IteratorAge")
    yield _graph("Age of the oldest change that is no event yet", ages, stat="Maximum", unit="ms")


def _each(metric: Metric, stats: Iterable[str]) -> list[Metric]:
    return [[*metric, {"stat": each, "label": each}] for each in stats]


def _of_each_queue(queues: Iterable[str], metrics: Mapping[str, str]) -> list[Metric]:
    return [
        ["AWS/SQS", metric, "QueueName", f"${{{queue}.QueueName}}", {"label": f"{queue} {label}".rstrip()}]
        for queue in queues
        for metric, label in metrics.items()
    ]


def _of_each_table(resources: Mapping[str, Any], metrics: Mapping[str, str]) -> list[Metric]:
    """Return the metrics of each table, and of each of its indexes, which a table's own leave out."""
    made: list[Metric] = []
    for table in _named(resources, "AWS::DynamoDB::Table"):
        indexes = [each["IndexName"] for each in resources[table]["Properties"].get("GlobalSecondaryIndexes", [])]
        for metric, label in metrics.items():
            named = ["AWS/DynamoDB", metric, "TableName", f"${{{table}}}"]
            made.append([*named, {"label": f"{table} {label}"}])
            made += [[*named, "GlobalSecondaryIndexName", index, {"label": f"{index} {label}"}] for index in indexes]
    return made


def _of_each_function(functions: Iterable[str], metric: str) -> list[Metric]:
    return [["AWS/Lambda", metric, "FunctionName", f"${{{name}}}", {"label": name}] for name in functions]


def _graph(title: str, metrics: list[Metric], *, stat: str = "Sum", unit: str = "") -> dict[str, Any]:
    return {
        "type": "metric",
        "properties": {
            "title": title,
            "region": "${AWS::Region}",
            "view": "timeSeries",
            "stat": stat,
            "period": SPAN_S,
            "metrics": metrics,
            "yAxis": {"left": {"min": 0, "label": unit, "showUnits": False}},
        },
    }


def _alarms(resources: Mapping[str, Any]) -> dict[str, Any]:
    arns = [f"${{{name}.Arn}}" for name in _named(resources, "AWS::CloudWatch::Alarm")]
    width = COLUMNS * COLUMN_WIDTH
    return {
        "type": "alarm",
        "x": 0,
        "y": 0,
        "width": width,
        "height": ALARMS_HEIGHT,
        "properties": {"title": "Alarms", "alarms": arns},
    }


def _placed(graphs: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the graphs with their places below the alarms, row by row."""
    for number, graph in enumerate(graphs):
        row, column = divmod(number, COLUMNS)
        place = {"x": column * COLUMN_WIDTH, "y": ALARMS_HEIGHT + row * HEIGHT}
        yield {**graph, **place, "width": COLUMN_WIDTH, "height": HEIGHT}


def _named(resources: Mapping[str, Any], kind: str) -> list[str]:
    """Return the names of the resources of a type."""
    return [name for name, resource in resources.items() if resource.get("Type") == kind]
