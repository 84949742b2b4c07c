"""
The jobs queue on SQS, and the form of its messages.

While a stack is updated, and after the way back from an update, old code reads what newer code has sent, and newer code
what old code has. So the form of each queue's messages keeps a rule:

* Its first members stay for ever, with the meaning they have.
* A writer writes the version that is its own. A reader takes every version from 1 on, of which a message without one
  is, and passes over members that it does not know.
* A later version may add members, if code that does not know them still does what the message is sent for. A message
  that older code must not act upon needs a queue of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.domain.jobs import JobId, JobKey
from chalicelib.domain.users import UserId
from chalicelib.statistics_ports import QueueDepth

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef, SendMessageBatchRequestEntryTypeDef

DEPTHS: "Sequence[QueueAttributeNameType]" = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
"""What `QueueDepth` is made of."""

BATCH_MAX = 10
"""Messages that SQS sends or deletes in one call."""


KEY_MAX_CHARACTERS = 64
"""Of an owner's or another id, which are UUIDs; DynamoDB refuses to look up keys that are empty or very long."""


Id = Annotated[str, msgspec.Meta(min_length=1, max_length=KEY_MAX_CHARACTERS)]
"""An id as it stands in a message."""

Version = Annotated[int, msgspec.Meta(ge=1)]
"""Of a message's form; a later one has more members, see the module."""


class ForeignMessage(Exception):
    """A message that is not of the form that its queue's messages have."""


def foreign(body: str) -> ForeignMessage:
    """Return the error about a body, without any of it: it may be anything, and errors are logged."""
    return ForeignMessage(f"a body of {len(body)} characters is of another form")


class JobMessage(msgspec.Struct, frozen=True):
    """Body of a message: where the job is, never what it is."""

    owner_id: Id
    job_id: Id
    version: Version = 1


def to_body(key: JobKey) -> str:
    """Return the message body for a job."""
    return msgspec.json.encode(JobMessage(owner_id=key.owner_id, job_id=key.job_id)).decode()


def from_body(body: str) -> JobKey:
    """
    Return the job that a message body names.

    Raises:
        ForeignMessage: The body is not a `JobMessage`.
    """
    try:
        message = msgspec.json.decode(body, type=JobMessage)
    except msgspec.DecodeError as other:
        raise foreign(body) from other
    return JobKey(owner_id=UserId(message.owner_id), job_id=JobId(message.job_id))


def send_in_batches(
    client: "SQSClient", queue_url: str, entries: "Sequence[SendMessageBatchRequestEntryTypeDef]", *, called: str
) -> dict[int, str]:
    """
    Send messages, ten a call, the ``Id`` of each being its place; return, by place, why those that SQS refused were.

    Raises:
        Unavailable: SQS does not answer; ``called`` is what does not. The calls after that one are not made.
    """
    refused: dict[int, str] = {}
    for begin in range(0, len(entries), BATCH_MAX):
        with unavailable_when_away(called):
            answer = client.send_message_batch(QueueUrl=queue_url, Entries=entries[begin : begin + BATCH_MAX])
        for failed in answer.get("Failed") or []:
            refused[int(failed["Id"])] = f"{failed['Code']}: {failed.get('Message', '')}"
    return refused


class SqsJobQueue:
    """The jobs queue: a standard queue, at least once and in any order."""

    def __init__(self, client: "Callable[[], SQSClient]", *, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, key: JobKey, *, delay: timedelta = timedelta()) -> None:
        """
        Send the job's key, to arrive after ``delay``.

        The message group on a standard queue turns on SQS's fair queues: one owner's backlog does not delay others.

        Raises:
            Unavailable: SQS does not answer; the message may have been sent all the same.
        """
        client = self._client()
        with unavailable_when_away("the job queue"):
            client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=to_body(key),
                MessageGroupId=key.owner_id,
                DelaySeconds=int(delay.total_seconds()),
            )

    def send_all(self, delays: Mapping[JobKey, timedelta]) -> Mapping[JobKey, str]:
        """
        Send many jobs' keys, ten a call, each as `send` does; return why those that SQS refused were.

        Raises:
            Unavailable: SQS does not answer; the calls after that one are not made.
        """
        keys = list(delays)
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {
                "Id": str(place),
                "MessageBody": to_body(key),
                "MessageGroupId": key.owner_id,
                "DelaySeconds": int(delays[key].total_seconds()),
            }
            for place, key in enumerate(keys)
        ]
        refused = send_in_batches(self._client(), self._queue_url, entries, called="the job queue")
        return {keys[place]: why for place, why in refused.items()}

    def depth(self) -> QueueDepth:
        """
        Return about how many messages there are; what SQS says is some seconds old.

        Raises:
            Unavailable: SQS does not answer.
        """
        client = self._client()
        with unavailable_when_away("the job queue"):
            answer = client.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=[*DEPTHS])
        waiting, in_flight, delayed = (int(answer["Attributes"][name]) for name in DEPTHS)
        return QueueDepth(waiting=waiting, in_flight=in_flight, delayed=delayed)

    def delete(self, receipt_handles: Sequence[str]) -> None:
        """
        Delete received messages, ten a call.

        Raises:
            Unavailable: SQS does not answer; some may have been deleted.
        """
        client = self._client()
        for begin in range(0, len(receipt_handles), BATCH_MAX):
            entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "ReceiptHandle": handle}
                for number, handle in enumerate(receipt_handles[begin : begin + BATCH_MAX])
            ]
            with unavailable_when_away("the job queue"):
                client.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)
