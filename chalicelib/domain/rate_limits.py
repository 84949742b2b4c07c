"""
Rate limits: how many requests of one kind a user may make in a window, whenever the window begins.

Time is cut into intervals, `INTERVALS` to a window. A tally counts all permits that a user ever took, and marks how far
it was when each interval's first was taken. What was taken since an interval began is then a difference, and as a mark
never changes again, whoever has seen one may remember it.

A permit counts as taken throughout its interval. So those of a spent quota come back after a window and at most one
interval more, and no window of whatever beginning holds more than the quota. Permits that were taken and not used
lapse with their interval, otherwise counting what is taken would not count what is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

INTERVALS = 6
"""Intervals in a window: the more, the sooner permits come back, and the more marks there are to keep."""

MARKS_KEPT = 2 * INTERVALS
"""Intervals for which marks are kept: a window more than needed, in case clocks differ."""

BLOCKS_IN_ROOM = 20
"""
A block is taken only where there is room for this many.

So what containers take and do not use is never much of what is left, and the last permits are taken one by one.
"""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """
    At most ``quota`` requests of the kind ``name`` in any ``window``.

    A container may take up to ``block`` permits of a user at once and use them itself, which saves it as many calls.
    ``admits_uncounted`` says whether requests pass, uncounted, while the counters cannot be reached.
    """

    name: str
    quota: int
    window: timedelta
    block: int = 1
    admits_uncounted: bool = False

    @property
    def interval(self) -> timedelta:
        """Length of an interval; rounded up, so that a window never has more of them than `INTERVALS`."""
        return -(-self.window // INTERVALS)

    def interval_at(self, at: datetime) -> int:
        """Return the number of the interval that ``at``, an aware instant, falls into."""
        return (at - EPOCH) // self.interval

    def begins_at(self, interval: int) -> datetime:
        """Return the instant at which an interval begins."""
        return EPOCH + interval * self.interval

    def forgotten_at(self, interval: int) -> datetime:
        """Return the instant from which permits taken in ``interval`` matter to nobody, whatever clocks say."""
        return self.begins_at(interval + MARKS_KEPT + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """
    What a user has taken of one limit.

    ``taken`` counts all permits since the tally was begun, ``marks`` says by interval how far it was when the first of
    that interval was taken. ``born`` tells it from a later tally that was begun when this one had been deleted, and is
    ``None`` for one that was never seen.
    """

    born: str | None = None
    taken: int = 0
    marks: Mapping[int, int] = field(default_factory=dict)

    def taken_before(self, interval: int) -> int:
        """
        Return how much was taken before ``interval`` began, or less.

        The least of the marks since then, for clocks differ and a later interval may be marked first. Without any, what
        was taken by the time at which the tally was seen: whatever came after that has marks no lower.
        """
        return min((mark for marked, mark in self.marks.items() if marked >= interval), default=self.taken)

    def first_taken_at(self, level: int, *, since: int) -> int:
        """Return the earliest interval, not before ``since``, before which ``level`` permits had been taken."""
        nexts = sorted(marked + 1 for marked in self.marks if marked >= since)
        return next(interval for interval in [since, *nexts] if self.taken_before(interval) >= level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """
    One attempt to take ``permits`` in ``interval``.

    It may happen if the tally is still the one ``born`` so and at most ``highest``. That is the whole condition: what
    else it follows from never changes. ``None`` begins a tally, if there is none.
    ``ticket`` is the attempt's own; a tally that is begun with it is born so. ``old_marks`` are of no more use.
    """

    permits: int
    interval: int
    born: str | None
    highest: int
    ticket: str
    old_marks: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    How a user stands with a limit: ``remaining`` permits are known to be left.

    More come back in ``more_in_s`` seconds; ``None`` when all are there.
    """

    limit: Limit
    remaining: int
    more_in_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """
    What a container knows of a user's tally, as of ``interval``, and the ``unused`` permits it took in that.

    It ``used`` so many in that interval, and ``used_before`` in the last one it served the user in, if it did.
    """

    interval: int
    tally: Tally = field(default_factory=Tally)
    unused: int = 0
    used: int = 0
    used_before: int | None = None

    def moved_to(self, interval: int) -> "Holding":
        """Return it in another interval, in which unused permits are worth nothing."""
        if interval == self.interval:
            return self
        return replace(self, interval=interval, unused=0, used=0, used_before=self.used)

    def knowing(self, tally: Tally, *, taken: int = 0) -> "Holding":
        """Return it with a tally just seen, ``taken`` of which are new and its own."""
        return replace(self, tally=tally, unused=self.unused + taken)

    def less(self, permits: int) -> "Holding":
        """Return it with permits used."""
        return replace(self, unused=self.unused - permits, used=self.used + permits)

    def taking(self, limit: Limit, permits: int, *, block: int, ticket: str) -> Taking | None:
        """
        Return what to take so that ``permits`` can be used, ``None`` if there is no room for that.

        Takes up to ``block`` at once where there is plenty of room, also by then, and as many are likely to be used.
        """
        room = self._room(limit)
        wanted = missing = permits - self.unused
        if missing > room:
            return None
        needed = missing
        likely = block if self.used_before is None else max(self.used, self.used_before)
        block = min(block, likely, room // BLOCKS_IN_ROOM)
        if block > missing:
            wanted, needed = block, block * BLOCKS_IN_ROOM
        return Taking(
            permits=wanted,
            interval=self.interval,
            born=self.tally.born,
            highest=self.tally.taken + room - needed,
            ticket=ticket,
            old_marks=tuple(marked for marked in self.tally.marks if marked < self.interval - MARKS_KEPT),
        )

    def standing(self, limit: Limit, at: datetime) -> Standing:
        """Return how the user stands, as far as is known here."""
        before = self.tally.taken_before(self._since)
        more = None if before >= self.tally.taken else self._wait_s(limit, before + 1, at)
        return Standing(limit=limit, remaining=self.unused + max(0, self._room(limit)), more_in_s=more)

    def wait_s(self, limit: Limit, permits: int, at: datetime) -> int:
        """Return in how many whole seconds there is room for ``permits``, at most the quota, if none are taken then."""
        return self._wait_s(limit, self.tally.taken + permits - limit.quota, at)

    @property
    def _since(self) -> int:
        """The oldest interval that a window which ends now can reach."""
        return self.interval - INTERVALS

    def _room(self, limit: Limit) -> int:
        return self.tally.taken_before(self._since) + limit.quota - self.tally.taken

    def _wait_s(self, limit: Limit, level: int, at: datetime) -> int:
        """Return the whole seconds until a window begins no earlier than when ``level`` had been taken."""
        interval = self.tally.first_taken_at(level, since=self._since)
        return -((at - limit.begins_at(interval + INTERVALS)) // timedelta(seconds=1))
