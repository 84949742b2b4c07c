"""One run: starts the processes, lets the faults happen, waits until the dust has settled, and judges."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.aws import client
from tests.chaos import report, sabotage, stack
from tests.chaos.faults import LATE_WITHIN_S, POINT_WITHIN_S, SPARED, STOP_S, Fates, Kind, Plan
from tests.chaos.orders import Order, order
from tests.chaos.proxy import Proxy, running
from tests.chaos.witness import Witness
from tests.chaos.workers import Crew, Worker

TICK_S = 0.02
SAY_EVERY_S = 5.0
LINGER_S = 2.0
"""After the last job's end: an attempt that lost its job may still wake up and write."""

STALLED_S = 60.0
"""If no fault that is still due happens for so long, none will: the run is judged without it."""


class ChaosError(Exception):
    """The run could not be made; the message says why, and is no judgement of the product."""


def run(plan: Plan, say: Callable[[str], None]) -> report.Figures:
    """
    Make one run.

    Raises:
        ChaosError: A process ended by itself.
        EmulatorError: The emulator did not start.
    """
    witness = Witness()
    with ExitStack() as resources:
        folder = Path(resources.enter_context(TemporaryDirectory(prefix="job-backend-chaos-")))
        proxy = Proxy(witness, plan.seed, lost_requests=plan.lost_requests, lost_answers=plan.lost_answers)
        resources.enter_context(running(proxy))
        emulator = resources.enter_context(stack.emulator_behind(proxy, folder / "state"))
        armed = folder / "armed"
        armed.touch()
        made = stack.create(emulator.url)
        crew = Crew(stack.settings(made, proxy, armed=armed, sabotage=plan.sabotage), folder / "workers.log")
        resources.callback(crew.end)
        chaos = _Run(plan=plan, witness=witness, proxy=proxy, emulator=emulator, crew=crew, say=say)
        chaos.rage()
        armed.unlink()
        chaos.settle()
        return chaos.figures()


