"""What must not be in a log, and how it would be found there."""

import base64
import json
import re
from collections.abc import Iterable, Iterator

PIECE = 16
"""Characters of a token in a row of which one has to be afraid; fewer may come about by chance."""

RUNS = re.compile(rf"[A-Za-z0-9_-]{{{PIECE},}}")


def forms_of(text: str) -> set[str]:
    """A text as it may be written: as it is, in JSON, in JSON within JSON, as Python shows it, in base64."""
    in_json = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    twice = {json.dumps(each)[1:-1] for each in in_json}
    raw = text.encode()
    encoded = {base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    return {text, repr(text)[1:-1], repr(raw)[2:-1], *in_json, *twice, *encoded}


def pieces_of(text: str) -> set[str]:
    """All runs of `PIECE` characters, in one alphabet of base64."""
    runs = RUNS.findall(text.replace("+", "-").replace("/", "_"))
    return {run[at : at + PIECE] for run in runs for at in range(len(run) - PIECE + 1)}


def leaks(lines: Iterable[str], texts: Iterable[str], tokens: Iterable[str]) -> Iterator[str]:
    """The lines that have one of the texts in them, in whatever form, or a piece of one of the tokens."""
    forms = sorted({form for text in texts for form in forms_of(text)})
    pattern = re.compile("|".join(map(re.escape, forms)))
    pieces = {piece for token in tokens for piece in pieces_of(token)}
    return (line for line in lines if pattern.search(line) or not pieces.isdisjoint(pieces_of(line)))
