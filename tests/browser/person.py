"""A person at the page for people, in a window of their own: what the tests and the pictures of it have in common."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import PATIENCE_MS, complaints_of

PASSWORD = "a long phrase to try things with"
JOB_ADDRESS = re.compile(r"#/jobs/([0-9a-f-]{36})$")


@dataclass(frozen=True, kw_only=True)
class Person:
    """
    Who uses the page of ``api``.

    ``complaints`` are what the console has said, faults of scripts, and requests that left the service.
    """

    page: Page
    api: str
    username: str
    complaints: list[str]

    def open(self, place: str = "") -> None:
        """Go to an address of the page, such as ``#/jobs``; wait until what it shows is there."""
        self.page.goto(f"{self.api}/dashboard{place}")
        expect(self.page.get_by_role("heading", level=1).first).to_be_visible()
        expect(self.page.locator("main .loading")).to_have_count(0)

    def sign_up(self) -> None:
        """Make an account, which signs in."""
        self.open("#/sign-up")
        self._credentials("Sign up")

    def sign_in(self) -> None:
        """Sign in to an account that there is."""
        self.open("#/sign-in")
        self._credentials("Sign in")

    def submit(self, operation: str, numbers: str, **options: str) -> str:
        """Submit a job by the form; ``options`` are by their labels. Return its id, on its page."""
        self.open("#/jobs/new")
        self.page.get_by_label("Operation").select_option(operation)
        self.page.get_by_label("Data", exact=True).fill(numbers)
        if options:
            self.page.get_by_text("Options", exact=True).click()
        for label, value in options.items():
            self.page.get_by_label(label).fill(value)
        self.page.get_by_role("button", name="Submit the job").click()
        self.page.wait_for_url(JOB_ADDRESS)
        found = JOB_ADDRESS.search(self.page.url)
        assert found is not None
        return found[1]

    def sees_status(self, status: str) -> None:
        """Wait for the job on the page to be in a status, without a reload."""
        expect(self.page.locator("main .heading .badge", has_text=status)).to_be_visible()

    def press(self, name: str, *, within: str = "main") -> None:
        """Press a button, by what it says."""
        self.page.locator(within).get_by_role("button", name=name, exact=True).click()

    def confirm(self, action: str) -> None:
        """Say yes to the question on the page."""
        self.press(action, within="dialog[open]")

    def kept(self) -> Any:
        """What scripts of the page can find in the browser's stores."""
        return self.page.evaluate("[{...localStorage}, {...sessionStorage}, document.cookie]")

    def _credentials(self, action: str) -> None:
        self.page.get_by_label("Username").fill(self.username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press(action)
        expect(self.page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()


@contextmanager
def person(browser: Browser, api: str, username: str, **window: Any) -> Iterator[Person]:
    """Somebody at the page of ``api``, in a browser window of their own; ``window`` says how it is."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | window))
    context.set_default_timeout(PATIENCE_MS)
    try:
        page = context.new_page()
        yield Person(page=page, api=api, username=username, complaints=complaints_of(page, urlsplit(api).netloc))
    finally:
        context.close()
