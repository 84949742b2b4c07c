"""
What accounts need from the outside, as protocols: users, credentials, audit events, and the queue of erasures.

As in `chalicelib.ports`, every method that reaches AWS raises `Unavailable` when the other side does not answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.domain.audit import AuditEvent, EventId
from chalicelib.domain.credentials import ApiKey, Credential, CredentialId, Session
from chalicelib.domain.users import User, UserId


class UserRepository(Protocol):
    """Users by name."""

    def add(self, user: User, event: AuditEvent) -> None:
        """
        Store a new user and the event that tells of it, atomically against others of the same name.

        Raises:
            Conflict: The name is taken, in whatever case.
        """
        ...

    def find(self, username: str) -> User | None:
        """Return the user of this name, in whatever case, or ``None``."""
        ...

    def change(
        self, seen: User, to: User, *, events: Sequence[AuditEvent], credential: Credential | None = None
    ) -> None:
        """
        Write the user as ``to``, with the events and with a new credential, if it `User.is_unchanged_since` then.

        All of it or nothing, in one transaction, so no credential is made for an account that was just disabled,
        deleted, or given another password. ``to`` may be ``seen``. The same change again, after a lost response, is no
        other.

        Raises:
            ConcurrentUpdate: It has changed; with the user as it is, ``None`` when it is gone.
        """
        ...

    def remove(self, username: str, user_id: UserId) -> None:
        """Remove the user who has this name, if it is this one; else it is removed already."""
        ...


class CredentialRepository(Protocol):
    """Credentials by owner and id. One that has expired may still be there."""

    def get(self, user_id: UserId, credential_id: CredentialId) -> Credential | None:
        """Return the credential as last written, or ``None``."""
        ...

    def all_of(self, user_id: UserId) -> Sequence[Credential]:
        """Return every credential of a user."""
        ...

    def username_of(self, user_id: UserId) -> str | None:
        """Return the name of a user who has a credential, or ``None``; it may have been removed just now."""
        ...

    def rotate(self, to: Session) -> None:
        """
        Write a session as it was refreshed, if its current refresh token still is ``to.previous_digest``.

        Raises:
            ConcurrentUpdate: It is not; with the session as it is, ``None`` when it has ended.
        """
        ...

    def note_use(self, key: ApiKey) -> None:
        """Note ``key.last_used_at``, if the key is still there."""
        ...

    def remove(self, credential: Credential, event: AuditEvent) -> bool:
        """Remove a credential and store the event that tells of it; false, and nothing stored, if it was gone."""
        ...

    def remove_all(self, user_id: UserId, credential_ids: Sequence[CredentialId]) -> None:
        """Remove many credentials of one user."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Events, the newest first; ``next_after`` is the id to go on after, ``None`` at the end."""

    events: Sequence[AuditEvent]
    next_after: EventId | None


class AuditTrail(Protocol):
    """Audit events by whom they concern, kept for the deployment's retention."""

    def record(self, event: AuditEvent) -> None:
        """Store an event by itself."""
        ...

    def page(self, subject: str, *, at: datetime, limit: int, after: EventId | None) -> AuditPage:
        """Return at most ``limit`` events whose retention is not over at ``at``, older than ``after`` if given."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The order to erase all that a user leaves."""

    user_id: UserId
    username: str


class ErasureQueue(Protocol):
    """The queue of erasures: at least once, in any order."""

    def send(self, erasure: Erasure, *, delay: timedelta = timedelta()) -> None:
        """Send an order, to arrive after ``delay``: whole seconds, 15 minutes at most."""
        ...


class RowEraser(Protocol):
    """The end of what a user has in one table: jobs, webhooks, or whatever else has an owner."""

    def erase_some(self, owner_id: UserId) -> bool:
        """Remove some rows of an owner, whatever their status; return whether there may be more."""
        ...
