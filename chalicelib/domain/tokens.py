"""What an access token says, and how long it and its session last."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.users import UserId

ACCESS_TOKEN_TTL_MAX = timedelta(hours=1)
"""No token holds longer, whatever the settings: a signing key that signs no more must be kept for as long."""

CLOCK_LEEWAY = timedelta(seconds=30)
"""By how much the clock of the container that made a token may differ from that of the one which checks it."""

TOKEN_MAX_CHARACTERS = 4096
"""Ours have about 500; a longer text is refused unread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessClaims:
    """
    Who may act by a token, and for how long.

    ``session_id`` names the sign-in that the token came of, ``token_id`` the token itself; both are UUIDs, as is the
    user's id. Instants are whole seconds in a token; what is below is cut off.
    """

    user_id: UserId
    session_id: str
    token_id: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How long an access token holds, a session that is not refreshed lasts, and any session lasts at most."""

    token_ttl: timedelta
    idle: timedelta
    longest: timedelta
