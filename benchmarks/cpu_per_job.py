"""
Processor time of one job, submission and processing apart: the product, and FastAPI with Celery doing the same.

**The product** is entered by the handlers of ``app.py``. Its AWS calls go over HTTP to a process that answers at once,
so making them is counted and no emulator is. ``process_cpu_ms`` is of one message a batch, with the process that runs
the operations. How it divides is measured: in a second process the clients are replaced by objects that answer at once,
and what is used there is the product without its calls; see `benchmarks.product_process`. Only how much of that is the
product's own code, ``process_ours_cpu_ms``, is told by a profile.

**The peer** is counted by its Python processes: uvicorn, or the API entered as an ASGI application without it, and the
worker with its child. Redis and PostgreSQL are apart, as ``..._servers_cpu_ms``: what they do, AWS does for the
product. API Gateway stands where uvicorn does, so the peer's ``total_cpu_ms`` is without uvicorn, to its advantage.

Neither side encrypts, here; where both do, each call costs both the same. All of them submit ``square_sum`` of three
numbers as one user, whose limit is counted and never reached. The worker stands still while submissions are measured,
so that the two do not take turns on a processor.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection

from benchmarks import processor_time
from benchmarks.line_process import LineProcess, line_process
from benchmarks.measure import Figures, Spread, taking_turns
from benchmarks.peers.celery_stack import CeleryStack, running_celery_stack, submitted
from benchmarks.peers.servers import install
from benchmarks.sink import running_sink
from localstack.run import prepare_process

JOBS = 400
WARM_UP = 2_000
"""Jobs before the first that counts: the peer goes on getting faster for so long."""

BATCH = 5
"""Messages at once: as many as ``app.py`` lets a batch have."""

ROUNDS = 11
BODY = json.dumps({"data": [1, 2, 3], "operation": "square_sum"})
MS = 1000
OURS, PEER = "job-backend", "FastAPI + Celery + Redis + PostgreSQL"


class Untrue(Exception):
    """A contestant did not do what is measured; the message says what it did."""


def measured(*, rounds: int) -> dict[str, dict[str, Spread]]:
    """
    Return each contestant's figures, in milliseconds of processor time a job.

    Raises:
        ServersMissing: Redis or PostgreSQL is missing.
        PeersMissing: What to compare with is not installed.
        Untrue, ProcessEnded: A contestant did not do its work.
    """
    install()
    with warm_product() as product, running_celery_stack() as stack:
        _warm_up(stack)
        ours: list[Figures] = []
        theirs: list[Figures] = []

        def kept(figures: Figures, of: list[Figures]) -> Figures:
            of.append(figures)
            return figures

        contestants = {
            OURS: lambda: kept(product.figures(), ours),
            PEER: lambda: kept(peer_figures(stack), theirs),
        }
        taken = taking_turns("Processor time of a job", contestants, rounds=rounds)
    # Of turns taken side by side, so that a slow minute of the machine is in both.
    for share, total in (("share_of_peer", "total_cpu_ms"), ("share_of_peer_with_server", "total_with_uvicorn_cpu_ms")):
        pairs = zip(ours, theirs, strict=True)
        taken[OURS][share] = Spread.of([one["total_cpu_ms"] / other[total] for one, other in pairs])
    return taken


class Product:
    """The product in two processes: with its calls of AWS, and with what answers in their place."""

    def __init__(self, whole: LineProcess, own: LineProcess) -> None:
        self._whole = whole
        self._own = own

    def figures(self, jobs: int = JOBS) -> Figures:
        """Return those of one round."""
        whole, own = _product_round(self._whole, jobs), _product_round(self._own, jobs)
        self._own.ask(submit=jobs)
        operation = whole["operation"]
        return {
            "submit_cpu_ms": whole["submit"],
            "process_cpu_ms": whole["consume"] + operation,
            "total_cpu_ms": whole["submit"] + whole["consume"] + operation,
            f"process_batch_of_{BATCH}_cpu_ms": whole["consume_batch"],
            "submit_aws_calls_cpu_ms": whole["submit"] - own["submit"],
            "process_aws_calls_cpu_ms": whole["consume"] - own["consume"],
            "process_operation_cpu_ms": operation,
            "process_ours_cpu_ms": own["consume"] * self._own.ask(share_of_ours=jobs)["share"],
        }


@contextmanager
def warm_product() -> Iterator[Product]:
    """Give the product in processes that have served some jobs."""
    program = [sys.executable, "-m", "benchmarks.product_process"]
    with (
        running_sink() as endpoint_url,
        line_process([*program, endpoint_url]) as whole,
        line_process([*program, "-"]) as own,
    ):
        for process in (whole, own):
            _product_round(process, WARM_UP)
        yield Product(whole, own)


def _product_round(process: LineProcess, jobs: int) -> dict[str, float]:
    per_job = MS / jobs
    submit = process.ask(submit=2 * jobs)
    consume = process.ask(consume=jobs, batch=1)
    batch = process.ask(consume=jobs, batch=BATCH)
    return {
        "submit": submit["cpu_s"] * per_job / 2,
        "consume": consume["cpu_s"] * per_job,
        "operation": consume["operation_cpu_s"] * per_job,
        "consume_batch": (batch["cpu_s"] + batch["operation_cpu_s"]) * per_job,
    }


def peer_figures(stack: CeleryStack, jobs: int = JOBS) -> Figures:
    """Return the peer's figures of one round."""
    per_job = MS / jobs
    with stack.without_worker():
        in_process = stack.in_process.ask(submit=jobs, token=stack.token, body=BODY)
        if in_process["accepted"] != jobs:
            raise Untrue(in_process)
    _finish(stack, jobs)
    with stack.without_worker(), closing(HTTPConnection(stack.netloc)) as connection:
        began_s, servers_began_s = processor_time.of_family(stack.api_pid), stack.servers_s()
        for _ in range(jobs):
            submitted(stack, BODY, connection)
        api_s, servers_s = processor_time.of_family(stack.api_pid) - began_s, stack.servers_s() - servers_began_s
        worker_began_s, servers_began_s = processor_time.of_family(stack.worker_pid), stack.servers_s()
    _finish(stack, jobs)
    worker_s = processor_time.of_family(stack.worker_pid) - worker_began_s
    process_servers_s = stack.servers_s() - servers_began_s
    return {
        "submit_cpu_ms": api_s * per_job,
        "submit_in_process_cpu_ms": in_process["cpu_s"] * per_job,
        "process_cpu_ms": worker_s * per_job,
        "total_cpu_ms": (in_process["cpu_s"] + worker_s) * per_job,
        "total_with_uvicorn_cpu_ms": (api_s + worker_s) * per_job,
        "submit_servers_cpu_ms": servers_s * per_job,
        "process_servers_cpu_ms": process_servers_s * per_job,
        "servers_cpu_ms": (servers_s + process_servers_s) * per_job,
    }


def _finish(stack: CeleryStack, jobs: int) -> None:
    """Wait until all jobs are done, look at their results, and empty the table."""
    ended = stack.in_process.ask(finished=jobs)
    if ended != {"jobs": jobs, "right": jobs}:
        raise Untrue(ended)
    stack.in_process.ask(clear=True)


def _warm_up(stack: CeleryStack) -> None:
    peer_figures(stack, WARM_UP)


def show_table(figures: Mapping[str, Mapping[str, Spread]]) -> None:
    """Print each contestant's figures: the median, and the middle half."""
    for name, spreads in figures.items():
        print(f"\n{name}")
        for figure, spread in spreads.items():
            print(f"  {figure:<32} {spread.median:9.3f}   ({spread.low:.3f} to {spread.high:.3f})")


if __name__ == "__main__":
    prepare_process()
    show_table(measured(rounds=ROUNDS))
