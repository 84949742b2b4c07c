"""
Cross-origin resource sharing: which answers the scripts of another origin's pages may read. None, unless it is set.

Chalice's own mechanism is not used: it knows one origin, and misses the answers that no view gives, such as a 405.
Credentials are never allowed: a token is sent by the script, in a header, and nothing by the browser itself.

Source: the Fetch standard, section 3.2 (CORS protocol).
"""

from collections.abc import Set as AbstractSet
from http import HTTPStatus
from typing import Final

from chalice.app import Response

from chalicelib.config import ANY_ORIGIN

REQUEST_HEADERS: Final = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Prefer")
"""All that any endpoint heeds; a test holds it to the declarations."""

RESPONSE_HEADERS: Final = (
    "Allow",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
    "x-amzn-Remapped-WWW-Authenticate",
)
"""All that a program may need of an answer; the last is what API Gateway makes of ``WWW-Authenticate``."""

PREFLIGHT_MAX_AGE_S: Final = 7200
"""As long as Chromium keeps the answer to a preflight at most."""


def share(response: Response, *, method: str, origin: str | None, allowed: AbstractSet[str]) -> None:
    """
    Let the pages of the request's ``origin`` read an answer, if it is one of ``allowed``.

    What the request says is compared and not repeated: the origin in the answer is the configured one. Answers that
    depend on the origin say so, also to those who may not read them or sent none: a cache would else mix them up.
    """
    if not allowed:
        return
    if ANY_ORIGIN in allowed:
        named: str | None = ANY_ORIGIN  # also to who sends no origin: a cache may give the answer to a page later
    else:
        response.headers["Vary"] = ", ".join([*filter(None, [str(response.headers.get("Vary", ""))]), "Origin"])
        named = next((each for each in allowed if each == origin), None)
    if named is None:
        return
    response.headers["Access-Control-Allow-Origin"] = named
    response.headers["Access-Control-Expose-Headers"] = ", ".join(RESPONSE_HEADERS)
    if method == "OPTIONS" and response.status_code == HTTPStatus.NO_CONTENT:
        response.headers["Access-Control-Allow-Methods"] = response.headers["Allow"]
        response.headers["Access-Control-Allow-Headers"] = ", ".join(REQUEST_HEADERS)
        response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_MAX_AGE_S)
