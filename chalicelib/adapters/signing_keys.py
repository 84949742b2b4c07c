"""The key ring, kept as JSON in a SecureString of Systems Manager's parameter store."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.aws_calls import AwsRefusal
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.signing_keys import RING_MAX_AGE, KeyRing, SigningKey
from chalicelib.ports import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_ssm import SSMClient

logger = logging.getLogger(__name__)

STALE_RING_MAX_AGE = timedelta(hours=1)
"""For how long a container goes on by the ring it has while the parameter store is away."""

READS_APART = timedelta(seconds=10)
"""Of two that were not due by age: tokens with made-up kids must not become calls."""

_STORE = "the parameter store"
_AWAY = f"{_STORE} does not answer"

_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``secret`` is base64 in JSON."""

    kid: str
    algorithm: str
    secret: bytes
    signs_from: _Instant
    verifies_until: _Instant | None


class _Ring(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keys: list[_Key]
    replaced: list[str]


def to_text(ring: KeyRing) -> str:
    """Return the ring as its parameter holds it."""
    keys = [
        _Key(
            kid=key.kid,
            algorithm=key.algorithm,
            secret=key.secret,
            signs_from=key.signs_from,
            verifies_until=key.verifies_until,
        )
        for key in ring.keys
    ]
    return msgspec.json.encode(_Ring(keys=keys, replaced=sorted(ring.replaced))).decode()


def from_text(text: str, *, parameter: str) -> KeyRing:
    """
    Return the ring that a parameter holds.

    Raises:
        ValueError: It holds none. The message names the parameter, and nothing of its content.
    """
    try:
        ring = msgspec.json.decode(text, type=_Ring)
        keys = tuple(
            SigningKey(
                kid=key.kid,
                algorithm=key.algorithm,
                secret=key.secret,
                signs_from=key.signs_from,
                verifies_until=key.verifies_until,
            )
            for key in ring.keys
        )
        return KeyRing(keys, replaced=frozenset(ring.replaced))
    except (ValueError, RecursionError):  # which msgspec's errors are too
        message = f"the parameter {parameter} does not hold a key ring; delete it, and make keys writes one"
        raise ValueError(message) from None


@dataclass(frozen=True, slots=True)
class _Held:
    ring: KeyRing
    read_at: datetime

    def is_within(self, age: timedelta, now: datetime) -> bool:
        """Tell whether it was read no longer ago. A clock that was set back makes a ring old, not fresh for ever."""
        return timedelta(0) <= now - self.read_at < age


class SsmSigningKeys:
    """
    The keys of the ring, read on first use and then every five minutes.

    ``client`` is for the first read, which is worth several tries; ``client_once`` for reading again. A kid that is not
    known has the ring read again too, so that a key which replaces a compromised one counts at once. While the store is
    away, or has no ring any more, the ring that is there serves for an hour; nothing is said of kids it does not know.
    """

    def __init__(
        self,
        client: "Callable[[], SSMClient]",
        client_once: "Callable[[], SSMClient]",
        *,
        parameter: str,
        clock: Clock,
    ) -> None:
        self._client = client
        self._client_once = client_once
        self._parameter = parameter
        self._clock = clock
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._tried_at: datetime | None = None
        self._is_away = False

    def signing(self) -> SigningKey:
        """
        Return the key that signs now.

        Raises:
            Unavailable: The parameter store does not answer, and no ring is there or it is too old.
            ValueError: The parameter holds no ring.
            LookupError: No key of the ring signs now.
        """
        now = self._clock.now()
        with self._lock:
            return self._current(now).ring.signing_at(now)

    def verifying(self, kid: str) -> SigningKey | None:
        """
        Return the key of this kid if it verifies now, or ``None``.

        Raises:
            Unavailable: As `signing`; also when the kid is unknown and the store did not answer lately.
            ValueError: The parameter holds no ring.
        """
        now = self._clock.now()
        with self._lock:
            held = self._current(now)
            if not held.ring.has(kid):
                held = self._latest(held, now)
            return held.ring.verifying(kid, now)

    def all_verifying(self) -> Sequence[SigningKey]:
        """
        Return every key that verifies now, the one that signs first.

        Raises:
            Unavailable, ValueError, LookupError: As `signing`.
        """
        now = self._clock.now()
        with self._lock:
            return self._current(now).ring.all_verifying(now)

    def _current(self, now: datetime) -> _Held:
        held = self._held
        if held is None:
            return self._read(now)
        if held.is_within(RING_MAX_AGE, now):
            return held
        serves = held.is_within(STALE_RING_MAX_AGE, now)
        if self._may_try(now):
            try:
                return self._read(now)
            except Unavailable:
                if not serves:
                    raise
        if not serves:
            raise Unavailable(_AWAY)
        return held

    def _latest(self, held: _Held, now: datetime) -> _Held:
        """Return the ring read anew, or the one that is there if it was read within `READS_APART`."""
        if self._may_try(now):
            return self._read(now)
        if self._is_away:
            raise Unavailable(_AWAY)
        return held

    def _may_try(self, now: datetime) -> bool:
        return self._tried_at is None or not timedelta(0) <= now - self._tried_at < READS_APART

    def _read(self, now: datetime) -> _Held:
        client = self._client() if self._held is None else self._client_once()
        self._tried_at = now
        try:
            with unavailable_when_away(_STORE):
                answer = client.get_parameter(Name=self._parameter, WithDecryption=True)
            self._held = _Held(from_text(answer["Parameter"]["Value"], parameter=self._parameter), now)
        except Unavailable:
            self._went_away()
            raise
        except (AwsRefusal, ValueError) as fault:
            # A parameter that was deleted or garbled: where a good ring was read before, that one serves for its hour.
            if self._held is None:
                raise
            self._went_away(fault)
            raise Unavailable(_AWAY) from fault
        self._is_away = False
        return self._held

    def _went_away(self, fault: Exception | None = None) -> None:
        """Log it once, until the ring is read again."""
        if self._held is not None and not self._is_away:
            logger.error(
                "the signing keys cannot be read again",
                extra={"going_on_with_those_of": self._held.read_at.isoformat()},
                exc_info=fault,
            )
        self._is_away = True
