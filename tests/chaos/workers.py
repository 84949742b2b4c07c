"""The processes of a run as the driver holds them: started, heard, killed, never left behind."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.aws import PROJECT
from tests.chaos.faults import MISSED, Fate

Said = tuple["Worker", dict[str, Any]]
"""What a worker has said."""


class Worker:
    """One process of `tests.chaos.worker`, with what is to befall it."""

    def __init__(
        self, name: str, role: str, fate: Fate, *, env: Mapping[str, str], log: Path, said: "queue.SimpleQueue[Said]"
    ) -> None:
        self.name = name
        self.role = role
        self.fate = fate
        self.ready_at: float | None = None
        self.stopped_at: float | None = None
        self.woken_at: float | None = None
        self.has_missed = False
        with log.open("ab") as log_file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.worker", role],
                cwd=PROJECT,
                # botocore sends the name along, and the witness knows who asks.
                env={**env, "AWS_SDK_UA_APP_ID": name, "FAILPOINT": fate.failpoint},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log_file,
                # Out of reach of a terminal's Ctrl-C, which is the driver's to handle.
                start_new_session=True,
            )
        self._listener = threading.Thread(target=self._listen, args=[said], daemon=True)
        self._listener.start()

    @property
    def killed_at(self) -> str:
        """Where a kill found it: at its point, without having come to that, or at an instant of no meaning."""
        if not self.fate.point:
            return str(self.fate.kind)
        return f"{MISSED} {self.fate.point}" if self.has_missed else self.fate.point

    def ready_for_s(self) -> float:
        """Return how long it has been ready; 0 while it is not."""
        return 0 if self.ready_at is None else time.monotonic() - self.ready_at

    def order(self, line: Mapping[str, Any]) -> None:
        """Write a line to its standard input; one that is dead hears nothing."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(line).encode() + b"\n")
            self.process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def bury(self) -> int:
        """Kill it if it lives; return its exit status."""
        self.process.kill()
        status = self.process.wait()
        self._listener.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        return status

    def _listen(self, said: "queue.SimpleQueue[Said]") -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            # A kill may come in the middle of a line; what was cut off was not said.
            with suppress(json.JSONDecodeError):
                said.put((self, json.loads(line)))


class Crew:
    """Every process of a run."""

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        self.alive: list[Worker] = []
        self.log = log
        self._env = env
        self._said: queue.SimpleQueue[Said] = queue.SimpleQueue()
        self._started = 0

    def start(self, role: str, fate: Fate, **env: str) -> Worker:
        """Start a process."""
        self._started += 1
        name = f"{role}-{self._started}"
        worker = Worker(name, role, fate, env={**self._env, **env}, log=self.log, said=self._said)
        self.alive.append(worker)
        return worker

    def of(self, role: str) -> Iterator[Worker]:
        """Give the processes of a role."""
        return (worker for worker in self.alive if worker.role == role)

    def said(self) -> Iterator[Said]:
        """Give what they have said since the last time."""
        while True:
            try:
                yield self._said.get_nowait()
            except queue.Empty:
                return

    def dead(self) -> list[tuple[Worker, int]]:
        """Bury those that have died since the last time; each with its exit status."""
        dead = [worker for worker in self.alive if worker.process.poll() is not None]
        self.alive = [worker for worker in self.alive if worker not in dead]
        return [(worker, worker.bury()) for worker in dead]

    def end(self) -> None:
        """Kill all."""
        while self.alive:
            self.alive.pop().bury()

    def end_of_log(self) -> str:
        """Return the last lines that any of them wrote."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


def inherited() -> dict[str, str]:
    """Return the part of this process's environment that workers need: no account, no proxy of this machine."""
    names = ("PATH", "HOME", "LANG", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "NO_PROXY", "no_proxy")
    return {name: os.environ[name] for name in names if name in os.environ}
