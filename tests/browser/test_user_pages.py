"""A user's pages in Chromium, over an API that answers as it may: rarely, late, with problems, or nothing."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.api.client import Api
from tests.browser.stand_in import ADMIN, HOST, SESSION, StandIn, stand_in

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
    def test_the_heading_has_it_at_once_and_whoever_types_before_all_is_there_goes_on_typing(
        self, told: StandIn
    ) -> None:
        page = told.page
        held = held_back(page, "/me/audit*")
        told.open("#/account")
        expect(page.get_by_role("heading", name="Account", exact=True)).to_be_focused()
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


class TestForms:
    def test_a_time_that_is_half_typed_is_refused_at_its_field(self, told: StandIn) -> None:
        page = told.open("#/jobs/new")
        page.get_by_label("Data", exact=True).fill("1")
        page.get_by_text("Options", exact=True).click()
        begin = page.get_by_label("Begin at")
        begin.focus()
        page.keyboard.type("11")
        press(page, "Submit the job")
        expect(page.get_by_text("Give the date and the time.")).to_be_visible()
        expect(begin).to_be_focused()
        assert told.bodies("POST /jobs") == []

    @pytest.mark.parametrize(
        ("place", "action", "says"),
        [
            ("#/keys", "Make the key", "Give it a name."),
            ("#/webhooks", "Make the webhook", "Give the URL."),
            ("#/account", "Change the password", "Give the password."),
            ("#/schedules/new", "Make the schedule", "Say when, as in"),
        ],
    )
    def test_what_must_not_be_empty_is_refused_before_it_is_sent(
        self, told: StandIn, place: str, action: str, says: str
    ) -> None:
        page = told.open(place)
        press(page, action)
        expect(page.get_by_text(says).first).to_be_visible()
        assert [each for each in told.asked if each.method != "GET" and each.path != "/dashboard/session/refresh"] == []

    def test_a_sign_up_whose_sign_in_fails_goes_on_with_that(self, told: StandIn) -> None:
        told.answers |= {
            "POST /dashboard/session/refresh": lambda _: (204, {}),
            "POST /register": {},
            "POST /dashboard/session": lambda _: (503, {"detail": "the tables are away"}),
        }
        page = told.open("#/sign-up")
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password").fill("a long phrase")
        press(page, "Sign up")
        expect(page.get_by_text("the tables are away")).to_be_visible()
        told.answers["POST /dashboard/session"] = SESSION
        press(page, "Sign up")
        sees_title(page, "Jobs")
        assert len(told.bodies("POST /register")) == 1


class TestJobForm:
    def test_an_operation_of_the_same_kind_keeps_the_data_and_another_has_none(self, told: StandIn) -> None:
        page = told.open(f"#/jobs/new?like={JOB_ID}")
        data = page.get_by_label("Data", exact=True)
        expect(data).to_have_value("1, 2")
        data.fill("3, x")
        page.get_by_label("Operation").select_option("cube_sum")
        expect(data).to_have_value("3, x")
        expect(page.get_by_text("What cube_sum does.")).to_be_visible()
        page.get_by_label("Operation").select_option("primes")
        expect(page.get_by_label("low")).to_have_value("")
        page.get_by_label("Operation").select_option("square_sum")
        expect(data).to_have_value("")

    def test_nothing_is_submitted_for_another_operation_than_is_shown(self, told: StandIn) -> None:
        page = told.open(f"#/jobs/new?like={JOB_ID}")
        page.get_by_label("Operation").evaluate("select => { select.value = 'primes'; }")  # which tells nobody
        press(page, "Submit the job")
        expect(page.get_by_label("low")).to_have_value("")
        assert told.bodies("POST /jobs") == []

    def test_text_that_cannot_be_read_stays_where_it_is(self, told: StandIn) -> None:
        page = told.open("#/jobs/new")
        data = page.get_by_label("Data", exact=True)
        data.fill("3, x")
        press(page, "Write JSON instead")
        expect(page.get_by_text("This is no number: x")).to_be_visible()
        expect(data).to_have_value("3, x")
        data.fill("3, 4")
        press(page, "Write JSON instead")
        expect(data).to_have_value(re.compile(r"^\[\s+3,\s+4\s+\]$"))
        data.fill('{"not": "a list"}')
        press(page, "Fill in fields")
        expect(page.get_by_text("The fields cannot show this as it is.")).to_be_visible()
        expect(data).to_have_value('{"not": "a list"}')

    def test_data_of_another_shape_than_the_schema_are_shown_as_json(self, told: StandIn) -> None:
        told.answers[f"GET /jobs/{JOB_ID}"] = JOB | {"data": {"numbers": "1"}}
        page = told.open(f"#/jobs/new?like={JOB_ID}")
        expect(page.get_by_label("Data", exact=True)).to_have_value(re.compile('"numbers": "1"'))

    def test_one_like_another_is_that_again_as_the_command_is(self, told: StandIn) -> None:
        told.answers["POST /jobs"] = {"job_id": JOB_ID}
        page = told.open(f"#/jobs/{JOB_ID}")
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        press(page, "Copy as curl")
        expect(page.get_by_text("Copied.")).to_be_visible()
        command = page.evaluate("navigator.clipboard.readText()")
        page.get_by_role("link", name="Submit one like it").click()
        press(page, "Submit the job")
        page.wait_for_url(re.compile(f"#/jobs/{JOB_ID}$"))
        names = ("operation", "data", "tags", "metadata", "max_attempts", "timeout_s", "callback_url")
        wanted = {name: JOB[name] for name in names}
        assert told.bodies("POST /jobs") == [wanted]
        assert json.loads(command.partition("-d '")[2].removesuffix("'")) == wanted


class TestScheduleForm:
    def test_what_was_emptied_is_sent_and_what_is_hidden_is_not(self, told: StandIn) -> None:
        told.answers |= {
            "GET /schedules/s1": SCHEDULE | {"tags": ["t"], "metadata": {"a": "b"}, "timeout_s": 9, "max_attempts": 2},
            "PATCH /schedules/s1": SCHEDULE,
        }
        page = told.open("#/schedules/s1/change")
        for label in ("Name", "Tags", "Metadata", "Seconds an attempt may take", "Attempts at most"):
            page.get_by_label(label, exact=True).fill("")
        page.get_by_label("Cron expression").fill("")
        page.get_by_label("Due", exact=True).select_option("rate")
        press(page, "Save")
        expect(page.get_by_text("Give the seconds.", exact=True)).to_be_visible()
        page.get_by_label("Seconds from one due time to the next").fill("600")
        page.get_by_label("Make up for what is late by at most, in seconds").fill("")
        press(page, "Save")
        expect(page.get_by_text("Give the seconds; with 0")).to_be_visible()
        page.get_by_label("Make up for what is late by at most, in seconds").fill("0")
        press(page, "Save")
        sees_title(page, "Every night")
        emptied: dict[str, Any] = {"name": "", "tags": [], "metadata": {}, "timeout_s": None, "max_attempts": None}
        others = {"operation": "square_sum", "data": [1, 2], "rate_s": 600, "missed_within_s": 0}
        assert told.bodies("PATCH /schedules/s1") == [emptied | others | {"retention_days": None}]

    def test_a_refusal_of_a_field_that_is_hidden_is_told_above_the_button(self, told: StandIn) -> None:
        told.answers["PATCH /schedules/s1"] = lambda _: (
            422,
            {"detail": "not that", "errors": [{"pointer": "#/rate_s", "detail": "must not be there"}]},
        )
        page = told.open("#/schedules/s1/change")
        press(page, "Save")
        expect(page.locator(".problem", has_text="not that")).to_be_visible()

    def test_an_operation_that_is_not_offered_any_more_is_kept(self, told: StandIn) -> None:
        told.answers["GET /schedules/s1"] = SCHEDULE | {"operation": "old_sum"}
        page = told.open("#/schedules/s1/change")
        expect(page.get_by_label("Operation").locator("option:checked")).to_have_text("old_sum (not offered any more)")
        expect(page.get_by_label("Data", exact=True)).to_have_value(re.compile(r"^\[\s+1,\s+2\s+\]$"))


class TestWhatIsLookedAt:
    def test_a_delivery_that_has_succeeded_is_left_alone(self, told: StandIn) -> None:
        told.page.clock.install()
        page = told.open("#/webhooks/w1/d1")
        sees_title(page, "job.failed")
        page.clock.run_for(20_000)
        assert len([each for each in told.asked if each.path.endswith("/d1")]) == 1

    def test_one_that_waits_is_followed_and_a_look_that_fails_is_told(self, told: StandIn) -> None:
        told.page.clock.install()
        path = "GET /webhooks/w1/deliveries/d1"
        told.answers[path] = DELIVERY | {"status": "PENDING"}
        page = told.open("#/webhooks/w1/d1")
        expect(page.locator("main .badge", has_text="PENDING")).to_be_visible()
        told.answers[path] = lambda _: (503, {"detail": "the tables are away"})
        page.clock.run_for(5100)
        expect(page.get_by_role("alert")).to_contain_text("the tables are away")
        told.answers[path] = DELIVERY
        page.clock.run_for(10_100)
        expect(page.locator("main .badge", has_text="SUCCESS")).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)

    @pytest.mark.parametrize(
        ("place", "path", "after", "says"),
        [
            ("#/schedules/s1", "GET /schedules/s1", SCHEDULE | {"is_paused": True}, "PAUSED"),
            (
                "#/schedules",
                "GET /schedules",
                {"schedules": [SCHEDULE | {"is_paused": True}], "next_cursor": None},
                "PAUSED",
            ),
            ("#/webhooks/w1", "GET /webhooks/w1", WEBHOOK | {"failing_since": "2026-11-30T11:00:00Z"}, "FAILING"),
        ],
    )
    def test_a_state_that_changes_is_shown(self, told: StandIn, place: str, path: str, after: Any, says: str) -> None:
        told.page.clock.install()
        page = told.open(place)
        expect(page.locator("main .badge").first).to_be_visible()
        told.answers[path] = after
        page.clock.run_for(15_100)
        expect(page.locator("main .badge", has_text=says)).to_be_visible()

    def test_changed_rows_are_told_of_now_and_then(self, told: StandIn) -> None:
        told.page.clock.install()
        looks = itertools.count()
        told.answers["GET /jobs"] = lambda _: (
            200,
            {"jobs": [JOB | {"operation": f"look {next(looks)}"}], "next_cursor": None},
        )
        page = told.open("#/jobs")
        says = page.locator("main p[role=status]")

        def look(number: int) -> None:
            if number:
                page.clock.run_for(3100)
            expect(page.get_by_role("cell", name=f"look {number}")).to_be_visible()

        look(0)
        look(1)
        page.clock.run_for(1)
        expect(says).to_have_text("One row has changed.")
        for number in (2, 3):
            look(number)
            expect(says).to_have_text("One row has changed.")
        for number in (4, 5, 6):
            look(number)
        expect(says).to_have_text(re.compile("^[2-5] rows have changed.$"))

    def test_sending_again_is_patient_and_ends_with_the_page(self, told: StandIn) -> None:
        told.page.clock.install()
        answers = iter(
            [
                (200, {"replayed": 3, "next_cursor": "c"}),
                (429, {"detail": "too many", "retry_after_s": 2}),
                (200, {"replayed": 4, "next_cursor": "d"}),
                (429, {"detail": "too many", "retry_after_s": 2}),
            ]
        )
        told.answers["POST /webhooks/w1/replay"] = lambda _: next(answers)
        page = told.open("#/webhooks/w1")
        press(page, "Send again")
        expect(page.get_by_text("3 so far.")).to_be_visible()
        page.clock.run_for(2100)
        expect(page.get_by_text("7 so far.")).to_be_visible()
        page.get_by_role("navigation").get_by_role("link", name="API keys").click()
        sees_title(page, "API keys")
        page.clock.run_for(5000)
        assert [body.get("cursor") for body in told.bodies("POST /webhooks/w1/replay")] == [None, "c", "c", "d"]

    def test_choosing_a_status_keeps_the_tag_that_was_typed(self, told: StandIn) -> None:
        page = told.open("#/jobs")
        page.get_by_role("searchbox").fill("night")
        page.get_by_label("Status").select_option("FAILED")
        page.wait_for_url(re.compile("status=FAILED"))
        expect(page.get_by_role("searchbox")).to_have_value("night")


LONG = "x" * 64
PLACES = (
    f"#/jobs/{JOB_ID}",
    f"#/jobs/new?like={JOB_ID}",
    "#/jobs",
    "#/schedules/s1",
    "#/schedules",
    "#/webhooks/w1",
    "#/webhooks",
    "#/webhooks/w1/d1",
    "#/keys",
    "#/account",
)


def test_long_values_fit_a_phone(browser: Browser, files: Api) -> None:
    window = {"width": 390, "height": 800}
    user = ADMIN | {"role": "user", "username": LONG}
    with stand_in(browser, files, me=user, viewport=window) as told:
        job = JOB | {"operation": LONG, "tags": [LONG], "metadata": {LONG: LONG * 4}, "callback_url": LONG * 9}
        schedule = SCHEDULE | {"name": LONG, "operation": LONG, "cron": LONG, "tags": [LONG], "metadata": {LONG: LONG}}
        hook = WEBHOOK | {"url": LONG * 9, "description": LONG * 3}
        told.answers |= ANSWERS | {
            f"GET /jobs/{JOB_ID}": job,
            "GET /jobs": {"jobs": [job], "next_cursor": None},
            "GET /schedules/s1": schedule,
            "GET /schedules": {"schedules": [schedule], "next_cursor": None},
            "GET /webhooks/w1": hook,
            "GET /webhooks": {"webhooks": [hook]},
            "GET /webhooks/w1/deliveries/d1": DELIVERY | {"event_type": LONG, "url": LONG * 9, "reason": LONG * 3},
            "GET /api-keys": {"api_keys": [KEY | {"name": LONG}]},
        }
        widths = {}
        for place in PLACES:
            page = told.open(place)
            page.get_by_role("heading", level=1).wait_for()
            expect(page.locator(".loading")).to_have_count(0)
            widths[place] = page.evaluate("document.documentElement.scrollWidth")
        assert widths == dict.fromkeys(PLACES, window["width"])


def test_a_browser_that_rounds_long_numbers_says_so(told: StandIn) -> None:
    told.page.add_init_script("delete JSON.rawJSON")
    told.answers[f"GET /jobs/{JOB_ID}"] = JOB | {"data": [12345678901234567891]}
    page = told.open(f"#/jobs/{JOB_ID}")
    expect(page.get_by_text("This browser rounds long numbers.")).to_be_visible()


def test_a_start_without_an_answer_is_tried_again_once_at_a_time(told: StandIn) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    refused = told.answers["POST /dashboard/session/refresh"]
    told.answers["POST /dashboard/session/refresh"] = lambda _: (503, {"detail": "the tables are away"})
    page = told.open("#/keys")
    again = page.get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    told.answers["POST /dashboard/session/refresh"] = refused
    page.context.route(f"http://{HOST}/dashboard/session/refresh", hold)
    again.click()
    expect(again).to_have_attribute("aria-busy", "true")
    again.click()
    assert len(held) == 1
    held[0].fallback()
    sees_title(page, "API keys")
