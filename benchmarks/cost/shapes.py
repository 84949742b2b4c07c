"""The ways in which callers use the product, each with what it uses of AWS."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from benchmarks.cost.meter import Counts
from benchmarks.cost.stand import Stand

JOBS = 20
"""Of each shape that takes jobs one by one: enough for what is paid once for several, such as permits to read."""

BATCH = 100
MESSAGES = 5
"""Of one delivery when many wait, as ``app.py`` has it."""

JOB = {"data": [1, 2, 3], "operation": "square_sum"}
RESULT = 14
POLLS = 3
SWEEPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A way of use: ``run`` takes ``jobs`` jobs from submission to result."""

    name: str
    what: str
    jobs: int
    run: Callable[[Stand, float], None]


def polling(stand: Stand, _waited_ms: float) -> None:
    """Ask for the status once a second, then for the result."""
    for _ in range(JOBS):
        job_id = stand.request("POST", "/jobs", 202, JOB)["job_id"]
        stand.relay()
        for poll in range(1, POLLS + 1):
            stand.clock.advance(seconds=1)
            if poll == POLLS:
                stand.consume(1)
                stand.relay()
            stand.request("GET", "/jobs/{job_id}/status", 200, job_id=job_id)
        _expect(stand.request("GET", "/jobs/{job_id}/result", 200, job_id=job_id)["result"])


def waiting(stand: Stand, waited_ms: float) -> None:
    """Wait for the result in the request that submits."""
    _wait(stand, waited_ms, lambda _: {})


def once(stand: Stand, waited_ms: float) -> None:
    """Wait as in `waiting`, with an idempotency key."""
    _wait(stand, waited_ms, lambda number: {"Idempotency-Key": f"order-{number:08}"})


def batch(stand: Stand, _waited_ms: float) -> None:
    """Submit a hundred at once, and read their results from one page of the list."""
    accepted = stand.request("POST", "/jobs/batch", 202, {"jobs": [JOB] * BATCH})["jobs"]
    stand.relay()
    for _ in range(BATCH // MESSAGES):
        stand.consume(MESSAGES)
        stand.relay()
    stand.clock.advance(seconds=60)
    listed = stand.request("GET", "/jobs", 200, query=f"limit={BATCH}")["jobs"]
    for job_id, job in zip(sorted(each["job_id"] for each in accepted), listed[::-1], strict=True):
        if job["job_id"] != job_id:
            message = "the page has other jobs than the batch"
            raise ValueError(message)
        _expect(job["result"])


SHAPES = (
    Shape(
        name="Polling",
        what=f"`POST /jobs`, `GET …/status` {POLLS} times, a second apart, `GET …/result`",
        jobs=JOBS,
        run=polling,
    ),
    Shape(
        name="Waiting", what="`POST /jobs` with `Prefer: wait=20`, whose answer has the result", jobs=JOBS, run=waiting
    ),
    Shape(name="Waiting, once", what="the same with an `Idempotency-Key`", jobs=JOBS, run=once),
    Shape(
        name="Batch",
        what=f"`POST /jobs/batch` with {BATCH} jobs, and their results by `GET /jobs?limit={BATCH}`",
        jobs=BATCH,
        run=batch,
    ),
)


def counted(stand: Stand, waited_ms: float, shapes: Iterable[Shape] = SHAPES) -> Mapping[str, Counts]:
    """Return what each shape uses, for all its jobs; the user is signed in and each container warm before."""
    stand.sign_in()
    counts: dict[str, Counts] = {}
    for shape in shapes:
        # Past the window of the limit, so that no shape is refused for what the one before took.
        stand.clock.advance(minutes=2)
        stand.request("GET", "/jobs", 200, query="limit=1")
        before = stand.stored_bytes()
        stand.meter.taken()
        shape.run(stand, waited_ms)
        counts[shape.name] = stand.meter.taken()
        counts[shape.name].stored_bytes = stand.stored_bytes() - before
    return counts


def counted_sweeps(stand: Stand) -> Counts:
    """Return what `SWEEPS` sweeps use that find nothing to do."""
    stand.sweep()
    stand.meter.taken()
    for _ in range(SWEEPS):
        stand.clock.advance(minutes=1)
        stand.sweep()
    return stand.meter.taken()


def _wait(stand: Stand, waited_ms: float, headers: Callable[[int], dict[str, str]]) -> None:
    for number in range(JOBS):
        stand.clock.advance(seconds=1)
        begun = len(stand.pause.slept)

        def consumed_in_time(_: int, begun: int = begun) -> None:
            passed_ms = 1000 * sum(slept.total_seconds() for slept in stand.pause.slept[begun:])
            if passed_ms >= waited_ms:
                stand.pause.meanwhile = lambda _: None
                stand.relay()
                stand.consume(1)
                stand.relay()

        stand.pause.meanwhile = consumed_in_time
        given = {"Prefer": "wait=20", **headers(number)}
        _expect(stand.request("POST", "/jobs", 200, JOB, headers=given)["result"])


def _expect(result: object) -> None:
    if result != RESULT:
        message = f"the result is {result}, not {RESULT}"
        raise ValueError(message)
