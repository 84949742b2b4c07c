"""
``python -m benchmarks.peers.celery_peer.in_process``: the API entered as an ASGI application, without a server.

API Gateway stands in for the HTTP server where the product runs, so this is what the product's submission is compared
with. It does what each line of standard input says and answers with a line, as `benchmarks.product_process` does; it
also makes the table and looks at the results, which are not counted.
"""

import asyncio
import json
import sys
import time
from collections.abc import MutableMapping
from typing import Any

import uvloop
from sqlalchemy import Engine, create_engine, func, select

from benchmarks.peers.celery_peer.api import app
from benchmarks.peers.celery_peer.settings import DATABASE_URL
from benchmarks.peers.celery_peer.tables import jobs, metadata

LOOK_EVERY_S = 0.05
PATIENCE_S = 120


async def submitted(number: int, token: str, body: str) -> dict[str, Any]:
    """Submit so many jobs, one after the other; return the seconds of processor time and the answers' statuses."""
    sent = body.encode()
    headers = [
        (b"host", b"127.0.0.1"),
        (b"authorization", f"Bearer {token}".encode()),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(sent)).encode()),
    ]
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": sent, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    began = time.process_time()
    for _ in range(number):
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/jobs",
            "raw_path": b"/jobs",
            "root_path": "",
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 40000),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
        await app(scope, receive, send)
    return {"cpu_s": time.process_time() - began, "accepted": statuses.count(202)}


def finished(engine: Engine, number: int) -> dict[str, int]:
    """Wait until no job of the table is open; return how many there are, and how many have the right result."""
    deadline = time.monotonic() + PATIENCE_S
    with engine.connect() as connection:
        while connection.execute(select(func.count()).where(jobs.c.status == "SUCCESS")).scalar_one() < number:
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_EVERY_S)
        rows = connection.execute(select(jobs.c.status, jobs.c.result)).all()
    return {"jobs": len(rows), "right": sum(row == ("SUCCESS", 14) for row in map(tuple, rows))}


async def main() -> None:
    """Do as told until standard input ends."""
    engine = create_engine(DATABASE_URL, isolation_level="AUTOCOMMIT")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        answer: dict[str, Any] = {}
        match json.loads(line):
            case {"set_up": _}:
                metadata.create_all(engine)
            case {"clear": _}:
                with engine.connect() as connection:
                    connection.execute(jobs.delete())
            case {"submit": number, "token": token, "body": body}:
                answer = await submitted(number, token, body)
            case {"finished": number}:
                answer = finished(engine, number)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
