"""
How the consumer and the process that runs operations talk: the messages, and the socket they cross.

One message of the consumer, `RunOrder`, brings one of the process, `Result` or `Failure`. In between the process may
send any number of `CancelQuestion`, each of which brings a `CancelAnswer`. The first message of all is the process's
`Ready`.
"""

import socket
import time
from collections.abc import Callable
from typing import Final

import msgspec

MESSAGE_MAX_BYTES: Final = 16 * 2**20
"""Far above any job's data or result. Whoever announces more is not speaking this protocol."""

_LENGTH_BYTES: Final = 4
_CHUNK_BYTES: Final = 2**16


class ChildSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is started with; the two descriptors are inherited."""

    socket_fd: int
    lifeline_fd: int
    package: str
    memory_max_mb: int
    result_max_bytes: int
    log_level: str


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The operations are loaded."""


class RunOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Run this operation now; ``timeout_s`` seconds from now it will be killed."""

    operation: str
    data_json: str
    job_id: str
    attempt: int
    timeout_s: float


class CancelQuestion(msgspec.Struct, frozen=True, tag=True):
    """Is the job that runs cancelled?"""


class CancelAnswer(msgspec.Struct, frozen=True, tag=True):
    """The answer to one `CancelQuestion`."""

    is_cancelled: bool


class Result(msgspec.Struct, frozen=True, tag=True):
    """What the operation returned, as JSON text."""

    result_json: str


class Failure(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why there is no result; see `chalicelib.domain.errors.AttemptFailed`."""

    code: str
    detail: str
    is_final: bool


Message = Ready | RunOrder | CancelQuestion | CancelAnswer | Result | Failure

_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Message] = msgspec.msgpack.Decoder(Message).decode


class Garbled(Exception):
    """What came over the socket is no message."""


class Channel:
    """
    Messages over one end of a stream socket, each behind its length.

    Unlike `multiprocessing.connection.Connection` it keeps to an instant even in the middle of a message, for the other
    side may be stopped right there. Instants are those of `time.monotonic`.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._received = bytearray()

    def send(self, message: Message, *, until: float | None = None) -> None:
        """
        Send one message; after an error the channel is of no further use.

        Raises:
            TimeoutError: The other side did not take it until then.
            ConnectionError: The other side is gone.
        """
        body = _encode(message)
        # Non-blocking (0) would fail where a moment would do.
        self._end.settimeout(None if until is None else max(until - time.monotonic(), 0.001))
        self._end.sendall(len(body).to_bytes(_LENGTH_BYTES) + body)

    def receive(self, *, until: float | None = None) -> Message:
        """
        Wait for one message. What has come already is returned even when ``until`` has passed.

        Raises:
            TimeoutError: There is no whole message yet; what there is stays for the next call.
            ConnectionError: The other side is gone, be it in the middle of a message.
            Garbled: This is no message.
        """
        while (body := self._whole_body()) is None:
            self._end.settimeout(None if until is None else max(until - time.monotonic(), 0))
            try:
                chunk = self._end.recv(_CHUNK_BYTES)
            except BlockingIOError as nothing_yet:
                raise TimeoutError from nothing_yet
            if not chunk:
                raise ConnectionResetError
            self._received += chunk
        try:
            return _decode(body)
        except msgspec.DecodeError as wrong:
            raise Garbled(str(wrong)) from wrong

    def close(self) -> None:
        """Close this end, which the other side notices."""
        self._end.close()

    def _whole_body(self) -> bytes | None:
        if len(self._received) < _LENGTH_BYTES:
            return None
        length = int.from_bytes(self._received[:_LENGTH_BYTES])
        if length > MESSAGE_MAX_BYTES:
            message = f"a message of {length} bytes"
            raise Garbled(message)
        end = _LENGTH_BYTES + length
        if len(self._received) < end:
            return None
        body = bytes(self._received[_LENGTH_BYTES:end])
        del self._received[:end]
        return body
