"""Submitting once under an idempotency key, and many at once."""

import base64
import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.api.idempotency import canonical
from tests.api.client import Answer, Api
from tests.factories import World
from tests.fakes import NOON

JOB = {"operation": "square_sum", "data": [1, 2, 3]}


class Caller(Api):
    """The API with a user logged in."""

    def __init__(self, world: World | None = None) -> None:
        super().__init__(world)
        self.token = self.logged_in()

    def submit(self, body: Any = JOB, *, key: str | None = None, path: str = "/jobs") -> Answer:
        headers = {} if key is None else {"Idempotency-Key": key}
        text = body if isinstance(body, str) else json.dumps(body)
        return self.send("POST", path, text, headers=headers, token=self.token)

    def submit_batch(self, *jobs: Any, key: str | None = None) -> Answer:
        return self.submit({"jobs": jobs}, key=key, path="/jobs/batch")


def without_request_id(answer: Answer) -> tuple[int, str | None, Any]:
    return answer.status, answer.headers.get("Location"), answer.json


def test_a_repeated_request_has_the_answer_of_the_first_and_says_so() -> None:
    api = Caller()
    first = api.submit(key="monday")
    assert first.status == 202
    assert "Idempotent-Replayed" not in first.headers
    assert api.post(f"/jobs/{first.json['job_id']}/cancel", None, token=api.token).status == 202, "it may move on"
    again = api.submit(key="monday")
    assert without_request_id(again) == without_request_id(first)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(api.world.jobs.all()) == 1


@pytest.mark.parametrize("is_repeated", [False, True])
def test_who_waits_under_a_key_gets_the_whole_job(*, is_repeated: bool) -> None:
    api = Caller()
    if is_repeated:
        api.submit(key="monday")
    waiting = {"Idempotency-Key": "monday", "Prefer": "wait=5"}

    def cancel(_: int) -> None:
        for job in api.world.jobs.all():
            if not job.is_final:
                api.post(f"/jobs/{job.key.job_id}/cancel", None, token=api.token)

    api.world.pause.meanwhile = cancel
    answer = api.send("POST", "/jobs", json.dumps(JOB), headers=waiting, token=api.token)
    assert (answer.status, answer.json["status"]) == (200, "CANCELLED")
    assert answer.headers["Preference-Applied"] == "wait=5"
    assert answer.headers["Location"].endswith(answer.json["job_id"])
    assert "Retry-After" not in answer.headers
    assert ("Idempotent-Replayed" in answer.headers) is is_repeated


def test_who_waits_for_a_job_that_is_gone_is_told_that_it_was_accepted() -> None:
    api = Caller()
    first = api.submit({**JOB, "retention_days": 1, "delay_s": 0}, key="monday")
    api.world.clock.advance(hours=23)
    (job,) = api.world.jobs.all()
    api.world.jobs.advance(job, replace(job, token="kept no longer", expires_at=api.world.clock.now()))
    waiting = {"Idempotency-Key": "monday", "Prefer": "wait=5"}
    body = json.dumps({**JOB, "retention_days": 1, "delay_s": 0})
    api.token = api.post("/login", {"username": "ada", "password": "correct horse"}).json["access_token"]
    answer = api.send("POST", "/jobs", body, headers=waiting, token=api.token)
    assert without_request_id(answer) == without_request_id(first)


def test_without_a_key_each_request_is_a_job() -> None:
    api = Caller()
    assert api.submit().json != api.submit().json


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("monday", '"monday"'),
        (" monday ", '"monday"'),
        ('mon"day', r'"mon\"day"'),
        ("mon\\day", r'"mon\\day"'),
        ("mon day", '"mon day"'),
        ("~" * 255, '"' + "~" * 255 + '"'),
        ('\\"' * 127, '"' + r"\\\"" * 127 + '"'),
    ],
)
def test_a_key_is_the_same_in_quotes_and_bare(one: str, other: str) -> None:
    api = Caller()
    assert api.submit(key=one).status == 202
    assert api.submit(key=other).headers["Idempotent-Replayed"] == "true"
    assert not api.submit(key="x").headers.get("Idempotent-Replayed")


