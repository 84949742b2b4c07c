"""Admission of requests against limits."""

import logging
from datetime import datetime, timedelta
from typing import TypeAlias

from chalicelib.domain.errors import ConcurrentUpdate, InvalidInput, RateLimited, Unavailable
from chalicelib.domain.rate_limits import Holding, Limit, Standing, Tally
from chalicelib.ports import Clock, IdSource, RateLimitStore

logger = logging.getLogger(__name__)

REMEMBERED_MAX = 1000
"""Users and limits of which one container knows the tally; one that is forgotten costs another call."""

BLOCKS_TRIED = (True, True, False, False, False)
"""
Tries to take permits, and in which of them it may be a block.

The first may not know the tally, and the second learns whether there is room for a block. What is refused from then on
brings marks that show whether there is room at all, so more are needed only where a tally is deleted meanwhile.
"""

AWAY_PAUSE = timedelta(seconds=30)
"""
How long a store that did not answer is not asked again by requests that pass without it.

Longer than such a request waits for it in vain, some 12 s at worst, so that most are not delayed.
"""

Place: TypeAlias = tuple[str, str]


class RateLimiter:
    """
    Counts requests per holder and limit: a holder is a user's id, or the digest of a name or an address.

    A request counts at the instant at which it is to be admitted. Takes a block of permits where the limit allows it.
    That no room is left is remembered until permits come back, so refusals cost no call. While the store is away, a
    limit that ``admits_uncounted`` lets requests pass, and of any other nothing is admitted that was not taken.
    """

    def __init__(self, store: RateLimitStore, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._holdings: dict[Place, Holding] = {}
        self._ask_again_at: datetime | None = None

    def admit(self, holder: str, limit: Limit, *, permits: int = 1) -> Standing | None:
        """
        Count one request, which uses ``permits`` of the limit, all or none.

        Returns:
            How the holder stands after it; ``None`` if it passed uncounted.

        Raises:
            InvalidInput: It uses more than the quota, so waiting does not help.
            RateLimited: There is no room for it now.
            Unavailable: The store cannot be reached.
        """
        if permits > limit.quota:
            detail = f"this counts as {permits} requests, and the {_rule(limit)}; split it"
            raise InvalidInput(detail)
        now = self._clock.now()
        interval = limit.interval_at(now)
        place = (holder, limit.name)
        # Taken out while it is used, so that no two threads use the same permits.
        holding = self._holdings.pop(place, Holding(interval=interval)).moved_to(interval)
        try:
            if holding.unused < permits:
                holding = self._filled(holder, limit, holding, permits)
            if holding.unused < permits:
                raise _refusal(limit, holding, permits, now)
            holding = holding.less(permits)
            return holding.standing(limit, now)
        except Unavailable:
            if limit.admits_uncounted:
                return None
            raise
        finally:
            self._remember(place, holding)

    def standing(self, holder: str, limit: Limit) -> Standing:
        """
        Return how the holder stands now; nothing is counted.

        What other containers took and have yet to use counts as used.

        Raises:
            Unavailable: The store cannot be reached.
        """
        now = self._clock.now()
        interval = limit.interval_at(now)
        holding = self._holdings.get((holder, limit.name), Holding(interval=interval)).moved_to(interval)
        tally = self._store.get(holder, limit) or Tally()
        return holding.knowing(tally).standing(limit, now)

    def _filled(self, holder: str, limit: Limit, holding: Holding, permits: int) -> Holding:
        """Return the holding with ``permits`` in it, or with all that is known of why they cannot be had."""
        for may_be_block in BLOCKS_TRIED:
            block = limit.block if may_be_block else 1
            taking = holding.taking(limit, permits, block=block, ticket=self._ids.new_token_id())
            if taking is None:
                return holding
            if limit.admits_uncounted and self._is_away():
                detail = "the store was away a moment ago"
                raise Unavailable(detail)
            try:
                tally, taken = self._store.take(holder, limit, taking), taking.permits
            except ConcurrentUpdate as moved:
                tally, taken = moved.current if isinstance(moved.current, Tally) else Tally(), 0
            except Unavailable as away:
                self._went_away(away)
                raise
            self._came_back()
            holding = holding.knowing(tally, taken=taken)
            if taken:
                return holding
        detail = "too many requests use the same limit at once; try again"
        raise Unavailable(detail)

    def _remember(self, place: Place, holding: Holding) -> None:
        if len(self._holdings) >= REMEMBERED_MAX:
            self._holdings.pop(next(iter(self._holdings)), None)
        self._holdings[place] = holding

    def _is_away(self) -> bool:
        again_at = self._ask_again_at
        return again_at is not None and self._clock.now() < again_at

    def _went_away(self, away: Unavailable) -> None:
        if self._ask_again_at is None:
            logger.error("requests cannot be counted; those that may pass uncounted do", exc_info=away)
        self._ask_again_at = self._clock.now() + AWAY_PAUSE

    def _came_back(self) -> None:
        if self._ask_again_at is not None:
            logger.info("requests are counted again")
        self._ask_again_at = None


def _rule(limit: Limit) -> str:
    return f"limit {limit.name} is {limit.quota} in any {limit.window // timedelta(seconds=1)} s"


def _refusal(limit: Limit, holding: Holding, permits: int, at: datetime) -> RateLimited:
    standing = holding.standing(limit, at)
    retry_after_s = holding.wait_s(limit, permits, at)
    left = f"{standing.remaining} of them are left" if standing.remaining else "all of them are used"
    advice = f"send this again in {retry_after_s} s"
    if standing.remaining:
        advice += ", or less of it now"
    detail = f"the {_rule(limit)}, and {left}; {advice}"
    return RateLimited(detail, retry_after_s=retry_after_s, standing=standing)
