"""Pythons other than the one that runs this: whether they are there, and how the tests do on them."""

import hashlib
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SUPPORTED = ("python3.11", "python3.12", "python3.13")
"""Those that Lambda has, from the oldest one that the product runs on."""

OLDEST = (3, 11)
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How the tests did on one Python; on one that is not there they neither passed nor failed."""

    command: str
    said: str
    has_passed: bool = False
    has_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python: what starts it, and its version as three numbers and as all that it says of itself."""

    command: str
    version: tuple[int, int, int]
    build: str

    @property
    def version_text(self) -> str:
        """Its version as people write it."""
        return ".".join(map(str, self.version))


class NotInstalled(Exception):
    """The environment of a Python could not be made; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environments:
    """The virtual environments of all Pythons, in ``folder``, each made of the pinned ``requirements``."""

    folder: Path
    requirements: Path

    def python(self, interpreter: Interpreter) -> Path:
        """
        Return the Python of an environment that has what is pinned.

        Raises:
            NotInstalled: The environment could not be made, or one of the packages does not go with this Python.
        """
        major, minor, _ = interpreter.version
        environment = self.folder / f"venv-{major}.{minor}"
        python, marker = environment / "bin" / "python", environment / ".installed"
        wanted = hashlib.sha256(self.requirements.read_bytes() + interpreter.build.encode()).hexdigest()
        if not marker.exists() or marker.read_text() != wanted:
            shutil.rmtree(environment, ignore_errors=True)
            print(f"Installing the development environment of Python {interpreter.version_text} …", flush=True)
            _install(interpreter.command, "-m", "venv", str(environment))
            pip = (str(python), "-m", "pip", "--disable-pip-version-check")
            _install(*pip, "install", "-q", "--no-deps", "-r", str(self.requirements))
            _install(*pip, "check")
            marker.write_text(wanted)  # last: what was cut short is made anew
        return python


def found(command: str) -> Interpreter | None:
    """Return the Python behind a command, or nothing: a command may stand for one that is not there."""
    script = "import sys; print(*sys.version_info[:3]); print(sys.executable, sys.version)"
    try:
        done = subprocess.run([command, "-c", script], capture_output=True, text=True, check=False)
    except OSError:
        return None
    if done.returncode != 0:
        return None
    version, _, build = done.stdout.partition("\n")
    major, minor, micro = map(int, version.split())
    return Interpreter(command=command, version=(major, minor, micro), build=build)


def ran_on(command: str, environments: Environments, arguments: Sequence[str]) -> Result:
    """Run pytest with these arguments on the Python behind ``command``; what it prints is seen."""
    interpreter = found(command)
    if interpreter is None:
        return Result(command=command, said="is not on this machine")
    if interpreter.version < OLDEST:
        return Result(command=command, said=f"is {interpreter.version_text}, which is too old", has_failed=True)
    try:
        python = environments.python(interpreter)
    except NotInstalled as failed:
        said = f"{interpreter.version_text}, could not be set up: {failed}"
        return Result(command=command, said=said, has_failed=True)
    print(f"\nTests on Python {interpreter.version_text}", flush=True)
    begun = time.monotonic()
    done = subprocess.run([str(python), "-m", "pytest", *arguments], cwd=PROJECT, check=False)
    took = f"{interpreter.version_text}, in {time.monotonic() - begun:.0f} s"
    if done.returncode != 0:
        return Result(command=command, said=f"FAILED on {took}, exit {done.returncode}", has_failed=True)
    return Result(command=command, said=f"passed on {took}", has_passed=True)


def _install(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        message = f"{' '.join(command[1:4])} failed (exit {done.returncode}):\n{done.stdout[-2000:]}"
        raise NotInstalled(message)
