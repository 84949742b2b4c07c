"""What one seed does: the deployment, the calls people make, and the faults that may strike."""

from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.faults import AT_CALLS, OF_BACKEND, OF_OPERATIONS, Fault

if TYPE_CHECKING:
    from tests.simulation.event_plan import Firing, Telling
    from tests.simulation.pause_plan import PlannedPause

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

PAUSE_MAX_MS = 10 * MINUTE
"""The longest pause: several leases, and longer than the queue's visibility timeout."""

SKEW_MAX_MS = 30 * SECOND
"""How far an actor's clock may be off, either way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """
    What of the deployment and of the faults takes part, to show a mistake that another layer would hide.

    ``faults`` are the only kinds that may strike, and ``calls`` the only calls at which one does; ``None`` for all. No
    fault strikes a send when ``sends_arrive``. Without ``sweep`` no job is delayed for longer than a message can be.
    With ``one_by_one`` no message shares its function's time with others. In ``prompt_ms`` at most a job goes on;
    ``None`` where the faults may keep it longer.

    Of the seeds, the ``told_part`` has jobs that are told of, the ``scheduled_part`` schedules, and the ``paused_part``
    an operator who pauses and resumes.
    """

    sweep: bool = True
    sends_arrive: bool = False
    faults: frozenset[Fault] | None = None
    calls: frozenset[str] | None = None
    one_by_one: bool = False
    prompt_ms: int | None = None
    told_part: float = 0.045
    paused_part: float = 0.05
    scheduled_part: float = 0.035

    def may_strike(self, call: str) -> bool:
        """Tell whether a fault may strike a call of this name."""
        if call == "send" and self.sends_arrive:
            return False
        return self.calls is None or call in self.calls


FULL = Configuration()
"""All of it: what the product must stand."""

NO_SWEEP = Configuration(
    sweep=False,
    told_part=0,
    scheduled_part=0,
    paused_part=0,
    sends_arrive=True,
    faults=frozenset({Fault.THROTTLED, Fault.STORE_AWAY, Fault.LATE, Fault.SHORT_TIME, *OF_OPERATIONS}),
)
"""
The queue alone brings every job to its end, under those faults that lose no message.

It shows what the sweep would make good: a message that is let go too soon.
"""

PROMPT = Configuration(
    faults=frozenset({Fault.CRASH_BEFORE, Fault.CRASH_AFTER, *OF_OPERATIONS}),
    calls=frozenset({"add", "run", "finish", "retry", "retry_by_hand"}),
    one_by_one=True,
    prompt_ms=6 * MINUTE,
    told_part=0,
    scheduled_part=0,
    paused_part=0,
)
"""
A crash takes the first message of a job that waits, or an attempt, and nothing else goes wrong.

A job must then go on within six minutes of its time, or of the end of a lost attempt's lease: the sweep's first look
comes after a minute, the next one after as long again, a run of it a minute later, and takes 45 s at most; then the
message takes 28 s.
"""

PAUSED = Configuration(paused_part=1)
"""In every schedule something is paused and resumed."""

OUTSIDE = Configuration(told_part=1, scheduled_part=0.3)
"""Every job is told of. Such a schedule has as many steps as eight of the others."""

DELAY_MAX_S = 900
"""The longest delay of a message on SQS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """
    One job to submit.

    Jobs of the same ``batch``, which is the place of the first of them, are submitted in one request, so they share
    all that follows but ``number`` and ``delay_s``. With ``again_ms``, which may be empty, the request has an
    idempotency key: whoever gets no answer sends it again, and so it is besides, so long after it was first sent.
    """

    at_ms: int
    batch: int
    owner: int
    shard: int
    number: int
    delay_s: int
    max_attempts: int | None
    timeout_s: int | None
    again_ms: tuple[int, ...] | None = None
    is_left_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """One later call, on the job of that place in the plan: *cancel*, *retry*, *read* and so on."""

    at_ms: int
    verb: str
    job: int


@dataclass(slots=True, kw_only=True)
class Plan:
    """Everything about a schedule that is decided before it runs."""

    heal_at_ms: int
    rates: dict[Fault, float] = field(default_factory=dict)
    jobs: list[PlannedJob] = field(default_factory=list)
    calls: list[PlannedCall] = field(default_factory=list)
    outages: dict[Fault, tuple[int, int]] = field(default_factory=dict)
    purges_ms: list[int] = field(default_factory=list)
    partial_responses: bool = False
    batch_max: int = 5
    max_receive_count: int = 5
    latency_ms: int = 20
    batch_window_ms: int = 30
    visibility_ms: int = 540 * SECOND
    index_lag_ms: int = 0
    retention_ms: int = 30 * 24 * HOUR
    killed_at_deadline: bool = True
    telling: "Telling | None" = None
    firing: "Firing | None" = None
    pauses: "list[PlannedPause]" = field(default_factory=list)


