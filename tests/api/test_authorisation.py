"""
Who may call what: every endpoint that is declared, by every kind of caller.

What is expected follows from the declaration (``access``, and whether the path names what somebody owns) and from what
a caller's credential is good for, so that a new endpoint is in the matrix at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib.api.call import Access
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.routes import ENDPOINTS
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.credentials import Credential, CredentialId, Scope
from chalicelib.domain.jobs import Job, JobKey
from chalicelib.domain.schedules import Schedule, ScheduleKey
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import Delivery, DeliveryKey
from chalicelib.domain.webhooks import Webhook, WebhookId
from chalicelib.validation import fields_of
from tests.api.attempts import ADMIN, NO_ID, Attempt, name_of, prepared
from tests.api.client import PASSWORD, Answer, Api
from tests.delivery_fakes import InMemoryDeliveryRepository
from tests.factories import World
from tests.fakes import InMemoryCredentialRepository, InMemoryJobRepository, InMemoryUserRepository
from tests.schedule_fakes import InMemoryScheduleRepository
from tests.webhook_fakes import InMemoryWebhookRepository

EVERYTHING = frozenset(Scope)
OWNED = ("{job_id}", "{schedule_id}", "{session_id}", "{key_id}", "{webhook_id}")
"""Parts of a path that name what belongs to one user, and is not there for any other."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of caller: how one gets its credential, and what that is good for; nothing, when it does not hold."""

    credential: Callable[[Attempt], str | None]
    scopes: frozenset[Scope] = frozenset()
    is_owner: bool = False
    is_admin: bool = False


def _of_another(attempt: Attempt) -> str:
    return attempt.api.logged_in("bob")


def _of_an_administrator(attempt: Attempt) -> str:
    if attempt.endpoint.access is Access.ADMIN:
        return str(attempt.token)
    attempt.api.registered(ADMIN)
    attempt.api.made_admin(ADMIN)
    return attempt.api.signed_in(ADMIN).access


def _by_key(*scopes: Scope) -> Callable[[Attempt], str]:
    def made(attempt: Attempt) -> str:
        key = str(attempt.api.new_key(attempt.owner.access, *scopes)["api_key"])
        attempt.api.get("/jobs", token=key)  # so that its use is noted already
        return key

    return made


def _of_a_disabled_account(attempt: Attempt) -> str:
    token = attempt.api.logged_in("bob")
    administrator = _of_an_administrator(attempt)
    answer = attempt.api.send("PATCH", "/users/bob", '{"is_disabled": true}', token=administrator)
    assert answer.status == 200
    return token


def _of_a_deleted_account(attempt: Attempt) -> str:
    token = attempt.api.logged_in("bob")
    assert attempt.api.send("DELETE", "/me", token=token).status == 204
    return token


def _expired(attempt: Attempt) -> str:
    attempt.api.world.clock.advance(minutes=15)
    return attempt.owner.access


def _of_a_session_that_was_logged_out(attempt: Attempt) -> str:
    token = attempt.api.signed_in().access
    assert attempt.api.send("POST", "/logout", token=token).status == 204
    return token


def _of_a_session_that_a_new_password_ended(attempt: Attempt) -> str:
    token = attempt.api.signed_in().access
    body = f'{{"current_password": "{PASSWORD}", "new_password": "{PASSWORD}"}}'
    assert attempt.api.send("PUT", "/me/password", body, token=attempt.owner.access).status == 204
    return token


def _expired_key(attempt: Attempt) -> str:
    key = str(attempt.api.new_key(attempt.owner.access, days=1)["api_key"])
    attempt.api.world.clock.advance(days=1)
    return key


def _deleted_key(attempt: Attempt) -> str:
    key = attempt.api.new_key(attempt.owner.access)
    path = f"/api-keys/{key['key_id']}"
    assert attempt.api.send("DELETE", path, token=attempt.owner.access).status == 204
    return str(key["api_key"])


def _another_secret(attempt: Attempt) -> str:
    key = str(attempt.api.new_key(attempt.owner.access)["api_key"])
    return key[:-3] + ("AAA" if key[-3:] != "AAA" else "BBB")


KINDS = {
    "owner by session": Kind(credential=lambda attempt: attempt.owner.access, scopes=EVERYTHING, is_owner=True),
    "owner by API key": Kind(
        credential=_by_key(Scope.JOBS_READ, Scope.JOBS_WRITE),
        scopes=frozenset({Scope.JOBS_READ, Scope.JOBS_WRITE}),
        is_owner=True,
    ),
    "key to read": Kind(credential=_by_key(Scope.JOBS_READ), scopes=frozenset({Scope.JOBS_READ}), is_owner=True),
    "key to write": Kind(credential=_by_key(Scope.JOBS_WRITE), scopes=frozenset({Scope.JOBS_WRITE}), is_owner=True),
    "other user": Kind(credential=_of_another, scopes=EVERYTHING),
    "administrator": Kind(credential=_of_an_administrator, scopes=EVERYTHING, is_admin=True),
    "nobody": Kind(credential=lambda _attempt: None),
    "garbage": Kind(credential=lambda _attempt: "nonsense"),
    "expired token": Kind(credential=_expired),
    "token of a logged-out session": Kind(credential=_of_a_session_that_was_logged_out),
    "token of a session that a new password ended": Kind(credential=_of_a_session_that_a_new_password_ended),
    "token of a disabled account": Kind(credential=_of_a_disabled_account),
    "token of a deleted account": Kind(credential=_of_a_deleted_account),
    "refresh token": Kind(credential=lambda attempt: attempt.owner.refresh),
    "expired key": Kind(credential=_expired_key),
    "deleted key": Kind(credential=_deleted_key),
    "key with another secret": Kind(credential=_another_secret),
}


