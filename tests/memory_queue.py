"""An SQS standard queue in memory, on a clock of the caller's: for tests and simulations of the queue's semantics."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from chalicelib.ports import Clock

MOST_MESSAGES = 10
LONGEST_DELAY_S = 900
DAY_S = 24 * 60 * 60


class ReceivedMessage(NamedTuple):
    body: str
    receipt_handle: str
    """Names this receive. The next one of the same message makes it stale."""

    receive_count: int
    message_id: str


@dataclass(slots=True, eq=False)
class _Message:
    message_id: str
    body: str
    sent_at: datetime
    receive_count: int = 0
    receipt_handle: str = ""
    entry: int = 0
    """The number of its entry on the heap that counts; any other is outdated."""


class InMemoryQueue:
    """
    Gives each message to a receiver, and again after the visibility timeout until a receiver has deleted it.

    Of the messages that are due it gives first the one that has been due longest; SQS promises no order. Every message
    comes at least once, here exactly once a timeout: that SQS may give one twice or after its deletion is left to the
    caller. Nothing happens by itself: what is due is found out by ``receive``, whatever the clock did in between.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        visibility_timeout_s: float = 30,
        retention_s: float = 4 * DAY_S,
        max_receive_count: int | None = None,
        dead_letters: "InMemoryQueue | None" = None,
    ) -> None:
        """A message that was received ``max_receive_count`` times goes to ``dead_letters`` in place of the next."""
        if (max_receive_count is None) != (dead_letters is None):
            detail = "max_receive_count and dead_letters come together or not at all"
            raise ValueError(detail)
        self._clock = clock
        self._visibility_timeout = timedelta(seconds=visibility_timeout_s)
        self._retention = timedelta(seconds=retention_s)
        self._max_receive_count = max_receive_count
        self._dead_letters = dead_letters
        # Ids and handles are the same in every run, and of use in one queue only, as messages move between the two.
        self._numbers: count[int] = count(1) if dead_letters is None else dead_letters._numbers  # noqa: SLF001
        self._heap: list[tuple[datetime, int, _Message]] = []
        self._by_handle: dict[str, _Message] = {}

    def send(self, body: str, delay_s: int = 0) -> None:
        """
        Add a message that is due in ``delay_s``.

        Raises:
            ValueError: SQS refuses such a delay.
        """
        if not 0 <= delay_s <= LONGEST_DELAY_S:
            detail = f"a delay of {delay_s} s is not between 0 and {LONGEST_DELAY_S}"
            raise ValueError(detail)
        now = self._clock.now()
        message_id = f"message-{next(self._numbers)}"
        self._show(_Message(message_id=message_id, body=body, sent_at=now), now + timedelta(seconds=delay_s))

    def receive(self, max_messages: int) -> list[ReceivedMessage]:
        """
        Take up to ``max_messages`` that are due; none of them is due again before the visibility timeout.

        Messages past their retention vanish, and those received too often go to the dead letters, where they are due at
        once, keep the time they were sent, and count on.

        Raises:
            ValueError: SQS refuses to give so many.
        """
        if not 1 <= max_messages <= MOST_MESSAGES:
            detail = f"{max_messages} messages are not between 1 and {MOST_MESSAGES}"
            raise ValueError(detail)
        now = self._clock.now()
        taken: list[_Message] = []
        while len(taken) < max_messages and self._heap and self._heap[0][0] <= now:
            _, entry, message = heappop(self._heap)
            if entry != message.entry:
                continue
            self._by_handle.pop(message.receipt_handle, None)
            if self._has_expired(message, now):
                continue
            if self._dead_letters is not None and message.receive_count == self._max_receive_count:
                self._dead_letters._show(message, now)  # noqa: SLF001 - another of its kind
                continue
            taken.append(message)
        # Shown again only now: with a timeout of nothing, one receive must not take a message twice.
        return [self._received(message, now) for message in taken]

    def delete(self, receipt_handle: str) -> None:
        """Delete the message for good; with a stale handle, or one of a message that is gone, do nothing."""
        message = self._by_handle.pop(receipt_handle, None)
        if message is not None:
            message.entry = 0

    def change_visibility(self, receipt_handle: str, timeout_s: float) -> None:
        """Let the message be due in ``timeout_s`` from now; with a handle as ``delete`` ignores it, do nothing."""
        message = self._by_handle.get(receipt_handle)
        if message is not None:
            self._show(message, self._clock.now() + timedelta(seconds=timeout_s))

    def purge(self) -> None:
        """Delete all messages, those that are delayed or with a receiver too."""
        self._heap.clear()
        self._by_handle.clear()

    def size(self) -> int:
        """Count all messages, those that are delayed or with a receiver too."""
        now = self._clock.now()
        return sum(entry == message.entry and not self._has_expired(message, now) for _, entry, message in self._heap)

    def _has_expired(self, message: _Message, now: datetime) -> bool:
        return message.sent_at + self._retention <= now

    def _show(self, message: _Message, at: datetime) -> None:
        message.entry = next(self._numbers)
        heappush(self._heap, (at, message.entry, message))

    def _received(self, message: _Message, now: datetime) -> ReceivedMessage:
        self._show(message, now + self._visibility_timeout)
        message.receive_count += 1
        message.receipt_handle = f"receipt-{message.entry}"
        self._by_handle[message.receipt_handle] = message
        return ReceivedMessage(message.body, message.receipt_handle, message.receive_count, message.message_id)
