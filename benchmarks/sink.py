"""
A process that answers the product's AWS calls at once, over HTTP on 127.0.0.1.

What a job costs the product's processor can so be measured with its calls and without an emulator, whose own work
is a hundred times as much. A process of its own, so that its work is not counted with the product's. The headers are
those that DynamoDB and SQS send, the checksum of the body among them, which clients check.
"""

import asyncio
import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from benchmarks.aws_answers import JSON, Answers

HOST = "127.0.0.1"
CONTROL = "Sink."
"""What the targets of the benchmark's own calls begin with, which are none of AWS: see `ask`."""

END_OF_HEAD = b"\r\n\r\n"


class _Connection(asyncio.Protocol):
    """One connection that is kept; requests come one after the other on it."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a TCP server
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._received += data
        while (end := self._received.find(END_OF_HEAD)) >= 0:
            lines = self._received[:end].decode("latin-1").split("\r\n")[1:]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            whole = end + len(END_OF_HEAD) + int(headers.get("content-length", "0"))
            if len(self._received) < whole:
                return
            asked = json.loads(self._received[end + len(END_OF_HEAD) : whole] or b"{}")
            del self._received[:whole]
            self._transport.write(_response(self._answered(headers["x-amz-target"], asked), headers["content-type"]))

    def _answered(self, target: str, asked: JSON) -> JSON:
        if not target.startswith(CONTROL):
            return self._answers.answer(target.rpartition(".")[2], asked)
        return self._answers.told(**asked)


def _response(answer: JSON, content_type: str) -> bytes:
    body = json.dumps(answer, separators=(",", ":")).encode()
    head = (
        "HTTP/1.1 200 OK\r\nServer: Server\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: keep-alive\r\n"
        "x-amzn-RequestId: 4VKS1R0PHM5PJQ2J6O3B8Q2M4BVV4KQNSO5AEMVJF66Q9ASUAAJG\r\n"
        f"x-amz-crc32: {zlib.crc32(body)}\r\n\r\n"
    )
    return head.encode() + body


def ask(endpoint_url: str, **told: Any) -> Any:  # noqa: ANN401 - any JSON
    """
    Tell the sink a ``parameter`` or ``rows``, pairs of table and row; return its report and have it count anew.

    See `benchmarks.aws_answers.Answers.report`.
    """
    connection = HTTPConnection(urlsplit(endpoint_url).netloc, timeout=10)
    try:
        headers = {"X-Amz-Target": f"{CONTROL}Report", "Content-Type": "application/json"}
        connection.request("POST", "/", json.dumps(told), headers)
        return json.load(connection.getresponse())
    finally:
        connection.close()


@contextmanager
def running_sink() -> Iterator[str]:
    """Run a sink for the length of the block; give its URL."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this very interpreter
        assert process.stdout is not None  # noqa: S101 - as it was asked for
        try:
            yield f"http://{HOST}:{int(process.stdout.readline())}"
        finally:
            process.kill()


async def _serve() -> None:
    answers = Answers()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answers), HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Nobody writes to it: it is readable once its other end closes, which it does even when the parent is killed.
    gone = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), gone.set)
    await gone.wait()


if __name__ == "__main__":
    asyncio.run(_serve())
