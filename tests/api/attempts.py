"""A good request of each endpoint, with all that it needs, as the declarations have them."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.api.call import Access
from chalicelib.api.dashboard import STYLE, page_file
from chalicelib.api.dashboard_session import COOKIE
from chalicelib.api.docs import asset
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.idempotency import HEADER
from tests.api.client import PASSWORD, Answer, Api, Tokens
from tests.factories import World

JOB = {"operation": "square_sum", "data": [1, 2, 3]}
SCHEDULE = {**JOB, "cron": "30 2 * * *"}
NO_ID = "01900000-0000-7000-8000-00000000ffff"
"""Of no job, no session, no key and no webhook; and nobody's name."""

ADMIN = "root"


@dataclass
class Attempt:
    """
    A request that would succeed, until something is changed.

    ``owner`` is the user whose job, session, API key or webhook it is about, who makes it unless it is for
    administrators.
    """

    endpoint: Endpoint
    api: Api
    owner: Tokens
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
            path_of(self.endpoint, self.parameters),
            text,
            token=self.token,
            headers=self.headers,
            query=self.query,
        )

    def stored(self) -> dict[str, Any]:
        """All that must be as it was after a refusal; of the limits only what was counted may differ."""
        world = self.api.world
        return {
            "jobs": list(world.jobs.all()),
            "schedules": list(world.schedules.all()),
            "receipts": list(world.submissions.receipts()),
            "users": list(world.users.all()),
            "messages": list(world.queue.messages),
            "credentials": dict(world.credentials.rows),
            "events": list(world.audit.all()),
            "erasures": list(world.erasures.orders),
            "webhooks": list(world.webhooks.all()),
            "deliveries": list(world.deliveries.all()),
            "delivery messages": list(world.delivery_queue.messages),
            "pauses": world.pauses.stored(),
        }


def name_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def path_of(endpoint: Endpoint, parameters: dict[str, str]) -> str:
    """The path with its parts filled in; those that are not given are of nothing that is there."""
    return re.sub(r"\{(\w+)\}", lambda part: parameters.get(part[1], NO_ID), endpoint.path)


def prepared(endpoint: Endpoint, world: World | None = None) -> Attempt:
    """A good request, with the user and whatever else it needs."""
    api = Api(world)
    api.registered("ada")
    attempt = Attempt(endpoint, api, owner=api.signed_in("ada"))
    user = attempt.owner.access
    if endpoint.access is Access.ADMIN:
        api.registered(ADMIN)
        api.made_admin(ADMIN)
        attempt.token = api.signed_in(ADMIN).access
    elif endpoint.access is not Access.ANYONE:
        attempt.token = user
    for name, make in MADE.items():
        if f"{{{name}}}" in endpoint.path:
            attempt.parameters[name] = str(make(api, user))
    if "Prefer" in endpoint.headers:
        attempt.headers["Prefer"] = "wait=0"
    if HEADER in endpoint.headers:
        attempt.headers[HEADER] = "monday"
    prepare = PREPARED.get(attempt.name)
    if prepare is not None:
        prepare(attempt)
    return attempt


def _another_session(api: Api, user: str) -> str:
    api.signed_in("ada")
    return str(api.get("/me/sessions", token=user).json["sessions"][-1]["session_id"])


def _delivery(api: Api, user: str) -> str:
    """The id of a delivery of the only webhook."""
    (webhook,) = api.get("/webhooks", token=user).json["webhooks"]
    answer = api.send("POST", f"/webhooks/{webhook['webhook_id']}/test", token=user)
    assert answer.status == 202, answer.text
    return str(answer.json["delivery_id"])


MADE: dict[str, Callable[[Api, str], object]] = {
    "job_id": lambda api, user: api.submitted(user),
    "session_id": _another_session,
    "key_id": lambda api, user: api.new_key(user)["key_id"],
    "webhook_id": lambda api, user: api.new_webhook(user)["webhook_id"],
    "delivery_id": _delivery,
    "username": lambda _api, _user: "ada",
    "owner_id": lambda api, user: api.get("/me", token=user).json["user_id"],
    "operation": lambda _api, _user: "square_sum",
}
"""How what a part of a path names comes to be there."""