@pytest.mark.parametrize(
    "key", ["", " ", '""', '"', '"monday', '"mon"day"', r'"mon\day"', '"monday";a=1', "~" * 256, "mön", "a\tb", "\x7f"]
)
@pytest.mark.parametrize("path", ["/jobs", "/jobs/batch"])
def test_a_key_that_is_none_is_refused(key: str, path: str) -> None:
    api = Caller()
    refused = api.submit(JOB if path == "/jobs" else {"jobs": [JOB]}, key=key, path=path)
    assert refused.status == 400
    assert refused.problem["code"] == "INVALID_PARAMETER"
    assert refused.problem["detail"].startswith("Idempotency-Key must be 1 to 255 printable ASCII characters")
    assert not api.world.jobs.all()


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ('{"operation": "square_sum", "data": [1, 2]}', '{"data":[1,2],"operation":"square_sum"}'),
        ('{"operation": "square_sum", "data": [1]}', '{"operation": "\\u0073quare_sum", "data": [1]}'),
        (
            '{"operation": "square_sum", "data": [], "metadata": {"a": "1", "b": "2"}}',
            '{"operation": "square_sum", "data": [], "metadata": {"b": "2", "a": "1"}}',
        ),
    ],
)
def test_what_is_the_same_json_is_the_same_request(one: str, same: str) -> None:
    api = Caller()
    api.submit(one, key="monday")
    assert api.submit(same, key="monday").headers["Idempotent-Replayed"] == "true"


NINES = "9" * 999


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[1]", "[1.0]"),
        ("[1, 2]", "[2, 1]"),
        ("[1.0]", "[1.00]"),
        ("[1e2]", "[100.0]"),
        ("[0.1]", "[0.1000000000000000055]"),
        (f"[{NINES}8]", f"[{NINES}9]"),
        ("[1, 2]", "[12]"),
    ],
)
def test_another_body_under_the_key_is_refused(one: str, other: str) -> None:
    api = Caller()
    assert api.submit(f'{{"operation": "square_sum", "data": {one}}}', key="monday").status == 202
    refused = api.submit(f'{{"operation": "square_sum", "data": {other}}}', key="monday")
    assert refused.status == 422
    assert refused.problem["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert "Idempotent-Replayed" not in refused.headers
    assert len(api.world.jobs.all()) == 1


def test_another_callback_url_under_the_key_is_refused() -> None:
    api = Caller()
    for url, status in (("https://example.com/a", 202), ("https://example.com/b", 422)):
        body = f'{{"operation": "square_sum", "data": [], "callback_url": "{url}"}}'
        assert api.submit(body, key="monday").status == status
    assert [job.callback_url for job in api.world.jobs.all()] == ["https://example.com/a"]


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"b": [True, None, "é\u2028"], "a": {}}, '{"a":{},"b":[true,null,"\\u00e9\\u2028"]}'),
        ({"1": "1"}, '{"1":"1"}'),
        ([[], [[]]], "[[],[[]]]"),
    ],
)
def test_a_json_value_has_one_form(value: Any, form: str) -> None:
    assert canonical(value) == form


@pytest.mark.asvs("8.4.1")
def test_the_key_of_another_route_or_user_is_another_request_or_another_key() -> None:
    api = Caller()
    api.submit(key="monday")
    assert api.submit_batch(JOB, key="monday").problem["code"] == "IDEMPOTENCY_KEY_REUSED"
    api.token = api.logged_in("bob")
    assert "Idempotent-Replayed" not in api.submit(key="monday").headers


def test_a_refused_request_leaves_its_key_free() -> None:
    api = Caller()
    assert api.submit({**JOB, "data": ["x"]}, key="monday").status == 422
    assert api.submit(key="monday").status == 202


def test_a_repetition_counts_against_the_limit() -> None:
    api = Caller(World(submit_quota=2))
    assert [api.submit(key="monday").status for _ in range(3)] == [202, 202, 429]


@pytest.mark.asvs("1.4.2")
@pytest.mark.parametrize("depth", [900, 2_000])
@pytest.mark.parametrize("path", ["/jobs", "/jobs/batch"])
def test_a_body_that_is_nested_too_deeply_to_compare_is_answered_as_without_a_key(path: str, depth: int) -> None:
    job = f'{{"operation": "square_sum", "data": {"[" * depth}{"]" * depth}}}'
    good = json.dumps(JOB)
    body = job if path == "/jobs" else f'{{"jobs": [{good}, {job}]}}'
    api = Caller()
    answers = [api.submit(body, key=key, path=path) for key in (None, "monday", "monday")]
    assert len({answer.status for answer in answers}) == 1
    if answers[0].status == 202:
        assert "Idempotent-Replayed" in answers[2].headers
        assert answers[2].json["jobs"][0] == answers[1].json["jobs"][0] != answers[0].json["jobs"][0]


