"""
Redis and PostgreSQL for the length of a measurement: on free ports of 127.0.0.1, in a folder that goes with them.

Both keep what they do as Debian sets them up: PostgreSQL writes its log to disk before it answers (``fsync``), Redis
saves now and then (``save 3600 1 300 100 60 10000``, no append-only file), which is also what each does without a
configuration. Each server is held by a process of `benchmarks.peers.held`, which ends it when this process is gone, in
whatever way. PostgreSQL refuses to run as root, so for root it runs as Debian's user ``postgres``.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import PROJECT
from benchmarks.peers.held import SEPARATOR

HOST = "127.0.0.1"
START_MAX_S = 30
END_MAX_S = 15
DEBIANS_POSTGRESQL = Path("/usr/lib/postgresql")
"""Debian keeps the programs of each version there, out of the path."""

PACKAGES = ("redis-server", "postgresql")
USER = "bench"
UNPRIVILEGED = "postgres"


class ServersMissing(Exception):
    """Redis or PostgreSQL is not installed, or does not start; the message says what to type, or what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: where clients find it, and its process, whose family it is."""

    url: str
    pid: int


def installed_programs(path: str | None = None, postgresql: Path = DEBIANS_POSTGRESQL) -> tuple[Path, Path]:
    """
    Return Redis's server, and the folder of PostgreSQL's programs; ``path`` is searched, that of this process if none.

    Raises:
        ServersMissing: One is not there; the message says what to type.
    """
    redis = shutil.which("redis-server", path=path)
    versions = sorted(postgresql.glob("*/bin/initdb"), key=lambda program: float(program.parent.parent.name))
    initdb = str(versions[-1]) if versions else shutil.which("initdb", path=path)
    missing = [name for name, found in (("redis-server", redis), ("PostgreSQL", initdb)) if found is None]
    if redis is None or initdb is None:
        message = (
            f"{' and '.join(missing)}: not installed, and the benchmark compares with it. On Debian and Ubuntu type"
            f" sudo apt-get install --no-install-recommends {' '.join(PACKAGES)}"
            " and on macOS brew install redis postgresql"
        )
        raise ServersMissing(message)
    return Path(redis), Path(initdb).parent


def install() -> None:
    """
    Install what is missing, where this process may: as root, with ``apt-get``. Debian may start both as services.

    Raises:
        ServersMissing: Something is missing still.
    """
    try:
        installed_programs()
    except ServersMissing:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise
        command = ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]
        print(f"Installing the servers to compare with: {' '.join(command)}", file=sys.stderr)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(command, check=False, stdout=sys.stderr, env=environment)  # noqa: S603 - no input in it
        installed_programs()


@contextmanager
def running_redis() -> Iterator[Server]:
    """
    Run Redis for the length of the block.

    Raises:
        ServersMissing: It is not installed, or does not start.
    """
    program, _ = installed_programs()
    with TemporaryDirectory(prefix="job-backend-redis-", ignore_cleanup_errors=True) as name:
        port, password = free_port(), secrets.token_urlsafe(16)
        configuration = Path(name, "redis.conf")
        configuration.touch(mode=0o600)
        configuration.write_text(
            f'bind {HOST}\nport {port}\ndir {name}\nunixsocket ""\nrequirepass {password}\n'
            "save 3600 1 300 100 60 10000\nappendonly no\n"
        )
        log = Path(name, "log")

        def answers() -> bool:
            with socket.create_connection((HOST, port), timeout=1) as connection:
                connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
                return b"PONG" in connection.makefile("rb").read()

        with held([str(program), str(configuration)], log, answers) as pid:
            yield Server(url=f"redis://:{password}@{HOST}:{port}/0", pid=pid)


@contextmanager
def running_postgresql() -> Iterator[Server]:
    """
    Run PostgreSQL for the length of the block, with an empty database.

    Raises:
        ServersMissing: It is not installed, or does not start.
    """
    _, programs = installed_programs()
    user = pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None
    with TemporaryDirectory(prefix="job-backend-postgresql-", ignore_cleanup_errors=True) as name:
        port, password = free_port(), secrets.token_urlsafe(16)
        password_file, data, log = Path(name, "password"), Path(name, "data"), Path(name, "log")
        password_file.touch(mode=0o600)
        password_file.write_text(password)
        if user is not None:
            for path in (name, password_file):
                os.chown(path, user.pw_uid, user.pw_gid)
        command = [programs / "initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={password_file}"]
        command += [SEPARATOR, programs / "postgres", "-D", data, "-h", HOST, "-p", str(port), "-k", ""]
        ready: list[str | Path] = [programs / "pg_isready", "-h", HOST, "-p", str(port), "-q"]
        as_user = UNPRIVILEGED if user is not None else ""

        def answers() -> bool:
            return subprocess.run(ready, check=False).returncode == 0  # noqa: S603 - a program of PostgreSQL

        with held([str(part) for part in command], log, answers, user=as_user) as pid:
            yield Server(url=f"postgresql+psycopg://{USER}:{password}@{HOST}:{port}/postgres", pid=pid)


@contextmanager
def held(
    command: list[str], log: Path, answers: Callable[[], bool], *, user: str = "", env: Mapping[str, str] | None = None
) -> Iterator[int]:
    """
    Run a server for the length of the block, which begins when it answers; give the process that holds it.

    The folder of its ``log`` is removed afterwards; ``env`` is added to this process's environment.

    Raises:
        ServersMissing: It ended, or did not answer in time.
    """
    with log.open("wb") as log_file:
        process = subprocess.Popen(  # noqa: S603 - a server, with no input in its command
            [sys.executable, "-m", "benchmarks.peers.held", str(log.parent), user, *command],
            stdin=subprocess.PIPE,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            cwd=PROJECT,
            env=os.environ | (env or {}),
            start_new_session=True,
        )
    with process:
        try:
            deadline = time.monotonic() + START_MAX_S
            while not _is_ready(answers):
                if process.poll() is not None or time.monotonic() >= deadline:
                    message = (
                        f"{command[0]} did not start; the end of its log:\n{log.read_text(errors='replace')[-2000:]}"
                    )
                    raise ServersMissing(message)
                time.sleep(0.02)
            yield process.pid
        finally:
            assert process.stdin is not None  # noqa: S101 - as it was asked for
            process.stdin.close()
            process.wait(END_MAX_S)


def _is_ready(answers: Callable[[], bool]) -> bool:
    try:
        return answers()
    except OSError:
        return False


def free_port() -> int:
    """Return a port of this machine at which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
