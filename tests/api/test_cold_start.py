"""
What a new container imports until its first answers, and that `benchmarks.cold_start` enters it as Lambda does.

Imports are most of a cold start. They are counted, as counts are the same on every machine.
"""

import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import botocore
import pytest

from benchmarks.answering import answering
from benchmarks.contestants import API, CONSUMER, OF_THE_RUNTIME, PRODUCT, Mode, Program, with_needs
from benchmarks.entering import Failed, Order, entered
from benchmarks.first_answers import Stand, standing
from tests.aws import PROJECT, client

ALWAYS = {"app": 1, "chalice": 2, "httptools": 7, "msgspec": 12}

MODULES: Mapping[str, Mapping[str, Mapping[str, int]]] = {
    "health": {"start": {**ALWAYS, "chalicelib": 115}, "end": {**ALWAYS, "chalicelib": 115}},
    "submit": {"start": {**ALWAYS, "chalicelib": 115}, "end": {**ALWAYS, "chalicelib": 129, "jwt": 11}},
    "consume": {"start": {**ALWAYS, "chalicelib": 67}, "end": {**ALWAYS, "chalicelib": 67}},
}
"""
How many modules of each package are there, when ``app`` was imported and at the end of each first answer.

Of what is not the standard library. A package that has no number here is not imported at all.
"""

IN_ALL_MAX = {"start": 330, "end": 370}
"""With the standard library, which is somewhat larger in one version of Python than in another."""


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    with standing() as made:
        yield made


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The product as it is here, with as much beside it as Lambda has."""
    folder = tmp_path_factory.mktemp("beside")
    installed = Path(botocore.__file__).parent.parent
    wanted = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]["lambda"]
    found = [*with_needs(wanted, installed), *with_needs(["boto3"], installed, OF_THE_RUNTIME)]
    names = {file.parts[0] for each in found for file in each.files or []}
    for name in [*sorted(names - {"..", "__pycache__"}), "chalice"]:
        (folder / name).symlink_to(installed / name)
    return Program(name=PRODUCT, mode=Mode.SOURCE, path=(PROJECT, folder), api=API, consumer=CONSUMER)


@pytest.mark.parametrize("what", ["health", "submit", "consume"])
def test_a_first_answer_imports_no_more_than_it_did(stand: Stand, program: Program, what: str) -> None:
    found = stand.first_answer(program, what)
    assert min(found.wall_ms, found.cpu_ms) > 0
    for step, modules in (("start", found.modules_at_start), ("end", found.modules)):
        packages = Counter(name.partition(".")[0] for name in modules - {"__main__"})
        counted = {name: number for name, number in packages.items() if is_other_peoples_or_ours(name)}
        wanted = MODULES[what][step]
        which = sorted(name for name in modules if counted.get(of := name.partition(".")[0], 0) != wanted.get(of, 0))
        assert counted == wanted, (
            f"at the {step} of a new container's {what} other modules are there than MODULES has. Import where it is"
            f" used what not every call needs, or change the number if every call does: {which}"
        )
        assert sum(packages.values()) <= IN_ALL_MAX[step], (
            f"at the {step} {sum(packages.values())} modules are there, most of them of the standard library; look in"
            f" what was added for what could be imported later: {sorted(modules)}"
        )


def is_other_peoples_or_ours(package: str) -> bool:
    """Whether it is a package in the zip; compiled modules also bring some of their own making."""
    return package not in sys.stdlib_module_names and "cython" not in package


def test_a_program_that_ends_without_an_answer_is_told_of_with_what_it_said(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit('no luck')")
    with pytest.raises(Failed, match="no luck"):
        entered(Order(interpreter=Path(sys.executable), path=[tmp_path], module="broken", environment={}))


def test_the_stand_in_answers_as_it_was_told_and_tells_what_it_was_asked() -> None:
    with answering({"GetItem": {}, "GetItem users": {"Item": {"name": {"S": "ada"}}}, "SendMessage": {}}) as aws:
        dynamodb, sqs = client("dynamodb", aws.endpoint_url), client("sqs", aws.endpoint_url)
        key = {"name": {"S": "ada"}}
        assert dynamodb.get_item(TableName="users", Key=key)["Item"] == {"name": {"S": "ada"}}
        assert "Item" not in dynamodb.get_item(TableName="jobs", Key=key)
        sqs.send_message(QueueUrl="https://example.com/jobs", MessageBody="checked by boto3")
        with pytest.raises(dynamodb.exceptions.ClientError, match="nobody said what to answer to PutItem"):
            dynamodb.put_item(TableName="users", Item=key)
        assert [operation for operation, _ in aws.taken()] == ["GetItem", "GetItem", "SendMessage", "PutItem"]
        assert aws.taken() == []
