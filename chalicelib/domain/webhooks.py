"""
Webhooks: where an owner wants to be told of events, and when one is given up.

A row has two kinds of changes. What its owner changes gives it a new ``token``, and is written only over the row that
was read. What deliveries leave in it, slots and ``failing_since``, is written attribute by attribute.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from chalicelib.domain.cloud_events import EventType
from chalicelib.domain.credentials import UUID_PATTERN
from chalicelib.domain.users import UserId

WebhookId = NewType("WebhookId", str)
"""A UUID, or `CALLBACKS`."""

CALLBACKS = WebhookId("callbacks")
"""The webhook that every owner has, of the jobs' own callback URLs."""

WEBHOOK_ID_PATTERN = f"{UUID_PATTERN}|{CALLBACKS}"
_WEBHOOK_ID = re.compile(WEBHOOK_ID_PATTERN)

WEBHOOKS_MAX = 10
"""Webhooks of one owner, besides `CALLBACKS`: each is a row to write for every event."""

SECRET_BYTES = 32
"""Of a secret; Standard Webhooks wants from 24 to 64."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - no secret
"""What a secret begins with, as Standard Webhooks has it."""

PREVIOUS_SECRET_KEPT = timedelta(hours=24)
"""How long after a rotation the secret before it signs too."""

SLOTS = 4
"""Deliveries of one webhook that are under way at once; `deliver` runs five times as many."""

DISABLED_AFTER = timedelta(days=2)
"""With nothing but failures for this long, a delivery that is given up takes its webhook with it."""


class DisabledBecause(StrEnum):
    """Why nothing is sent to a webhook."""

    OWNER = "OWNER"
    GONE = "GONE"
    ONLY_FAILURES = "ONLY_FAILURES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabling:
    """That a webhook is to be disabled which had ``seen_token`` when that was decided; it gets ``token``."""

    because: DisabledBecause
    seen_token: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """
    Held by the delivery that is under way, until it ends or ``until`` has passed.

    ``token`` is the attempt's own: two messages of a delivery may ask for a slot in one millisecond.
    """

    delivery_id: str
    until: datetime
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """
    One webhook of an owner; of `CALLBACKS` the ``url`` is empty, as each delivery has its own.

    ``secret`` is as Standard Webhooks writes it, ``whsec_`` and base64. ``failing_since`` is the first failed attempt
    since the last success. ``slots`` are by their number, from 0 to below `SLOTS`.
    """

    owner_id: UserId
    webhook_id: WebhookId
    url: str
    event_types: frozenset[EventType]
    description: str
    secret: str = field(repr=False)
    token: str
    created_at: datetime
    previous_secret: str | None = field(default=None, repr=False)
    previous_secret_until: datetime | None = None
    disabled_because: DisabledBecause | None = None
    disabled_at: datetime | None = None
    failing_since: datetime | None = None
    slots: Mapping[int, Slot] = field(default_factory=dict)

    @property
    def is_disabled(self) -> bool:
        """Whether nothing is sent to it."""
        return self.disabled_because is not None

    def wants(self, event_type: EventType) -> bool:
        """Whether it is to be told of such events now."""
        return not self.is_disabled and event_type in self.event_types

    def secrets_at(self, at: datetime) -> tuple[str, ...]:
        """Return the secrets that sign, the current one first."""
        if self.previous_secret is None or self.previous_secret_until is None or self.previous_secret_until <= at:
            return (self.secret,)
        return (self.secret, self.previous_secret)

    def free_slots(self, at: datetime) -> list[int]:
        """Return the numbers of the slots that nobody holds."""
        return [number for number in range(SLOTS) if number not in self.slots or self.slots[number].until <= at]

    def is_delivering(self, delivery_id: str, at: datetime) -> bool:
        """Whether an attempt of this delivery is under way."""
        return any(slot.delivery_id == delivery_id and slot.until > at for slot in self.slots.values())

    def previous_secret_kept_at(self, at: datetime) -> datetime | None:
        """Return until when the previous secret signs too, ``None`` when none does any more."""
        return self.previous_secret_until if len(self.secrets_at(at)) > 1 else None

    def changed(
        self,
        *,
        url: str | None = None,
        event_types: frozenset[EventType] | None = None,
        description: str | None = None,
        token: str,
    ) -> "Webhook":
        """Return the webhook with what is given; another URL has not failed yet."""
        is_moved = url is not None and url != self.url
        return replace(
            self,
            url=self.url if url is None else url,
            event_types=self.event_types if event_types is None else event_types,
            description=self.description if description is None else description,
            failing_since=None if is_moved else self.failing_since,
            token=token,
        )

    def rotated(self, secret: str, *, token: str, at: datetime) -> "Webhook":
        """Return the webhook with a new secret, beside which the one it had signs for a while."""
        return replace(
            self,
            secret=secret,
            token=token,
            previous_secret=self.secret,
            previous_secret_until=at + PREVIOUS_SECRET_KEPT,
        )

    def disabled(self, because: DisabledBecause, *, token: str, at: datetime) -> "Webhook":
        """Return the webhook to which nothing is sent any more."""
        return replace(self, disabled_because=because, disabled_at=at, token=token)

    def enabled(self, *, token: str) -> "Webhook":
        """Return the webhook as one that is sent to again, and whose failures are forgotten."""
        return replace(self, disabled_because=None, disabled_at=None, failing_since=None, token=token)


def is_webhook_id(text: str) -> bool:
    """Tell whether a text is of the form of a webhook's id."""
    return _WEBHOOK_ID.fullmatch(text) is not None
