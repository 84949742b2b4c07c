"""Who is calling: the one place where a token or an API key becomes a caller."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.account_ports import CredentialRepository
from chalicelib.domain.credentials import (
    API_KEY_PREFIX,
    ApiKey,
    Caller,
    Credential,
    CredentialId,
    Session,
    api_key,
)
from chalicelib.domain.errors import NotAuthenticated, SignInTooOld, Unavailable
from chalicelib.domain.users import UserId
from chalicelib.ports import Clock, TokenCodec

logger = logging.getLogger(__name__)

REMEMBERED_FOR = timedelta(seconds=10)
"""
How long a container answers for a credential without looking at its row again.

So a sign-out is felt by every container within this time, and a busy caller's look costs next to nothing.
"""

REMEMBERED_MAX = 1000
"""Credentials that one container remembers; one that is forgotten costs another look."""

USE_NOTED_EVERY = timedelta(minutes=5)
"""How exactly the last use of an API key is known: a write for each use would cost more than the use."""

RECENT = timedelta(minutes=15)
"""How long after a sign-in its session may do what cannot be undone or lasts; a stolen older one cannot."""

Place = tuple[UserId, CredentialId]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    at: datetime
    found: Credential | None


class Authentication:
    """
    Tells callers by their credentials.

    Every one, token or key, has a row that must be there: an access token is good only while its session lasts.
    """

    def __init__(self, *, credentials: CredentialRepository, tokens: TokenCodec, clock: Clock) -> None:
        self._credentials = credentials
        self._tokens = tokens
        self._clock = clock
        self._looks: dict[Place, _Look] = {}

    def caller(self, token: str, *, now: bool = False) -> Caller:
        """
        Return who shows this access token or API key.

        With ``now``, as the row is at this moment; otherwise as it was at most `REMEMBERED_FOR` ago.

        Raises:
            NotAuthenticated: It does not hold.
            Unavailable: Its row cannot be looked at.
        """
        if token.startswith(API_KEY_PREFIX):
            return Caller.by(self._key(token, now=now))
        claims = self._tokens.verify(token)
        session = self._look(claims.user_id, CredentialId(claims.session_id), now=now).found
        if not isinstance(session, Session) or not session.is_active(self._clock.now()):
            detail = "the session of this token has ended; log in again"
            raise NotAuthenticated(detail)
        return Caller.by(session)

    def remember(self, session: Session) -> None:
        """
        Answer for a session whose row was just written; the next request then costs no look.

        As of before the write: what ended it since is not to be missed for longer than otherwise.
        """
        place = (session.user_id, session.credential_id)
        self._remember(place, _Look(at=session.refreshed_at, found=session))

    def forget(self, user_id: UserId, credential_ids: Iterable[CredentialId]) -> None:
        """Have the rows of credentials looked at again when they are next shown to this container."""
        for credential_id in credential_ids:
            self._looks.pop((user_id, credential_id), None)

    def _key(self, token: str, *, now: bool) -> ApiKey:
        shown = api_key(token)
        if shown is None:
            raise _refused_key()
        look = self._look(shown.user_id, shown.credential_id, now=now)
        key, at = look.found, self._clock.now()
        if not isinstance(key, ApiKey) or not key.is_opened_by(shown) or not key.is_active(at):
            raise _refused_key()
        return self._noted(key, look.at, at)

    def _noted(self, key: ApiKey, looked_at: datetime, at: datetime) -> ApiKey:
        if key.last_used_at is not None and at - key.last_used_at < USE_NOTED_EVERY:
            return key
        used = key.used(at)
        # First, so that a store that is away is asked once in a while, not by each request. As of the same look: that
        # the key is used does not tell whether it is still there.
        self._remember((key.user_id, key.credential_id), _Look(at=looked_at, found=used))
        try:
            self._credentials.note_use(used)
        except Unavailable:
            logger.warning("the last use of an API key could not be noted", exc_info=True)
        return used

    def _look(self, user_id: UserId, credential_id: CredentialId, *, now: bool) -> _Look:
        place = (user_id, credential_id)
        at = self._clock.now()
        look = None if now else self._looks.get(place)
        if look is None or at - look.at >= REMEMBERED_FOR:
            look = _Look(at=at, found=self._credentials.get(user_id, credential_id))
            self._remember(place, look)
        return look

    def _remember(self, place: Place, look: _Look) -> None:
        self._looks.pop(place, None)
        if len(self._looks) >= REMEMBERED_MAX:
            self._looks.pop(next(iter(self._looks)), None)
        self._looks[place] = look


def _refused_key() -> NotAuthenticated:
    return NotAuthenticated("the API key is not one of this service's, was deleted, or has expired")


def require_recent(caller: Caller, clock: Clock) -> None:
    """
    Pass a caller who has just signed in.

    Raises:
        SignInTooOld: It was longer than `RECENT` ago, or by an API key.
    """
    if caller.signed_in_at is None or clock.now() - caller.signed_in_at > RECENT:
        detail = f"this needs a session that is at most {RECENT // timedelta(minutes=1)} minutes old; log in again"
        raise SignInTooOld(detail, max_age_s=int(RECENT.total_seconds()))
