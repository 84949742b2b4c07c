"""Admission of requests against a user's limits."""

from chalicelib.domain.errors import RateLimited
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.users import UserId
from chalicelib.ports import Clock, RateLimitStore


class RateLimiter:
    """Counts requests per user and limit. Fails closed: when the store is away, nothing is admitted."""

    def __init__(self, store: RateLimitStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def admit(self, user_id: UserId, limit: Limit) -> None:
        """
        Count one request.

        Raises:
            RateLimited: The quota of the current window is spent.
            Unavailable: The counters cannot be reached.
        """
        now = self._clock.now()
        window = limit.window_at(now)
        if not self._store.take(user_id, limit, window):
            retry_after_s = window.retry_after_s(now)
            detail = (
                f"the limit of {limit.quota} requests to {limit.name} jobs in {int(limit.window.total_seconds())} s"
                f" is used up; try again in {retry_after_s} s"
            )
            raise RateLimited(detail, retry_after_s=retry_after_s)
