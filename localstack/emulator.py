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
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

HOST = "127.0.0.1"
DEFAULT_PORT = 4566
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 5


class EmulatorError(Exception):
    """The emulator did not start; the message holds the end of its log."""


@contextmanager
def running_emulator(*, enforce_iam: bool = True) -> Iterator[str]:
    """
    Run MiniStack for the length of the block; give its endpoint URL.

    Listens on 4566, or on a free port if that is taken. Its state, its log and the code of its Lambda workers live in a
    temporary folder that goes with it. With ``enforce_iam`` each function may do what its role allows and no more.

    Raises:
        EmulatorError: It ended or did not answer in time.
    """
    port = _free_port()
    url = f"http://{HOST}:{port}"
    with TemporaryDirectory(prefix="job-backend-emulator-") as folder:
        log = Path(folder, "emulator.log")
        with log.open("wb") as log_file:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                env=_environment(folder, port, enforce_iam=enforce_iam),
                start_new_session=True,
            )
        try:
            _wait_until_ready(url, process, log)
            yield url
        finally:
            _stop(process)


def is_ready(endpoint_url: str) -> bool:
    """Tell whether an emulator answers there; the address of the question is LocalStack's, and MiniStack's too."""
    try:
        with urllib.request.urlopen(f"{endpoint_url.rstrip('/')}/_localstack/health", timeout=2):  # noqa: S310 - an emulator's
            return True
    except (OSError, ValueError):
        return False


def _environment(folder: str, port: int, *, enforce_iam: bool) -> dict[str, str]:
    """Return the child's whole environment: the caller's AWS settings must not reach the functions."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return kept | {
        "AUTH": "true" if enforce_iam else "false",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BIND_HOST": HOST,
        # A Docker engine on this machine is none of its business: functions run as processes.
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "SFTP_ENABLED": "0",
        "TMPDIR": folder,
    }


def _free_port() -> int:
    for port in (DEFAULT_PORT, 0):
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


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if is_ready(url):
            return
        time.sleep(0.05)
    message = f"MiniStack did not start; the end of its log:\n{log.read_text(errors='replace')[-2000:]}"
    raise EmulatorError(message)


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
    sys.stdin.buffer.read()
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os.killpg(0, signal.SIGTERM)
    time.sleep(STOP_TIMEOUT_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from ministack.app import main

    main()
