"""In-memory implementations of the ports of events. They pass the same contract suite as the real ones."""

from collections import deque
from collections.abc import Mapping, Sequence

from chalicelib.domain.cloud_events import CloudEvent
from chalicelib.domain.errors import Unavailable

PUT_AT_ONCE = 10


class InMemoryEventBus:
    """
    The event bus: ``calls`` are the events that each call has brought.

    ``refuses`` are subjects whose events it takes never. ``takes`` plans the next calls: of each number so many events
    are taken, then the bus is away; with ``None`` all are.
    """

    def __init__(self) -> None:
        self.calls: list[Sequence[CloudEvent]] = []
        self.refuses: set[str] = set()
        self.takes: deque[int | None] = deque()
        self.away = False
        self.fault: Exception | None = None

    @property
    def events(self) -> Sequence[CloudEvent]:
        """All that was taken, in order."""
        return [event for call in self.calls for event in call]

    def put(self, events: Sequence[CloudEvent]) -> Mapping[int, str]:
        assert len(events) <= PUT_AT_ONCE
        _answer_unless(self.away)
        if self.fault:
            raise self.fault
        refused = {
            place: "Refused: the fake refuses it" for place, event in enumerate(events) if event.subject in self.refuses
        }
        takes = self.takes.popleft() if self.takes else None
        self.calls.append([event for place, event in enumerate(events[:takes]) if place not in refused])
        _answer_unless(takes is not None)
        return refused


class InMemoryRelayFailures:
    """The queue of failures: positions and reasons."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str]] = []
        self.away = False

    def send(self, position: str, reason: str) -> None:
        _answer_unless(self.away)
        self.kept.append((position, reason))


def _answer_unless(away: bool) -> None:  # noqa: FBT001 - one private guard
    if away:
        detail = "the fake is away"
        raise Unavailable(detail)
