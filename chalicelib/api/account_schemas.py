"""Bodies of answers about accounts and credentials. The field names are the API's."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec

from chalicelib.domain.audit import AuditAction, AuditEvent
from chalicelib.domain.credentials import ApiKey, CredentialId, Scope, Session
from chalicelib.domain.rate_limits import Standing
from chalicelib.domain.users import Role, User
from chalicelib.fields import (
    EXAMPLE_API_KEY,
    EXAMPLE_REFRESH_TOKEN,
    CredentialIdText,
    Instant,
    UserIdText,
    described,
)

if TYPE_CHECKING:
    from chalicelib.services.api_keys import NewApiKey
    from chalicelib.services.sessions import Tokens

Username = Annotated[str, described("", "yourname")]
RoleText = Annotated[Role, described("What the user may do.", "user")]
KeyName = Annotated[str, described("", "nightly import")]
Scopes = Annotated[Sequence[Scope], described("What it is good for.", ["jobs:read", "jobs:write"])]
LastUse = Annotated[Instant | None, described("When it was last used, to a few minutes.", None)]


class RegisteredUser(msgspec.Struct, frozen=True):
    """Answer of ``POST /register``."""

    user_id: UserIdText
    username: Username


class TokenAnswer(msgspec.Struct, frozen=True):
    """
    Answer of ``POST /login`` and ``POST /token/refresh``.

    Named as in RFC 6749 section 5.1; ``expires_in`` is in seconds.
    """

    access_token: Annotated[str, described("", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ5b3UifQ.signature")]
    token_type: Annotated[str, described("", "bearer")]
    expires_in: Annotated[int, described("", 900)]
    refresh_token: Annotated[
        str,
        described("For `POST /token/refresh`: good once, and worth as much as your password.", EXAMPLE_REFRESH_TOKEN),
    ]

    @classmethod
    def from_tokens(cls, tokens: "Tokens") -> "TokenAnswer":
        """Return the answer that hands tokens out."""
        return cls(
            access_token=tokens.access_token,
            token_type="bearer",  # noqa: S106 - the scheme's name
            expires_in=tokens.expires_in_s,
            refresh_token=tokens.refresh_token,
        )


class PageTokenAnswer(msgspec.Struct, frozen=True):
    """Answer of ``POST /dashboard/session`` and below it: as `TokenAnswer`, but the refresh token is in a cookie."""

    access_token: str
    token_type: str
    expires_in: int

    @classmethod
    def from_tokens(cls, tokens: "Tokens") -> "PageTokenAnswer":
        """Return the answer that hands out the access token alone."""
        return cls(
            access_token=tokens.access_token,
            token_type="bearer",  # noqa: S106 - the scheme's name
            expires_in=tokens.expires_in_s,
        )


class LimitUsage(msgspec.Struct, frozen=True):
    """How one stands with a limit: ``remaining`` of ``quota`` requests in any ``window_s`` seconds."""

    name: Annotated[str, described("", "submit")]
    quota: Annotated[int, described("", 120)]
    window_s: Annotated[int, described("", 60)]
    remaining: Annotated[int, described("How many may be made now.", 118)]

    @classmethod
    def from_standing(cls, standing: Standing) -> "LimitUsage":
        """Return what is told of a standing."""
        limit = standing.limit
        return cls(
            name=limit.name,
            quota=limit.quota,
            window_s=limit.window // timedelta(seconds=1),
            remaining=standing.remaining,
        )


class Usage(msgspec.Struct, frozen=True):
    """Answer of ``GET /me/usage``."""

    limits: Sequence[LimitUsage]


class OwnAccount(msgspec.Struct, frozen=True):
    """Answer of ``GET /me``."""

    user_id: UserIdText
    username: Username
    role: RoleText
    created_at: Instant

    @classmethod
    def from_user(cls, user: User) -> "OwnAccount":
        """Return what users see of their own account."""
        return cls(user_id=user.user_id, username=user.username, role=user.role, created_at=user.created_at)


class AdministeredAccount(msgspec.Struct, frozen=True):
    """Answer of ``GET`` and ``PATCH /users/{username}``."""

    user_id: UserIdText
    username: Username
    role: RoleText
    is_disabled: Annotated[bool, described("Whether it is of no use.", False)]  # noqa: FBT003 - an example
    created_at: Instant

    @classmethod
    def from_user(cls, user: User) -> "AdministeredAccount":
        """Return what administrators see of an account."""
        return cls(
            user_id=user.user_id,
            username=user.username,
            role=user.role,
            is_disabled=user.is_disabled,
            created_at=user.created_at,
        )


class ListedSession(msgspec.Struct, frozen=True):
    """One session; it ends at ``expires_at`` unless it is refreshed before."""

    session_id: CredentialIdText
    started_at: Instant
    refreshed_at: Instant
    expires_at: Instant
    address: Annotated[str, described("Where it was begun.", "203.0.113.7")]
    is_current: Annotated[bool, described("Whether it is that of this request's token.", True)]  # noqa: FBT003 - an example

    @classmethod
    def from_session(cls, session: Session, *, current: CredentialId) -> "ListedSession":
        """Return a session as its user sees it."""
        return cls(
            session_id=session.credential_id,
            started_at=session.started_at,
            refreshed_at=session.refreshed_at,
            expires_at=session.expires_at,
            address=session.address,
            is_current=session.credential_id == current,
        )


class SessionList(msgspec.Struct, frozen=True):
    """Answer of ``GET /me/sessions``: the newest first."""

    sessions: Sequence[ListedSession]


class ListedApiKey(msgspec.Struct, frozen=True):
    """One API key, without its secret."""

    key_id: CredentialIdText
    name: KeyName
    scopes: Scopes
    created_at: Instant
    expires_at: Instant
    last_used_at: LastUse

    @classmethod
    def from_key(cls, key: ApiKey) -> "ListedApiKey":
        """Return a key as its user sees it."""
        return cls(
            key_id=key.credential_id,
            name=key.name,
            scopes=sorted(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
        )


class ApiKeyList(msgspec.Struct, frozen=True):
    """Answer of ``GET /api-keys``: the newest first."""

    api_keys: Sequence[ListedApiKey]


class CreatedApiKey(msgspec.Struct, frozen=True):
    """Answer of ``POST /api-keys``: the only one that has the key itself."""

    key_id: CredentialIdText
    name: KeyName
    scopes: Scopes
    created_at: Instant
    expires_at: Instant
    api_key: Annotated[
        str, described("The key, for `Authorization: Bearer`. It is shown this once and kept nowhere.", EXAMPLE_API_KEY)
    ]

    @classmethod
    def from_new(cls, new: "NewApiKey") -> "CreatedApiKey":
        """Return the answer that hands a key out."""
        return cls(
            key_id=new.key.credential_id,
            name=new.key.name,
            scopes=sorted(new.key.scopes),
            created_at=new.key.created_at,
            expires_at=new.key.expires_at,
            api_key=new.text,
        )


class ListedAuditEvent(msgspec.Struct, frozen=True):
    """One audit event."""

    event_id: Annotated[str, described("", "019aa9f2-2d4c-7cc3-8f0e-3d4e5f607183", format="uuid")]
    at: Instant
    action: Annotated[str, described("What happened. A later version may know more than these.", *AuditAction)]
    actor: Annotated[str, described("Who did it: a username, or `(operator)`.", "yourname")]
    address: Annotated[str | None, described("Where it came from.", "203.0.113.7")]
    credential_id: Annotated[str | None, described("The session or the API key it is about.", None)]
    detail: Annotated[str | None, described("", None)]

    @classmethod
    def from_event(cls, event: AuditEvent) -> "ListedAuditEvent":
        """Return an event as the person it concerns sees it."""
        return cls(
            event_id=event.event_id,
            at=event.at,
            action=event.action,
            actor=event.actor,
            address=event.address,
            credential_id=event.credential_id,
            detail=event.detail,
        )


class AuditList(msgspec.Struct, frozen=True):
    """Answer of ``GET /me/audit``: the newest first; ``next_cursor`` is null at the end."""

    events: Sequence[ListedAuditEvent]
    next_cursor: Annotated[str | None, described("The `cursor` of the next page; null on the last one.", None)]