class _Run:
    def __init__(
        self,
        *,
        plan: Plan,
        witness: Witness,
        proxy: Proxy,
        emulator: stack.Emulator,
        crew: Crew,
        say: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._witness = witness
        self._proxy = proxy
        self._emulator = emulator
        self._crew = crew
        self._say = say
        self._fates = Fates.of(plan)
        self._chance = random.Random(plan.seed + 1)
        self._begun_at = self._said_at = time.monotonic()
        self._kills: Counter[str] = Counter()
        self._stops = 0
        self._orders: list[Order] = []
        self._acknowledged: dict[str, Order] = {}
        self._asked: Worker | None = None
        self._is_raging = True
        self._has_stalled = False

    def rage(self) -> None:
        """Let jobs and faults come until each has happened, or none does any more; leave nothing stopped."""
        roles = ["submitter", "dead_letter", *["consumer"] * self._plan.consumers]
        if self._plan.sabotage != sabotage.DELETES_FIRST:
            roles.append("sweeper")
        for role in roles:
            self._start(role)
        restarts_at = [
            self._plan.kills * (number + 1) // (self._plan.restarts + 1) for number in range(self._plan.restarts)
        ]
        happened, moved_at = 0, time.monotonic()
        while self._is_fault_due():
            self._tick()
            self._submit()
            self._strike()
            if restarts_at and self._kills.total() >= restarts_at[0]:
                restarts_at.pop(0)
                self._emulator.restart()
            if self._kills.total() + self._stops > happened:
                happened, moved_at = self._kills.total() + self._stops, time.monotonic()
            elif time.monotonic() - moved_at > STALLED_S:
                self._say(f"no fault happened for {STALLED_S:g} s; the workers' last words:\n{self._crew.end_of_log()}")
                break
        self._is_raging = False
        self._proxy.calm()
        for worker in self._crew.alive:
            if worker.stopped_at is not None:
                self._wake(worker)

    def settle(self) -> None:
        """
        Wait until every acknowledged job has ended, no job moves any more, or the plan's time is up.

        Then linger for late writes.
        """
        self._tick()
        moves, moved_at = self._witness.moves, time.monotonic()
        deadline = moved_at + self._plan.settle_s
        while time.monotonic() < deadline and not self._has_stalled and self._open():
            self._tick()
            if self._witness.moves > moves:
                moves, moved_at = self._witness.moves, time.monotonic()
            self._has_stalled = time.monotonic() - moved_at > self._plan.quiet_s
        deadline = time.monotonic() + LINGER_S
        while time.monotonic() < deadline:
            self._tick()

    def figures(self) -> report.Figures:
        """Read every row, judge, and say what is wrong."""
        rows = self._rows()
        wrong = {
            job_id: why
            for job_id, order in self._acknowledged.items()
            if (why := report.lost_because(order, rows.get(job_id)))
        }
        # A job that is not done may be one of a slow machine, as long as there is work going on.
        unfinished = {
            job_id
            for job_id in wrong
            if report.is_open(rows.get(job_id)) and not self._has_stalled and not self._witness.has_ended(job_id)
        }
        duplicates = report.duplicates(self._witness, rows)
        for job_id, why in [*wrong.items(), *((job_id, "it was committed twice") for job_id in duplicates)][:10]:
            self._say(f"job {job_id}: {why}; {report.history(rows[job_id]) if job_id in rows else 'no log'}")
        if (slowest := self._witness.slowest_to_recover) in rows:
            self._say(f"slowest to recover, job {slowest}: {report.history(rows[slowest])}")
        recoveries = self._witness.recoveries_s
        return report.Figures(
            seed=self._plan.seed,
            duration_s=round(time.monotonic() - self._begun_at, 1),
            jobs_submitted=len(self._orders),
            jobs_acknowledged=len(self._acknowledged),
            jobs_lost=len(wrong) - len(unfinished),
            jobs_unfinished=len(unfinished),
            duplicate_commits=len(duplicates),
            claims=self._witness.claims.total(),
            retries=self._witness.retries.total(),
            wasted_executions=report.wasted(self._witness),
            kills=report.counted(self._kills),
            stops=self._stops,
            takeovers=self._witness.takeovers,
            fenced_writes=self._witness.fenced_writes,
            lost_requests=self._proxy.lost["requests"],
            lost_answers=self._proxy.lost["answers"],
            recognised_writes=self._witness.recognised_writes,
            emulator_restarts=self._emulator.restarts,
            recovered=len(recoveries),
            recovery_median_s=report.median(recoveries),
            recovery_p99_s=report.percentile(recoveries, 0.99),
            least=self._plan.least,
        )

    def _is_fault_due(self) -> bool:
        return (
            self._kills.total() < self._plan.kills
            or self._stops < self._plan.stops
            or self._witness.recognised_writes < self._plan.least["recognised_writes"]
        )

    def _start(self, role: str) -> None:
        fate = self._fates.next(role) if self._is_raging else SPARED
        # Both ways to hand messages back must hold.
        partial = self._chance.choice(["true", "false"])
        self._crew.start(role, fate, PARTIAL_BATCH_RESPONSES=partial)

    def _tick(self) -> None:
        time.sleep(TICK_S)
        for worker, said in self._crew.said():
            if "ready" in said:
                worker.ready_at = time.monotonic()
            elif worker.role == "submitter":
                self._asked = None
                if "acknowledged" in said:
                    self._acknowledged[said["job_id"]] = self._orders[said["acknowledged"]]
        for worker, status in self._crew.dead():
            self._witness.killed(worker.name)
            if status != -signal.SIGKILL:
                message = f"{worker.name} ended with {status}\n{self._crew.end_of_log()}"
                raise ChaosError(message)
            self._kills[f"{worker.role} {worker.killed_at}"] += 1
            self._start(worker.role)
        if time.monotonic() - self._said_at >= SAY_EVERY_S:
            self._said_at = time.monotonic()
            self._say(
                f"{time.monotonic() - self._begun_at:4.0f} s: {self._kills.total()} of {self._plan.kills} kills, "
                f"{len(self._acknowledged)} jobs acknowledged, {self._open()} of them open"
            )

    def _open(self) -> int:
        return sum(not self._witness.has_ended(job_id) for job_id in self._acknowledged)

    def _submit(self) -> None:
        """Give the submitter one order at a time, so that a kill leaves no more than that one unanswered."""
        raging_s = time.monotonic() - self._begun_at
        if len(self._orders) >= raging_s * self._plan.jobs_per_s or self._open() >= self._plan.backlog_max:
            return
        for submitter in self._crew.of("submitter"):
            if submitter.ready_at is not None and submitter is not self._asked:
                self._asked = submitter
                made = order(len(self._orders), self._plan.seed)
                self._orders.append(made)
                submitter.order(made.as_line)

    def _strike(self) -> None:
        """Let each process meet its fate, once it is due."""
        for worker in self._crew.alive:
            fate, ready_for_s = worker.fate, worker.ready_for_s()
            if fate.kind is Kind.STOPPED:
                self._haunt(worker)
            elif fate.kind is Kind.KILLED_AT_RANDOM and ready_for_s >= fate.after_s:
                worker.signal(signal.SIGKILL)
            elif fate.kind is Kind.KILLED_AT_POINT and ready_for_s >= POINT_WITHIN_S:
                worker.has_missed = True
                worker.signal(signal.SIGKILL)

    def _haunt(self, worker: Worker) -> None:
        """
        Take a zombie a step on: stopped with a job, held until it was taken over, woken, heard to write too late.

        Only then it counts; one that turns out to have had no job, or no end to write, is stopped again.
        """
        now, name = time.monotonic(), worker.name
        if worker.stopped_at is not None:
            was_robbed = self._witness.was_robbed(name)
            if was_robbed and now - worker.stopped_at >= STOP_S:
                self._wake(worker)
                worker.woken_at = now
            elif not was_robbed and not self._witness.holds(name):
                self._wake(worker)
        elif worker.woken_at is not None:
            if self._witness.wrote_late(name):
                self._stops += 1
                worker.fate = self._fates.next_at_random()
                worker.ready_at = now
            elif now - worker.woken_at >= LATE_WITHIN_S:
                worker.woken_at = None
        elif worker.ready_for_s() >= worker.fate.after_s and self._witness.holds(name):
            worker.signal(signal.SIGSTOP)
            worker.stopped_at = now
            self._witness.stopped(name, is_stopped=True)

    def _wake(self, worker: Worker) -> None:
        worker.signal(signal.SIGCONT)
        self._witness.stopped(worker.name, is_stopped=False)
        worker.stopped_at = None

    def _rows(self) -> dict[str, dict[str, Any]]:
        dynamodb = client("dynamodb", self._emulator.url)
        pages = dynamodb.get_paginator("scan").paginate(TableName=stack.JOBS_TABLE, ConsistentRead=True)
        return {item["job_id"]["S"]: item for page in pages for item in page["Items"]}
