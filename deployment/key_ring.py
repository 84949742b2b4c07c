"""
How an operator writes the key ring that containers read: the SecureString ``/<stack>/signing-keys``.

The parameter store has no conditional write, but it numbers the versions of a parameter and keeps the last hundred. A
write whose number is not the next one shows that others wrote since the ring was read; what they wrote is merged in and
written again. So the last of several concurrent changes leaves the keys of all, and none that any of them threw out.
One that is killed between its two writes leaves what it has overwritten to be seen in the parameter's history.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.adapters.signing_keys import from_text, to_text
from chalicelib.domain.signing_keys import KeyRing
from chalicelib.ports import Pause

SECRET_BYTES = 32
PUTS = 10
PUTS_APART = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was done to the ring: ``before`` is ``None`` if there was none, ``kid`` is that of the new key."""

    parameter: str
    before: KeyRing | None
    after: KeyRing
    kid: str
    is_replacement: bool = False


class KeyRingStore:
    """
    The ring of one stack.

    Its methods raise boto3's errors as they are, for the person at the keyboard, and ``ValueError`` when the parameter
    holds no ring.
    """

    def __init__(self, ssm: Any, parameter: str, pause: Pause) -> None:  # noqa: ANN401 - boto3's classes are made at run time
        self._ssm = ssm
        self._parameter = parameter
        self._pause = pause

    def made(self, *, at: datetime) -> Change | None:
        """Make the ring, unless there is one: then nothing changes. Of several that try at once one makes it."""
        kid = _new_kid()
        ring = KeyRing.first(kid=kid, secret=secrets.token_bytes(SECRET_BYTES), at=at)
        try:
            self._ssm.put_parameter(Name=self._parameter, Type="SecureString", Value=to_text(ring), Overwrite=False)
        except self._ssm.exceptions.ParameterAlreadyExists:
            return None
        return Change(parameter=self._parameter, before=None, after=ring, kid=kid)

    def rotated(self, *, at: datetime) -> Change:
        """
        Add a key that will follow the present one.

        Raises:
            RingFull: There have been too many rotations in too short a time.
        """
        kid, secret = _new_kid(), secrets.token_bytes(SECRET_BYTES)
        before, after = self._changed(lambda ring: ring.rotated(kid=kid, secret=secret, at=at))
        return Change(parameter=self._parameter, before=before, after=after, kid=kid)

    def replaced(self, *, at: datetime) -> Change:
        """Throw all keys out for a new one, which signs at once."""
        kid, secret = _new_kid(), secrets.token_bytes(SECRET_BYTES)
        before, after = self._changed(lambda ring: ring.replaced_by(kid=kid, secret=secret, at=at))
        return Change(parameter=self._parameter, before=before, after=after, kid=kid, is_replacement=True)

    def _changed(self, change: Callable[[KeyRing], KeyRing]) -> tuple[KeyRing, KeyRing]:
        before, version = self._read()
        ring = change(before)
        while (written := self._put(ring)) != version + 1:
            for between in range(version + 1, written):
                ring = ring.merged(self._read(f":{between}")[0])
            version = written
        return before, ring

    def _read(self, version: str = "") -> tuple[KeyRing, int]:
        found = self._ssm.get_parameter(Name=self._parameter + version, WithDecryption=True)["Parameter"]
        return from_text(found["Value"], parameter=self._parameter), found["Version"]

    def _put(self, ring: KeyRing) -> int:
        """Write; return the version. While somebody else is writing, tries again, which boto3 itself does not."""
        request = {"Name": self._parameter, "Type": "SecureString", "Value": to_text(ring), "Overwrite": True}
        for _ in range(PUTS - 1):
            try:
                return int(self._ssm.put_parameter(**request)["Version"])
            except self._ssm.exceptions.TooManyUpdates:
                self._pause.sleep(PUTS_APART)
        return int(self._ssm.put_parameter(**request)["Version"])


def _new_kid() -> str:
    return secrets.token_hex(8)
