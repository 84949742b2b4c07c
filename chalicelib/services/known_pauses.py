"""What a container knows of the pauses, without asking for each job."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from chalicelib.domain.pauses import JobPause, JobPauses
from chalicelib.ports import Clock

logger = logging.getLogger(__name__)

REMEMBERED_FOR = timedelta(seconds=10)
"""How long a container goes by what it read: a pause is felt everywhere within this time, and costs next to nothing."""

ASK_AGAIN_AFTER = timedelta(seconds=30)
"""How long a table that did not answer is not asked again: longer than a look takes in vain, 3 s, by far."""


class KnownPauses:
    """
    The pauses as they were at most `REMEMBERED_FOR` ago.

    If they cannot be read they are as they were last read, and none in a container that never could: jobs must not
    wait for a table that has nothing to say about nearly all of them. So that they do not wait for its silence either,
    it is asked again only `ASK_AGAIN_AFTER` that.
    """

    def __init__(self, read: Callable[[], Sequence[JobPause]], *, clock: Clock) -> None:
        """Go by what ``read`` returns, which should try once and not for long."""
        self._read = read
        self._clock = clock
        self._pauses = JobPauses()
        self._ask_again_at: datetime | None = None

    def now(self) -> JobPauses:
        """Return the pauses, read anew if that was too long ago."""
        at = self._clock.now()
        if self._ask_again_at is None or at >= self._ask_again_at:
            try:
                self._pauses = JobPauses(all=tuple(self._read()))
                # As of before the call: its answer is of some moment after that, and must not be gone by for longer.
                self._ask_again_at = at + REMEMBERED_FOR
            except Exception:
                # Whatever the fault, be it the table's or the deployment's: jobs do not need the table to be computed.
                logger.exception("pauses cannot be read; what was known of them holds")
                self._ask_again_at = self._clock.now() + ASK_AGAIN_AFTER
        return self._pauses
