"""
The peer's processes, as a measurement has them: Redis, PostgreSQL, uvicorn with the API, and a Celery worker.

uvicorn has one process, uvloop and httptools, and writes no access log; the worker has the prefork pool with one
child, no gossip, no mingling, no heartbeat, and logs warnings only: as their documentation has it for whoever wants
them fast.
"""

import json
import os
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

import jwt

from benchmarks import PEERS_PYTHON, processor_time
from benchmarks.line_process import LineProcess, line_process
from benchmarks.peers.servers import HOST, Server, free_port, held, running_postgresql, running_redis
from chalicelib.adapters.system import SystemClock

PACKAGE = "benchmarks.peers.celery_peer"
USER_ID = "6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a22"
ISSUER = "celery-peer"
NO_LIMIT = 1_000_000
"""Submissions a minute: one user makes them all, and each is counted as always."""

UVICORN = ("--no-access-log", "--log-level", "warning", "--loop", "uvloop", "--http", "httptools")
WORKER = ("-P", "prefork", "-c", "1", "-l", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat")


class PeersMissing(Exception):
    """The peers' environment is not there; the message says what to type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CeleryStack:
    """
    The stack while it runs.

    ``in_process`` is the API without a server, and looks at the jobs; ``netloc`` is where uvicorn has it.
    """

    redis: Server
    postgresql: Server
    api_pid: int
    worker_pid: int
    netloc: str
    token: str
    in_process: LineProcess

    def servers_s(self) -> float:
        """Return the processor time of Redis and PostgreSQL."""
        return processor_time.of_family(self.redis.pid) + processor_time.of_family(self.postgresql.pid)

    @contextmanager
    def without_worker(self) -> Iterator[None]:
        """Have the worker stand still for the length of the block, and its queue grow."""
        processes = processor_time.descendants(self.worker_pid)
        _signal(processes, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(processes, signal.SIGCONT)

    def headers(self) -> dict[str, str]:
        """Return those of a request of the user."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}


@contextmanager
def running_celery_stack() -> Iterator[CeleryStack]:
    """
    Run the peer for the length of the block.

    Raises:
        PeersMissing: Its environment is not installed.
        ServersMissing: A server is not installed, or something does not start.
    """
    if not PEERS_PYTHON.exists():
        message = f"{PEERS_PYTHON} is not there; make bench installs what the benchmarks compare with"
        raise PeersMissing(message)
    with ExitStack() as resources:
        folder = Path(
            resources.enter_context(TemporaryDirectory(prefix="job-backend-peer-", ignore_cleanup_errors=True))
        )
        redis = resources.enter_context(running_redis())
        postgresql = resources.enter_context(running_postgresql())
        secret = secrets.token_hex(16)
        env = {
            "DATABASE_URL": postgresql.url,
            "REDIS_URL": redis.url,
            "TOKEN_SECRET": secret,
            "SUBMITS_PER_MINUTE": str(NO_LIMIT),
        }
        in_process = resources.enter_context(line_process([str(PEERS_PYTHON), "-m", f"{PACKAGE}.in_process"], env))
        in_process.ask(set_up=True)
        port = free_port()
        api = [str(PEERS_PYTHON), "-m", "uvicorn", f"{PACKAGE}.api:app", "--host", HOST, "--port", str(port), *UVICORN]
        worker = [str(PEERS_PYTHON), "-m", "celery", "-A", f"{PACKAGE}.queue:queue", "worker", *WORKER]
        api_pid = resources.enter_context(held(api, folder / "api.log", lambda: _listens(port), env=env))
        # That it is ready is known by its first job.
        worker_pid = resources.enter_context(held(worker, folder / "worker.log", lambda: True, env=env))
        yield CeleryStack(
            redis=redis,
            postgresql=postgresql,
            api_pid=api_pid,
            worker_pid=worker_pid,
            netloc=f"{HOST}:{port}",
            token=_token(secret),
            in_process=in_process,
        )


def submitted(stack: CeleryStack, body: str, connection: HTTPConnection) -> str:
    """
    Submit a job over HTTP; return its id.

    Raises:
        ValueError: It was not accepted.
    """
    connection.request("POST", "/jobs", body, stack.headers())
    response = connection.getresponse()
    answer = json.load(response)
    if response.status != 202:  # noqa: PLR2004 - Accepted
        raise ValueError(answer)
    return str(answer["job_id"])


def _token(secret: str) -> str:
    now = SystemClock().now()
    claims = {"iss": ISSUER, "aud": ISSUER, "sub": USER_ID, "jti": USER_ID, "iat": now, "exp": now + timedelta(hours=1)}
    return jwt.encode(claims, secret, algorithm="HS256")


def _listens(port: int) -> bool:
    with socket.create_connection((HOST, port), timeout=1):
        return True


def _signal(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        os.kill(process, number)
