"""Going through the rows of a table that are due: all shards of its index, in turns, for as long as there is time."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from chalicelib.domain.errors import Unavailable
from chalicelib.ports import Randomness

logger = logging.getLogger(__name__)

PAGE = 100
"""Rows of the index read at once."""

TIME_FOR_ONE = timedelta(seconds=10)
"""With less time left no further row is begun; one call that times out in each try takes about as long."""

FAULTS_MAX = 3
"""Calls in a row that find something away, after which the sweep ends: it is not the one row's fault."""

Due = TypeVar("Due")


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many due rows a sweep looked at and of how many it sent something; ``is_complete`` if it got to all."""

    looked_at: int
    sent: int
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRows(Generic[Due]):
    """
    The rows of one table that are due, as its index shows them.

    ``page`` returns at most `PAGE` of a shard, the longest due first, after the last of another page if that is given;
    fewer are the last. ``look`` does what is to be done about one and tells whether something was sent. ``put_off``,
    where there is one, has a row that cannot be looked at be due later. All three may raise `Unavailable`. In the log,
    ``called`` is what a row is, and ``log_fields`` say which one.
    """

    called: str
    shards: int
    page: Callable[[int, Due | None], Sequence[Due]]
    look: Callable[[Due], bool]
    put_off: Callable[[Due], None] | None = None
    log_fields: Callable[[Due], Mapping[str, str]]

    def sweep(self, time_left: Callable[[], timedelta], randomness: Randomness) -> Swept:
        """
        Look at every due row, while there is time.

        The shards take turns, a page each; a random one begins, so that none is always the last when there is more to
        do than time. A row that cannot be looked at keeps no other waiting: it is put off, or stays due.
        """
        first = int(randomness.fraction() * self.shards)
        turns: deque[tuple[int, Due | None]] = deque(
            ((first + turn) % self.shards, None) for turn in range(self.shards)
        )
        looked_at = sent = faults = skipped = 0
        while turns:
            shard, last = turns.popleft()
            if faults == FAULTS_MAX or time_left() < TIME_FOR_ONE:
                return Swept(looked_at=looked_at, sent=sent, is_complete=False)
            try:
                page = self.page(shard, last)
            except Unavailable:
                logger.exception("shard cannot be swept", extra={"shard": shard, "rows": self.called})
                faults += 1
                skipped += 1
                continue
            faults = 0
            for due in page:
                if faults == FAULTS_MAX or time_left() < TIME_FOR_ONE:
                    return Swept(looked_at=looked_at, sent=sent, is_complete=False)
                looked_at += 1
                try:
                    sent += self._looked_at(due)
                    faults = 0
                except Unavailable:
                    logger.exception("%s cannot be swept now", self.called, extra=self.log_fields(due))
                    faults += 1
                    skipped += 1
            if len(page) == PAGE:
                turns.append((shard, page[-1]))
        return Swept(looked_at=looked_at, sent=sent, is_complete=not skipped)

    def _looked_at(self, due: Due) -> bool:
        try:
            return self.look(due)
        except Unavailable:
            raise
        except Exception:
            # A row that cannot be read is no reason to stop, nor to stumble over it every minute.
            logger.exception("%s cannot be swept", self.called, extra=self.log_fields(due))
        try:
            if self.put_off is not None:
                self.put_off(due)
        except Unavailable:
            raise
        except Exception:
            logger.exception("row cannot be put off", extra={"rows": self.called, **self.log_fields(due)})
        return False
