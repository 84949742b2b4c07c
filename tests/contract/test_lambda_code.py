"""The code of the emulator's functions, unpacked once for all processes that run it."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest

from localstack.lambda_code import SharedZip
from tests.aws import client

SAYS_WHERE = """
import os, pathlib, time
import package.module
def handler(event, context):
    time.sleep(event["for_s"])  # so that another process is started for the next
    file = pathlib.Path(__file__)
    says = (file.parent / "data" / "text").read_text()
    bytecode = pathlib.Path(package.module.__cached__)
    return {
        "pid": os.getpid(),
        "file": str(file),
        "real_file": str(file.resolve()),
        "bytecode": str(bytecode.resolve()) if bytecode.exists() else None,
        "says": says,
    }
"""


def zipped(says: str) -> bytes:
    archive = io.BytesIO()
    with ZipFile(archive, "w") as code:
        code.writestr("where.py", SAYS_WHERE)
        code.writestr("data/text", says)
        code.writestr("package/module.py", "pass")
    return archive.getvalue()


def test_processes_of_a_function_share_its_code_and_an_update_has_its_own(ministack: str) -> None:
    functions, name = client("lambda", ministack), f"where-{uuid4()}"
    functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="where.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Code={"ZipFile": zipped("one")},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})

    def asked(for_s: float) -> dict[str, Any]:
        answer = functions.invoke(FunctionName=name, Payload=json.dumps({"for_s": for_s}))
        said: dict[str, Any] = json.loads(answer["Payload"].read())
        return said

    try:
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(asked, [1.0] * 3))
        assert len({each["pid"] for each in answers}) == 3
        assert len({each["file"] for each in answers}) == 3
        assert len({each["real_file"] for each in answers}) == 1
        assert len({each["bytecode"] for each in answers} - {None}) == 1
        functions.update_function_code(FunctionName=name, ZipFile=zipped("another"))
        functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        updated = asked(0)
    finally:
        functions.delete_function(FunctionName=name)
    assert [each["says"] for each in [*answers, updated]] == ["one"] * 3 + ["another"]
    assert updated["real_file"] not in {each["real_file"] for each in answers}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def unpacked(archive: Path, into: Path) -> list[str]:
    into.mkdir()
    with SharedZip(archive) as code:
        code.extractall(into)
    return sorted(str(path.relative_to(into)) for path in into.rglob("*") if path.is_file())


def test_many_at_once_get_all_of_it(temporary: Path) -> None:
    archive = temporary / "code.zip"
    with ZipFile(archive, "w") as code:
        for number in range(1000):
            code.writestr(f"module_{number}.py", "pass")
    together = Barrier(8)

    def found(number: int) -> int:
        together.wait()
        return len(unpacked(archive, temporary / str(number)))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(found, range(8))) == [1000] * 8
    assert len(list((temporary / "unpacked").iterdir())) == 1


def test_what_was_unpacked_in_part_is_not_taken(temporary: Path) -> None:
    """As after a full disk."""
    archive = temporary / "code.zip"
    with ZipFile(archive, "w") as code:
        code.writestr("first.py", "pass")
        code.writestr("second.py", "pass")
    whole = archive.read_bytes()
    archive.write_bytes(whole.replace(b"pass", b"fail", 2).replace(b"fail", b"pass", 1))
    with pytest.raises(Exception, match="Bad CRC-32"):
        unpacked(archive, temporary / "broken")
    assert list((temporary / "unpacked").iterdir()) == []
    with pytest.raises(Exception, match="Bad CRC-32"):
        unpacked(archive, temporary / "broken-again")


def test_a_zip_with_nothing_in_it_is_unpacked(temporary: Path) -> None:
    archive = temporary / "code.zip"
    with ZipFile(archive, "w"):
        pass
    assert unpacked(archive, temporary / "nothing") == []


def test_some_of_it_is_unpacked_as_ever(temporary: Path) -> None:
    archive = temporary / "code.zip"
    archive.write_bytes(zipped("text"))
    with SharedZip(archive) as code:
        code.extractall(temporary / "part", ["where.py"])
    assert not (temporary / "part" / "where.py").is_symlink()
    assert not (temporary / "unpacked").exists()
