"""Logs: one JSON object a line on standard error, which Lambda keeps in CloudWatch Logs."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id")
"""Id of the HTTP request being served, which the caller gets as ``X-Request-Id``; unset outside of one."""

_PLAIN_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """
    Formats a record as one line of JSON.

    In it: time, level, logger, message, the id of the request being served, the fields given as ``extra``, the cause.
    """

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
        return json.dumps(line, default=str)


def configure_logging(level: str) -> None:
    """Send all logs, as JSON, to standard error and nowhere else; Lambda's own handler is replaced."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("botocore").setLevel(logging.WARNING)
