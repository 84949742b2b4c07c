"""A user's pages in Chromium, over an API that answers as it may: rarely, late, with problems, or nothing."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.api.client import Api
from tests.browser.stand_in import ADMIN, HOST, Answer, Asked, StandIn, stand_in

JOB_ID = "019aa9f2-2d4c-7cc3-8f0e-3d4e5f000001"
JOB: dict[str, Any] = {
    "job_id": JOB_ID,
    "operation": "square_sum",
    "status": "PENDING",
    "data": [1, 2],
    "result": None,
    "error": None,
    "attempt": 0,
    "max_attempts": 5,
    "timeout_s": 60,
    "created_at": "2026-11-30T11:40:00Z",
    "run_at": "2099-11-30T11:40:00Z",
    "started_at": None,
    "finished_at": None,
    "expires_at": "2099-12-30T11:40:00Z",
    "tags": ["nightly"],
    "metadata": {"origin": "import 7"},
    "schedule_id": None,
    "scheduled_for": None,
    "callback_url": "https://example.com/done",
}
SUBMITTED = {"at": "2026-11-30T11:40:00Z", "transition": "SUBMIT", "attempt": 0, "worker": "api", "reason": None}
SCHEDULE: dict[str, Any] = {
    "schedule_id": "s1",
    "name": "Every night",
    "operation": "square_sum",
    "data": [1, 2],
    "cron": "30 2 * * *",
    "rate_s": None,
    "time_zone": "Europe/Berlin",
    "is_paused": False,
    "last_error": None,
    "next_run_at": "2099-11-30T01:30:00Z",
    "last_job_id": None,
    "last_run_at": None,
    "created_at": "2026-11-01T08:00:00Z",
    "missed_within_s": 3600,
    "skipped": 0,
    "max_attempts": None,
    "timeout_s": None,
    "retention_days": None,
    "tags": [],
    "metadata": {},
}
WEBHOOK: dict[str, Any] = {
    "webhook_id": "w1",
    "url": "https://example.com/hook",
    "description": "The hook",
    "event_types": ["job.failed"],
    "is_disabled": False,
    "disabled_because": None,
    "disabled_at": None,
    "failing_since": None,
    "previous_secret_until": None,
    "created_at": "2026-11-01T08:00:00Z",
}
DELIVERY: dict[str, Any] = {
    "delivery_id": "d1",
    "event_type": "job.failed",
    "status": "SUCCESS",
    "attempt": 1,
    "attempts": [{"at": "2026-11-30T11:41:00Z", "status_code": 204, "error": None, "duration_ms": 12}],
    "created_at": "2026-11-30T11:41:00Z",
    "next_attempt_at": None,
    "expires_at": "2099-12-30T11:40:00Z",
    "reason": None,
    "url": "https://example.com/hook",
    "body": '{"type": "job.failed"}',
}
NUMBERS = {"type": "array", "items": {"type": "integer"}}
LIMITED = {
    "type": "object",
    "properties": {"low": {"type": "integer"}, "high": {"type": "integer"}},
    "required": ["low", "high"],
}


def operation(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"What {name} does.",
        "input_schema": schema,
        "max_attempts": 3,
        "timeout_s": 60,
    }


ANSWERS: dict[str, Any] = {
    "GET /operations": {
        "operations": [
            operation("square_sum", NUMBERS),
            operation("cube_sum", NUMBERS),
            operation("primes", LIMITED),
        ]
    },
    "GET /jobs": {"jobs": [JOB], "next_cursor": None},
    f"GET /jobs/{JOB_ID}": JOB,
    f"GET /jobs/{JOB_ID}/events": {"events": [SUBMITTED]},
    f"GET /jobs/{JOB_ID}/explain": {"explanation": "It waits."},
    "GET /schedules": {"schedules": [SCHEDULE], "next_cursor": None},
    "GET /schedules/s1": SCHEDULE,
    "GET /webhooks": {"webhooks": [WEBHOOK]},
    "GET /webhooks/w1": WEBHOOK,
    "GET /webhooks/w1/deliveries": {"deliveries": [DELIVERY], "next_cursor": None},
    "GET /webhooks/w1/deliveries/d1": DELIVERY,
    "GET /api-keys": {"api_keys": []},
    "GET /me/usage": {"limits": [{"name": "submit", "quota": 120, "window_s": 60, "remaining": 118}]},
    "GET /me/sessions": {"sessions": []},
    "GET /me/audit": {"events": [], "next_cursor": None},
}
KEY = {
    "key_id": "k1",
    "name": "nightly",
    "scopes": ["jobs:read"],
    "created_at": "2026-11-01T08:00:00Z",
    "last_used_at": None,
    "expires_at": "2099-11-30T11:40:00Z",
}


@pytest.fixture(scope="module")
def files() -> Api:
    return Api()


@pytest.fixture
def told(browser: Browser, files: Api) -> Iterator[StandIn]:
    """A user at the page. What a test does not expect in the console fails it."""
    with stand_in(browser, files, me=ADMIN | {"role": "user"}) as made:
        made.answers.update(ANSWERS)
        yield made
        refused = "error: Failed to load resource: the server responded with a status of"
        assert [said for said in made.complaints if not said.startswith(refused)] == []


def press(page: Page, name: str) -> None:
    page.locator("main").get_by_role("button", name=name, exact=True).click()


def held_back(page: Page, path: str) -> list[Route]:
    """The requests of a path from now on, which wait for the test to answer them."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.context.route(f"http://{HOST}{path}", hold)
    return held