@pytest.mark.parametrize("key", ["a\xa0", "\u2003a", "a\x0b"])
def test_only_blanks_and_tabs_stand_around_a_key(key: str) -> None:
    assert Caller().submit(key=key).status == 400
    assert Caller().submit(key=" \ta\t ").status == 202


def test_a_body_that_is_no_text_is_refused_under_a_key_too() -> None:
    api = Caller()
    binary = base64.b64encode(b'{"operation": "square_sum", "data": "\xff"}').decode()
    refused = api.send(
        "POST",
        "/jobs",
        binary,
        headers={"Idempotency-Key": "monday"},
        token=api.token,
        overrides={"isBase64Encoded": True},
    )
    assert (refused.status, refused.problem["code"]) == (400, "MALFORMED_BODY")


def test_each_job_of_a_batch_is_answered_in_order() -> None:
    api = Caller()
    wrong = [{**JOB, "data": [1, "2"]}, 7, {**JOB, "priority": 1}, {"operation": "sqare_sum", "data": []}]
    answer = api.submit_batch(JOB, *wrong, {**JOB, "delay_s": -1}, JOB)
    assert answer.status == 202
    first, *refused, last = answer.json["jobs"]
    assert [first, last] == [{"job_id": job.key.job_id, "status": "PENDING"} for job in api.world.jobs.all()]
    assert all(set(each) == {"error"} for each in refused)
    told = [(each["error"]["errors"][0]["pointer"], each["error"]["detail"]) for each in refused]
    assert [pointer for pointer, _ in told] == [
        "#/jobs/1/data/1",
        "#/jobs/2",
        "#/jobs/3/priority",
        "#/jobs/4/operation",
        "#/jobs/5/delay_s",
    ]
    for (_, detail), wanted in zip(
        told,
        ["got text", "expected an object, got a whole number", "there is no field priority", "did you mean", "delay_s"],
        strict=True,
    ):
        assert wanted in detail
    for each in refused:
        assert each["error"]["status"] == 422
        assert each["error"]["code"] == "INVALID_INPUT"
        assert each["error"]["request_id"] == answer.headers["X-Request-Id"]
        assert each["error"]["type"].endswith("/problems/invalid-input")


def test_a_batch_of_which_no_job_is_accepted_is_no_202() -> None:
    api = Caller()
    answer = api.submit_batch(7, key="monday")
    assert (answer.status, list(answer.json["jobs"][0])) == (200, ["error"])
    assert "Idempotent-Replayed" not in api.submit_batch(JOB, key="monday").headers


def test_a_repeated_batch_has_the_answer_of_the_first() -> None:
    api = Caller()

    def told(answer: Answer) -> Sequence[Any]:
        return [
            {**job, "error": {**job["error"], "request_id": None}} if "error" in job else job
            for job in answer.json["jobs"]
        ]

    first, again = (api.submit_batch(JOB, 7, JOB, key="monday") for _ in range(2))
    assert (again.status, told(again)) == (202, told(first))
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(api.world.jobs.all()) == len(api.world.queue.messages) == 2


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"jobs": []}, "#/jobs", "expected a list of at least 1 item"),
        ({"jobs": [JOB] * 101}, "#/jobs", "expected a list of at most 100 items"),
        ({"jobs": JOB}, "#/jobs", "expected a list, got an object"),
        ({}, "#", "the field jobs is missing"),
        ({"jobs": [JOB], "priority": 1}, "#/priority", "there is no field priority"),
        ([JOB], "#", "expected an object, got a list"),
    ],
)
def test_a_body_that_is_no_batch_is_refused_whole(body: Any, pointer: str, detail: str) -> None:
    api = Caller()
    refused = api.submit(body, path="/jobs/batch")
    assert refused.status == 422
    assert refused.problem["errors"][0]["pointer"] == pointer
    assert detail in refused.problem["detail"]
    assert not api.world.jobs.all()


@pytest.mark.parametrize("body", ["", "{", '{"jobs": [{"operation": ]}', '{"jobs": [{"operation": "\\ud800"}]}'])
def test_what_is_not_json_is_refused_whole(body: str) -> None:
    assert Caller().submit(body, path="/jobs/batch").status == 400


