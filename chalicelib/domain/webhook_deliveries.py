"""
Deliveries: one event for one webhook, and when it is tried again.

``PENDING``
    Waiting for an attempt from ``run_at`` on. The sweep sends its message again when that seems lost.
``SUCCESS``
    An attempt was answered with a 2xx. Final, until replayed.
``FAILED``
    The attempts are used up, or none can help; ``reason`` says why. Final, until replayed.

As with jobs, each transition gives the row a new token and is one conditional write over the row that it began from.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from chalicelib.domain.cloud_events import CloudEvent, EventType
from chalicelib.domain.jobs import DUE_TOLERANCE, whole_second
from chalicelib.domain.users import UserId
from chalicelib.domain.webhooks import WebhookId

DeliveryId = NewType("DeliveryId", str)
"""The id of its event, a UUID version 7: deliveries of a webhook sort by the time of what they tell."""

WAITS_S = (5, 30, 120, 480, 1800, 7200, 18_000, 28_800, 28_800)
"""Seconds after each failed attempt until the next: ten attempts in a day."""

ATTEMPTS = len(WAITS_S) + 1
"""Attempts of a delivery, and again of each replay."""

REPLAYED_MAX = 100
"""Deliveries that one call replays: as many writes, one after the other, as an answer can wait for."""

FIRST_LOOK = timedelta(seconds=60)
"""How long after an attempt may begin the sweep looks first whether its message was lost."""

SHARDS = 4
"""
Partitions of the index of due deliveries, each of which takes 1,000 writes a second.

The sweep asks each of them every minute, for half a read unit where nothing is due.
"""

JITTER = 0.1
"""A wait is by chance up to this part longer, so that a receiver that comes back is not met by all at once."""

RETRY_AFTER_MAX = timedelta(days=1)
"""As long as a receiver's ``Retry-After`` is heeded."""

ATTEMPTS_KEPT = 30
"""Attempts that the log of a delivery keeps, the newest."""


class DeliveryStatus(StrEnum):
    """How a delivery stands."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryKey:
    """Where a delivery lives."""

    owner_id: UserId
    webhook_id: WebhookId
    delivery_id: DeliveryId


def shard(delivery_id: DeliveryId) -> int:
    """Return a delivery's partition of the index of due ones, by the last byte of its id, which is a digest's."""
    return int(delivery_id[-2:], 16) % SHARDS


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """One attempt: what was answered, or in ``error`` why nothing was."""

    at: datetime
    duration: timedelta
    status_code: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    One delivery as its row has it.

    ``body`` is the event's JSON, and ``url`` the job's own one, ``None`` for the webhook's. ``attempt`` counts all
    attempts, and none is begun past ``last_attempt``. ``run_at`` is when the next one may begin, ``due_at`` when the
    sweep looks, ``None`` once it is final. ``expires_at`` is a whole second.
    """

    key: DeliveryKey
    event_type: EventType
    body: str
    status: DeliveryStatus
    token: str
    attempt: int
    last_attempt: int
    created_at: datetime
    run_at: datetime
    due_at: datetime | None
    expires_at: datetime
    url: str | None = None
    reason: str | None = None
    attempts: tuple[DeliveryAttempt, ...] = ()

    def is_expired(self, at: datetime) -> bool:
        """Whether the retention is over. DynamoDB deletes such rows up to days late, so every read asks."""
        return self.expires_at <= at

    def is_due(self, at: datetime) -> bool:
        """Whether the next attempt may begin; a clock that is a little behind must not turn a message away."""
        return self.run_at <= at + DUE_TOLERANCE

    @property
    def is_final(self) -> bool:
        """Whether nothing more comes of it, but by a replay."""
        return self.status is not DeliveryStatus.PENDING

    @property
    def attempt_in_set(self) -> int:
        """How many attempts there were since it was new or last replayed."""
        return self.attempt - (self.last_attempt - ATTEMPTS)

    def is_unchanged_since(self, seen: "Delivery") -> bool:
        """Whether the row is as ``seen`` was: the condition of every transition."""
        return self.token == seen.token

    def succeeded(self, attempt: DeliveryAttempt, *, token: str) -> "Delivery":
        """Return the delivery that was taken."""
        return replace(self._tried(attempt, token), status=DeliveryStatus.SUCCESS, due_at=None, reason=None)

    def retried(self, attempt: DeliveryAttempt, *, token: str, run_at: datetime, due_at: datetime) -> "Delivery":
        """Return the delivery waiting for its next attempt, after one that failed."""
        return replace(self._tried(attempt, token), run_at=run_at, due_at=due_at)

    def failed(self, reason: str, *, token: str, attempt: DeliveryAttempt | None = None) -> "Delivery":
        """Return the delivery that is given up, after an attempt or without one."""
        tried = replace(self, token=token) if attempt is None else self._tried(attempt, token)
        return replace(tried, status=DeliveryStatus.FAILED, due_at=None, reason=reason)

    def replayed(self, *, token: str, at: datetime, due_at: datetime, retention: timedelta) -> "Delivery":
        """Return the delivery opened again: the same event, with a fresh set of attempts from ``at`` on."""
        return replace(
            self,
            status=DeliveryStatus.PENDING,
            token=token,
            last_attempt=self.attempt + ATTEMPTS,
            run_at=at,
            due_at=due_at,
            expires_at=max(self.expires_at, whole_second(at + retention)),
            reason=None,
        )

    def looked_at(self, *, again_at: datetime) -> "Delivery":
        """Return the delivery with the sweep's next look put off, which a repository writes without reading."""
        return replace(self, due_at=again_at)

    def _tried(self, attempt: DeliveryAttempt, token: str) -> "Delivery":
        attempts = (*self.attempts, attempt)[-ATTEMPTS_KEPT:]
        return replace(self, token=token, attempt=self.attempt + 1, attempts=attempts)


def new_delivery(  # noqa: PLR0913 - a delivery has this many properties of its own
    event: CloudEvent,
    webhook_id: WebhookId,
    *,
    token: str,
    at: datetime,
    due_at: datetime,
    retention: timedelta,
    url: str | None = None,
) -> Delivery:
    """Return the delivery of an event to one of its owner's webhooks, to be tried at once."""
    return Delivery(
        key=DeliveryKey(owner_id=event.owner_id, webhook_id=webhook_id, delivery_id=DeliveryId(event.id)),
        event_type=event.type,
        body=event.to_json(),
        status=DeliveryStatus.PENDING,
        token=token,
        attempt=0,
        last_attempt=ATTEMPTS,
        created_at=at,
        run_at=at,
        due_at=due_at,
        expires_at=whole_second(at + retention),
        url=url,
    )
