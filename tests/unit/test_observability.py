import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from chalicelib.observability import MEASURING, METRICS, JsonFormatter, configure_logging, places_of
from chalicelib.services import measuring
from tests.embedded_metrics import Datum, data_of


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


def test_every_metric_is_one_by_the_rules_of_cloudwatch() -> None:
    values: dict[str, object] = dict.fromkeys(METRICS, 7)
    found = data_of(JsonFormatter("shop").format(record("measured", outcome="FAILED", **values)))
    assert found == [
        Datum("shop", "Jobs", "Count", 7, (("outcome", "FAILED"),)),
        Datum("shop", "QueuedToDone", "Milliseconds", 7),
        Datum("shop", "Attempts", "Count", 7),
        Datum("shop", "FailedAttempts", "Count", 7),
    ]


def test_the_dimensions_of_metrics_have_few_values() -> None:
    """Each value of each is a metric that is paid for by the month: no ids, no names of users, no operations."""
    assert {name for metric in METRICS.values() for name in metric.dimensions} == {"outcome"}


def test_a_metric_is_of_the_instant_of_its_line() -> None:
    fields = json.loads(JsonFormatter("shop").format(record("measured", Attempts=1)))
    at = datetime.fromtimestamp(fields["_aws"]["Timestamp"] / 1000, UTC)
    assert at.isoformat(timespec="milliseconds") == fields["time"]


def test_a_line_without_metrics_declares_none() -> None:
    assert "_aws" not in json.loads(JsonFormatter("shop").format(record("said", outcome="FAILED", attempts=1)))


def test_without_a_namespace_the_fields_are_logged_and_are_no_metrics() -> None:
    fields = json.loads(JsonFormatter().format(record("measured", Attempts=1)))
    assert fields["Attempts"] == 1
    assert "_aws" not in fields


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, it and the others that are configured put back as they were."""
    root, measured = logging.getLogger(), logging.getLogger(MEASURING)
    handlers, levels = root.handlers[:], (root.level, measured.level)
    yield root
    root.handlers[:] = handlers
    root.level, measured.level = levels


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


def test_metrics_do_not_depend_on_how_much_is_logged(
    root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measuring.logger.name == MEASURING
    configure_logging("ERROR", namespace="shop")
    measuring.logger.info("measured", extra={"Attempts": 2})
    logging.getLogger("chalicelib.test").warning("unsaid")
    (line,) = capsys.readouterr().err.splitlines()
    assert data_of(line) == [Datum("shop", "Attempts", "Count", 2)]
    configure_logging("ERROR")
    measuring.logger.info("measured", extra={"Attempts": 2})
    assert not capsys.readouterr().err, "no metrics, so nothing to keep the line for"
    assert len(root_logger.handlers) == 1


@pytest.mark.parametrize("level", ["VERBOSE", "", "info"])
def test_a_level_that_is_none_is_said_and_stops_nothing(
    root_logger: logging.Logger, capsys: pytest.CaptureFixture[str], level: str
) -> None:
    configure_logging(level)
    assert root_logger.level == logging.INFO
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["log_level"] == level
