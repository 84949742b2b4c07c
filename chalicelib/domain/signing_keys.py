"""
The key ring: which key signs, which verify, and how keys come and go.

A container keeps the ring for up to `RING_MAX_AGE`. So a new key is published first and begins to sign once every
container has read it; the old one verifies until the last token it can have signed has expired. Nobody is signed out.
A compromised key is another matter: it goes at once, and its tokens with it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.domain.tokens import ACCESS_TOKEN_TTL_MAX, CLOCK_LEEWAY

ALGORITHM = "HS256"
"""Of new keys."""

SECRET_MIN_BYTES: Mapping[str, int] = {"HS256": 32, "HS384": 48, "HS512": 64}
"""The algorithms that a key may have, and how long its secret must be for each (RFC 7518 section 3.2)."""

KID_PATTERN = "[A-Za-z0-9_-]{1,32}"

RING_MAX_AGE = timedelta(minutes=5)
"""For how long a container goes by the ring it has read."""

PUBLISHED_BEFORE_SIGNING = RING_MAX_AGE + timedelta(minutes=1)
"""From a new key's publication until it signs; the minute is for clocks that differ and a read that takes its time."""

VERIFIES_AFTER_SIGNING = ACCESS_TOKEN_TTL_MAX + CLOCK_LEEWAY
"""From the instant at which a key signs no more until its last token has expired everywhere."""

KEYS_MAX = 8
"""In one ring: a SecureString of the standard tier holds 4,096 characters, which are about twenty keys."""

_KID = re.compile(KID_PATTERN)


class RingFull(Exception):
    """The ring has `KEYS_MAX` keys; ``room_at`` is when the first of them will be past, if one ever will."""

    def __init__(self, room_at: datetime | None) -> None:
        super().__init__(f"the ring has {KEYS_MAX} keys")
        self.room_at = room_at


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """
    A secret, and when it is good for what.

    ``verifies_until`` is ``None`` while no key is there to follow it.

    Raises:
        ValueError: The kid is not of the form `KID_PATTERN`, the algorithm is none of `SECRET_MIN_BYTES`, or the secret
            is too short for it. Never says which kid or secret.
    """

    kid: str
    algorithm: str
    secret: bytes = field(repr=False)
    signs_from: datetime
    verifies_until: datetime | None = None

    def __post_init__(self) -> None:
        """Check the form."""
        if not _KID.fullmatch(self.kid):
            message = f"the kid of a signing key must be of the form {KID_PATTERN}"
            raise ValueError(message)
        if len(self.secret) < SECRET_MIN_BYTES.get(self.algorithm, len(self.secret) + 1):
            message = f"a signing key must have one of these algorithms and as many bytes: {dict(SECRET_MIN_BYTES)}"
            raise ValueError(message)

    def verifies(self, now: datetime) -> bool:
        """Tell whether what it signed still counts. A key that is yet to sign counts too: clocks differ."""
        return self.verifies_until is None or now < self.verifies_until


@dataclass(frozen=True, slots=True)
class KeyRing:
    """
    All keys that are, are yet to be, or lately were in use.

    ``replaced`` are the kids that the last replacement threw out, so that `merged` does not bring them back.

    Raises:
        ValueError: There is no key, or two have one kid.
    """

    keys: Sequence[SigningKey]
    replaced: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Check the kids."""
        if not self.keys or len({key.kid for key in self.keys}) != len(self.keys):
            message = "a key ring must have a key, and each of its keys a kid of its own"
            raise ValueError(message)

    @classmethod
    def first(cls, *, kid: str, secret: bytes, at: datetime) -> "KeyRing":
        """Return a ring of one key that signs at once, in containers whose clock is behind too."""
        return cls((SigningKey(kid=kid, algorithm=ALGORITHM, secret=secret, signs_from=at - CLOCK_LEEWAY),))

    def signing_at(self, now: datetime) -> SigningKey:
        """
        Return the key that signs: of those whose time has come and not gone, the one whose time came last.

        Raises:
            LookupError: There is none, which is the operator's mistake or a clock's.
        """
        able = [key for key in self.keys if key.signs_from <= now and key.verifies(now)]
        if not able:
            message = f"no signing key signs at {now.isoformat()}"
            raise LookupError(message)
        return max(able, key=_seniority)

    def verifying(self, kid: str, now: datetime) -> SigningKey | None:
        """Return the key of this kid if it verifies, or ``None``."""
        return next((key for key in self.keys if key.kid == kid and key.verifies(now)), None)

    def all_verifying(self, now: datetime) -> Sequence[SigningKey]:
        """
        Return every key that verifies, the one that signs first, then the others, the newest first.

        Raises:
            LookupError: None signs.
        """
        signing = self.signing_at(now)
        others = [key for key in self.keys if key.verifies(now) and key.kid != signing.kid]
        return (signing, *sorted(others, key=_seniority, reverse=True))

    def has(self, kid: str) -> bool:
        """Tell whether a key has this kid, past or not."""
        return any(key.kid == kid for key in self.keys)

    def rotated(self, *, kid: str, secret: bytes, at: datetime) -> "KeyRing":
        """
        Return the ring with one more key, which begins to sign `PUBLISHED_BEFORE_SIGNING` from now.

        What signed until then retires when its last token has expired; keys that are past are dropped.

        Raises:
            RingFull: There have been too many rotations in too short a time.
        """
        kept = [key for key in self.keys if key.verifies(at)]
        if len(kept) >= KEYS_MAX:
            raise RingFull(min((key.verifies_until for key in kept if key.verifies_until), default=None))
        # Never before one that is there, even if that was made by a clock which is ahead of this one.
        latest = max((key.signs_from for key in kept), default=at)
        signs_from = max(at + PUBLISHED_BEFORE_SIGNING, latest + timedelta(seconds=1))
        until = signs_from + VERIFIES_AFTER_SIGNING
        retired = [key if key.verifies_until else replace(key, verifies_until=until) for key in kept]
        new = SigningKey(kid=kid, algorithm=ALGORITHM, secret=secret, signs_from=signs_from)
        return KeyRing((*retired, new), replaced=self.replaced)

    def replaced_by(self, *, kid: str, secret: bytes, at: datetime) -> "KeyRing":
        """Return a ring of one new key that signs at once: what any key of this one signed counts no more."""
        first = KeyRing.first(kid=kid, secret=secret, at=at)
        return replace(first, replaced=frozenset(key.kid for key in self.keys))

    def merged(self, other: "KeyRing") -> "KeyRing":
        """
        Return the ring of two that were made of one at the same time: all keys of both, but what either threw out.

        A key that either retires is retired, by the later of the two.
        """
        replaced = self.replaced | other.replaced
        keys: dict[str, SigningKey] = {}
        for key in (*self.keys, *other.keys):
            twin = keys.get(key.kid, key)
            ends = [end for end in (key.verifies_until, twin.verifies_until) if end]
            keys[key.kid] = replace(key, verifies_until=max(ends, default=None))
        return KeyRing(tuple(key for key in keys.values() if key.kid not in replaced), replaced=replaced)


def _seniority(key: SigningKey) -> tuple[datetime, str]:
    """Return what orders keys in the same way in every container, also two that begin at the same instant."""
    return key.signs_from, key.kid
