"""The requirements of the ASVS, the tests that hold them, and the page that says so."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.api.routes import ENDPOINTS
from tests.asvs.catalogue import chapters, requirements
from tests.asvs.markers import Holders, holders
from tests.asvs.page import FILE, access, numbers, page, tables, without_test
from tests.aws import PROJECT

COUNTS = {1: 70, 2: 183}
"""How many requirements of each level ASVS 5.0.0 has."""


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Holders:
    """Who holds what in the whole suite, however little of it is run now."""
    file = tmp_path_factory.mktemp("asvs") / "holders.json"
    command = [sys.executable, "-m", "tests.asvs", "--holders", str(file)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    read: Holders = json.loads(file.read_text())
    return read


def test_the_catalogue_has_every_requirement_once_and_in_order() -> None:
    listed = [each for chapter in chapters() for each in chapter.requirements]
    counts = {level: len([each for each in listed if each.level == level]) for level in COUNTS}
    assert counts == COUNTS
    in_order = [tuple(int(part) for part in each.number.split(".")) for each in listed]
    assert in_order == sorted(set(in_order))
    assert all(each.number.startswith(f"{chapter.number}.") for chapter in chapters() for each in chapter.requirements)


@pytest.mark.parametrize("requirement", requirements().values(), ids=lambda each: each.number)
def test_a_requirement_is_short_and_has_one_reason_at_most(requirement: Any) -> None:
    assert 0 < len(requirement.text) <= 120
    for text in filter(None, (requirement.text, requirement.not_applicable, requirement.not_met)):
        assert text.endswith(".")
        assert "|" not in text
    assert requirement.not_applicable is None or requirement.not_met is None


def test_every_requirement_that_applies_is_held_by_a_test(held: Holders) -> None:
    assert [f"{each.number}: {each.text}" for each in without_test(held)] == []


def test_the_page_is_as_it_would_be_written(held: Holders) -> None:
    assert FILE.read_text() == page(held), "run: python -m tests.asvs"


def test_the_page_has_each_requirement_once() -> None:
    rows = [line.split(" | ")[0][2:] for line in tables({}).splitlines() if line.startswith("| ")]
    assert sorted(row for row in rows if row != "ASVS") == sorted([*requirements()])


def test_a_test_that_holds_a_requirement_is_named_in_its_row() -> None:
    text = tables({"6.2.1": ["tests/unit/test_a.py::test_b", "tests/unit/test_c.py::test_d"]})
    (row,) = [line for line in text.splitlines() if line.startswith("| 6.2.1 ")]
    assert row.endswith("| `unit/test_a.py::test_b`<br>`unit/test_c.py::test_d` |")


def test_a_page_with_a_setting_that_there_is_not_is_not_made() -> None:
    with pytest.raises(KeyError):
        page({}, {"ACCESS_TOKEN_TTL_S": "900"})


@pytest.mark.parametrize(("ttl_s", "said"), [("900", "15 minutes"), ("90", "90 seconds")])
def test_the_time_of_a_token_is_said_as_people_say_it(ttl_s: str, said: str) -> None:
    assert numbers({"ACCESS_TOKEN_TTL_S": ttl_s})["ACCESS_TOKEN_TTL"] == said


def item(*numbers_of: str, name: str = "test_b", **options: str) -> Any:
    """As much of a collected test as is looked at."""
    marker = pytest.mark.asvs(*numbers_of, **options).mark
    return SimpleNamespace(nodeid=f"tests/test_a.py::{name}", iter_markers=lambda _name: [marker])


def test_a_parametrised_test_holds_a_requirement_once() -> None:
    items = [item("6.2.1", "6.2.9", name="test_b[1]"), item("6.2.1", name="test_b[2]"), item("6.2.1", name="test_a")]
    assert holders(items) == {
        "6.2.1": ["tests/test_a.py::test_a", "tests/test_a.py::test_b"],
        "6.2.9": ["tests/test_a.py::test_b"],
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (item("6.2.99"), r"test_b: 6\.2\.99 is no requirement"),
        (item("11.2.4"), r"11\.2\.4 is no requirement of levels 1 and 2"),
        (item("1.2.6"), r"1\.2\.6 is not applicable or not met"),
        (item("6.3.3"), r"6\.3\.3 is not applicable or not met"),
        (item(), "takes one or more numbers"),
        (item("6.2.1", reason="x"), "takes one or more numbers"),
    ],
)
def test_a_marker_of_what_cannot_be_held_stops_the_collection(wrong: Any, message: str) -> None:
    with pytest.raises(pytest.UsageError, match=message):
        holders([wrong])


def test_every_run_refuses_such_a_marker(tmp_path: Path) -> None:
    file = tmp_path / "test_wrong.py"
    file.write_text("import pytest\n\n@pytest.mark.asvs('0.0.0')\ndef test_nothing(): pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(PROJECT / "pyproject.toml"), "-p", "tests.conftest"]
    done = subprocess.run([*command, str(file)], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert "0.0.0 is no requirement" in done.stderr


def section(file: Path, heading: str) -> str:
    """The text below a heading, up to the next of its level."""
    level = heading.partition(" ")[0]
    _, found, rest = file.read_text().partition(f"\n{heading}\n")
    assert found, f"{file.name} has no section {heading}"
    return rest.partition(f"\n{level} ")[0]


@pytest.mark.parametrize(
    ("heading", "says"),
    [
        pytest.param(
            "## Ways to authenticate", ["password", "access token", "API key"], marks=pytest.mark.asvs("6.1.3")
        ),
        pytest.param("### Passwords", ["words of this product", "`jobbackend`"], marks=pytest.mark.asvs("6.1.2")),
        pytest.param(
            "### What holds off guessing",
            ["an hour", "No account is ever locked", ".chalice/config.json"],
            marks=pytest.mark.asvs("6.1.1"),
        ),
        pytest.param(
            "## Sessions", ["days after its last refresh", "NIST SP 800-63B"], marks=pytest.mark.asvs("7.1.1")
        ),
        pytest.param("## Sessions", ["any number of sessions"], marks=pytest.mark.asvs("7.1.2")),
        pytest.param("## Who may do what", ["jobs:read", "administrator"], marks=pytest.mark.asvs("8.1.1")),
        pytest.param("## Who may do what", ["writes the password", "Role and state"], marks=pytest.mark.asvs("8.1.2")),
        pytest.param("## Input and limits", ["(api.md)"], marks=pytest.mark.asvs("2.1.1", "2.1.2")),
        pytest.param("## Input and limits", ["submit", "reads a minute", "bytes"], marks=pytest.mark.asvs("2.1.3")),
        pytest.param("## Input and limits", ["operations", "hashing", "waiting"], marks=pytest.mark.asvs("15.1.3")),
        pytest.param(
            "## Keys and algorithms", ["make keys", "the old one is removed"], marks=pytest.mark.asvs("11.1.1")
        ),
        pytest.param("## Keys and algorithms", ["HMAC-SHA256", "argon2id"], marks=pytest.mark.asvs("11.1.2")),
        pytest.param(
            "## What it talks to",
            ["DynamoDB, SQS, SSM, EventBridge", "the receivers that users name"],
            marks=pytest.mark.asvs("13.1.1"),
        ),
        pytest.param("## Data", ["secret", "personal"], marks=pytest.mark.asvs("14.1.1")),
        pytest.param("## Data", ["How it is kept", "encrypted"], marks=pytest.mark.asvs("14.1.2")),
        pytest.param("## What is logged", ["CloudWatch Logs", "How long"], marks=pytest.mark.asvs("16.1.1")),
    ],
)
def test_the_page_documents_what_the_asvs_asks_for(heading: str, says: list[str]) -> None:
    text = section(FILE, heading)
    assert [each for each in says if each not in text] == []


def test_the_page_says_of_each_call_who_may_make_it() -> None:
    rows = access().splitlines()[2:]
    assert len(rows) == len([endpoint for endpoint in ENDPOINTS if endpoint.is_public])
    assert set(rows) <= set(section(FILE, "## Who may do what").splitlines())
    for row in (
        "| `POST /login` | anybody |  | its own |",
        "| `GET /me` | user | none | read |",
        "| `POST /api-keys` * | user | none | read |",
        "| `PATCH /users/{username}` | administrators | none | read |",
        "| `POST /jobs` | user | jobs:write | submit |",
        "| `GET /jobs` | user | jobs:read | read |",
    ):
        assert row in rows


def test_the_page_names_each_requirement_that_is_not_met_for_a_decision_of_ours() -> None:
    text = section(FILE, "## Known deviations")
    for number in ("6.3.3", "6.4.3"):
        assert requirements()[number].not_met
        assert f"({number})" in text


@pytest.mark.asvs("15.1.1")
def test_how_soon_a_vulnerable_component_is_replaced_is_said() -> None:
    text = section(PROJECT / "SECURITY.md", "## What is supported")
    for severity in ("critical or high", "medium", "low"):
        assert re.search(rf"\| {severity} \| \d+ days \| \d+ days \|", text)
