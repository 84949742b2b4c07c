"""Writes ``docs/problems.md`` from the product's table: ``python -m tests.api.problems_page``."""

from chalicelib.api.problem_pages import INTRODUCTION, status_of
from chalicelib.api.problem_types import PROBLEM_TYPES
from tests.aws import PROJECT

FILE = PROJECT / "docs" / "problems.md"
HEAD = """\
| Status | `code` | `title` | What it means | What to do |
|---|---|---|---|---|"""


def markdown() -> str:
    """The page of all kinds of problem."""
    rows = [
        f"| {status_of(kind)} | `{kind.code}` | {kind.title} | {kind.meaning} | {kind.remedy} |"
        for kind in PROBLEM_TYPES.values()
    ]
    return "\n".join(["# What does this problem mean?", "", INTRODUCTION, "", HEAD, *rows, ""])


if __name__ == "__main__":
    FILE.write_text(markdown())
