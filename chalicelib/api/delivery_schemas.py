"""Bodies of requests and answers about deliveries. The field names are the API's."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec

from chalicelib.domain.cloud_events import EventType
from chalicelib.domain.jobs import JOB_ID_PATTERN
from chalicelib.domain.webhook_deliveries import REPLAYED_MAX, Delivery, DeliveryAttempt, DeliveryStatus
from chalicelib.fields import Instant, described

EXAMPLE_DELIVERY_ID: Final = "019aa9f2-3c11-7d52-9b1c-6a7c8d9e0f12"
CURSOR_MAX_CHARACTERS: Final = 256

DeliveryIdText = Annotated[
    str, described("The event's id, and its `webhook-id`.", EXAMPLE_DELIVERY_ID, pattern=f"^{JOB_ID_PATTERN}$")
]
Type = Annotated[EventType, described("What it tells.", "job.succeeded")]
Status = Annotated[DeliveryStatus, described("PENDING while attempts are to come.", "SUCCESS")]
Made = Annotated[int, described("Counts all attempts, those before a replay too.", 1)]
Reason = Annotated[str | None, described("Why it FAILED.", None)]
NextAttempt = Annotated[Instant | None, described("When the next attempt may begin; null when none is to come.", None)]
OwnUrl = Annotated[str | None, described("The job's own `callback_url`; null for the webhook's URL.", None)]
Expiry = Annotated[datetime, described("Until when it is kept.", "2026-12-08T12:00:00Z", format="date-time")]


class LoggedAttempt(msgspec.Struct, frozen=True):
    """One attempt: ``status_code`` is what was answered, ``error`` why nothing was."""

    at: Instant
    status_code: Annotated[int | None, described("", 200)]
    error: Annotated[str | None, described("", None)]
    duration_ms: Annotated[int, described("", 125)]

    @classmethod
    def from_attempt(cls, attempt: DeliveryAttempt) -> "LoggedAttempt":
        """Return one attempt of a delivery's log."""
        return cls(
            at=attempt.at,
            status_code=attempt.status_code,
            error=attempt.error,
            duration_ms=attempt.duration // timedelta(milliseconds=1),
        )


Attempts = Annotated[Sequence[LoggedAttempt], described("The last 30, the oldest first.")]


class ListedDelivery(msgspec.Struct, frozen=True):
    """One delivery, without what it tells."""

    delivery_id: DeliveryIdText
    event_type: Type
    status: Status
    reason: Reason
    attempt: Made
    attempts: Attempts
    next_attempt_at: NextAttempt
    url: OwnUrl
    created_at: Instant
    expires_at: Expiry

    @classmethod
    def from_delivery(cls, delivery: Delivery) -> "ListedDelivery":
        """Return a delivery as lists show it."""
        return cls(
            delivery_id=delivery.key.delivery_id,
            event_type=delivery.event_type,
            status=delivery.status,
            reason=delivery.reason,
            attempt=delivery.attempt,
            attempts=[LoggedAttempt.from_attempt(each) for each in delivery.attempts],
            next_attempt_at=None if delivery.is_final else delivery.run_at,
            url=delivery.url,
            created_at=delivery.created_at,
            expires_at=delivery.expires_at,
        )


class DeliveryList(msgspec.Struct, frozen=True):
    """Answer of ``GET /webhooks/{webhook_id}/deliveries``: newest first; ``next_cursor`` is null at the end."""

    deliveries: Sequence[ListedDelivery]
    next_cursor: Annotated[str | None, described("The `cursor` of the next page; null on the last one.", None)]


class WholeDelivery(msgspec.Struct, frozen=True):
    """Answer of ``GET /webhooks/{webhook_id}/deliveries/{delivery_id}``."""

    delivery_id: DeliveryIdText
    event_type: Type
    status: Status
    reason: Reason
    attempt: Made
    attempts: Attempts
    next_attempt_at: NextAttempt
    url: OwnUrl
    created_at: Instant
    expires_at: Expiry
    body: Annotated[str, described("What is sent, to the byte: a CloudEvent's JSON.", '{"specversion":"1.0"}')]

    @classmethod
    def from_delivery(cls, delivery: Delivery) -> "WholeDelivery":
        """Return everything of a delivery."""
        listed = ListedDelivery.from_delivery(delivery)
        return cls(**msgspec.structs.asdict(listed), body=delivery.body)


class AcceptedDelivery(msgspec.Struct, frozen=True):
    """Answer of ``POST /webhooks/{webhook_id}/test`` and of a replay of one: it will be tried at once."""

    delivery_id: DeliveryIdText
    status: Annotated[DeliveryStatus, described("", "PENDING")]

    @classmethod
    def from_delivery(cls, delivery: Delivery) -> "AcceptedDelivery":
        """Return the answer that a delivery is begun, or begun anew."""
        return cls(delivery_id=delivery.key.delivery_id, status=delivery.status)


class ReplayRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /webhooks/{webhook_id}/replay``."""

    since: Annotated[
        datetime,
        msgspec.Meta(
            tz=True,
            description="Deliveries of events of this instant, or of later ones.",
            examples=["2026-11-24T12:00:00Z"],
        ),
    ]
    status: (
        Annotated[DeliveryStatus, msgspec.Meta(description="Only those in this status.", examples=["FAILED"])] | None
    ) = None
    cursor: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1,
                max_length=CURSOR_MAX_CHARACTERS,
                description="The `next_cursor` of the answer before, to go on after it; the rest must be the same.",
            ),
        ]
        | None
    ) = None


class ReplayAnswer(msgspec.Struct, frozen=True):
    """Answer of ``POST /webhooks/{webhook_id}/replay``."""

    replayed: Annotated[int, described(f"How many are tried again, at most {REPLAYED_MAX} a call.", 12)]
    next_cursor: Annotated[
        str | None, described("The `cursor` of the next call, which goes on; null when that was all.", None)
    ]
