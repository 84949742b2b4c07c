"""
What statistics need from the outside, as protocols.

As in `chalicelib.ports`, every method that reaches AWS raises `Unavailable` when the other side does not answer.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.domain.job_ends import Addition, Count


class CountStore(Protocol):
    """Counts of jobs' ends."""

    def add(self, addition: "Addition") -> bool:
        """
        Add to a count, in one write; false, and nothing added, if the last addition to it had the same batch.

        So one that comes again, or is tried again after a lost response, counts once, if no other came in between.
        """
        ...

    def of_day(self, begins_at: datetime, ends_at: datetime, *, limit: int) -> "Sequence[Count]":
        """
        Return the counts of the slots from one instant to before another of the same day, UTC, or its end.

        Those of the newest slots come first, and at most ``limit``.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """About how many messages a queue has: to be received now, with a receiver, and not to be received yet."""

    waiting: int
    in_flight: int
    delayed: int


class QueueGauge(Protocol):
    """What a queue says of itself."""

    def depth(self) -> QueueDepth:
        """Return about how many messages there are."""
        ...
