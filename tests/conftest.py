"""Fixtures that more than one suite needs."""

from collections.abc import Iterator

import pytest

from localstack.emulator import running_emulator


@pytest.fixture(scope="session")
def ministack() -> Iterator[str]:
    """The endpoint of one MiniStack for the whole run, open to every caller."""
    with running_emulator(enforce_iam=False) as endpoint_url:
        yield endpoint_url
