"""Text that helps who has mistyped a name."""

from collections.abc import Sequence
from difflib import get_close_matches

WORD_MAX_CHARACTERS = 64
"""Of what a caller sent; comparing takes long for long words."""


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """
    Return the end of a sentence that names the word probably meant, nothing when none is near.

    >>> did_you_mean("sqare_sum", ["cube_sum", "square_sum"])
    '; did you mean square_sum?'
    >>> did_you_mean("nonsense", ["cube_sum", "square_sum"])
    ''
    """
    close = get_close_matches(word[:WORD_MAX_CHARACTERS], known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def no_such_operation(name: str, known: Sequence[str]) -> str:
    """
    Return what to tell who asks for an operation that is none of the ``known`` ones.

    >>> no_such_operation("cube_sums", ["cube_sum", "square_sum"])
    'there is no such operation; there are cube_sum, square_sum; did you mean cube_sum?'
    """
    return f"there is no such operation; there are {', '.join(known)}{did_you_mean(name, known)}"
