"""Logs: one JSON object a line on standard error, which Lambda keeps in CloudWatch Logs."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id")
"""
Id of what is being served; unset outside of it.

Of an HTTP request it is API Gateway's, which the caller gets as ``X-Request-Id``; of anything else Lambda's.
"""

_PLAIN_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """
    Formats a record as one line of JSON.

    In it: time, level, logger, message, the id of what is being served, the fields given as ``extra``, the cause.
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
    """
    Send all logs, as JSON, to standard error and nowhere else; Lambda's own handler is replaced.

    A level that is none is said in the log, which then begins at INFO: a misspelt setting must not stop the functions.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    known = level in logging.getLevelNamesMapping()
    logging.basicConfig(level=level if known else logging.INFO, handlers=[handler], force=True)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    if not known:
        logging.getLogger(__name__).warning("LOG_LEVEL is no level of Python's logging", extra={"log_level": level})