def _with(**body: object) -> Callable[[Attempt], None]:
    return lambda attempt: setattr(attempt, "body", dict(body))


def _of_a_version(version: str, **parameters: str) -> Callable[[Attempt], None]:
    def prepare(attempt: Attempt) -> None:
        attempt.parameters.update(parameters)
        attempt.query = version

    return prepare


def _cancelled(attempt: Attempt) -> None:
    path = f"/jobs/{attempt.parameters['job_id']}/cancel"
    assert attempt.api.send("POST", path, token=attempt.owner.access).status == 202


def _with_a_job(**body: object) -> Callable[[Attempt], None]:
    def prepare(attempt: Attempt) -> None:
        attempt.api.submitted(attempt.owner.access)
        attempt.body = dict(body) or None

    return prepare


def _with_a_schedule(**body: object) -> Callable[[Attempt], None]:
    def prepare(attempt: Attempt) -> None:
        made = attempt.api.post("/schedules", SCHEDULE, token=attempt.token)
        attempt.parameters["schedule_id"] = made.json["schedule_id"]
        attempt.body = dict(body) or None

    return prepare


def _paused(attempt: Attempt) -> None:
    path = path_of(attempt.endpoint, attempt.parameters).replace("/resume", "/pause")
    assert attempt.api.post(path, {}, token=attempt.token).status == 200


def _with_the_refresh_token(attempt: Attempt) -> None:
    attempt.body = {"refresh_token": attempt.owner.refresh}


def _with_the_cookie(attempt: Attempt) -> None:
    attempt.headers["Cookie"] = f"{COOKIE}={attempt.owner.refresh}"


def _with_the_cookie_alone(attempt: Attempt) -> None:
    _with_the_cookie(attempt)
    attempt.body = {}


PREPARED: dict[str, Callable[[Attempt], None]] = {
    "POST /register": _with(username="grace", password=PASSWORD),
    "POST /login": _with(username="ada", password=PASSWORD),
    "POST /token/refresh": _with_the_refresh_token,
    "POST /dashboard/session": _with(username="ada", password=PASSWORD),
    "POST /dashboard/session/refresh": _with_the_cookie_alone,
    "DELETE /dashboard/session": _with_the_cookie,
    "PUT /me/password": _with(current_password=PASSWORD, new_password=f"another {PASSWORD}"),
    "POST /api-keys": _with(name="nightly import", scopes=["jobs:read"]),
    "PATCH /users/{username}": _with(role="admin"),
    "POST /admin/operations/{operation}/pause": _with(reason="it floods the planet service"),
    "POST /admin/operations/{operation}/resume": _paused,
    "POST /admin/users/{username}/pause": _with(reason="too many at once"),
    "POST /admin/users/{username}/resume": _paused,
    "POST /webhooks": _with(url="https://example.com/hooks"),
    "PATCH /webhooks/{webhook_id}": _with(is_disabled=True),
    "POST /webhooks/{webhook_id}/replay": _with(since="2026-11-23T12:00:00Z"),
    "POST /jobs": _with(**JOB),
    "POST /jobs/batch": _with(jobs=[JOB]),
    "POST /schedules": _with(**SCHEDULE),
    "GET /schedules/{schedule_id}": _with_a_schedule(),
    "PATCH /schedules/{schedule_id}": _with_a_schedule(is_paused=True),
    "DELETE /schedules/{schedule_id}": _with_a_schedule(),
    "GET /admin/jobs": lambda attempt: setattr(attempt, "query", "username=ada"),
    "POST /admin/jobs/{owner_id}/{job_id}/retry": _cancelled,
    "POST /admin/bulk": _with_a_job(action="cancel", filter={"username": "ada"}, preview=False),
    "POST /jobs/{job_id}/retry": _cancelled,
    "DELETE /jobs/{job_id}": _cancelled,
    "GET /docs/{asset}": _of_a_version(asset("start.js").version, asset="start.js"),
    "GET /dashboard/{file}": _of_a_version(page_file(STYLE).version, file=STYLE),
    "GET /problems/{name}": lambda attempt: attempt.parameters.update(name="not-found"),
}
"""What a good request of an endpoint needs beside a user, a token, and what `MADE` makes."""
