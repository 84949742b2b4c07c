"""Reading a JSON body as the type that a route declares, and answering with JSON."""

import re
from typing import TypeVar

import msgspec
from chalice.app import Response

from chalicelib.api.call import Call
from chalicelib.api.problems import MalformedBody, UnsupportedMediaType
from chalicelib.domain.errors import InputTooLarge, InvalidInput
from chalicelib.validation import described, malformed, pointer_step, refused_key

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


def decoded(body: bytes, form: type[T], *, root: str = "#") -> T:
    """
    Return JSON text as a ``form``; ``root`` is the JSON Pointer of where it is in the body.

    Raises:
        MalformedBody: It is not JSON.
        InvalidInput: It is JSON of another form.
    """
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.ValidationError as wrong:
        detail, pointer = described(wrong, root=root, fields=fields_of(form))
        pointer += _step_into_mapping(wrong, body, form)
        raise InvalidInput(detail, pointer=pointer) from wrong
    except RecursionError as deep:
        detail = "the body is nested too deeply"
        raise MalformedBody(detail) from deep
    except (msgspec.DecodeError, UnicodeDecodeError) as unreadable:
        detail = f"the body is not JSON: {malformed(body, unreadable)}"
        raise MalformedBody(detail) from unreadable


def fields_of(form: type) -> tuple[str, ...]:
    """Return the names that the fields of a form have in JSON; none when it is no object."""
    return getattr(form, "__struct_encode_fields__", ())


def _step_into_mapping(wrong: msgspec.ValidationError, body: bytes, form: type) -> str:
    """Return the last step to a value in a mapping, which msgspec does not name; nothing for any other value."""
    within = re.search(r" - at `\$\.(\w+)\[\.\.\.\]`$", str(wrong))
    if within is None:
        return ""
    mappings = {field.encode_name: field.type for field in msgspec.structs.fields(form)}
    key = refused_key(body, within[1], mappings[within[1]])
    return "" if key is None else f"/{pointer_step(key)}"
