"""What AWS documents, with where: ``aws.json``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("aws.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A number of AWS's, the page that has it, and what of it could not be confirmed there, if anything."""

    value: float
    what: str
    page: str
    unsure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All of them by name, as of a day and in a region."""

    as_of: str
    region: str
    facts: Mapping[str, Fact]

    def __getitem__(self, name: str) -> float:
        """Return the value of a fact."""
        return self.facts[name].value


def facts(text: str | None = None) -> Facts:
    """Return the project's facts, or those in a text of the same form."""
    document = json.loads(FILE.read_text(encoding="utf-8") if text is None else text)
    return Facts(
        as_of=document["as_of"],
        region=document["region"],
        facts={name: Fact(**fields) for name, fields in document["facts"].items()},
    )
