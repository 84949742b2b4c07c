"""Reading a JSON body as the type that a route declares, and answering with JSON."""

from typing import TypeVar

import msgspec
from chalice.app import Response

from chalicelib.api.call import Call
from chalicelib.api.problems import UnsupportedMediaType
from chalicelib.domain.errors import InputTooLarge, MalformedBody
from chalicelib.validation import decoded

T = TypeVar("T")


def json_response(body: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return ``body``, anything msgspec encodes, as a JSON response."""
    return Response(
        body=msgspec.json.encode(body).decode(),
        status_code=status,
        headers={"Content-Type": "application/json", **(headers or {})},
    )


def json_body(call: Call, form: type[T]) -> T:
    """
    Return the request's body as a ``form``.

    Raises:
        RequestRefused: Whatever `body_of` and `decoded` raise.
    """
    return decoded(body_of(call), form)


def body_of(call: Call) -> bytes:
    """
    Return the request's body, which is to be JSON.

    Raises:
        UnsupportedMediaType: It is declared as something other than JSON. Without a declaration it is taken as JSON.
        InputTooLarge: It is over the limit.
        MalformedBody: There is none, or API Gateway gave what is neither text nor Base64.
    """
    declared = call.header("content-type")
    if declared is not None and declared.partition(";")[0].strip().lower() != "application/json":
        detail = "send the body as JSON, with the header Content-Type: application/json"
        raise UnsupportedMediaType(detail)
    try:
        given = call.request.raw_body
        body = given.encode() if isinstance(given, str) else given
    except ValueError as broken:
        detail = "the body cannot be read: it is neither text nor Base64"
        raise MalformedBody(detail) from broken
    if len(body) > call.services.body_max_bytes:
        detail = f"the body has {len(body)} bytes, and a request may have {call.services.body_max_bytes}"
        raise InputTooLarge(detail)
    if not body.strip():
        detail = "the body is empty; send a JSON object"
        raise MalformedBody(detail)
    return body
