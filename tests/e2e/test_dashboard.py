"""People at the page of the deployed stack, in Chromium: a user who computes, and an administrator who helps."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from chalicelib.services.known_pauses import REMEMBERED_FOR
from tests.browser.chromium import chromium
from tests.browser.history import bury
from tests.browser.person import Person, person
from tests.e2e.conftest import Runner, call, program
from tests.e2e.test_docs_page import browser_or_skip

expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def runner(runner_of_its_own: Runner) -> Runner:
    """A paused operation would keep others waiting."""
    return runner_of_its_own


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


@pytest.fixture(scope="module")
def root(browser: Browser, api: str, aws_endpoint: str) -> Iterator[Person]:
    """An administrator, signed in; as `ada` otherwise."""
    with person(browser, api, "root") as somebody:
        somebody.sign_up()
        program("deployment.admin", AWS_ENDPOINT_URL=aws_endpoint, USERNAME=somebody.username).check_returncode()
        somebody.page.reload()
        yield somebody
        assert somebody.complaints == []


def test_an_administrator_pauses_an_operation_and_redrives_the_job_that_died_meanwhile(
    ada: Person, root: Person, aws_endpoint: str
) -> None:
    root.open("#/admin/pauses")
    root.press("Pause cube_sum")
    root.page.locator("dialog[open]").get_by_label("Reason").fill("its results are late")
    root.confirm("Pause")
    expect(root.page.get_by_role("row", name=re.compile("cube_sum"))).to_contain_text("PAUSED")
    root.page.wait_for_timeout(
        REMEMBERED_FOR / timedelta(milliseconds=1)
    )  # till no consumer goes by what it knew before
    job_id = ada.submit("cube_sum", "1, 2, 3")
    expect(ada.page.get_by_text("its results are late")).to_be_visible()
    bury(aws_endpoint, job_id)
    ada.sees_status("FAILED")
    expect(ada.page.get_by_text("DEAD_LETTERED").first).to_be_visible()

    root.open("#/admin/dead")
    row = root.page.get_by_role("row", name=re.compile(job_id[-12:]))
    expect(row).to_contain_text("DEAD_LETTERED")
    expect(row).to_contain_text(ada.username)
    root.press(f"Retry job {job_id}")
    ada.sees_status("PENDING")
    root.open("#/admin/pauses")
    root.press("Resume cube_sum")
    root.confirm("Resume")
    expect(root.page.get_by_role("row", name=re.compile("cube_sum"))).to_contain_text("RUNNING")
    ada.sees_status("SUCCESS")
    expect(ada.page.get_by_role("group", name="Result")).to_have_text("36")
    root.open("#/account")
    for action in ("Operation paused", "Operation resumed"):
        expect(root.page.get_by_role("cell", name=re.compile(action)).first).to_be_visible()


def test_an_administrator_sees_how_jobs_go_and_users_see_nothing_of_that(ada: Person, root: Person) -> None:
    ada.submit("square_sum", "1, 2")
    ada.sees_status("SUCCESS")
    expect(ada.page.get_by_role("link", name="Admin", exact=True)).to_have_count(0)
    ada.open("#/admin")
    expect(ada.page.get_by_role("heading", level=1)).to_be_visible()
    expect(ada.page.get_by_text(re.compile("administrators"))).to_be_visible()
    root.open("#/admin")
    expect(root.page.get_by_role("row", name=re.compile("square_sum"))).to_be_visible()
    for name in ("Hour", "Day", "Week"):
        root.press(name)
        expect(root.page.get_by_role("button", name=name, pressed=True)).to_be_visible()
        expect(root.page.locator("svg").first).to_be_visible()


HOSTILE = "</script><script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>\"'`${1}{{1}}\u202e\x00"
EVERYWHERE = {"nothing": "javascript:alert(1)", HOSTILE[:60]: HOSTILE}


def is_unhurt(page: Page) -> None:
    assert page.evaluate("window.hurt") is None
    assert page.evaluate("document.querySelectorAll('main script, main img, main [onerror]').length") == 0
    assert not page.evaluate("[...document.links].some((each) => each.protocol === 'javascript:')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the window"


def test_a_hostile_job_with_a_megabyte_of_result_stays_safe_and_usable(ada: Person) -> None:
    """No job of this stack can be like that, so the API's answers are made so on their way to the browser."""
    job_id = ada.submit("square_sum", "1", Tags="real")
    ada.sees_status("SUCCESS")
    huge = [HOSTILE * 100] * 105
    assert len(json.dumps(huge)) > 1_000_000

    error: dict[str, str] | None = {"code": HOSTILE, "detail": HOSTILE}

    def spoil(route: Route) -> None:
        answer = route.fetch()
        job = answer.json()
        hostile = {"tags": [HOSTILE], "metadata": EVERYWHERE, "data": EVERYWHERE, "result": huge, "operation": HOSTILE}
        if "jobs" in job:
            job["jobs"] = [{**each, **hostile} for each in job["jobs"]]
        elif "events" in job:
            job["events"] = [{**each, "worker": HOSTILE, "reason": HOSTILE} for each in job["events"]]
        elif "explanation" in job:
            job["explanation"] = HOSTILE
        else:
            job |= hostile | {
                "error": error,
                "callback_url": "javascript:window.hurt = 1",
            }
        route.fulfill(response=answer, json=job)

    ada.page.route("**/jobs*", spoil)
    ada.page.route(f"**/jobs/{job_id}*", spoil)
    ada.page.route(f"**/jobs/{job_id}/*", spoil)
    for place in ("#/jobs", f"#/jobs/{job_id}"):
        ada.open(place)
        ada.page.reload()
        expect(ada.page.get_by_text("onerror='window.hurt = 1'").first).to_be_visible()
        is_unhurt(ada.page)
    error = None
    ada.page.reload()
    ada.page.get_by_role("region", name="Result").get_by_role("button", name=re.compile("Show all")).click()
    assert len(ada.page.get_by_role("group", name="Result").inner_text()) > 1_000_000
    is_unhurt(ada.page)
    ada.page.get_by_role("navigation").get_by_role("link", name="Jobs").click()
    expect(ada.page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    ada.page.unroute_all(behavior="wait")


USER_PAGES = (
    "#/jobs",
    "#/jobs/new",
    "#/schedules",
    "#/schedules/new",
    "#/webhooks",
    "#/keys",
    "#/account",
    "#/nowhere",
)
SERIOUS = {"serious", "critical"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation_on_the_pages_of_a_user(ada: Person, scheme: Literal["light", "dark"]) -> None:
    job_id = ada.submit("square_sum", "1, 2")
    ada.sees_status("SUCCESS")
    ada.page.emulate_media(color_scheme=scheme)
    found = {}
    for place in (*USER_PAGES, f"#/jobs/{job_id}"):
        ada.open(place)
        violations = Axe().run(ada.page).response["violations"]
        found[place] = [
            (each["id"], [node["html"] for node in each["nodes"]]) for each in violations if each["impact"] in SERIOUS
        ]
    assert {place: wrong for place, wrong in found.items() if wrong} == {}
