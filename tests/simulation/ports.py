"""
The ports as an actor sees them: each call is a place where others go on, and where a fault may strike.

Behind them are the in-memory store that passes the contract suite and a model of SQS.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from chalicelib.adapters.sqs import to_body
from chalicelib.domain.errors import AttemptCancelled, AttemptFailed, ConcurrentUpdate, Unavailable
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import Claim, Job, JobId, JobKey
from chalicelib.domain.receipts import Receipt
from chalicelib.domain.users import UserId
from chalicelib.ports import DueJob, JobPage
from tests.fakes import InMemoryJobRepository
from tests.simulation.actor import Actor, Crashed
from tests.simulation.errors import UnreadableRow
from tests.simulation.faults import Fault
from tests.simulation.observer import DELAY_MAX_MS, right_result

T = TypeVar("T")


def call(actor: Actor, name: str, away: Fault, apply: Callable[[], T]) -> T:
    """Make one call of an actor: others go on first, then it is applied, unless a fault says otherwise."""
    world = actor.world
    fault = _arrived(actor, name, away)
    if fault is Fault.ANSWER_LOST_RETRIED:
        with contextlib.suppress(ConcurrentUpdate):
            apply()
        world.pass_time(actor)
    try:
        answer = apply()
    except ConcurrentUpdate:
        actor.told(f"{name}: refused")
        raise
    if fault is None:
        actor.told(name)
    elif fault is Fault.CRASH_AFTER:
        actor.crash()
    elif fault is Fault.PAUSE_AFTER:
        actor.pause(name)
    elif fault is Fault.ANSWER_LOST:
        actor.fails(fault)
    return answer


def _arrived(actor: Actor, name: str, away: Fault) -> Fault | None:
    """Let a call come to where it is applied; return the fault that strikes it there or on its way back."""
    world = actor.world
    world.pass_time(actor)
    fault = world.faults.at_call(actor.name, name) if world.configuration.may_strike(name) else None
    if fault is Fault.CRASH_BEFORE:
        actor.crash()
    if fault is Fault.PAUSE_BEFORE:
        actor.pause(name)
    if fault is Fault.THROTTLED:
        actor.fails(fault)
    if world.faults.is_away(away, actor.name, name):
        actor.fails(away)
    return fault


class SimulatedStore:
    """The jobs table for one actor."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._world = actor.world

    def add(self, job: Job) -> None:
        self._write("add", job.key, job.token, lambda rows: rows.add(job))

    def get(self, key: JobKey) -> Job | None:
        world = self._world

        def read() -> Job | None:
            if key in world.unreadable:
                raise UnreadableRow
            return world.rows.get(key)

        job = call(self._actor, "get", Fault.STORE_AWAY, read)
        self._actor.seen = job
        return job

    def get_all(self, keys: Sequence[JobKey]) -> Sequence[Job]:
        world = self._world
        readable = [key for key in keys if key not in world.unreadable]
        return call(self._actor, "get all", Fault.STORE_AWAY, lambda: world.rows.get_all(readable))

    def page(self, owner_id: UserId, wanted: JobFilter, *, limit: int, after: JobId | None) -> JobPage:
        rows = self._world.rows
        return call(
            self._actor, "page", Fault.STORE_AWAY, lambda: rows.page(owner_id, wanted, limit=limit, after=after)
        )

    def claim(self, key: JobKey, claim: Claim) -> Job:
        actor = self._actor
        self._world.observer.left_off(actor)
        actor.holds = None
        return self._write("claim", key, claim.act.token, lambda rows: rows.claim(key, claim))

    def advance(self, seen: Job, to: Job) -> None:
        self._write(to.events[-1].transition.value.lower(), to.key, to.token, lambda rows: rows.advance(seen, to))

    def delete(self, seen: Job) -> None:
        self._write("delete", seen.key, None, lambda rows: rows.delete(seen))

    def due(self, shard: int, *, at: datetime, limit: int, after: DueJob | None = None) -> Sequence[DueJob]:
        world = self._world
        if shard not in world.shards:
            return ()  # no job of this schedule is ever there, so nobody could tell when it was asked
        return call(
            self._actor,
            "due",
            Fault.STORE_AWAY,
            lambda: world.index(self._actor).due(shard, at=at, limit=limit, after=after),
        )

    def dead(self, *, at: datetime, limit: int, after: DueJob | None = None) -> Sequence[DueJob]:
        rows = self._world.rows
        return call(self._actor, "dead", Fault.STORE_AWAY, lambda: rows.dead(at=at, limit=limit, after=after))

    def look_again(self, seen: DueJob, *, at: datetime) -> None:
        self._write("look again", seen.key, None, lambda rows: rows.look_again(seen, at=at))

    def _write(self, name: str, key: JobKey, token: str | None, write: Callable[[InMemoryJobRepository], T]) -> T:
        world = self._world
        actor = self._actor
        rows = world.rows
        observer = world.observer

        def apply() -> T:
            before = rows.get(key)
            try:
                return write(rows)
            finally:
                after = rows.get(key)
                if before is not None and after is None:
                    observer.deleted(actor, before)
                if after is not before and after is not None and key not in world.unreadable:
                    observer.wrote(actor, before, after)
                    world.wrote(before, after)
                    if name == "claim" and world.pausing is not None:
                        world.pausing.claimed(actor, key)

        is_answered = True
        try:
            return call(actor, name, Fault.STORE_AWAY, apply)
        except (Unavailable, Crashed):
            is_answered = False
            raise
        finally:
            row = rows.get(key)
            if is_answered and row is not None and row.token == token:
                actor.wrote(name, row)


