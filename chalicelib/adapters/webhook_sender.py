"""
The one way out to addresses that users name.

A name is resolved once, every address it has is judged, and one of those very addresses is connected to, so a name that
changes between the look and the connection changes nothing. What the other side says is read up to a cap and within a
time, and nothing it says is followed.
"""

import contextlib
import functools
import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.webhook_urls import Address, WebhookUrl, is_public, parsed_webhook_url
from chalicelib.webhook_ports import Answer, NotSent

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ATTEMPT_TIMEOUT: Final = timedelta(seconds=15)
"""From the resolving of the name to the last byte that is read. Source: Standard Webhooks, 15 to 30 seconds."""

ANSWER_MAX_BYTES: Final = 64 * 1024
"""Of head and body together; what comes after them is never read."""

ADDRESSES_TRIED: Final = 4
"""Of one name, so that each has some seconds even when none answers, however many a name server makes up."""

Resolve = Callable[[str, int], Sequence[Address]]
"""All addresses of a host for a port, those to try first in front; `OSError` if it has none."""

Connect = Callable[[Address, int, float], socket.socket]
"""A connection to an address and port within so many seconds; `OSError` if there is none."""


def resolved_by_system(host: str, port: int) -> Sequence[Address]:
    """
    Ask the system's resolver, once; nothing of what it says is left out, nor kept for another time.

    Raises:
        OSError: It knows no address.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(ipaddress.ip_address(place[0]) for *_, place in found))


def connected_by_system(address: Address, port: int, timeout_s: float) -> socket.socket:
    """
    Open a TCP connection.

    Raises:
        OSError: Nothing answers there, or not in time.
    """
    return socket.create_connection((str(address), port), timeout=timeout_s)


class HttpWebhookSender:
    """
    A `WebhookSender` over HTTP/1.1, with a new connection for each POST.

    It follows no redirect, reads no proxy from the environment, and starts no thread. The time of an attempt is a total
    over all its steps, however slowly the other side drips. Only the resolver cannot be cut short: it ends by its own
    timeouts, and what it took is taken off the rest.
    """

    def __init__(  # noqa: PLR0913 - the composition root names the first, tests the others
        self,
        *,
        to_anywhere: bool,
        timeout: timedelta = ATTEMPT_TIMEOUT,
        resolve: Resolve = resolved_by_system,
        connect: Connect = connected_by_system,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Remember how to reach the outside.

        Args:
            to_anywhere: Allow http, any port, and addresses that are not public, as on a laptop.
            timeout: See `ATTEMPT_TIMEOUT`.
            resolve: See `Resolve`.
            connect: See `Connect`.
            tls: Makes what TLS is spoken by, on first use, as reading the authorities' certificates takes a while.
            monotonic: Seconds that never go back.
        """
        self._to_anywhere = to_anywhere
        self._timeout = timeout
        self._resolve = resolve
        self._connect = connect
        self._tls = functools.cache(tls)
        self._monotonic = monotonic

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """
        Post once. That there is a status is what counts: an answer whose body breaks off, or never ends, is one.

        Raises:
            NotSent: The URL or an address is refused, or there is no answer; the reason says which.
        """
        timing = _Timing(self._monotonic, self._timeout)
        try:
            to = parsed_webhook_url(url, to_anywhere=self._to_anywhere)
            addresses = self._allowed_addresses(to)
            with contextlib.closing(self._connected(to, addresses, timing)) as connected:
                status_code, retry_after = _answer(to, headers, body, _TimedConnection(connected, timing))
        except InvalidInput as refused:
            reason = f"the URL is not allowed: {refused}"
        except TimeoutError:
            reason = f"no answer within {self._timeout.total_seconds():g} s"
        except _Failed as failed:
            reason = str(failed)
        else:
            return Answer(status_code=status_code, retry_after=retry_after, duration=timing.elapsed())
        raise NotSent(reason, duration=timing.elapsed())

    def _allowed_addresses(self, to: WebhookUrl) -> Sequence[Address]:
        """Return all addresses of the host; one that is not public condemns the others, too."""
        try:
            addresses = self._resolve(to.host, to.port)
        except OSError:
            addresses = ()
        if not addresses:
            reason = "the name does not resolve"
            raise _Failed(reason)
        if not self._to_anywhere and not all(is_public(address) for address in addresses):
            reason = "an address of it is not public"
            raise _Failed(reason)
        return addresses

    def _connected(self, to: WebhookUrl, addresses: Sequence[Address], timing: "_Timing") -> socket.socket:
        """Connect to the first of the addresses that answers, each with its share of the time, and agree on TLS."""
        connected = self._first_connected(to, addresses[:ADDRESSES_TRIED], timing)
        if to.scheme == "http":
            return connected
        with contextlib.closing(connected):  # which no longer owns the connection once TLS does
            connected.settimeout(timing.remaining_s())
            try:
                return self._tls().wrap_socket(connected, server_hostname=to.host)
            except TimeoutError:
                raise
            except ssl.SSLCertVerificationError as untrusted:
                reason = f"the certificate does not hold: {untrusted.verify_message}"
                raise _Failed(reason) from untrusted
            except OSError as broken:
                reason = "TLS cannot be agreed on"
                raise _Failed(reason) from broken

    def _first_connected(self, to: WebhookUrl, addresses: Sequence[Address], timing: "_Timing") -> socket.socket:
        for tried, address in enumerate(addresses):
            share_s = timing.remaining_s() / (len(addresses) - tried)
            with contextlib.suppress(OSError):
                return self._connect(address, to.port, share_s)
        timing.remaining_s()
        reason = "no connection"
        raise _Failed(reason)