def expected(endpoint: Endpoint, kind: Kind) -> set[int]:
    """The statuses that a good request may have from such a caller, by the declaration alone."""
    if endpoint.access is Access.ANYONE:
        return set(endpoint.answers)
    if not kind.scopes:
        return {401}
    if endpoint.access.scope not in kind.scopes or (endpoint.access is Access.ADMIN and not kind.is_admin):
        return {403}
    if is_owned(endpoint) and not kind.is_owner:
        return {404}
    return set(endpoint.answers)


def is_owned(endpoint: Endpoint) -> bool:
    """Whether it is about what only its owner can name; an administrator names the owner as well."""
    return endpoint.access is not Access.ADMIN and any(part in endpoint.path for part in OWNED)


def but_for_the_time(answer: Answer) -> tuple[int, str, dict[str, str]]:
    """All that an answer tells, but for how much is left of a limit."""
    return answer.status, answer.text, dict(answer.but_for_the_limit.headers)


@pytest.mark.asvs("6.3.4", "8.2.1", "8.3.1", "9.2.2")
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name_of)
def test_who_may_call_what_follows_from_the_declaration(endpoint: Endpoint, kind: Kind) -> None:
    attempt = prepared(endpoint)
    attempt.token = kind.credential(attempt)
    before = attempt.stored()
    answer = attempt.send()
    assert answer.status in expected(endpoint, kind), answer.text
    if answer.status >= 400:
        assert attempt.stored() == before
    if answer.status == 401:
        assert ("invalid_token" in answer.headers["WWW-Authenticate"]) is (attempt.token is not None)
    if answer.status == 404:
        attempt.parameters = dict.fromkeys(attempt.parameters, NO_ID)
        assert but_for_the_time(attempt.send()) == but_for_the_time(answer), "as what was never there"


def test_the_matrix_would_notice_an_endpoint_that_forgot_its_access() -> None:
    """All but these want a caller; one more is a decision, and is added here."""
    assert {name_of(each) for each in ENDPOINTS if each.access is Access.ANYONE} == {
        "POST /register",
        "POST /login",
        "POST /token/refresh",
        "POST /dashboard/session",
        "POST /dashboard/session/refresh",
        "DELETE /dashboard/session",
        "GET /dashboard",
        "GET /dashboard/{file}",
        "GET /health",
        "GET /operations",
        "GET /problems",
        "GET /problems/{name}",
        "GET /",
        "GET /docs",
        "GET /docs/{asset}",
        "GET /openapi.json",
    }
    assert {name_of(each) for each in ENDPOINTS if each.access is Access.ADMIN} == {
        "GET /users/{username}",
        "PATCH /users/{username}",
        "GET /admin/jobs",
        "GET /admin/jobs/{owner_id}/{job_id}",
        "POST /admin/jobs/{owner_id}/{job_id}/cancel",
        "POST /admin/jobs/{owner_id}/{job_id}/retry",
        "POST /admin/bulk",
        "GET /admin/statistics",
        "GET /admin/overview",
        "GET /admin/pauses",
        "POST /admin/operations/{operation}/pause",
        "POST /admin/operations/{operation}/resume",
        "POST /admin/users/{username}/pause",
        "POST /admin/users/{username}/resume",
    }
    for each in ENDPOINTS:
        if each.path.startswith("/jobs"):
            assert each.access is (Access.READ if each.method == "GET" else Access.SUBMIT)


def test_an_api_key_leaves_no_way_out_behind() -> None:
    """It reads webhooks, and neither makes nor changes one, nor learns a secret."""
    assert {name_of(each) for each in ENDPOINTS if each.tag == "Webhooks" and each.access is Access.ACCOUNT} == {
        "POST /webhooks",
        "PATCH /webhooks/{webhook_id}",
        "DELETE /webhooks/{webhook_id}",
        "POST /webhooks/{webhook_id}/secret",
    }


@dataclass
class Reached:
    """The owners of the rows that a store was asked for."""

    owners: list[UserId] = field(default_factory=list)


class WatchedCredentials(InMemoryCredentialRepository):
    def __init__(self, world: World, reached: Reached) -> None:
        super().__init__(world.audit)
        self._reached = reached

    def get(self, user_id: UserId, credential_id: CredentialId) -> Credential | None:
        self._reached.owners.append(user_id)
        return super().get(user_id, credential_id)

    def remove(self, credential: Credential, event: AuditEvent) -> bool:
        self._reached.owners.append(credential.user_id)
        return super().remove(credential, event)


