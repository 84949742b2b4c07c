"""Users, credentials and events for the contract tests, at a time that is ahead of the emulators' own clock."""

from datetime import datetime, timedelta
from typing import Any

from chalicelib.account_ports import UserRepository
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.credentials import ApiKey, Credential, CredentialId, Session, digest
from chalicelib.domain.users import User, UserId
from tests.contract.conftest import Ports
from tests.factories import OWNER, make_api_key, make_event, make_session, make_user
from tests.fakes import NOON

AHEAD = NOON.replace(year=2100)
"""By their own clock the emulators delete what has expired."""

ANOTHER = UserId("7f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a12")
ADA = make_user(created_at=AHEAD)


def credential_id(number: int) -> CredentialId:
    return CredentialId(f"00000000-0000-4000-9000-{number:012x}")


def session_of(number: int, **overrides: Any) -> Session:
    instants: dict[str, datetime] = {
        "started_at": AHEAD,
        "refreshed_at": AHEAD,
        "expires_at": AHEAD + timedelta(days=7),
        "ends_at": AHEAD + timedelta(days=30),
    }
    return make_session(**instants | {"credential_id": credential_id(number)} | overrides)


def api_key_of(number: int, **overrides: Any) -> ApiKey:
    instants = {"created_at": AHEAD, "expires_at": AHEAD + timedelta(days=90)}
    return make_api_key(**instants | {"credential_id": credential_id(number)} | overrides)


def event_of(number: int, **overrides: Any) -> AuditEvent:
    return make_event(number, **{"at": AHEAD} | overrides)


def refreshed(session: Session, secret: bytes, *, at: datetime = AHEAD + timedelta(minutes=15)) -> Session:
    """The session with the digest of a secret as that of its current refresh token."""
    return make_session(
        user_id=session.user_id,
        username=session.username,
        credential_id=session.credential_id,
        started_at=session.started_at,
        refreshed_at=at,
        expires_at=min(at + timedelta(days=7), session.ends_at),
        ends_at=session.ends_at,
        current_digest=digest(secret),
        previous_digest=session.current_digest,
    )


def store(ports: Ports, *credentials: Credential, user: User = ADA) -> None:
    """Register the user, unless that is done, and give her credentials, each as a sign-in or the making of a key."""
    if ports.users.find(user.username) is None:
        ports.users.add(user, event_of(1, subject=user.user_id))
    for number, credential in enumerate(credentials, start=1000):
        events = [event_of(number, subject=user.user_id, credential_id=credential.credential_id)]
        ports.users.change(user, user, events=events, credential=credential)


def add_user(users: UserRepository, user: User = ADA) -> None:
    users.add(user, event_of(1, subject=user.user_id))


def events_of(ports: Ports, subject: str = OWNER) -> list[AuditEvent]:
    """All events of a subject, the oldest first."""
    return list(ports.audit.page(subject, at=AHEAD, limit=1000, after=None).events)[::-1]
