"""What surrounds every request: its name, its line in the log, and the headers and the shape that all answers have."""

import logging
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from uuid import uuid4

from chalice.app import Request, Response

from chalicelib.api.call import header_of, occurrence
from chalicelib.api.cors import share
from chalicelib.api.problem_types import BAD_REQUEST, METHOD_NOT_ALLOWED, UNSUPPORTED_MEDIA_TYPE
from chalicelib.api.problems import coded_response, fault_response
from chalicelib.api.security_headers import secure
from chalicelib.config import ConfigurationError
from chalicelib.observability import caller_id, request_id

logger = logging.getLogger(__name__)

REFUSED_BY_CHALICE = {400: BAD_REQUEST, 405: METHOD_NOT_ALLOWED, 415: UNSUPPORTED_MEDIA_TYPE}
"""What Chalice itself answers to a caller, by status; whatever else it says is a fault of ours."""


Respond = Callable[[Request | None], Response]


def http_edge(allowed_origins: Callable[[], AbstractSet[str]]) -> Callable[[Request | None, Respond], Response]:
    """
    Return the middleware, which must be the outermost.

    It gives Chalice's own answers the shape of ours, every answer its headers, names the request, and logs it.
    ``allowed_origins`` is asked with each request. While the settings are wrong, no origin is allowed: who needs them
    says what is wrong, and who does not, as the health check, is not to fail of it.
    """

    def answer(request: Request | None, get_response: Respond) -> Response:
        try:
            allowed = allowed_origins()
        except ConfigurationError:
            allowed = frozenset()
        return _answer(request, get_response, allowed)

    return answer


def _answer(request: Request | None, get_response: Respond, allowed: AbstractSet[str]) -> Response:
    context = request.context if request is not None else {}
    method = context.get("httpMethod")
    # API Gateway names every request; only an event that it did not make has no name yet.
    this_request = str(context.get("requestId") or uuid4())
    naming, calling = request_id.set(this_request), caller_id.set(None)
    try:
        response = _in_our_shape(get_response(request), request)
        if method == "HEAD":
            response.body = ""
        response.headers["X-Request-Id"] = this_request
        secure(response)
        share(response, method=str(method), origin=header_of(request, "origin"), allowed=allowed)
        logger.info(
            "request",
            extra={
                "method": method,
                "route": context.get("resourcePath"),
                "status": response.status_code,
                "user_id": caller_id.get(),
            },
        )
        return response
    finally:
        request_id.reset(naming)
        caller_id.reset(calling)


def _in_our_shape(response: Response, request: Request | None) -> Response:
    """
    Return our own answers as they are, and problems in place of Chalice's.

    A body that is no text is not one of ours. Chalice would encode it after all middleware, where nothing can answer
    for what it cannot encode.
    """
    body = response.body
    if isinstance(body, str | bytes):
        return response
    where = occurrence(request)
    is_chalices = isinstance(body, dict) and set(body) == {"Code", "Message"}
    code = REFUSED_BY_CHALICE.get(response.status_code) if is_chalices else None
    if code is None:
        if not is_chalices:
            logger.error("the answer is no text", extra={"kind": type(body).__name__})
        return fault_response(where)
    kept = {name: str(value) for name, value in response.headers.items() if name.lower() != "content-type"}
    return coded_response(code, body["Message"], where, kept)
