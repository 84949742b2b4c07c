"""Reading the query: each parameter once, by the field of its name of the struct that a route declares."""

from collections.abc import Mapping
from functools import cache
from typing import TypeVar

import msgspec
import msgspec.inspect
from chalice.app import MultiDict

from chalicelib.api.call import Call
from chalicelib.api.problems import InvalidParameter
from chalicelib.domain.hints import WORD_MAX_CHARACTERS, did_you_mean
from chalicelib.validation import described

T = TypeVar("T")

TRUTH = {"true": True, "false": False}

DIGITS_MAX = 18
"""Of a number in a query; more is no number that anything here could mean."""


def query_of(call: Call, form: type[T]) -> T:
    """
    Return the query's parameters as a ``form``, a struct with a field for each there is.

    Raises:
        InvalidParameter: One is wrong or given twice, or there is none of this name.
    """
    kinds = parameter_kinds(form)  # type: ignore[arg-type] # mypy does not know that types are hashable
    given = query_texts(call)
    for name in given:
        if name not in kinds:
            known = list(kinds)
            detail = f"there is no parameter {name[:WORD_MAX_CHARACTERS]}; there are {', '.join(known)}"
            raise InvalidParameter(detail + did_you_mean(name, known))
    values = {name: _parsed(kinds[name], text) for name, text in given.items()}
    try:
        return msgspec.convert(values, type=form)
    except msgspec.ValidationError as wrong:
        name = described(wrong, root="")[1].strip("/")
        detail = f"{name} must be {in_words(kinds[name])}"
        raise InvalidParameter(detail) from wrong


def query_texts(call: Call) -> Mapping[str, str]:
    """
    Return the query's parameters as they were sent.

    Raises:
        InvalidParameter: One is given more than once.
    """
    given = call.request.query_params or MultiDict(None)
    texts: dict[str, str] = {}
    for name in given:
        values = given.getlist(name)
        if len(values) > 1:
            detail = f"{name[:WORD_MAX_CHARACTERS]} is given {len(values)} times; give it once"
            raise InvalidParameter(detail)
        texts[name] = values[0]
    return texts


def _parsed(kind: msgspec.inspect.Type, text: str) -> int | bool | str:
    """Return digits as a number, and a truth value, where one is wanted; all else is for the type to refuse."""
    if isinstance(kind, msgspec.inspect.BoolType):
        return TRUTH.get(text, text)
    is_number = text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX
    return int(text) if is_number and isinstance(kind, msgspec.inspect.IntType) else text


@cache
def parameter_kinds(form: type) -> Mapping[str, msgspec.inspect.Type]:
    """Return the type of each field of a struct by its name; of an optional one, what it is when it is there."""
    struct = msgspec.inspect.type_info(form)
    if not isinstance(struct, msgspec.inspect.StructType):
        message = f"{form.__name__} must be a struct"
        raise TypeError(message)
    return {field.encode_name: _present(field.type) for field in struct.fields}


def _present(kind: msgspec.inspect.Type) -> msgspec.inspect.Type:
    if isinstance(kind, msgspec.inspect.Metadata):
        return _present(kind.type)
    if isinstance(kind, msgspec.inspect.UnionType):
        (there,) = (each for each in kind.types if not isinstance(each, msgspec.inspect.NoneType))
        return _present(there)
    return kind


def in_words(kind: msgspec.inspect.Type) -> str:
    """
    Return what a text must be to be of this type.

    >>> in_words(msgspec.inspect.IntType(ge=1, le=100))
    'a whole number from 1 to 100'
    >>> in_words(msgspec.inspect.StrType(min_length=1, max_length=64))
    'text of 1 to 64 characters'
    """
    match kind:
        case msgspec.inspect.IntType():
            return f"a whole number from {kind.ge} to {kind.le}"
        case msgspec.inspect.StrType():
            return f"text of {kind.min_length} to {kind.max_length} characters"
        case msgspec.inspect.EnumType():
            *words, last = (str(each.value) for each in kind.cls)
            return f"{', '.join(words)} or {last}"
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.DateTimeType():
            return "an instant with an offset, such as 2030-01-31T08:00:00Z; a + in it is sent as %2B"
        case _:
            message = f"no parameter can be of {kind}"
            raise TypeError(message)
