"""What a caller shows to be known: sessions, whose access tokens people use, and API keys, which machines use."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType, TypeAlias
from uuid import UUID

from chalicelib.domain.users import UserId

CredentialId = NewType("CredentialId", str)
"""A random UUID. It is no secret: access tokens carry that of their session."""

GRACE = timedelta(seconds=10)
"""
How long a refresh token that was just used is answered as before.

Its answer may have been lost, and a client that cannot repeat the request has lost its session.
"""

UUID_BYTES = 16
UUID_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UUID = re.compile(UUID_PATTERN)

SECRET_BYTES = 32
"""Of a refresh token or an API key, from a source of secrets: more than anyone can try."""

FAMILY_BYTES = 16
"""What all refresh tokens of a session have in common, so that a used one can be told from a made-up one."""

REFRESH_PREFIX = "jbr_"
API_KEY_PREFIX = "jbk_"
"""What secret scanners know them by."""


class Scope(StrEnum):
    """What a credential is good for."""

    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    ACCOUNT = "account"
    """The account itself: its password, its credentials, its end. No API key has it."""


KEY_SCOPES = (Scope.JOBS_READ, Scope.JOBS_WRITE)
"""What an API key may be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """
    One sign-in, which lasts from refresh to refresh.

    It ends at ``expires_at``, which each refresh moves on, and at ``ends_at`` at the latest. Of its refresh token only
    digests are kept: of the part that stays, and of the part that each refresh replaces, with the one before it.
    ``address`` is where it was begun.
    """

    user_id: UserId
    username: str
    credential_id: CredentialId
    started_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    ends_at: datetime
    address: str
    family_digest: str = field(repr=False)
    current_digest: str = field(repr=False)
    previous_digest: str | None = field(default=None, repr=False)

    @property
    def scopes(self) -> frozenset[Scope]:
        """What it is good for: everything its user may do."""
        return frozenset(Scope)

    def is_active(self, at: datetime) -> bool:
        """Tell whether it has not ended by itself."""
        return at < self.expires_at

    def is_of_family(self, token: "Presented") -> bool:
        """Tell whether a refresh token, used or not, was made for this session."""
        return hmac.compare_digest(self.family_digest, digest(token.secret[:FAMILY_BYTES]))

    def repeats(self, token: "Presented", *, at: datetime) -> bool:
        """Tell whether a refresh token is the one before the current, used so lately that its answer may be lost."""
        return self.previous_digest == digest(token.secret) and at < self.refreshed_at + GRACE

    def refreshed(self, token: "Presented", *, at: datetime, idle: timedelta) -> "Session":
        """Return it with ``token`` as its current refresh token."""
        return replace(
            self,
            refreshed_at=at,
            expires_at=min(at + idle, self.ends_at),
            current_digest=digest(token.secret),
            previous_digest=self.current_digest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A machine's credential; of its secret only the digest is kept. ``last_used_at`` is right to some minutes."""

    user_id: UserId
    username: str
    credential_id: CredentialId
    name: str
    scopes: frozenset[Scope]
    digest: str = field(repr=False)
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None

    def is_active(self, at: datetime) -> bool:
        """Tell whether it has not expired."""
        return at < self.expires_at

    def is_opened_by(self, shown: "Presented") -> bool:
        """Tell whether what was shown has this key's secret; takes the same time wherever it differs."""
        return hmac.compare_digest(self.digest, digest(shown.secret))

    def used(self, at: datetime) -> "ApiKey":
        """Return it as last used at an instant."""
        return replace(self, last_used_at=at)


Credential: TypeAlias = Session | ApiKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """
    A refresh token or an API key as its holder shows it: whose and which it is, and its secret.

    The owner is part of it, because it is part of the key of every row.
    """

    user_id: UserId
    credential_id: CredentialId
    secret: bytes = field(repr=False)

    def text(self, prefix: str) -> str:
        """Return its text: the prefix, then Base64url."""
        body = UUID(self.user_id).bytes + UUID(self.credential_id).bytes + self.secret
        return prefix + urlsafe_b64encode(body).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str, prefix: str, *, secret_bytes: int) -> "Presented | None":
        """Return what a text is; ``None`` if `text` would not have made it, to the last bit."""
        size = UUID_BYTES * 2 + secret_bytes
        if not text.startswith(prefix) or len(text) != len(prefix) + -(-size * 8 // 6) or not text.isascii():
            return None
        body = text.removeprefix(prefix)
        try:
            decoded = urlsafe_b64decode(body + "=" * (-len(body) % 4))
        except ValueError:
            return None
        if len(decoded) != size:
            return None
        shown = cls(
            user_id=UserId(str(UUID(bytes=decoded[:UUID_BYTES]))),
            credential_id=CredentialId(str(UUID(bytes=decoded[UUID_BYTES : 2 * UUID_BYTES]))),
            secret=decoded[2 * UUID_BYTES :],
        )
        return shown if shown.text(prefix) == text else None


def refresh_token(text: str) -> Presented | None:
    """Return a refresh token from its text, ``None`` if it is none."""
    return Presented.from_text(text, REFRESH_PREFIX, secret_bytes=FAMILY_BYTES + SECRET_BYTES)


def api_key(text: str) -> Presented | None:
    """Return an API key from its text, ``None`` if it is none."""
    return Presented.from_text(text, API_KEY_PREFIX, secret_bytes=SECRET_BYTES)


def is_credential_id(text: str) -> bool:
    """Tell whether a text is of the form of a credential's id."""
    return _UUID.fullmatch(text) is not None


def digest(secret: bytes) -> str:
    """
    Return what is kept of a secret.

    A plain SHA-256: there are 256 random bits in it, so that no salt and no slow hash make it any harder to find.
    """
    return hashlib.sha256(secret).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes a request, by which credential; ``signed_in_at`` is ``None`` for an API key."""

    user_id: UserId
    username: str
    credential_id: CredentialId
    scopes: frozenset[Scope]
    signed_in_at: datetime | None

    @classmethod
    def by(cls, credential: Credential) -> "Caller":
        """Return who calls with this credential."""
        return cls(
            user_id=credential.user_id,
            username=credential.username,
            credential_id=credential.credential_id,
            scopes=credential.scopes,
            signed_in_at=credential.started_at if isinstance(credential, Session) else None,
        )


def sessions(credentials: Sequence[Credential], *, at: datetime) -> list[Session]:
    """Return the sessions among credentials that have not ended, the newest first."""
    active = [each for each in credentials if isinstance(each, Session) and each.is_active(at)]
    return sorted(active, key=lambda each: each.started_at, reverse=True)


def api_keys(credentials: Sequence[Credential], *, at: datetime) -> list[ApiKey]:
    """Return the API keys among credentials that have not expired, the newest first."""
    active = [each for each in credentials if isinstance(each, ApiKey) and each.is_active(at)]
    return sorted(active, key=lambda each: each.created_at, reverse=True)
