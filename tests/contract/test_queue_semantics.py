"""What an SQS standard queue does with messages: in memory, on a clock of its own, just as on moto and MiniStack."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from tests.aws import create_queue_with_dead_letters
from tests.contract.conftest import StandIn, standing_in
from tests.fakes import FixedClock
from tests.memory_queue import DAY_S, InMemoryQueue, ReceivedMessage

VISIBILITY_S = 1
MAX_RECEIVES = 2


class Queue(Protocol):
    def send(self, body: str, delay_s: int = 0) -> None: ...
    def receive(self, max_messages: int) -> list[ReceivedMessage]: ...
    def delete(self, receipt_handle: str) -> None: ...
    def change_visibility(self, receipt_handle: str, timeout_s: int) -> None: ...
    def purge(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Queues:
    """A queue of ``VISIBILITY_S`` and ``MAX_RECEIVES``, its dead letters, and how to let time pass for both."""

    main: Queue
    dead_letters: Queue
    wait: Callable[[float], None]


class SqsQueue:
    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(self, body: str, delay_s: int = 0) -> None:
        self._sqs.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=delay_s)

    def receive(self, max_messages: int) -> list[ReceivedMessage]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=max_messages,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return [
            ReceivedMessage(
                body=message["Body"],
                receipt_handle=message["ReceiptHandle"],
                receive_count=int(message["Attributes"]["ApproximateReceiveCount"]),
                message_id=message["MessageId"],
            )
            for message in answer.get("Messages", [])
        ]

    def delete(self, receipt_handle: str) -> None:
        with suppress(self._sqs.exceptions.ReceiptHandleIsInvalid):  # MiniStack's answer to a stale one; SQS has none
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=receipt_handle)

    def change_visibility(self, receipt_handle: str, timeout_s: int) -> None:
        self._sqs.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=timeout_s
        )

    def purge(self) -> None:
        self._sqs.purge_queue(QueueUrl=self._url)


def _in_memory(clock: FixedClock) -> Queues:
    dead_letters = InMemoryQueue(clock, retention_s=DAY_S)
    main = InMemoryQueue(
        clock,
        visibility_timeout_s=VISIBILITY_S,
        retention_s=DAY_S / 2,
        max_receive_count=MAX_RECEIVES,
        dead_letters=dead_letters,
    )
    return Queues(main=main, dead_letters=dead_letters, wait=lambda seconds: clock.advance(seconds=seconds))


def _on(stand_in: StandIn) -> Queues:
    url, dead_letters_url = create_queue_with_dead_letters(
        stand_in.sqs, stand_in.new_name("semantics"), visibility_s=VISIBILITY_S, max_receives=MAX_RECEIVES
    )
    main, dead_letters = SqsQueue(stand_in.sqs, url), SqsQueue(stand_in.sqs, dead_letters_url)
    # A little longer than asked for: the wait ends when the time has passed on the stand-in's clock, too.
    return Queues(main=main, dead_letters=dead_letters, wait=lambda seconds: time.sleep(seconds + 0.1))


@pytest.fixture(params=["memory", "moto", "ministack"])
def queues(request: pytest.FixtureRequest) -> Iterator[Queues]:
    if request.param == "memory":
        yield _in_memory(FixedClock())
    else:
        with standing_in(request.param, request) as stand_in:
            yield _on(stand_in)


def bodies(messages: list[ReceivedMessage]) -> set[str]:
    return {message.body for message in messages}


def one_of(queue: Queue) -> ReceivedMessage:
    (message,) = queue.receive(10)
    return message


def test_each_message_goes_to_one_receiver(queues: Queues) -> None:
    for body in "abc":
        queues.main.send(body)
    first, rest = queues.main.receive(2), queues.main.receive(10)
    assert (len(first), len(rest)) == (2, 1)
    assert bodies(first) | bodies(rest) == {"a", "b", "c"}
    assert len({message.message_id for message in first + rest}) == 3
    assert {message.receive_count for message in first + rest} == {1}
    assert queues.main.receive(10) == []


def test_time_brings_back_what_no_one_deleted_and_brings_what_was_delayed(queues: Queues) -> None:
    for body in ("deleted", "forgotten", "extended"):
        queues.main.send(body)
    queues.main.send("delayed", delay_s=1)
    received = {message.body: message for message in queues.main.receive(10)}
    assert received.keys() == {"deleted", "forgotten", "extended"}
    queues.main.delete(received["deleted"].receipt_handle)
    queues.main.change_visibility(received["extended"].receipt_handle, 30)
    assert queues.main.receive(10) == []
    queues.wait(VISIBILITY_S)
    late = {message.body: message for message in queues.main.receive(10)}
    assert late.keys() == {"forgotten", "delayed"}
    assert late["forgotten"].message_id == received["forgotten"].message_id
    assert late["forgotten"].receipt_handle != received["forgotten"].receipt_handle
    assert {body: message.receive_count for body, message in late.items()} == {"forgotten": 2, "delayed": 1}


def test_a_receiver_gives_a_message_back_at_once(queues: Queues) -> None:
    queues.main.send("a")
    first = one_of(queues.main)
    queues.main.change_visibility(first.receipt_handle, 0)
    assert one_of(queues.main).message_id == first.message_id


def test_a_receiver_that_gave_a_message_back_can_still_delete_it(queues: Queues) -> None:
    queues.main.send("a")
    first = one_of(queues.main)
    queues.main.change_visibility(first.receipt_handle, 0)
    queues.main.delete(first.receipt_handle)
    queues.main.delete(first.receipt_handle)
    assert queues.main.receive(10) == []


@pytest.mark.parametrize("queues", ["memory", "ministack"], indirect=True)
def test_a_stale_receipt_handle_deletes_nothing(queues: Queues) -> None:
    """SQS promises neither this nor the contrary, which moto does: the harder one for whoever consumes."""
    queues.main.send("a")
    stale = one_of(queues.main).receipt_handle
    queues.main.change_visibility(stale, 0)
    current = one_of(queues.main).receipt_handle
    queues.main.delete(stale)
    queues.main.change_visibility(current, 0)
    assert queues.main.receive(10) == [], "received too often"
    assert one_of(queues.dead_letters).body == "a"


def test_what_was_received_too_often_moves_to_the_dead_letters(queues: Queues) -> None:
    queues.main.send("a")
    for _ in range(MAX_RECEIVES):
        message = one_of(queues.main)
        queues.main.change_visibility(message.receipt_handle, 0)
    assert queues.dead_letters.receive(10) == [], "not before it would be received again"
    assert queues.main.receive(10) == []
    dead = one_of(queues.dead_letters)
    assert (dead.body, dead.message_id, dead.receive_count) == ("a", message.message_id, MAX_RECEIVES + 1)
    queues.dead_letters.delete(dead.receipt_handle)
    assert queues.dead_letters.receive(10) == []


def test_a_purge_leaves_nothing(queues: Queues) -> None:
    queues.main.send("due")
    queues.main.send("delayed", delay_s=900)
    queues.main.purge()
    assert queues.main.receive(10) == []
    queues.main.send("new")
    assert one_of(queues.main).body == "new"


# What would take a stand-in hours, or what it says in its own way.


def test_a_message_expires_wherever_it_is() -> None:
    clock = FixedClock()
    queues = _in_memory(clock)
    main, dead_letters = queues.main, queues.dead_letters
    assert isinstance(main, InMemoryQueue)
    assert isinstance(dead_letters, InMemoryQueue)

    main.send("with a receiver")
    handle = one_of(main).receipt_handle
    main.send("due")
    clock.advance(seconds=DAY_S / 2 - 1)
    assert main.size() == 2
    clock.advance(seconds=1)
    assert main.size() == 0
    assert main.receive(10) == []
    main.delete(handle)

    main.send("dead")
    for _ in range(MAX_RECEIVES):
        main.receive(10)
        clock.advance(hours=4)
    main.receive(10)
    clock.advance(hours=15, minutes=59)
    assert dead_letters.size() == 1
    clock.advance(minutes=1)
    assert dead_letters.size() == 0, "a day after it was sent, not after it moved"
    assert dead_letters.receive(10) == []


def test_a_purge_takes_what_is_delayed_or_with_a_receiver() -> None:
    queue = InMemoryQueue(FixedClock())
    queue.send("with a receiver")
    handle = one_of(queue).receipt_handle
    queue.send("delayed", delay_s=1)
    assert queue.size() == 2
    queue.purge()
    queue.change_visibility(handle, 0)
    assert queue.size() == 0
    assert queue.receive(10) == []


def test_with_no_visibility_timeout_a_receive_takes_a_message_once() -> None:
    queue = InMemoryQueue(FixedClock(), visibility_timeout_s=0)
    queue.send("a")
    assert [one_of(queue).receive_count for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("delay_s", [-1, 901])
def test_a_delay_that_sqs_refuses_is_refused(delay_s: int) -> None:
    with pytest.raises(ValueError, match="not between 0 and 900"):
        InMemoryQueue(FixedClock()).send("a", delay_s=delay_s)


@pytest.mark.parametrize("max_messages", [0, 11])
def test_a_number_of_messages_that_sqs_refuses_is_refused(max_messages: int) -> None:
    with pytest.raises(ValueError, match="not between 1 and 10"):
        InMemoryQueue(FixedClock()).receive(max_messages)


def test_a_limit_of_receives_needs_a_place_to_move_to() -> None:
    with pytest.raises(ValueError, match="come together"):
        InMemoryQueue(FixedClock(), max_receive_count=2)
