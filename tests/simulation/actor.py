"""An actor: one invocation of a function, or one call of the API."""

from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import Job, JobKey
from chalicelib.domain.users import UserId
from tests.simulation.faults import Fault
from tests.simulation.observer import JobRecord, instant, ms
from tests.simulation.plan import MINUTE, PAUSE_MAX_MS, PlannedJob

if TYPE_CHECKING:
    from tests.simulation.pausing import Container
    from tests.simulation.world import World

OWNERS = (UserId("aaaaaaaa-0000-4000-8000-000000000000"), UserId("bbbbbbbb-0000-4000-8000-000000000000"))


class Crashed(BaseException):
    """The actor's process is gone; nothing of the product can catch it."""


class Actor:
    """One invocation of a function or one call of the API, with the clock of its machine."""

    __slots__ = (
        "began_ms",
        "changed",
        "container",
        "deadline_ms",
        "dies_at_deadline",
        "holds",
        "is_gone",
        "kind",
        "letter_sent_ms",
        "must_run",
        "must_write",
        "name",
        "owes",
        "owner",
        "planned",
        "reading",
        "request",
        "seen",
        "skew_ms",
        "time_left_ms",
        "verdict",
        "was_failed",
        "world",
        "writes",
    )

    def __init__(self, world: "World", kind: str, *, time_ms: int, owner: UserId | None = None) -> None:
        now = world.scheduler.now
        self.world = world
        self.kind = kind
        self.name = f"{kind}-{next(world.actor_numbers)}"
        self.owner = owner
        self.began_ms = now
        self.deadline_ms = now + time_ms
        self.time_left_ms = time_ms
        self.dies_at_deadline = world.plan.killed_at_deadline
        self.skew_ms = world.faults.skew_ms(self.name)
        self.reading = now
        self.is_gone = False
        self.was_failed = False
        self.changed = False
        self.container: Container | None = None
        self.letter_sent_ms = 0
        self.planned: deque[PlannedJob] = deque()
        self.request: str | None = None
        self.seen: Job | None = None
        self.holds: JobRecord | None = None
        self.verdict: tuple[str, str | None] | None = None
        self.must_run: int | None = None
        self.must_write: JobRecord | None = None
        self.writes = 0
        self.owes: dict[JobKey, int] = {}

    def now(self) -> datetime:
        """Return what this machine's clock says."""
        self.reading = self.world.scheduler.now + self.skew_ms
        return instant(self.reading)

    def fraction(self) -> float:
        """Return a random number from 0 to below 1."""
        return self.world.chance()

    def time_left(self) -> timedelta:
        """Return what is left of the function's time."""
        self.time_left_ms = max(self.deadline_ms - self.world.scheduler.now, 0)
        return timedelta(milliseconds=self.time_left_ms)

    def told(self, what: str) -> None:
        """Add a line to the trace."""
        self.world.faults.told(self.name, what)

    def lose_time(self) -> None:
        """Have the function end sooner than it is configured to, if that fault strikes."""
        if self.world.faults.strikes(Fault.SHORT_TIME, self.name):
            self.deadline_ms = self.began_ms + int((self.deadline_ms - self.began_ms) * self.world.chance())
            self.time_left_ms = self.deadline_ms - self.began_ms

    def crash(self) -> None:
        """End the process on the spot."""
        self.is_gone = True
        raise Crashed

    def pause(self, name: str) -> None:
        """Stand still for seconds to minutes, longer than any lease at times."""
        world = self.world
        wait_ms = int(PAUSE_MAX_MS * world.chance() ** 3)
        self.told(f"{name}: stands still for {wait_ms / 1000:.1f} s")
        world.scheduler.sleep(wait_ms)
        self.die_if_over()

    def die_if_over(self) -> None:
        """End the process if its time is over, and nothing lets it live on."""
        if self.dies_at_deadline and self.world.scheduler.now > self.deadline_ms:
            self.told("killed: its time is over")
            self.crash()

    def fails(self, fault: Fault) -> None:
        """Have the call at hand answer that the other side is away."""
        self.must_write = None
        self.was_failed = True
        raise Unavailable(fault.value)

    def wrote(self, name: str, row: Job) -> None:
        """Take note of a write whose answer this actor got: it now owes what goes with it."""
        self.changed = True
        status = row.status.value
        if name == "claim":
            self.must_run = row.attempt
        elif status == "PENDING":
            run_at_ms = ms(row.run_at)
            if run_at_ms - self.reading <= 15 * MINUTE:
                self.owes[row.key] = run_at_ms

    def sends(self, key: JobKey, delay_ms: int) -> None:
        """Take note of a message: it pays what is owed, unless it would arrive too early."""
        run_at_ms = self.owes.get(key)
        if run_at_ms is not None and self.reading + delay_ms >= run_at_ms:
            del self.owes[key]
