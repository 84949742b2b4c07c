"""The marker ``asvs``: which requirements a test holds."""

from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from tests.asvs.catalogue import requirements

MARKER = "asvs"
TESTS = Path(__file__).parents[1]
Holders = dict[str, list[str]]
"""By the number of a requirement: the tests that hold it, each as ``file::name``, and a parametrised one once."""


def holders(items: Iterable[pytest.Item]) -> Holders:
    """
    Which of these tests hold which requirement.

    Raises:
        UsageError: A marker names none, or one that is not in the catalogue or is not to be held.
    """
    known = requirements()
    held: dict[str, set[str]] = {}
    for item in items:
        test = item.nodeid.partition("[")[0]
        for marker in item.iter_markers(MARKER):
            if not marker.args or marker.kwargs:
                message = f"{test}: the marker {MARKER} takes one or more numbers of requirements"
                raise pytest.UsageError(message)
            for number in marker.args:
                if number not in known:
                    message = f"{test}: {number} is no requirement of levels 1 and 2"
                    raise pytest.UsageError(message)
                if not known[number].is_to_be_held:
                    message = f"{test}: {number} is not applicable or not met, says tests/asvs/requirements.toml"
                    raise pytest.UsageError(message)
                held.setdefault(number, set()).add(test)
    return {number: sorted(tests) for number, tests in held.items()}


class Collector:
    """A plugin that keeps the holders among all tests that were collected."""

    def __init__(self) -> None:
        self.holders: Holders | None = None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Called by pytest once all tests are known."""
        self.holders = holders(session.items)


def collected() -> Holders:
    """
    Let pytest collect all files that have the marker, and return who holds what.

    In a process that runs tests already, use another.

    Raises:
        RuntimeError: Not all tests could be collected; the message is pytest's.
    """
    collector, said = Collector(), StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        marked = [str(file) for file in sorted(TESTS.rglob("test_*.py")) if f"mark.{MARKER}(" in file.read_text()]
        status = pytest.main(["--collect-only", "-qq", *marked], plugins=[collector])
    if status != pytest.ExitCode.OK or collector.holders is None:
        message = f"pytest could not collect the tests:\n{said.getvalue()}"
        raise RuntimeError(message)
    return collector.holders
