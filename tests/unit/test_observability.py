import json
import logging
import sys
from collections.abc import Iterator

import pytest

from chalicelib.observability import JsonFormatter, configure_logging


def record(message: str, **extra: object) -> logging.LogRecord:
    return logging.getLogger("chalicelib.test").makeRecord(
        "chalicelib.test", logging.INFO, "file.py", 1, message, (), None, extra=extra
    )


def test_a_record_is_one_line_of_json_with_its_fields() -> None:
    line = JsonFormatter().format(record("two\nlines", job_id="1", count=2))
    assert "\n" not in line
    fields = json.loads(line)
    assert fields.pop("time").endswith("+00:00")
    assert fields == {
        "level": "INFO",
        "logger": "chalicelib.test",
        "message": "two\nlines",
        "job_id": "1",
        "count": 2,
    }


def test_a_cause_is_part_of_the_line() -> None:
    broken = record("broken")
    try:
        int("why")
    except ValueError:
        broken.exc_info = sys.exc_info()
    line = JsonFormatter().format(broken)
    assert "\n" not in line
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_a_field_that_is_no_json_is_written_as_text() -> None:
    assert json.loads(JsonFormatter().format(record("odd", value={1, 2}.__class__)))["value"] == "<class 'set'>"


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = handlers, level


def test_logs_go_to_standard_error_once(root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    configure_logging("INFO")
    assert len(root_logger.handlers) == 1
    logging.getLogger("chalicelib.test").info("said")
    logging.getLogger("chalicelib.test").debug("unsaid")
    logging.getLogger("botocore").info("unsaid")
    said = capsys.readouterr()
    assert said.out == ""
    assert [json.loads(line)["message"] for line in said.err.splitlines()] == ["said"]


@pytest.mark.parametrize("level", ["VERBOSE", "", "info"])
def test_a_level_that_is_none_is_said_and_stops_nothing(
    root_logger: logging.Logger, capsys: pytest.CaptureFixture[str], level: str
) -> None:
    configure_logging(level)
    assert root_logger.level == logging.INFO
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["log_level"] == level
