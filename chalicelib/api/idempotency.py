"""The ``Idempotency-Key`` of a request (draft-ietf-httpapi-idempotency-key-header), and when two are the same."""

import hashlib
import json
import re
from typing import Final

from chalicelib.api.call import Call
from chalicelib.api.problems import InvalidParameter
from chalicelib.domain.errors import MalformedBody
from chalicelib.domain.receipts import KeyedRequest

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = {"Idempotent-Replayed": "true"}
"""Headers of an answer that was given before."""

KEY_MAX_CHARACTERS = 255

_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
"""A String of RFC 9651 section 3.3.3, which is what the draft wants; most clients send the key bare."""

_PRINTABLE = re.compile(r"[ -~]+")


def keyed_request(call: Call) -> KeyedRequest | None:
    """
    Return the request's key with the fingerprint of its JSON body, ``None`` for a request without a key.

    Raises:
        InvalidParameter: The key is none.
        MalformedBody: The body is no text where a `msgspec.Raw` let it pass.
    """
    value = call.header(HEADER.lower())
    if value is None:
        return None
    key = _key(value)
    text = call.request.raw_body
    try:
        body = canonical(json.loads(text, parse_int=_Number, parse_float=_Number))
    except RecursionError:  # too deep to be put in order, so it must be repeated byte by byte
        body = str(text)
    except ValueError as malformed:
        detail = f"the body is not JSON: {malformed}"
        raise MalformedBody(detail) from malformed
    request = f"{call.request.method} {call.request.context['resourcePath']} {body}"
    return KeyedRequest(key_digest=_digest(key), fingerprint=_digest(request))


class _Number(str):
    """A number as it was written: 1.0 is not 1, and no digit is lost."""

    __slots__ = ()


def canonical(value: object) -> str:
    """Return a JSON value in one form: names in order, no insignificant space, numbers as they were written."""
    match value:
        case _Number():
            return value
        case dict():
            members = (f"{json.dumps(name)}:{canonical(value[name])}" for name in sorted(value))
            return f"{{{','.join(members)}}}"
        case list():
            return f"[{','.join(map(canonical, value))}]"
        case _:
            return json.dumps(value)


def _key(value: str) -> str:
    text = value.strip(" \t")
    quoted = _QUOTED.fullmatch(text)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text
    is_quoted_badly = quoted is None and text.startswith('"')
    if is_quoted_badly or not _PRINTABLE.fullmatch(key) or len(key) > KEY_MAX_CHARACTERS:
        detail = (
            f"{HEADER} must be 1 to {KEY_MAX_CHARACTERS} printable ASCII characters, as they are or in double quotes"
            ' with \\" and \\\\ for " and \\; a UUID is a good one'
        )
        raise InvalidParameter(detail)
    return key


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
