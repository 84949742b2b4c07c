import socket
import time
from collections.abc import Iterator

import pytest

from chalicelib.adapters.operation_channel import (
    MESSAGE_MAX_BYTES,
    CancelAnswer,
    CancelQuestion,
    Channel,
    Failure,
    Garbled,
    Message,
    Ready,
    Result,
    RunOrder,
)

MESSAGES: list[Message] = [
    Ready(),
    RunOrder(operation="square_sum", data_json='["é"]', job_id="7", attempt=2, timeout_s=0.5),
    CancelQuestion(),
    CancelAnswer(is_cancelled=True),
    Result("x" * 10_000),
    Failure(code="TIMED_OUT", detail="why", is_final=False),
]


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Channel]]:
    """A bare socket, and the channel at its other end."""
    there, here = socket.socketpair()
    with there, here:
        yield there, Channel(here)


def now() -> float:
    return time.monotonic()


def test_messages_arrive_whole_and_in_order(ends: tuple[socket.socket, Channel]) -> None:
    there, channel = ends
    sender = Channel(there)
    for message in MESSAGES:
        sender.send(message, until=now() + 5)
    assert [channel.receive() for _ in MESSAGES] == MESSAGES


def test_what_has_come_is_returned_even_when_the_time_is_over(ends: tuple[socket.socket, Channel]) -> None:
    there, channel = ends
    Channel(there).send(Ready())
    assert channel.receive(until=now() - 1) == Ready()


def test_a_message_may_stop_anywhere_and_go_on_later(ends: tuple[socket.socket, Channel]) -> None:
    there, channel = ends
    message = Result("word")
    for byte in wire(message):
        with pytest.raises(TimeoutError):
            channel.receive(until=now())
        there.sendall(bytes([byte]))
    assert channel.receive(until=now()) == message


def test_waiting_ends_in_the_middle_of_a_message(ends: tuple[socket.socket, Channel]) -> None:
    there, channel = ends
    there.sendall(wire(Result("word"))[:-1])
    with pytest.raises(TimeoutError):
        channel.receive(until=now() + 0.05)


def test_the_other_side_may_go_in_the_middle_of_a_message(ends: tuple[socket.socket, Channel]) -> None:
    there, channel = ends
    there.sendall(wire(Result("word"))[:-1])
    there.close()
    with pytest.raises(ConnectionError):
        channel.receive(until=now() + 5)


def test_nothing_is_sent_to_one_who_is_gone(ends: tuple[socket.socket, Channel]) -> None:
    there, channel = ends
    there.close()
    with pytest.raises(ConnectionError):
        channel.send(Ready(), until=now() + 5)


def test_sending_ends_when_the_other_side_does_not_take_it(ends: tuple[socket.socket, Channel]) -> None:
    _, channel = ends
    with pytest.raises(TimeoutError):
        channel.send(Result("x" * 2**23), until=now() + 0.05)


@pytest.mark.parametrize(
    "sent",
    [
        (3).to_bytes(4) + b"\xc1\xc1\xc1",
        (1).to_bytes(4) + b"\x01",
        (MESSAGE_MAX_BYTES + 1).to_bytes(4),
    ],
)
def test_nonsense_is_told_from_a_message(ends: tuple[socket.socket, Channel], sent: bytes) -> None:
    there, channel = ends
    there.sendall(sent)
    with pytest.raises(Garbled):
        channel.receive(until=now() + 5)


def wire(message: Message) -> bytes:
    """The bytes of a message."""
    here, there = socket.socketpair()
    with here, there:
        Channel(here).send(message)
        return there.recv(1000)
