"""
What a laptop sees, end to end: the product as ``make run`` has it, and the peer, over HTTP.

The product runs on MiniStack, an emulator in Python: each call of AWS costs it more than the product's own work, and
each function is a process that it talks to. So this shows what one waits for on a laptop, and nothing of AWS. The peer
runs on what it runs on everywhere.

Both have the limit on submissions raised by their setting, as one user makes them all; each is counted as always.
``end_to_end_..._ms`` is one job from its submission until its result is known: the product is asked to answer with the
result (``Prefer: wait``), the peer is asked for it every 5 ms. ``jobs_per_s`` counts from the first submission of many
by a few clients until the last of the jobs is done.
"""

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from statistics import quantiles
from typing import Any, Protocol
from urllib.parse import urlsplit

from benchmarks.cpu_per_job import BODY, OURS, PEER, show_table
from benchmarks.measure import Figures, Spread, taking_turns
from benchmarks.peers.celery_stack import CeleryStack, running_celery_stack
from benchmarks.peers.servers import install
from localstack.run import prepare_process
from tests.e2e.conftest import logged_in, running

ONE_BY_ONE = 100
JOBS = 300
END_TO_END = 20
CLIENTS = 4
PAGE = 100
ROUNDS = 3
WARM_UP = 20
POLL_S = 0.005
LOOK_EVERY_S = 0.2
"""Between looks at all jobs, which are to disturb the work as little as possible."""

PATIENCE_S = 120
MS = 1000
LIMITS = dict.fromkeys(("SUBMITS_PER_MINUTE", "READS_PER_MINUTE"), "1000000")


class NotDone(Exception):
    """A job was refused, or did not end in time or as it should; the message has the answer."""


class Stack(Protocol):
    """A contestant while it runs."""

    @property
    def netloc(self) -> str:
        """Where its API is."""
        ...

    def headers(self) -> dict[str, str]:
        """Return those of a request of the user."""
        ...

    def once(self, connection: HTTPConnection) -> None:
        """Submit one job and come to know its result."""
        ...

    def await_all(self, jobs: int) -> None:
        """Wait until the latest so many jobs, which are all there are, have the right result; then forget them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductStack:
    """The product as ``make run`` starts it."""

    netloc: str
    token: str

    def headers(self) -> dict[str, str]:
        """Return those of a request of the user."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}

    def once(self, connection: HTTPConnection) -> None:
        """Submit one job, and have the answer wait for its result."""
        status, answer = asked(connection, "POST", "/jobs", {**self.headers(), "Prefer": "wait=20"}, BODY)
        if (status, answer.get("result")) != (200, 14):
            raise NotDone(answer)

    def await_all(self, jobs: int) -> None:
        """Look at the list, page by page, until none of the latest is open."""
        with closing(HTTPConnection(self.netloc)) as connection:
            deadline = time.monotonic() + PATIENCE_S
            done = 0
            while done < jobs:
                if time.monotonic() > deadline:
                    message = f"{done} of {jobs} jobs are done"
                    raise NotDone(message)
                time.sleep(LOOK_EVERY_S)
                done = self._done(connection, jobs)

    def _done(self, connection: HTTPConnection, jobs: int) -> int:
        """Return how many of the latest jobs are done, or fewer if any of a page is open: then the others can wait."""
        done, cursor = 0, ""
        while done < jobs:
            status, page = asked(connection, "GET", f"/jobs?limit={PAGE}{cursor}", self.headers())
            if status != 200:  # noqa: PLR2004 - OK
                raise NotDone(page)
            latest = page["jobs"][: jobs - done]
            done += sum(job["status"] == "SUCCESS" for job in latest)
            if any(job["status"] != "SUCCESS" for job in latest) or not page.get("next_cursor"):
                break
            cursor = f"&cursor={page['next_cursor']}"
        return done


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStack:
    """The peer."""

    netloc: str
    stack: CeleryStack

    def headers(self) -> dict[str, str]:
        """Return those of a request of the user."""
        return self.stack.headers()

    def once(self, connection: HTTPConnection) -> None:
        """Submit one job, and ask for its result until it is there."""
        _, accepted = asked(connection, "POST", "/jobs", self.headers(), BODY)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            _, answer = asked(connection, "GET", f"/jobs/{accepted['job_id']}", self.headers())
            if answer == {"status": "SUCCESS", "result": 14}:
                return
            if time.monotonic() > deadline:
                raise NotDone(answer)
            time.sleep(POLL_S)

    def await_all(self, jobs: int) -> None:
        """Ask the table, past the API."""
        ended = self.stack.in_process.ask(finished=jobs)
        if ended["right"] != jobs:
            raise NotDone(ended)
        self.stack.in_process.ask(clear=True)


