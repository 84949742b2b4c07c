"""
Errors as answers: each is a problem of the kind that has its ``code``, in one body shape (RFC 9457 problem details).

The domain knows no HTTP; this module is where its errors become statuses.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec
from chalice.app import Response

from chalicelib.api.problem_types import (
    INTERNAL_SERVER_ERROR,
    METHOD_NOT_ALLOWED,
    PROBLEM_TYPES,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemType,
)
from chalicelib.domain.errors import (
    InvalidInput,
    JobBackendError,
    NotAuthenticated,
    NotPermitted,
    RateLimited,
    RequestRefused,
    SignInTooOld,
    Unavailable,
)
from chalicelib.domain.receipts import Refusal
from chalicelib.fields import described

PROBLEM_MEDIA_TYPE = "application/problem+json"
REALM = "job-backend"
"""What tokens are for; RFC 6750 wants every challenge to have a parameter."""

RETRY_WHEN_AWAY_S = 5
"""Seconds after which a caller may try again when a store or queue is away."""


class InvalidParameter(RequestRefused):
    """A query parameter or a header is wrong."""

    code = "INVALID_PARAMETER"


class MethodNotAllowed(RequestRefused):
    """The path is there, for other methods."""

    code = METHOD_NOT_ALLOWED

    def __init__(self, detail: str, *, allowed: str) -> None:
        super().__init__(detail)
        self.allowed = allowed


class TokenRefused(NotAuthenticated):
    """A token was sent, and it does not hold."""


class UnsupportedMediaType(RequestRefused):
    """The body is declared to be something other than JSON."""

    code = UNSUPPORTED_MEDIA_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """Where a problem occurred: the path below which the service lies, and the id of the request."""

    base_path: str
    request_id: str


EXAMPLE_OCCURRENCE = Occurrence(base_path="", request_id="0f8fad5b-d9cb-469f-a165-70867728950e")
"""That of the examples in the API's description."""


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one value; ``pointer`` is its JSON Pointer as a URI fragment."""

    detail: Annotated[str, described("What may stand there.")]
    pointer: Annotated[str, described("Where the value is in the body: a JSON Pointer as a URI fragment.")]


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Body of every error: RFC 9457, with a stable ``code`` and, for invalid input, ``errors``."""

    type: Annotated[str, described("Leads to a page about this kind of problem.")]
    title: Annotated[str, described("The kind of problem, for people.")]
    status: Annotated[int, described("The status of the answer.")]
    code: Annotated[str, described("The kind of problem, for programs: it does not change.")]
    detail: Annotated[str, described("What it was this time, and what to change.")]
    request_id: Annotated[str, described("Names the request in the operator's log.")]
    errors: Annotated[
        tuple[FieldError, ...],
        described("The wrong value (the first one found), for invalid input."),
    ] = ()


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """Return a problem as an HTTP response."""
    return Response(
        body=msgspec.json.encode(problem).decode(),
        status_code=problem.status,
        headers={"Content-Type": PROBLEM_MEDIA_TYPE, **(headers or {})},
    )


def kind_of(error: type[JobBackendError]) -> ProblemType | None:
    """Return the kind of problem that an error is answered with, ``None`` when no caller should meet it."""
    return PROBLEM_TYPES.get(error.code)


def error_problem(error: JobBackendError, where: Occurrence) -> Problem | None:
    """Return the problem that an error is, ``None`` when no caller should meet it."""
    kind = kind_of(type(error))
    if kind is None:
        return None
    errors = (FieldError(detail=str(error), pointer=error.pointer),) if isinstance(error, InvalidInput) else ()
    return problem_of(kind, str(error), where, errors)


def refusal_problem(refusal: Refusal, where: Occurrence, *, root: str) -> Problem:
    """Return the problem that one job of a batch has; ``root`` is the JSON Pointer to the job."""
    errors: tuple[FieldError, ...] = ()
    if refusal.pointer is not None:
        errors = (FieldError(detail=refusal.detail, pointer=root + refusal.pointer.removeprefix("#")),)
    return problem_of(PROBLEM_TYPES[refusal.code], refusal.detail, where, errors)


def error_response(error: JobBackendError, where: Occurrence) -> Response | None:
    """Return the answer to an error, ``None`` when no caller should meet it."""
    problem = error_problem(error, where)
    if problem is None:
        return None
    headers: dict[str, str] = {}
    if isinstance(error, NotAuthenticated) or (isinstance(error, NotPermitted) and error.scope is not None):
        headers["WWW-Authenticate"] = _challenge(error)
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(RETRY_WHEN_AWAY_S)
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allowed
    return problem_response(problem, headers)


def coded_response(code: str, detail: str, where: Occurrence, headers: dict[str, str] | None = None) -> Response:
    """Return a problem of a kind that no error class stands for: Chalice's own answers and our faults."""
    return problem_response(problem_of(PROBLEM_TYPES[code], detail, where), headers)


def fault_response(where: Occurrence) -> Response:
    """Return the answer to a fault of ours, which tells nothing of its cause."""
    detail = "the service failed; the operator finds the cause in its log under this request id"
    return coded_response(INTERNAL_SERVER_ERROR, detail, where)


def problem_of(kind: ProblemType, detail: str, where: Occurrence, errors: tuple[FieldError, ...] = ()) -> Problem:
    """
    Return a problem of a kind.

    Raises:
        ValueError: The kind is one of API Gateway's own, without a status.
    """
    if kind.status is None:
        message = f"{kind.code} has no status of its own"
        raise ValueError(message)
    return Problem(
        type=f"{where.base_path}{kind.path}",
        title=kind.title,
        status=kind.status,
        code=kind.code,
        detail=detail,
        request_id=where.request_id,
        errors=errors,
    )


def _challenge(error: NotAuthenticated | NotPermitted) -> str:
    """
    Return what to send (RFC 6750 section 3, RFC 9470 section 3).

    A caller that sent no token is not told that it was a wrong one.
    """
    challenge = f'Bearer realm="{REALM}"'
    match error:
        case NotPermitted():
            return f'{challenge}, error="insufficient_scope", scope="{error.scope}"'
        case SignInTooOld():
            return f'{challenge}, error="insufficient_user_authentication", max_age={error.max_age_s}'
        case TokenRefused():
            return f'{challenge}, error="invalid_token"'
        case _:
            return challenge
