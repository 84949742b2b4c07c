"""What is kept of sign-ins, of changes to accounts and credentials, and of what administrators do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from chalicelib.domain.credentials import CredentialId

EventId = NewType("EventId", str)
"""A UUIDv7 of when it happened, so that events sort by time."""

OPERATOR = "(operator)"
"""The actor of what is done with the deployment's AWS credentials, from outside the API."""

UNKNOWN = "(unknown)"
"""
The actor of an attempt to sign in by a name that nobody has.

Neither this nor `OPERATOR` is a name that a user can register, so nobody passes for one of them.
"""


class AuditAction(StrEnum):
    """What happened."""

    REGISTERED = "REGISTERED"
    SIGNED_IN = "SIGNED_IN"
    SIGN_IN_FAILED = "SIGN_IN_FAILED"
    SIGNED_OUT = "SIGNED_OUT"
    SIGNED_OUT_EVERYWHERE = "SIGNED_OUT_EVERYWHERE"
    SESSION_ENDED = "SESSION_ENDED"
    REFRESH_TOKEN_REUSED = "REFRESH_TOKEN_REUSED"  # noqa: S105 - no secret
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105 - no secret
    PASSWORD_CHANGE_FAILED = "PASSWORD_CHANGE_FAILED"  # noqa: S105 - no secret
    API_KEY_CREATED = "API_KEY_CREATED"
    API_KEY_DELETED = "API_KEY_DELETED"
    ROLE_CHANGED = "ROLE_CHANGED"
    ACCOUNT_DISABLED = "ACCOUNT_DISABLED"
    ACCOUNT_ENABLED = "ACCOUNT_ENABLED"
    ACCOUNT_DELETED = "ACCOUNT_DELETED"
    WEBHOOK_CREATED = "WEBHOOK_CREATED"
    WEBHOOK_CHANGED = "WEBHOOK_CHANGED"
    WEBHOOK_DELETED = "WEBHOOK_DELETED"
    WEBHOOK_SECRET_ROTATED = "WEBHOOK_SECRET_ROTATED"  # noqa: S105 - no secret
    USER_LOOKED_AT = "USER_LOOKED_AT"
    USER_CHANGED = "USER_CHANGED"
    JOBS_LISTED = "JOBS_LISTED"
    JOB_LOOKED_AT = "JOB_LOOKED_AT"
    JOB_CANCELLED = "JOB_CANCELLED"
    JOB_RETRIED = "JOB_RETRIED"
    JOBS_CANCELLED = "JOBS_CANCELLED"
    JOBS_RETRIED = "JOBS_RETRIED"
    OPERATION_PAUSED = "OPERATION_PAUSED"
    OPERATION_RESUMED = "OPERATION_RESUMED"
    JOBS_PAUSED = "JOBS_PAUSED"
    JOBS_RESUMED = "JOBS_RESUMED"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """
    One event, as the person it concerns may read it.

    ``subject`` is that person's user id, or the digest of a name that nobody has. ``actor`` is the name of who did it,
    ``address`` where from, ``credential_id`` the session or API key it is about. ``detail`` never has a secret.
    ``action`` is a text that this version does not know where a later one has recorded it.
    """

    subject: str
    event_id: EventId
    at: datetime
    action: AuditAction | str
    actor: str
    address: str | None = None
    credential_id: CredentialId | None = None
    detail: str | None = None
