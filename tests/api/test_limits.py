"""What the API says about a caller's limits, and what it does when they cannot be counted."""

import json
import logging
import re

import pytest

from tests.api.client import JOB_ROUTES, Answer, Api
from tests.factories import World

JOB = {"data": [1], "operation": "square_sum"}
CREDENTIALS = {"username": "ada", "password": "correct horse"}
SUBMISSIONS = [(method, path) for method, path in JOB_ROUTES if method != "GET"]
READS = [(method, path) for method, path in JOB_ROUTES if method == "GET"]

ITEM = r'"(?P<name>[a-z-]+)"'
"""A structured field's String, as far as names of limits need it (RFC 9651, section 3.3.3)."""

INTEGER = r"(0|[1-9][0-9]{0,14})"
POLICY = re.compile(rf"{ITEM};q=(?P<q>{INTEGER});w=(?P<w>{INTEGER})")
STANDING = re.compile(rf"{ITEM};r=(?P<r>{INTEGER})(;t=(?P<t>{INTEGER}))?")


def policy(answer: Answer) -> tuple[str, int, int]:
    """The last limit that an answer names: name, quota, window in seconds."""
    *_, last = answer.headers["RateLimit-Policy"].split(", ")
    found = POLICY.fullmatch(last)
    assert found, answer.headers
    return found["name"], int(found["q"]), int(found["w"])


def standing(answer: Answer) -> tuple[str, int, int | None]:
    """How the caller stands with it: name, remaining, seconds until more comes back."""
    *_, last = answer.headers["RateLimit"].split(", ")
    found = STANDING.fullmatch(last)
    assert found, answer.headers
    return found["name"], int(found["r"]), None if found["t"] is None else int(found["t"])


def send(api: Api, method: str, path: str, token: str | None = None) -> Answer:
    path = path.format(job_id="01900000-0000-7000-8000-000000000000")
    body = {"jobs": [JOB]} if path.endswith("/batch") else JOB
    return api.send(method, path, json.dumps(body) if method == "POST" else None, token=token)


def test_the_headers_are_those_of_the_draft() -> None:
    world = World(submit_quota=120, read_quota=1200, sign_in_quota=100, address_quota=300, registration_quota=20)
    api = Api(world)
    answer = api.post("/register", CREDENTIALS)
    assert answer.headers["RateLimit-Policy"] == '"register";q=20;w=3600'
    assert answer.headers["RateLimit"] == '"register";r=19;t=4200'
    answer = api.post("/login", CREDENTIALS)
    assert answer.headers["RateLimit-Policy"] == '"sign-in-address";q=300;w=3600, "sign-in";q=100;w=3600'
    assert answer.headers["RateLimit"] == '"sign-in-address";r=299;t=4200, "sign-in";r=99;t=4200'
    token = answer.json["access_token"]
    answer = api.post("/jobs", JOB, token=token)
    assert answer.headers["RateLimit-Policy"] == '"submit";q=120;w=60'
    assert answer.headers["RateLimit"] == '"submit";r=119;t=70'
    answer = api.get("/jobs", token=token)
    assert answer.headers["RateLimit-Policy"] == '"read";q=1200;w=60'
    assert answer.headers["RateLimit"] == '"read";r=1199;t=70'


@pytest.mark.parametrize(("method", "path"), JOB_ROUTES)
def test_every_answer_of_a_limited_route_says_how_the_caller_stands(method: str, path: str) -> None:
    """Also a 404 or a 422, and the 429 itself."""
    quota = 3
    api = Api(World(submit_quota=quota, read_quota=quota))
    token = api.logged_in()
    answers = [send(api, method, path, token) for _ in range(quota + 1)]
    name = policy(answers[0])[0]
    assert name == ("read" if method == "GET" else "submit")
    assert {policy(answer) for answer in answers} == {(name, quota, 60)}
    assert [standing(answer)[1] for answer in answers] == [2, 1, 0, 0]
    assert [answer.status == 429 for answer in answers] == [False, False, False, True]


def test_how_one_stands_is_told_and_of_submitting_nothing_is_used_by_that() -> None:
    """To look is a read, as any other."""
    api = Api(World(submit_quota=120, read_quota=1200))
    token = api.logged_in()
    api.submitted(token)
    api.submitted(api.logged_in("bob"))
    for reads in (1199, 1198):
        answer = api.get("/me/usage", token=token)
        assert answer.json == {
            "limits": [
                {"name": "submit", "quota": 120, "window_s": 60, "remaining": 119},
                {"name": "read", "quota": 1200, "window_s": 60, "remaining": reads},
            ]
        }
        assert standing(answer) == ("read", reads, 70)
    assert len(api.world.hits.tallies) == 3 + 4, "that of registering, two sign-ins of each, and nothing by looking"


@pytest.mark.parametrize(("method", "path"), JOB_ROUTES)
def test_who_is_not_known_has_no_limit(method: str, path: str) -> None:
    answer = send(Api(), method, path, token="nonsense" * 30)
    assert answer.status == 401
    assert not {"RateLimit", "RateLimit-Policy"} & set(answer.headers)


