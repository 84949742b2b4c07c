"""
Errors as answers: one table from error class to HTTP status, one body shape (RFC 9457 problem details).

The domain knows no HTTP; this module is where its errors become statuses.
"""

from http import HTTPStatus

import msgspec
from chalice.app import Response

from chalicelib.domain.errors import (
    Conflict,
    Expired,
    InputTooLarge,
    InvalidInput,
    JobBackendError,
    NotAuthenticated,
    NotFound,
    RateLimited,
    RequestRefused,
    Unavailable,
)

PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_WHEN_AWAY_S = 5
"""Seconds after which a caller may try again when a store or queue is away."""


class MalformedBody(RequestRefused):
    """The body is not JSON."""

    code = "MALFORMED_BODY"


class InvalidParameter(RequestRefused):
    """A query parameter is wrong."""

    code = "INVALID_PARAMETER"


class UnsupportedMediaType(RequestRefused):
    """The body is declared to be something other than JSON."""

    code = "UNSUPPORTED_MEDIA_TYPE"


STATUS_OF: dict[type[JobBackendError], HTTPStatus] = {
    MalformedBody: HTTPStatus.BAD_REQUEST,
    InvalidParameter: HTTPStatus.BAD_REQUEST,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Expired: HTTPStatus.GONE,
    InputTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Status of each error a caller can meet; a class that is not here is a fault of ours, and a 500."""


RENAMED = {413: "Content Too Large", 422: "Unprocessable Content"}
"""Names that RFC 9110 changed and Python's `http` only since 3.13."""


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one value; ``pointer`` is its JSON Pointer as a URI fragment."""

    detail: str
    pointer: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Body of every error: RFC 9457, with a stable ``code`` and, for invalid input, ``errors``."""

    title: str
    status: int
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """Return a problem as an HTTP response."""
    return Response(
        body=msgspec.json.encode(problem).decode(),
        status_code=problem.status,
        headers={"Content-Type": PROBLEM_MEDIA_TYPE, **(headers or {})},
    )


def error_response(error: JobBackendError) -> Response | None:
    """Return the answer to an error of the table, ``None`` when it has none there."""
    status = STATUS_OF.get(type(error))
    if status is None:
        return None
    headers: dict[str, str] = {}
    errors: tuple[FieldError, ...] = ()
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(RETRY_WHEN_AWAY_S)
    if isinstance(error, InvalidInput):
        errors = (FieldError(detail=str(error), pointer=error.pointer),)
    return problem_response(
        Problem(title=_title(status), status=status.value, code=error.code, detail=str(error), errors=errors), headers
    )


def bare_problem_response(status_code: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Return the problem of a status that no error class stands for: Chalice's own answers and our faults."""
    status = HTTPStatus(status_code)
    return problem_response(
        Problem(title=_title(status), status=status.value, code=status.name, detail=detail), headers
    )


def _title(status: HTTPStatus) -> str:
    return RENAMED.get(status.value, status.phrase)
