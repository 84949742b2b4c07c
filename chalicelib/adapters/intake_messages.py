"""
The forms of the messages on the intake queue.

A message is one of three: a notification of SNS, whose ``Message`` is the form of an order; an event of EventBridge,
whose ``detail`` is; or the form itself, as a rule's input transformer, a subscription with raw delivery or a sender of
one's own makes it. Members of an envelope that are not needed here are passed over, as AWS adds to them.
"""

from datetime import datetime
from typing import Annotated

import msgspec

from chalicelib.domain.errors import InvalidInput
from chalicelib.intake_ports import Order
from chalicelib.validation import decoded

EVENT_ID_MAX_CHARACTERS = 256

EventId = Annotated[str, msgspec.Meta(min_length=1, max_length=EVENT_ID_MAX_CHARACTERS)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Notification(msgspec.Struct, frozen=True, rename="pascal"):
    """
    What SNS puts around a message that it delivers to a queue.

    Source: "Fanout to Amazon SQS queues", Amazon SNS Developer Guide.
    """

    message_id: EventId
    timestamp: Instant
    message: str


class BusEvent(msgspec.Struct, frozen=True):
    """
    What EventBridge puts around the detail of an event.

    Source: "Event structure reference", Amazon EventBridge User Guide.
    """

    id: EventId
    time: Instant
    detail: msgspec.Raw


class Sender(msgspec.Struct, frozen=True):
    """Of the form of an order, the members that a job does not have."""

    username: str
    event_id: EventId | None = None
    event_time: Instant | None = None


SENDER_FIELDS = frozenset(Sender.__struct_encode_fields__)


def order_in(body: str, *, message_id: str, sent_at: datetime) -> Order:
    """
    Return the order that a message gives.

    The event is the one that the form names by ``event_id`` and ``event_time``, else that of the envelope, else the
    SQS message itself, of this id and time. The two members come together or not at all: the event's time becomes that
    of the job's id, so messages make one job only if they have both in common.

    Raises:
        MalformedBody: The message, or the ``Message`` in it, is not JSON.
        InvalidInput: It is JSON of another form; the pointer is into the form, or into the envelope if that is wrong.
    """
    text = body.encode(errors="surrogatepass")
    members = decoded(text, dict[str, msgspec.Raw])
    event_id, event_at, form = message_id, sent_at, text
    if bytes(members.get("Type", b"")) == b'"Notification"':
        told = decoded(text, Notification)
        event_id, event_at, form = told.message_id, told.timestamp, told.message.encode()
    elif {"detail-type", "detail"} <= members.keys():
        event = decoded(text, BusEvent)
        event_id, event_at, form = event.id, event.time, bytes(event.detail)
    sender = decoded(form, Sender)
    if (sender.event_id is None) is not (sender.event_time is None):
        missing = "event_id" if sender.event_id is None else "event_time"
        detail = "give event_id and event_time together or neither: both must be the same in all messages of an event"
        raise InvalidInput(detail, pointer=f"#/{missing}")
    job = {name: value for name, value in decoded(form, dict[str, msgspec.Raw]).items() if name not in SENDER_FIELDS}
    return Order(
        username=sender.username,
        event_id=sender.event_id or event_id,
        event_at=sender.event_time or event_at,
        job_json=msgspec.json.encode(job),
    )
