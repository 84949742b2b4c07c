"""
Every route, every success and every error: the API keeps its contract on each pair of an endpoint and an outcome.

The pairs follow from the declarations (``answers`` and `possible_errors`), so that a new endpoint, success or refusal
is walked at once. One that nothing here can bring about fails, and says so: add to `attempts.PREPARED` what a good
request of the endpoint needs, to `BROUGHT_ABOUT` how another success comes about, to `PROVOKED` how an error does.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

import msgspec
import pytest
from chalice.app import Response

from chalicelib.api.call import Access, Call
from chalicelib.api.dashboard_session import COOKIE
from chalicelib.api.endpoint import METHODS, Endpoint
from chalicelib.api.idempotency import HEADER
from chalicelib.api.possible import FROM_THE_GATEWAY, possible_errors
from chalicelib.api.problem_types import PROBLEM_TYPES
from chalicelib.api.problems import PROBLEM_MEDIA_TYPE
from chalicelib.api.routes import ENDPOINTS
from chalicelib.domain.audit import AuditAction
from chalicelib.domain.credentials import Scope
from chalicelib.domain.errors import ConcurrentUpdate, Conflict, RateLimited
from chalicelib.domain.pauses import PAUSES_MAX, JobsOfOperation
from chalicelib.domain.schedules import SCHEDULES_MAX, Schedule
from chalicelib.domain.webhooks import CALLBACKS, WEBHOOKS_MAX, Webhook
from chalicelib.services.api_keys import KEYS_MAX
from chalicelib.services.authentication import RECENT
from tests.api.attempts import ADMIN, JOB, NO_ID, Attempt, name_of, prepared
from tests.api.client import PASSWORD, Answer, Api
from tests.api.description import check
from tests.factories import make_pause
from tests.security_headers import check_security

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
PLENTY = timedelta(minutes=10)


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


def _computed_while_its_caller_waits(attempt: Attempt) -> None:
    world = attempt.api.world

    def meanwhile(number: int) -> None:
        if number == 1:
            world.execution().execute(world.queue.messages[0], time_left=lambda: PLENTY, whole_time=PLENTY)

    world.pause.meanwhile = meanwhile
    attempt.headers["Prefer"] = "wait=10"


def _with_no_job_to_accept(attempt: Attempt) -> None:
    attempt.body = {"jobs": [JOB | {"data": "none"}]}


def _without_a_cookie(attempt: Attempt) -> None:
    del attempt.headers["Cookie"]


BROUGHT_ABOUT: dict[str, Callable[[Attempt], None]] = {
    "POST /jobs 200": _computed_while_its_caller_waits,
    "POST /jobs/batch 200": _with_no_job_to_accept,
    "POST /dashboard/session/refresh 204": _without_a_cookie,
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


def _by_a_key_without_the_scope(attempt: Attempt) -> None:
    wanted = attempt.endpoint.access.scope
    other = Scope.JOBS_READ if wanted is Scope.JOBS_WRITE else Scope.JOBS_WRITE
    attempt.token = attempt.api.new_key(attempt.owner.access, other)["api_key"]
    attempt.send()  # so that its use is noted already


def _by_another_than_an_administrator(attempt: Attempt) -> None:
    attempt.token = attempt.owner.access


def _some_time_after_the_sign_in(attempt: Attempt) -> None:
    attempt.api.world.clock.advance(seconds=RECENT.total_seconds() + 1)
    attempt.token = attempt.api.refreshed(attempt.owner.refresh).access


def _a_made_up_token(attempt: Attempt) -> None:
    attempt.body = {"refresh_token": "jbr_" + "A" * 107}


def _with_all_the_keys_one_may_have(attempt: Attempt) -> None:
    for _ in range(KEYS_MAX):
        attempt.api.new_key(str(attempt.token))


def _with_all_the_schedules_one_may_have(attempt: Attempt) -> None:
    for _ in range(SCHEDULES_MAX):
        assert attempt.send().status == 201


def _while_others_change_it(attempt: Attempt) -> None:
    def changed(seen: Schedule, to: Schedule) -> None:
        del to
        raise ConcurrentUpdate(seen)

    attempt.api.world.schedules.change = changed  # type: ignore[method-assign]


def _while_others_change_the_webhook(attempt: Attempt) -> None:
    def changed(seen: Webhook, to: Webhook) -> None:
        del to
        raise ConcurrentUpdate(seen)

    attempt.api.world.webhooks.change = changed  # type: ignore[method-assign]


def _with_all_the_webhooks_one_may_have(attempt: Attempt) -> None:
    for _ in range(WEBHOOKS_MAX):
        attempt.api.new_webhook(str(attempt.token))


def _about_callbacks(attempt: Attempt) -> None:
    attempt.parameters["webhook_id"] = CALLBACKS


def _disabled(attempt: Attempt) -> None:
    path = f"/webhooks/{attempt.parameters['webhook_id']}"
    answer = attempt.api.send("PATCH", path, json.dumps({"is_disabled": True}), token=attempt.token)
    assert answer.status == 200


def _with_all_the_pauses_there_may_be(attempt: Attempt) -> None:
    for number in range(PAUSES_MAX):
        attempt.api.world.pauses.add(make_pause(JobsOfOperation(operation=f"gone_{number}")), [])


def _about_oneself(attempt: Attempt) -> None:
    attempt.parameters["username"] = ADMIN


def _wrong_password(attempt: Attempt) -> None:
    attempt.body |= {"password": f"not {PASSWORD}"}


def _nothing_there(attempt: Attempt) -> None:
    attempt.parameters = dict.fromkeys(attempt.parameters, NO_ID)


def _of_nobody(attempt: Attempt) -> None:
    if attempt.query:
        attempt.query = "username=nobody"
    else:
        attempt.body["filter"] = {"username": "nobody"}


def _a_second_time(attempt: Attempt) -> None:
    assert attempt.send().status < 300


def _not_yet_final(attempt: Attempt) -> None:
    attempt.parameters["job_id"] = attempt.api.submitted(str(attempt.token))


def _after_its_retention(attempt: Attempt) -> None:
    world = attempt.api.world
    world.clock.advance(seconds=(world.limits.retention + timedelta(seconds=1)).total_seconds())
    attempt.token = attempt.api.signed_in(ADMIN if attempt.endpoint.access is Access.ADMIN else "ada").access


def _too_large(attempt: Attempt) -> None:
    attempt.api.world.body_max_bytes = 10
    attempt.api = Api(attempt.api.world)


def _too_large_with_nothing_in_it(attempt: Attempt) -> None:
    _too_large(attempt)
    attempt.text = "{" + " " * 10 + "}"


def _by_another_site(attempt: Attempt) -> None:
    attempt.headers["Sec-Fetch-Site"] = "cross-site"


def _with_a_cookie_of_no_session(attempt: Attempt) -> None:
    attempt.headers["Cookie"] = f"{COOKIE}=nonsense"


def _declared_as_text(attempt: Attempt) -> None:
    attempt.headers["Content-Type"] = "text/plain"


def _of_the_wrong_form(attempt: Attempt) -> None:
    attempt.text = "[]"


def _with_the_quota_spent(attempt: Attempt) -> None:
    world = attempt.api.world
    world.submit_quota = world.read_quota = world.sign_in_quota = world.address_quota = world.registration_quota = 1
    attempt.api = Api(world)
    if attempt.endpoint.access in {Access.ACCOUNT, Access.ADMIN}:
        attempt.api.get("/me", token=attempt.token)  # of the same limit, and changes nothing
    else:
        attempt.send()


def _broken(attempt: Attempt) -> None:
    def broken(_call: Call) -> Response:
        message = "secret cause"
        raise ZeroDivisionError(message)

    attempt.api = Api(attempt.api.world, [replace(attempt.endpoint, handler=broken)])


def _stores_away(attempt: Attempt) -> None:
    world = attempt.api.world
    world.users.away = world.jobs.away = world.hits.away = world.queue.away = True
    world.credentials.away = world.audit.away = world.erasures.away = world.webhooks.away = True
    world.pauses.away = world.schedules.away = world.deliveries.away = world.delivery_queue.away = True


PROVOKED: dict[str, Callable[[Attempt], None]] = {
    "MALFORMED_BODY": _malformed,
    "INVALID_PARAMETER": _wrong_parameter,
    "POST /jobs INVALID_PARAMETER": _wrong_key,
    "POST /jobs/batch INVALID_PARAMETER": _wrong_key,
    "NOT_AUTHENTICATED": _no_token,
    "POST /login NOT_AUTHENTICATED": _wrong_password,
    "POST /token/refresh NOT_AUTHENTICATED": _a_made_up_token,
    "POST /dashboard/session NOT_AUTHENTICATED": _wrong_password,
    "POST /dashboard/session NOT_PERMITTED": _by_another_site,
    "POST /dashboard/session/refresh NOT_AUTHENTICATED": _with_a_cookie_of_no_session,
    "POST /dashboard/session/refresh NOT_PERMITTED": _by_another_site,
    "POST /dashboard/session/refresh INPUT_TOO_LARGE": _too_large_with_nothing_in_it,
    "DELETE /dashboard/session NOT_PERMITTED": _by_another_site,
    "SIGN_IN_TOO_OLD": _some_time_after_the_sign_in,
    "NOT_PERMITTED": _by_a_key_without_the_scope,
    "GET /users/{username} NOT_PERMITTED": _by_another_than_an_administrator,
    "PATCH /users/{username} NOT_PERMITTED": _by_another_than_an_administrator,
    "GET /admin/statistics NOT_PERMITTED": _by_another_than_an_administrator,
    "GET /admin/overview NOT_PERMITTED": _by_another_than_an_administrator,
    "GET /admin/pauses NOT_PERMITTED": _by_another_than_an_administrator,
    "POST /admin/operations/{operation}/pause NOT_PERMITTED": _by_another_than_an_administrator,
    "POST /admin/operations/{operation}/resume NOT_PERMITTED": _by_another_than_an_administrator,
    "POST /admin/users/{username}/pause NOT_PERMITTED": _by_another_than_an_administrator,
    "POST /admin/users/{username}/resume NOT_PERMITTED": _by_another_than_an_administrator,
    "NOT_FOUND": _nothing_there,
    "GET /admin/jobs NOT_FOUND": _of_nobody,
    "POST /admin/bulk NOT_FOUND": _of_nobody,
    "CONFLICT": _a_second_time,
    "DELETE /jobs/{job_id} CONFLICT": _not_yet_final,
    "POST /api-keys CONFLICT": _with_all_the_keys_one_may_have,
    "POST /webhooks CONFLICT": _with_all_the_webhooks_one_may_have,
    "PATCH /webhooks/{webhook_id} CONFLICT": _while_others_change_the_webhook,
    "POST /webhooks/{webhook_id}/secret CONFLICT": _while_others_change_the_webhook,
    "DELETE /webhooks/{webhook_id} CONFLICT": _about_callbacks,
    "POST /webhooks/{webhook_id}/test CONFLICT": _disabled,
    "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/replay CONFLICT": _disabled,
    "POST /webhooks/{webhook_id}/replay CONFLICT": _disabled,
    "PATCH /users/{username} CONFLICT": _about_oneself,
    "POST /admin/operations/{operation}/pause CONFLICT": _with_all_the_pauses_there_may_be,
    "POST /admin/users/{username}/pause CONFLICT": _with_all_the_pauses_there_may_be,
    "POST /schedules CONFLICT": _with_all_the_schedules_one_may_have,
    "PATCH /schedules/{schedule_id} CONFLICT": _while_others_change_it,
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

LEAVES_AN_EVENT = {
    "POST /login NOT_AUTHENTICATED": AuditAction.SIGN_IN_FAILED,
    "POST /dashboard/session NOT_AUTHENTICATED": AuditAction.SIGN_IN_FAILED,
    # What is to be done with a webhook is told before it is done.
    "PATCH /webhooks/{webhook_id} CONFLICT": AuditAction.WEBHOOK_CHANGED,
    "POST /webhooks/{webhook_id}/secret CONFLICT": AuditAction.WEBHOOK_SECRET_ROTATED,
}
"""Refusals that the audit trail tells of, which is all that they store."""

WANTS_THE_COUNT = {"POST /login", "PUT /me/password", "GET /me/usage"}
"""Those that try a password, and the one that tells of the counts."""

REFUSALS = [(endpoint, kind.code) for endpoint in ENDPOINTS for kind in possible_errors(endpoint)]
SUCCESSES = [(endpoint, status) for endpoint in ENDPOINTS for status in endpoint.answers]


KEPT_UNTIL_CHANGED = "no-cache"
SETS_COOKIE = {
    "POST /dashboard/session 200",
    "POST /dashboard/session/refresh 200",
    "POST /dashboard/session/refresh NOT_AUTHENTICATED",
    "DELETE /dashboard/session 204",
}
"""All that sets one or takes it away; no other answer does."""

OWN_CACHING = {
    "GET /docs": KEPT_UNTIL_CHANGED,
    "GET /openapi.json": KEPT_UNTIL_CHANGED,
    "GET /problems": KEPT_UNTIL_CHANGED,
    "GET /problems/{name}": KEPT_UNTIL_CHANGED,
    "GET /docs/{asset}": "public, max-age=31536000, immutable",
    "GET /dashboard": KEPT_UNTIL_CHANGED,
    "GET /dashboard/{file}": "public, max-age=31536000, immutable",
}
"""What of the answers may be kept: what is the same for everybody, and changes with the deployment alone."""

PAGES = {"GET /dashboard", "GET /docs", "GET /problems", "GET /problems/{name}"}
"""Those with a content security policy of their own."""


def is_limited(endpoint: Endpoint) -> bool:
    return endpoint.access is not Access.ANYONE or RateLimited in endpoint.refusals


def is_counted(endpoint: Endpoint, code: str) -> bool:
    """Whether a call that is refused so in this walk was counted before: one of a known caller, or a log-in's try."""
    if endpoint.access is Access.ANYONE:
        return is_limited(endpoint) and code in {"NOT_AUTHENTICATED", "CONFLICT", "RATE_LIMITED"}
    before = {"NOT_AUTHENTICATED", "UNAVAILABLE"}
    if endpoint.counts_itself:
        before |= {"INTERNAL_SERVER_ERROR", "NOT_PERMITTED"}
    return code not in before