class _Failed(Exception):
    """The message is the reason, for the owner."""


class _TooLong(http.client.HTTPException):
    """The answer goes on after all that is read of one."""


class _Timing:
    """How long an attempt has taken, and what is left of its time."""

    def __init__(self, monotonic: Callable[[], float], limit: timedelta) -> None:
        self._monotonic = monotonic
        self._began_at = monotonic()
        self._limit_s = limit.total_seconds()

    def elapsed(self) -> timedelta:
        return timedelta(seconds=self._monotonic() - self._began_at)

    def remaining_s(self) -> float:
        """
        Return what is left, which is more than nothing.

        Raises:
            TimeoutError: Nothing is.
        """
        remaining_s = self._began_at + self._limit_s - self._monotonic()
        if remaining_s <= 0:
            raise TimeoutError
        return remaining_s


class _TimedConnection:
    """
    What `http.client` uses of a socket, with the time that is left on each call to it.

    A timeout of the socket itself would begin anew with each byte that arrives.
    """

    def __init__(self, connected: socket.socket, timing: _Timing) -> None:
        self._connected = connected
        self._timing = timing

    def sendall(self, data: bytes) -> None:
        # Not the socket's own: that of TLS gives each piece the whole timeout.
        rest = memoryview(data)
        while rest:
            self._connected.settimeout(self._timing.remaining_s())
            rest = rest[self._connected.send(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedAnswer(self._connected, self._timing))

    def close(self) -> None:
        """Do nothing: who opened the connection closes it."""


class _TimedAnswer(io.RawIOBase):
    """The bytes that arrive, up to the cap."""

    def __init__(self, connected: socket.socket, timing: _Timing) -> None:
        self._connected = connected
        self._timing = timing
        self._left_bytes = ANSWER_MAX_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        room = memoryview(buffer)[: self._left_bytes]
        if not room:
            raise _TooLong
        self._connected.settimeout(self._timing.remaining_s())
        count = self._connected.recv_into(room)
        self._left_bytes -= count
        return count


def _answer(
    to: WebhookUrl, headers: Mapping[str, str], body: bytes, connection: _TimedConnection
) -> tuple[int, str | None]:
    """Send the request, and return status and Retry-After of its answer."""
    conversation = http.client.HTTPConnection(to.host, to.port)
    conversation.sock = cast("socket.socket", connection)
    try:
        conversation.request(
            "POST", to.target, body=body, headers={**headers, "Host": to.authority, "Connection": "close"}
        )
        response = conversation.getresponse()
    except TimeoutError:
        raise
    except OSError as broken:  # also when it was closed without an answer
        reason = "the connection broke off before an answer"
        raise _Failed(reason) from broken
    except http.client.HTTPException as garbled:
        reason = "the answer is not HTTP"
        raise _Failed(reason) from garbled
    with response, contextlib.suppress(OSError, http.client.HTTPException):
        response.read(ANSWER_MAX_BYTES)
    return response.status, response.getheader("Retry-After")
