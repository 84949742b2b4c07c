"""
The pictures of the page for people in the documentation: each of its pages, on a desk and on a phone.

They show the product itself over a history; see `tests.browser.history`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page

from deployment.packaging import PROJECT
from tests.browser.history import ADMIN, USER, History, made_up
from tests.browser.person import person
from tests.e2e.conftest import running
from tests.e2e.receiver import listening

FOLDER: Final = PROJECT / "docs" / "dashboard"
DESK: Final[dict[str, Any]] = {"viewport": {"width": 1280, "height": 800}}
PHONE: Final[dict[str, Any]] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
WINDOWS: Final = {"": DESK, "-phone": PHONE}
HEIGHT_MAX: Final = 1600
"""Of a picture, in pixels: what comes below shows nothing new."""

FOR_ANYONE: Final = {"sign-in": "#/sign-in", "sign-up": "#/sign-up"}


def places(history: History) -> dict[str, str]:
    """Return every page of those who are signed in: the name of its picture, and its address."""
    return {
        "jobs": "#/jobs",
        "new-job": "#/jobs/new",
        "job": f"#/jobs/{history.job_id}",
        "schedules": "#/schedules",
        "new-schedule": "#/schedules/new",
        "schedule": f"#/schedules/{history.schedule_id}",
        "change-schedule": f"#/schedules/{history.schedule_id}/change",
        "webhooks": "#/webhooks",
        "webhook": f"#/webhooks/{history.webhook_id}",
        "delivery": f"#/webhooks/{history.webhook_id}/{history.delivery_id}",
        "api-keys": "#/keys",
        "account": "#/account",
        "not-found": "#/nowhere",
        "admin": "#/admin?window=day",
        "admin-jobs": "#/admin/jobs?status=FAILED",
        "admin-job": f"#/admin/jobs/{history.user_id}/{history.failed_job_id}",
        "admin-dead-letters": "#/admin/dead",
        "admin-bulk": "#/admin/bulk?what=retry-dead",
        "admin-pauses": "#/admin/pauses",
        "admin-users": f"#/admin/users?username={USER}",
    }


def take_pictures(browser: Browser, folder: Path = FOLDER) -> Iterator[Path]:
    """Start the product with a history; leave a picture of each page in ``folder``, and yield it when it is there."""
    folder.mkdir(exist_ok=True)
    with running() as runner, listening() as receiver:
        history = made_up(runner.api, runner.aws_endpoint, receiver.url)
        for suffix, window in WINDOWS.items():
            with person(browser, runner.api, ADMIN, **window) as visitor:
                for name, place in FOR_ANYONE.items():
                    visitor.open(place)
                    yield _picture(visitor.page, folder / f"{name}{suffix}.png")
                visitor.sign_in()
                for name, place in places(history).items():
                    visitor.open(place)
                    yield _picture(visitor.page, folder / f"{name}{suffix}.png")


def _picture(page: Page, file: Path) -> Path:
    size = page.viewport_size or {"width": 0, "height": 0}
    height = min(page.evaluate("document.documentElement.scrollHeight"), HEIGHT_MAX)
    page.screenshot(path=file, full_page=True, clip={"x": 0, "y": 0, "width": size["width"], "height": height})
    return file
