"""The observer of pauses: what is paused since when, and whether whoever begins an attempt may still not know."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.domain.users import UserId
from tests.simulation.event_observer import Broken

if TYPE_CHECKING:
    from tests.simulation.actor import Actor
    from tests.simulation.pausing import Container

WAITS = "H what is paused waits"
KNOWN_FOR_MS = 10_000
"""How long a container may go by what it saw."""


class PauseObserver:
    """Checks every attempt that begins. A pause is known by its owner, by ``None`` if it is of the operation."""

    def __init__(self, broken: Broken, now_ms: Callable[[], int]) -> None:
        self._broken = broken
        self._now_ms = now_ms
        self.since_ms: dict[UserId | None, int] = {}

    def began(self, owner_id: UserId | None) -> None:
        """Take note of a pause that is stored from now on."""
        self.since_ms[owner_id] = self._now_ms()

    def ended(self, owner_id: UserId | None) -> None:
        """Take note of a pause that is stored no more."""
        del self.since_ms[owner_id]

    def claimed(self, actor: "Actor", container: "Container", owner_id: UserId) -> None:
        """
        Check an attempt that has begun.

        Between its look at the pauses and its claim a consumer may stand still for long, so what counts is what it
        knew, and how old that was when it last went by it.
        """
        for paused in (None, owner_id):
            since_ms = self.since_ms.get(paused)
            if since_ms is None:
                continue
            of = "operation" if paused is None else "owner"
            if container.looked_ms is not None and since_ms < container.looked_ms:
                self._broken(WAITS, f"{actor.name} saw the pause of the {of} and began")
            elif not container.finds_them_away and container.looked_ms is not None:
                age_ms = container.used_ms - container.looked_ms
                if age_ms >= KNOWN_FOR_MS:
                    self._broken(WAITS, f"{actor.name} went by pauses of {age_ms / 1000:.1f} s ago")
