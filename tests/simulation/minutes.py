"""The minutes in which the sweep runs, and what it does in one."""

from functools import partial
from typing import TYPE_CHECKING

from chalicelib.services.every_minute import EveryMinute, Run
from chalicelib.services.sweeping import Sweep
from tests.simulation.actor import Actor, Crashed
from tests.simulation.errors import UnreadableRow
from tests.simulation.faults import Fault
from tests.simulation.plan import MINUTE, SECOND
from tests.simulation.ports import SimulatedQueue, SimulatedStore

if TYPE_CHECKING:
    from tests.simulation.world import World

SWEEP_MS = 60 * SECOND


def sweep(world: "World") -> None:
    """Run the sweep: all that there is to be done each minute."""
    actor = Actor(world, "sweep", time_ms=SWEEP_MS)
    jobs = Sweep(
        jobs=SimulatedStore(actor),
        queue=SimulatedQueue(actor),
        clock=actor,
        randomness=actor,
        limits=world.limits,
    )
    sweeps: dict[str, Run] = {"jobs": jobs.run}
    if world.calendar is not None:
        sweeps["schedules"] = world.calendar.sweep(actor).run
    if world.outside is not None:
        sweeps["deliveries"] = world.outside.sweep(actor).run
    try:
        EveryMinute(sweeps).run(actor.time_left)
    except Crashed:
        return
    except UnreadableRow as broken:
        actor.told(f"ends: {broken!r}")
    world.observer.left_off(actor)


class Minutes:
    """Runs the sweep in those minutes in which something is due; the others are left out."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._ticks: set[int] = set()

    def run_after(self, due_ms: int) -> None:
        """Have the sweep run in its first minute after an instant."""
        earliest_ms = max(due_ms, self._world.scheduler.now + 1)
        tick_ms = -(-earliest_ms // MINUTE) * MINUTE
        if tick_ms not in self._ticks:
            self._ticks.add(tick_ms)
            self._world.scheduler.at(tick_ms, partial(self._tick, tick_ms))

    def _tick(self, tick_ms: int) -> None:
        self._ticks.discard(tick_ms)
        world = self._world
        faults = world.faults
        now = world.scheduler.now
        due_ms = world.due_ms()
        if not due_ms:
            return
        if faults.is_out(Fault.STORE_AWAY) and world.chance() < 0.9:
            faults.note(Fault.STORE_AWAY, "sweep")
            self.run_after(max(world.plan.outages[Fault.STORE_AWAY][1], now + 1))  # until then nobody is there
            return
        next_ms = max(min(due_ms), now + 1)
        if faults.is_out(Fault.QUEUE_AWAY) and world.calendar is None:
            next_ms = max(next_ms, now + int(20 * MINUTE * world.chance()))
        self.run_after(next_ms)
        if faults.strikes(Fault.SWEEP_SKIPPED, "sweep"):
            return
        world.start(now, partial(sweep, world))
        if faults.strikes(Fault.SWEEP_DOUBLED, "sweep"):
            world.start(now + int(MINUTE * world.chance() ** 3), partial(sweep, world))
