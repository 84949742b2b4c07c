"""People at the page of the deployed stack, in Chromium: a user who computes, and an administrator who helps."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import chromium
from tests.browser.person import Person, person
from tests.e2e.conftest import call
from tests.e2e.test_docs_page import browser_or_skip

expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browser_or_skip(), chromium() as here:
        yield here


@pytest.fixture
def ada(browser: Browser, api: str, request: pytest.FixtureRequest) -> Iterator[Person]:
    """Somebody new, signed up. What the console says fails the test, unless it was expected."""
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_"))[:60].strip("-")
    with person(browser, api, name) as somebody:
        somebody.sign_up()
        yield somebody
        assert somebody.complaints == []


@pytest.mark.asvs("3.3.1", "3.3.2", "3.3.4", "14.3.1", "14.3.3")
def test_a_reload_keeps_the_session_and_scripts_find_no_token(ada: Person) -> None:
    assert ada.kept() == [{}, {}, ""]
    ada.open("#/account")
    expect(ada.page.get_by_role("heading", name="Account", exact=True)).to_be_visible()
    (cookie,) = ada.page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["secure"], cookie["sameSite"], cookie["path"]) == (
        "__Host-session",
        True,
        True,
        "Strict",
        "/",
    )
    ada.page.get_by_role("button", name="Sign out", exact=True).click()
    expect(ada.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert ada.page.context.cookies() == []
    ada.open("#/jobs")
    expect(ada.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_job_is_submitted_and_seen_to_finish_without_a_reload(ada: Person) -> None:
    loads: list[str] = []
    ada.page.on("load", lambda page: loads.append(page.url))
    job_id = ada.submit("square_sum", "1, 2, 12345678901234567890")
    loads.clear()
    ada.sees_status("SUCCESS")
    expect(ada.page.get_by_role("group", name="Result")).to_have_text("152415787532388367501905199875019052105")
    expect(ada.page.get_by_role("heading", name="What happened")).to_be_visible()
    assert loads == []
    ada.page.get_by_role("navigation").get_by_role("link", name="Jobs").click()
    row = ada.page.get_by_role("row", name=re.compile(job_id))
    expect(row).to_contain_text("SUCCESS")


def test_what_the_api_refuses_is_said_beside_the_field(ada: Person) -> None:
    ada.open("#/jobs/new")
    ada.page.get_by_text("Options", exact=True).click()
    delay = ada.page.get_by_label("Delay in seconds")
    delay.fill("-5")
    ada.page.get_by_label("Data", exact=True).fill("1, 2")
    ada.press("Submit the job")
    expect(delay).to_have_attribute("aria-invalid", "true")
    expect(delay).to_be_focused()
    described = (delay.get_attribute("aria-describedby") or "").split()[-1]
    expect(ada.page.locator(f"#{described}")).to_have_text(re.compile("must be from 0 to"))
    (said,) = ada.complaints
    assert "422" in said
    ada.complaints.clear()


def test_a_waiting_job_is_cancelled_and_retried_by_the_keyboard_alone(ada: Person) -> None:
    ada.submit("square_sum", "3", **{"Delay in seconds": "3600"})
    ada.sees_status("PENDING")
    ada.page.get_by_role("button", name="Cancel").focus()
    ada.page.keyboard.press("Enter")
    ada.sees_status("CANCELLED")
    ada.page.get_by_role("button", name="Retry").focus()
    ada.page.keyboard.press("Enter")
    ada.sees_status("SUCCESS")
    expect(ada.page.get_by_role("group", name="Result")).to_have_text("9")


def test_jobs_are_found_by_status_tag_and_id_page_by_page(ada: Person, api: str) -> None:
    job_id = ada.submit("cube_sum", "2", Tags="nightly")
    ada.sees_status("SUCCESS")
    later = ada.submit("square_sum", "2")
    ada.sees_status("SUCCESS")
    ada.open("#/jobs")
    ada.page.get_by_role("searchbox").fill("nightly")
    ada.press("Search")
    expect(ada.page.get_by_role("link", name=job_id)).to_be_visible()
    expect(ada.page.get_by_role("link", name=later)).to_have_count(0)
    ada.page.get_by_role("searchbox").fill(later)
    ada.press("Search")
    expect(ada.page).to_have_url(f"{api}/dashboard#/jobs/{later}")
    ada.open("#/jobs?status=FAILED")
    expect(ada.page.get_by_text("No job matches")).to_be_visible()


def test_an_api_key_is_shown_once_and_works_until_it_is_deleted(ada: Person, api: str) -> None:
    ada.open("#/keys")
    ada.page.get_by_label("Name").fill("nightly import")
    ada.press("Make the key")
    secret = ada.page.locator("dialog[open] code").inner_text()
    ada.confirm("I have kept it")
    expect(ada.page.get_by_role("row", name=re.compile("nightly import"))).to_be_visible()
    assert secret not in ada.page.content()
    assert call(api, "GET", "/jobs", token=secret) == (200, {"jobs": [], "next_cursor": None})
    ada.press("Delete the key nightly import")
    ada.confirm("Delete the key")
    expect(ada.page.get_by_text("No API keys")).to_be_visible()
