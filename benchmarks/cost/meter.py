"""
Counts what one invocation after another of the product's functions uses of AWS.

DynamoDB says with each call what it charges. MiniStack leaves two things out, which are filled in by the rules of
DynamoDB's documentation: a read is charged by the size of what it finds, and a write that its condition refuses like
one that went through.
"""

import json
import logging
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.aws_calls import Answer, AwsRefusal
from tests.aws import WatchedCalls

if TYPE_CHECKING:
    from tests.aws import Made

READS = ("GetItem", "Query", "BatchGetItem")
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024
IN_TRANSACTION = 2
"""How many units one of a transaction counts as."""

MEASURED_DIGITS_MAX = 6
A_MEASURED_NUMBER = 1000
"""In place of each small number of a log line: some are measured, so that no two runs would write the same bytes."""


class NotCounted(Exception):
    """Something is charged that the meter cannot count; the message names it."""


@dataclass(kw_only=True)
class Counts:
    """
    What some invocations used.

    ``units`` are by the names of the price list; the rest is what units are made of, by function where it matters.
    ``metrics`` are the custom metrics, each with its dimensions' values, that CloudWatch finds in the lines.
    """

    units: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    invocations: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    waited_ms: Counter[str] = field(default_factory=Counter)
    jobs_run: int = 0
    log_bytes: int = 0
    log_lines: int = 0
    out_bytes: int = 0
    stored_bytes: int = 0
    metrics: set[str] = field(default_factory=set)


class Meter(logging.Handler):
    """
    Counts the AWS calls of the clients that the product makes, and the lines of the log.

    Only what happens within `invocation` counts; an invocation may happen while another waits. ``formatter`` is the
    one that the functions write their lines by.
    """

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.counts = Counts()
        self._running: list[str] = []
        self._watched = WatchedCalls(self._counted)

    def stop(self) -> None:
        """Count no more calls."""
        self._watched.stop()

    def taken(self) -> Counts:
        """Return the counts so far; counting begins anew."""
        counts, self.counts = self.counts, Counts()
        return counts

    @contextmanager
    def invocation(self, function: str) -> Iterator[None]:
        """Count what happens in the block as one invocation of a function."""
        self._running.append(function)
        self.counts.invocations[function] += 1
        try:
            yield
        finally:
            self._running.pop()

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line of the log."""
        if self._running:
            line = self.format(record)
            self.counts.log_lines += 1
            self.counts.log_bytes += line_bytes(line)
            self.counts.metrics |= metrics_in(line)

    def _counted(self, service: str, operation: str, parameters: dict[str, Any], made: "Made") -> Answer:
        if not self._running:
            return made(parameters)
        self._count_call(service, operation, parameters)
        if operation not in READS + WRITES:
            return made(parameters)
        try:
            answer = made({**parameters, "ReturnConsumedCapacity": "TOTAL"})
        except AwsRefusal as refusal:
            if operation in WRITES:
                self._count_write({**refusal.members, "Error": {"Code": refusal.code}})
            raise
        if operation in WRITES:
            self._count_write(answer)
        else:
            of_tables = parameters.get("RequestItems", {}).values()
            is_consistent = any(each.get("ConsistentRead", False) for each in (parameters, *of_tables))
            by_size = read_units(answer, is_consistent=is_consistent)
            self.counts.units["dynamodb_read_units"] += max(_told(answer), by_size)
        return answer

    def _count_call(self, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        self.counts.calls[self._running[-1]] += 1
        if service == "sqs":
            self.counts.units["sqs_requests"] += 1
            if "MessageGroupId" in str(parameters):
                self.counts.units["sqs_fair_requests"] += 1
        elif (service, operation) == ("events", "PutEvents"):
            # None of ours is over the 64 KB that are charged as one.
            self.counts.units["events_put"] += len(parameters["Entries"])
        elif service == "ssm":
            self.counts.units["ssm_parameter_reads"] += 1
        elif service != "dynamodb" or operation not in READS + WRITES:
            message = f"{service} {operation} is charged, and not counted"
            raise NotCounted(message)

    def _count_write(self, parsed: Mapping[str, Any]) -> None:
        self.counts.units["dynamodb_write_units"] += write_units(parsed)


def _told(parsed: Mapping[str, Any]) -> float:
    """Return the units that an answer speaks of, of tables and indexes; a transaction's has an entry for each table."""
    consumed = parsed.get("ConsumedCapacity", [])
    return sum(float(each["CapacityUnits"]) for each in (consumed if isinstance(consumed, list) else [consumed]))


def read_units(parsed: Mapping[str, Any], *, is_consistent: bool) -> float:
    """
    Return what a read costs by the size of what it found.

    A query is charged for all that it went through, which its answer does not have where a filter left some out.

    Raises:
        NotCounted: It left some out.
    """
    if parsed.get("ScannedCount", 0) != parsed.get("Count", 0):
        message = "a query went through rows that its answer does not have"
        raise NotCounted(message)
    per_unit = 1.0 if is_consistent else 0.5
    if "Responses" in parsed:
        sizes = [item_bytes(item) for items in parsed["Responses"].values() for item in items]
    else:
        sizes = [sum(item_bytes(item) for item in parsed.get("Items", [parsed.get("Item", {})]))]
    return sum(per_unit * max(1, math.ceil(size / READ_UNIT_BYTES)) for size in sizes)


def write_units(parsed: Mapping[str, Any]) -> float:
    """
    Return what a write costs, made or refused by its condition.

    Raises:
        NotCounted: Its answer tells nothing of that.
    """
    code = parsed.get("Error", {}).get("Code")
    if code == "ConditionalCheckFailedException":
        return _row_units(parsed.get("Item", {}))
    if code == "TransactionCanceledException":
        return sum(IN_TRANSACTION * _row_units(reason.get("Item", {})) for reason in parsed["CancellationReasons"])
    if "ConsumedCapacity" not in parsed:
        message = f"the answer to a write does not say what it cost ({code or 'no error'})"
        raise NotCounted(message)
    return _told(parsed)


def _row_units(item: Mapping[str, Any]) -> int:
    return max(1, math.ceil(item_bytes(item) / WRITE_UNIT_BYTES))


def item_bytes(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the size of an item by DynamoDB's rules: names, and values by their type."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind in {"S", "B"}:
        return len(content.encode() if isinstance(content, str) else content)
    if kind == "N":
        return (len(content.strip("-0.")) + 1) // 2 + 1
    if kind == "L":
        return 3 + sum(1 + _value_bytes(each) for each in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _value_bytes(each) for name, each in content.items())
    return 1 if kind in {"BOOL", "NULL"} else sum(_value_bytes({kind[0]: each}) for each in content)


def line_bytes(line: str) -> int:
    """Return the length of a line of the log with its end, whatever was measured in it."""

    def number(text: str) -> int:
        return int(text) if text.lstrip("-").isdigit() and len(text) > MEASURED_DIGITS_MAX else A_MEASURED_NUMBER

    written = json.loads(line, parse_int=number, parse_float=number)
    return len(json.dumps(written, ensure_ascii=False).encode()) + 1


def metrics_in(line: str) -> set[str]:
    """Return the custom metrics of a line in CloudWatch's embedded metric format, each with its dimensions' values."""
    fields = json.loads(line)
    return {
        json.dumps([directive["Namespace"], metric["Name"], {name: fields.get(name) for name in dimensions}])
        for directive in fields.get("_aws", {}).get("CloudWatchMetrics", [])
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    }
