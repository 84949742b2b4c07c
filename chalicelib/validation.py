"""
JSON text as a type of msgspec's, and what its refusals say, in this product's words: a detail and a JSON Pointer.

Knows nothing of HTTP or jobs.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TypeVar, get_args
from urllib.parse import quote

import msgspec

from chalicelib.domain.errors import InvalidInput, MalformedBody
from chalicelib.domain.hints import did_you_mean

T = TypeVar("T")

DETAIL_MAX_CHARACTERS = 200
"""msgspec repeats what the caller sent, such as the name of an unknown field, however long."""

NAME_MAX_CHARACTERS = 64
"""A longer name of an unknown field is not looked up, and not pointed at."""

WANTED = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "datetime": "a time as RFC 3339 has it",
}
GIVEN = WANTED | {"float": "a number with a fraction"}

BOUNDS = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}
COUNTED = {"str": "character", "array": "item", "object": "field"}
"""What the length of each kind is a number of."""

_BOUND = re.compile(r"(?<=`)(\w+)`(?: of length)? ([<>]=?) (\S+)")

_LONE_SURROGATE = re.compile(rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]")


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
        raise InvalidInput(_unlisted(wrong, form) or detail, pointer=pointer) from wrong
    except RecursionError as deep:
        detail = "the body is nested too deeply"
        raise MalformedBody(detail) from deep
    except (msgspec.DecodeError, UnicodeDecodeError) as unreadable:
        detail = f"the body is not JSON: {malformed(body, unreadable)}"
        raise MalformedBody(detail) from unreadable


def fields_of(form: type) -> tuple[str, ...]:
    """Return the names that the fields of a form have in JSON; none when it is no object."""
    return getattr(form, "__struct_encode_fields__", ())


def described(wrong: msgspec.ValidationError, *, root: str = "#", fields: Sequence[str] = ()) -> tuple[str, str]:
    """
    Split a refusal into what is wrong and the JSON Pointer, below ``root``, to where.

    msgspec does not name the key of a mapping; the pointer then ends at the mapping, see `refused_key`. ``fields`` are
    those that the outermost object may have.

    >>> described(msgspec.ValidationError("Expected `int | null`, got `float` - at `$.a[0]`"))
    ('expected a whole number or null, got a number with a fraction', '#/a/0')
    >>> described(msgspec.ValidationError("Expected `str`, got `int` - at `$.a[...][0]`"))
    ('expected text, got a whole number', '#/a')
    >>> described(msgspec.ValidationError("Expected `str` of length <= 3 - at `key` in `$.a`"))
    ('a key: expected text of at most 3 characters', '#/a')
    >>> described(msgspec.ValidationError("Expected `array` of length >= 1 - at `$.tags`"))
    ('expected a list of at least 1 item', '#/tags')
    >>> described(msgspec.ValidationError("Expected `int` >= 1 - at `$.a`"))
    ('expected a whole number of at least 1', '#/a')
    >>> described(msgspec.ValidationError("Object missing required field `data`"), root="#/data")
    ('the field data is missing', '#/data')
    >>> described(msgspec.ValidationError("Object contains unknown field `prioritty`"), fields=["priority"])
    ('there is no field prioritty; did you mean priority?', '#/prioritty')
    """
    text = str(wrong)
    located = re.fullmatch(r"(.*) - at (`key` in )?`\$(.*)`", text, re.DOTALL)
    message, in_key, path = located.groups() if located else (text, None, "")
    pointer = root + path.partition("[...]")[0].replace("[", ".").replace("]", "").replace(".", "/")
    if unknown := re.fullmatch("Object contains unknown field `(.*)`", message, re.DOTALL):
        name = unknown[1]
        detail = f"there is no field {name}"
        if len(name) <= NAME_MAX_CHARACTERS:
            pointer = f"{pointer}/{pointer_step(name)}"
            detail += did_you_mean(name, fields)
    else:
        detail = _in_words(message)
        detail = f"a key: {detail}" if in_key else detail[:1].lower() + detail[1:]
    if len(detail) > DETAIL_MAX_CHARACTERS:
        detail = f"{detail[:DETAIL_MAX_CHARACTERS]}…"
    return detail, pointer


def pointer_step(name: str) -> str:
    """
    Return a name as a step of a JSON Pointer in a URI fragment.

    >>> pointer_step("a/b c")
    'a~1b%20c'
    """
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~")


def refused_key(body: bytes, field: str, mapping: object) -> str | None:
    """
    Return the first key of the object at ``body``'s ``field`` whose value the type ``mapping`` refuses.

    ``None`` if there is none to be found, or it is too long to be pointed at: of a name that comes twice only the
    last value is looked at, and what follows a refused value may be no JSON.

    >>> refused_key(b'{"a": {"b": "x", "c": 1, "d": 2}}', "a", dict[str, str])
    'c'
    >>> refused_key(b'{"a": {"b": 1, "b": "x"}}', "a", dict[str, str])
    >>> refused_key(b'{"a": {"b": 1}, "a": ["b"]}', "a", dict[str, str])
    >>> refused_key(b'{"a": {"b": 1}', "a", dict[str, str])
    """
    try:
        found = msgspec.json.decode(body)[field]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    entries: dict[str, object] = found if isinstance(found, dict) else {}
    for key, value in entries.items():
        try:
            msgspec.convert({key: value}, mapping)
        except msgspec.ValidationError:
            return key if len(key) <= NAME_MAX_CHARACTERS else None
    return None


def malformed(body: bytes, error: Exception) -> str:
    """Return why a body is not JSON."""
    if _LONE_SURROGATE.search(body):
        return r"it has half of a surrogate pair, such as \ud800 alone, which is no character"
    return str(error)


def _in_words(message: str) -> str:
    if missing := re.fullmatch("Object missing required field `(.*)`", message):
        return f"the field {missing[1]} is missing"
    expected, found, given = _BOUND.sub(_bounded, message).partition(", got ")
    expected = re.sub("`([^`]*)`", lambda kinds: _kinds(kinds[1], WANTED), expected.replace("Expected", "expected"))
    return expected + found + re.sub("`([^`]*)`", lambda kinds: _kinds(kinds[1], GIVEN), given)


def _bounded(bound: re.Match[str]) -> str:
    kind, sign, number = bound.groups()
    unit = f" {COUNTED[kind]}" if kind in COUNTED else ""
    return f"{kind}` {BOUNDS[sign]} {number}{unit}" + ("s" if unit and number != "1" else "")


def _kinds(alternatives: str, words: dict[str, str]) -> str:
    names = alternatives.split(" | ")
    if "float" in names:
        names = [name for name in names if name != "int"]
    return " or ".join(words.get(name, name) for name in names)


def _step_into_mapping(wrong: msgspec.ValidationError, body: bytes, form: type) -> str:
    """Return the last step to a value in a mapping, which msgspec does not name; nothing for any other value."""
    within = re.search(r" - at `\$\.(\w+)\[\.\.\.\]`$", str(wrong))
    if within is None:
        return ""
    mappings = {field.encode_name: field.type for field in msgspec.structs.fields(form)}
    key = refused_key(body, within[1], mappings[within[1]])
    return "" if key is None else f"/{pointer_step(key)}"


def _unlisted(wrong: msgspec.ValidationError, form: type) -> str:
    """Return what there is instead of a value that is not in a field's enumeration of texts; nothing otherwise."""
    found = re.fullmatch(r"Invalid enum value (.*) - at `\$\.(\w+)(?:\[\d+\])?`", str(wrong), re.DOTALL)
    if found is None or not fields_of(form):
        return ""
    quoted, name = found.groups()
    types = {field.encode_name: field.type for field in msgspec.structs.fields(form)}
    known = list(_members(types[name]))
    if not known:
        return ""
    return f"there is no such value; there are {', '.join(known)}{did_you_mean(quoted[1:-1], known)}"


def _members(kind: object) -> Iterator[str]:
    """Yield the values of the enumerations in a type, such as that of a list of them."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        yield from kind
    for part in get_args(kind):
        yield from _members(part)
