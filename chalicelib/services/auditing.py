"""Audit events: made in one place, and each that is stored also a line of the log."""

import logging

from chalicelib.domain.audit import UNKNOWN, AuditAction, AuditEvent, EventId
from chalicelib.domain.credentials import CredentialId
from chalicelib.ports import AccountIdSource, Clock

logger = logging.getLogger(__name__)


class Auditing:
    """
    Makes audit events, and logs them.

    Whoever makes one stores it, in the same write as what it tells of where there is one, and has it logged then: the
    log must not tell of what was refused.
    """

    def __init__(self, *, clock: Clock, ids: AccountIdSource) -> None:
        self._clock = clock
        self._ids = ids

    def event(  # noqa: PLR0913 - each is a part of the event
        self,
        action: AuditAction,
        *,
        subject: str,
        actor: str,
        address: str | None = None,
        credential_id: CredentialId | None = None,
        detail: str | None = None,
    ) -> AuditEvent:
        """Return a new event, of this moment."""
        at = self._clock.now()
        return AuditEvent(
            subject=subject,
            event_id=EventId(self._ids.new_event_id(at)),
            at=at,
            action=action,
            actor=actor,
            address=address,
            credential_id=credential_id,
            detail=detail,
        )

    def log(self, *events: AuditEvent) -> None:
        """Put events that were stored into the log, without the actor's name, which may be anything."""
        for event in events:
            logger.info(
                "audit",
                extra={
                    "event_id": event.event_id,
                    "action": event.action,
                    # A digest of what nobody has for a name, which may be a password, is better not spread.
                    "subject": None if event.actor == UNKNOWN else event.subject,
                    "address": event.address,
                    "credential_id": event.credential_id,
                },
            )
