"""
A stand-in for AWS that answers at once, in a process of its own: what an answer costs is not the contestants'.

It knows nothing of DynamoDB, SQS or Systems Manager but the answers that it is given. It ends when its parent closes
its standard input, which happens even when the parent is killed.
"""

import hashlib
import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from benchmarks import PROJECT

KEPT = 1000
"""Calls that are remembered until somebody asks for them."""

Call = tuple[str, dict[str, Any]]
"""The operation and its parameters: ``("PutItem", {"TableName": …})``."""


class StandIn:
    """The stand-in as its parent sees it; ``endpoint_url`` is what clients are given."""

    def __init__(self, port: int) -> None:
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self._port = port

    def taken(self) -> list[Call]:
        """Return the calls that were answered, at most the last `KEPT`; remembering them begins anew."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("GET", "/")
            calls: list[list[Any]] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return [(operation, parameters) for operation, parameters in calls]


@contextmanager
def answering(answers: Mapping[str, object]) -> Iterator[StandIn]:
    """
    Run the stand-in for the length of the block.

    Args:
        answers: By operation, or by operation and table where both are given: ``{"PutItem": {}, "GetItem users": …}``.
            An operation that is not there is answered with an error of 400. `SendMessage` is given the digest that SQS
            would send of the message.
    """
    process = subprocess.Popen(  # noqa: S603 - this very interpreter, and no shell
        [sys.executable, "-m", __name__], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101
        print(json.dumps(answers), file=process.stdin, flush=True)
        yield StandIn(int(process.stdout.readline()))


class _Server(ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.answers = answers
        self.calls: deque[Call] = deque(maxlen=KEPT)

    def answer(self, target: str, body: bytes) -> tuple[int, object]:
        """Return status and content for a call, or for the question what was called when there is no target."""
        if not target:
            calls = list(self.calls)
            self.calls.clear()
            return 200, calls
        operation, parameters = target.rpartition(".")[2], json.loads(body)
        self.calls.append((operation, parameters))
        answer = self.answers.get(f"{operation} {parameters.get('TableName')}", self.answers.get(operation))
        if answer is None:
            return 400, {"__type": "ValidationException", "message": f"nobody said what to answer to {operation}"}
        if operation == "SendMessage":
            digest = hashlib.md5(parameters["MessageBody"].encode(), usedforsecurity=False).hexdigest()
            answer = {**answer, "MD5OfMessageBody": digest}
        return 200, answer


class _Connection(StreamRequestHandler):
    """As many requests as the client sends over one connection."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        assert isinstance(self.server, _Server)  # noqa: S101 - for the type checker
        while self.rfile.readline().strip():
            headers = {}
            while line := self.rfile.readline().strip():
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            body = self.rfile.read(int(headers.get("content-length", "0")))
            status, content = self.server.answer(headers.get("x-amz-target", ""), body)
            answer = json.dumps(content).encode()
            head = f"HTTP/1.1 {status} -\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(answer)}"
            self.wfile.write(head.encode() + b"\r\n\r\n" + answer)


def _serve() -> None:
    with _Server(json.loads(sys.stdin.readline())) as server:
        print(server.server_address[1], flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()  # ends with the parent
        server.shutdown()


if __name__ == "__main__":
    _serve()
