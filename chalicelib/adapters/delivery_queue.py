"""
The queue of deliveries on SQS, and the form of its messages.

The form changes by the rule of `chalicelib.adapters.sqs`, so that an update loses no delivery's message.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.sqs import Id, Version, foreign, send_in_batches
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import DeliveryId, DeliveryKey
from chalicelib.domain.webhooks import WebhookId
from chalicelib.event_ports import DeliveryMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef


class QueuedDelivery(msgspec.Struct, frozen=True):
    """Body of a message: where the delivery is, never what it tells, and how often no slot was free for it."""

    owner_id: Id
    webhook_id: Id
    delivery_id: Id
    postponed: Annotated[int, msgspec.Meta(ge=0)]
    version: Version = 1


def to_body(message: DeliveryMessage) -> str:
    """Return the body of a message."""
    key = message.key
    queued = QueuedDelivery(
        owner_id=key.owner_id,
        webhook_id=key.webhook_id,
        delivery_id=key.delivery_id,
        postponed=message.postponed,
    )
    return msgspec.json.encode(queued).decode()


def from_body(body: str) -> DeliveryMessage:
    """
    Return the message that a body has.

    Raises:
        ForeignMessage: The body is not a `QueuedDelivery`.
    """
    try:
        queued = msgspec.json.decode(body, type=QueuedDelivery)
    except msgspec.DecodeError as other:
        raise foreign(body) from other
    key = DeliveryKey(
        owner_id=UserId(queued.owner_id),
        webhook_id=WebhookId(queued.webhook_id),
        delivery_id=DeliveryId(queued.delivery_id),
    )
    return DeliveryMessage(key=key, postponed=queued.postponed)


class SqsDeliveryQueue:
    """
    The queue of deliveries: a standard queue, at least once and in any order.

    The message group turns on SQS's fair queues: one owner's backlog does not delay others.
    """

    def __init__(self, client: "Callable[[], SQSClient]", *, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, message: DeliveryMessage, *, delay: timedelta = timedelta()) -> None:
        """
        Send a message, to arrive after ``delay``.

        Raises:
            Unavailable: SQS does not answer; the message may have been sent all the same.
        """
        client = self._client()
        with unavailable_when_away("the delivery queue"):
            client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=to_body(message),
                MessageGroupId=message.key.owner_id,
                DelaySeconds=int(delay.total_seconds()),
            )

    def send_all(self, keys: Sequence[DeliveryKey]) -> Mapping[DeliveryKey, str]:
        """
        Send many deliveries' keys, ten a call; return why those that SQS refused were.

        Raises:
            Unavailable: SQS does not answer; the calls after that one are not made.
        """
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(place), "MessageBody": to_body(DeliveryMessage(key=key)), "MessageGroupId": key.owner_id}
            for place, key in enumerate(keys)
        ]
        refused = send_in_batches(self._client(), self._queue_url, entries, called="the delivery queue")
        return {keys[place]: why for place, why in refused.items()}
