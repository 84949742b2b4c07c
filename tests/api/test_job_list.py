"""``GET /jobs``: paging, filters, and what a query may be."""

import re
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from chalicelib.domain.jobs import JobStatus
from tests.api.client import Answer, Api
from tests.events import api_event


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [job["job_id"] for job in answer.json["jobs"]]


def refusal(answer: Answer) -> str:
    assert answer.status == 400
    assert answer.problem["code"] == "INVALID_PARAMETER"
    return str(answer.problem["detail"])


def filled(api: Api, token: str) -> list[str]:
    """A job each minute; the newest first."""
    submitted = []
    for number in range(6):
        body = {"data": [1], "operation": ["square_sum", "cube_sum"][number % 2], "tags": [f"a & b/{number % 3}"]}
        submitted.append(api.post("/jobs", body, token=token).json["job_id"])
        api.world.clock.advance(minutes=1)
    return submitted[::-1]


@pytest.mark.parametrize("path", ["/jobs", "/jobsList"])
def test_jobs_are_listed_newest_first_and_page_by_page(path: str) -> None:
    api = Api()
    token = api.logged_in()
    api.submitted(api.logged_in("bob"))
    submitted = [api.submitted(token, data=[number]) for number in range(5)]
    listed: list[str] = []
    query = "limit=2"
    while query:
        page = api.get(path, token=token, query=query)
        assert len(ids(page)) <= 2
        listed += ids(page)
        cursor = page.json["next_cursor"]
        assert ("Link" in page.headers) == (cursor is not None)
        query = cursor and f"limit=2&cursor={cursor}"
    assert listed == submitted[::-1]


def test_a_page_has_twenty_jobs_unless_asked_otherwise() -> None:
    api = Api()
    token = api.logged_in()
    for _ in range(21):
        api.submitted(token)
    assert len(ids(api.get("/jobs", token=token))) == 20
    assert len(ids(api.get("/jobs", token=token, query="limit=100"))) == 21
    assert len(ids(api.get("/jobs", token=token, query="limit=007"))) == 7


@pytest.mark.asvs("1.2.2")
@pytest.mark.parametrize(
    "query",
    [
        "limit=2",
        "limit=2&operation=cube_sum",
        "limit=1&tag=a%20%26%20b%2F1&operation=cube_sum",
        "limit=1&tag=a+%26+b/2",
        "limit=2&created_after=2026-11-23T13%3A01%3A00%2B01%3A00&created_before=2026-11-23T12:05:00Z",
        "status=PENDING&limit=4",
    ],
)
def test_the_link_leads_through_the_whole_list(query: str) -> None:
    """RFC 8288: whoever follows it needs to know nothing of cursors or of filters."""
    api = Api()
    token = api.logged_in()
    filled(api, token)
    walked: list[str] = []
    whole = ids(api.get("/jobs", token=token, query=re.sub("limit=.", "limit=100", query)))
    assert whole
    while query:
        page = api.get("/jobs", token=token, query=query)
        walked += ids(page)
        link = page.headers.get("Link")
        query = ""
        if link:
            assert link.isascii()
            target, relation = re.fullmatch(r'<([^<> "]*)>; rel="(.*)"', link).groups()  # type: ignore[union-attr]
            assert relation == "next"
            parts = urlsplit(target)
            assert parts.path == "/api/jobs", "as API Gateway's own domain has it, stage included"
            query = parts.query
            assert parse_qs(query)["cursor"] == [page.json["next_cursor"]]
    assert walked == whole


@pytest.mark.asvs("1.2.2")
@pytest.mark.parametrize(("path", "linked"), [("/jobs/", "/jobs"), ("/base/path/jobs", "/base/path/jobs")])
def test_the_link_has_the_path_that_the_caller_used(path: str, linked: str) -> None:
    api = Api()
    token = api.logged_in()
    filled(api, token)
    event = api_event("GET", "/jobs", headers={"Authorization": f"Bearer {token}"}, query="limit=1")
    event["requestContext"]["path"] = path
    assert api.app(event, None)["headers"]["Link"].startswith(f"<{linked}?limit=1&cursor=")


def test_each_filter_shows_what_it_asks_for() -> None:
    api = Api()
    token = api.logged_in()
    newest_first = filled(api, token)
    api.send("POST", f"/jobs/{newest_first[2]}/cancel", token=token)

    def found(query: str) -> list[int]:
        return [newest_first.index(job_id) for job_id in ids(api.get("/jobs", token=token, query=query))]

    assert found("") == [0, 1, 2, 3, 4, 5]
    assert found("operation=cube_sum") == [0, 2, 4]
    assert found("status=CANCELLED") == [2]
    assert found("status=PENDING&operation=cube_sum") == [0, 4]
    assert found("status=SUCCESS") == []
    assert found(f"tag={quote('a & b/2')}") == [0, 3]
    assert found("created_after=2026-11-23T12:03:00Z") == [0, 1, 2], "at the instant or after it"
    assert found("created_before=2026-11-23T12:03:00Z") == [3, 4, 5], "before it"
    assert found("created_after=2026-11-23T12:01:00Z&created_before=2026-11-23T12:02:00.001Z") == [3, 4]
    assert found("created_after=2026-11-23T17:32:00%2B05:30") == [0, 1, 2, 3]
    assert found("created_after=9999-12-31T23:59:59-12:00") == []
    assert found("created_before=9999-12-31T23:59:59-12:00&created_after=0001-01-01T00:00:00%2B12:00") == found("")


