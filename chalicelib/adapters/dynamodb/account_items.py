"""
Items of users, credentials and audit events, to and from the domain; see `chalicelib.adapters.dynamodb.items`.

What is as it is for nearly everyone, such as the role, is left out.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.items import epoch_ms, epoch_s, instant, text
from chalicelib.adapters.dynamodb.keys import credential_key, event_key, user_key
from chalicelib.domain.audit import AuditEvent, EventId
from chalicelib.domain.credentials import ApiKey, Credential, CredentialId, Scope, Session
from chalicelib.domain.users import Role, User, UserId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from chalicelib.adapters.dynamodb.keys import Item

SESSION = "session"
API_KEY = "api_key"
"""The ``kind`` of a credential's item."""


def to_user_item(user: User) -> "Item":
    """Return the item of a user."""
    item = user_key(user.username) | {
        "user_id": text(user.user_id),
        "username": text(user.username),
        "password_hash": text(user.password_hash),
        "created_at_epoch_ms": epoch_ms(user.created_at),
    }
    if user.role is not Role.USER:
        item["role"] = text(user.role)
    if user.is_disabled:
        item["is_disabled"] = {"BOOL": True}
    if user.known_addresses:
        known = {address: epoch_ms(at) for address, at in user.known_addresses.items()}
        item["known_addresses"] = {"M": known}
    return item


def from_user_item(item: "Mapping[str, AttributeValueTypeDef]") -> User:
    """Return the user of an item."""
    known = item["known_addresses"]["M"] if "known_addresses" in item else {}
    return User(
        user_id=UserId(item["user_id"]["S"]),
        username=item["username"]["S"],
        password_hash=item["password_hash"]["S"],
        created_at=instant(item["created_at_epoch_ms"]),
        role=Role(item["role"]["S"]) if "role" in item else Role.USER,
        is_disabled=item["is_disabled"]["BOOL"] if "is_disabled" in item else False,
        known_addresses={address: instant(at) for address, at in known.items()},
    )


def to_credential_item(credential: Credential) -> "Item":
    """Return the item of a session or an API key; DynamoDB deletes it when it can never be active again."""
    item = credential_key(credential.user_id, credential.credential_id) | {"username": text(credential.username)}
    if isinstance(credential, Session):
        item |= to_rotated_attributes(credential) | {
            "kind": text(SESSION),
            "started_at_epoch_ms": epoch_ms(credential.started_at),
            "ends_at_epoch_ms": epoch_ms(credential.ends_at),
            "address": text(credential.address),
            "family_digest": text(credential.family_digest),
        }
        return item
    item |= {
        "kind": text(API_KEY),
        "name": text(credential.name),
        "scopes": {"L": [text(scope) for scope in sorted(credential.scopes)]},
        "digest": text(credential.digest),
        "created_at_epoch_ms": epoch_ms(credential.created_at),
        "expires_at_epoch_ms": epoch_ms(credential.expires_at),
        "expires_at_epoch_s": epoch_s(credential.expires_at),
    }
    if credential.last_used_at is not None:
        item["last_used_at_epoch_ms"] = epoch_ms(credential.last_used_at)
    return item


def to_rotated_attributes(session: Session) -> "Item":
    """Return the attributes of a session that each refresh writes."""
    attributes = {
        "refreshed_at_epoch_ms": epoch_ms(session.refreshed_at),
        "expires_at_epoch_ms": epoch_ms(session.expires_at),
        "expires_at_epoch_s": epoch_s(session.expires_at),
        "current_digest": text(session.current_digest),
    }
    if session.previous_digest is not None:
        attributes["previous_digest"] = text(session.previous_digest)
    return attributes


def from_credential_item(item: "Mapping[str, AttributeValueTypeDef]") -> Credential:
    """Return the session or API key of an item."""
    return _session(item) if item["kind"]["S"] == SESSION else _api_key(item)


def _session(item: "Mapping[str, AttributeValueTypeDef]") -> Session:
    return Session(
        user_id=UserId(item["user_id"]["S"]),
        username=item["username"]["S"],
        credential_id=CredentialId(item["credential_id"]["S"]),
        started_at=instant(item["started_at_epoch_ms"]),
        refreshed_at=instant(item["refreshed_at_epoch_ms"]),
        expires_at=instant(item["expires_at_epoch_ms"]),
        ends_at=instant(item["ends_at_epoch_ms"]),
        address=item["address"]["S"],
        family_digest=item["family_digest"]["S"],
        current_digest=item["current_digest"]["S"],
        previous_digest=item["previous_digest"]["S"] if "previous_digest" in item else None,
    )


def _api_key(item: "Mapping[str, AttributeValueTypeDef]") -> ApiKey:
    return ApiKey(
        user_id=UserId(item["user_id"]["S"]),
        username=item["username"]["S"],
        credential_id=CredentialId(item["credential_id"]["S"]),
        name=item["name"]["S"],
        scopes=frozenset(Scope(scope["S"]) for scope in item["scopes"]["L"]),
        digest=item["digest"]["S"],
        created_at=instant(item["created_at_epoch_ms"]),
        expires_at=instant(item["expires_at_epoch_ms"]),
        last_used_at=instant(item["last_used_at_epoch_ms"]) if "last_used_at_epoch_ms" in item else None,
    )


def to_event_item(event: AuditEvent, *, retention: timedelta) -> "Item":
    """Return the item of an audit event, which DynamoDB deletes after ``retention``."""
    item = event_key(event.subject, event.event_id) | {
        "at_epoch_ms": epoch_ms(event.at),
        "action": text(event.action),
        "actor": text(event.actor),
        "expires_at_epoch_s": epoch_s(event.at + retention),
    }
    optional = {"address": event.address, "credential_id": event.credential_id, "detail": event.detail}
    return item | {name: text(value) for name, value in optional.items() if value is not None}


def from_event_item(item: "Mapping[str, AttributeValueTypeDef]") -> AuditEvent:
    """Return the audit event of an item."""
    return AuditEvent(
        subject=item["subject"]["S"],
        event_id=EventId(item["event_id"]["S"]),
        at=instant(item["at_epoch_ms"]),
        action=item["action"]["S"],  # as it is: it is only shown, and a later version may have recorded another
        actor=item["actor"]["S"],
        address=item["address"]["S"] if "address" in item else None,
        credential_id=CredentialId(item["credential_id"]["S"]) if "credential_id" in item else None,
        detail=item["detail"]["S"] if "detail" in item else None,
    )
