"""
Named points at which a process kills itself, around the calls of AWS: the product knows nothing of them.

``before_claim`` and the like are just before the request is made, ``after_claim`` and the like just after it succeeded
and before its answer is used. ``during_operation`` is a moment after a claim; ``before_delete`` the worker says itself.
"""

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.aws_calls import Answer
from tests.aws import WatchedCalls
from tests.chaos.steps import step_of

if TYPE_CHECKING:
    from tests.aws import Made

INTO_OPERATION_S = 0.1
"""A job's way from its claim to its operation takes a few milliseconds, and most rest longer than this."""


class Failpoint:
    """Kills this process when it gets to ``point`` for the ``nth`` time, as long as the file ``armed`` is there."""

    def __init__(self, point: str, nth: int, armed: Path) -> None:
        self._point = point
        self._left = nth
        self._armed = armed

    @classmethod
    def from_text(cls, text: str, armed: str) -> "Failpoint":
        """Read ``FAILPOINT=after_claim:2``; an empty text is no point at all."""
        point, _, nth = text.partition(":")
        return cls(point, int(nth or 1), Path(armed))

    def reach(self, point: str) -> None:
        """Say that the process is at a point."""
        if point != self._point:
            return
        self._left -= 1
        if self._left <= 0 and self._armed.exists():
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Watch every client that the product makes from now on."""
        WatchedCalls(self._around)

    def _around(self, _: str, operation: str, parameters: dict[str, Any], made: "Made") -> Answer:
        step = step_of(operation, parameters)
        if step is None:
            return made(parameters)
        self.reach(f"before_{step}")
        answer = made(parameters)
        self.reach(f"after_{step}")
        if step == "claim" and self._point == "during_operation":
            timer = threading.Timer(INTO_OPERATION_S, self.reach, ["during_operation"])
            timer.daemon = True
            timer.start()
        return answer
