"""
Every route, every success and every error: the API keeps its contract on each pair of an endpoint and an outcome.

The pairs follow from the declarations (``answers`` and `possible_errors`), so that a new endpoint, success or refusal
is walked at once. One that nothing here can bring about fails, and says so: add to `PREPARED` what a good request of
the endpoint needs, to `BROUGHT_ABOUT` how another success comes about, to `PROVOKED` how an error does.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated, Any

import msgspec
import pytest
from chalice.app import Response

from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import METHODS, Endpoint
from chalicelib.api.idempotency import HEADER
from chalicelib.api.possible import FROM_THE_GATEWAY, possible_errors
from chalicelib.api.problem_types import PROBLEM_TYPES
from chalicelib.api.problems import PROBLEM_MEDIA_TYPE
from chalicelib.api.routes import ENDPOINTS
from chalicelib.domain.errors import Conflict, RateLimited
from tests.api.client import Answer, Api
from tests.api.description import check

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
JOB = {"operation": "square_sum", "data": [1, 2, 3]}
PLENTY = timedelta(minutes=10)
NO_JOB = "01900000-0000-7000-8000-00000000ffff"


class WrongValue(msgspec.Struct, forbid_unknown_fields=True):
    detail: Text
    pointer: Annotated[str, msgspec.Meta(pattern="^#(/.*)?$")]


class WholeProblem(msgspec.Struct, forbid_unknown_fields=True):
    """The shape that every error has, and nothing beside it."""

    type: Annotated[str, msgspec.Meta(pattern="^/api/problems/[a-z-]+$")]
    title: Text
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    code: Annotated[str, msgspec.Meta(pattern="^[A-Z_]+$")]
    detail: Text
    request_id: Text
    errors: Annotated[list[WrongValue], msgspec.Meta(min_length=1)] | msgspec.UnsetType = msgspec.UNSET


@dataclass
class Attempt:
    """A request that would succeed, until something is changed."""

    endpoint: Endpoint
    api: Api
    token: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    body: Any = None
    text: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""

    @property
    def name(self) -> str:
        return name_of(self.endpoint)

    def send(self, method: str = "") -> Answer:
        text = json.dumps(self.body) if self.text is None and self.body is not None else self.text
        return self.api.send(
            method or self.endpoint.method,
            self.endpoint.path.format(**self.parameters),
            text,
            token=self.token,
            headers=self.headers,
            query=self.query,
        )

    def stored(self) -> object:
        """All that must be as it was after a refusal."""
        world = self.api.world
        return (
            list(world.jobs.all()),
            list(world.submissions.receipts()),
            list(world.users.all()),
            list(world.queue.messages),
        )


def prepared(endpoint: Endpoint) -> Attempt:
    """A good request, with the user and the job it needs."""
    attempt = Attempt(endpoint, Api())
    user = attempt.api.logged_in()
    if endpoint.access is not Access.ANYONE:
        attempt.token = user
    if "{job_id}" in endpoint.path:
        attempt.parameters["job_id"] = attempt.api.submitted(user)
    if "Prefer" in endpoint.headers:
        attempt.headers["Prefer"] = "wait=0"
    if HEADER in endpoint.headers:
        attempt.headers[HEADER] = "monday"
    prepare = PREPARED.get(attempt.name)
    if prepare is not None:
        prepare(attempt)
    return attempt


def _cancelled(attempt: Attempt) -> None:
    path = f"/jobs/{attempt.parameters['job_id']}/cancel"
    assert attempt.api.send("POST", path, token=attempt.token).status == 202


PREPARED: dict[str, Callable[[Attempt], None]] = {
    "POST /register": lambda attempt: setattr(attempt, "body", {"username": "grace", "password": "correct horse"}),
    "POST /login": lambda attempt: setattr(attempt, "body", {"username": "ada", "password": "correct horse"}),
    "POST /jobs": lambda attempt: setattr(attempt, "body", JOB),
    "POST /jobs/batch": lambda attempt: setattr(attempt, "body", {"jobs": [JOB]}),
    "POST /jobs/{job_id}/retry": _cancelled,
    "DELETE /jobs/{job_id}": _cancelled,
    "GET /docs/{asset}": lambda attempt: attempt.parameters.update(asset="start.js"),
    "GET /problems/{name}": lambda attempt: attempt.parameters.update(name="not-found"),
}
"""What a good request of an endpoint needs beside a user, a token and a job."""


def _computed_while_its_caller_waits(attempt: Attempt) -> None:
    world = attempt.api.world

    def meanwhile(number: int) -> None:
        if number == 1:
            world.execution().execute(world.queue.messages[0], time_left=PLENTY, whole_time=PLENTY)

    world.pause.meanwhile = meanwhile
    attempt.headers["Prefer"] = "wait=10"


def _with_no_job_to_accept(attempt: Attempt) -> None:
    attempt.body = {"jobs": [JOB | {"data": "none"}]}


BROUGHT_ABOUT: dict[str, Callable[[Attempt], None]] = {
    "POST /jobs 200": _computed_while_its_caller_waits,
    "POST /jobs/batch 200": _with_no_job_to_accept,
}
"""How a good request comes to another success than the one it has by itself."""


def _malformed(attempt: Attempt) -> None:
    attempt.text = "{"


def _wrong_parameter(attempt: Attempt) -> None:
    attempt.query = "nonsense=1"


def _wrong_key(attempt: Attempt) -> None:
    attempt.headers[HEADER] = '"'


def _under_the_key_of_another(attempt: Attempt) -> None:
    _a_second_time(attempt)
    other = JOB | {"data": []}
    attempt.body = {"jobs": [other]} if "jobs" in attempt.body else other


def _no_token(attempt: Attempt) -> None:
    attempt.token = None


def _wrong_password(attempt: Attempt) -> None:
    attempt.body |= {"password": "incorrect horse"}


def _nothing_there(attempt: Attempt) -> None:
    attempt.parameters = dict.fromkeys(attempt.parameters, NO_JOB)


def _a_second_time(attempt: Attempt) -> None:
    assert attempt.send().status < 300


def _not_yet_final(attempt: Attempt) -> None:
    attempt.parameters["job_id"] = attempt.api.submitted(str(attempt.token))


def _after_its_retention(attempt: Attempt) -> None:
    world = attempt.api.world
    world.clock.advance(seconds=(world.limits.retention + timedelta(seconds=1)).total_seconds())
    credentials = {"username": "ada", "password": "correct horse"}
    attempt.token = attempt.api.post("/login", credentials).json["access_token"]


def _too_large(attempt: Attempt) -> None:
    attempt.api.world.body_max_bytes = 10
    attempt.api = Api(attempt.api.world)


def _declared_as_text(attempt: Attempt) -> None:
    attempt.headers["Content-Type"] = "text/plain"


def _of_the_wrong_form(attempt: Attempt) -> None:
    attempt.text = "{}"


def _with_the_quota_spent(attempt: Attempt) -> None:
    world = attempt.api.world
    world.submit_quota = world.read_quota = world.sign_in_quota = 1
    attempt.api = Api(world)
    attempt.send()


def _broken(attempt: Attempt) -> None:
    def broken(_call: Call) -> Response:
        message = "secret cause"
        raise ZeroDivisionError(message)

    attempt.api = Api(attempt.api.world, [replace(attempt.endpoint, handler=broken)])


def _stores_away(attempt: Attempt) -> None:
    world = attempt.api.world
    world.users.away = world.jobs.away = world.hits.away = world.queue.away = True


PROVOKED: dict[str, Callable[[Attempt], None]] = {
    "MALFORMED_BODY": _malformed,
    "INVALID_PARAMETER": _wrong_parameter,
    "POST /jobs INVALID_PARAMETER": _wrong_key,
    "POST /jobs/batch INVALID_PARAMETER": _wrong_key,
    "NOT_AUTHENTICATED": _no_token,
    "POST /login NOT_AUTHENTICATED": _wrong_password,
    "NOT_FOUND": _nothing_there,
    "CONFLICT": _a_second_time,
    "DELETE /jobs/{job_id} CONFLICT": _not_yet_final,
    "EXPIRED": _after_its_retention,
    "INPUT_TOO_LARGE": _too_large,
    "UNSUPPORTED_MEDIA_TYPE": _declared_as_text,
    "INVALID_INPUT": _of_the_wrong_form,
    "IDEMPOTENCY_KEY_REUSED": _under_the_key_of_another,
    "RATE_LIMITED": _with_the_quota_spent,
    "INTERNAL_SERVER_ERROR": _broken,
    "UNAVAILABLE": _stores_away,
}
"""How a good request becomes one that is refused so; an endpoint's own way goes before the general one."""