def check_limit(answer: Answer, *, is_counted: bool) -> None:
    """Both headers of the limits come with what was counted, and with nothing else."""
    assert {"RateLimit", "RateLimit-Policy"} & set(answer.headers) == (
        {"RateLimit", "RateLimit-Policy"} if is_counted else set()
    )


def check_success_headers(endpoint: Endpoint, answer: Answer) -> None:
    """Those of every answer; of a page its policy is tighter than nothing but in what the page itself loads."""
    own: dict[str, Any] = {}
    if name_of(endpoint) in PAGES:
        policy = own["policy"] = answer.headers["Content-Security-Policy"]
        directives = policy.split("; ")
        assert len({each.partition(" ")[0] for each in directives}) == len(directives)
        for closed in ("default-src", "object-src", "base-uri", "form-action", "frame-ancestors"):
            assert f"{closed} 'none'" in directives
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "*" not in policy
    check_security(
        answer.headers,
        cache=OWN_CACHING.get(name_of(endpoint), "no-store"),
        sets_cookie=f"{name_of(endpoint)} {answer.status}" in SETS_COOKIE,
        **own,
    )


def check_described(described: dict[str, Any], endpoint: Endpoint, answer: Answer) -> None:
    if endpoint.is_public:
        check(described, described["paths"][endpoint.path][endpoint.method.lower()], answer)


