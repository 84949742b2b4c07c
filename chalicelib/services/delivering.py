"""Trying one delivery: take a slot of its webhook, post the event, then say on both rows how it went."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.delivery import first_look
from chalicelib.domain.delivery_waits import next_wait, postponed_for, retry_after_of
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.webhook_deliveries import FIRST_LOOK, Delivery, DeliveryAttempt, DeliveryStatus
from chalicelib.domain.webhooks import CALLBACKS, DISABLED_AFTER, SLOTS, DisabledBecause, Disabling, Slot, Webhook
from chalicelib.event_ports import DeliveryMessage, DeliveryQueue, DeliveryRepository, WebhookRepository
from chalicelib.ports import Clock, IdSource, Randomness
from chalicelib.services.delivery_dispatch import dispatch, log_fields
from chalicelib.webhook_ports import NotSent, WebhookSender, WebhookSigner

logger = logging.getLogger(__name__)

SLOT_HELD = timedelta(seconds=60)
"""How long an attempt may hold its slot: as long as `deliver` runs, so whoever dies with one gives it back so late."""

SLOT_TRIES = SLOTS + 1
"""Times that a slot is tried for, as others take those that were seen free."""

USER_AGENT = "job-backend"
"""Who posts. Firewalls in front of receivers turn away requests that do not say."""

SUCCESSES = range(200, 300)
GONE = 410

WEBHOOK_GONE = "the webhook was deleted"
WEBHOOK_DISABLED = "the webhook is disabled; enable it, then replay this"
RECEIVER_GONE = "the receiver answered 410: it wants no more of this"
ALL_FAILED = "every attempt failed"
"""Why a delivery FAILED, for its owner."""


class Outcome(StrEnum):
    """What became of one message; each has done its work, whatever it was, and may be deleted."""

    SUCCESS = "SUCCESS"
    RETRIED = "RETRIED"
    FAILED = "FAILED"
    SUPERSEDED = "SUPERSEDED"
    """The delivery was replayed meanwhile; what came of this attempt does not count for it."""

    ALREADY_FINAL = "ALREADY_FINAL"
    GONE = "GONE"
    NOT_DUE = "NOT_DUE"
    UNDER_WAY = "UNDER_WAY"
    POSTPONED = "POSTPONED"
    LEFT_TO_SWEEP = "LEFT_TO_SWEEP"
    """No slot was free for so long that the sweep brings the next message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One that was made, with the webhook as it was when the slot was taken."""

    delivery: Delivery
    webhook: Webhook
    number: int
    slot: Slot
    made: DeliveryAttempt
    ended_at: datetime
    retry_after: timedelta = timedelta()

    @property
    def status_code(self) -> int:
        """What was answered, 0 for nothing."""
        return self.made.status_code or 0

    @property
    def is_last(self) -> bool:
        """Whether no other follows if this one failed."""
        return self.status_code == GONE or self.delivery.attempt + 1 >= self.delivery.last_attempt


class Delivering:
    """
    Tries deliveries. Any number of messages may name the same one; the slot lets one attempt be under way at a time.

    Three writes: the slot taken, the delivery's row, the slot given back. Whoever dies between them leaves a row that
    is due, which the sweep brings again, and a slot that ends by itself. A receiver may then get an event twice, with
    one id, which is what at least once means.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        webhooks: WebhookRepository,
        deliveries: DeliveryRepository,
        queue: DeliveryQueue,
        sender: WebhookSender,
        signer: WebhookSigner,
        clock: Clock,
        ids: IdSource,
        randomness: Randomness,
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._queue = queue
        self._sender = sender
        self._signer = signer
        self._clock = clock
        self._ids = ids
        self._randomness = randomness

    def deliver(self, message: DeliveryMessage) -> Outcome:
        """
        Make the next attempt of a delivery, if it is due one and its webhook has a free slot.

        Raises:
            Unavailable: A store or the queue is away; the message must come back.
        """
        begun = self._begun(message)
        if isinstance(begun, Outcome):
            logger.info("delivery not tried", extra=log_fields(message.key) | {"outcome": begun})
            return begun
        attempt = self._posted(*begun)
        outcome = self._written(attempt)
        self._settle(attempt)
        extra: dict[str, object] = {
            **log_fields(message.key),
            "status_code": attempt.made.status_code,
            "error": attempt.made.error,
            "duration_ms": attempt.made.duration // timedelta(milliseconds=1),
            "outcome": outcome,
        }
        logger.info("delivery tried", extra=extra)
        return outcome

    def _begun(self, message: DeliveryMessage) -> Outcome | tuple[Delivery, Webhook, int, Slot]:
        """
        Take a slot, or return why there is nothing to be done.

        The webhook is read before the delivery: an attempt that its slots do not show any more has by then written the
        delivery's row.
        """
        key = message.key
        webhook = self._webhooks.get(key.owner_id, key.webhook_id)
        for _ in range(SLOT_TRIES):
            delivery = self._deliveries.get(key)
            now = self._clock.now()
            if delivery is None:
                return Outcome.GONE
            if (settled := _settled(delivery, now)) is not None:
                return settled
            if webhook is None or webhook.is_disabled:
                return self._given_up(delivery, WEBHOOK_GONE if webhook is None else WEBHOOK_DISABLED)
            if webhook.is_delivering(key.delivery_id, now):
                return Outcome.UNDER_WAY
            free = webhook.free_slots(now)
            if not free:
                break
            slot = Slot(delivery_id=key.delivery_id, until=now + SLOT_HELD, token=self._ids.new_token_id())
            try:
                self._webhooks.take_slot(webhook, free[0], slot, at=now)
            except ConcurrentUpdate as moved:
                webhook = moved.current if isinstance(moved.current, Webhook) else None
                continue
            return delivery, webhook, free[0], slot
        return self._postponed(message)

    def _postponed(self, message: DeliveryMessage) -> Outcome:
        delay = postponed_for(message.postponed)
        if delay is None:
            return Outcome.LEFT_TO_SWEEP
        self._queue.send(DeliveryMessage(key=message.key, postponed=message.postponed + 1), delay=delay)
        return Outcome.POSTPONED

    def _given_up(self, delivery: Delivery, reason: str) -> Outcome:
        """Fail a delivery without an attempt."""
        try:
            self._deliveries.advance(delivery, delivery.failed(reason, token=self._ids.new_token_id()))
        except ConcurrentUpdate:
            return Outcome.SUPERSEDED
        return Outcome.FAILED

    def _posted(self, delivery: Delivery, webhook: Webhook, number: int, slot: Slot) -> _Attempt:
        at = self._clock.now()
        signed = self._signer.signed_headers(
            secrets=webhook.secrets_at(at), event_id=delivery.key.delivery_id, at=at, body=delivery.body
        )
        headers = {"content-type": "application/json", "user-agent": USER_AGENT, **signed}
        retry_after = None
        try:
            answer = self._sender.post(delivery.url or webhook.url, headers=headers, body=delivery.body.encode())
        except NotSent as lost:
            made = DeliveryAttempt(at=at, duration=lost.duration, error=lost.reason)
        else:
            made = DeliveryAttempt(at=at, duration=answer.duration, status_code=answer.status_code)
            retry_after = answer.retry_after
        ended_at = self._clock.now()
        return _Attempt(
            delivery=delivery,
            webhook=webhook,
            number=number,
            slot=slot,
            made=made,
            ended_at=ended_at,
            retry_after=retry_after_of(retry_after, at=ended_at),
        )

    def _written(self, attempt: _Attempt) -> Outcome:
        """Write on the delivery what came of an attempt, and send the message of the next one."""
        to = self._after(attempt)
        try:
            self._deliveries.advance(attempt.delivery, to)
        except ConcurrentUpdate:
            return Outcome.SUPERSEDED
        if to.status is DeliveryStatus.PENDING:
            dispatch(self._queue, to, at=attempt.ended_at)
            return Outcome.RETRIED
        return Outcome.SUCCESS if to.status is DeliveryStatus.SUCCESS else Outcome.FAILED

    def _after(self, attempt: _Attempt) -> Delivery:
        delivery, made, token = attempt.delivery, attempt.made, self._ids.new_token_id()
        if attempt.status_code in SUCCESSES:
            return delivery.succeeded(made, token=token)
        if attempt.is_last:
            reason = RECEIVER_GONE if attempt.status_code == GONE else ALL_FAILED
            return delivery.failed(reason, token=token, attempt=made)
        wait = next_wait(
            delivery.attempt_in_set + 1, fraction=self._randomness.fraction(), retry_after=attempt.retry_after
        )
        run_at = attempt.ended_at + wait
        due_at = first_look(run_at, at=attempt.ended_at, resend_after=FIRST_LOOK)
        return delivery.retried(made, token=token, run_at=run_at, due_at=due_at)

    def _settle(self, attempt: _Attempt) -> None:
        """
        Give the slot back, and say on the webhook how it went.

        `CALLBACKS` stands for many receivers: none of them speaks for it.
        """
        webhook = attempt.webhook
        has_failed = attempt.status_code not in SUCCESSES and webhook.webhook_id != CALLBACKS
        disabling = self._disabling(attempt) if has_failed else None
        self._webhooks.settle(
            webhook.owner_id,
            webhook.webhook_id,
            number=attempt.number,
            slot=attempt.slot,
            failed_at=attempt.ended_at if has_failed else None,
            disabling=disabling,
        )
        if disabling is not None:
            logger.warning("webhook disabled", extra=log_fields(attempt.delivery.key) | {"because": disabling.because})

    def _disabling(self, attempt: _Attempt) -> Disabling | None:
        if not attempt.is_last:
            return None
        # Read anew: since this delivery took its slot, another may have succeeded, or the owner has given another URL.
        webhook = self._webhooks.get(attempt.webhook.owner_id, attempt.webhook.webhook_id)
        if webhook is None or webhook.url != attempt.webhook.url:
            return None
        since = webhook.failing_since
        has_only_failed = since is not None and since + DISABLED_AFTER <= attempt.ended_at
        if attempt.status_code != GONE and not has_only_failed:
            return None
        return Disabling(
            because=DisabledBecause.GONE if attempt.status_code == GONE else DisabledBecause.ONLY_FAILURES,
            seen_token=webhook.token,
            token=self._ids.new_token_id(),
        )


def _settled(delivery: Delivery, now: datetime) -> Outcome | None:
    """Return why there is no attempt to make, whatever its webhook is; ``None`` if there is one."""
    if delivery.is_expired(now):
        return Outcome.GONE
    if delivery.is_final:
        return Outcome.ALREADY_FINAL
    return None if delivery.is_due(now) else Outcome.NOT_DUE
