"""When the process of an operation dies, cannot be started or is of no further use; and when its consumer dies."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.adapters import child_process
from chalicelib.adapters.operation_process import OperationProcess
from tests.aws import PROJECT
from tests.contract.operation_process import (
    PID,
    SPINS,
    WRITES,
    Make,
    await_death,
    failure,
    is_gone,
    run,
    slow_package,
)

# Death of the process


@pytest.mark.parametrize(
    ("source", "how"),
    [
        ("import os; os._exit(3)", "ended with exit code 3"),
        ("import os; os._exit(0)", "ended with exit code 0"),
        ("import os; os.kill(os.getpid(), 9)", "ended with signal 9 (SIGKILL)"),
        ("import ctypes; ctypes.string_at(0)", "ended with signal 11 (SIGSEGV)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGRTMIN + 1)", "ended with signal 35 (a real-time signal)"),
        ("import os; os.closerange(3, 30)\nwhile True: pass", "closed the connection"),
        (WRITES + "write(b'\\0\\0\\1\\0half'); os._exit(4)", "ended with exit code 4"),
        (WRITES + "write(b'\\xff' * 4)\nwhile True: pass", "sent what is no message: a message of 4294967295 bytes"),
        (WRITES + "write(b'\\0\\0\\0\\14\\x81\\xa4type\\xa5Ready')\nwhile True: pass", "spoke out of turn"),
    ],
)  # fmt: skip
def test_an_operation_takes_down_only_its_process(
    process: OperationProcess, monkeypatch: pytest.MonkeyPatch, source: str, how: str
) -> None:
    # One that goes on is not waited for any longer, and one that ends for as long as it takes on a busy machine.
    monkeypatch.setattr(child_process, "EXIT_MAX_S", 0.1 if how == "closed the connection" else 20)
    pid = run(process, PID)
    failed = failure(process, source)
    assert (failed.code, failed.detail, failed.is_final) == ("PROCESS_DIED", f"its process {how}", False)
    assert is_gone(pid)
    assert run(process, PID) != pid


@pytest.mark.parametrize(
    "source",
    [
        "import os, time\nif os.fork(): os._exit(3)\ntime.sleep(60)",
        "import os, subprocess; subprocess.Popen(['sleep', '60'], close_fds=False); os._exit(3)",
    ],
)
def test_what_the_operation_started_does_not_hide_the_death_of_the_process(
    process: OperationProcess, source: str
) -> None:
    assert failure(process, source, timeout_s=20).detail == "its process ended with exit code 3"


def test_a_fork_that_returns_does_not_answer_in_the_name_of_the_process(process: OperationProcess) -> None:
    source = "import os\nchild = os.fork()\nif child: os.waitpid(child, 0); answer = 'parent'"
    assert run(process, source) == "parent"
    assert run(process, "answer = 'next'") == "next"


def test_a_process_that_died_between_two_jobs_is_not_held_against_the_next(process: OperationProcess) -> None:
    pid = run(process, PID)
    os.kill(pid, signal.SIGKILL)
    await_death(pid)
    assert run(process, PID) != pid
    assert is_gone(pid)


def test_a_process_that_dies_while_the_job_is_sent_is_replaced(
    process: OperationProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = run(process, PID)
    os.kill(pid, signal.SIGKILL)
    await_death(pid)
    monkeypatch.setattr(child_process.ChildProcess, "is_idle", lambda _: True)
    assert run(process, PID) != pid


def test_a_process_that_spoke_between_two_jobs_is_replaced(
    process: OperationProcess, fifo: tuple[Path, int], tmp_path: Path
) -> None:
    """As when a thread that an operation left behind writes to whatever it finds open."""
    path, reader = fifo
    is_between = tmp_path / "is-between"
    source = WRITES + (
        "import threading, time\n"
        "def disturb():\n"
        f"    while not os.path.exists({str(is_between)!r}): time.sleep(0.01)\n"
        "    write(bytes(4)); os.write(out, b'x')\n"
        f"out = os.open({str(path)!r}, os.O_WRONLY)\n"
        "threading.Thread(target=disturb, daemon=True).start(); answer = os.getpid()"
    )
    pid = run(process, source)
    is_between.touch()
    assert select.select([reader], [], [], 10)[0]
    assert run(process, PID) != pid


def test_a_process_that_takes_no_job_is_replaced(process: OperationProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "SEND_MAX_S", 0.5)
    pid = run(process, PID)
    os.kill(pid, signal.SIGSTOP)
    assert run(process, "answer = 1 # " + "x" * 2**20) == 1
    assert is_gone(pid)


def test_a_process_that_cannot_be_started_fails_the_attempt(
    process: OperationProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(PROJECT / "no-such-python"))
        failed = failure(process, PID)
    assert (failed.code, failed.is_final) == ("PROCESS_DIED", False)
    assert failed.detail.startswith("its process cannot be started: [Errno 2]")
    assert run(process, "answer = 1") == 1


def test_operations_that_cannot_be_loaded_fail_the_attempt(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    failed = failure(make(package="tests.no_such_operations"), PID)
    assert (failed.code, failed.detail) == ("PROCESS_DIED", "its process ended with exit code 1")
    assert "No module named 'tests.no_such_operations'" in capfd.readouterr().err


def test_operations_that_never_load_fail_the_attempt(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_process, "START_MAX_S", 0.001)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    failed = failure(make(package=slow_package(tmp_path, start_s=60)), PID)
    assert failed.detail == "its process did not load the operations within 0.001 s"


def test_a_dying_process_leaves_no_core(process: OperationProcess) -> None:
    assert run(process, "import resource; answer = resource.getrlimit(resource.RLIMIT_CORE)") == [0, 0]


def test_nothing_stays_open(process: OperationProcess) -> None:
    def descriptors() -> set[Path]:
        return set(Path("/dev/fd").iterdir())

    before = descriptors()
    pid = run(process, PID)
    process.close()
    assert is_gone(pid)
    failure(process, "import os; os._exit(1)")
    failure(process, SPINS, timeout_s=0.2)
    assert descriptors() == before


# Death of the consumer

CONSUMER = """
import sys
from types import SimpleNamespace as Fields
from datetime import timedelta
from chalicelib.adapters.operation_process import OperationProcess
process = OperationProcess(memory_max_mb=256, result_max_bytes=100, package="tests.operations")
def run(source):
    key = Fields(owner_id="o", job_id="j")
    job = Fields(key=key, operation="script", data_json=source, attempt=1, timeout=timedelta(seconds=60))
    process.run(job, is_cancelled=lambda: False)
run(sys.argv[1])
"""


SAYS_PID = "import os; os.write(2, b'%d\\n' % os.getpid())\n"


def consumer(source: str) -> "subprocess.Popen[bytes]":
    """
    A consumer that runs the source as an operation.

    Its standard error is also its process's, and so reaches its end when the last of them is gone.
    """
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", CONSUMER, json.dumps(source)]
    return subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE)


@pytest.mark.parametrize(
    "source",
    [
        SAYS_PID + "sum(range(10**12))",
        SAYS_PID + SPINS,
        "import subprocess; subprocess.Popen(['sleep', '60'])\n" + SAYS_PID + SPINS,
    ],
)
def test_a_killed_consumer_takes_the_running_operation_along(source: str) -> None:
    with consumer(source) as program:
        assert program.stderr is not None
        pid = int(program.stderr.readline())
        program.kill()
        try:
            _, rest = program.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(pid, signal.SIGKILL)
            raise
    assert rest == b""


def test_a_consumer_that_ends_takes_its_process_along_without_a_word() -> None:
    with consumer("answer = 1") as program:
        _, said = program.communicate(timeout=20)
    assert (program.returncode, said) == (0, b"")
