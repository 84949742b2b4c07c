"""Ids that follow from what they name, so that whoever makes one again makes the same."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RANDOM_BITS = 74
"""Of a UUID version 7, all that is not its time, its version or its variant (RFC 9562 section 5.7)."""


def stable_id(at: datetime, *names: str) -> str:
    """
    Return the UUID version 7 of the millisecond ``at`` whose other bits are a digest of ``names``.

    The names go in with their lengths, so that no other ones run together to the same.
    """
    told = b"".join(len(name.encode()).to_bytes(8, "big") + name.encode() for name in names)
    digest = int.from_bytes(hashlib.sha256(told).digest(), "big") & ((1 << RANDOM_BITS) - 1)
    high, low = divmod(digest, 1 << 62)
    milliseconds = (at - EPOCH) // timedelta(milliseconds=1)
    return str(uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low))


def first_id(at: datetime) -> str:
    """Return what sorts before every `stable_id` of the millisecond ``at``, and after all those of earlier ones."""
    milliseconds = (at - EPOCH) // timedelta(milliseconds=1)
    return str(uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (0b10 << 62)))
