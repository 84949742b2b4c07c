"""Processor time of other processes, by which the contestants of a benchmark are counted."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks import processor_time

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is read from Linux's clocks")

BUSY_S = 0.1
BURN = f"import time\nwhile time.process_time() < {BUSY_S}: pass\n"
TELL_AND_WAIT = "print('done', flush=True)\ninput()\n"
AS_CHILD = f"import subprocess, sys\nchild = [sys.executable, '-S', '-c', {BURN!r}]\n"


@contextmanager
def after(program: str) -> Iterator[int]:
    """A process that has run the program and lives on, for the length of the block."""
    command = [sys.executable, "-S", "-c", program + TELL_AND_WAIT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_what_a_process_used_is_told_while_it_lives_and_all_of_it() -> None:
    with after(BURN) as pid:
        assert BUSY_S <= processor_time.of_process(pid) < 10 * BUSY_S
        assert processor_time.descendants(pid) == []


def test_a_family_has_the_children_that_were_waited_for() -> None:
    with after(f"{AS_CHILD}subprocess.run(child)\n") as pid:
        assert processor_time.of_process(pid) < processor_time.of_family(pid) - BUSY_S / 2
        assert processor_time.of_family(pid) >= BUSY_S


def test_a_family_has_the_children_that_live() -> None:
    begun = "child[-1] += 'input()'\nsubprocess.Popen(child, stdin=subprocess.PIPE)\n"
    with after(AS_CHILD + begun) as pid:
        (child,) = processor_time.descendants(pid)
        while processor_time.of_process(child) < BUSY_S:
            pass
        assert processor_time.of_family(pid) >= BUSY_S + processor_time.of_process(pid)


def test_a_process_that_is_gone_has_none() -> None:
    with after("") as pid:
        pass
    with pytest.raises(ProcessLookupError, match=str(pid)):
        processor_time.of_process(pid)
