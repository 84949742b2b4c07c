"""
What every route shares: reading a JSON body, answering errors, one log line a request.

Chalice turns an exception of a view into its own body before any middleware sees it, so `answers_problems` wraps each
view; `http_edge` gives Chalice's own answers the same shape.
"""

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import msgspec
from chalice.app import Request, Response

from chalicelib.api.errors import (
    MalformedBody,
    UnsupportedMediaType,
    bare_problem_response,
    error_response,
)
from chalicelib.domain.errors import InputTooLarge, InvalidInput, JobBackendError, Unavailable
from chalicelib.observability import request_id
from chalicelib.validation import described

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

ANY_CONTENT_TYPE = ["*/*"]
"""For every route: `json_body` judges the content type, because Chalice would refuse it on a GET too."""

INTERNAL_ERROR_DETAIL = "the service failed; the operator finds the cause in its log under this request id"


def json_response(body: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return ``body``, anything msgspec encodes, as a JSON response."""
    return Response(
        body=msgspec.json.encode(body).decode(),
        status_code=status,
        headers={"Content-Type": "application/json", **(headers or {})},
    )


def json_body(request: Request, form: type[T], *, max_bytes: int) -> T:
    """
    Return the request's body as a ``form``.

    Raises:
        UnsupportedMediaType: It is declared as something other than JSON. Without a declaration it is taken as JSON.
        InputTooLarge: It is over ``max_bytes``.
        MalformedBody: It is not JSON.
        InvalidInput: It is JSON of another form.
    """
    declared = request.headers.get("content-type", "application/json")
    if declared.partition(";")[0].strip().lower() != "application/json":
        detail = "send the body as JSON, with the header Content-Type: application/json"
        raise UnsupportedMediaType(detail)
    body = request.raw_body
    if len(body) > max_bytes:
        detail = f"the body has {len(body)} bytes, and a request may have {max_bytes}"
        raise InputTooLarge(detail)
    if not body.strip():
        detail = "the body is empty; send a JSON object"
        raise MalformedBody(detail)
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.ValidationError as wrong:
        detail, pointer = described(wrong)
        raise InvalidInput(detail, pointer=pointer) from wrong
    except RecursionError as deep:
        detail = "the body is nested too deeply"
        raise MalformedBody(detail) from deep
    except (msgspec.DecodeError, UnicodeDecodeError) as malformed:
        detail = f"the body is not JSON: {malformed}"
        raise MalformedBody(detail) from malformed


def answers_problems(view: Callable[P, Response]) -> Callable[P, Response]:
    """Wrap a view so that whatever it raises is answered as a problem, and logged when it is not the caller's."""

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            return view(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - an entry point: every fault must have an answer
            return _answer(error, view.__name__)

    return guarded


def _answer(error: Exception, view_name: str) -> Response:
    response = error_response(error) if isinstance(error, JobBackendError) else None
    if response is None or isinstance(error, Unavailable):
        logger.error("request could not be served", extra={"view": view_name}, exc_info=error)
    return response or bare_problem_response(500, INTERNAL_ERROR_DETAIL)


def http_edge(request: Request | None, get_response: Callable[[Request | None], Response]) -> Response:
    """Give Chalice's own answers the shape of ours, name the request, and log it. Middleware, the outermost."""
    context = request.context if request is not None else {}
    this_request = str(context.get("requestId", ""))
    naming = request_id.set(this_request)
    try:
        response = _in_our_shape(get_response(request))
        response.headers["X-Request-Id"] = this_request
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


def _in_our_shape(response: Response) -> Response:
    body = response.body
    if not (isinstance(body, dict) and set(body) == {"Code", "Message"}):
        return response
    kept = {name: str(value) for name, value in response.headers.items() if name.lower() != "content-type"}
    return bare_problem_response(response.status_code, _chalice_detail(response.status_code, body), kept)


def _chalice_detail(status: int, body: dict[str, str]) -> str:
    return body["Message"] if status < 500 else INTERNAL_ERROR_DETAIL  # noqa: PLR2004 - HTTP's own boundary
