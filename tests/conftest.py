"""Fixtures that more than one suite needs."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import settings

from localstack.emulator import running_emulator
from tests.asvs.markers import holders
from tests.dynamodb_local import DynamoDBLocalMissing, running_dynamodb_local

# This machine's AWS account, profile or emulator is none of the tests' business; at import, before any client is made.
for name in [name for name in os.environ if name.startswith(("AWS_", "LOCALSTACK_"))]:
    del os.environ[name]

settings.register_profile("the same every time", derandomize=True, database=None, deadline=None)
settings.load_profile("the same every time")


@pytest.fixture(autouse=True)
def _execution_environment() -> Iterator[None]:
    """
    Each application that Chalice makes writes itself into this variable once more, and boto3 sends it in a header.

    After some hundreds of them no service takes the header any more.
    """
    yield
    os.environ.pop("AWS_EXECUTION_ENV", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a marker that names a requirement which no test can hold."""
    holders(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """
    List what the conformance tests found the stand-ins not to reproduce.

    Here, as the process that sums up what several ran knows no conftest of theirs below this one.
    """
    found = [
        str(value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "not reproduced"
    ]
    if found:
        terminalreporter.section("what the stand-ins for AWS do not reproduce")
        for line in sorted(found):
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def ministack() -> Iterator[str]:
    """The endpoint of one MiniStack for the whole run, open to every caller."""
    with running_emulator(enforce_iam=False) as endpoint_url:
        yield endpoint_url


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[str]:
    """The endpoint of one DynamoDB Local for the whole run; without Java its tests are skipped, except in CI."""
    with ExitStack() as stack:
        try:
            endpoint_url = stack.enter_context(running_dynamodb_local())
        except DynamoDBLocalMissing as missing:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(missing))
        yield endpoint_url
