"""
What CloudWatch makes of a line of the log, by the rules of its embedded metric format.

Source: "Specification: Embedded metric format" in the CloudWatch user guide, with the JSON schema it publishes.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib.observability import JsonFormatter

NAMESPACE = "shop"

UNITS = {"Seconds", "Milliseconds", "Bytes", "Percent", "Count", "None"}
"""Those of CloudWatch's that a metric here may have."""


@dataclass(frozen=True, slots=True)
class Datum:
    """One value of one metric; its name, namespace and dimensions are what the metric is known by."""

    namespace: str
    name: str
    unit: str
    value: int
    dimensions: tuple[tuple[str, str], ...] = ()


def data_of(line: str) -> list[Datum]:
    """Return the values that CloudWatch takes out of a line, none if it has no metrics; the rules are asserted."""
    assert "\n" not in line, "an event of the log is one line"
    root = json.loads(line)
    assert isinstance(root, dict)
    if "_aws" not in root:
        return []
    assert len(line.encode()) <= 256 * 1024
    metadata = root["_aws"]
    assert metadata.keys() == {"Timestamp", "CloudWatchMetrics"}
    assert type(metadata["Timestamp"]) is int
    assert 1e12 < metadata["Timestamp"] < 1e13, "milliseconds of the epoch"
    assert metadata["CloudWatchMetrics"]
    return [datum for directive in metadata["CloudWatchMetrics"] for datum in _data_of(directive, root)]


def _data_of(directive: dict[str, Any], root: dict[str, Any]) -> list[Datum]:
    assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
    namespace, sets, metrics = directive["Namespace"], directive["Dimensions"], directive["Metrics"]
    assert isinstance(namespace, str)
    assert 1 <= len(namespace) <= 255
    assert not namespace.startswith("AWS/"), "reserved"
    assert sets, "no set at all is against the schema; one without dimensions is an empty set"
    assert 1 <= len(metrics) <= 100
    found = []
    for names in sets:
        assert isinstance(names, list)
        assert len(names) <= 9
        for name in names:
            assert isinstance(root[name], str), "a dimension's target is a string on the root"
            assert 1 <= len(root[name]) <= 255
        for metric in metrics:
            assert metric.keys() == {"Name", "Unit"}
            assert metric["Unit"] in UNITS
            assert 1 <= len(metric["Name"]) <= 255
            value = root[metric["Name"]]
            assert type(value) in {int, float}, "a metric's target is a number on the root"
            dimensions = tuple((name, root[name]) for name in names)
            found.append(Datum(namespace, metric["Name"], metric["Unit"], value, dimensions))
    return found


class Log(logging.Handler):
    """The lines as CloudWatch gets them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(JsonFormatter(NAMESPACE))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    @property
    def data(self) -> list[Datum]:
        """What CloudWatch takes out of all lines."""
        return [datum for line in self.lines for datum in data_of(line)]

    def fields(self, message: str) -> list[dict[str, object]]:
        """Return the lines of this message."""
        return [fields for line in self.lines if (fields := json.loads(line))["message"] == message]


@contextmanager
def logged() -> Iterator[Log]:
    """Take what the product logs meanwhile."""
    logger = logging.getLogger("chalicelib")
    level, log = logger.level, Log()
    logger.setLevel(logging.INFO)
    logger.addHandler(log)
    try:
        yield log
    finally:
        logger.removeHandler(log)
        logger.setLevel(level)