def check_problem(
    answer: Answer, code: str, *, is_counted: bool, is_challenged: bool = False, sets_cookie: bool = False
) -> None:
    """The whole contract of an error."""
    problem = msgspec.json.decode(answer.text, type=WholeProblem)
    kind = PROBLEM_TYPES[code]
    assert (problem.code, problem.title, problem.status) == (code, kind.title, kind.status)
    assert answer.status == problem.status
    assert answer.headers["Content-Type"] == PROBLEM_MEDIA_TYPE
    assert answer.headers["X-Request-Id"] == problem.request_id
    check_security(answer.headers, sets_cookie=sets_cookie)
    assert ("WWW-Authenticate" in answer.headers) == (answer.status == 401 or is_challenged)
    assert ("Allow" in answer.headers) == (answer.status == 405)
    assert ("Retry-After" in answer.headers) == (answer.status in {429, 503})
    assert int(answer.headers.get("Retry-After", 1)) > 0
    assert "ETag" not in answer.headers
    check_limit(answer, is_counted=is_counted)
    assert (problem.errors is not msgspec.UNSET) == (code == "INVALID_INPUT")
    assert "secret cause" not in answer.text
    assert Api().get(problem.type.removeprefix("/api")).status == 200


@pytest.mark.asvs("2.3.3", "4.1.1", "16.5.3")
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
    # A key that has the scope would do: the answer names it, as it names what a token lacks.
    is_challenged = code == "NOT_PERMITTED" and endpoint.access.scope is not Scope.ACCOUNT
    check_problem(
        answer,
        code,
        is_counted=is_counted(endpoint, code),
        is_challenged=is_challenged,
        sets_cookie=f"{attempt.name} {code}" in SETS_COOKIE,
    )
    check_described(described, endpoint, answer)
    left = LEAVES_AN_EVENT.get(f"{attempt.name} {code}")
    events = attempt.api.world.audit.all()
    if left is not None:
        assert events[-1].action is left
        before["events"] = [*before["events"], events[-1]]
    assert attempt.stored() == before


