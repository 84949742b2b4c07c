"""In-memory implementation of the webhooks' port. It passes the same contract suite as the real one."""

import threading
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime

from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.users import UserId
from chalicelib.domain.webhooks import CALLBACKS, Disabling, Slot, Webhook, WebhookId

ERASED_AT_ONCE = 2


class InMemoryWebhookRepository:
    """The webhooks table: writes are atomic, as DynamoDB's conditional ones."""

    def __init__(self) -> None:
        self._rows: dict[tuple[UserId, WebhookId], Webhook] = {}
        self._lock = threading.Lock()
        self.away = False

    def add(self, webhook: Webhook) -> Webhook:
        self._answer()
        with self._lock:
            return self._rows.setdefault((webhook.owner_id, webhook.webhook_id), webhook)

    def get(self, owner_id: UserId, webhook_id: WebhookId) -> Webhook | None:
        self._answer()
        return self._rows.get((owner_id, webhook_id))

    def all_of(self, owner_id: UserId) -> Sequence[Webhook]:
        self._answer()
        with self._lock:
            own = [each for (owner, _), each in self._rows.items() if owner == owner_id]
        return sorted(own, key=lambda each: (each.webhook_id == CALLBACKS, each.created_at, each.webhook_id))

    def change(self, seen: Webhook, to: Webhook) -> None:
        self._answer()
        with self._lock:
            current = self._rows.get((seen.owner_id, seen.webhook_id))
            if current is not None and current.token == to.token:
                return  # the same change again, after a lost response
            if current is None or current.token != seen.token:
                raise ConcurrentUpdate(current)
            # What attempts have left since is kept, unless it is what the change is about.
            names = [each.name for each in fields(Webhook) if each.name != "slots"]
            changed = {name: getattr(to, name) for name in names if getattr(to, name) != getattr(seen, name)}
            self._put(replace(current, **changed))

    def remove(self, owner_id: UserId, webhook_id: WebhookId) -> bool:
        self._answer()
        with self._lock:
            return self._rows.pop((owner_id, webhook_id), None) is not None

    def take_slot(self, webhook: Webhook, number: int, slot: Slot, *, at: datetime) -> None:
        self._answer()
        with self._lock:
            current = self._rows.get((webhook.owner_id, webhook.webhook_id))
            if current is None:
                raise ConcurrentUpdate(None)
            held = current.slots.get(number)
            if held == slot:
                return  # the same again, after a lost response
            if number not in current.free_slots(at) or current.is_delivering(slot.delivery_id, at):
                raise ConcurrentUpdate(current)
            self._put(replace(current, slots={**current.slots, number: slot}))

    def settle(
        self,
        owner_id: UserId,
        webhook_id: WebhookId,
        *,
        number: int,
        slot: Slot,
        failed_at: datetime | None,
        disabling: Disabling | None = None,
    ) -> None:
        self._answer()
        with self._lock:
            current = self._rows.get((owner_id, webhook_id))
            if current is None or current.slots.get(number) != slot:
                return
            slots = {each: held for each, held in current.slots.items() if each != number}
            failing_since = None if failed_at is None else current.failing_since or failed_at
            settled = replace(current, slots=slots, failing_since=failing_since)
            if failed_at is not None and disabling is not None and current.token == disabling.seen_token:
                settled = settled.disabled(disabling.because, token=disabling.token, at=failed_at)
            self._put(settled)

    def erase_some(self, owner_id: UserId) -> bool:
        self._answer()
        with self._lock:
            own = [key for key in self._rows if key[0] == owner_id]
            for key in own[:ERASED_AT_ONCE]:
                del self._rows[key]
        return len(own) > ERASED_AT_ONCE

    def all(self) -> Sequence[Webhook]:
        return list(self._rows.values())

    def _put(self, webhook: Webhook) -> None:
        self._rows[webhook.owner_id, webhook.webhook_id] = webhook

    def _answer(self) -> None:
        if self.away:
            detail = "the fake is away"
            raise Unavailable(detail)
