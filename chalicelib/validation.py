"""What msgspec's refusals say, in this product's words: a detail and a JSON Pointer. Knows nothing of HTTP or jobs."""

import msgspec

DETAIL_MAX_CHARACTERS = 200
"""msgspec repeats what the caller sent, such as the name of an unknown field, however long."""


def described(wrong: msgspec.ValidationError, *, root: str = "#") -> tuple[str, str]:
    """
    Split a refusal into what is wrong and the JSON Pointer, below ``root``, to where.

    msgspec does not name the key of a mapping; the pointer then ends at the mapping.

    >>> described(msgspec.ValidationError("Expected `int`, got `str` - at `$.a[0]`"))
    ('expected int, got str', '#/a/0')
    >>> described(msgspec.ValidationError("Expected `int`, got `str` - at `$.a[...][0]`"))
    ('expected int, got str', '#/a')
    >>> described(msgspec.ValidationError("Object missing required field `data`"), root="#/data")
    ('object missing required field data', '#/data')
    """
    text = str(wrong)
    message, _, path = text.rpartition(" - at `$")
    if not message:
        message, path = text, ""
    steps = path.rstrip("`").partition("[...]")[0].replace("[", ".").replace("]", "")
    detail = message.replace("`", "")
    if len(detail) > DETAIL_MAX_CHARACTERS:
        detail = f"{detail[:DETAIL_MAX_CHARACTERS]}…"
    return detail[:1].lower() + detail[1:], root + steps.replace(".", "/")
