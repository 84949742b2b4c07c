"""Audit events: made in one place, and each that is stored also a line of the log."""

import logging
from collections.abc import Sequence

from chalicelib.domain.audit import UNKNOWN, AuditAction, AuditEvent, EventId
from chalicelib.domain.credentials import Caller, CredentialId
from chalicelib.domain.users import UserId
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

    def both_sides(  # noqa: PLR0913 - each is a part of the events
        self,
        action: AuditAction,
        *,
        user_id: UserId,
        called: str,
        caller: Caller,
        address: str,
        detail: str | None,
        administrators: AuditAction | None = None,
    ) -> Sequence[AuditEvent]:
        """
        Return the event of the user whom it concerns, and that of the administrator who did it.

        That of the administrator says whom it concerned, who is ``called`` so, and is of another action if
        ``administrators`` is given.
        """
        return (
            self.event(action, subject=user_id, actor=caller.username, address=address, detail=detail),
            self.event(
                administrators or action,
                subject=caller.user_id,
                actor=caller.username,
                address=address,
                detail=f"{called}: {detail or action}",
            ),
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
