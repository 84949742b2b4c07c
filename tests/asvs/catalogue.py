"""The requirements of levels 1 and 2, from ``requirements.toml``."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("requirements.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """
    One requirement, by its number, in our own words.

    It is held by tests, unless there is a reason why it does not apply, or why it is not met or cannot be tested here.
    """

    number: str
    level: int
    text: str
    not_applicable: str | None = None
    not_met: str | None = None

    @property
    def is_to_be_held(self) -> bool:
        """Whether tests must hold it."""
        return self.not_applicable is None and self.not_met is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A chapter, with its requirements in the order of their numbers."""

    number: int
    name: str
    requirements: tuple[Requirement, ...]


def chapters(file: Path = FILE) -> tuple[Chapter, ...]:
    """Read all chapters."""
    read = tomllib.loads(file.read_text())
    return tuple(
        Chapter(
            number=int(number),
            name=chapter.pop("name"),
            requirements=tuple(Requirement(number=of, **fields) for of, fields in chapter.items()),
        )
        for number, chapter in read.items()
    )


def requirements() -> dict[str, Requirement]:
    """All requirements by their numbers."""
    return {each.number: each for chapter in chapters() for each in chapter.requirements}
