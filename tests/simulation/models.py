"""The table, the queue and the ids of one schedule: the tests' in-memory ones, with what a simulation needs besides."""

from datetime import datetime
from itertools import count
from typing import Generic, TypeVar

from chalicelib.batches import Message
from chalicelib.domain.jobs import Job, JobId, JobKey
from chalicelib.domain.schedules import Schedule, ScheduleKey
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import Delivery, DeliveryKey
from tests.delivery_fakes import InMemoryDeliveryRepository
from tests.fakes import InMemoryJobRepository
from tests.memory_queue import InMemoryQueue, ReceivedMessage
from tests.schedule_fakes import InMemoryScheduleRepository


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


class Deliveries(InMemoryDeliveryRepository):
    """The deliveries table."""

    @classmethod
    def of(cls, rows: dict[DeliveryKey, Delivery]) -> "Deliveries":
        """Return a table of these rows."""
        table = cls()
        table._deliveries = rows
        return table


class Schedules(InMemoryScheduleRepository):
    """The schedules table."""

    @classmethod
    def of(cls, rows: dict[ScheduleKey, Schedule]) -> "Schedules":
        """Return a table of these rows."""
        table = cls(InMemoryJobRepository())
        table._rows = rows
        return table


K = TypeVar("K")
R = TypeVar("R")


class History(Generic[K, R]):
    """What rows of a table were, for an index that lags behind them."""

    def __init__(self) -> None:
        self._writes: list[tuple[int, K, R | None]] = []

    def wrote(self, at_ms: int, key: K, row: R | None) -> None:
        """Add a write; ``None`` if the row is gone."""
        self._writes.append((at_ms, key, row))

    def rows(self, at_ms: int) -> dict[K, R]:
        """Return the rows as they were at an instant."""
        latest = {key: row for written_ms, key, row in self._writes if written_ms <= at_ms}
        return {key: row for key, row in latest.items() if row is not None}


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

    def new_event_id(self, at: datetime) -> str:  # noqa: ARG002 - these count
        return f"e{next(self._numbers)}"

    def new_secret(self, size_bytes: int) -> bytes:
        return bytes(size_bytes)

    def new_token_id(self) -> str:
        return f"t{next(self._numbers)}"
