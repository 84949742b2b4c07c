"""
Logs: one JSON object a line on standard error, which Lambda keeps in CloudWatch Logs.

Metrics are fields of such lines. A line that has some declares them in CloudWatch's embedded metric format, by which
CloudWatch takes them out of the log: no call, no wait, and the line says which job a value is of.
"""

import json
import logging
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id")
"""
Id of what is being served; unset outside of it.

Of an HTTP request it is API Gateway's, which the caller gets as ``X-Request-Id``; of anything else Lambda's.
"""

caller_id: ContextVar[str | None] = ContextVar("caller_id", default=None)
"""The user who makes the request that is being served, once that is known."""

_PLAIN_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


_to_json = json.JSONEncoder(default=str).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How CloudWatch keeps a metric. Each value that a dimension takes is a metric of its own, paid by the month."""

    unit: str
    dimensions: tuple[str, ...] = ()


METRICS = {
    "Jobs": Metric(unit="Count", dimensions=("outcome",)),
    "QueuedToDone": Metric(unit="Milliseconds"),
    "Attempts": Metric(unit="Count"),
    "FailedAttempts": Metric(unit="Count"),
}
"""The fields that are metrics, by their names; see `chalicelib.services.measuring` for what they say."""

MEASURING = "chalicelib.services.measuring"
"""The logger of the lines with metrics."""


class JsonFormatter(logging.Formatter):
    """
    Formats a record as one line of JSON.

    In it: time, level, logger, message, the id of what is being served, the fields given as ``extra``, the cause. With
    a ``namespace``, CloudWatch makes metrics of those fields that `METRICS` has.
    """

    def __init__(self, namespace: str = "") -> None:
        super().__init__()
        self._namespace = namespace

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        serving = request_id.get("")
        if serving:
            line["request_id"] = serving
        line |= {name: value for name, value in record.__dict__.items() if name not in _PLAIN_RECORD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if self._namespace and not METRICS.keys().isdisjoint(line):
            line["_aws"] = self._declaration(line, at_epoch_ms=int(record.created * 1000))
        return _to_json(line)

    def _declaration(self, line: Mapping[str, object], *, at_epoch_ms: int) -> dict[str, object]:
        by_dimensions: dict[tuple[str, ...], list[dict[str, str]]] = {}
        for name, metric in METRICS.items():
            if name in line:
                by_dimensions.setdefault(metric.dimensions, []).append({"Name": name, "Unit": metric.unit})
        directives = [
            {"Namespace": self._namespace, "Dimensions": [dimensions], "Metrics": metrics}
            for dimensions, metrics in by_dimensions.items()
        ]
        return {"Timestamp": at_epoch_ms, "CloudWatchMetrics": directives}


def places_of(error: BaseException) -> str:
    """Return where an error arose, and those that led to it, without what they say: that may be a job's data."""
    parts: list[str] = []
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = "".join(traceback.format_tb(current.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{frames}{type(current).__qualname__}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n\n".join(reversed(parts))


def configure_logging(level: str, *, namespace: str = "") -> None:
    """
    Send all logs, as JSON, to standard error and nowhere else; Lambda's own handler is replaced.

    With a ``namespace``, the fields that `METRICS` has are metrics in it, whatever the level: who wants to read less
    wants to know no less.

    A level that is none is said in the log, which then begins at INFO: a misspelt setting must not stop the functions.
    """
    # No line says which thread or process wrote it, so none is asked: Optimization, in docs.python.org/howto/logging.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(namespace))
    known = level in logging.getLevelNamesMapping()
    logging.basicConfig(level=level if known else logging.INFO, handlers=[handler], force=True)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    logging.getLogger(MEASURING).setLevel(logging.INFO if namespace else logging.NOTSET)
    if not known:
        logging.getLogger(__name__).warning("LOG_LEVEL is no level of Python's logging", extra={"log_level": level})
