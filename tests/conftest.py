"""Fixtures that more than one suite needs."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from localstack.emulator import running_emulator

settings.register_profile("the same every time", derandomize=True, database=None, deadline=None)
settings.load_profile("the same every time")


@pytest.fixture(scope="session")
def ministack() -> Iterator[str]:
    """The endpoint of one MiniStack for the whole run, open to every caller."""
    with running_emulator(enforce_iam=False) as endpoint_url:
        yield endpoint_url