REFUSALS = [(endpoint, kind.code) for endpoint in ENDPOINTS for kind in possible_errors(endpoint)]
SUCCESSES = [(endpoint, status) for endpoint in ENDPOINTS for status in endpoint.answers]


def name_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def is_limited(endpoint: Endpoint) -> bool:
    return endpoint.access is not Access.ANYONE or RateLimited in endpoint.refusals


def is_counted(endpoint: Endpoint, code: str) -> bool:
    """Whether a call that is refused so in this walk was counted before: one of a known caller, or a log-in's try."""
    if endpoint.access is Access.ANYONE:
        return is_limited(endpoint) and code in {"NOT_AUTHENTICATED", "RATE_LIMITED"}
    before = {"NOT_AUTHENTICATED", "UNAVAILABLE"} | ({"INTERNAL_SERVER_ERROR"} if endpoint.counts_itself else set())
    return code not in before


def check_limit(answer: Answer, *, is_counted: bool) -> None:
    """Both headers of the limits come with what was counted, and with nothing else."""
    assert {"RateLimit", "RateLimit-Policy"} & set(answer.headers) == (
        {"RateLimit", "RateLimit-Policy"} if is_counted else set()
    )


def check_described(described: dict[str, Any], endpoint: Endpoint, answer: Answer) -> None:
    if endpoint.is_public:
        check(described, described["paths"][endpoint.path][endpoint.method.lower()], answer)


