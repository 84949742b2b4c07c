"""A webhook's receiver on this machine: notes what it is sent, and answers as it is told to."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Told:
    """One request as it came, ``at_s`` on the monotonic clock."""

    at_s: float
    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> dict[str, Any]:
        """The event, if the reference library takes the signature; else its error."""
        event: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return event


@dataclass(slots=True)
class Receiver:
    """``statuses`` are its next answers, 204 when there are none left; ``told`` is all it was sent, in order."""

    url: str = ""
    statuses: deque[int] = field(default_factory=deque)
    told: list[Told] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _may_answer: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._may_answer.set()

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> int:
        with self._lock:
            status = self.statuses.popleft() if self.statuses else 204
            self.told.append(Told(time.monotonic(), path, headers, body, status))
        self._may_answer.wait()
        return status

    @contextmanager
    def silent(self) -> Iterator[None]:
        """It notes what it is sent, and answers when the block has ended."""
        self._may_answer.clear()
        try:
            yield
        finally:
            self._may_answer.set()

    def taken(self) -> list[Told]:
        """What it answered with a 2xx."""
        return [each for each in self.told if 200 <= each.status < 300]

    def wait_for(self, is_there: Callable[[list[Told]], bool], *, patience_s: float = 60) -> list[Told]:
        """All it was told, once ``is_there`` says so."""
        deadline = time.monotonic() + patience_s
        while not is_there(self.told):
            assert time.monotonic() < deadline, [(each.path, each.status) for each in self.told]
            time.sleep(0.05)
        return list(self.told)


@contextmanager
def listening(port: int = 0) -> Iterator[Receiver]:
    """A receiver on a free port, or on one that it had before."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receiver.answer(self.path, headers, body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
