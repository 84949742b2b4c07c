"""Pages are true: their commands are run in order, and each answer must be the one that stands below it."""

import doctest
import re
from pathlib import Path

import pytest

from tests.aws import PROJECT
from tests.e2e.conftest import shell

BLOCK = re.compile(r"^```(bash|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
MARK = "---- example"


@pytest.mark.parametrize(("page", "least"), [("api", 11), ("webhooks", 10), ("schedules", 6)])
def test_the_examples_of_a_page_give_what_it_says(page: str, least: int, api: str, tmp_path: Path) -> None:
    script: list[str] = []
    expected: list[tuple[str, str]] = []
    for kind, content in BLOCK.findall((PROJECT / "docs" / f"{page}.md").read_text()):
        if kind == "bash":
            script.append(content)
            continue
        for example in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
            command, _, answer = example.partition("\n")
            script += [f"echo; echo '{MARK}'", command]
            expected.append((command, answer))
    assert len(expected) >= least

    answers = shell("\n".join(script), api, tmp_path).split(f"\n{MARK}\n")[1:]
    checker = doctest.OutputChecker()
    for (command, wanted), given in zip(expected, answers, strict=True):
        assert checker.check_output(wanted, given.rstrip("\n") + "\n", doctest.ELLIPSIS), f"{command}\n{given}"
