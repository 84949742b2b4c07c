"""Counting the ends of jobs, from the changes that the relay is done with."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import takewhile

from chalicelib.domain.job_ends import additions
from chalicelib.domain.job_events import Change, Unreadable
from chalicelib.statistics_ports import CountStore

logger = logging.getLogger(__name__)

NEEDED = timedelta(seconds=10)
"""With less time left no further count is written; a call that times out in each try takes about as long."""


class Counting:
    """
    Counts each end that changes tell of, a write for each `Ending` of a batch.

    Counts are for people, and near enough. Ends that cannot be counted now are never counted, as their changes have
    been told and do not come again for this; the log says how many. Ends whose changes come again are counted twice if
    others were added to the same count in between, or if they come in other company than before.
    """

    def __init__(self, store: CountStore) -> None:
        self._store = store

    def count(
        self, changes: Sequence[Change | Unreadable], *, until: str | None, time_left: Callable[[], timedelta]
    ) -> None:
        """
        Count the ends among changes, while there is time; those from the position ``until`` on come again.

        Raises nothing, whatever happens: no change must be told again because it could not be counted.
        """
        uncounted = 0
        try:
            done = takewhile(lambda change: change.position != until, changes)
            left = [*additions(done)]
            uncounted = sum(addition.count.jobs for addition in left)
            for addition in left:
                if time_left() < NEEDED:
                    logger.error("no time is left to count ends", extra={"uncounted": uncounted})
                    return
                if not self._store.add(addition):
                    logger.info("ends were counted before", extra={"jobs": addition.count.jobs})
                uncounted -= addition.count.jobs
        except Exception:
            logger.exception("ends cannot be counted", extra={"uncounted": uncounted})
