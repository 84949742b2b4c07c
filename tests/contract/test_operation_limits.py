"""The time and the memory that an operation in a real process may take."""

import os
import select
import sys
import time
from pathlib import Path

import pytest

from chalicelib.adapters import child_process
from chalicelib.adapters.operation_process import OperationProcess
from tests.contract.operation_process import (
    PID,
    SPINS,
    WRITES,
    Make,
    failure,
    is_gone,
    run,
    slow_package,
)


@pytest.mark.asvs("15.2.2")
@pytest.mark.parametrize(
    "source",
    [
        SPINS,
        "import time; time.sleep(60)",
        "sum(range(10**12))",
        "import signal\nfor each in {*signal.valid_signals()} - {9, 19, 32, 33}: signal.signal(each, signal.SIG_IGN)\n"
        + SPINS,
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    ],
    ids=["spins", "sleeps", "stays in C", "ignores signals", "stops"],
)
def test_the_time_holds_whatever_the_operation_does(process: OperationProcess, source: str) -> None:
    pid = run(process, PID)
    began = time.monotonic()
    failed = failure(process, source, timeout_s=0.2)
    assert (failed.code, failed.detail, failed.is_final) == ("TIMED_OUT", "it did not end within 0.2 s", False)
    assert 0.2 <= time.monotonic() - began < 5
    assert is_gone(pid)
    assert run(process, PID) != pid


def test_starting_the_process_is_not_part_of_a_jobs_time(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert run(make(package=slow_package(tmp_path, start_s=0.5)), "answer = 1", timeout_s=0.3) == 1


def test_the_time_holds_in_the_middle_of_a_message(process: OperationProcess) -> None:
    assert failure(process, WRITES + "write(b'\\0\\0\\1\\0half')\nwhile True: pass", timeout_s=0.2).code == "TIMED_OUT"


def test_the_time_holds_for_an_operation_that_asks_and_does_not_listen(process: OperationProcess) -> None:
    """Behind the back of its job, which would wait for the answer."""
    source = WRITES + "while True: write(b'\\0\\0\\0\\25\\x81\\xa4type\\xaeCancelQuestion')"
    run(process, PID)
    began = time.monotonic()
    # Long enough for the answers to fill the socket, whatever else the machine has to do.
    failed = failure(process, source, timeout_s=1)
    assert (failed.code, failed.detail) == ("PROCESS_DIED", "its process does not take what is sent to it")
    assert time.monotonic() - began < child_process.SEND_MAX_S


def test_what_the_operation_started_ends_with_its_time(process: OperationProcess, fifo: tuple[Path, int]) -> None:
    path, reader = fifo
    run(process, "import subprocess")  # so that its time goes to starting the other program
    source = (
        f"import os, subprocess, time\nout = os.open({str(path)!r}, os.O_WRONLY)\n"
        "subprocess.Popen(['sleep', '60'], pass_fds=[out]); os.write(out, b'x'); time.sleep(60)"
    )
    assert failure(process, source, timeout_s=0.8).code == "TIMED_OUT"
    assert os.read(reader, 1) == b"x", "it was started"
    assert select.select([reader], [], [], 10)[0], "nobody has the other end any more"
    assert os.read(reader, 1) == b""


@pytest.mark.asvs("15.2.2")
def test_too_much_memory_fails_the_attempt_and_the_next_job_has_it_all(process: OperationProcess) -> None:
    pid = run(process, PID)
    failed = failure(process, "import sys; sys.kept = kept = []\nwhile True: kept.append(bytearray(2**20))")
    assert (failed.code, failed.is_final) == ("OUT_OF_MEMORY", False)
    assert is_gone(pid)
    assert run(process, "answer = len(bytearray(100 * 2**20))") == 100 * 2**20