def sees_title(page: Page, title: str) -> None:
    expect(page.get_by_role("heading", name=title, level=1, exact=True)).to_be_visible()


class TestAddresses:
    @pytest.mark.parametrize("place", ["#/jobs/%E0%A4%A", "#/jobs/..", "#/schedules/%2e%2E/change", "#/webhooks/./d1"])
    def test_one_that_cannot_be_asked_for_is_not_found(self, told: StandIn, place: str) -> None:
        page = told.open(place)
        sees_title(page, "Not found")
        assert {each.path for each in told.asked} == {"/dashboard/session/refresh", "/me"}

    def test_an_answer_that_the_page_does_not_know_is_told_in_plain_words(self, told: StandIn) -> None:
        told.answers["GET /schedules/s1"] = {"schedule_id": "s1"}
        page = told.open("#/schedules/s1")
        expect(page.get_by_role("alert")).to_contain_text("Something is wrong with this page")
        assert any("TypeError" in said for said in told.complaints), "whoever looks for the fault finds it"
        told.complaints.clear()

    def test_an_answer_that_is_no_json_is_a_problem(self, told: StandIn) -> None:
        def portal(route: Route) -> None:
            route.fulfill(status=200, headers={"Content-Type": "text/html"}, body="<h1>Welcome to the train</h1>")

        told.page.context.route(f"http://{HOST}/schedules/s1", portal)
        page = told.open("#/schedules/s1")
        expect(page.get_by_role("alert")).to_contain_text("Something other than the service has answered.")


class TestFocus:
    def test_the_heading_has_it_once_it_is_there_though_parts_are_on_their_way(self, told: StandIn) -> None:
        def late(_asked: Asked) -> Answer:
            return 503, {"retry_after_s": 1}

        told.page.clock.install()
        told.answers["GET /me/audit"] = late
        page = told.open("#/account")
        expect(page.get_by_role("heading", name="Account", exact=True)).to_be_focused()

    def test_whoever_types_before_all_is_there_goes_on_typing(self, told: StandIn) -> None:
        page = told.page
        held = held_back(page, "/me/audit*")
        told.open("#/account")
        typed = page.get_by_label("Current password")
        typed.focus()
        page.wait_for_timeout(50)
        assert held
        held[0].fulfill(json={"events": [], "next_cursor": None})
        expect(page.get_by_role("table", name="Events")).to_be_attached()
        expect(typed).to_be_focused()

    def test_it_stays_on_what_was_pressed_though_that_says_something_else_now(self, told: StandIn) -> None:
        page = told.open("#/schedules/s1")
        told.answers["PATCH /schedules/s1"] = SCHEDULE | {"is_paused": True}
        press(page, "Pause")
        expect(page.get_by_role("button", name="Resume")).to_be_focused()

    def test_it_goes_to_the_heading_if_what_was_pressed_is_gone(self, told: StandIn) -> None:
        told.answers |= {"GET /api-keys": {"api_keys": [KEY]}, "DELETE /api-keys/k1": {}}
        page = told.open("#/keys")
        press(page, "Delete the key nightly")
        told.answers["GET /api-keys"] = {"api_keys": []}
        page.get_by_role("dialog").get_by_role("button", name="Delete the key").click()
        expect(page.get_by_text("No API keys")).to_be_visible()
        expect(page.get_by_role("heading", name="API keys")).to_be_focused()


class TestWhatComesLate:
    def test_an_action_that_ends_elsewhere_leads_nowhere(self, told: StandIn) -> None:
        page = told.open("#/jobs/new")
        page.get_by_label("Data", exact=True).fill("1")
        held = held_back(page, "/jobs")
        press(page, "Submit the job")
        page.get_by_role("navigation").get_by_role("link", name="API keys").click()
        sees_title(page, "API keys")
        with page.expect_response(f"http://{HOST}/jobs"):
            held[0].fulfill(status=201, json={"job_id": JOB_ID})
        page.wait_for_timeout(50)
        assert page.url.endswith("#/keys")

    def test_a_secret_stays_at_an_escape_and_news_stand_above_it(self, told: StandIn) -> None:
        page = told.open("#/keys")
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        told.answers["POST /api-keys"] = {"name": "nightly", "api_key": "k-secret"}
        page.get_by_label("Name").fill("nightly")
        press(page, "Make the key")
        dialog = page.get_by_role("dialog")
        for _ in range(3):
            page.keyboard.press("Escape")
        expect(dialog).to_contain_text("k-secret")
        dialog.get_by_role("button", name="Copy").click()
        expect(dialog.get_by_text("Copied.")).to_be_visible()
        dialog.get_by_role("button", name="I have kept it").click()
        expect(page.locator("body > #news").get_by_text("Copied.")).to_be_visible()

    def test_a_secret_is_not_left_over_another_page(self, told: StandIn) -> None:
        page = told.open("#/webhooks")
        told.answers["POST /webhooks"] = WEBHOOK | {"secret": "whsec_1"}
        page.get_by_label("URL").fill("https://example.com/hook")
        press(page, "Make the webhook")
        expect(page.get_by_role("dialog")).to_contain_text("whsec_1")
        page.evaluate("location.hash = '#/keys'")
        sees_title(page, "API keys")
        expect(page.locator("dialog")).to_have_count(0)
        assert re.search("#/keys$", page.url)