def check_problem(answer: Answer, code: str, *, is_counted: bool) -> None:
    """The whole contract of an error."""
    problem = msgspec.json.decode(answer.text, type=WholeProblem)
    kind = PROBLEM_TYPES[code]
    assert (problem.code, problem.title, problem.status) == (code, kind.title, kind.status)
    assert answer.status == problem.status
    assert answer.headers["Content-Type"] == PROBLEM_MEDIA_TYPE
    assert answer.headers["X-Request-Id"] == problem.request_id
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in answer.headers) == (answer.status == 401)
    assert ("Allow" in answer.headers) == (answer.status == 405)
    assert ("Retry-After" in answer.headers) == (answer.status in {429, 503})
    assert int(answer.headers.get("Retry-After", 1)) > 0
    assert "ETag" not in answer.headers
    check_limit(answer, is_counted=is_counted)
    assert (problem.errors is not msgspec.UNSET) == (code == "INVALID_INPUT")
    assert "secret" not in answer.text
    assert Api().get(problem.type.removeprefix("/api")).status == 200


@pytest.mark.parametrize(
    ("endpoint", "code"), REFUSALS, ids=[f"{name_of(endpoint)} {code}" for endpoint, code in REFUSALS]
)
def test_each_refusal_of_each_endpoint_is_a_whole_problem_and_stores_nothing(
    described: dict[str, Any], endpoint: Endpoint, code: str
) -> None:
    attempt = prepared(endpoint)
    provoke = PROVOKED.get(f"{attempt.name} {code}") or PROVOKED.get(code)
    assert provoke, f"nothing in PROVOKED says how {attempt.name} comes to {code}"
    provoke(attempt)
    before = attempt.stored()
    answer = attempt.send()
    check_problem(answer, code, is_counted=is_counted(endpoint, code))
    check_described(described, endpoint, answer)
    assert attempt.stored() == before


@pytest.mark.parametrize("endpoint", [each for each, code in REFUSALS if code == "UNAVAILABLE"], ids=name_of)
def test_a_call_that_no_store_but_that_of_the_limits_serves_says_that_it_was_counted(
    described: dict[str, Any], endpoint: Endpoint
) -> None:
    attempt = prepared(endpoint)
    _stores_away(attempt)
    attempt.api.world.hits.away = False
    answer = attempt.send()
    # What counts itself looks first whether it was answered before.
    check_problem(answer, "UNAVAILABLE", is_counted=is_limited(endpoint) and not endpoint.counts_itself)
    check_described(described, endpoint, answer)


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if is_limited(each)], ids=name_of)
def test_while_calls_cannot_be_counted_reads_are_served_and_nothing_else_is(
    described: dict[str, Any], endpoint: Endpoint
) -> None:
    attempt = prepared(endpoint)
    before = attempt.stored()
    attempt.api.world.hits.away = True
    answer = attempt.send()
    if endpoint.access is Access.READ:
        assert answer.status in endpoint.answers
        check_limit(answer, is_counted=False)
    else:
        check_problem(answer, "UNAVAILABLE", is_counted=False)
    check_described(described, endpoint, answer)
    assert attempt.stored() == before


