"""What can go wrong with a route: every kind of problem it can be answered with, from its declaration alone."""

from collections.abc import Iterator

from chalicelib.api.call import Access
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.problem_types import INTERNAL_SERVER_ERROR, PROBLEM_TYPES, ProblemType
from chalicelib.api.problems import InvalidParameter, UnsupportedMediaType
from chalicelib.domain.errors import (
    InputTooLarge,
    InvalidInput,
    JobBackendError,
    MalformedBody,
    NotAuthenticated,
    NotPermitted,
    RateLimited,
    Unavailable,
)

FROM_THE_GATEWAY = tuple(
    PROBLEM_TYPES[code] for code in ("FORBIDDEN", InputTooLarge.code, "THROTTLED", "BAD_GATEWAY", "GATEWAY_TIMEOUT")
)
"""What API Gateway can answer in place of any route."""


def possible_errors(endpoint: Endpoint) -> tuple[ProblemType, ...]:
    """
    Return the kinds of problem with which the service can answer a call of this endpoint, in the order of the table.

    The 405 is not among them: it is the answer to a method that has no endpoint.
    """
    codes = {error.code for error in _errors(endpoint)} | {INTERNAL_SERVER_ERROR}
    return tuple(kind for kind in PROBLEM_TYPES.values() if kind.code in codes)


def _errors(endpoint: Endpoint) -> Iterator[type[JobBackendError]]:
    if endpoint.access is not Access.ANYONE:
        yield from (NotAuthenticated, NotPermitted, RateLimited, Unavailable)
    if endpoint.body is not None:
        yield from (MalformedBody, InputTooLarge, UnsupportedMediaType, InvalidInput)
    if endpoint.query is not None:
        yield InvalidParameter
    yield from endpoint.refusals
