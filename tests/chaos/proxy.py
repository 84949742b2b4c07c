"""
The way from every process to the emulator: loses requests and answers, and sees what was applied.

A lost answer is the hard case: the write has happened, the connection closes, and the caller cannot know. What the
emulator answered is told to the witness before the answer may be lost.
"""

import http.client
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from deployment.emulated import HOST
from tests.chaos.steps import step_of
from tests.chaos.witness import Witness

UPSTREAM_TIMEOUT_S = 10
CERTAIN_REQUEST = 25
"""This request is lost for certain, if requests are lost at all."""

CERTAIN_ENDS = 5
"""Of so many applied writes of a final state the first one's answer is lost for certain, if answers are lost at all."""

HOP_HEADERS = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})


class Proxy(ThreadingHTTPServer):
    """
    Forwards to the emulator at `connect`'s URL; loses each request, and each answer, with a chance of its own.

    Some it loses for certain, so that a short run has its lost ones too; a chance of 0 is for these as well.
    ``lost`` counts neither of what a `cut` takes.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, witness: Witness, seed: int, *, lost_requests: float, lost_answers: float) -> None:
        super().__init__((HOST, 0), _Exchange)
        self.witness = witness
        self.lost = {"requests": 0, "answers": 0}
        self._chances = {"requests": lost_requests, "answers": lost_answers}
        self._random = random.Random(seed)
        self._upstream: tuple[str, int] | None = None
        self._under_way = 0
        self._requests = 0
        self._ends = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.server_address[1]}"

    def connect(self, url: str) -> None:
        """Forward to the emulator at ``url`` from now on."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        with self._lock:
            self._upstream = (parts.hostname, parts.port)

    def cut(self) -> None:
        """Forward nothing more, lose the answers of what is under way, and wait until none is."""
        with self._lock:
            self._upstream = None
        deadline = time.monotonic() + UPSTREAM_TIMEOUT_S
        while self._under_way and time.monotonic() < deadline:
            time.sleep(0.01)

    def calm(self) -> None:
        """Lose nothing by chance from now on."""
        with self._lock:
            self._chances = {"requests": 0, "answers": 0}

    def loses_request(self) -> bool:
        """Decide on one request."""
        with self._lock:
            self._requests += 1
            return self._loses("requests", is_certain=self._requests == CERTAIN_REQUEST)

    def loses_answer(self, *, is_end: bool) -> bool:
        """Decide on one answer; ``is_end`` is that to an applied write of a final state."""
        with self._lock:
            self._ends += is_end
            return self._loses("answers", is_certain=is_end and self._ends % CERTAIN_ENDS == 1)

    def _loses(self, what: str, *, is_certain: bool) -> bool:
        if self._upstream is None:
            return True
        chance = self._chances[what]
        is_lost = chance > 0 and (is_certain or self._random.random() < chance)
        self.lost[what] += is_lost
        return is_lost

    @contextmanager
    def exchange(self) -> Iterator[tuple[str, int] | None]:
        """Count an exchange as under way; give the emulator's address, ``None`` while it is cut off."""
        with self._lock:
            upstream = self._upstream
            self._under_way += 1
        try:
            yield upstream
        finally:
            with self._lock:
                self._under_way -= 1

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that is killed breaks its connection."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Proxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.exchange() as upstream:
            answer = None if upstream is None or self.server.loses_request() else self._forwarded(upstream, body)
        if answer is None or self.server.loses_answer(is_end=answer[2]):
            self.close_connection = True
            return
        response, content, _ = answer
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in HOP_HEADERS:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _forwarded(self, upstream: tuple[str, int], body: bytes) -> tuple[http.client.HTTPResponse, bytes, bool] | None:
        """Return the answer, its content, and whether it is that to an applied write of a final state."""
        connection = http.client.HTTPConnection(*upstream, timeout=UPSTREAM_TIMEOUT_S)
        try:
            connection.putrequest("POST", self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "connection":
                    connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        request = json.loads(body) if body else {}
        is_applied = response.status == http.HTTPStatus.OK
        self.server.witness.see(
            worker=_worker_of(self.headers.get("User-Agent", "")),
            operation=operation,
            request=request,
            is_applied=is_applied,
        )
        return response, content, is_applied and step_of(operation, request) == "finish"

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def _worker_of(user_agent: str) -> str:
    """Return the name that a worker sends as its application's, as AWS's SDKs do too."""
    return next((part[4:] for part in user_agent.split() if part.startswith("app/")), "")


@contextmanager
def running(proxy: Proxy) -> Iterator[Proxy]:
    """Serve for the length of the block."""
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