def measured(*, rounds: int) -> dict[str, dict[str, Spread]]:
    """
    Return each contestant's figures: milliseconds, and jobs a second.

    Raises:
        ServersMissing: Redis or PostgreSQL is missing.
        PeersMissing: What to compare with is not installed.
        NotDone: A contestant did not do its work.
    """
    install()
    with running(**LIMITS) as runner, running_celery_stack() as stack:
        product = ProductStack(netloc=urlsplit(runner.api).netloc, token=logged_in(runner.api, "benchmark"))
        peer = PeerStack(netloc=stack.netloc, stack=stack)
        stacks: tuple[Stack, ...] = (product, peer)
        for each in stacks:
            figures_of(each, few=WARM_UP, many=WARM_UP, end_to_end=1)
        contestants: Mapping[str, Callable[[], Figures]] = {
            OURS: lambda: figures_of(product),
            PEER: lambda: figures_of(peer),
        }
        return taking_turns("On this machine, end to end", contestants, rounds=rounds)


def figures_of(stack: Stack, *, few: int = ONE_BY_ONE, many: int = JOBS, end_to_end: int = END_TO_END) -> Figures:
    """Return a contestant's figures of one round."""
    alone_ms = _submissions_ms(stack, few, clients=1)
    stack.await_all(few)
    began = time.monotonic()
    together_ms = _submissions_ms(stack, many, clients=CLIENTS)
    stack.await_all(many)
    seconds = time.monotonic() - began
    with closing(HTTPConnection(stack.netloc)) as connection:
        whole_ms = [_ms(lambda: stack.once(connection)) for _ in range(end_to_end)]
    stack.await_all(end_to_end)
    return {
        "submit_p50_ms": _percentile(alone_ms, 50),
        "submit_p99_ms": _percentile(alone_ms, 99),
        f"submit_{CLIENTS}_clients_p50_ms": _percentile(together_ms, 50),
        f"submit_{CLIENTS}_clients_p99_ms": _percentile(together_ms, 99),
        "jobs_per_s": many / seconds,
        "end_to_end_p50_ms": _percentile(whole_ms, 50),
        "end_to_end_p99_ms": _percentile(whole_ms, 99),
    }


def asked(
    connection: HTTPConnection, method: str, path: str, headers: Mapping[str, str], body: str | None = None
) -> tuple[int, Any]:
    """Make one request; return the status, and the answer's JSON."""
    connection.request(method, path, body, dict(headers))
    response = connection.getresponse()
    return response.status, json.load(response)


def _submissions_ms(stack: Stack, jobs: int, *, clients: int) -> list[float]:
    """Submit so many jobs, shared among some clients of one connection each; return what each took."""

    def client(number: int) -> list[float]:
        with closing(HTTPConnection(stack.netloc)) as connection:
            return [_ms(lambda: _submit(stack, connection)) for _ in range(number, jobs, clients)]

    with ThreadPoolExecutor(clients) as pool:
        return [each for of_client in pool.map(client, range(clients)) for each in of_client]


def _submit(stack: Stack, connection: HTTPConnection) -> None:
    status, answer = asked(connection, "POST", "/jobs", stack.headers(), BODY)
    if status != 202:  # noqa: PLR2004 - Accepted
        raise NotDone(answer)


def _ms(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * MS


def _percentile(samples: list[float], percent: int) -> float:
    return quantiles(samples, n=100, method="inclusive")[percent - 1] if len(samples) > 1 else samples[0]


if __name__ == "__main__":
    prepare_process()
    show_table(measured(rounds=ROUNDS))
