"""
What jobs that messages of AWS ask for need from the outside, as protocols.

As in `chalicelib.ports`, every method that reaches AWS raises `Unavailable` when the other side does not answer.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.domain.receipts import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    What a message asks for: a job of the user of a name, because of an event.

    ``event_id`` and ``event_at``, an aware instant, are the same in every message that tells of the event.
    ``job_json`` is JSON text, which may be no job.
    """

    username: str
    event_id: str
    event_at: datetime
    job_json: bytes = field(repr=False)


class IntakeQueue(Protocol):
    """The queue that messages of AWS come from."""

    def return_after(self, receipt_handle: str, wait: timedelta) -> None:
        """Have a received message come again after ``wait``: whole seconds, 12 hours at most."""
        ...


class RefusedMessages(Protocol):
    """Where a person finds the messages that made no job, and why."""

    def send(self, body: str, refusal: Refusal, *, event_id: str) -> None:
        """Keep the body of a message as it came, with the reason; ``event_id`` names what it told of."""
        ...
