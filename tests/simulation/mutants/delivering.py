"""Mistakes in delivering events to webhooks: attempts, slots, waits and the sweep of deliveries."""

from tests.simulation.mutants.mutant import (
    DELIVERIES,
    DELIVERING,
    DELIVERY_SWEEPING,
    WAITS,
    WEBHOOK_STORE,
    WEBHOOKS,
    Mutant,
)

DELIVERING_TO_WEBHOOKS = (
    # Attempts.
    Mutant(
        "delivery fence dropped",
        "a write of a delivery checks nothing of the row it was made from, so a success is overwritten",
        DELIVERIES,
        "        return self.token == seen.token\n",
        "        return True\n",
    ),
    Mutant(
        "any answer is a success",
        "an answer of 500 ends a delivery as if it had been taken",
        DELIVERING,
        "SUCCESSES = range(200, 300)",
        "SUCCESSES = range(200, 600)",
    ),
    Mutant(
        "final delivery tried again",
        "a message that comes twice has a delivery tried again that has ended",
        DELIVERING,
        "    if delivery.is_final:\n        return Outcome.ALREADY_FINAL\n",
        "",
    ),
    Mutant(
        "delivery tried before its time",
        "any message has a delivery tried, however early",
        DELIVERING,
        "    return None if delivery.is_due(now) else Outcome.NOT_DUE\n",
        "    return None\n",
    ),
    Mutant(
        "given up at the first failure",
        "the first failed attempt of a delivery is its last",
        DELIVERING,
        "self.delivery.attempt + 1 >= self.delivery.last_attempt",
        "self.delivery.attempt + 1 >= 1",
    ),
    Mutant(
        "given up one attempt early",
        "a delivery is given up when there is one attempt left",
        DELIVERING,
        "self.delivery.attempt + 1 >= self.delivery.last_attempt",
        "self.delivery.attempt + 2 >= self.delivery.last_attempt",
    ),
    Mutant(
        "attempts of a delivery unbounded",
        "a delivery is tried for ever, the longest wait apart",
        DELIVERING,
        "return self.status_code == GONE or self.delivery.attempt + 1 >= self.delivery.last_attempt",
        "return self.status_code == GONE",
    ),
    Mutant(
        "gone not heeded",
        "a receiver that wants no more is tried again",
        DELIVERING,
        "GONE = 410\n",
        "GONE = 411\n",
    ),
    Mutant(
        "attempt's end not written",
        "an attempt gives its slot back and leaves the delivery as it was",
        DELIVERING,
        "            self._deliveries.advance(attempt.delivery, to)\n",
        "            pass\n",
    ),
    Mutant(
        "replay without new attempts",
        "a replay leaves a delivery with the attempts it had",
        DELIVERIES,
        "last_attempt=self.attempt + ATTEMPTS",
        "last_attempt=self.last_attempt",
    ),
    # Slots.
    Mutant(
        "no slot taken",
        "an attempt is made without a slot",
        DELIVERING,
        "                self._webhooks.take_slot(webhook, free[0], slot, at=now)\n",
        "                pass\n",
    ),
    Mutant(
        "slot never given back",
        "an attempt keeps its slot until that ends by itself",
        DELIVERING,
        "        self._settle(attempt)\n",
        "",
    ),
    Mutant(
        "slot taken from another",
        "a slot is taken although another attempt holds it",
        WEBHOOK_STORE,
        "if number not in current.free_slots(at) or current",
        "if current",
    ),
    Mutant(
        "delivery under way not seen",
        "a message that comes twice has a delivery tried twice at once",
        WEBHOOKS,
        "return any(slot.delivery_id == delivery_id and slot.until > at for slot in self.slots.values())",
        "return False",
    ),
    # Waits.
    Mutant(
        "Retry-After ignored",
        "a receiver that asks for time is tried again before",
        WAITS,
        "return max(wait // MILLISECOND * MILLISECOND, min(retry_after, RETRY_AFTER_MAX))",
        "return wait // MILLISECOND * MILLISECOND",
    ),
    Mutant(
        "waits by all attempts",
        "the waits of a replay go on where those before it stopped",
        DELIVERING,
        "            delivery.attempt_in_set + 1, fraction",
        "            min(delivery.attempt + 1, 9), fraction",
    ),
    # The sweep of deliveries.
    Mutant(
        "delivery put off without sending",
        "the sweep puts its next look at a delivery off and sends nothing",
        DELIVERY_SWEEPING,
        "            self._queue.send(DeliveryMessage(key=due.key, postponed=postponed), delay=decision.delay)\n",
        "",
    ),
    Mutant(
        "delivery looked at once",
        "the sweep sends a delivery once, and never looks again",
        DELIVERY_SWEEPING,
        "        self._deliveries.look_again(due, at=decision.again_at)\n",
        "        self._deliveries.look_again(due, at=decision.again_at + timedelta(days=365))\n",
    ),
)
