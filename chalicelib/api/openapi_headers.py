"""The headers of requests and answers, as the OpenAPI description has them. What is not listed is plain text."""

from typing import Any, Final

Described = dict[str, Any]

SECONDS: Final[Described] = {"type": "integer", "minimum": 0}

REQUEST_HEADERS: Final[dict[str, Described]] = {
    "Idempotency-Key": {
        "description": (
            "Names this request, quoted or bare. Sent again with the same body within 24 hours, it is answered as it "
            "was the first time, and nothing is made twice. A UUID is a good one."
        ),
        "schema": {
            "type": "string",
            "pattern": r"""^(?:[!#-~](?:[ -~]{0,253}[!-~])?|"(?:[ !#-\[\]-~]|\\["\\]){1,255}")$""",
        },
    },
    "If-None-Match": {
        "description": "The `ETag` of an earlier answer: if that is still the answer, it is a 304 without body.",
        "schema": {"type": "string"},
    },
    "Prefer": {
        "description": (
            "`wait=10` holds the answer back until the job is final, for 10 seconds here, 20 at most (RFC 7240)."
        ),
        "schema": {"type": "string"},
    },
}
"""Without examples: a form would be filled with them, and each of its jobs be sent with the same key."""

RESPONSE_HEADERS: Final[dict[str, Described]] = {
    "ETag": {
        "description": "Names this very answer; for `If-None-Match`.",
        "schema": {"type": "string", "pattern": '^"[A-Za-z0-9_-]+"$'},
        "example": '"rL0Y20zC-Fzt72VPzMSk2A"',
    },
    "Idempotent-Replayed": {
        "description": "Present when the answer is that of an earlier request with the same key.",
        "schema": {"type": "string"},
        "example": "true",
    },
    "Link": {
        "description": 'Where the next page is, `rel="next"` (RFC 8288); absent on the last one.',
        "schema": {"type": "string"},
        "example": '</jobs?cursor=eyJ2IjoxfQ>; rel="next"',
    },
    "Location": {
        "description": "The path of the job.",
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/jobs/019aa9f2-2d4c-7cc3-8f0e-3d4e5f607182",
    },
    "Preference-Applied": {
        "description": "What of `Prefer` was heeded.",
        "schema": {"type": "string"},
        "example": "wait=10",
    },
    "RateLimit": {
        "description": "What is left of the limit that this request counts against: `r` requests, more in `t` seconds.",
        "schema": {"type": "string"},
        "example": '"submit";r=119;t=60',
    },
    "RateLimit-Policy": {
        "description": "The limit that this request counts against: `q` requests in any `w` seconds.",
        "schema": {"type": "string"},
        "example": '"submit";q=120;w=60',
    },
    "Retry-After": {
        "description": "Seconds after which to ask again.",
        "schema": SECONDS,
        "example": 1,
    },
    "Vary": {
        "description": "The request headers that the answer depends on.",
        "schema": {"type": "string"},
        "example": "Prefer",
    },
    "WWW-Authenticate": {
        "description": "The scheme to authenticate with.",
        "schema": {"type": "string"},
        "example": "Bearer",
    },
    "X-Request-Id": {
        "description": "Names the request in the operator's log.",
        "schema": {"type": "string"},
        "example": "0f8fad5b-d9cb-469f-a165-70867728950e",
    },
}

BROUGHT_BY: Final[dict[str, tuple[str, ...]]] = {
    "Idempotency-Key": ("Idempotent-Replayed",),
    "Prefer": ("Preference-Applied", "Retry-After", "Vary"),
}
"""Response headers that an endpoint has because it heeds a request header."""

ALWAYS_WITH: Final[dict[int, tuple[str, ...]]] = {429: ("Retry-After",), 503: ("Retry-After",)}
"""Headers that each answer of a status has, whatever the endpoint."""

SOMETIMES_WITH: Final[dict[int, tuple[str, ...]]] = {401: ("WWW-Authenticate",)}
"""The same, but for what is between: API Gateway gives this one another name on its way out."""


def request_header(name: str) -> Described:
    """Return a request header as a parameter."""
    described = REQUEST_HEADERS.get(name, {"schema": {"type": "string"}})
    return {"name": name, "in": "header", "required": False, **described}


def response_header(name: str, *, required: bool = False) -> Described:
    """Return a response header."""
    described = RESPONSE_HEADERS.get(name, {"schema": {"type": "string"}})
    return {**described, "required": required}
