"""
The page for people in a browser, without a server: over an API that answers as a test tells it to, for states that are
rare, or over the real one with the fakes behind it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from weakref import WeakKeyDictionary

from playwright.sync_api import Browser, Page, Route, ViewportSize

from tests.api.client import Api
from tests.browser.chromium import complaints_of

HOST = "localhost:8000"
PATIENCE_MS = 10_000
WINDOW = ViewportSize(width=1280, height=900)

ADMIN = {
    "user_id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "username": "ada",
    "role": "admin",
    "created_at": "2026-01-05T08:00:00Z",
}
SESSION = {"access_token": "a.b.c", "token_type": "bearer", "expires_in": 900}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request of the page."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


Answer = tuple[int, Any]
"""A status and a body; of 400 and above the body is a problem's own fields."""


@dataclass(kw_only=True)
class StandIn:
    """
    ``answers`` are bodies, or functions of the request that give a status and a body, by method and path.

    ``asked`` are the requests so far, but for those of the page's files and of the session.
    """

    page: Page
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, place: str) -> Page:
        """Open a page of the application, such as ``#/admin``."""
        self.page.goto(f"http://{HOST}/dashboard{place}")
        return self.page

    def bodies(self, of: str) -> list[Any]:
        """The bodies that were sent to a method and path."""
        return [each.body for each in self.asked if f"{each.method} {each.path}" == of]


IS_UNCHANGED = "Date.toString().includes('[native code]') && JSON.rawJSON !== undefined"
"""Whether a test has left the window's clock and its functions alone."""

_kept: WeakKeyDictionary[Browser, StandIn] = WeakKeyDictionary()


@contextmanager
def stand_in(browser: Browser, files: Api, *, me: Mapping[str, Any] = ADMIN, **options: Any) -> Iterator[StandIn]:
    """A window of its own, with somebody signed in; of the real API are only the page and its files."""
    with _window(browser, options) as told:
        told.answers |= {"POST /dashboard/session/refresh": SESSION, "GET /me": dict(me)}
        told.page.context.route("**/*", lambda route: _answer(route, told, files))
        yield told


@contextmanager
def over_api(browser: Browser, api: Api, token: str, **options: Any) -> Iterator[StandIn]:
    """
    A window of its own, with whoever has this access token; ``api`` answers all that it asks but for the session.

    Its clock begins a minute after that of the API, which stands still.
    """
    with _window(browser, options) as told:
        told.page.clock.install(time=api.world.clock.now() + timedelta(minutes=1))
        told.answers["POST /dashboard/session/refresh"] = SESSION | {"access_token": token}
        told.page.context.route("**/*", lambda route: _answer(route, told, api, lets_through=True))
        yield told


@contextmanager
def _window(browser: Browser, options: Mapping[str, Any]) -> Iterator[StandIn]:
    """
    A window as ``options`` say.

    A usual one is used again by the next test, unless this one has changed it: a new one costs as much as most tests.
    """
    window = _kept.pop(browser, None) if not options else None
    if window is None:
        page = browser.new_context(**({"viewport": WINDOW} | dict(options))).new_page()
        page.set_default_timeout(PATIENCE_MS)
        window = StandIn(page=page, complaints=complaints_of(page, HOST))
    yield window
    context = window.page.context
    if options or len(context.pages) > 1 or not window.page.evaluate(IS_UNCHANGED):
        context.close()
        return
    window.page.goto("about:blank")
    for routed in (window.page, context):
        routed.unroute_all(behavior="ignoreErrors")
    context.clear_permissions()
    context.clear_cookies()
    window.complaints.clear()
    _kept[browser] = StandIn(page=window.page, complaints=window.complaints)


def _answer(route: Route, told: StandIn, api: Api, *, lets_through: bool = False) -> None:
    address = urlsplit(route.request.url)
    is_file = address.path.startswith("/dashboard") and route.request.method == "GET"
    is_told = f"{route.request.method} {unquote(address.path)}" in told.answers
    if is_file or (lets_through and not is_told):
        given = api.send(
            route.request.method,
            address.path,
            route.request.post_data,
            headers={
                name: value
                for name, value in route.request.headers.items()
                if name in {"authorization", "content-type"}
            },
            query=address.query,
        )
        route.fulfill(status=given.status, headers=dict(given.headers), body=given.text)
        return
    sent = route.request.post_data
    asked = Asked(
        method=route.request.method,
        path=unquote(address.path),
        query=dict(parse_qsl(address.query)),
        body=None if sent is None else json.loads(sent),
    )
    told.asked.append(asked)
    status, body = _told(told.answers.get(f"{asked.method} {asked.path}"), asked)
    if status >= 400:
        body = {"code": "UNAVAILABLE", "detail": "try again later", "request_id": "9f0c"} | body
    headers = {"Retry-After": str(body["retry_after_s"])} if "retry_after_s" in body else {}
    route.fulfill(status=status, headers=headers | {"Content-Type": "application/json"}, body=json.dumps(body))


def _told(answer: Answer | Callable[[Asked], Answer] | Any, asked: Asked) -> Answer:
    if answer is None:
        return 404, {"code": "NOT_FOUND", "detail": f"there is no {asked.path}"}
    if callable(answer):
        status, body = answer(asked)
        return status, body
    return 200, answer
