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

AT_START = {"app": 1, "chalice": 2, "chalicelib": 188, "msgspec": 12, "standardwebhooks": 2, "typing_extensions": 1}
CALLING_AWS = {"botocore": 73, "dateutil": 11, "jmespath": 8, "six": 2, "urllib3": 28}

MODULES: Mapping[str, Mapping[str, int]] = {
    "start": AT_START,
    "health": AT_START,
    "submit": {**AT_START, **CALLING_AWS, "chalicelib": 191, "jwt": 11},
    "consume": {**AT_START, **CALLING_AWS, "chalicelib": 191},
}
"""
How many modules of each package are there: when ``app`` was imported, and after each first answer.

Of what is not the standard library. A package that has no number here is not imported at all.
"""

IN_ALL_MAX = {"start": 400, "health": 400, "submit": 600, "consume": 590}
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
    for step, modules in (("start", found.modules_at_start), (what, found.modules)):
        packages = Counter(name.partition(".")[0] for name in modules - {"__main__"})
        counted = {name: number for name, number in packages.items() if name not in sys.stdlib_module_names}
        more = {name: number for name, number in counted.items() if number > MODULES[step].get(name, 0)}
        which = sorted(name for name in modules if name.partition(".")[0] in more)
        assert not more, (
            f"at {step} a new container imports more than {MODULES[step]}. Import where it is used what not every call"
            f" needs, or raise the number in MODULES if every call does: {more}, which are {which}"
        )
        assert counted["chalicelib"] == MODULES[step]["chalicelib"], (
            f"at {step} a new container imports only {counted['chalicelib']} modules of chalicelib: lower the number in"
            " MODULES to that, so that it stays so"
        )
        assert sum(packages.values()) <= IN_ALL_MAX[step], (
            f"at {step} a new container imports {sum(packages.values())} modules, most of them of the standard library;"
            f" look in what was added for what could be imported later: {sorted(modules)}"
        )


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
