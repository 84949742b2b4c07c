"""The real clock and real randomness; nothing else in the product reads either."""

import secrets
import time
import uuid
from datetime import UTC, datetime, timedelta

from chalicelib.domain.jobs import JobId
from chalicelib.domain.users import UserId


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current UTC instant, cut to the millisecond that rows keep."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


class SystemPause:
    """The machine's own sleep."""

    def sleep(self, duration: timedelta) -> None:
        """Return after ``duration``."""
        time.sleep(duration.total_seconds())


class SystemRandomness:
    """The machine's randomness."""

    def fraction(self) -> float:
        """Return a number from 0 to below 1, uniformly."""
        return secrets.randbelow(2**32) / 2**32


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COUNTER_BITS = 12


class SystemIds:
    """Random identifiers."""

    def __init__(self) -> None:
        self._last_place = 0

    def new_user_id(self) -> UserId:
        """Return a random UUID."""
        return UserId(str(uuid.uuid4()))

    def new_job_id(self, at: datetime) -> JobId:
        """
        Return a UUID version 7 of the millisecond ``at`` whose next 12 bits count the ids of that millisecond.

        RFC 9562 section 5.7 and, for the counter, section 6.2 method 1. The 62 bits after it are random.
        """
        milliseconds = (at - EPOCH) // timedelta(milliseconds=1)
        self._last_place = max(milliseconds << COUNTER_BITS, self._last_place + 1)
        milliseconds, counter = divmod(self._last_place, 1 << COUNTER_BITS)
        number = (milliseconds << 80) | (0x7 << 76) | (counter << 64) | (0b10 << 62) | secrets.randbits(62)
        return JobId(str(uuid.UUID(int=number)))

    def new_worker_id(self) -> str:
        """Return 8 random hexadecimal digits, to tell the containers of a deployment apart."""
        return secrets.token_hex(4)

    def new_token_id(self) -> str:
        """Return a random UUID."""
        return str(uuid.uuid4())

    def new_event_id(self, at: datetime) -> str:
        """Return a UUIDv7, from the same count as job ids."""
        return self.new_job_id(at)

    def new_secret(self, size_bytes: int) -> bytes:
        """Return random bytes of the operating system."""
        return secrets.token_bytes(size_bytes)
