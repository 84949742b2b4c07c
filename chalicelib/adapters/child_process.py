"""
One process of `chalicelib.operation_child`: starting it, talking to it, telling how it ended, ending it.

It is started by hand rather than with `multiprocessing`, which has the new process import the main module: in Lambda,
that is Amazon's.
"""

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from contextlib import ExitStack
from typing import Final

import msgspec

from chalicelib.adapters.operation_channel import Channel, ChildSettings, Garbled, Message, Ready

START_MAX_S: Final = 10.0
"""For the process to load the operations, which takes a fraction of a second."""

SEND_MAX_S: Final = 5.0
"""A process that waits for a message takes it at once, unless it is held up by what an earlier job left behind."""

EXIT_MAX_S: Final = 1.0
"""A process that ends closes its socket moments before, unless an operation did it."""

# Without the path of this process, the new one might import another chalicelib, or none.
_PROGRAM: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from chalicelib.operation_child import main; main(sys.argv[1:])"
)


class ChildLost(Exception):
    """The process is dead, or of no further use; the message, a sentence about it, says how that came."""


class ChildProcess:
    """A process that runs operations, in a session of its own: what operations start there ends with it."""

    def __init__(self, *, package: str, memory_max_mb: int, result_max_bytes: int, log_level: str) -> None:
        """
        Start the process, and wait until it has loaded the operations.

        Raises:
            ChildLost: It cannot be started, or did not get that far.
        """
        with ExitStack() as theirs, ExitStack() as ours:
            try:
                here, there = socket.socketpair()
                ours.enter_context(here)
                theirs.enter_context(there)
                lifeline, lifeline_here = os.pipe()
                theirs.callback(os.close, lifeline)
                ours.callback(os.close, lifeline_here)
                settings = ChildSettings(
                    socket_fd=there.fileno(),
                    lifeline_fd=lifeline,
                    package=package,
                    memory_max_mb=memory_max_mb,
                    result_max_bytes=result_max_bytes,
                    log_level=log_level,
                )
                self._process = _started(settings)
            except OSError as refused:
                message = f"its process cannot be started: {refused}"
                raise ChildLost(message) from refused
            self.end = weakref.finalize(self, _end, self._process, ours.pop_all())
        self._channel = Channel(here)
        try:
            self._await_ready()
        except BaseException:
            self.end()
            raise

    def is_idle(self) -> bool:
        """Tell whether the process is alive and silent, as it must be between two jobs."""
        try:
            return self.receive(until=time.monotonic()) is None
        except ChildLost:
            return False

    def send(self, message: Message, *, until: float = math.inf) -> None:
        """
        Send a message that the process waits for.

        Raises:
            ChildLost: The process is gone, or does not take it, within `SEND_MAX_S` and until that instant of
                `time.monotonic`.
        """
        try:
            self._channel.send(message, until=min(until, time.monotonic() + SEND_MAX_S))
        except ConnectionError as gone:
            raise self._lost() from gone
        except TimeoutError as stuck:
            lost = "its process does not take what is sent to it"
            raise ChildLost(lost) from stuck

    def receive(self, *, until: float) -> Message | None:
        """
        Return the process's next message, or ``None`` when there is none until that instant of `time.monotonic`.

        Raises:
            ChildLost: The process is gone, or talks nonsense.
        """
        try:
            return self._channel.receive(until=until)
        except TimeoutError:
            return None
        except ConnectionError as gone:
            raise self._lost() from gone
        except Garbled as nonsense:
            lost = f"its process sent what is no message: {nonsense}"
            raise ChildLost(lost) from nonsense

    def _await_ready(self) -> None:
        message = self.receive(until=time.monotonic() + START_MAX_S)
        if not isinstance(message, Ready):
            lost = f"its process did not load the operations within {START_MAX_S:g} s"
            raise ChildLost(lost)

    def _lost(self) -> ChildLost:
        """Say how the process ended, once it has closed its socket."""
        try:
            code = self._process.wait(EXIT_MAX_S)
        except subprocess.TimeoutExpired:
            return ChildLost("its process closed the connection")
        if code >= 0:
            return ChildLost(f"its process ended with exit code {code}")
        return ChildLost(f"its process ended with signal {-code} ({_signal_name(-code)})")


def _started(settings: ChildSettings) -> "subprocess.Popen[bytes]":
    path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 - an entry may be "", the current directory
    arguments = [msgspec.json.encode(settings).decode(), json.dumps(path)]
    return subprocess.Popen(  # noqa: S603 - this very interpreter, and no shell
        # -P keeps the current directory out of the path before the program has set it.
        [sys.executable, "-P", "-c", _PROGRAM, *arguments],
        pass_fds=(settings.socket_fd, settings.lifeline_fd),
        stdin=subprocess.DEVNULL,
        # What operations print goes where the log goes: standard error.
        stdout=2,
        start_new_session=True,
    )


def _end(process: "subprocess.Popen[bytes]", ours: ExitStack) -> None:
    """Kill the process and what its operations started, and leave neither a zombie nor a descriptor behind."""
    # Nobody is left in the group; on macOS also: nobody but the dead process.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    ours.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "a real-time signal"
