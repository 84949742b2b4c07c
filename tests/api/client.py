"""The HTTP API over the services of a `World`, entered with Lambda events."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chalice.app import Chalice

from chalicelib.api.edge import http_edge
from chalicelib.api.endpoint import Endpoint, register
from chalicelib.api.routes import ENDPOINTS
from chalicelib.domain.credentials import KEY_SCOPES
from tests.events import api_event
from tests.factories import World
from tests.fakes import ReversedPasswords

PROBLEM = "application/problem+json"
PASSWORD = "correct horse"
ADDRESS = "127.0.0.1"
"""Where the recorded request came from."""

JOB_ROUTES = [
    ("POST", "/jobs"),
    ("POST", "/jobs/batch"),
    ("GET", "/jobs"),
    ("GET", "/jobsList"),
    ("GET", "/jobs/{job_id}"),
    ("GET", "/jobs/{job_id}/status"),
    ("GET", "/jobs/{job_id}/result"),
    ("GET", "/jobs/{job_id}/events"),
    ("GET", "/jobs/{job_id}/explain"),
    ("POST", "/jobs/{job_id}/cancel"),
    ("POST", "/jobs/{job_id}/retry"),
    ("DELETE", "/jobs/{job_id}"),
]
"""Every call about jobs."""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What a sign-in gives."""

    access: str
    refresh: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What API Gateway would send to the caller."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def problem(self) -> dict[str, Any]:
        """The body, which must be a whole problem of the answer's own status."""
        assert self.headers["Content-Type"] == PROBLEM
        body: dict[str, Any] = self.json
        assert set(body) - {"errors"} == {"type", "title", "status", "code", "detail", "request_id"}
        assert body["status"] == self.status
        assert body["detail"]
        return body

    @property
    def but_for_the_limit(self) -> "Answer":
        """The answer without the header that counts down."""
        headers = {name: value for name, value in self.headers.items() if name != "RateLimit"}
        return Answer(status=self.status, headers=headers, text=self.text)


class Api:
    """A client of the API; ``world`` has the fakes behind it."""

    def __init__(self, world: World | None = None, endpoints: Iterable[Endpoint] = ENDPOINTS) -> None:
        self.world = world or World()
        services = self.world.services()
        self.app = Chalice(app_name="job-backend", configure_logs=False)
        self.app.register_middleware(http_edge(lambda: self.world.allowed_origins), "http")
        register(self.app, endpoints, lambda: services)

    @property
    def hashed(self) -> list[str]:
        """The passwords that took the work of a hash."""
        passwords = self.world.passwords
        assert isinstance(passwords, ReversedPasswords)
        return passwords.worked_on

    def send(
        self,
        method: str,
        path: str,
        body: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        query: str = "",
        address: str = ADDRESS,
        overrides: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send one request; ``body`` is declared as JSON unless ``headers`` say otherwise."""
        given = {} if body is None else {"Content-Type": "application/json"}
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        resource, parameters = self._route(path)
        event = api_event(
            method,
            resource,
            body=body,
            headers=given | dict(headers or {}),
            path_parameters=parameters,
            query=query,
            address=address,
        )
        raw = self.app(event | dict(overrides or {}), None)
        return Answer(status=raw["statusCode"], headers=raw["headers"], text=raw["body"])

    def post(self, path: str, body: Any, *, token: str | None = None, address: str = ADDRESS) -> Answer:
        """Send a JSON body."""
        return self.send("POST", path, json.dumps(body), token=token, address=address)

    def get(self, path: str, *, token: str | None = None, query: str = "") -> Answer:
        return self.send("GET", path, token=token, query=query)

    def log_in(self, username: str = "ada", password: str = PASSWORD, *, address: str = ADDRESS) -> Answer:
        """Try to log in."""
        return self.post("/login", {"username": username, "password": password}, address=address)

    def signed_in(self, username: str = "ada", password: str = PASSWORD, *, address: str = ADDRESS) -> Tokens:
        """Log in; return the tokens."""
        answer = self.log_in(username, password, address=address)
        assert answer.status == 200, answer.text
        return Tokens(access=answer.json["access_token"], refresh=answer.json["refresh_token"])

    def refreshed(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token for new tokens."""
        answer = self.post("/token/refresh", {"refresh_token": refresh_token})
        assert answer.status == 200, answer.text
        return Tokens(access=answer.json["access_token"], refresh=answer.json["refresh_token"])

    def registered(self, username: str = "ada", password: str = PASSWORD) -> None:
        """Register a user."""
        assert self.post("/register", {"username": username, "password": password}).status == 201

    def logged_in(self, username: str = "ada") -> str:
        """Register a user; return a token."""
        self.registered(username)
        return self.signed_in(username).access

    def made_admin(self, username: str) -> None:
        """Do what the operator's command does."""
        self.world.services().administration.make_admin(username)

    def new_key(self, token: str, *scopes: str, days: int = 90) -> dict[str, Any]:
        """Make an API key, for both scopes unless some are named; return the answer."""
        body = {"name": "nightly import", "scopes": scopes or KEY_SCOPES, "expires_in_days": days}
        answer = self.post("/api-keys", body, token=token)
        assert answer.status == 201, answer.text
        made: dict[str, Any] = answer.json
        return made

    def new_webhook(self, token: str, **wanted: Any) -> dict[str, Any]:
        """Make a webhook; return the answer."""
        answer = self.post("/webhooks", {"url": "https://example.com/hooks/jobs"} | wanted, token=token)
        assert answer.status == 201, answer.text
        made: dict[str, Any] = answer.json
        return made

    def submitted(self, token: str, data: Any = (1, 2, 3), operation: str = "square_sum") -> str:
        """Submit a job; return its id."""
        answer = self.post("/jobs", {"data": data, "operation": operation}, token=token)
        assert answer.status == 202
        return str(answer.json["job_id"])

    def _route(self, path: str) -> tuple[str, Mapping[str, str]]:
        for resource in self.app.routes:
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", resource)
            if found := re.fullmatch(pattern, path):
                return resource, found.groupdict()
        return path, {}