@pytest.mark.asvs("2.3.2", "2.4.1")
def test_a_refusal_says_when_to_come_back_and_then_the_call_passes() -> None:
    api = Api(World(submit_quota=1, read_quota=2))
    token = api.logged_in()
    job_id = api.submitted(token)
    api.world.clock.advance(seconds=12.5)
    refused = api.post("/jobs", JOB, token=token)
    assert refused.status == 429
    assert refused.problem["code"] == "RATE_LIMITED"
    assert refused.problem["detail"] == (
        "the limit submit is 1 in any 60 s, and all of them are used; send this again in 58 s"
    )
    assert refused.headers["Retry-After"] == "58"
    assert standing(refused) == ("submit", 0, 58)
    assert len(api.world.jobs.all()) == 1
    assert api.get(f"/jobs/{job_id}", token=token).status == 200
    assert api.get("/jobs", token=token).status == 200
    assert api.get(f"/jobs/{job_id}/status", token=token).status == 429
    assert api.get("/jobs", token=api.logged_in("bob")).status == 200
    api.world.clock.advance(seconds=57)
    assert api.post("/jobs", JOB, token=token).status == 429
    api.world.clock.advance(seconds=1)
    api.submitted(token)


@pytest.mark.parametrize("is_registered", [True, False])
def test_signing_in_is_limited_by_name_whether_or_not_a_user_has_it(is_registered: bool) -> None:  # noqa: FBT001
    api = Api(World(sign_in_quota=3))
    if is_registered:
        api.post("/register", CREDENTIALS)
    wrong = [api.post("/login", {"username": name, "password": "nonsense"}) for name in ("ada", "ADA", "Ada", "aDa")]
    assert [answer.status for answer in wrong] == [401, 401, 401, 429]
    assert [standing(answer)[1] for answer in wrong] == [2, 1, 0, 0]
    assert wrong[-1].problem["detail"] == (
        "the limit sign-in is 3 in any 3600 s, and all of them are used; send this again in 4200 s"
    )
    assert api.post("/login", CREDENTIALS).status == 429, "the right password waits too"
    assert api.post("/login", CREDENTIALS | {"username": "bob"}).status == 401
    api.world.clock.advance(seconds=int(wrong[-1].headers["Retry-After"]))
    assert api.post("/login", CREDENTIALS).status == (200 if is_registered else 401)


@pytest.mark.asvs("14.2.4")
def test_no_name_is_kept_for_the_limit_of_signing_in() -> None:
    api = Api()
    for name in ("ada", "Ada", "no name#at all" * 100, ""):
        api.post("/login", {"username": name, "password": "nonsense"})
    holders = [holder for holder, _ in api.world.hits.tallies]
    assert len(holders) == 4, "three names, and the address"
    assert all(re.fullmatch("[0-9a-f]{64}", holder) for holder in holders)


def test_registering_is_limited_by_address_and_a_taken_name_counts_too() -> None:
    api = Api(World(registration_quota=3))
    names = ["ada", "ada", "bob", "eve"]
    answers = [api.post("/register", CREDENTIALS | {"username": name}) for name in names]
    assert [answer.status for answer in answers] == [201, 409, 201, 429]
    assert [standing(answer)[:2] for answer in answers] == [("register", left) for left in (2, 1, 0, 0)]
    assert answers[-1].headers["Retry-After"] == "4200"
    assert len(api.world.users.all()) == 2
    elsewhere = api.post("/register", CREDENTIALS | {"username": "eve"}, address="203.0.113.9")
    assert (elsewhere.status, standing(elsewhere)[1]) == (201, 2)
    api.world.clock.advance(seconds=4200)
    assert api.post("/register", CREDENTIALS | {"username": "grace"}).status == 201


@pytest.mark.asvs("16.5.3")
@pytest.mark.parametrize(("method", "path"), [*SUBMISSIONS, ("POST", "/login"), ("POST", "/register")])
def test_what_cannot_be_counted_is_not_served(method: str, path: str) -> None:
    """Nothing is submitted, no password is tried and no account made uncounted."""
    api = Api()
    token = api.logged_in()
    api.world.hits.away = True
    is_of_jobs = path.startswith("/jobs")
    answer = send(api, method, path, token) if is_of_jobs else api.post(path, CREDENTIALS | {"username": "bob"})
    assert answer.status == 503
    assert answer.problem["code"] == "UNAVAILABLE"
    assert int(answer.headers["Retry-After"]) > 0
    assert "RateLimit" not in answer.headers
    assert not api.world.jobs.all()
    assert not api.world.queue.messages


@pytest.mark.parametrize(("method", "path"), READS)
def test_reads_are_served_uncounted_and_do_not_wait_for_the_store_each(
    method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    api = Api(World(read_quota=2))
    token = api.logged_in()
    status = send(api, method, path, token).status
    assert status in {200, 404}
    calls = api.world.hits.calls
    api.world.hits.away = True
    for _ in range(5):
        answer = send(api, method, path, token)
        assert answer.status == status
        assert not {"RateLimit", "RateLimit-Policy"} & set(answer.headers)
    assert api.world.hits.calls == calls + 1
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1
    api.world.hits.away = False
    api.world.clock.advance(minutes=1)
    assert standing(send(api, method, path, token))[1] == 0