class WatchedJobs(InMemoryJobRepository):
    def __init__(self, reached: Reached) -> None:
        super().__init__()
        self._reached = reached

    def get(self, key: JobKey) -> Job | None:
        self._reached.owners.append(key.owner_id)
        return super().get(key)

    def advance(self, seen: Job, to: Job) -> None:
        self._reached.owners.append(to.key.owner_id)
        super().advance(seen, to)

    def delete(self, seen: Job) -> None:
        self._reached.owners.append(seen.key.owner_id)
        super().delete(seen)


class WatchedSchedules(InMemoryScheduleRepository):
    def __init__(self, jobs: InMemoryJobRepository, reached: Reached) -> None:
        super().__init__(jobs)
        self._reached = reached

    def get(self, key: ScheduleKey) -> Schedule | None:
        self._reached.owners.append(key.owner_id)
        return super().get(key)

    def change(self, seen: Schedule, to: Schedule) -> None:
        self._reached.owners.append(to.key.owner_id)
        super().change(seen, to)

    def remove(self, key: ScheduleKey) -> bool:
        self._reached.owners.append(key.owner_id)
        return super().remove(key)


class WatchedWebhooks(InMemoryWebhookRepository):
    def __init__(self, reached: Reached) -> None:
        super().__init__()
        self._reached = reached

    def get(self, owner_id: UserId, webhook_id: WebhookId) -> Webhook | None:
        self._reached.owners.append(owner_id)
        return super().get(owner_id, webhook_id)

    def change(self, seen: Webhook, to: Webhook) -> None:
        self._reached.owners.append(seen.owner_id)
        super().change(seen, to)

    def remove(self, owner_id: UserId, webhook_id: WebhookId) -> bool:
        self._reached.owners.append(owner_id)
        return super().remove(owner_id, webhook_id)


class WatchedDeliveries(InMemoryDeliveryRepository):
    def __init__(self, reached: Reached) -> None:
        super().__init__()
        self._reached = reached

    def get(self, key: DeliveryKey) -> Delivery | None:
        self._reached.owners.append(key.owner_id)
        return super().get(key)

    def advance(self, seen: Delivery, to: Delivery) -> None:
        self._reached.owners.append(to.key.owner_id)
        super().advance(seen, to)


@pytest.mark.asvs("8.2.2", "8.4.1")
@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if is_owned(each)], ids=name_of)
def test_the_id_of_anothers_thing_is_looked_for_among_ones_own_only(endpoint: Endpoint) -> None:
    """The owner is part of every key, and comes from the credential: no check could be forgotten."""
    reached = Reached()
    world = World(jobs=WatchedJobs(reached), webhooks=WatchedWebhooks(reached), deliveries=WatchedDeliveries(reached))
    world.credentials = WatchedCredentials(world, reached)
    world.users = InMemoryUserRepository(world.credentials, world.audit)
    world.schedules = WatchedSchedules(world.jobs, reached)
    attempt = prepared(endpoint, world)
    attempt.token = attempt.api.logged_in("bob")
    (bob,) = [each.user_id for each in world.users.all() if each.username == "bob"]
    reached.owners.clear()
    attempt.api = Api(world)  # another container, which has yet to look at the session
    assert attempt.send().status == 404
    assert len(reached.owners) >= 2, "the session, and what was asked for"
    assert set(reached.owners) == {bob}


OF_STORED_THINGS = "role is_admin is_disabled user_id owner_id password_hash status result attempt credential_id digest"
UNASKED_FOR = [*OF_STORED_THINGS.split(), "scope", "expires_at", "created_at", "__proto__", ""]
ASSIGNMENTS = [
    (endpoint, name)
    for endpoint in ENDPOINTS
    for name in UNASKED_FOR
    if endpoint.body is not None and name not in fields_of(endpoint.body)
]


@pytest.mark.asvs("8.2.3", "15.3.3")
@pytest.mark.parametrize(
    ("endpoint", "name"), ASSIGNMENTS, ids=[f"{name_of(endpoint)} {name}" for endpoint, name in ASSIGNMENTS]
)
def test_a_field_that_nobody_asked_for_is_refused_and_not_assigned(endpoint: Endpoint, name: str) -> None:
    attempt = prepared(endpoint)
    attempt.body = attempt.body | {name: "admin"}
    before = attempt.stored()
    answer = attempt.send()
    assert (answer.status, answer.problem["code"]) == (422, "INVALID_INPUT")
    assert [error["pointer"] for error in answer.problem["errors"]] == [f"#/{name}"]
    assert attempt.stored() == before


def test_a_field_that_nobody_asked_for_refuses_a_job_of_a_batch() -> None:
    api = Api()
    token = api.logged_in()
    job: dict[str, Any] = {"operation": "square_sum", "data": [1], "owner_id": NO_ID}
    answer = api.post("/jobs/batch", {"jobs": [job]}, token=token)
    assert answer.status == 200
    assert [each["error"]["code"] for each in answer.json["jobs"]] == ["INVALID_INPUT"]
    assert not api.world.jobs.all()
