"""
MiniStack, an AWS emulator in pure Python, as a child process on 127.0.0.1.

The child runs this module. It shares a pipe with its parent and ends itself, with every Lambda worker it started, when
the parent is gone for whatever reason: the pipe closes even when the parent is killed.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from deployment.emulated import DEFAULT_PORT, HOST

START_ATTEMPTS = 3
"""Between finding a port free and listening on it another process may take it; it is free or taken the next time."""

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 5
LISTENING = b"Running on http"
"""What Hypercorn, MiniStack's server, logs once it is bound."""


KEPT = ("PATH", "HOME", "LANG", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")
"""What the child has of the caller's environment."""


class EmulatorError(Exception):
    """The emulator did not start; the message holds the end of its log."""


@contextmanager
def running_emulator(
    *, preferred_port: int = DEFAULT_PORT, enforce_iam: bool = True, state: Path | None = None
) -> Iterator[str]:
    """
    Run MiniStack for the length of the block; give its endpoint URL.

    Listens on ``preferred_port``, or on a free one if that is taken. Its state, its log and the code of its Lambda
    workers live in a temporary folder that goes with it. With ``enforce_iam`` each function may do what its role allows
    and no more. With a ``state`` folder it begins with what an earlier one left there, and leaves its own: MiniStack
    writes its state when it is told to end, so what one that was killed had taken is gone.

    Raises:
        EmulatorError: It ended or did not answer in time.
    """
    with TemporaryDirectory(prefix="job-backend-emulator-") as folder:
        log = Path(folder, "emulator.log")
        for _ in range(START_ATTEMPTS):
            port = _free_port(preferred_port)
            process = _start(folder, port, log, enforce_iam=enforce_iam, state=state)
            try:
                if _listens(process, log):
                    yield f"http://{HOST}:{port}"
                    return
                if process.poll() is None:
                    break  # its time was up, and so would the next one's be
            finally:
                _stop(process)
        message = f"MiniStack did not start; the end of its log:\n{log.read_text(errors='replace')[-2000:]}"
        raise EmulatorError(message)


def _environment(folder: str, port: int, *, enforce_iam: bool, state: Path | None) -> dict[str, str]:
    """Return the child's whole environment: the caller's AWS settings must not reach the functions."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {
        "AUTH": "true" if enforce_iam else "false",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BIND_HOST": HOST,
        # A Docker engine on this machine is none of its business: functions run as processes.
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "PERSIST_STATE": "0" if state is None else "1",
        "PYTHONUNBUFFERED": "1",
        "SFTP_ENABLED": "0",
        "STATE_DIR": f"{folder}/state" if state is None else str(state),
        "TMPDIR": folder,
    }


def _start(folder: str, port: int, log: Path, *, enforce_iam: bool, state: Path | None) -> "subprocess.Popen[bytes]":
    with log.open("wb") as log_file:
        return subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            env=_environment(folder, port, enforce_iam=enforce_iam, state=state),
            start_new_session=True,
        )


def _free_port(preferred_port: int) -> int:
    for port in (preferred_port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            bound: int = probe.getsockname()[1]
            return bound
    message = "no port is free on 127.0.0.1"
    raise EmulatorError(message)


def _listens(process: "subprocess.Popen[bytes]", log: Path) -> bool:
    """
    Wait until the child listens; false when it has ended or its time is up.

    Its own log must say so: asked at its address, another emulator would answer in its place.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        if LISTENING in log.read_bytes():
            return True
        time.sleep(0.05)
    return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the child and its Lambda workers, which share its process group."""
    with process:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(STOP_TIMEOUT_S)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # which no one writes to: it returns when the parent's end closes
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os.killpg(0, signal.SIGTERM)
    time.sleep(STOP_TIMEOUT_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from ministack.app import main

    from localstack.lambda_code import share_code

    share_code()
    main()
