"""What is said of each Python, with stand-ins for Pythons: scripts that answer as one would."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.aws import PROJECT
from tests.pythons.interpreters import Environments, found, ran_on

# Its virtual environments are made of itself. What was done is written down, a line each.
STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> {folder}/done
case "$1 $2" in
  "-c "*) echo "{version}"; echo "{version} of a test";;
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;
  "-m pip") if [ "$4" = "{fails_at}" ]; then echo "no such wheel"; exit 1; fi;;
  "-m pytest") exit {status};;
esac
"""


def stand_in(folder: Path, *, version: str = "3 12 1", status: int = 0, fails_at: str = "") -> str:
    """The path of a Python of that version whose pytest ends with ``status``."""
    file = folder / "python"
    file.write_text(STAND_IN.format(folder=folder, version=version, status=status, fails_at=fails_at))
    file.chmod(0o755)
    return str(file)


def done(folder: Path) -> list[str]:
    """What the stand-in was told to do, in order, but for saying what it is."""
    lines = (folder / "done").read_text().splitlines()
    return [line.partition(" ")[2] for line in lines if " -m " in f"{line} "]


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    (tmp_path / "pins").write_text("pytest==1\n")
    return Environments(folder=tmp_path / "build", requirements=tmp_path / "pins")


def test_a_python_is_known_by_its_answer() -> None:
    here = found(sys.executable)
    assert here is not None
    assert here.version == sys.version_info[:3]
    assert here.version_text == ".".join(map(str, sys.version_info[:3]))


def test_a_python_that_is_not_there_neither_passes_nor_fails(tmp_path: Path, environments: Environments) -> None:
    """Nor does one whose command is there and starts nothing, as that of a version manager may be."""
    empty = tmp_path / "python"
    empty.write_text("#!/bin/sh\nexit 127\n")
    empty.chmod(0o755)
    for command in (str(tmp_path / "none"), str(empty)):
        result = ran_on(command, environments, [])
        assert (result.has_passed, result.has_failed, result.said) == (False, False, "is not on this machine")


def test_the_tests_run_in_an_environment_of_the_pins(tmp_path: Path, environments: Environments) -> None:
    result = ran_on(stand_in(tmp_path), environments, ["-n", "4", "tests/unit"])
    assert (result.has_passed, result.has_failed) == (True, False)
    assert result.said.startswith("passed on 3.12.1, in ")
    assert done(tmp_path) == [
        f"-m venv {tmp_path}/build/venv-3.12",
        f"-m pip --disable-pip-version-check install -q --no-deps -r {tmp_path}/pins",
        "-m pip --disable-pip-version-check check",
        "-m pytest -n 4 tests/unit",
    ]


def test_an_environment_is_made_anew_when_the_pins_or_the_python_changed(
    tmp_path: Path, environments: Environments
) -> None:
    def makes() -> bool:
        before = len(done(tmp_path)) if (tmp_path / "done").exists() else 0
        assert ran_on(stand_in(tmp_path, version=version), environments, []).has_passed
        return any(line.startswith("-m venv") for line in done(tmp_path)[before:])

    version = "3 12 1"
    assert [makes(), makes()] == [True, False]
    (tmp_path / "pins").write_text("pytest==2\n")
    assert [makes(), makes()] == [True, False]
    version = "3 12 2"
    assert [makes(), makes()] == [True, False]


def test_tests_that_fail_on_a_python_are_said(tmp_path: Path, environments: Environments) -> None:
    result = ran_on(stand_in(tmp_path, status=3), environments, [])
    assert (result.has_passed, result.has_failed) == (False, True)
    assert result.said.startswith("FAILED on 3.12.1")
    assert result.said.endswith("exit 3")


def test_a_python_that_is_too_old_fails(tmp_path: Path, environments: Environments) -> None:
    result = ran_on(stand_in(tmp_path, version="3 10 9"), environments, [])
    assert (result.has_failed, result.said) == (True, "is 3.10.9, which is too old")


@pytest.mark.parametrize("step", ["install", "check"])
def test_pins_that_do_not_go_with_a_python_fail_it_each_time(
    tmp_path: Path, environments: Environments, step: str
) -> None:
    command = stand_in(tmp_path, fails_at=step)
    for _ in range(2):
        result = ran_on(command, environments, [])
        assert result.has_failed
        assert "could not be set up: -m pip" in result.said
        assert "no such wheel" in result.said
    assert not [line for line in done(tmp_path) if line.startswith("-m pytest")]


@pytest.mark.parametrize("pythons", ["/nowhere/python", "/nowhere/python /nowhere/other"])
def test_a_python_that_was_named_and_is_not_there_fails_the_run(pythons: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.pythons"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONS": pythons},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.split("\n")[1:-1] == [f"{each}: is not on this machine" for each in pythons.split()]
    assert ended.returncode == 1