@pytest.mark.parametrize(
    "limit",
    [
        *("0", "101", "-1", "ten", "", "1e1", "\N{ARABIC-INDIC DIGIT FIVE}", "1" * 10_000, "0010000"),
        *("0001" + "0" * 5000, "1.0", "+5", " 5", "5_0", "true", "null", "9" * 18, "9" * 19),
    ],
)
def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    api = Api()
    answer = api.get("/jobs", token=api.logged_in(), query=f"limit={limit.replace('+', '%2B')}")
    assert refusal(answer) == "limit must be a whole number from 1 to 100"


AN_INSTANT = "an instant with an offset, such as 2030-01-31T08:00:00Z; a + in it is sent as %2B"


@pytest.mark.asvs("2.2.1", "2.2.3", "15.3.7")
@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("status=DONE", "status must be PENDING, IN_PROGRESS, SUCCESS, FAILED or CANCELLED"),
        ("status=failed", "status must be PENDING, IN_PROGRESS, SUCCESS, FAILED or CANCELLED"),
        ("status=", "status must be PENDING, IN_PROGRESS, SUCCESS, FAILED or CANCELLED"),
        ("created_after=yesterday", f"created_after must be {AN_INSTANT}"),
        ("created_after=2026-11-23T12:00:00", f"created_after must be {AN_INSTANT}"),
        ("created_before=2026-11-23T12:00:00+01:00", f"created_before must be {AN_INSTANT}"),
        ("created_before=1763899200", f"created_before must be {AN_INSTANT}"),
        ("tag=", "tag must be text of 1 to 64 characters"),
        (f"tag={'t' * 65}", "tag must be text of 1 to 64 characters"),
        ("operation=", "operation must be text of 1 to 256 characters"),
        ("lmit=3", "there is no parameter lmit; there are %s; did you mean limit?"),
        ("page=3", "there is no parameter page; there are %s"),
        ("limit=3&limit=3", "limit is given 2 times; give it once"),
        ("tag=red&tag=blue&limit=1", "tag is given 2 times; give it once"),
        (
            "created_after=2026-11-23T12:00:00Z&created_before=2026-11-23T12:00:00Z",
            "created_before must be later than created_after",
        ),
    ],
)
def test_a_parameter_that_is_wrong_is_named_with_what_it_may_be(query: str, detail: str) -> None:
    api = Api()
    names = "limit, cursor, status, operation, created_after, created_before, tag"
    assert refusal(api.get("/jobs", token=api.logged_in(), query=query)) == detail.replace("%s", names)


def test_an_operation_that_is_none_is_refused_with_the_one_that_was_probably_meant() -> None:
    api = Api()
    detail = refusal(api.get("/jobs", token=api.logged_in(), query="operation=sqare_sum"))
    assert detail.startswith("there is no such operation; there are ")
    assert detail.endswith("; did you mean square_sum?")


@pytest.mark.asvs("1.3.3")
def test_a_parameter_that_is_none_is_not_repeated_at_length() -> None:
    api = Api()
    for query in (f"{'x' * 10_000}=1", f"{'x' * 10_000}=1&{'x' * 10_000}=2"):
        assert len(refusal(api.get("/jobs", token=api.logged_in(api_name(query)), query=query))) < 300


def api_name(query: str) -> str:
    """A name for each."""
    return f"user-{len(query)}"


CURSOR_DETAIL = (
    "cursor must be the next_cursor of an earlier page of this list, with the same filters; begin again without it"
)


@pytest.mark.asvs("8.2.2")
def test_a_cursor_that_no_page_of_this_list_gave_is_refused() -> None:
    api = Api()
    ada, bob = api.logged_in("ada"), api.logged_in("bob")
    filled(api, ada)
    filled(api, bob)
    ada, bob = api.signed_in("ada").access, api.signed_in("bob").access  # the first tokens expire meanwhile
    plain = api.get("/jobs", token=ada, query="limit=1").json["next_cursor"]
    filtered = api.get("/jobs", token=ada, query="limit=1&status=PENDING").json["next_cursor"]
    job_id = filled(api, ada)[0]

    def page(token: str, query: str) -> Answer:
        return api.get("/jobs", token=token, query=query)

    refused: list[tuple[str, str]] = [
        (bob, f"cursor={plain}"),
        (ada, f"cursor={plain}&status=PENDING"),
        (ada, f"cursor={filtered}"),
        (ada, f"cursor={filtered}&status=SUCCESS"),
        (ada, f"cursor={plain[:-1]}"),
        (ada, f"cursor={plain[::-1]}"),
        (ada, f"cursor={job_id}"),
        (ada, "cursor=nonsense"),
        (ada, "cursor=' OR 1=1"),
    ]
    for token, query in refused:
        assert refusal(page(token, query)) == CURSOR_DETAIL
    assert refusal(page(ada, "cursor=")) == "cursor must be text of 1 to 256 characters"
    assert len(ids(page(ada, f"cursor={plain}&limit=3"))) == 3, "another limit is the same list"
    assert ids(api.get("/jobsList", token=ada, query=f"cursor={plain}")) == ids(page(ada, f"cursor={plain}"))


def test_a_page_that_is_known_keeps_its_link() -> None:
    api = Api()
    token = api.logged_in()
    filled(api, token)
    page = api.get("/jobs", token=token, query="limit=1")
    again = api.send("GET", "/jobs", token=token, query="limit=1", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status, again.headers["Link"]) == (304, page.headers["Link"])


@pytest.mark.parametrize("status", list(JobStatus))
def test_every_status_can_be_asked_for(status: Any) -> None:
    api = Api()
    token = api.logged_in()
    api.submitted(token)
    found = api.get("/jobs", token=token, query=f"status={status}").json["jobs"]
    assert [each["status"] for each in found] == ([status] if status == "PENDING" else [])