_RATES = (0.005, 0.02, 0.02, 0.05, 0.15)
_LATENCIES_MS = (3, 30, 30, 400, 4_000)
_BATCH_WINDOWS_MS = (30, 30, 1_000, 20_000)
_VISIBILITIES_MS = (100 * SECOND, 540 * SECOND, 540 * SECOND)
"""Six times the function's time, as the template has it, and little more than a lease."""

_VERBS = ("cancel", "cancel", "retry", "delete", "read", "intrude", "redrive")


def drawn_plan(rng: Random, configuration: Configuration) -> Plan:
    """Draw a plan: few jobs, and in each only some of the faults, which together reach further than all at once."""
    draw = rng.random
    length_ms = int(MINUTE * 30 ** draw())
    plan = Plan(
        heal_at_ms=length_ms,
        partial_responses=draw() < 0.5,
        batch_max=1 if configuration.one_by_one else rng.choice((1, 2, 3, 5)),
        max_receive_count=rng.choice((1, 2, 3, 5, 10)),
        visibility_ms=rng.choice(_VISIBILITIES_MS),
        latency_ms=rng.choice(_LATENCIES_MS),
        batch_window_ms=rng.choice(_BATCH_WINDOWS_MS),
        killed_at_deadline=draw() < 0.7,
    )
    if draw() < 0.04:
        plan.retention_ms = int(MINUTE * (2 + 20 * draw()))
    _draw_faults(plan, rng, configuration)
    shard = rng.randrange(8)
    begin_ms = int(length_ms * 0.3 * draw())
    for place in range(rng.choice((1, 1, 1, 2, 2, 3))):
        delay_s = 0 if draw() < 0.7 else int(10 ** (4 * draw()))
        new = PlannedJob(
            at_ms=begin_ms if draw() < 0.4 else int(length_ms * 0.6 * draw() ** 2),
            batch=place,
            owner=rng.randrange(2),
            shard=shard if draw() < 0.5 else rng.randrange(8),
            number=rng.randrange(1000),
            delay_s=delay_s if configuration.sweep else min(delay_s, DELAY_MAX_S),
            max_attempts=None if draw() < 0.5 else rng.randrange(1, 9),
            timeout_s=None if draw() < 0.5 else rng.randrange(1, 61),
            again_ms=_drawn_repetitions(rng) if draw() < 0.3 else None,
        )
        is_batched = place > 0 and draw() < 0.2
        plan.jobs.append(replace(plan.jobs[-1], number=new.number, delay_s=new.delay_s) if is_batched else new)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        job = rng.randrange(len(plan.jobs))
        at_ms = plan.jobs[job].at_ms + int((length_ms - plan.jobs[job].at_ms) * draw() ** 2)
        plan.calls.append(PlannedCall(at_ms=at_ms, verb=rng.choice(_VERBS), job=job))
    return plan


def _drawn_repetitions(rng: Random) -> tuple[int, ...]:
    """Draw how long after a request it is sent again though it was answered: at once, later, or about a day later."""
    draw = rng.random
    again_ms = [] if draw() < 0.4 else [0 if draw() < 0.3 else int(HOUR * draw() ** 4)]
    if draw() < 0.1:
        again_ms.append(24 * HOUR + int(2 * MINUTE * (draw() - 0.3)))
    return tuple(again_ms)


def _draw_faults(plan: Plan, rng: Random, configuration: Configuration) -> None:
    draw = rng.random
    for fault in OF_BACKEND:
        is_on = draw() < 0.3
        rate = rng.choice(_RATES)
        if not is_on or (configuration.faults is not None and fault not in configuration.faults):
            continue
        if fault in AT_CALLS or fault is Fault.SEND_FAILED:
            plan.rates[fault] = rate
        elif fault in OF_OPERATIONS:
            plan.rates[fault] = 0.9 if draw() < 0.1 else 2 * rate
        elif fault in {Fault.STORE_AWAY, Fault.QUEUE_AWAY}:
            if draw() < 0.3:
                begin = int(plan.heal_at_ms * draw())
                end = begin + int(MINUTE * 180 ** draw())
                plan.outages[fault] = (begin, end)
                plan.heal_at_ms = max(plan.heal_at_ms, end)
        elif fault is Fault.PURGE:
            if draw() < 0.3:
                plan.purges_ms.append(int(plan.heal_at_ms * draw()))
        elif fault is Fault.STALE_INDEX:
            plan.index_lag_ms = rng.randrange(60 * SECOND)
        else:
            plan.rates[fault] = 1.0 if fault in {Fault.SHORT_RETENTION, Fault.SKEW} else 4 * rate
