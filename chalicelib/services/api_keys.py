"""API keys: made by a user for a machine, shown once, and good for jobs only."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from chalicelib.account_ports import CredentialRepository, UserRepository
from chalicelib.domain.audit import AuditAction
from chalicelib.domain.credentials import (
    API_KEY_PREFIX,
    SECRET_BYTES,
    ApiKey,
    Caller,
    CredentialId,
    Presented,
    Scope,
    api_keys,
    digest,
    is_credential_id,
)
from chalicelib.domain.errors import ConcurrentUpdate, Conflict, NotAuthenticated, NotFound
from chalicelib.ports import AccountIdSource, Clock
from chalicelib.services.accounts import AccountService
from chalicelib.services.auditing import Auditing
from chalicelib.services.authentication import Authentication, require_recent

KEYS_MAX = 50
"""API keys that a user may have at a time; of several made at once, one or two may be more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """A key that was just made, with its text, which is kept nowhere."""

    key: ApiKey
    text: str = field(repr=False)


class ApiKeyService:
    """The API keys of the deployment's users."""

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        accounts: AccountService,
        users: UserRepository,
        credentials: CredentialRepository,
        authentication: Authentication,
        auditing: Auditing,
        clock: Clock,
        ids: AccountIdSource,
    ) -> None:
        self._accounts = accounts
        self._users = users
        self._credentials = credentials
        self._authentication = authentication
        self._auditing = auditing
        self._clock = clock
        self._ids = ids

    def create(
        self, caller: Caller, *, name: str, scopes: Iterable[Scope], lifetime: timedelta, address: str
    ) -> NewApiKey:
        """
        Make a key for the caller.

        Raises:
            SignInTooOld: The session is older than `authentication.RECENT`.
            Conflict: The caller has `KEYS_MAX` keys.
            NotAuthenticated: The account was changed meanwhile.
        """
        require_recent(caller, self._clock)
        user = self._accounts.user_of(caller)
        if len(self.all_of(caller)) >= KEYS_MAX:
            detail = f"you have {KEYS_MAX} API keys, which is all you may have; delete one first"
            raise Conflict(detail)
        now = self._clock.now()
        shown = Presented(
            user_id=user.user_id,
            credential_id=CredentialId(self._ids.new_token_id()),
            secret=self._ids.new_secret(SECRET_BYTES),
        )
        key = ApiKey(
            user_id=user.user_id,
            username=user.username,
            credential_id=shown.credential_id,
            name=name,
            scopes=frozenset(scopes),
            digest=digest(shown.secret),
            created_at=now,
            expires_at=now + lifetime,
        )
        event = self._auditing.event(
            AuditAction.API_KEY_CREATED,
            subject=user.user_id,
            actor=user.username,
            address=address,
            credential_id=key.credential_id,
        )
        try:
            self._users.change(user, user, events=[event], credential=key)
        except ConcurrentUpdate as moved:
            detail = "the account was changed by another request; log in again"
            raise NotAuthenticated(detail) from moved
        self._auditing.log(event)
        return NewApiKey(key=key, text=shown.text(API_KEY_PREFIX))

    def all_of(self, caller: Caller) -> list[ApiKey]:
        """Return the caller's keys, the newest first."""
        return api_keys(self._credentials.all_of(caller.user_id), at=self._clock.now())

    def delete(self, caller: Caller, key_id: str, *, address: str) -> None:
        """
        Delete one of the caller's keys.

        Raises:
            NotFound: The caller has no such key.
        """
        key = self._credentials.get(caller.user_id, CredentialId(key_id)) if is_credential_id(key_id) else None
        event = self._auditing.event(
            AuditAction.API_KEY_DELETED,
            subject=caller.user_id,
            actor=caller.username,
            address=address,
            credential_id=CredentialId(key_id),
        )
        was_there = isinstance(key, ApiKey) and self._credentials.remove(key, event)
        self._authentication.forget(caller.user_id, [CredentialId(key_id)])
        if not was_there:
            detail = "you have no such API key; GET /api-keys lists those you have"
            raise NotFound(detail)
        self._auditing.log(event)
