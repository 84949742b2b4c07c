"""The session of the page for people in Chromium: how it goes on, ends, and is never taken for another user's."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.client import Api
from tests.browser.stand_in import ADMIN, SESSION, Answer, Asked, StandIn, stand_in

BOB = ADMIN | {"user_id": "7d3b1c64-93f1-4c6e-8a53-5b0f2f6d9e11", "username": "bob", "role": "user"}
ENDED = (401, {"code": "NOT_AUTHENTICATED", "detail": "the session has ended"})
KEYS: dict[str, Any] = {"api_keys": []}
REFRESH = "POST /dashboard/session/refresh"
SIGN_IN = "POST /dashboard/session"
PASSWORD = "Password of ada"


@pytest.fixture(scope="module")
def files() -> Api:
    return Api()


@pytest.fixture
def told(browser: Browser, files: Api) -> Iterator[StandIn]:
    """Ada at the page, whose access token has to be renewed before every call."""
    with stand_in(browser, files) as made:
        made.answers |= {REFRESH: session_of(ADMIN), "GET /api-keys": KEYS}
        yield made
        refused = "error: Failed to load resource: the server responded with a status of"
        assert [said for said in made.complaints if not said.startswith(refused)] == []


def session_of(user: dict[str, Any], *, expires_in: int = 1) -> dict[str, Any]:
    claims = base64.urlsafe_b64encode(json.dumps({"sub": user["user_id"]}).encode()).decode().rstrip("=")
    return SESSION | {"access_token": f"e30.{claims}.c", "expires_in": expires_in}


def ended(_asked: Asked) -> Answer:
    return ENDED


def signed_in_as(page: Page, username: str) -> None:
    expect(page.locator("#bar").get_by_role("link", name=username, exact=True)).to_be_visible()


def type_a_key(page: Page) -> None:
    page.get_by_label("Name").fill("nightly")


def press_make(page: Page) -> None:
    page.get_by_role("button", name="Make the key").click()


class TestAnotherUserSignsInInAnotherTab:
    def test_the_page_begins_anew_as_that_users_and_does_nothing_of_the_first(self, told: StandIn) -> None:
        page = told.open("#/keys")
        signed_in_as(page, "ada")
        type_a_key(page)
        told.answers |= {REFRESH: session_of(BOB), "GET /me": BOB, "GET /jobs": {"jobs": [], "next_cursor": None}}
        other = page.context.new_page()
        other.goto(page.url)
        signed_in_as(other, "bob")
        press_make(page)
        signed_in_as(page, "bob")
        expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
        assert told.bodies("POST /api-keys") == []

    def test_signing_out_ends_no_session_of_that_user(self, told: StandIn) -> None:
        page = told.open("#/keys")
        signed_in_as(page, "ada")
        told.answers |= {REFRESH: session_of(BOB), "GET /me": BOB}
        page.get_by_role("button", name="Sign out").click()
        signed_in_as(page, "bob")
        assert told.bodies("DELETE /dashboard/session") == []

    def test_what_one_wanted_is_not_shown_to_another_who_signs_in_after_the_end(self, told: StandIn) -> None:
        page = told.open("#/keys")
        expect(page.get_by_text("No API keys")).to_be_visible()
        told.answers[REFRESH] = ended
        type_a_key(page)
        press_make(page)
        page.get_by_role("dialog").get_by_role("button", name="Back").click()
        told.answers |= {SIGN_IN: session_of(BOB), REFRESH: session_of(BOB), "GET /me": BOB}
        page.get_by_label("Username").fill("bob")
        page.get_by_label("Password").fill("a long phrase")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(re.compile("#/jobs$"))


class TestTheSessionEnds:
    def test_the_password_is_asked_for_over_the_form_which_is_then_sent(self, told: StandIn) -> None:
        page = told.open("#/keys")
        expect(page.get_by_text("No API keys")).to_be_visible()
        type_a_key(page)
        told.answers |= {REFRESH: ended, "POST /api-keys": {"name": "nightly", "api_key": "k-secret"}}
        told.answers[SIGN_IN] = session_of(ADMIN, expires_in=900)
        press_make(page)
        dialog = page.get_by_role("dialog")
        dialog.get_by_label(PASSWORD).fill("a long phrase")
        dialog.get_by_role("button", name="Go on").click()
        expect(page.get_by_text("k-secret")).to_be_visible()
        assert told.bodies(SIGN_IN) == [{"username": "ada", "password": "a long phrase"}]
        assert [body["name"] for body in told.bodies("POST /api-keys")] == ["nightly"]

    def test_polls_that_find_out_ask_once_and_declining_leaves(self, told: StandIn) -> None:
        told.answers |= {
            "GET /me/usage": {"limits": []},
            "GET /me/sessions": {"sessions": []},
            "GET /me/audit": {"events": [], "next_cursor": None},
        }
        page = told.open("#/account")
        expect(page.get_by_role("table", name="Events")).to_be_attached()
        told.answers[REFRESH] = ended
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.get_by_role("dialog")).to_be_visible()
        before = len(told.asked)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator("dialog")).to_have_count(1)
        assert len(told.asked) == before, "whoever is asked already is not asked for by another call"
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(page.locator("dialog")).to_have_count(0)
