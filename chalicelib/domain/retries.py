"""When a failed attempt is followed by the next."""

from datetime import timedelta

BACKOFF_BASE = timedelta(seconds=2)
BACKOFF_MAX = timedelta(minutes=15)


def retry_delay(attempt: int, *, fraction: float) -> timedelta:
    """
    Wait after the failed ``attempt`` of a set, counted from 1: exponential back-off with full jitter.

    ``fraction`` is random, from 0 to below 1. Full jitter spreads the jobs of one outage over the whole interval, so
    that they do not come back together (AWS Architecture Blog, "Exponential Backoff And Jitter").

    >>> retry_delay(1, fraction=0.5), retry_delay(3, fraction=0.5)
    (datetime.timedelta(seconds=1), datetime.timedelta(seconds=4))
    """
    # Beyond this power the wait is over the maximum anyway, and a timedelta would overflow.
    powers = min(attempt - 1, 20)
    wait_ms = min(BACKOFF_BASE * 2**powers, BACKOFF_MAX) / timedelta(milliseconds=1)
    return timedelta(milliseconds=int(wait_ms * fraction))
