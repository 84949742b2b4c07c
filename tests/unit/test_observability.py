import json
import logging
import sys
from collections.abc import Iterator

import pytest

from chalicelib.observability import JsonFormatter, configure_logging, places_of


def record(message: str, **extra: object) -> logging.LogRecord:
    return logging.getLogger("chalicelib.test").makeRecord(
        "chalicelib.test", logging.INFO, "file.py", 1, message, (), None, extra=extra
    )


@pytest.mark.asvs("16.2.1", "16.2.2", "16.2.4", "16.4.1")
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


@pytest.mark.asvs("16.3.4")
def test_a_cause_is_part_of_the_line() -> None:
    broken = record("broken")
    try:
        int("why")
    except ValueError:
        broken.exc_info = sys.exc_info()
    line = JsonFormatter().format(broken)
    assert "\n" not in line
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


@pytest.mark.asvs("16.2.5")
def test_places_are_told_without_what_was_said_there() -> None:
    def fail(data: str) -> None:
        try:
            int(data)
        except ValueError as error:
            raise RuntimeError(data) from error

    said = str(12).rjust(9, "z")  # not as it stands in the code, whose lines are told
    with pytest.raises(RuntimeError) as raised:
        fail(said)
    told = places_of(raised.value)
    assert said not in told
    assert told.index("ValueError") < told.index("RuntimeError")
    assert told.count("in fail") == 2
    assert "int(data)" in told


def test_a_cause_that_is_hidden_or_goes_in_circles_is_told_once() -> None:
    hidden, shown = RuntimeError(), KeyError()
    hidden.__context__, hidden.__suppress_context__ = shown, True
    assert "KeyError" not in places_of(hidden)
    hidden.__suppress_context__, shown.__context__ = False, hidden
    assert places_of(hidden).count("Traceback") == 2


def test_a_field_that_is_no_json_is_written_as_text() -> None:
    assert json.loads(JsonFormatter().format(record("odd", value={1, 2}.__class__)))["value"] == "<class 'set'>"


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = handlers, level


@pytest.mark.asvs("16.2.3")
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
