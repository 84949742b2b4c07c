"""Secrets that follow from secrets, by HMAC-SHA256: what a refresh token is exchanged for, again and again the same."""

import hmac
from collections.abc import Sequence

from chalicelib.ports import SigningKeys

PURPOSE = b"successors of refresh tokens"
"""What the keys are derived with, so that they are no other's."""


class HmacSuccession:
    """The successor of a secret is its digest under a key derived from one that signs tokens."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def successors(self, secret: bytes) -> Sequence[bytes]:
        """Return the 32 bytes that follow under each key that verifies, the signing key's first."""
        derived = [hmac.digest(key.secret, PURPOSE, "sha256") for key in self._keys.all_verifying()]
        return [hmac.digest(key, secret, "sha256") for key in derived]
