"""How long a delivery waits: after an attempt that failed, as its receiver asks, and while no slot is free."""

from datetime import UTC, datetime, timedelta

from chalicelib.domain.webhook_deliveries import JITTER, RETRY_AFTER_MAX, WAITS_S

POSTPONED_MAX = 10
"""
Times in a row that a message is sent again for want of a slot: for half an hour. From then on the sweep sends it.

Without an end, each look of the sweep would add a message to those that go round already.
"""

POSTPONED_FOR_MAX = timedelta(minutes=15)
"""The longest of these delays, which is also the longest that SQS has."""

RETRY_AFTER_MAX_CHARACTERS = 64
"""Of the header's text; the longest date has 33."""

SECONDS_MAX_DIGITS = 9
MILLISECOND = timedelta(milliseconds=1)


def next_wait(failed: int, *, fraction: float, retry_after: timedelta) -> timedelta:
    """
    Return how long a delivery waits after the attempt ``failed`` of a set, counted from 1, which was not its last.

    ``fraction`` is random, from 0 to below 1; ``retry_after`` is what the receiver asks for, nothing if it does not.

    >>> next_wait(1, fraction=0.5, retry_after=timedelta()), next_wait(1, fraction=0.5, retry_after=timedelta(hours=1))
    (datetime.timedelta(seconds=5, microseconds=250000), datetime.timedelta(seconds=3600))
    """
    wait = timedelta(seconds=WAITS_S[failed - 1]) * (1 + JITTER * fraction)
    return max(wait // MILLISECOND * MILLISECOND, min(retry_after, RETRY_AFTER_MAX))


def retry_after_of(text: str | None, *, at: datetime) -> timedelta:
    """
    Return how long the text of a ``Retry-After`` asks to wait at ``at``: nothing without one, or if it cannot be read.

    It is a number of seconds or a date (RFC 9110 section 10.2.3); a date in one of the forms of section 5.6.7.
    """
    if text is None or len(text) > RETRY_AFTER_MAX_CHARACTERS:
        return timedelta()
    value = text.strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=int(value)) if len(value) <= SECONDS_MAX_DIGITS else RETRY_AFTER_MAX
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - with all it needs, 7 ms; hardly anybody sends a date

    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return timedelta()
    # Two of the three forms say GMT, and the third means it.
    until = until.replace(tzinfo=UTC) if until.tzinfo is None else until
    return max(until - at, timedelta())


def postponed_for(postponed: int) -> timedelta | None:
    """
    Return the delay of a message that found no free slot, after ``postponed`` times in a row that it found none.

    It doubles from 2 s to 15 minutes; ``None`` when that was often enough, see `POSTPONED_MAX`.

    >>> [int(postponed_for(times).total_seconds()) for times in range(10)]
    [2, 4, 8, 16, 32, 64, 128, 256, 512, 900]
    """
    if postponed >= POSTPONED_MAX:
        return None
    return min(timedelta(seconds=2 ** (postponed + 1)), POSTPONED_FOR_MAX)


def postponed_within(waited: timedelta) -> int:
    """
    Return how often in a row a message is postponed while its delivery waits for so long.

    A message that the sweep sends goes on from there: what has waited for an hour need not ask every other second.

    >>> [postponed_within(timedelta(seconds=waited_s)) for waited_s in (0, 1, 2, 6, 60, 900, 86400)]
    [0, 0, 1, 2, 4, 8, 9]
    """
    waited_s = int(waited.total_seconds())
    return min((waited_s + 2).bit_length() - 2, POSTPONED_MAX - 1)
