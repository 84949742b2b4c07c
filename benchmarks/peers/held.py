"""
``python -m benchmarks.peers.held FOLDER USER COMMAND...``: run a server until standard input closes, then end it.

Of several commands, with a ``;`` between them, each is run when the one before has ended well; the last is the server.

Nobody writes to that input. It closes when whoever started this ends, even by a kill, so no server is left behind, and
no folder of one. A server that ends by itself leaves its folder, in which its log may say why.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from itertools import takewhile
from types import FrameType

END_MAX_S = 10
SEPARATOR = ";"


class Holder:
    """Runs commands, as another ``user`` if one is named, until standard input closes."""

    def __init__(self, user: str) -> None:
        self._user = user
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self.is_told = False

    def run(self, command: list[str]) -> int:
        """Run a command to its end, or not at all when the input has closed; return its exit status."""
        with self._lock:
            if self.is_told:
                return 1
            process = self._process = subprocess.Popen(  # noqa: S603 - the caller's command, and no shell
                command,
                stdin=subprocess.DEVNULL,
                user=self._user or None,
                group=self._user or None,
                extra_groups=[] if self._user else None,
                start_new_session=True,
            )
        return process.wait()

    def end_with_input(self) -> None:
        """Wait until the input closes, then end what runs."""
        os.read(sys.stdin.fileno(), 1)
        with self._lock:
            self.is_told = True
            if self._process is None or self._process.poll() is not None:
                return
        # PostgreSQL's fast shutdown; Redis takes it for its end as well.
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(END_MAX_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)


def main(folder: str, user: str, commands: list[str]) -> int:
    """Run the commands; return the exit status of the last that ran."""
    # Interrupts of a terminal are for whoever started this, and reach it by the end of its input. A handler rather than
    # SIG_IGN, which the commands would inherit.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _pass_over)
    holder = Holder(user)
    threading.Thread(target=holder.end_with_input, daemon=True).start()
    status = 0
    while commands and status == 0:
        command = list(takewhile(lambda part: part != SEPARATOR, commands))
        commands = commands[len(command) + 1 :]
        status = holder.run(command)
    if holder.is_told:
        shutil.rmtree(folder, ignore_errors=True)
    return status


def _pass_over(_number: int, _frame: FrameType | None) -> None:
    """Do nothing about a signal."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