@pytest.mark.parametrize("endpoint", [each for each, code in REFUSALS if code == "UNAVAILABLE"], ids=name_of)
def test_a_call_that_no_store_but_that_of_the_limits_serves_says_that_it_was_counted(
    described: dict[str, Any], endpoint: Endpoint
) -> None:
    attempt = prepared(endpoint)
    attempt.api.get("/jobs", token=attempt.token)  # so that this container remembers the credential
    _stores_away(attempt)
    attempt.api.world.hits.away = False
    answer = attempt.send()
    # What counts itself looks first whether it was answered before; accounts, and what lasts, want the credential as it
    # is now.
    is_late = endpoint.counts_itself or endpoint.lasts or endpoint.access in {Access.ACCOUNT, Access.ADMIN}
    check_problem(answer, "UNAVAILABLE", is_counted=is_limited(endpoint) and not is_late)
    check_described(described, endpoint, answer)


@pytest.mark.asvs("16.5.2", "16.5.3")
@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if is_limited(each)], ids=name_of)
def test_while_calls_cannot_be_counted_reads_and_ones_own_account_are_served_and_nothing_else_is(
    described: dict[str, Any], endpoint: Endpoint
) -> None:
    attempt = prepared(endpoint)
    before = attempt.stored()
    attempt.api.world.hits.away = True
    answer = attempt.send()
    check_described(described, endpoint, answer)
    if endpoint.access in {Access.ANYONE, Access.SUBMIT} or attempt.name in WANTS_THE_COUNT:
        check_problem(answer, "UNAVAILABLE", is_counted=False)
        assert attempt.stored() == before
    else:
        assert answer.status in endpoint.answers
        check_limit(answer, is_counted=False)


