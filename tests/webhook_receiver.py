"""Real receivers of webhooks on this machine: scripted down to the byte, over plain TCP or TLS."""

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib.adapters.system import SystemClock

PATIENCE_S = 10
"""After which a receiver gives a caller up, so that no test hangs."""

PACE_S = 0.01
"""Between the bytes of one that drips."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes
    server_name: str | None


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The connection of one caller, as a script sees it."""

    connected: socket.socket
    is_over: threading.Event
    server_name: str | None
    received: list[Received] = field(default_factory=list)

    def take(self) -> Received:
        """Read one request to its end."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._more()
        head, _, body = head.partition(b"\r\n\r\n")
        line, *fields = head.decode("ascii").split("\r\n")
        headers = dict(line.split(": ", 1) for line in fields)
        while len(body) < int(headers.get("Content-Length", 0)):
            body += self._more()
        self.received.append(Received(line=line, headers=headers, body=body, server_name=self.server_name))
        return self.received[-1]

    def _more(self) -> bytes:
        piece = self.connected.recv(65536)
        if not piece:
            raise ConnectionResetError
        return piece

    def drip(self, data: bytes) -> None:
        """Send a byte at a time, until there are no more, the caller is gone, or the test over."""
        for place in range(len(data)):
            if self.is_over.wait(PACE_S):
                return
            self.connected.sendall(data[place : place + 1])

    def wait(self) -> None:
        """Do nothing until the test is over."""
        self.is_over.wait(PATIENCE_S)

    def wait_for_end(self) -> None:
        """Read until the caller has closed the connection."""
        while self.connected.recv(65536):
            pass


Script = Callable[[Caller], None]


def answering(*answers: bytes) -> Script:
    """Take a request and answer it; the next connection gets the next answer, and the last one for ever."""
    left = list(answers)

    def script(caller: Caller) -> None:
        caller.take()
        caller.connected.sendall(left.pop(0) if len(left) > 1 else left[0])

    return script


class Receiver:
    """
    A server on a free port of this machine that gives each connection to a script, one after the other.

    ``connections`` counts those that were accepted.
    """

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._server_name: str | None = None
        self._is_over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.05)
        self._thread = threading.Thread(target=self._serve)
        self.port = int(self._listening.getsockname()[1])
        self.received: list[Received] = []
        self.connections = 0
        if tls is not None:
            tls.sni_callback = self._note_server_name

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}/hook"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._listening.close()

    def _note_server_name(self, _: object, name: str | None, __: object) -> None:
        self._server_name = name

    def _serve(self) -> None:
        while not self._is_over.is_set():
            with contextlib.suppress(TimeoutError):
                connected, _ = self._listening.accept()
                self.connections += 1
                with contextlib.suppress(OSError), contextlib.closing(connected):
                    connected.settimeout(PATIENCE_S)
                    self._talk(connected)

    def _talk(self, connected: socket.socket) -> None:
        self._server_name = None
        if self._tls is not None:
            connected = self._tls.wrap_socket(connected, server_side=True)
        with contextlib.closing(connected):
            self._script(
                Caller(
                    connected=connected,
                    is_over=self._is_over,
                    server_name=self._server_name,
                    received=self.received,
                )
            )


@contextmanager
def nobody() -> Iterator[int]:
    """A port that refuses connections, and that nobody else gets meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


@contextmanager
def deaf() -> Iterator[int]:
    """A port where connections are neither accepted nor refused: its backlog is full."""
    with socket.socket() as listening, contextlib.ExitStack() as stack:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = int(listening.getsockname()[1])
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


class Authority:
    """A certificate authority of the tests' own."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        self._certificate = (
            self._builder(self._key.public_key(), self._name)
            .add_extension(constraints, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def trusting(self) -> ssl.SSLContext:
        """What `ssl.create_default_context` makes where this is the only authority."""
        pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def serving(self, folder: Path, *names: str, is_expired: bool = False) -> ssl.SSLContext:
        """What a server needs to be known by these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a receiver")])
        certificate = (
            self._builder(key.public_key(), subject, is_expired=is_expired)
            .add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        path = folder / "receiver.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _builder(
        self, key: ec.EllipticCurvePublicKey, subject: x509.Name, *, is_expired: bool = False
    ) -> x509.CertificateBuilder:
        now = SystemClock().now()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now - timedelta(days=1) if is_expired else now + timedelta(days=1))
        )


def general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@cache
def authority() -> Authority:
    """The one that the tests trust."""
    return Authority()
