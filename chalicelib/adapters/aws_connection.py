"""
One connection to a host of AWS, over which one request after the other is sent.

Requests are written here, being all of one form. Answers are parsed by httptools, which has Node's parser.
"""

import select
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import SplitResult

from httptools import HttpParserError, HttpResponseParser

if TYPE_CHECKING:
    from ssl import SSLContext

CHUNK_BYTES: Final = 2**16


class NoAnswer(Exception):
    """No connection, or no whole answer; the message says how that came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer; the names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Reading:
    """What there is so far of an answer; the methods named ``on_…`` are called by the parser."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.has_head = False
        self.answers = 0
        self.status = 0
        self.parser = HttpResponseParser(self)

    def on_message_begin(self) -> None:
        # A provisional answer (1xx) may come before the one that counts.
        self.headers, self.body, self.has_head = {}, bytearray(), False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.has_head = True
        self.status = self.parser.get_status_code()

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        if self.status >= HTTPStatus.OK:
            self.answers += 1
        else:
            self.has_head = False

    @property
    def ends_with_connection(self) -> bool:
        """Whether there is a head that does not say how long the body is: it goes on until the connection ends."""
        return self.has_head and not self.headers.keys() & {"content-length", "transfer-encoding"}


class Connection:
    """A connection, made with its first request. Of no use after an error. Not for two threads at once."""

    def __init__(
        self, url: SplitResult, *, connect_timeout_s: float, read_timeout_s: float, tls: "SSLContext | None"
    ) -> None:
        """Of a ``url`` counts the host; ``tls`` is whom to trust, ``None`` for a connection without TLS."""
        self._host = url.hostname or ""
        self._port = url.port or (80 if tls is None else 443)
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._tls = tls
        self._socket: socket.socket | None = None

    def post(self, headers: Mapping[str, str], body: bytes) -> Response:
        """
        Send a POST to ``/``; return the answer. ``headers`` have the host.

        Raises:
            NoAnswer: There is none, and this cannot be used any more.
            ValueError: A header is more than a line, or not ASCII.
        """
        lines = ["POST / HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, f"content-length: {len(body)}", "\r\n"])
        try:
            if head.count("\n") != len(lines) + 2:
                _refuse()
            connected = self._connected()
            connected.sendall(head.encode("ascii") + body)
            return self._answer(connected)
        except (OSError, HttpParserError) as broken:
            self.close()
            raise NoAnswer(repr(broken)) from broken
        except BaseException:
            self.close()
            raise

    @property
    def is_usable(self) -> bool:
        """Whether another request can be sent: it is open, and the other side has not closed it meanwhile."""
        if self._socket is None:
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        # What can be read while nothing was asked is the other side's end.
        return not poll.poll(0)

    def close(self) -> None:
        """Close it, if it is open."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            made = socket.create_connection((self._host, self._port), timeout=self._connect_timeout_s)
            try:
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls is not None:
                    made = self._tls.wrap_socket(made, server_hostname=self._host)
            except BaseException:
                made.close()
                raise
            made.settimeout(self._read_timeout_s)
            self._socket = made
        return self._socket

    def _answer(self, connected: socket.socket) -> Response:
        reading = _Reading()
        try:
            while not reading.answers:
                received = connected.recv(CHUNK_BYTES)
                if not received:
                    break
                reading.parser.feed_data(received)
            is_old = reading.parser.get_http_version() != "1.1"
        finally:
            # They hold each other, and else would wait for the garbage collector.
            del reading.parser
        if reading.answers != 1 and not (reading.answers == 0 and reading.ends_with_connection):
            message = "more than one answer" if reading.answers else "closed before the answer was whole"
            raise ConnectionError(message)
        if not reading.answers or is_old or "close" in reading.headers.get("connection", "").lower():
            self.close()
        return Response(status=reading.status, headers=reading.headers, body=bytes(reading.body))


def _refuse() -> NoReturn:
    message = "a header is more than a line"
    raise ValueError(message)
