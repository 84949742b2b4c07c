"""
The stream of the jobs table, and the event source mapping that reads it.

Each write of a row appends a change to the row's shard, and a shard is read by one invocation at a time: the next one
begins when it has ended or its time is over. So no two of them tell of one job at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.domain.job_events import Change, Unreadable
from chalicelib.domain.jobs import Job
from tests.simulation.faults import Fault
from tests.simulation.plan import MINUTE, SECOND

if TYPE_CHECKING:
    from tests.simulation.world import World

RETRY_FIRST_MS = SECOND
RETRY_MAX_MS = MINUTE
"""How long the mapping waits after an invocation that failed: twice as long each time, up to this."""


Relayed = Callable[[Sequence[Change | Unreadable]], "str | bool"]
"""Invokes the function: returns whether it went well, or from which position on the changes are to come again."""


@dataclass(slots=True, kw_only=True)
class _Shard:
    """One shard: ``begin`` is the first change that is not done, ``failures`` counts those since the last progress."""

    changes: list[Change | Unreadable] = field(default_factory=list)
    begin: int = 0
    failures: int = 0
    batch_max: int
    is_waiting: bool = False


class Stream:
    """The shards, each of which is read as soon as there is something."""

    def __init__(self, world: "World", relay: Relayed, *, shards: int, batch_max: int) -> None:
        self._world = world
        self._relay = relay
        self._batch_max = batch_max
        self._shards = [_Shard(batch_max=batch_max) for _ in range(shards)]

    def append(self, before: Job | None, after: Job) -> str:
        """Add a write of a row; return its position."""
        number = int(after.key.job_id[-8:], 16) // 256 % len(self._shards)
        shard = self._shards[number]
        position = f"{number}-{len(shard.changes):08}"
        if self._world.faults.strikes(Fault.CHANGE_UNREADABLE, "stream"):
            shard.changes.append(Unreadable(position=position, reason=Fault.CHANGE_UNREADABLE.value))
        else:
            shard.changes.append(Change(position=position, before=before, after=after))
        self._read_later(shard, int(self._world.plan.batch_window_ms * self._world.chance()))
        return position

    def is_done(self) -> bool:
        """Tell whether everything has been relayed."""
        return all(shard.begin == len(shard.changes) for shard in self._shards)

    def _read_later(self, shard: _Shard, wait_ms: int) -> None:
        if shard.is_waiting:
            return
        shard.is_waiting = True
        world = self._world
        if world.faults.strikes(Fault.BATCH_LATE, "stream"):
            wait_ms += int(5 * MINUTE * world.chance() ** 3)
        world.start(world.scheduler.now + wait_ms, lambda: self._read(shard))

    def _read(self, shard: _Shard) -> None:
        """Invoke the function with the next changes, and move on as it says."""
        batch = shard.changes[shard.begin : shard.begin + shard.batch_max]
        answer = self._relay(batch)
        shard.is_waiting = False
        faults = self._world.faults
        if answer is True and not faults.strikes(Fault.BATCH_AGAIN, "stream"):
            shard.begin += len(batch)
            shard.batch_max = self._batch_max
            shard.failures = 0
        elif isinstance(answer, str):
            done = next(place for place, change in enumerate(batch) if change.position == answer)
            shard.failures = 0 if done else shard.failures + 1
            if not faults.strikes(Fault.BATCH_AGAIN, "stream"):
                shard.begin += done
        else:
            shard.batch_max = max(len(batch) // 2, 1)  # bisected
            shard.failures += 1
        if shard.begin < len(shard.changes):
            wait_ms = min(RETRY_FIRST_MS * 2**shard.failures, RETRY_MAX_MS) if shard.failures else 0
            self._read_later(shard, wait_ms)
