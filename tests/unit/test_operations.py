import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chalicelib import operations
from chalicelib.domain.errors import InvalidInput, JobFailed
from chalicelib.domain.operations import OperationPolicy, RunningJob
from chalicelib.operations.registry import OperationRegistry, TypedOperation

REGISTRY = OperationRegistry(operations)
SQUARE_SUM = next(each for each in REGISTRY.all() if each.name == "square_sum")


def operation(source: str, name: str = "probe") -> TypedOperation:
    """The operation of a module with this source."""
    module = ModuleType(f"somewhere.{name}")
    exec(source, module.__dict__)
    return TypedOperation.from_module(module)


def test_the_operations_are_those_there_are_modules_of() -> None:
    folder = Path(operations.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "registry"}
    assert {each.name for each in REGISTRY.all()} == modules >= {"square_sum", "cube_sum"}
    assert REGISTRY.find("no_such") is None


@pytest.fixture
def documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperationRegistry]:
    """The operations of the page on adding an operation, word for word."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "add-an-operation.md").read_text()
    sources = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    package = tmp_path / "documented_operations"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, source in zip(["word_count", "longest_word"], sources, strict=True):
        (package / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    yield OperationRegistry(__import__("documented_operations"))
    for name in [name for name in sys.modules if name.startswith("documented_operations")]:
        monkeypatch.delitem(sys.modules, name)


def test_a_module_put_into_the_package_is_an_operation(documented: OperationRegistry) -> None:
    word_count = documented.find("word_count")
    assert word_count is not None
    assert word_count.description == "Number of times each word occurs in a text."
    assert word_count.input_schema == {"type": "string"}
    assert json.loads(word_count.run('"to be or not to be"')) == {"to": 2, "be": 2, "or": 1, "not": 1}


def test_the_documented_policy_and_job_are_as_they_are_described(documented: OperationRegistry) -> None:
    longest_word = documented.find("longest_word")
    assert longest_word is not None
    assert longest_word.policy == OperationPolicy(max_attempts=5, timeout_s=10, final_errors=(UnicodeError,))
    assert longest_word.run('["to be or not", "that is the question", ""]', AnyJob()) == '"question"'
    assert longest_word.run('[""]', AnyJob()) == '""'


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("", "must define a plain function probe"),
        ("probe = 1", "must define a plain function probe"),
        ("async def probe(data: int) -> int:\n 'Doc.'", "must define a plain function probe"),
        ("import re\ndef probe(data: re.Pattern) -> int:\n 'Doc.'", "of a type that JSON has no form for"),
        ("def probe(data):\n 'Doc.'", "must take exactly one parameter, data, and annotate it and the result"),
        ("def probe(data: int):\n 'Doc.'", "annotate it and the result"),
        ("def probe(data: int, more: int) -> int:\n 'Doc.'", "exactly one parameter"),
        ("def probe(data: int, job) -> int:\n 'Doc.'", "a second parameter may be job: RunningJob"),
        ("def probe(job: int, data: int) -> int:\n 'Doc.'", "exactly one parameter, data"),
        ("def probe(data: int, job: int) -> int:\n 'Doc.'", "must annotate job as .*RunningJob"),
        ("POLICY = {'timeout_s': 5}\ndef probe(data: int) -> int:\n 'Doc.'", "POLICY must be a .*OperationPolicy"),
        ("def probe(number: int) -> int:\n 'Doc.'", "exactly one parameter, data"),
        ("def probe(data: int) -> int:\n return 1", "needs a docstring"),
        ("def probe(data: int) -> int:\n ' '\n return 1", "needs a docstring"),
    ],
)
def test_a_module_that_is_no_operation_is_told_why(source: str, complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        operation(source)


class AnyJob:
    """A job in its second attempt."""

    attempt = 2

    def is_cancelled(self) -> bool:
        return False

    def time_left_s(self) -> float:
        return 1.0


def test_a_function_that_asks_for_it_gets_the_job_it_runs_for() -> None:
    job: RunningJob = AnyJob()
    source = "from chalicelib.domain.operations import RunningJob\n"
    asking = operation(source + "def probe(data: int, job: RunningJob) -> int:\n 'Doc.'\n return data + job.attempt")
    assert asking.run("40", job) == "42"
    assert asking.input_schema == {"type": "integer"}, "the job is no part of the input"
    other = operation("def probe(data: int) -> int:\n 'Doc.'\n return data")
    assert other.run("40", job) == "40"


def test_an_operation_says_in_its_module_how_it_is_tried() -> None:
    source = "def probe(data: int) -> int:\n 'Doc.'\n return data\n"
    assert operation(source).policy == OperationPolicy()
    source += "from chalicelib.domain.operations import OperationPolicy\nPOLICY = OperationPolicy(timeout_s=5)"
    assert operation(source).policy == OperationPolicy(timeout_s=5)


@pytest.mark.parametrize(
    ("sent", "accepted"),
    [
        ("[]", "[]"),
        ("[1, 2.5,\n-3]", "[1,2.5,-3]"),
        ("[100000000000000000000, 1]", "[100000000000000000000,1]"),
        ("[1.0, 1e2, -0.0]", "[1.0,100.0,-0.0]"),
        ("[" + "9" * 1000 + "]", "[" + "9" * 1000 + "]"),
    ],
)
def test_lists_of_numbers_are_kept_as_they_are(sent: str, accepted: str) -> None:
    assert SQUARE_SUM.accepted_input(sent.encode()) == accepted


@pytest.mark.asvs("1.5.2", "2.2.1")
@pytest.mark.parametrize(
    ("sent", "pointer", "detail"),
    [
        ("{}", "#/data", "expected a list, got an object"),
        ("null", "#/data", "expected a list, got null"),
        ('[1, "2"]', "#/data/1", "expected a number, got text"),
        ("[true]", "#/data/0", "expected a number, got true or false"),
        ("[[1]]", "#/data/0", "expected a number, got a list"),
        ("[1e400]", "#/data/0", "out of range; an integer may have 1000 digits, and a float reach"),
        ("[1, " + "9" * 1001 + "]", "#/data/1", "integer of more than 1000 digits"),
        ("[-" + "9" * 1001 + "]", "#/data/0", "integer of more than 1000 digits"),
        ("[" + "9" * 10_000 + "]", "#/data/0", "out of range; an integer may have 1000 digits"),
        ("[" * 100_000 + "]" * 100_000, "#/data/0", "got a list"),
    ],
)
def test_other_data_is_refused_where_it_is_wrong(sent: str, pointer: str, detail: str) -> None:
    with pytest.raises(InvalidInput, match=detail.replace("|", r"\|")) as refused:
        SQUARE_SUM.accepted_input(sent.encode())
    assert refused.value.pointer == pointer


@pytest.mark.asvs("1.4.2")
def test_an_oversized_integer_is_found_in_any_shape() -> None:
    nested = operation("def probe(data: dict[str, list[int | str]]) -> int:\n 'Doc.'\n return 1")
    assert nested.accepted_input(b'{"a": ["1"]}') == '{"a":["1"]}'
    with pytest.raises(InvalidInput) as refused:
        nested.accepted_input(b'{"a": ["1"], "b/~\xc3\xa9": [2, %d]}' % 10**1000)
    assert refused.value.pointer == "#/data/b~1~0%C3%A9/1"


def test_a_recursive_type_is_no_way_to_exhaust_the_stack() -> None:
    anything: Any = operation("from typing import Any\ndef probe(data: Any) -> int:\n 'Doc.'\n return 1")
    with pytest.raises(InvalidInput, match="nested too deeply"):
        anything.accepted_input(b"[" * 100_000 + b"]" * 100_000)


def test_results_are_exact() -> None:
    assert SQUARE_SUM.run("[100000000000000000000,1]") == "1" + "0" * 39 + "1"
    assert SQUARE_SUM.run("[0.5,0.5]") == "0.5"
    assert SQUARE_SUM.run("[]") == "0"


def test_the_largest_accepted_integers_have_a_result() -> None:
    cube_sum = next(each for each in REGISTRY.all() if each.name == "cube_sum")
    largest = int("9" * 1000)
    assert int(cube_sum.run(json.dumps([largest] * 200))) == 200 * largest**3


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        ("float('nan')", "no JSON form"),
        ("[float('inf')]", "no JSON form"),
        ("10 ** 5000", "no JSON form"),
        ("object()", "no JSON form"),
        ("{(1, 2): 3}", "no JSON form"),
        ("ENDLESS", "no JSON form"),
    ],
)
def test_a_result_that_has_no_json_form_fails_the_job(result: str, complaint: str) -> None:
    """It would have none in another attempt either."""
    probe = operation(
        f"ENDLESS = []\nENDLESS.append(ENDLESS)\ndef probe(data: int) -> object:\n 'Doc.'\n return {result}"
    )
    with pytest.raises(JobFailed, match=complaint):
        probe.run("1")


def test_typed_results_become_json() -> None:
    probe = operation(
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Answer:\n    total: int\n    label: str\n"
        "def probe(data: int) -> Answer:\n 'Doc.'\n return Answer(data, 'é')"
    )
    assert json.loads(probe.run("7")) == {"total": 7, "label": "é"}


def test_data_that_is_not_text_is_refused() -> None:
    lengths = operation(
        "def probe(data: list[str]) -> int:\n    'Length of all texts.'\n    return sum(map(len, data))\n"
    )
    with pytest.raises(InvalidInput, match="the data is not UTF-8") as refused:
        lengths.accepted_input(b'["\xff"]')
    assert refused.value.pointer == "#/data"
