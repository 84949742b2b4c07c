"""The real clock and real randomness; nothing else in the product reads either."""

import secrets
import time
import uuid
from datetime import UTC, datetime

from chalicelib.domain.jobs import JobId
from chalicelib.domain.users import UserId


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current UTC instant, cut to the millisecond that rows keep."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


class SystemRandomness:
    """The machine's randomness."""

    def fraction(self) -> float:
        """Return a number from 0 to below 1, uniformly."""
        return secrets.randbelow(2**32) / 2**32


class SystemIds:
    """Random identifiers."""

    def new_user_id(self) -> UserId:
        """Return a random UUID."""
        return UserId(str(uuid.uuid4()))

    def new_job_id(self) -> JobId:
        """
        Return a UUID version 7 whose 12 bits after the milliseconds carry the fraction of the millisecond.

        RFC 9562 section 5.7 and, for the fraction, section 6.2 method 3: ids of one process sort by creation to a
        quarter of a microsecond.
        """
        milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
        fraction = nanoseconds * 4096 // 1_000_000
        number = (milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | secrets.randbits(62)
        return JobId(str(uuid.UUID(int=number)))

    def new_worker_id(self) -> str:
        """Return 8 random hexadecimal digits, to tell the containers of a deployment apart."""
        return secrets.token_hex(4)

    def new_token_id(self) -> str:
        """Return a random UUID."""
        return str(uuid.uuid4())
