"""The Chromium that is installed here, without a head, and what it complains of."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

BROWSER = "chromium"
ARGUMENTS = [
    "--no-sandbox",  # in a container there is no user to switch to
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000


class BrowserMissing(Exception):
    """This machine has no Chromium; the message says what to install."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """
    A browser, for the length of the block.

    Raises:
        BrowserMissing: There is no Chromium.
    """
    browser_path = shutil.which(BROWSER)
    if browser_path is None:
        message = "Chromium is not installed; on Debian and Ubuntu: apt-get install chromium"
        raise BrowserMissing(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def complaints_of(page: Page, host: str) -> list[str]:
    """What the console of ``page`` says from now on, faults of its scripts, and requests that leave ``host``."""
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def check(url: str) -> None:
        if urlsplit(url).scheme not in {"data", "blob"} and urlsplit(url).netloc != host:
            complaints.append(f"asked {url}")

    page.on("request", lambda request: check(request.url))
    return complaints
