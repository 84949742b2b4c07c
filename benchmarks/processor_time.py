"""
Processor time of other processes, to the microsecond and with all their threads.

Linux has a clock for each process, which whoever knows its number may read: exact where ``/proc/<pid>/stat`` counts
hundredths of a second. Of processes that have ended and were waited for only that file knows, by their parent.
"""

import os
import sys
import time
from pathlib import Path

CPU_CLOCK = 2
"""``CPUCLOCK_SCHED`` of Linux's ``posix-timers.h``: user and system time together, as the scheduler counts them."""

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class NoProcessorTime(Exception):
    """This system does not tell of other processes; the message says what would."""


def of_process(pid: int) -> float:
    """
    Return the seconds of processor time that one living process has used, without its children's.

    Raises:
        NoProcessorTime: This is not Linux.
        ProcessLookupError: There is no such process.
    """
    if sys.platform != "linux":
        message = "processor time of other processes is read from Linux's clocks; run this on Linux"
        raise NoProcessorTime(message)
    try:
        # MAKE_PROCESS_CPUCLOCK of the same file; it is what clock_getcpuclockid(3) gives, which Python does not have.
        return time.clock_gettime((~pid << 3) | CPU_CLOCK)
    except OSError as gone:
        message = f"there is no process {pid}"
        raise ProcessLookupError(message) from gone


def of_family(pid: int) -> float:
    """
    Return the seconds of a process and all that descends from it, also of what ended and was waited for.

    Raises:
        NoProcessorTime: This is not Linux.
        ProcessLookupError: There is no such process.
    """
    used = of_process(pid) + _of_the_waited_for(pid)
    for child in descendants(pid):
        try:
            used += of_process(child) + _of_the_waited_for(child)
        except (ProcessLookupError, FileNotFoundError):
            continue  # it ended just now, and its parent knows or will know of it
    return used


def descendants(pid: int) -> list[int]:
    """Return the living processes that descend from one, itself not among them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(_stat(int(entry.name))[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    looked_at = [pid]
    while looked_at:
        next_ones = children.get(looked_at.pop(), [])
        found += next_ones
        looked_at += next_ones
    return found


def _of_the_waited_for(pid: int) -> float:
    user, system = _stat(pid)[13:15]
    return (int(user) + int(system)) / TICKS_PER_S


def _stat(pid: int) -> list[str]:
    """Return the fields of ``/proc/<pid>/stat`` behind the name, which may have spaces and brackets of its own."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
