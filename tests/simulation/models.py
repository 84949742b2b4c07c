"""The table, the queue and the ids of one schedule: the tests' in-memory ones, with what a simulation needs besides."""

from datetime import datetime
from itertools import count

from chalicelib.consumer import Message
from chalicelib.domain.jobs import Job, JobId, JobKey
from chalicelib.domain.users import UserId
from tests.fakes import InMemoryJobRepository
from tests.memory_queue import InMemoryQueue, ReceivedMessage


class Rows(InMemoryJobRepository):
    """The jobs table, whose time to live deletes."""

    def expire(self, key: JobKey) -> None:
        """Delete a row."""
        self._jobs.pop(key, None)

    def items(self) -> dict[JobKey, Job]:
        """Return all rows by key."""
        return self._jobs

    @classmethod
    def of(cls, rows: dict[JobKey, Job]) -> "Rows":
        """Return a table of these rows."""
        table = cls()
        table._jobs = rows
        return table


class Queue(InMemoryQueue):
    """A queue, and what its event source mapping makes of a message."""

    def message(self, received: ReceivedMessage) -> Message:
        """Return a received message as the function gets it."""
        return Message(
            body=received.body,
            message_id=received.message_id,
            receipt_handle=received.receipt_handle,
            sent_at=self._by_handle[received.receipt_handle].sent_at,
        )


class Ids:
    """Ids that count, unique in a schedule. Job ids end in the shard that the plan wants."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self.shard = 0

    def new_user_id(self) -> UserId:
        raise NotImplementedError

    def new_job_id(self, at: datetime) -> JobId:  # noqa: ARG002 - these count
        return JobId(f"01900000-0000-7000-8000-{next(self._numbers):010x}{self.shard:02x}")

    def new_token_id(self) -> str:
        return f"t{next(self._numbers)}"