@pytest.mark.asvs("3.5.3", "13.4.4")
@pytest.mark.parametrize("path", sorted({endpoint.path for endpoint in ENDPOINTS}))
def test_every_other_method_of_a_path_is_not_allowed(path: str) -> None:
    methods = {endpoint.method for endpoint in ENDPOINTS if endpoint.path == path}
    allowed = methods | ({"HEAD"} if "GET" in methods else set()) | {"OPTIONS"}
    api = Api()
    concrete = re.sub(r"\{\w+\}", NO_ID, path)
    for method in METHODS:
        answer = api.send(method, concrete)
        if method == "OPTIONS":
            assert (answer.status, answer.text) == (204, "")
            check_security(answer.headers)
        elif method == "HEAD" and method not in allowed:
            assert (answer.status, answer.text) == (405, "")
            check_security(answer.headers)
        elif method not in allowed:
            check_problem(answer, "METHOD_NOT_ALLOWED", is_counted=False)
        else:
            continue
        assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.asvs("4.1.1", "15.3.1")
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
    check_success_headers(endpoint, answer)
    assert (answer.text == "") == (answer.status in {204, 302})
    check_limit(answer, is_counted=is_limited(endpoint))
    check_described(described, endpoint, answer)


@pytest.mark.parametrize(
    "endpoint",
    # But for what tells how many reads are left, which is another thing after each.
    [each for each in ENDPOINTS if each.method == "GET" and 200 in each.answers and each.path != "/me/usage"],
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
        check_success_headers(endpoint, known)


@pytest.mark.parametrize(
    ("endpoint", "code"),
    [pytest.param(each, code, id=f"{each.path} {code}") for each, code in REFUSALS if each.method == "GET"],
)
def test_a_refusal_answers_to_head_with_the_same_headers(endpoint: Endpoint, code: str) -> None:
    attempt = prepared(endpoint)
    (PROVOKED.get(f"{attempt.name} {code}") or PROVOKED[code])(attempt)
    answer = attempt.send("HEAD")
    assert (answer.status, answer.text) == (PROBLEM_TYPES[code].status, "")
    check_security(answer.headers)


def test_what_can_go_wrong_follows_from_what_is_declared() -> None:
    def codes(**declared: Any) -> set[str]:
        endpoint = Endpoint(method="GET", path="/x", summary="", handler=lambda _: Response(""), answers={}, **declared)
        return {kind.code for kind in possible_errors(endpoint)}

    always = {"INTERNAL_SERVER_ERROR"}
    assert codes() == always
    for access in set(Access) - {Access.ANYONE}:
        known = {"NOT_AUTHENTICATED", "NOT_PERMITTED", "RATE_LIMITED", "UNAVAILABLE"}
        assert codes(access=access) == always | known
    read = {"MALFORMED_BODY", "INPUT_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "INVALID_INPUT"}
    assert codes(body=WrongValue) == always | read
    assert codes(query=WrongValue) == always | {"INVALID_PARAMETER"}
    assert codes(refusals=(Conflict,)) == always | {"CONFLICT"}
    assert {kind.status for kind in FROM_THE_GATEWAY} == {403, 413, 429, 502, 504}
