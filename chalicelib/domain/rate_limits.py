"""Rate limits: how many requests of one kind a user may make in a window."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """
    At most ``quota`` requests of the kind ``name`` in each ``window``.

    A container may take ``block`` permits of a user at once and spend them itself, which saves it as many calls. What
    is taken is counted, so the quota is never exceeded; what is not spent by the window's end is lost to the user.

    Windows are aligned to the epoch, so across a boundary up to twice the quota can pass in one window's length.
    """

    name: str
    quota: int
    window: timedelta
    block: int = 1

    def window_at(self, at: datetime) -> "Window":
        """Return the window that ``at``, an aware instant, falls into."""
        length_s = int(self.window.total_seconds())
        index = int(at.timestamp()) // length_s
        return Window(index=index, ends_at=datetime.fromtimestamp((index + 1) * length_s, tz=UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One window of a limit: its number since the epoch and the instant at which the next begins."""

    index: int
    ends_at: datetime

    def retry_after_s(self, at: datetime) -> int:
        """Whole seconds from ``at`` until the next window, at least 1."""
        return max(1, math.ceil((self.ends_at - at).total_seconds()))
