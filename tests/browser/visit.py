"""
What a person does on the API's page: registers, logs in, pastes the token, submits the main job, reads its result.

Everything is done as the page offers it: no example is changed, and only the token and the job's id are typed in.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page

from tests.browser.chromium import PATIENCE_MS, chromium, complaints_of

SIDE = 1000
"""Of the window, in pixels."""


@dataclass(kw_only=True)
class Visit:
    """
    What came of it.

    ``complaints`` are what the console said, and requests that left the service; ``kept`` is what the browser's stores
    have at the end, cookies included.
    """

    address: str = ""
    job: Any = None
    result: Any = None
    complaints: list[str] = field(default_factory=list)
    kept: Any = None


def visit(api: str, picture: Path) -> Visit:
    """
    Visit the page of ``api``, a service without users; leave a picture of the result.

    Raises:
        BrowserMissing: There is no Chromium.
    """
    with _page_of(api) as (page, seen):
        _use(page, seen)
        seen.kept = page.evaluate("[{...localStorage}, {...sessionStorage}, document.cookie]")
        page.screenshot(path=picture)
    return seen


def glance(api: str) -> Visit:
    """Visit the page and make the one call that leaves nothing behind; raises as `visit` does."""
    with _page_of(api) as (page, seen):
        seen.result = _answer(_opened(page, "Service-health"))
    return seen


@contextmanager
def _page_of(api: str) -> Iterator[tuple[Page, Visit]]:
    seen = Visit()
    with chromium() as browser:
        page = browser.new_page(viewport={"width": SIDE, "height": SIDE})
        page.set_default_timeout(PATIENCE_MS)
        seen.complaints = complaints_of(page, urlsplit(api).netloc)
        page.goto(f"{api}/")
        yield page, seen
        seen.address = page.url


def _use(page: Page, seen: Visit) -> None:
    _answer(_opened(page, "Accounts-register"))
    token = _answer(_opened(page, "Accounts-log_in"))["access_token"]
    page.locator(".auth-wrapper .btn.authorize").click()
    # One form for the token of a session, one for an API key.
    form = page.locator("form", has_text="token (http, Bearer)")
    form.locator("input").fill(token)
    form.locator(".authorize").click()
    form.locator(".btn-done").click()
    submit = _opened(page, "Jobs-submit_job")
    seen.job = json.loads(submit.locator("textarea").input_value())
    job_id = _answer(submit)["job_id"]
    result = _opened(page, "Jobs-get_job_result")
    result.locator("tr[data-param-name=job_id] input").fill(job_id)
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while seen.result is None and time.monotonic() < deadline:
        seen.result = _answer(result)["result"]
    result.scroll_into_view_if_needed()
    result.evaluate("element => element.scrollIntoView()")


def _opened(page: Page, name: str) -> Locator:
    """One operation, unfolded and ready to be tried."""
    operation = page.locator(f"#operations-{name}")
    operation.locator(".opblock-summary-control").click()
    operation.locator(".try-out__btn").click()
    return operation


def _answer(operation: Locator) -> Any:
    """Send its request; the JSON of the answer."""
    answers = operation.locator(".live-responses-table")
    if answers.count():
        operation.locator(".btn-clear").click()
    operation.locator(".btn.execute").click()
    return json.loads(answers.locator("td.response-col_description .highlight-code code").first.inner_text())
