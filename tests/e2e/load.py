"""A bounded load on a stage's API: jobs under idempotency keys, and looks at them, until it is told to end."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

CALLERS = 3
PAUSE_S = 0.2
"""Of a caller between two jobs, each of which is two requests: together some 20 requests a second."""

JOBS_MAX = 300
"""Of one caller, should nobody end the load."""

TRIES_MAX = 5
PATIENCE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one request came to: its status, and when it began and ended, by the monotonic clock."""

    status: int
    began_at_s: float
    ended_at_s: float

    def overlaps(self, began_at_s: float, ended_at_s: float) -> bool:
        """Tell whether the request was under way at some time between."""
        return self.began_at_s <= ended_at_s and began_at_s <= self.ended_at_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """
    What callers have met so far.

    ``answers`` are all, ``ids`` has the job of each idempotency key, and ``data`` what each job was given.
    """

    api: str
    token: str
    answers: list[Answer] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    data: dict[str, int] = field(default_factory=dict)
    ending: threading.Event = field(default_factory=threading.Event)
    accepted: threading.Condition = field(default_factory=threading.Condition)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Make one request and note it; return its status and its answer. Header names are written with ``_``."""
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.api + path, method=method, data=sent)
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        began_at_s = time.monotonic()
        status, answer = _answered(request)
        self.answers.append(Answer(status=status, began_at_s=began_at_s, ended_at_s=time.monotonic()))
        return status, answer

    def submit(self, operation: str, data: int, *, key: str) -> str:
        """Submit a job, again under its key where the service failed; return its id."""
        for _ in range(TRIES_MAX):
            status, answer = self.call("POST", "/jobs", {"operation": operation, "data": data}, Idempotency_Key=key)
            if status == 202:
                job_id = str(answer["job_id"])
                with self.accepted:
                    self.ids[key], self.data[job_id] = job_id, data
                    self.accepted.notify_all()
                return job_id
            assert status >= 500, (status, answer)
        message = f"the service failed {TRIES_MAX} times in a row"
        raise AssertionError(message)

    def wait_for_more(self, jobs: int) -> None:
        """Wait until that many more jobs are accepted."""
        with self.accepted:
            wanted = len(self.ids) + jobs
            assert self.accepted.wait_for(lambda: len(self.ids) >= wanted, timeout=PATIENCE_S), "the load has stopped"

    def keep_calling(self, caller: int, operation: str) -> None:
        """Submit one job after the other, and look at each."""
        for number in range(JOBS_MAX):
            if self.ending.wait(PAUSE_S):
                return
            job_id = self.submit(operation, number, key=f'"{caller}-{number}"')
            status, answer = self.call("GET", f"/jobs/{job_id}")
            assert status == 200 or status >= 500, (status, answer)


@contextmanager
def running_load(api: str, token: str, operation: str) -> Iterator[Load]:
    """Load for the length of the block, which fails with a caller that met what it must not meet."""
    load = Load(api=api, token=token)
    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(load.keep_calling, caller, operation) for caller in range(CALLERS)]
        try:
            yield load
        finally:
            load.ending.set()
        for each in callers:
            each.result(timeout=PATIENCE_S)


def _answered(request: urllib.request.Request) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode(errors="replace")
