"""Admission of requests against a user's limits."""

from datetime import datetime

from chalicelib.domain.errors import RateLimited
from chalicelib.domain.rate_limits import Limit, Window
from chalicelib.domain.users import UserId
from chalicelib.ports import Clock, RateLimitStore

REMEMBERED_MAX = 1000
"""Users and limits whose permits one container keeps; whose are forgotten takes new ones."""


SPENT = -1
"""Remembered of a window that has refused one permit: it only fills, so asking again would cost and change nothing."""


class RateLimiter:
    """
    Counts requests per user and limit. Fails closed: when the store is away, nothing is admitted that was not taken.

    Takes a block of permits where the limit allows it, and single ones when the quota has no room for a block.
    """

    def __init__(self, store: RateLimitStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._permits: dict[tuple[UserId, str, int], int] = {}

    def admit(self, user_id: UserId, limit: Limit) -> None:
        """
        Count one request.

        Raises:
            RateLimited: The quota of the current window is spent.
            Unavailable: The counters cannot be reached.
        """
        now = self._clock.now()
        window = limit.window_at(now)
        place = (user_id, limit.name, window.index)
        left = self._permits.pop(place, 0)
        if left == SPENT:
            self._remember(place, SPENT)
            raise _refusal(limit, window, now)
        if not left and limit.block > 1 and self._store.take(user_id, limit, window, permits=limit.block):
            left = limit.block
        if left:
            self._remember(place, left - 1)
        elif not self._store.take(user_id, limit, window):
            self._remember(place, SPENT)
            raise _refusal(limit, window, now)

    def _remember(self, place: tuple[UserId, str, int], left: int) -> None:
        if not left:
            return
        if len(self._permits) >= REMEMBERED_MAX:
            del self._permits[next(iter(self._permits))]
        self._permits[place] = left


def _refusal(limit: Limit, window: Window, at: datetime) -> RateLimited:
    retry_after_s = window.retry_after_s(at)
    detail = (
        f"the limit of {limit.quota} requests to {limit.name} jobs in {int(limit.window.total_seconds())} s"
        f" is used up; try again in {retry_after_s} s"
    )
    return RateLimited(detail, retry_after_s=retry_after_s)
