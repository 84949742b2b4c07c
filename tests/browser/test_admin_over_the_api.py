"""An administrator's pages in Chromium over the real API, with fakes behind it: they understand what it answers."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from chalicelib.domain.jobs import JobError
from chalicelib.services.dead_letters import DEAD_LETTERED
from tests.api.test_admin_jobs import Administered
from tests.api.test_statistics import ended
from tests.browser.stand_in import StandIn, over_api


@pytest.fixture
def at() -> Administered:
    return Administered("ada", "bob")


@pytest.fixture
def told(browser: Browser, at: Administered) -> Iterator[StandIn]:
    with over_api(browser, at.api, at.root) as made:
        yield made


def test_what_has_ended_is_counted(told: StandIn, at: Administered) -> None:
    ended(at.api)
    at.failed()
    page = told.open("#/admin")
    expect(page.get_by_text("6 ended in the last hour")).to_be_visible()
    expect(page.get_by_role("slider")).to_have_count(3)
    expect(page.get_by_role("table", name="Jobs ended by operation").get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("table", name="Failed jobs by operation and error")).to_contain_text("TIMED_OUT")
    latest = page.get_by_role("table", name="Jobs that failed last")
    expect(latest).to_contain_text("OPERATION_FAILED")
    expect(latest).not_to_contain_text("no such planet")
    for window in ("Day", "Week"):
        page.get_by_role("button", name=window).click()
        expect(page.get_by_text(f"6 ended in the last {window.lower()}")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_jobs_are_found_looked_at_and_changed(told: StandIn, at: Administered) -> None:
    failed = at.failed("ada", tags=["nightly"])
    waiting = at.waiting("bob")
    page = told.open("#/admin/jobs")
    row = page.get_by_role("table", name="Jobs", exact=True).get_by_role("row").filter(has_text=failed[-8:])
    expect(row).to_contain_text("OPERATION_FAILED")
    expect(row).not_to_contain_text("no such planet")
    page.get_by_label("User", exact=True).fill("ada")
    page.get_by_label("Status").select_option("")
    page.get_by_label("Tag").fill("nightly")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=failed[-8:]).click()
    expect(page.get_by_role("heading", name=f"Job {failed}")).to_be_visible()
    expect(page.get_by_text("The job failed at")).to_contain_text("no such planet")
    page.get_by_role("button", name=f"Retry job {failed}").click()
    expect(page.get_by_role("button", name=f"Cancel job {failed}")).to_be_visible()
    assert at.job(failed).status == "PENDING"
    told.open("#/admin/jobs?status=PENDING&username=bob")
    page.get_by_role("button", name=f"Cancel job {waiting}").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_role("button", name=f"Retry job {waiting}")).to_be_visible()
    assert at.job(waiting).status == "CANCELLED"


def test_dead_letters_are_retried_all_at_once_and_nothing_else_is(told: StandIn, at: Administered) -> None:
    dead = [at.failed(each, DEAD_LETTERED) for each in ("ada", "bob")]
    alive = at.failed("bob", JobError(code="TIMED_OUT", detail="it took too long"))
    page = told.open("#/admin/dead")
    expect(page.get_by_role("table", name="Jobs", exact=True).locator("tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Retry all …").click()
    page.get_by_role("button", name="Retry 2 jobs").click()
    page.get_by_role("dialog").get_by_role("button", name="Retry 2 jobs").click()
    expect(page.get_by_role("heading", name="2 jobs retried")).to_be_visible()
    assert [at.job(each).status for each in (*dead, alive)] == ["PENDING", "PENDING", "FAILED"]


@pytest.mark.parametrize(
    ("place", "button", "status"),
    [
        ("#/admin/bulk?what=cancel", "Cancel 1 job", "CANCELLED"),
        ("#/admin/bulk?what=cancel-waiting&username=ada&operation=square_sum", "Cancel 1 job", "CANCELLED"),
        ("#/admin/bulk?what=cancel-running", None, "PENDING"),
        ("#/admin/bulk?what=retry&error_code=TIMED_OUT", None, "PENDING"),
    ],
)
def test_each_kind_of_bulk_is_understood(
    told: StandIn, at: Administered, place: str, button: str | None, status: str
) -> None:
    job_id = at.waiting("ada")
    page = told.open(place)
    if button is None:
        expect(page.get_by_text("No job matches")).to_be_visible()
    else:
        page.get_by_role("button", name=button).click()
        page.get_by_role("dialog").get_by_role("button", name=button).click()
        expect(page.get_by_role("heading", name="1 job cancelled")).to_be_visible()
    assert at.job(job_id).status == status


def test_cancelled_jobs_are_retried_of_a_user_who_is_named(told: StandIn) -> None:
    page = told.open("#/admin/bulk?what=retry-cancelled")
    expect(page.get_by_role("alert").filter(has_text="name the user by username")).to_be_visible()
    page.get_by_label("User").fill("bob")
    page.get_by_role("button", name="Count what matches").click()
    expect(page.get_by_text("No job matches")).to_be_visible()


def test_a_user_is_disabled(told: StandIn, at: Administered) -> None:
    page = told.open("#/admin/users?username=bob")
    page.get_by_role("button", name="Disable: bob").click()
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(page.get_by_text("DISABLED")).to_be_visible()
    assert at.api.log_in("bob").status == 401
    told.open("#/admin/users?username=nobody")
    expect(page.get_by_text(re.compile("There is no user nobody"))).to_be_visible()
