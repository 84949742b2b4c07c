"""An administrator's pages in Chromium, over an API that answers as it may: rarely, late, with problems, or nothing."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from tests.api.client import Api
from tests.browser.admin_answers import (
    ANSWERS,
    BOB,
    ENDS_AT,
    OWNER,
    TOO_LONG,
    administered,
    instant,
    job_id,
    looked_at,
    page_of,
    paused,
    statistics,
)
from tests.browser.stand_in import ADMIN, Answer, Asked, StandIn, stand_in

JOB_PAGE = f"#/admin/jobs/{OWNER}/{job_id(1)}"
PAGES = [
    "#/admin",
    "#/admin/jobs",
    "#/admin/dead",
    JOB_PAGE,
    "#/admin/bulk?what=retry-dead",
    "#/admin/pauses",
    "#/admin/users?username=bob",
]
IN_THE_DARK = {"#/admin", "#/admin/jobs", "#/admin/pauses"}
"""Pages that have all the parts: their colours are looked at in the dark too."""


@pytest.fixture(scope="module")
def files() -> Api:
    return Api()


@pytest.fixture
def told(browser: Browser, files: Api) -> Iterator[StandIn]:
    """An administrator at the page. What a test does not expect in the console fails it."""
    with stand_in(browser, files) as made:
        made.answers.update(ANSWERS)
        yield made
        refused = "error: Failed to load resource: the server responded with a status of"
        assert [said for said in made.complaints if not said.startswith(refused)] == []


def one_by_one(*answers: Answer | dict[str, Any]) -> Callable[[Asked], Answer]:
    """Each of these answers once, in order."""
    left = iter(answers)

    def answer(_asked: Asked) -> Answer:
        given = next(left)
        return (200, given) if isinstance(given, dict) else given

    return answer


class Held:
    """What a page asks of ``path`` from now on, which is answered when the test says."""

    def __init__(self, page: Page, path: str) -> None:
        self._page = page
        self._routes: list[Route] = []
        page.route(re.compile(re.escape(path) + r"(\?|$)"), self._keep)

    def _keep(self, route: Route) -> None:
        self._routes.append(route)

    def answer(self, body: dict[str, Any], *, request: int = 0, status: int = 200) -> None:
        while len(self._routes) <= request:
            self._page.wait_for_timeout(10)
        self._routes[request].fulfill(status=status, json=body)


def table(page: Page, name: str) -> list[list[str]]:
    """The rows of a table, as people read them."""
    rows = page.get_by_role("table", name=name, exact=True).locator("tbody tr")
    rows.first.wait_for()
    return [row.locator("td").all_inner_texts() for row in rows.all()]


def violations(page: Page, options: dict[str, Any] | None = None) -> list[tuple[str, list[str]]]:
    """What axe finds: its rules that are broken, and where."""
    found = Axe().run(page, options=options).response["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]


class TestWhoSeesThem:
    def test_others_than_administrators_are_told_so_and_nothing_is_asked(self, browser: Browser, files: Api) -> None:
        with stand_in(browser, files, me=ADMIN | {"role": "user"}) as told:
            for place in PAGES:
                page = told.open(place)
                expect(page.get_by_text("This part is for administrators")).to_be_visible()
                expect(page.get_by_role("link", name="Admin")).to_have_count(0)
            assert {each.path for each in told.asked} == {"/dashboard/session/refresh", "/me"}

    @pytest.mark.parametrize("place", PAGES)
    def test_nothing_is_in_the_way_of_anybody(self, browser: Browser, files: Api, place: str) -> None:
        # The policy of the page would refuse the script that looks at it.
        with stand_in(browser, files, bypass_csp=True) as told:
            told.answers.update(ANSWERS)
            page = told.open(place)
            page.get_by_role("heading", level=1).wait_for()
            expect(page.locator(".loading")).to_have_count(0)
            assert violations(page) == []
            if place in IN_THE_DARK:
                page.emulate_media(color_scheme="dark")
                assert violations(page, {"runOnly": ["color-contrast"]}) == []
            page.set_viewport_size({"width": 390, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") == 390, "a narrow window shows all of it"

    def test_a_job_whose_error_is_told_without_a_detail_shows_the_code_alone(self, told: StandIn) -> None:
        told.answers["GET /admin/jobs"] = page_of(administered(1), administered(2, dead=True))
        page = told.open("#/admin/jobs")
        assert [row[7] for row in table(page, "Jobs")] == ["TIMED_OUT", f"TIMED_OUT {TOO_LONG}"]
        page = told.open(f"#/admin/jobs/{OWNER}/{job_id(1)}")
        expect(page.get_by_role("definition").filter(has_text=f"TIMED_OUT {TOO_LONG}")).to_be_visible()

    def test_text_of_the_api_is_never_markup(self, told: StandIn) -> None:
        hostile = "<img src=x onerror=alert(1)><b>bold</b>"
        error = {"code": "OPERATION_FAILED", "detail": hostile}
        told.answers["GET /admin/jobs"] = page_of(administered(error=error, operation=hostile, username=hostile))
        page = told.open("#/admin/jobs")
        (row,) = table(page, "Jobs")
        assert row[1:3] == [hostile, hostile]
        assert row[7] == f"OPERATION_FAILED {hostile}"
        assert page.locator("main img, main b").count() == 0


class TestOverview:
    def test_it_tells_what_waits_and_how_jobs_ended(self, told: StandIn) -> None:
        page = told.open("#/admin")
        waits = page.get_by_role("region", name="What waits now")
        waits.get_by_role("definition").first.wait_for()
        assert waits.get_by_role("definition").all_inner_texts()[::2] == ["12.8K", "5", "0", "20 min 34 s"]
        ends = page.get_by_role("region", name="How jobs ended")
        ends.get_by_role("definition").first.wait_for()
        assert ends.get_by_role("definition").all_inner_texts()[1::2] == [
            "121 ended in the last hour",
            "1 of 121",
            "from due to ended",
        ]
        assert ends.get_by_role("definition").all_inner_texts()[2::2][:2] == ["0.8 %", "1.5 s"]
        assert table(page, "Jobs ended by operation") == [
            ["square_sum", "120", "1", "0.8 %", "0", "240 ms", "1.5 s", "9 s"]
        ]
        assert table(page, "Failed jobs by operation and error") == [["square_sum", "TIMED_OUT", "1"]]
        assert [row[0] for row in table(page, "Jobs that failed last")] == ["…5f000001", "…5f000002"]
        page.get_by_role("link", name="TIMED_OUT").click()
        page.wait_for_url(re.compile(r"#/admin/jobs\?status=FAILED&operation=square_sum&error_code=TIMED_OUT$"))

    def test_no_job_that_waits_and_none_that_ended_are_told_in_words(self, told: StandIn) -> None:
        nothing = {"queue": {"waiting": 0, "in_flight": 0, "delayed": 0}, "oldest_waiting_s": None}
        told.answers["GET /admin/overview"] = nothing | {"as_of": "2026-11-30T11:58:00Z"}
        told.answers["GET /admin/statistics"] = lambda asked: statistics(asked, jobs=0)
        told.answers["GET /admin/jobs"] = page_of()
        page = told.open("#/admin")
        expect(page.get_by_text("no job waits")).to_be_visible()
        expect(page.get_by_text("No job has ended in this time")).to_have_count(4)
        expect(page.get_by_text("No job has failed in this time")).to_be_visible()
        expect(page.get_by_text("No job has failed", exact=True)).to_be_visible()
        expect(page.get_by_role("slider")).to_have_count(0)

    def test_another_window_is_asked_for_and_is_in_the_address(self, told: StandIn) -> None:
        page = told.open("#/admin")
        week = page.get_by_role("button", name="Week")
        expect(week).to_have_attribute("aria-pressed", "false")
        week.click()
        expect(page.get_by_text("841 ended in the last week")).to_be_visible()
        expect(week).to_have_attribute("aria-pressed", "true")
        assert page.url.endswith("#/admin?window=week")
        page.reload()
        expect(page.get_by_text("841 ended in the last week")).to_be_visible()
        windows = [each.query["window"] for each in told.asked if each.path == "/admin/statistics"]
        assert windows == ["hour", "week", "week"]

    def test_of_too_much_it_says_how_far_back_the_numbers_go(self, told: StandIn) -> None:
        hint = "These numbers go back no further than"
        page = told.open("#/admin?window=week")
        expect(page.get_by_text("841 ended in the last week")).to_be_visible()
        expect(page.get_by_text(hint)).to_have_count(0)
        ends = page.get_by_role("region", name="How jobs ended")
        rate_of_all = float(ends.get_by_role("definition").first.inner_text())
        told.answers["GET /admin/statistics"] = lambda asked: statistics(asked, uncounted=timedelta(days=6))
        page.reload()
        expect(page.get_by_text(hint)).to_be_visible()
        expect(page.get_by_text(hint).locator("time")).to_have_attribute(
            "datetime", instant(ENDS_AT - timedelta(days=1))
        )
        rate = float(ends.get_by_role("definition").first.inner_text())
        assert rate == pytest.approx(7 * rate_of_all, rel=0.1), "of the time that is counted"

    def test_numbers_of_one_window_do_not_stand_below_another(self, told: StandIn) -> None:
        page = told.open("#/admin")
        hour = page.get_by_text("121 ended in the last hour")
        expect(hour).to_be_visible()
        ends = page.get_by_role("region", name="How jobs ended")
        counted = Held(page, "/admin/statistics")
        page.get_by_role("button", name="Day").click()
        expect(ends.get_by_text("Loading …")).to_be_visible()
        expect(hour).to_have_count(0)
        page.get_by_role("button", name="Week").click()
        counted.answer({"detail": "the day is away"}, status=503)
        counted.answer({"detail": "the week is away"}, status=503, request=1)
        expect(ends.get_by_role("alert")).to_contain_text("the week is away")
        expect(ends.get_by_role("definition")).to_have_count(0)
        ends.get_by_role("button", name="Try again").press("Enter")
        counted.answer(statistics(Asked(method="GET", path="", query={"window": "week"}))[1], request=2)
        expect(page.get_by_text("841 ended in the last week")).to_be_visible()
        assert page.evaluate("document.activeElement !== document.body"), "the focus is not lost"

    def test_new_failures_are_listed_though_as_many_old_ones_go_and_the_list_stays_until_then(
        self, told: StandIn
    ) -> None:
        told.page.clock.install()
        page = told.open("#/admin")
        expect(page.get_by_role("link", name="…5f000001")).to_be_visible()
        jobs = Held(page, "/admin/jobs")
        told.answers["GET /admin/statistics"] = lambda asked: statistics(asked, jobs=20, later=1)
        page.clock.run_for(10_500)
        expect(page.get_by_text("241 ended in the last hour")).to_be_visible()
        latest = page.get_by_role("region", name="Latest failures")
        expect(latest.get_by_role("link", name="…5f000001")).to_be_visible()
        expect(latest.get_by_role("status")).to_have_count(0)
        jobs.answer({"detail": "the tables are away"}, status=503)
        expect(latest.get_by_role("alert")).to_contain_text("the tables are away")
        expect(latest.get_by_role("link", name="…5f000001")).to_be_visible()
        page.clock.run_for(20_000)
        jobs.answer(page_of(administered(7)), request=1)
        expect(latest.get_by_role("link", name="…5f000007")).to_be_visible()
        expect(latest.get_by_role("alert")).to_have_count(0)

    def test_it_looks_again_every_ten_seconds_but_at_long_windows_every_minute(self, told: StandIn) -> None:
        told.page.clock.install()
        page = told.open("#/admin?window=day")
        expect(page.get_by_text("481 ended in the last day")).to_be_visible()
        told.answers["GET /admin/statistics"] = lambda asked: statistics(asked, jobs=20)
        told.answers["GET /admin/overview"] = ANSWERS["GET /admin/overview"] | {"oldest_waiting_s": 7}
        page.clock.run_for(10_500)
        expect(page.get_by_text("7 s", exact=True)).to_be_visible()
        expect(page.get_by_text("481 ended in the last day")).to_be_visible()
        page.clock.run_for(60_000)
        expect(page.get_by_text("961 ended in the last day")).to_be_visible()
        lists = [each for each in told.asked if each.path == "/admin/jobs"]
        assert len(lists) == 1, "whoever lists jobs is on record: not again without new failures"

    def test_a_look_that_fails_says_so_above_what_is_known(self, told: StandIn) -> None:
        told.page.clock.install()
        page = told.open("#/admin")
        expect(page.get_by_text("121 ended in the last hour")).to_be_visible()
        told.answers["GET /admin/statistics"] = lambda _: (503, {"detail": "the tables are away"})
        page.clock.run_for(10_500)
        problem = page.get_by_role("alert").filter(has_text="the tables are away")
        expect(problem).to_be_visible()
        expect(page.get_by_text("121 ended in the last hour")).to_be_visible()
        told.answers["GET /admin/statistics"] = lambda asked: statistics(asked, jobs=20)
        problem.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("241 ended in the last hour")).to_be_visible()
        expect(problem).to_have_count(0)

    def test_a_chart_is_read_by_keys_by_the_pointer_and_as_a_table(self, told: StandIn) -> None:
        page = told.open("#/admin")
        chart = page.get_by_role("slider", name="Jobs ended: read a moment")
        chart.focus()
        expect(chart).to_have_attribute("aria-valuenow", "11")
        expect(chart).to_have_attribute("aria-valuetext", re.compile("SUCCESS 10 · FAILED 1 · CANCELLED 0$"))
        chart.press("ArrowLeft")
        expect(chart).to_have_attribute("aria-valuenow", "10")
        expect(chart).to_have_attribute("aria-valuetext", re.compile("SUCCESS 10 · FAILED 0 · CANCELLED 0$"))
        chart.press("Home")
        chart.press("ArrowLeft")
        expect(chart).to_have_attribute("aria-valuenow", "0")
        latency = page.get_by_role("slider", name="Latency: read a moment")
        latency.hover()
        expect(page.get_by_text("p50 240 ms · p95 1.5 s · p99 9 s")).to_be_visible()
        page.mouse.move(0, 0)
        expect(page.get_by_text("p50 240 ms · p95 1.5 s · p99 9 s")).to_have_count(0)
        page.locator("summary").first.click()
        rows = table(page, "Jobs ended")
        assert len(rows) == 12
        assert rows[0][1:] == ["10", "1", "0"], "the newest first"

    def test_a_chart_tells_kinds_apart_without_colours_and_a_single_failure_can_be_seen(self, told: StandIn) -> None:
        told.answers["GET /admin/statistics"] = lambda asked: statistics(asked, jobs=100_000)
        page = told.open("#/admin")
        failed = page.locator(".plot .bar.failed")
        expect(failed).to_have_count(1)
        assert float(failed.get_attribute("height") or 0) >= 2
        expect(page.locator(".plot rect[fill^='url(#']")).to_have_count(1)
        dashes = [
            page.locator(f".plot .line.{look}").evaluate("line => getComputedStyle(line).strokeDasharray")
            for look in ("p50", "p95", "p99")
        ]
        assert len(set(dashes)) == 3

    def test_the_focus_stays_in_a_table_that_is_drawn_anew(self, told: StandIn) -> None:
        told.page.clock.install()
        page = told.open("#/admin")
        link = page.get_by_role("link", name="TIMED_OUT")
        link.focus()
        told.answers["GET /admin/statistics"] = lambda asked: statistics(asked, jobs=20)
        page.clock.run_for(10_500)
        expect(page.get_by_text("241 ended in the last hour")).to_be_visible()
        expect(link).to_be_focused()


class TestJobs:
    def test_failed_jobs_are_shown_first_and_more_on_demand(self, told: StandIn) -> None:
        told.answers["GET /admin/jobs"] = one_by_one(
            page_of(administered(1), next_cursor="c1"), page_of(administered(2, dead=True, username=None))
        )
        page = told.open("#/admin/jobs")
        expect(page.get_by_text("1 job, and there are more")).to_be_visible()
        page.get_by_role("button", name="Show more").click()
        expect(page.get_by_text("2 jobs", exact=True)).to_be_visible()
        first, second = table(page, "Jobs")
        assert first[:5] == ["…5f000001", "square_sum", "bob", "FAILED", "3"]
        assert second[2] == "…2f6d9e11"
        assert second[3].split() == ["FAILED", "DEAD"]
        lists = [each.query for each in told.asked if each.path == "/admin/jobs"]
        assert lists == [{"status": "FAILED", "limit": "20"}, {"status": "FAILED", "limit": "20", "cursor": "c1"}]
        expect(page.get_by_role("button", name="Show more")).to_have_count(0)
        assert page.evaluate("document.activeElement.querySelector('table') !== null"), "the focus is not lost"
        page.get_by_role("link", name="…5f000001").click()
        expect(page.get_by_role("heading", name=f"Job {job_id(1)}")).to_be_focused()

    def test_the_filter_is_the_address_and_is_sent(self, told: StandIn) -> None:
        page = told.open("#/admin/jobs")
        page.get_by_label("User", exact=True).fill("bob")
        page.get_by_label("Status").select_option("")
        page.get_by_label("Operation").select_option("cube_sum")
        page.get_by_label("Tag").fill("nightly & more")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_label("Tag")).to_have_value("nightly & more")
        expect(page.get_by_label("Operation")).to_have_value("cube_sum")
        page.get_by_role("table", name="Jobs").wait_for()
        last = [each.query for each in told.asked if each.path == "/admin/jobs"][-1]
        assert last == {"username": "bob", "operation": "cube_sum", "tag": "nightly & more", "limit": "20"}
        page.go_back()
        expect(page.get_by_label("User", exact=True)).to_have_value("")

    @pytest.mark.parametrize("status", ["SUCCESS", "CANCELLED", ""])
    def test_what_is_only_found_with_a_user_is_refused_at_the_field(self, told: StandIn, status: str) -> None:
        page = told.open("#/admin/jobs")
        page.get_by_label("Status").select_option(status)
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_label("User", exact=True)).to_be_focused()
        expect(page.get_by_role("alert").filter(has_text="Name a user")).to_be_visible()
        assert len([each for each in told.asked if each.path == "/admin/jobs"]) == 1

    def test_one_job_is_found_by_its_user_and_its_id(self, told: StandIn) -> None:
        page = told.open("#/admin/jobs")
        page.get_by_label("Job id").fill(job_id(1))
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("alert").filter(has_text="Name the user whose job it is.")).to_be_visible()
        page.get_by_label("User", exact=True).fill("bob")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("heading", name=f"Job {job_id(1)}")).to_be_visible()

    def test_empty_pages_on_the_way_are_passed_but_not_for_ever(self, told: StandIn) -> None:
        empty = page_of(next_cursor="further")
        told.answers["GET /admin/jobs"] = one_by_one(*[empty] * 5, empty, page_of(administered()))
        page = told.open("#/admin/jobs")
        expect(page.get_by_text("None found yet.")).to_be_visible()
        page.get_by_role("button", name="Look further").click()
        assert len(table(page, "Jobs")) == 1

    def test_nothing_found_and_a_problem_are_told(self, told: StandIn) -> None:
        told.answers["GET /admin/jobs"] = one_by_one((503, {"detail": "the tables are away"}), page_of())
        page = told.open("#/admin/jobs")
        expect(page.get_by_text("the tables are away")).to_be_visible()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("No job matches")).to_be_visible()

    def test_a_job_is_retried_in_its_row(self, told: StandIn) -> None:
        retry = f"POST /admin/jobs/{OWNER}/{job_id(1)}/retry"
        told.answers[retry] = lambda _: (202, {"job_id": job_id(1), "status": "PENDING"})
        told.answers[f"GET /admin/jobs/{OWNER}/{job_id(1)}"] = looked_at(status="PENDING", error=None, attempt=0)
        page = told.open("#/admin/jobs")
        page.get_by_role("button", name=f"Retry job {job_id(1)}").click()
        expect(page.get_by_role("button", name=f"Cancel job {job_id(1)}")).to_be_visible()
        expect(page.get_by_role("link", name="…5f000001")).to_be_focused()
        assert table(page, "Jobs")[0][3] == "PENDING"
        assert len(told.bodies(retry)) == 1

    def test_a_job_that_was_changed_is_shown_so_though_it_cannot_be_looked_at(self, told: StandIn) -> None:
        place = f"/admin/jobs/{OWNER}/{job_id(1)}"
        told.answers[f"POST {place}/retry"] = lambda _: (202, {"job_id": job_id(1), "status": "PENDING"})
        told.answers[f"GET {place}"] = lambda _: (503, {"detail": "the tables are away"})
        page = told.open("#/admin/jobs")
        page.get_by_role("button", name=f"Retry job {job_id(1)}").click()
        expect(page.get_by_role("status").filter(has_text="the tables are away")).to_be_visible()
        assert table(page, "Jobs")[0][3] == "PENDING"
        expect(page.get_by_role("link", name="…5f000001")).to_be_focused()

    def test_a_list_has_no_rows_of_the_load_before(self, told: StandIn) -> None:
        lists = Held(told.page, "/admin/jobs")
        page = told.open("#/admin/jobs")
        page.get_by_role("button", name="Search").wait_for()
        with page.expect_event("requestfailed"):
            page.get_by_role("button", name="Search").click()
        lists.answer(page_of(administered(2)), request=1)
        assert [row[0] for row in table(page, "Jobs")] == ["…5f000002"]
        expect(page.get_by_role("alert").filter(has_text=re.compile("."))).to_have_count(0)

    def test_a_retry_that_is_refused_is_told_and_changes_nothing(self, told: StandIn) -> None:
        detail = "the job is PENDING; only FAILED and CANCELLED jobs are retried"
        told.answers[f"POST /admin/jobs/{OWNER}/{job_id(1)}/retry"] = lambda _: (409, {"detail": detail})
        page = told.open("#/admin/jobs")
        page.get_by_role("button", name=f"Retry job {job_id(1)}").click()
        expect(page.get_by_role("status").filter(has_text=detail)).to_be_visible()
        assert table(page, "Jobs")[0][3] == "FAILED"

    def test_cancelling_a_job_is_asked_for_first(self, told: StandIn) -> None:
        cancel = f"POST /admin/jobs/{OWNER}/{job_id(1)}/cancel"
        told.answers["GET /admin/jobs"] = page_of(administered(status="IN_PROGRESS", error=None, finished_at=None))
        told.answers[cancel] = lambda _: (202, {"job_id": job_id(1), "status": "CANCELLED"})
        told.answers[f"GET /admin/jobs/{OWNER}/{job_id(1)}"] = looked_at(status="CANCELLED", error=None)
        page = told.open("#/admin/jobs?status=IN_PROGRESS")
        button = page.get_by_role("button", name=f"Cancel job {job_id(1)}")
        button.click()
        page.get_by_role("dialog").get_by_role("button", name="Back").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert told.bodies(cancel) == []
        button.click()
        page.go_back()
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert told.bodies(cancel) == [], "who goes to another page has not said yes"
        page.go_forward()
        button.click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
        expect(page.get_by_role("button", name=f"Retry job {job_id(1)}")).to_be_visible()
        ended = page.get_by_role("table", name="Jobs").locator("td[data-title=Ended]")
        expect(ended.locator("time")).to_have_attribute("datetime", "2026-11-30T11:41:00.000Z")
        assert len(told.bodies(cancel)) == 1

    def test_the_page_of_a_job_tells_how_it_went_and_retries_it(self, told: StandIn) -> None:
        told.answers[f"POST /admin/jobs/{OWNER}/{job_id(1)}/retry"] = lambda _: (
            202,
            {"job_id": job_id(1), "status": "PENDING"},
        )
        page = told.open(JOB_PAGE)
        expect(page.get_by_text("The job failed: it took too long.")).to_be_visible()
        terms = page.locator("dl.facts dt").all_inner_texts()
        assert terms[4:9] == ["Attempts at most", "Accepted", "Due", "Began", "Ended"]
        happened = page.get_by_role("region", name="What happened").get_by_role("listitem").all_inner_texts()
        assert [each.split("\n")[0] for each in happened] == ["Accepted", "Attempt 3 began", "The job failed"]
        assert "TIMED_OUT" in happened[2]
        told.answers[f"GET /admin/jobs/{OWNER}/{job_id(1)}"] = looked_at(status="PENDING", error=None)
        page.get_by_role("button", name=f"Retry job {job_id(1)}").click()
        expect(page.get_by_role("button", name=f"Cancel job {job_id(1)}")).to_be_visible()

    def test_who_looks_again_stays_there_and_what_was_changed_is_not_offered_again(self, told: StandIn) -> None:
        place = f"/admin/jobs/{OWNER}/{job_id(1)}"
        told.answers[f"POST {place}/retry"] = lambda _: (202, {"job_id": job_id(1), "status": "PENDING"})
        page = told.open(JOB_PAGE)
        refresh, retry = (page.get_by_role("button", name=name) for name in ("Refresh", f"Retry job {job_id(1)}"))
        retry.wait_for()
        told.answers[f"GET {place}"] = looked_at() | {"explanation": "It is as it was."}
        refresh.press("Enter")
        expect(page.get_by_text("It is as it was.")).to_be_visible()
        expect(refresh).to_be_focused()
        told.answers[f"GET {place}"] = lambda _: (503, {"detail": "the tables are away"})
        retry.press("Enter")
        expect(page.get_by_text("the tables are away")).to_be_visible()
        expect(page.get_by_text("It is as it was.")).to_have_count(0)
        expect(retry).to_have_count(0)
        expect(page.get_by_role("heading", level=1)).to_be_focused()

    def test_a_job_that_is_gone_is_told(self, told: StandIn) -> None:
        page = told.open(f"#/admin/jobs/{OWNER}/{job_id(9)}")
        expect(page.get_by_role("alert").filter(has_text="there is no")).to_be_visible()

    def test_dead_letters_are_a_list_of_their_own(self, told: StandIn) -> None:
        told.answers["GET /admin/jobs"] = page_of(administered(dead=True))
        page = told.open("#/admin/dead?username=bob")
        assert table(page, "Jobs")[0][7] == "TIMED_OUT the attempt took more than 60 s"
        (asked,) = [each.query for each in told.asked if each.path == "/admin/jobs"]
        assert asked == {"status": "FAILED", "dead": "true", "username": "bob", "limit": "20"}
        page.get_by_role("link", name="Retry all …").click()
        expect(page.get_by_text("2 jobs match")).to_be_visible()
        (body,) = told.bodies("POST /admin/bulk")
        assert body["filter"].pop("created_before").endswith("Z")
        assert body == {"action": "retry", "filter": {"username": "bob", "dead": True}, "preview": True}

    def test_no_dead_letters_is_good_news(self, told: StandIn) -> None:
        told.answers["GET /admin/jobs"] = page_of()
        expect(told.open("#/admin/dead").get_by_text("No dead letters")).to_be_visible()

    @pytest.mark.parametrize(
        ("place", "leads_to"),
        [
            ("?status=PENDING&operation=cube_sum", "#/admin/bulk?operation=cube_sum&what=cancel-waiting"),
            ("?status=IN_PROGRESS", "#/admin/bulk?what=cancel-running"),
            ("?status=FAILED&error_code=TIMED_OUT", "#/admin/bulk?error_code=TIMED_OUT&what=retry"),
            ("?status=FAILED&dead=true", "#/admin/bulk?what=retry-dead"),
            ("?status=CANCELLED&username=bob", "#/admin/bulk?username=bob&what=retry-cancelled"),
            ("?status=SUCCESS&username=bob", None),
            ("?status=FAILED&username=bob&tag=nightly", None),
        ],
    )
    def test_a_list_leads_to_the_change_of_all_of_it_where_there_is_one(
        self, told: StandIn, place: str, leads_to: str | None
    ) -> None:
        page = told.open(f"#/admin/jobs{place}")
        page.get_by_role("button", name="Refresh").wait_for()
        link = page.get_by_role("link", name=re.compile("^(Retry|Cancel) all …$"))
        assert [each.get_attribute("href") for each in link.all()] == ([leads_to] if leads_to else [])


class TestBulk:
    def test_jobs_are_counted_then_confirmed_by_number_then_changed_step_by_step(self, told: StandIn) -> None:
        told.answers["POST /admin/bulk"] = one_by_one(
            {"matched": 100, "changed": 0, "next_cursor": "p"},
            {"matched": 42, "changed": 0, "next_cursor": None},
            {"matched": 100, "changed": 97, "next_cursor": "r"},
            {"matched": 42, "changed": 42, "next_cursor": None},
        )
        page = told.open("#/admin/bulk")
        page.get_by_label("What to do").select_option("Retry failed jobs")
        page.get_by_label("Operation").select_option("square_sum")
        page.get_by_label("Error code").fill("TIMED_OUT")
        page.get_by_role("button", name="Count what matches").click()
        expect(page.get_by_role("heading", name="142 jobs match")).to_be_visible()
        page.get_by_role("button", name="Retry 142 jobs").click()
        dialog = page.get_by_role("dialog", name="Retry 142 jobs?")
        expect(dialog.get_by_text("everybody")).to_be_visible()
        dialog.get_by_role("button", name="Retry 142 jobs").click()
        expect(page.get_by_role("heading", name="139 jobs retried")).to_be_visible()
        expect(page.get_by_text("142 jobs matched. 3 jobs had changed meanwhile")).to_be_visible()
        bodies = told.bodies("POST /admin/bulk")
        assert [(each["preview"], each.get("cursor")) for each in bodies] == [
            (True, None),
            (True, "p"),
            (False, None),
            (False, "r"),
        ]
        asked = bodies[0]["filter"]
        assert set(asked) == {"operation", "error_code", "created_before"}
        assert all(each["filter"] == asked and each["action"] == "retry" for each in bodies), (
            "what was confirmed is done"
        )

    def test_who_does_not_confirm_changes_nothing(self, told: StandIn) -> None:
        page = told.open("#/admin/bulk?what=cancel")
        page.get_by_role("button", name="Cancel 2 jobs").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("Attempts that are running are cut off.")).to_be_visible()
        dialog.press("Escape")
        expect(dialog).to_have_count(0)
        assert [each["preview"] for each in told.bodies("POST /admin/bulk")] == [True]

    def test_a_number_holds_for_the_form_that_it_was_counted_for(self, told: StandIn) -> None:
        page = told.open("#/admin/bulk?what=retry")
        expect(page.get_by_role("button", name="Retry 2 jobs")).to_be_visible()
        page.get_by_label("User", exact=True).fill("b")
        expect(page.get_by_role("button", name="Retry 2 jobs")).to_have_count(0)

    def test_what_has_no_errors_has_no_filter_on_them(self, told: StandIn) -> None:
        page = told.open("#/admin/bulk")
        page.get_by_label("Error code").fill("TIMED_OUT")
        page.get_by_label("What to do").select_option("cancel")
        expect(page.get_by_label("Error code")).to_be_hidden()
        page.get_by_label("Accepted before").fill("2026-11-30T10:00")
        page.get_by_role("button", name="Count what matches").click()
        page.get_by_role("button", name="Cancel 2 jobs").wait_for()
        (body,) = told.bodies("POST /admin/bulk")
        assert list(body["filter"]) == ["created_before"]
        assert body["filter"]["created_before"].startswith("2026-11-")

    def test_nothing_that_matches_is_told(self, told: StandIn) -> None:
        told.answers["POST /admin/bulk"] = {"matched": 0, "changed": 0, "next_cursor": None}
        page = told.open("#/admin/bulk?what=retry")
        expect(page.get_by_text("No job matches")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("^Retry"))).to_have_count(0)

    def test_a_refused_value_is_told_at_its_field(self, told: StandIn) -> None:
        errors = [{"pointer": "#/filter/username", "detail": "nobody has this name"}]
        told.answers["POST /admin/bulk"] = lambda _: (400, {"detail": "wrong", "errors": errors})
        page = told.open("#/admin/bulk")
        page.get_by_label("User", exact=True).fill("zed")
        page.get_by_role("button", name="Count what matches").click()
        expect(page.get_by_role("alert").filter(has_text="nobody has this name")).to_be_visible()
        expect(page.get_by_label("User", exact=True)).to_be_focused()
        expect(page.get_by_text("Counting …")).to_have_count(0)

    def test_a_call_that_comes_too_early_is_made_again(self, told: StandIn) -> None:
        told.answers["POST /admin/bulk"] = one_by_one(
            (429, {"detail": "too many", "retry_after_s": 1}), {"matched": 7, "changed": 0, "next_cursor": None}
        )
        page = told.open("#/admin/bulk?what=retry")
        expect(page.get_by_role("heading", name="7 jobs match")).to_be_visible()

    def test_after_a_problem_it_goes_on_where_it_was(self, told: StandIn) -> None:
        told.answers["POST /admin/bulk"] = one_by_one(
            {"matched": 9, "changed": 0, "next_cursor": None},
            {"matched": 5, "changed": 5, "next_cursor": "r"},
            (500, {"detail": "something broke"}),
            {"matched": 4, "changed": 4, "next_cursor": None},
        )
        page = told.open("#/admin/bulk?what=retry")
        page.get_by_role("button", name="Retry 9 jobs").click()
        page.get_by_role("dialog").get_by_role("button", name="Retry 9 jobs").click()
        expect(page.get_by_text("something broke")).to_be_visible()
        expect(page.get_by_text("5 jobs retried so far.")).to_be_visible()
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("heading", name="9 jobs retried")).to_be_visible()
        assert [each.get("cursor") for each in told.bodies("POST /admin/bulk")] == [None, None, "r", "r"]

    def test_it_can_be_stopped(self, told: StandIn) -> None:
        page = told.page
        steps = 0

        def step(asked: Asked) -> Answer:
            nonlocal steps
            if asked.body["preview"]:
                return 200, {"matched": 50, "changed": 0, "next_cursor": None}
            steps += 1
            return 200, {"matched": 1, "changed": 1, "next_cursor": f"r{steps}"}

        told.answers["POST /admin/bulk"] = step
        told.open("#/admin/bulk?what=retry")
        page.get_by_role("button", name="Retry 50 jobs").click()
        page.get_by_role("dialog").get_by_role("button", name="Retry 50 jobs").click()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("heading", name=re.compile(r"^Stopped: \d+ jobs? retried$"))).to_be_visible()
        assert 0 < steps < 50

    def test_during_a_run_the_form_stands_still_and_a_wait_can_be_stopped(self, told: StandIn) -> None:
        told.answers["POST /admin/bulk"] = one_by_one(
            {"matched": 9, "changed": 0, "next_cursor": None},
            {"matched": 5, "changed": 5, "next_cursor": "r"},
            (429, {"detail": "too many", "retry_after_s": 600}),
        )
        page = told.open("#/admin/bulk?what=retry")
        user, count = page.get_by_label("User", exact=True), page.get_by_role("button", name="Count what matches")
        page.get_by_role("button", name="Retry 9 jobs").click()
        page.get_by_role("dialog").get_by_role("button", name="Retry 9 jobs").click()
        expect(page.get_by_text("5 of 9 jobs retried")).to_be_visible()
        expect(user).to_be_disabled()
        expect(count).to_be_disabled()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("heading", name="Stopped: 5 jobs retried")).to_be_focused()
        expect(user).to_be_enabled()
        expect(count).to_be_enabled()

    def test_what_goes_on_begins_with_the_sums_so_far_and_says_that_it_is_being_stopped(self, told: StandIn) -> None:
        told.answers["POST /admin/bulk"] = one_by_one(
            {"matched": 9, "changed": 0, "next_cursor": None},
            {"matched": 5, "changed": 5, "next_cursor": "r"},
            (500, {"detail": "something broke"}),
        )
        page = told.open("#/admin/bulk?what=retry")
        page.get_by_role("button", name="Retry 9 jobs").click()
        page.get_by_role("dialog").get_by_role("button", name="Retry 9 jobs").click()
        expect(page.get_by_text("5 jobs retried so far.")).to_be_focused()
        step = Held(page, "/admin/bulk")
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_text("5 of 9 jobs retried")).to_be_focused()
        expect(page.get_by_role("progressbar")).to_have_js_property("value", 5)
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_text("Stopping after this step: 5 of 9 jobs retried")).to_be_visible()
        step.answer({"matched": 3, "changed": 3, "next_cursor": "s"})
        expect(page.get_by_role("heading", name="Stopped: 8 jobs retried")).to_be_focused()

    def test_a_count_is_given_up_once_something_else_is_asked(self, told: StandIn) -> None:
        count = Held(told.page, "/admin/bulk")
        page = told.open("#/admin/bulk?what=retry")
        expect(page.get_by_text("Counting …")).to_be_visible()
        with page.expect_event("requestfailed"):
            page.get_by_role("button", name="Count what matches").click()
        with page.expect_event("requestfailed"):
            page.get_by_label("User", exact=True).fill("b")
        expect(page.get_by_text("Counting …")).to_have_count(0)
        page.get_by_role("button", name="Count what matches").click()
        count.answer({"matched": 7, "changed": 0, "next_cursor": None}, request=2)
        expect(page.get_by_role("heading", name="7 jobs match")).to_be_visible()
        expect(page.get_by_role("alert").filter(has_text=re.compile("."))).to_have_count(0)


class TestPauses:
    def test_it_tells_what_is_paused_since_when_and_why(self, told: StandIn) -> None:
        gone = paused(operation="was_offered_once")
        told.answers["GET /admin/pauses"] = {"pauses": [*ANSWERS["GET /admin/pauses"]["pauses"], gone]}
        page = told.open("#/admin/pauses")
        states = {row[0].split("\n")[0]: row[1] for row in table(page, "Operations")}
        assert states["cube_sum"] == "RUNNING"
        assert re.match(r"PAUSED\s+Paused .* by ada . it fails too often$", states["square_sum"])
        assert states["was_offered_once"].startswith("PAUSED")
        assert table(page, "Users whose jobs are paused")[0][0] == "bob"

    def test_an_operation_is_paused_with_a_reason(self, told: StandIn) -> None:
        told.answers["GET /admin/pauses"] = {"pauses": []}
        told.answers["POST /admin/operations/cube_sum/pause"] = paused(operation="cube_sum")
        page = told.open("#/admin/pauses")
        expect(page.get_by_text("No user's jobs are paused")).to_be_visible()
        page.get_by_role("button", name="Pause cube_sum").click()
        reason = page.get_by_role("dialog", name="Pause cube_sum?").get_by_label("Reason")
        reason.fill("it fails")
        told.answers["GET /admin/pauses"] = {"pauses": [paused(operation="cube_sum", reason="it fails")]}
        reason.press("Enter")
        expect(page.get_by_role("button", name="Resume cube_sum")).to_be_focused()
        assert told.bodies("POST /admin/operations/cube_sum/pause") == [{"reason": "it fails"}]

    def test_a_user_is_paused_without_a_reason(self, told: StandIn) -> None:
        told.answers["POST /admin/users/eve@example.com/pause"] = paused(owner_id=OWNER, username="eve@example.com")
        page = told.open("#/admin/pauses")
        page.get_by_role("button", name="Pause …", exact=True).click()
        expect(page.get_by_role("alert").filter(has_text="Type in the name of a user.")).to_be_visible()
        page.get_by_label("User", exact=True).fill("eve@example.com")
        page.get_by_role("button", name="Pause …", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Pause").click()
        expect(page.get_by_role("status").filter(has_text="eve@example.com is paused.")).to_be_visible()
        expect(page.get_by_label("User", exact=True)).to_have_value("")
        assert told.bodies("POST /admin/users/eve@example.com/pause") == [{}]

    def test_what_is_resumed_says_how_many_were_sent(self, told: StandIn) -> None:
        told.answers["POST /admin/users/bob/resume"] = {"sent": 12}
        page = told.open("#/admin/pauses")
        page.get_by_label("User", exact=True).fill("eve")
        page.get_by_role("button", name="Resume bob").click()
        told.answers["GET /admin/pauses"] = {"pauses": []}
        page.get_by_role("dialog").get_by_role("button", name="Resume").click()
        expect(page.get_by_role("heading", name="Users", exact=True)).to_be_focused()
        expect(page.get_by_label("User", exact=True)).to_have_value("eve")
        said = page.get_by_role("status").filter(has_text="bob is resumed; 12 of the waiting jobs were sent at once.")
        expect(said).to_be_visible()

    def test_a_refusal_is_told(self, told: StandIn) -> None:
        told.answers["POST /admin/users/bob/resume"] = lambda _: (409, {"detail": "bob is not paused"})
        page = told.open("#/admin/pauses")
        page.get_by_role("button", name="Resume bob").click()
        page.get_by_role("dialog").get_by_role("button", name="Resume").click()
        expect(page.get_by_role("status").filter(has_text="bob is not paused")).to_be_visible()


class TestUsers:
    def test_a_user_is_found_by_name(self, told: StandIn) -> None:
        page = told.open("#/admin/users")
        expect(page.get_by_text("Nobody is looked at")).to_be_visible()
        page.get_by_role("button", name="Find").click()
        expect(page.get_by_role("alert").filter(has_text="Type in the name of a user.")).to_be_visible()
        page.get_by_label("Username").fill("bob")
        page.get_by_role("button", name="Find").click()
        user = page.get_by_role("region", name="The user")
        expect(user.get_by_role("heading", name="bob")).to_be_visible()
        assert user.get_by_role("definition").all_inner_texts()[:2] == ["user", "ENABLED"]
        expect(user.get_by_role("button", name="Resume bob")).to_be_visible()
        expect(user.get_by_role("link", name="Jobs")).to_have_attribute("href", "#/admin/jobs?username=bob")

    def test_a_name_that_nobody_has_is_told(self, told: StandIn) -> None:
        expect(told.open("#/admin/users?username=zed").get_by_text("There is no user zed")).to_be_visible()

    @pytest.mark.parametrize(
        ("user", "button", "action", "body"),
        [
            ({}, "Disable: bob", "Disable", {"is_disabled": True}),
            ({"is_disabled": True}, "Enable: bob", "Enable", {"is_disabled": False}),
            ({}, "Make an administrator: bob", "Make an administrator", {"role": "admin"}),
            ({"role": "admin"}, "Make a user: bob", "Make a user", {"role": "user"}),
        ],
    )
    def test_an_account_is_changed_once_confirmed(
        self, told: StandIn, user: dict[str, Any], button: str, action: str, body: dict[str, Any]
    ) -> None:
        told.answers["GET /users/bob"] = BOB | user
        told.answers["PATCH /users/bob"] = BOB | user | body
        page = told.open("#/admin/users?username=bob")
        page.get_by_role("button", name=button).click()
        page.get_by_role("dialog").get_by_role("button", name="Back").click()
        page.get_by_role("button", name=button).click()
        told.answers["GET /users/bob"] = BOB | user | body
        page.get_by_role("dialog").get_by_role("button", name=action).click()
        expect(page.get_by_role("status").filter(has_text="The account of bob is changed.")).to_be_visible()
        expect(page.get_by_role("button", name=button)).to_have_count(0)
        assert page.evaluate("document.activeElement.dataset.key") == next(iter(body)), (
            "the focus is on what takes it back"
        )
        assert told.bodies("PATCH /users/bob") == [body]

    def test_a_user_who_is_not_paused_can_be(self, told: StandIn) -> None:
        told.answers["GET /admin/pauses"] = {"pauses": []}
        told.answers["POST /admin/users/bob/pause"] = paused(owner_id=OWNER, username="bob")
        page = told.open("#/admin/users?username=bob")
        expect(page.get_by_text("not paused")).to_be_visible()
        page.get_by_role("button", name="Pause bob").click()
        page.get_by_role("dialog").get_by_role("button", name="Pause").click()
        expect(page.get_by_role("status").filter(has_text="bob is paused.")).to_be_visible()

    def test_ones_own_account_cannot_be_changed(self, told: StandIn) -> None:
        told.answers["GET /users/ada"] = ADMIN | {"is_disabled": False}
        page = told.open("#/admin/users?username=ada")
        expect(page.get_by_text("This is your own account")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("Disable|Make"))).to_have_count(0)

    def test_an_account_is_shown_though_pauses_cannot_be_read(self, told: StandIn) -> None:
        told.answers["GET /admin/pauses"] = lambda _: (503, {"detail": "the pauses are away"})
        page = told.open("#/admin/users?username=bob")
        expect(page.get_by_text("the pauses are away")).to_be_visible()
        expect(page.get_by_role("button", name="Disable: bob")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("Pause|Resume"))).to_have_count(0)
