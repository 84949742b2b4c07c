"""Sessions: begun by a sign-in, continued by refresh tokens, ended by their user or by the theft of one."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.account_ports import AuditTrail, CredentialRepository, UserRepository
from chalicelib.domain.audit import AuditAction
from chalicelib.domain.credentials import (
    FAMILY_BYTES,
    REFRESH_PREFIX,
    SECRET_BYTES,
    Caller,
    Credential,
    CredentialId,
    Presented,
    Session,
    digest,
    is_credential_id,
    refresh_token,
    sessions,
)
from chalicelib.domain.errors import ConcurrentUpdate, NotAuthenticated, NotFound
from chalicelib.domain.tokens import AccessClaims, SessionLimits
from chalicelib.domain.users import User, UserId
from chalicelib.ports import AccountIdSource, Clock, Succession, TokenCodec
from chalicelib.services.auditing import Auditing
from chalicelib.services.authentication import Authentication, require_recent


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """
    What a sign-in or a refresh gives: an access token, how long it holds, and what to get the next one with.

    ``session_expires_in_s`` is for how long that is possible.
    """

    access_token: str = field(repr=False)
    expires_in_s: int
    refresh_token: str = field(repr=False)
    session_expires_in_s: int


class SessionService:
    """The sessions of the deployment's users."""

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        users: UserRepository,
        credentials: CredentialRepository,
        audit: AuditTrail,
        tokens: TokenCodec,
        succession: Succession,
        authentication: Authentication,
        auditing: Auditing,
        clock: Clock,
        ids: AccountIdSource,
        limits: SessionLimits,
    ) -> None:
        self._users = users
        self._credentials = credentials
        self._audit = audit
        self._tokens = tokens
        self._succession = succession
        self._authentication = authentication
        self._auditing = auditing
        self._clock = clock
        self._ids = ids
        self._limits = limits

    def begun(self, user: User, address: str) -> tuple[Session, Tokens]:
        """Return a new session, which is yet to be stored, and its tokens."""
        now = self._clock.now()
        token = Presented(
            user_id=user.user_id,
            credential_id=CredentialId(self._ids.new_token_id()),
            secret=self._ids.new_secret(FAMILY_BYTES + SECRET_BYTES),
        )
        session = Session(
            user_id=user.user_id,
            username=user.username,
            credential_id=token.credential_id,
            started_at=now,
            refreshed_at=now,
            expires_at=now + min(self._limits.idle, self._limits.longest),
            ends_at=now + self._limits.longest,
            address=address,
            family_digest=digest(token.secret[:FAMILY_BYTES]),
            current_digest=digest(token.secret),
        )
        return session, self._tokens_of(session, token)

    def stored(self, session: Session) -> None:
        """Take note that a new session's row is there."""
        self._authentication.remember(session)

    def refresh(self, text: str, *, address: str) -> Tokens:
        """
        Exchange a refresh token for new tokens; it is then used up.

        The same token again within `credentials.GRACE` gets the same refresh token: the first answer may be lost. After
        that it was stolen, by the first to use it or by the second, and the session ends for both.

        Raises:
            NotAuthenticated: It is no refresh token, was used, or its session has ended; or the account is disabled or
                gone, though its sessions were not all ended.
        """
        now = self._clock.now()
        token, session = self._shown(text, now)
        successors = self._successors(token)
        if hmac.compare_digest(session.current_digest, digest(token.secret)):
            to = session.refreshed(successors[0], at=now, idle=self._limits.idle)
            try:
                self._credentials.rotate(to)
            except ConcurrentUpdate as moved:
                if not isinstance(moved.current, Session):
                    raise _refused() from moved
                session = moved.current
            else:
                self._authentication.remember(to)
                return self._tokens_of(to, successors[0])
        if session.repeats(token, at=now):
            for successor in successors:
                if digest(successor.secret) == session.current_digest:
                    return self._tokens_of(session, successor)
        self._end(
            session,
            AuditAction.REFRESH_TOKEN_REUSED,
            actor=session.username,
            address=address,
            detail="a refresh token was used twice, so the session was ended",
        )
        raise _refused()

    def _shown(self, text: str, now: datetime) -> tuple[Presented, Session]:
        """Return a refresh token, used or not, and its session, which lasts, as does its account."""
        token = refresh_token(text)
        session = None if token is None else self._credentials.get(token.user_id, token.credential_id)
        if token is None or not isinstance(session, Session):
            raise _refused()
        if not session.is_active(now) or not session.is_of_family(token):
            raise _refused()
        user = self._users.find(session.username)
        if user is None or user.user_id != session.user_id or user.is_disabled:
            raise _refused()
        return token, session

    def log_out(self, caller: Caller, *, address: str) -> None:
        """End the caller's session; one that has ended is ended."""
        session = self._credentials.get(caller.user_id, caller.credential_id)
        if isinstance(session, Session):
            self._end(session, AuditAction.SIGNED_OUT, actor=caller.username, address=address)

    def log_out_by(self, text: str, *, address: str) -> None:
        """
        End the session of a refresh token; one that has ended is ended, and what is no refresh token ends nothing.

        A used token will do: where it is shown a second time, a refresh ends its session too.
        """
        try:
            _, session = self._shown(text, self._clock.now())
        except NotAuthenticated:
            return
        self._end(session, AuditAction.SIGNED_OUT, actor=session.username, address=address)

    def log_out_everywhere(self, caller: Caller, *, address: str) -> None:
        """
        End every session of the caller, this one too; API keys stay.

        Raises:
            SignInTooOld: The session is older than `authentication.RECENT`: its thief is not to sign the owner out.
        """
        require_recent(caller, self._clock)
        event = self._auditing.event(
            AuditAction.SIGNED_OUT_EVERYWHERE, subject=caller.user_id, actor=caller.username, address=address
        )
        self._audit.record(event)
        self._auditing.log(event)
        self.end_others(caller.user_id, but=None)

    def all_of(self, caller: Caller) -> list[Session]:
        """Return the caller's sessions, the newest first."""
        return sessions(self._credentials.all_of(caller.user_id), at=self._clock.now())

    def end(self, caller: Caller, session_id: str, *, address: str) -> None:
        """
        End one of the caller's sessions.

        Raises:
            SignInTooOld: It is another than the caller's, which is older than `authentication.RECENT`.
            NotFound: The caller has no such session.
        """
        if session_id != caller.credential_id:
            require_recent(caller, self._clock)
        is_id = is_credential_id(session_id)
        session = self._credentials.get(caller.user_id, CredentialId(session_id)) if is_id else None
        if not isinstance(session, Session) or not self._end(
            session, AuditAction.SESSION_ENDED, actor=caller.username, address=address
        ):
            detail = "you have no such session; GET /me/sessions lists those you have"
            raise NotFound(detail)

    def end_others(self, user_id: UserId, *, but: CredentialId | None) -> None:
        """End every session of a user but one, or all of them; API keys stay."""
        self._end_all(user_id, lambda each: isinstance(each, Session) and each.credential_id != but)

    def end_all_credentials(self, user_id: UserId) -> None:
        """End every session of a user, and delete every API key."""
        self._end_all(user_id, lambda _each: True)

    def _end_all(self, user_id: UserId, is_meant: Callable[[Credential], bool]) -> None:
        ended = [each.credential_id for each in self._credentials.all_of(user_id) if is_meant(each)]
        self._credentials.remove_all(user_id, ended)
        self._authentication.forget(user_id, ended)

    def _end(
        self, session: Session, action: AuditAction, *, actor: str, address: str, detail: str | None = None
    ) -> bool:
        event = self._auditing.event(
            action,
            subject=session.user_id,
            actor=actor,
            address=address,
            credential_id=session.credential_id,
            detail=detail,
        )
        was_there = self._credentials.remove(session, event)
        if was_there:
            self._auditing.log(event)
        self._authentication.forget(session.user_id, [session.credential_id])
        return was_there

    def _successors(self, token: Presented) -> list[Presented]:
        family = token.secret[:FAMILY_BYTES]
        return [
            Presented(user_id=token.user_id, credential_id=token.credential_id, secret=family + following)
            for following in self._succession.successors(token.secret)
        ]

    def _tokens_of(self, session: Session, token: Presented) -> Tokens:
        now = self._clock.now()
        expires_at = min(now + self._limits.token_ttl, session.expires_at)
        claims = AccessClaims(
            user_id=session.user_id,
            session_id=session.credential_id,
            token_id=self._ids.new_token_id(),
            issued_at=now,
            expires_at=expires_at,
        )
        return Tokens(
            access_token=self._tokens.issue(claims),
            expires_in_s=int((expires_at - now).total_seconds()),
            refresh_token=token.text(REFRESH_PREFIX),
            session_expires_in_s=int((session.expires_at - now).total_seconds()),
        )


def _refused() -> NotAuthenticated:
    return NotAuthenticated(
        "the refresh token is not one of this service's, was used, or its session has ended; log in"
    )
