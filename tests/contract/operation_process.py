"""What the tests of operations in a real process share; `conftest` has the fixtures that start and end it."""

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.adapters.operation_process import OperationProcess
from chalicelib.domain.errors import AttemptFailed
from tests.aws import PROJECT

PID = "import os; answer = os.getpid()"
SPINS = "while True:\n try:\n  while True: pass\n except Exception: pass"
WAITS = "import time\nwhile not job.is_cancelled(): time.sleep(0.01)\n"

WRITES = """
import os, stat, sys
def is_socket(fd):
    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError: return False
sockets = [fd for fd in range(3, 100) if is_socket(fd)]
def write(message): os.write(sockets[0], message)
"""
"""Lets an operation write into the conversation with the consumer, as one that writes to any descriptor may."""

Make = Callable[..., OperationProcess]


def job(data: Any, *, operation: str = "script", attempt: int = 1, timeout_s: float = 30) -> Any:
    return SimpleNamespace(
        key=SimpleNamespace(owner_id="the-owner", job_id="the-job"),
        operation=operation,
        data_json=json.dumps(data),
        attempt=attempt,
        timeout=timedelta(seconds=timeout_s),
    )


def no() -> bool:
    return False


def run(process: OperationProcess, data: Any, *, is_cancelled: Callable[[], bool] = no, **fields: Any) -> Any:
    """The result, as a value."""
    return json.loads(process.run(job(data, **fields), is_cancelled=is_cancelled))


def failure(process: OperationProcess, data: Any, **fields: Any) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as failed:
        process.run(job(data, **fields), is_cancelled=no)
    assert str(failed.value) == failed.value.detail
    return failed.value


def is_gone(pid: int) -> bool:
    """Whether there is no such process, not even a dead one that nobody waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def await_death(pid: int) -> None:
    """Wait for a child of this process to die, and leave it to be waited for again."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def slow_package(folder: Path, *, start_s: float) -> str:
    """Write a package with the operation ``script`` that takes so long to import; return its name."""
    package = folder / "slow_operations"
    package.mkdir()
    (package / "__init__.py").write_text(f"import time\ntime.sleep({start_s})\n")
    (package / "script.py").write_text((PROJECT / "tests/operations/script.py").read_text())
    return package.name
