"""Webhooks of the deployment's users: made, changed, deleted, and their secrets."""

import base64
from collections.abc import Callable, Collection, Iterator, Sequence

from chalicelib.account_ports import AuditTrail
from chalicelib.domain.audit import AuditAction, AuditEvent
from chalicelib.domain.cloud_events import FINAL_EVENTS, EventType
from chalicelib.domain.credentials import Caller
from chalicelib.domain.errors import ConcurrentUpdate, Conflict, InvalidInput, NotFound
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_urls import WebhookUrl, parsed_webhook_url
from chalicelib.domain.webhooks import (
    CALLBACKS,
    SECRET_BYTES,
    SECRET_PREFIX,
    WEBHOOKS_MAX,
    DisabledBecause,
    Webhook,
    WebhookId,
    is_webhook_id,
)
from chalicelib.event_ports import WebhookRepository
from chalicelib.ports import AccountIdSource, Clock
from chalicelib.services.auditing import Auditing

WRITE_TRIES = 5
"""Times a change is decided anew because another came between: each is the owner's, or disables the webhook."""


class WebhookService:
    """
    What owners do with their webhooks; each change is an audit event, and is logged.

    The event is stored before what it tells of, so that no way out is made untold. Should the write then fail, it tells
    of what was tried. Neither a secret nor more of a URL than its host is in it: paths and queries have secrets too.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        webhooks: WebhookRepository,
        audit: AuditTrail,
        auditing: Auditing,
        clock: Clock,
        ids: AccountIdSource,
        to_anywhere: bool,
    ) -> None:
        self._webhooks = webhooks
        self._audit = audit
        self._auditing = auditing
        self._clock = clock
        self._ids = ids
        self._to_anywhere = to_anywhere

    def create(
        self, caller: Caller, *, url: str, event_types: Collection[EventType], description: str, address: str
    ) -> Webhook:
        """
        Make a webhook for the caller; of several made at once, one or two may be more than `WEBHOOKS_MAX`.

        Raises:
            InvalidInput: Nothing is sent to such a URL.
            Conflict: The caller has `WEBHOOKS_MAX` webhooks.
        """
        parts = self._parsed(url)
        if sum(each.webhook_id != CALLBACKS for each in self.all_of(caller.user_id)) >= WEBHOOKS_MAX:
            detail = f"you have {WEBHOOKS_MAX} webhooks, which is all you may have; delete or change one"
            raise Conflict(detail)
        webhook = self._new(
            caller.user_id,
            WebhookId(self._ids.new_token_id()),
            url=url,
            event_types=frozenset(event_types),
            description=description,
        )
        told = f"{webhook.webhook_id}: url {_origin(parts)}"
        event = self._event(AuditAction.WEBHOOK_CREATED, caller, told, address)
        self._audit.record(event)
        self._webhooks.add(webhook)
        self._auditing.log(event)
        return webhook

    def all_of(self, owner_id: UserId) -> Sequence[Webhook]:
        """Return the owner's webhooks, the oldest first, `CALLBACKS` last if it is there."""
        return self._webhooks.all_of(owner_id)

    def get(self, owner_id: UserId, webhook_id: str) -> Webhook:
        """
        Return a webhook of the owner.

        Raises:
            NotFound: The owner has no such webhook.
        """
        found = self._webhooks.get(owner_id, WebhookId(webhook_id)) if is_webhook_id(webhook_id) else None
        if found is None:
            detail = "you have no such webhook; GET /webhooks lists those you have"
            if webhook_id == CALLBACKS:
                detail = f"this webhook is made when it is first needed, or by POST /webhooks/{CALLBACKS}/secret"
            raise NotFound(detail)
        return found

    def change(  # noqa: PLR0913 - what may be changed
        self,
        caller: Caller,
        webhook_id: str,
        *,
        url: str | None,
        event_types: Collection[EventType] | None,
        description: str | None,
        is_disabled: bool | None,
        address: str,
    ) -> Webhook:
        """
        Change a webhook of the caller, and return it; what is ``None`` stays.

        Disabling one that is disabled, for whatever reason, changes nothing. Enabling forgets its failures, and so does
        another URL.

        Raises:
            InvalidInput: Nothing is sent to such a URL; or one, or event types, are given for `CALLBACKS`.
            NotFound: The caller has no such webhook.
            Conflict: Others kept changing it at the same time.
        """
        told = list(self._told(webhook_id, url, event_types, description, is_disabled))
        event = self._event(AuditAction.WEBHOOK_CHANGED, caller, f"{webhook_id}: {', '.join(told)}", address)
        token, now = self._ids.new_token_id(), self._clock.now()
        wanted = None if event_types is None else frozenset(event_types)

        def changed(webhook: Webhook) -> Webhook:
            to = webhook.changed(url=url, event_types=wanted, description=description, token=webhook.token)
            if is_disabled is True and not webhook.is_disabled:
                to = to.disabled(DisabledBecause.OWNER, token=token, at=now)
            elif is_disabled is False and webhook.is_disabled:
                to = to.enabled(token=token)
            return webhook if to == webhook else to.changed(token=token)

        return self._written(caller.user_id, webhook_id, event, changed)

    def delete(self, caller: Caller, webhook_id: str, *, address: str) -> None:
        """
        Delete a webhook of the caller.

        Raises:
            Conflict: It is `CALLBACKS`.
            NotFound: The caller has no such webhook.
        """
        if webhook_id == CALLBACKS:
            detail = "the webhook of callback URLs stays; it can be disabled"
            raise Conflict(detail)
        webhook = self.get(caller.user_id, webhook_id)
        event = self._event(AuditAction.WEBHOOK_DELETED, caller, webhook_id, address)
        self._audit.record(event)
        # If it is gone by now, it was another request's doing, or our own, and its first response was lost.
        self._webhooks.remove(webhook.owner_id, webhook.webhook_id)
        self._auditing.log(event)

    def rotate_secret(self, caller: Caller, webhook_id: str, *, address: str) -> Webhook:
        """
        Give a webhook of the caller another secret; return it, with the one it had as the previous one.

        `CALLBACKS` is made if it is not there yet, and then has no previous one.

        Raises:
            NotFound: The caller has no such webhook.
            Conflict: As of `change`.
        """
        event = self._event(AuditAction.WEBHOOK_SECRET_ROTATED, caller, webhook_id, address)
        if webhook_id == CALLBACKS and self._webhooks.get(caller.user_id, CALLBACKS) is None:
            self._audit.record(event)
            made = self._new_callbacks(caller.user_id)
            if self._webhooks.add(made).token == made.token:
                self._auditing.log(event)
                return made
        secret, token, now = self._new_secret(), self._ids.new_token_id(), self._clock.now()
        return self._written(
            caller.user_id, webhook_id, event, lambda webhook: webhook.rotated(secret, token=token, at=now)
        )

    def callbacks_of(self, owner_id: UserId) -> Webhook:
        """Return the owner's `CALLBACKS`, which is made if it is not there yet; no event tells of that."""
        found = self._webhooks.get(owner_id, CALLBACKS)
        return self._webhooks.add(self._new_callbacks(owner_id)) if found is None else found

    def _written(
        self, owner_id: UserId, webhook_id: str, event: AuditEvent, change: Callable[[Webhook], Webhook]
    ) -> Webhook:
        """Write what ``change`` makes of the webhook as it is, and return that; nothing if it is the same."""
        for _ in range(WRITE_TRIES):
            webhook = self.get(owner_id, webhook_id)
            to = change(webhook)
            if to == webhook:
                return webhook
            self._audit.record(event)  # the same row each time
            try:
                self._webhooks.change(webhook, to)
            except ConcurrentUpdate:
                continue
            self._auditing.log(event)
            return to
        detail = "the webhook was changed by others at the same time; look at it and decide again"
        raise Conflict(detail)

    def _told(
        self,
        webhook_id: str,
        url: str | None,
        event_types: Collection[EventType] | None,
        description: str | None,
        is_disabled: bool | None,  # noqa: FBT001 - a value that was given, or none
    ) -> Iterator[str]:
        """Check what is to be changed, and yield what the event says of it."""
        if url is not None:
            _refuse_of_callbacks(webhook_id, "url")
            yield f"url {_origin(self._parsed(url))}"
        if event_types is not None:
            _refuse_of_callbacks(webhook_id, "event_types")
            yield f"event_types {' '.join(sorted(set(event_types)))}"
        if description is not None:
            yield "description"
        if is_disabled is not None:
            yield "disabled" if is_disabled else "enabled"

    def _parsed(self, url: str) -> WebhookUrl:
        return parsed_webhook_url(url, to_anywhere=self._to_anywhere, pointer="#/url")

    def _new_callbacks(self, owner_id: UserId) -> Webhook:
        return self._new(owner_id, CALLBACKS, url="", event_types=FINAL_EVENTS, description="")

    def _new(
        self, owner_id: UserId, webhook_id: WebhookId, *, url: str, event_types: frozenset[EventType], description: str
    ) -> Webhook:
        return Webhook(
            owner_id=owner_id,
            webhook_id=webhook_id,
            url=url,
            event_types=event_types,
            description=description,
            secret=self._new_secret(),
            token=self._ids.new_token_id(),
            created_at=self._clock.now(),
        )

    def _new_secret(self) -> str:
        return SECRET_PREFIX + base64.b64encode(self._ids.new_secret(SECRET_BYTES)).decode()

    def _event(self, action: AuditAction, caller: Caller, detail: str, address: str) -> AuditEvent:
        return self._auditing.event(
            action,
            subject=caller.user_id,
            actor=caller.username,
            address=address,
            credential_id=caller.credential_id,
            detail=detail,
        )


def _origin(url: WebhookUrl) -> str:
    return f"{url.scheme}://{url.authority}"


def _refuse_of_callbacks(webhook_id: str, field: str) -> None:
    if webhook_id == CALLBACKS:
        detail = f"the webhook of callback URLs has no {field} of its own: each job says where it calls back"
        raise InvalidInput(detail, pointer=f"#/{field}")
