"""The browser of the tests here."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import BrowserMissing, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Without Chromium these tests are skipped, except in CI."""
    try:
        with chromium() as here:
            yield here
    except BrowserMissing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
