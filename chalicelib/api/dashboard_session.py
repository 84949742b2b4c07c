"""
The session of the dashboard: as `POST /login` has it, but the refresh token is in a cookie that no script can read.

No other call heeds a cookie. These refuse what a page of another site could have a browser send: see `_by_the_page`.
"""

import logging
from typing import TYPE_CHECKING, Final

from chalice.app import Response

from chalicelib.api.account_schemas import PageTokenAnswer
from chalicelib.api.accounts import signed_in
from chalicelib.api.call import Call, lines_of
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.forms import Credentials, SessionRefresh
from chalicelib.api.problems import UnsupportedMediaType
from chalicelib.api.requests import json_body, json_response
from chalicelib.domain.errors import NotAuthenticated, NotPermitted, RateLimited, Unavailable

if TYPE_CHECKING:
    from chalicelib.services.sessions import Tokens

logger = logging.getLogger(__name__)

COOKIE: Final = "__Host-session"
"""By that prefix browsers take it over HTTPS only (or of this machine), for this host alone, and all of its paths."""

ATTRIBUTES: Final = "Path=/; Secure; HttpOnly; SameSite=Strict"
GONE: Final = f"{COOKIE}=; {ATTRIBUTES}; Max-Age=0"

OWN_SITES: Final = frozenset({"same-origin", "none"})
"""``Sec-Fetch-Site`` of what the page itself asks, and of what a person does."""


def begin(call: Call) -> Response:
    """
    Exchange a name and a password for a session; the one that the browser had ends.

    If that cannot be ended now it ends by itself, as its cookie is gone: no reason to lose the new one.
    """
    _by_the_page(call)
    tokens = signed_in(call)
    if before := _refresh_token(call):
        try:
            call.services.sessions.log_out_by(before, address=call.address)
        except Unavailable as away:
            logger.error("the session before this one cannot be ended now", exc_info=away)  # noqa: TRY400 - it is handled, and told with its cause
    return _handed_out(tokens)


def refresh(call: Call) -> Response:
    """
    Exchange the cookie for an access token and the next cookie; one that is worth nothing is taken away.

    Without any there is nothing to say: who comes for the first time has done nothing wrong.
    """
    _by_the_page(call)
    json_body(call, SessionRefresh)
    token = _refresh_token(call)
    if token is None:
        return Response(body="", status_code=204)
    try:
        return _handed_out(call.services.sessions.refresh(token, address=call.address))
    except NotAuthenticated:
        call.headers["Set-Cookie"] = GONE
        raise


def end(call: Call) -> Response:
    """End the session of the cookie, if there is one, and take the cookie away."""
    _by_the_page(call, has_body=False)
    if token := _refresh_token(call):
        call.services.sessions.log_out_by(token, address=call.address)
    return Response(body="", status_code=204, headers={"Set-Cookie": GONE})


def _by_the_page(call: Call, *, has_body: bool = True) -> None:
    """
    Pass what this service's own page asks.

    The cookie is ``SameSite=Strict``, so another site's requests have none. A sign-in needs none; but a page elsewhere
    can send without a preflight neither a ``DELETE`` nor a body that is declared as JSON. Browsers also say where a
    request comes from.

    Raises:
        NotPermitted: A browser says that another site, or another host of this one, has asked for it.
        UnsupportedMediaType: The body is not declared as JSON; not declared at all it could come from anywhere.
    """
    site = call.header("sec-fetch-site")
    if site is not None and site not in OWN_SITES:
        detail = "this is for the service's own page; programs and other pages use POST /login and POST /token/refresh"
        raise NotPermitted(detail)
    if has_body and call.header("content-type") is None:
        detail = "declare the body, with the header Content-Type: application/json"
        raise UnsupportedMediaType(detail)


def _refresh_token(call: Call) -> str | None:
    """
    Return the value of the cookie, ``None`` without one.

    A browser keeps one of this name; of several, which none has put together, the value is no token.
    """
    pairs = [pair.strip(" \t").partition("=") for line in lines_of(call.request, "cookie") for pair in line.split(";")]
    values = [value for name, _, value in pairs if name == COOKIE]
    if not values:
        return None
    return values[0] if len(values) == 1 else ""


def _handed_out(tokens: "Tokens") -> Response:
    cookie = f"{COOKIE}={tokens.refresh_token}; {ATTRIBUTES}; Max-Age={tokens.session_expires_in_s}"
    return json_response(PageTokenAnswer.from_tokens(tokens), headers={"Set-Cookie": cookie})


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/dashboard/session",
        tag="Accounts",
        summary="Begin the dashboard's session",
        handler=begin,
        body=Credentials,
        answers={200: PageTokenAnswer},
        refusals=(NotAuthenticated, NotPermitted, RateLimited, Unavailable),
        is_public=False,
    ),
    Endpoint(
        method="POST",
        path="/dashboard/session/refresh",
        tag="Accounts",
        summary="Exchange its cookie for an access token and the next cookie",
        handler=refresh,
        body=SessionRefresh,
        answers={200: PageTokenAnswer, 204: None},
        refusals=(NotAuthenticated, NotPermitted, Unavailable),
        is_public=False,
    ),
    Endpoint(
        method="DELETE",
        path="/dashboard/session",
        tag="Accounts",
        summary="End it",
        handler=end,
        answers={204: None},
        refusals=(NotPermitted, Unavailable),
        is_public=False,
    ),
)