def test_a_batch_may_have_the_body_of_any_request_and_a_hundred_jobs() -> None:
    api = Caller(World(body_max_bytes=10_000))
    assert api.submit_batch(*[JOB] * 100).status == 202
    assert len(api.world.jobs.all()) == 100
    assert api.submit_batch({**JOB, "data": [1] * 4_000}).status == 413


def test_a_batch_that_the_limit_can_never_admit_says_so() -> None:
    api = Caller(World(submit_quota=2))
    refused = api.submit_batch(JOB, JOB, JOB)
    assert refused.status == 422
    assert refused.problem["errors"] == [
        {"detail": "this counts as 3 requests, and the limit submit is 2 in any 60 s; split it", "pointer": "#"}
    ]
    assert not api.world.jobs.all()


@pytest.mark.asvs("2.3.3", "2.4.1")
def test_a_batch_without_room_changes_nothing_and_passes_when_it_says() -> None:
    api = Caller(World(submit_quota=5))
    for at_s in (0, 0, 20, 20):
        api.world.clock.advance(seconds=at_s - (api.world.clock.now() - NOON).total_seconds())
        assert api.submit().status == 202
    api.world.clock.advance(seconds=5)
    refused = api.submit_batch(JOB, JOB, JOB)
    assert refused.status == 429
    assert refused.headers["RateLimit"].startswith('"submit";r=1;')
    assert len(api.world.jobs.all()) == 4
    api.world.clock.advance(seconds=int(refused.headers["Retry-After"]))
    assert api.submit_batch(JOB, JOB, JOB).status == 202


def test_a_batch_that_was_answered_before_counts_once() -> None:
    api = Caller(World(submit_quota=5))
    first = api.submit_batch(JOB, JOB, JOB, key="monday")
    again = api.submit_batch(JOB, JOB, JOB, key="monday")
    assert (again.status, again.json) == (202, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["RateLimit"].startswith('"submit";r=1;')
    assert api.submit_batch(JOB, JOB, key="monday").status == 422


def test_a_batch_that_cannot_be_read_counts_once_and_a_wrong_key_costs_no_more() -> None:
    api = Caller(World(submit_quota=5))
    assert api.submit({"jobs": 3}, path="/jobs/batch").status == 422
    refused = api.submit_batch(JOB, JOB, JOB, key='"bad')
    assert refused.status == 400
    assert refused.headers["RateLimit"].startswith('"submit";r=3;')


@pytest.mark.parametrize(("delay_s", "retry_after"), [(0, "1"), (600, "600"), (36_000, "3600")])
def test_a_keyed_submission_says_when_to_ask_as_any_other_does(delay_s: int, retry_after: str) -> None:
    api = Caller()
    for key in (None, "monday"):
        assert api.submit(JOB | {"delay_s": delay_s}, key=key).headers["Retry-After"] == retry_after


@pytest.mark.parametrize("body", [{"operation": "sqare_sum"}, {"operation": "sqare_sum", "data": 1, "nonsense": 2}])
def test_an_operation_that_there_is_not_is_told_before_all_else(body: dict[str, Any]) -> None:
    api = Caller()
    (error,) = api.submit(body).problem["errors"]
    assert error["pointer"] == "#/operation"
    assert error["detail"].endswith("; did you mean square_sum?")
    (refused,) = api.submit_batch(body).json["jobs"]
    assert refused["error"]["errors"][0] == error | {"pointer": "#/jobs/0/operation"}
    assert api.submit({"operation": "square_sum"}).problem["errors"][0]["pointer"] == "#"
    assert api.submit({"operation": 7}).problem["errors"][0]["pointer"] != "#/jobs"


def test_one_job_of_a_batch_that_is_not_text_refuses_only_itself() -> None:
    api = Caller()
    good, bad = b'{"operation": "square_sum", "data": [1]}', b'{"operation": "square_sum", "data": ["\xff"]}'
    for item, refused_alone in ((bad, True), (b'{"operation": "\xff", "data": []}', True)):
        body = b64encode(b'{"jobs": [' + good + b", " + item + b"]}").decode()
        answer = api.send("POST", "/jobs/batch", body, token=api.token, overrides={"isBase64Encoded": True})
        assert answer.status == 202
        accepted, refused = answer.json["jobs"]
        assert accepted["status"] == "PENDING"
        assert ("error" in refused) is refused_alone
