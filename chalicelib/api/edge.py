"""What surrounds every request: its name, its line in the log, and the headers and the shape that all answers have."""

import logging
from collections.abc import Callable
from uuid import uuid4

from chalice.app import Request, Response

from chalicelib.api.call import occurrence
from chalicelib.api.problem_types import BAD_REQUEST, METHOD_NOT_ALLOWED, UNSUPPORTED_MEDIA_TYPE
from chalicelib.api.problems import coded_response, fault_response
from chalicelib.observability import request_id

logger = logging.getLogger(__name__)

REFUSED_BY_CHALICE = {400: BAD_REQUEST, 405: METHOD_NOT_ALLOWED, 415: UNSUPPORTED_MEDIA_TYPE}
"""What Chalice itself answers to a caller, by status; whatever else it says is a fault of ours."""


def http_edge(request: Request | None, get_response: Callable[[Request | None], Response]) -> Response:
    """Give Chalice's own answers the shape of ours, name the request, and log it. Middleware, the outermost."""
    context = request.context if request is not None else {}
    # API Gateway names every request; only an event that it did not make has no name yet.
    this_request = str(context.get("requestId") or uuid4())
    naming = request_id.set(this_request)
    try:
        response = _in_our_shape(get_response(request), request)
        if context.get("httpMethod") == "HEAD":
            response.body = ""
        response.headers["X-Request-Id"] = this_request
        response.headers.setdefault("Cache-Control", "no-store")
        logger.info(
            "request",
            extra={
                "method": context.get("httpMethod"),
                "route": context.get("resourcePath"),
                "status": response.status_code,
            },
        )
        return response
    finally:
        request_id.reset(naming)


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