class SimulatedSubmissions:
    """New jobs and receipts for one actor."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._world = actor.world

    def add(self, jobs: Sequence[Job]) -> None:
        submissions = self._world.submissions
        self._write(jobs, lambda: submissions.add(jobs))

    def find(self, owner_id: UserId, key_digest: str, *, at: datetime) -> Receipt | None:
        submissions = self._world.submissions
        return call(self._actor, "find", Fault.STORE_AWAY, lambda: submissions.find(owner_id, key_digest, at=at))

    def add_once(self, jobs: Sequence[Job], receipt: Receipt) -> Receipt:
        submissions = self._world.submissions
        return self._write(jobs, lambda: submissions.add_once(jobs, receipt))

    def _write(self, jobs: Sequence[Job], write: Callable[[], T]) -> T:
        actor = self._actor
        rows = self._world.rows

        def apply() -> T:
            new = [job for job in jobs if rows.get(job.key) is None]
            answer = write()
            for job in new:
                if rows.get(job.key) is job:
                    self._world.observer.wrote(actor, None, job)
                    self._world.wrote(None, job)
            return answer

        answer = call(actor, "add", Fault.STORE_AWAY, apply)
        for job in jobs:
            row = rows.get(job.key)
            if row is not None and row.token == job.token:
                actor.wrote("add", row)
        return answer


class SimulatedQueue:
    """The jobs queue for one actor."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._world = actor.world

    def send(self, key: JobKey, *, delay: timedelta = timedelta()) -> None:
        actor = self._actor
        world = self._world
        delay_ms = delay // timedelta(milliseconds=1)
        actor.sends(key, delay_ms)
        if not 0 <= delay_ms <= DELAY_MAX_MS or delay_ms % 1000:
            world.observer.broken("D delays that SQS accepts", f"{delay_ms} ms")

        def apply() -> None:
            if world.faults.strikes(Fault.SEND_FAILED, actor.name, "send"):
                actor.fails(Fault.SEND_FAILED)
            world.send(to_body(key), delay_ms)

        call(actor, "send", Fault.QUEUE_AWAY, apply)

    def send_all(self, delays: Mapping[JobKey, timedelta]) -> Mapping[JobKey, str]:
        actor = self._actor
        world = self._world
        for key, delay in delays.items():
            actor.sends(key, delay // timedelta(milliseconds=1))

        def apply() -> dict[JobKey, str]:
            refused: dict[JobKey, str] = {}
            for key, delay in delays.items():
                if world.faults.strikes(Fault.SEND_FAILED, actor.name, "send"):
                    refused[key] = Fault.SEND_FAILED
                else:
                    world.send(to_body(key), delay // timedelta(milliseconds=1))
            return refused

        return call(actor, "send", Fault.QUEUE_AWAY, apply)

    def delete(self, receipt_handles: Sequence[str]) -> None:
        world = self._world
        call(self._actor, "delete", Fault.QUEUE_AWAY, lambda: world.delete(self._actor, receipt_handles))


class SimulatedRunner:
    """Runs the operation of every job: a square, unless the seed has something else happen."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._world = actor.world

    def run(self, job: Job, *, is_cancelled: Callable[[], bool]) -> str:
        actor = self._actor
        world = self._world
        actor.must_run = None
        world.observer.executes(actor, job)
        timeout_ms = job.timeout // timedelta(milliseconds=1)
        actor.told(f"run attempt {job.attempt}")
        ending = world.faults.ending(actor.name)
        world.scheduler.sleep(timeout_ms if ending is Fault.TIMED_OUT else world.drawn_duration(timeout_ms))
        fault = world.faults.at_call(actor.name, "run")
        if fault is Fault.CRASH_BEFORE or fault is Fault.CRASH_AFTER:
            actor.crash()
        if fault is Fault.PAUSE_BEFORE or fault is Fault.PAUSE_AFTER:
            actor.pause("run")
        if world.chance() < 0.2 and _is_told(is_cancelled):
            raise AttemptCancelled
        actor.must_write = actor.holds
        if ending is None:
            actor.verdict = ("success", None)
            return right_result(int(job.data_json[1:-1]))
        is_final = ending is Fault.FINAL_ERROR
        code = ending.name
        actor.verdict = ("final" if is_final else "retryable", code)
        raise AttemptFailed(code=code, detail=ending.value, is_final=is_final)


def _is_told(is_cancelled: Callable[[], bool]) -> bool:
    try:
        return is_cancelled()
    except Unavailable:
        return False