@pytest.mark.parametrize("path", sorted({endpoint.path for endpoint in ENDPOINTS}))
def test_every_other_method_of_a_path_is_not_allowed(path: str) -> None:
    methods = {endpoint.method for endpoint in ENDPOINTS if endpoint.path == path}
    allowed = methods | ({"HEAD"} if "GET" in methods else set()) | {"OPTIONS"}
    api = Api()
    concrete = path.format(job_id=NO_JOB, name="not-found", asset="start.js")
    for method in METHODS:
        answer = api.send(method, concrete)
        if method == "OPTIONS":
            assert (answer.status, answer.text) == (204, "")
        elif method == "HEAD" and method not in allowed:
            assert (answer.status, answer.text) == (405, "")
        elif method not in allowed:
            check_problem(answer, "METHOD_NOT_ALLOWED", is_counted=False)
        else:
            continue
        assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    ("endpoint", "status"), SUCCESSES, ids=[f"{name_of(endpoint)} {status}" for endpoint, status in SUCCESSES]
)
def test_each_success_of_each_endpoint_is_of_the_declared_form(
    described: dict[str, Any], endpoint: Endpoint, status: int
) -> None:
    attempt = prepared(endpoint)
    bring_about = BROUGHT_ABOUT.get(f"{attempt.name} {status}")
    if bring_about is not None:
        bring_about(attempt)
    answer = attempt.send()
    assert answer.status == status, f"nothing in BROUGHT_ABOUT says how {attempt.name} comes to {status}"
    form = endpoint.answers[status]
    if form is not None:
        assert answer.headers["Content-Type"] == "application/json"
        msgspec.json.decode(answer.text, type=form)
    assert ("ETag" in answer.headers) == (endpoint.method == "GET" and answer.status == 200)
    assert answer.headers["X-Request-Id"]
    assert answer.headers["Cache-Control"]
    assert (answer.text == "") == (answer.status in {204, 302})
    check_limit(answer, is_counted=is_limited(endpoint))
    check_described(described, endpoint, answer)


@pytest.mark.parametrize(
    "endpoint",
    [each for each in ENDPOINTS if each.method == "GET" and 200 in each.answers],
    ids=lambda endpoint: endpoint.path,
)
def test_reads_answer_to_head_and_to_who_has_them_already_without_a_body(endpoint: Endpoint) -> None:
    attempt = prepared(endpoint)
    whole, head = attempt.send().but_for_the_limit, attempt.send("HEAD").but_for_the_limit
    assert (head.status, head.text, head.headers) == (whole.status, "", whole.headers)
    attempt.headers["If-None-Match"] = whole.headers["ETag"]
    for method in ("GET", "HEAD"):
        known = attempt.send(method)
        assert (known.status, known.text, known.headers["ETag"]) == (304, "", whole.headers["ETag"])
        assert "Content-Type" not in known.headers


def test_what_can_go_wrong_follows_from_what_is_declared() -> None:
    def codes(**declared: Any) -> set[str]:
        endpoint = Endpoint(method="GET", path="/x", summary="", handler=lambda _: Response(""), answers={}, **declared)
        return {kind.code for kind in possible_errors(endpoint)}

    always = {"INTERNAL_SERVER_ERROR"}
    assert codes() == always
    for access in (Access.READ, Access.SUBMIT):
        assert codes(access=access) == always | {"NOT_AUTHENTICATED", "RATE_LIMITED", "UNAVAILABLE"}
    read = {"MALFORMED_BODY", "INPUT_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "INVALID_INPUT"}
    assert codes(body=WrongValue) == always | read
    assert codes(query=WrongValue) == always | {"INVALID_PARAMETER"}
    assert codes(refusals=(Conflict,)) == always | {"CONFLICT"}
    assert {kind.status for kind in FROM_THE_GATEWAY} == {403, 413, 429, 502, 504}
