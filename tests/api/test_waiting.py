"""``Prefer: wait``, ``Retry-After`` and conditional reads, over HTTP."""

from datetime import timedelta

import pytest

from tests.api.client import Answer, Api
from tests.factories import World

PLENTY = timedelta(minutes=10)
READS = ["", "/status", "/result", "/events", "/explain"]
BODY = '{"data": [1, 2, 3], "operation": "square_sum"}'


def submit(api: Api, token: str, prefer: str | None = None) -> Answer:
    return api.send("POST", "/jobs", BODY, token=token, headers={} if prefer is None else {"Prefer": prefer})


def computed_at(api: Api, pause: int) -> None:
    """Let the consumer run during one of the pauses of a wait."""

    def meanwhile(number: int) -> None:
        if number == pause:
            api.world.execution().execute(api.world.queue.messages[0], time_left=lambda: PLENTY, whole_time=PLENTY)

    api.world.pause.meanwhile = meanwhile


def test_a_submit_that_waits_is_answered_with_the_whole_job_once_it_is_final() -> None:
    api = Api()
    token = api.logged_in()
    computed_at(api, 2)
    answer = submit(api, token, "wait=10")
    assert answer.status == 200
    assert (answer.json["status"], answer.json["result"]) == ("SUCCESS", 14)
    assert answer.headers["Preference-Applied"] == "wait=10"
    assert answer.headers["Vary"] == "Prefer"
    assert answer.headers["Location"] == f"/api/jobs/{answer.json['job_id']}"
    assert "Retry-After" not in answer.headers
    assert "ETag" not in answer.headers, "what a POST answers is not what its path holds"
    assert answer.json == api.get(f"/jobs/{answer.json['job_id']}", token=token).json


def test_a_submit_that_has_waited_long_enough_is_accepted_as_any_other() -> None:
    api = Api()
    token = api.logged_in()
    answer = submit(api, token, "respond-async, wait=2")
    assert answer.status == 202
    assert set(answer.json) == {"job_id", "status"}
    assert answer.headers["Preference-Applied"] == "wait=2"
    assert answer.headers["Retry-After"] == "1"
    assert sum(api.world.pause.slept, timedelta()) == timedelta(seconds=2)


def test_a_job_is_accepted_though_the_table_went_away_while_its_caller_waited() -> None:
    api = Api()
    token = api.logged_in()

    def meanwhile(_number: int) -> None:
        api.world.jobs.away = True

    api.world.pause.meanwhile = meanwhile
    assert submit(api, token, "wait=5").status == 202


@pytest.mark.parametrize("part", READS)
def test_every_read_of_a_job_can_wait(part: str) -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token)
    computed_at(api, 3)
    answer = api.send("GET", f"/jobs/{job_id}{part}", token=token, headers={"Prefer": "wait=5"})
    assert answer.status == 200
    assert "SUCCESS" in answer.text or "FINISH" in answer.text
    assert answer.headers["Preference-Applied"] == "wait=5"
    assert len(api.world.pause.slept) == 3


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=5", "wait=5"),
        ("wait=500", "wait=20"),
        ("wait=0", "wait=0"),
        ("WAIT = 7", "wait=7"),
        ('wait="7"', "wait=7"),
        ("return=minimal, respond-async, wait=7; for=me", "wait=7"),
        ("wait=7, wait=9", "wait=7"),
        ("wait", None),
        ("wait=", None),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait=soon, wait=7", None),
        ("wait=" + "9" * 10_000, None),
        ("wait=\N{ARABIC-INDIC DIGIT FIVE}", None),
        ("waiting=7", None),
        ("", None),
    ],
)
def test_a_preference_is_applied_or_ignored_and_the_answer_says_which(prefer: str, applied: str | None) -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token)
    answer = api.send("GET", f"/jobs/{job_id}", token=token, headers={"Prefer": prefer})
    assert answer.status == 200
    assert answer.headers.get("Preference-Applied") == applied
    assert bool(api.world.pause.slept) == (applied not in {None, "wait=0"})


def test_the_advice_when_to_ask_again_grows_and_ends_with_the_job() -> None:
    api = Api()
    token = api.logged_in()
    job_id = api.submitted(token)

    def advice() -> str | None:
        return api.get(f"/jobs/{job_id}/status", token=token).headers.get("Retry-After")

    assert advice() == "1"
    api.world.clock.advance(minutes=2)
    assert advice() == "12"
    api.world.clock.advance(hours=3)
    token = api.signed_in().access
    assert advice() == "60"
    api.send("POST", f"/jobs/{job_id}/cancel", token=token)
    assert advice() is None
    retried = api.send("POST", f"/jobs/{job_id}/retry", token=token)
    assert (retried.headers["Retry-After"], retried.headers["Location"]) == ("1", f"/api/jobs/{job_id}")


@pytest.mark.parametrize("part", READS)
def test_a_read_that_would_say_nothing_new_is_not_repeated(part: str) -> None:
    api = Api()
    token = api.logged_in()
    path = f"/jobs/{api.submitted(token)}{part}"
    first = api.get(path, token=token)
    tag = first.headers["ETag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = api.send("GET", path, token=token, headers={"If-None-Match": known})
        assert (again.status, again.text) == (304, "")
        assert again.headers["ETag"] == tag
        assert again.headers["Retry-After"] == "1"
        assert "Content-Type" not in again.headers
    api.world.execution().execute(api.world.queue.messages[0], time_left=lambda: PLENTY, whole_time=PLENTY)
    changed = api.send("GET", path, token=token, headers={"If-None-Match": tag})
    assert changed.status == 200
    assert changed.headers["ETag"] != tag
    for other in ('"other"', tag.strip('"'), "", "nonsense"):
        assert api.send("GET", path, token=token, headers={"If-None-Match": other}).status == 200


@pytest.mark.asvs("8.2.2", "8.4.1")
def test_nobody_learns_from_a_tag_that_another_has_a_job() -> None:
    api = Api()
    path = f"/jobs/{api.submitted(api.logged_in())}"
    stranger = api.logged_in("bob")
    assert api.send("GET", path, token=stranger, headers={"If-None-Match": "*"}).status == 404


def test_head_answers_as_get_does_without_the_body() -> None:
    api = Api()
    token = api.logged_in()
    path = f"/jobs/{api.submitted(token)}"
    get, head = api.get(path, token=token), api.send("HEAD", path, token=token)
    assert (head.status, head.text) == (200, "")
    assert head.but_for_the_limit.headers == get.but_for_the_limit.headers


def test_a_header_of_several_lines_is_one_list() -> None:
    api = Api()
    token = api.logged_in()
    path = f"/jobs/{api.submitted(token)}"
    answer = api.send(
        "GET",
        path,
        token=token,
        overrides={
            "multiValueHeaders": {"Authorization": [f"Bearer {token}"], "Prefer": ["respond-async", "wait=2"]},
        },
    )
    assert answer.headers["Preference-Applied"] == "wait=2"


def test_who_waited_is_told_what_the_looks_have_cost() -> None:
    api = Api(World(read_quota=100, submit_quota=10))
    token = api.logged_in()
    answer = submit(api, token, "wait=1")
    looks = len(api.world.pause.slept)
    assert answer.headers["RateLimit"] == f'"submit";r=9;t=70, "read";r={100 - looks};t=69'
    assert answer.headers["RateLimit-Policy"] == '"submit";q=10;w=60, "read";q=100;w=60'
    waited = api.send("GET", f"/jobs/{answer.json['job_id']}", token=token, headers={"Prefer": "wait=1"})
    assert waited.headers["RateLimit"].startswith(f'"read";r={100 - 2 * looks - 1};')
