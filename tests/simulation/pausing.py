"""The pauses of one run: their table, as an actor sees it, the operator, and the containers that remember them."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.domain.audit import AuditAction, AuditEvent, EventId
from chalicelib.domain.credentials import KEY_SCOPES, Caller, CredentialId
from chalicelib.domain.jobs import JobKey
from chalicelib.domain.pauses import JobPause, JobsOfUser, SomeJobs
from chalicelib.domain.users import User, UserId
from chalicelib.services.auditing import Auditing
from chalicelib.services.known_pauses import KnownPauses
from chalicelib.services.pausing import PauseService
from chalicelib.services.resuming import WaitingJobs
from tests.fakes import NOON, InMemoryAuditTrail, InMemoryCredentialRepository, InMemoryUserRepository
from tests.pause_fakes import InMemoryPauseRepository
from tests.simulation import functions
from tests.simulation.actor import OWNERS, Actor
from tests.simulation.catalogue import CATALOGUE
from tests.simulation.faults import Fault
from tests.simulation.pause_observer import PauseObserver
from tests.simulation.pause_plan import PlannedPause
from tests.simulation.plan import MINUTE, SECOND
from tests.simulation.ports import SimulatedQueue, SimulatedStore, call

if TYPE_CHECKING:
    from tests.simulation.world import World

OPERATOR = Caller(
    user_id=UserId("cccccccc-0000-4000-8000-000000000000"),
    username="operator",
    credential_id=CredentialId(""),
    scopes=frozenset(KEY_SCOPES),
    signed_in_at=None,
)
NAMES = ("ada", "bob")
REUSED_PART = 0.8
"""Of the invocations of the consumer, those by a container that has been there before, if one is free."""


class Container:
    """A container of the consumer: it remembers the pauses from one invocation to the next, by a clock of its own."""

    def __init__(self, pausing: "Pausing", actor: Actor) -> None:
        self._pausing = pausing
        self.actor = actor
        self.skew_ms = actor.skew_ms
        self.is_of_faults = actor.world.faults.are_over is False
        self.known = KnownPauses(self._read, clock=self)
        self.used_ms = 0
        self.looked_ms: int | None = None
        self.finds_them_away = False

    def now(self) -> datetime:
        """Return what the clock says to the actor whose invocation it is, who goes by the pauses now."""
        self.used_ms = self.actor.world.scheduler.now
        return self.actor.now()

    def _read(self) -> Sequence[JobPause]:
        asked_ms = self.actor.world.scheduler.now
        self.finds_them_away = True
        pauses = SimulatedPauses(self.actor, self._pausing).all()
        self.looked_ms = asked_ms
        self.finds_them_away = False
        return pauses


class Pausing:
    """What is paused, and what will be."""

    def __init__(self, world: "World", planned: Sequence[PlannedPause]) -> None:
        self._world = world
        self._planned = planned
        self._free: list[Container] = []
        self._audit = InMemoryAuditTrail()
        self.rows = InMemoryPauseRepository(self._audit)
        self.observer = PauseObserver(world.observer.broken, lambda: world.scheduler.now)
        self._users = InMemoryUserRepository(InMemoryCredentialRepository(self._audit), self._audit)
        for name, owner_id in zip(NAMES, OWNERS, strict=True):
            user = User(user_id=owner_id, username=name, password_hash="", created_at=NOON)
            event = AuditEvent(
                subject=owner_id, event_id=EventId(name), at=NOON, action=AuditAction.REGISTERED, actor=name
            )
            self._users.add(user, event)

    def begin(self) -> None:
        """Have the operator pause and resume at their times."""
        for planned in self._planned:
            self._world.start(planned.at_ms, partial(self._pause, planned))
            self._wait_until(planned.until_ms)

    def container(self, actor: Actor) -> Container:
        """Return who serves an invocation of the consumer: one of those that are free, or a new one."""
        if self._world.faults.are_over:
            # Their clocks are right then, and no container's clock is put right while it runs.
            self._free = [each for each in self._free if not each.is_of_faults]
        if not self._free or self._world.chance() >= REUSED_PART:
            return Container(self, actor)
        container = self._free.pop(int(self._world.chance() * len(self._free)))
        container.actor = actor
        actor.skew_ms = container.skew_ms
        return container

    def claimed(self, actor: Actor, key: JobKey) -> None:
        """Have an attempt that has begun checked."""
        if actor.container is not None:
            self.observer.claimed(actor, actor.container, key.owner_id)

    def free(self, container: Container) -> None:
        """Have a container serve again."""
        self._free.append(container)

    def _pause(self, planned: PlannedPause) -> None:
        actor = Actor(self._world, "pause", time_ms=functions.API_MS)
        service = self._service(actor)
        if planned.owner is None:
            called = partial(service.pause_operation, OPERATOR, "square", reason=None, address="")
        else:
            called = partial(service.pause_user, OPERATOR, NAMES[planned.owner], reason=None, address="")
        functions.api_call(actor, called)
        self._world.start(planned.until_ms, partial(self._resume, planned))

    def _resume(self, planned: PlannedPause) -> None:
        """Resume what is paused; the operator tries again until it is not."""
        world = self._world
        actor = Actor(world, "resume", time_ms=functions.API_MS)
        service = self._service(actor)
        if planned.owner is None:
            functions.api_call(actor, partial(service.resume_operation, OPERATOR, "square", address=""))
        else:
            functions.api_call(actor, partial(service.resume_user, OPERATOR, NAMES[planned.owner], address=""))
        again_ms = world.scheduler.now
        if (None if planned.owner is None else OWNERS[planned.owner]) in self.observer.since_ms:
            again_ms += 10 * SECOND + int(2 * MINUTE * world.chance() ** 3)
            world.start(again_ms, partial(self._resume, planned))
        self._wait_until(again_ms)

    def _wait_until(self, at_ms: int) -> None:
        """Have jobs be final only so long after an instant."""
        self._world.latest_run_ms = max(self._world.latest_run_ms, at_ms)

    def _service(self, actor: Actor) -> PauseService:
        pauses = SimulatedPauses(actor, self)
        return PauseService(
            pauses=pauses,
            known=KnownPauses(pauses.all, clock=actor),
            users=self._users,
            operations=CATALOGUE,
            waiting=WaitingJobs(jobs=SimulatedStore(actor), queue=SimulatedQueue(actor), clock=actor),
            auditing=Auditing(clock=actor, ids=self._world.ids),
            clock=actor,
        )


class SimulatedPauses:
    """The pauses table for one actor."""

    def __init__(self, actor: Actor, pausing: Pausing) -> None:
        self._actor = actor
        self._rows = pausing.rows
        self._observer = pausing.observer

    def all(self) -> Sequence[JobPause]:
        return call(self._actor, "pauses", Fault.STORE_AWAY, self._rows.all)

    def add(self, pause: JobPause, events: Sequence[AuditEvent]) -> JobPause:
        def apply() -> JobPause:
            standing = self._rows.add(pause, events)
            if standing is pause and _owner_of(pause.jobs) not in self._observer.since_ms:
                self._observer.began(_owner_of(pause.jobs))
            return standing

        standing = call(self._actor, "add pause", Fault.STORE_AWAY, apply)
        self._actor.changed = standing is pause
        return standing

    def remove(self, jobs: SomeJobs, events: Sequence[AuditEvent]) -> bool:
        is_own = False

        def apply() -> bool:
            nonlocal is_own
            if self._rows.remove(jobs, events):
                is_own = True  # also to the SDK's second try, which finds its events
                self._observer.ended(_owner_of(jobs))
            return is_own

        self._actor.changed = call(self._actor, "remove pause", Fault.STORE_AWAY, apply)
        return self._actor.changed

    def erase_some(self, owner_id: UserId) -> bool:
        raise NotImplementedError


def _owner_of(jobs: SomeJobs) -> UserId | None:
    return jobs.owner_id if isinstance(jobs, JobsOfUser) else None
