"""Each invariant is broken once by hand: a check that cannot fire checks nothing."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

import pytest

from chalicelib.domain.errors import NotFound, Unavailable
from chalicelib.domain.jobs import Act, Claim, Job, JobError, JobEvent, JobId, JobKey, Transition, submitted
from tests.simulation.actor import OWNERS, Actor
from tests.simulation.errors import UnreadableRow, listened
from tests.simulation.faults import Fault
from tests.simulation.functions import api_call
from tests.simulation.observer import instant
from tests.simulation.plan import FULL, MINUTE, PROMPT, Configuration, Plan, PlannedJob
from tests.simulation.ports import SimulatedQueue
from tests.simulation.schedule import simulate
from tests.simulation.world import World

KEY = JobKey(owner_id=OWNERS[0], job_id=JobId("01900000-0000-7000-8000-000000000000"))
TIMEOUT = JobError(code="TIMED_OUT", detail="late")


class History:
    """Writes of one job, each by an actor of its own unless one is given."""

    def __init__(self, *, max_attempts: int = 2, delay_s: int = 0, configuration: Configuration = FULL) -> None:
        self.world = World(Plan(heal_at_ms=0), Random(1), configuration=configuration)
        self.observer = self.world.observer
        self._tokens = count()
        actor = self.actor("submit")
        actor.owner = KEY.owner_id
        actor.planned.append(
            PlannedJob(
                at_ms=0, batch=0, owner=0, shard=0, number=3, delay_s=delay_s, max_attempts=max_attempts, timeout_s=None
            )
        )
        self.job = submitted(
            KEY,
            self.act(actor),
            operation="square",
            data_json="[3]",
            max_attempts=max_attempts,
            timeout=timedelta(seconds=60),
            retention=timedelta(days=1),
            run_at=instant(1000 * delay_s),
            due_at=instant(60_000),
        )
        self.observer.wrote(actor, None, self.job)
        self.observer.records[KEY].is_acknowledged = True

    def actor(self, kind: str) -> Actor:
        return Actor(self.world, kind, time_ms=90_000)

    def act(self, actor: Actor) -> Act:
        return Act(token=f"t{next(self._tokens)}", at=actor.now(), worker=actor.name)

    def later(self, by_ms: int) -> None:
        self.world.scheduler.now += by_ms

    def write(self, actor: Actor, job: Job, **changes: Any) -> None:
        before, self.job = self.job, replace(job, **changes)
        self.observer.wrote(actor, before, self.job)

    def claim(self, actor: Actor | None = None, **changes: Any) -> Actor:
        actor = actor or self.actor("consume")
        claim = Claim(act=self.act(actor), time_left=timedelta(seconds=75), lease_margin=timedelta(seconds=15))
        self.write(actor, self.job.claimed(claim), **changes)
        return actor

    def finish(self, actor: Actor, result: str = "9", **changes: Any) -> None:
        self.write(actor, self.job.finished(result, self.act(actor)), **changes)

    def fail(self, actor: Actor, **changes: Any) -> None:
        self.write(actor, self.job.failed(TIMEOUT, self.act(actor)), **changes)

    def retry(self, actor: Actor, wait_ms: int = 0) -> None:
        run_at = instant(actor.reading + wait_ms)
        self.write(actor, self.job.retried(TIMEOUT, self.act(actor), run_at=run_at, due_at=run_at))

    def cancel(self, **changes: Any) -> None:
        actor = self.actor("cancel")
        self.write(actor, self.job.cancelled(self.act(actor)), **changes)

    def retry_by_hand(self, kind: str = "retry", **changes: Any) -> None:
        actor = self.actor(kind)
        self.write(actor, self.job.retried_by_hand(self.act(actor), due_at=actor.now()), **changes)

    def broken(self) -> set[str]:
        return {violation.invariant for violation in self.observer.violations}


def failing(history: History, kind: str = "retryable") -> Actor:
    actor = history.claim()
    actor.verdict = (kind, "TIMED_OUT")
    return actor


def test_a_good_history_breaks_nothing() -> None:
    history = History()
    actor = failing(history)
    history.retry(actor, wait_ms=2_000)
    history.later(2_000)
    history.finish(history.claim())
    history.observer.at_end({KEY: history.job})
    assert history.broken() == set()


def lost_row(history: History) -> None:
    history.cancel()
    history.observer.at_end({})


def unfinished(history: History) -> None:
    history.observer.at_end({KEY: history.job})


def changed_result(history: History) -> None:
    history.finish(history.claim())
    history.observer.at_end({KEY: replace(history.job, result_json="10")})


def final_overwritten(history: History) -> None:
    actor = history.claim()
    history.cancel()
    history.finish(actor)


def two_endings(history: History) -> None:
    actor = history.claim()
    history.finish(actor)
    history.finish(actor)


def wrong_result(history: History) -> None:
    history.finish(history.claim(), result="10")


def wrong_error(history: History) -> None:
    actor = history.claim()
    actor.verdict = ("final", "OPERATION_FAILED")
    history.fail(actor)


def too_many_attempts(history: History) -> None:
    for _ in range(3):
        history.claim()
        history.later(2 * MINUTE)


def attempt_back(history: History) -> None:
    history.cancel()
    history.retry_by_hand(attempt=0)


def attempt_jumps(history: History) -> None:
    history.claim(attempt=2)


def letter_let_go(history: History) -> None:
    history.later(MINUTE)
    actor = history.actor("bury")
    actor.now()
    history.observer.buried(actor, KEY, history.job)


def letter_kept(history: History) -> None:
    history.claim()
    history.later(2 * MINUTE)
    actor = history.actor("bury")
    actor.now()
    history.observer.kept(actor, history.job)


def redriven_without_need(history: History) -> None:
    actor = history.claim()
    actor.verdict = ("final", "TIMED_OUT")
    history.fail(actor)
    history.retry_by_hand("redrive")


def others_job(history: History) -> None:
    actor = history.actor("cancel")
    actor.owner = OWNERS[1]
    history.write(actor, history.job.cancelled(history.act(actor)))


def unfinished_deleted(history: History) -> None:
    actor = history.actor("delete")
    actor.owner = KEY.owner_id
    history.observer.deleted(actor, history.job)


def deleted_by_no_caller(history: History) -> None:
    actor = history.claim()
    actor.owner = KEY.owner_id
    history.finish(actor)
    history.observer.deleted(actor, history.job)


def others_job_deleted(history: History) -> None:
    history.cancel()
    actor = history.actor("delete")
    actor.owner = OWNERS[1]
    history.observer.deleted(actor, history.job)


def execution_without_claim(history: History) -> None:
    history.observer.executes(history.claim(), history.job)
    history.observer.executes(history.actor("consume"), history.job)


def unknown_transition(history: History) -> None:
    history.finish(history.actor("consume"))


def claimed_while_held(history: History) -> None:
    history.claim()
    history.later(60_000)
    history.claim()


def not_the_holder(history: History) -> None:
    first = history.claim()
    history.later(2 * MINUTE)
    history.claim()
    history.finish(first)


def failed_while_held(history: History) -> None:
    history.claim()
    history.fail(history.actor("bury"))


def failed_too_soon(history: History) -> None:
    history.fail(failing(history))


def retried_for_nothing(history: History) -> None:
    history.retry(failing(history, "final"))


def backs_off_too_long(history: History) -> None:
    history.retry(failing(history), wait_ms=2_001)


def wrong_log(history: History) -> None:
    event = JobEvent(at=instant(0), transition=Transition.FAIL, attempt=1, worker="nobody")
    history.claim(events=(*history.job.events, event))


def long_log(history: History) -> None:
    history.claim(events=history.job.events * 40)


def claimed_without_time(history: History) -> None:
    actor = history.actor("consume")
    actor.time_left_ms = 74_999
    history.claim(actor)


def claimed_after_retention(history: History) -> None:
    history.later(24 * 60 * MINUTE)
    history.claim()


def error_logged(history: History) -> None:
    with listened(history.observer.unexpected):
        logging.getLogger("chalicelib.consumer").error("delivery broke", exc_info=ZeroDivisionError())


def error_raised(history: History) -> None:
    def body() -> None:
        raise ZeroDivisionError

    history.world.start(0, body)
    history.world.run()


def done_and_denied(history: History) -> None:
    actor = history.actor("cancel")

    def called() -> None:
        actor.changed = True
        actor.fails(Fault.THROTTLED)

    api_call(actor, called)


def answered_and_not_done(history: History) -> None:
    api_call(history.actor("retry"), lambda: None)


def delay_too_long(history: History) -> None:
    in_an_actor(history, lambda: SimulatedQueue(history.actor("submit")).send(KEY, delay=timedelta(seconds=901)))


def no_rest(history: History) -> None:
    scheduler = history.world.scheduler

    def again() -> None:
        scheduler.at(scheduler.now, again)

    again()
    history.world.run()


def in_an_actor(history: History, body: Callable[[], None]) -> None:
    history.world.start(0, body)
    history.world.scheduler.run(until_ms=lambda: MINUTE, is_over=lambda: False)


def claimed_and_not_run(history: History) -> None:
    actor = history.claim()
    actor.wrote("claim", history.job)
    history.observer.left_off(actor)


def ending_not_written(history: History) -> None:
    actor = failing(history)
    actor.must_write = history.observer.records[KEY]
    history.observer.left_off(actor)


def message_owed(history: History) -> None:
    actor = failing(history)
    history.retry(actor)
    actor.wrote("retry", history.job)
    history.observer.left_off(actor)


@pytest.mark.parametrize(
    ("history", "invariant"),
    [
        (lost_row, "1 acknowledged exists"),
        (unfinished, "2 final within the bound"),
        (changed_result, "3 final stays final"),
        (final_overwritten, "3 final stays final"),
        (two_endings, "4 one commit"),
        (wrong_result, "5 right result"),
        (wrong_error, "5 right error"),
        (too_many_attempts, "7 attempts within the maximum"),
        (attempt_back, "8 attempt never decreases"),
        (attempt_jumps, "8 attempt counts transitions"),
        (letter_let_go, "10 dead letter matched"),
        (letter_kept, "10 dead letter matched"),
        (redriven_without_need, "13 redrive of dead jobs"),
        (others_job, "11 nobody reaches another's job"),
        (unfinished_deleted, "1 acknowledged exists"),
        (deleted_by_no_caller, "1 acknowledged exists"),
        (others_job_deleted, "11 nobody reaches another's job"),
        (execution_without_claim, "12 executions within attempts"),
        (unknown_transition, "13 transitions in the table"),
        (claimed_while_held, "13 claim when lease is over"),
        (claimed_after_retention, "13 claim within retention"),
        (not_the_holder, "13 only the holder ends it"),
        (failed_while_held, "13 fail when lease is over"),
        (failed_too_soon, "13 fail when final or exhausted"),
        (retried_for_nothing, "13 retry after a retryable error"),
        (wrong_log, "E log tells what happened"),
        (long_log, "E log is bounded"),
        (claimed_without_time, "T claim with time to end"),
        (error_logged, "X no unexpected error"),
        (error_raised, "X no unexpected error"),
        (done_and_denied, "C what is done is acknowledged"),
        (answered_and_not_done, "C what is acknowledged is done"),
        (delay_too_long, "D delays that SQS accepts"),
        (no_rest, "L work comes to rest"),
        (claimed_and_not_run, "A claimed is executed"),
        (ending_not_written, "W an attempt's end is written"),
        (message_owed, "P a waiting job is sent"),
        (backs_off_too_long, "B back-off by attempt"),
    ],
)
def test_a_bad_history_is_noticed(history: Callable[[History], None], invariant: str) -> None:
    told = History()
    history(told)
    assert invariant in told.broken()


def test_an_end_that_finds_its_job_kept_no_longer_needs_not_be_written() -> None:
    told = History()
    actor = failing(told)
    actor.must_write = told.observer.records[KEY]
    told.later(25 * 60 * MINUTE)
    told.observer.left_off(actor)
    assert told.broken() == set()


def test_a_job_that_its_owner_has_deleted_needs_not_exist() -> None:
    told = History()
    told.cancel()
    actor = told.actor("delete")
    actor.owner = KEY.owner_id
    told.observer.deleted(actor, told.job)
    told.observer.at_end({})
    assert told.broken() == set()


def test_a_job_that_comes_back_after_it_was_deleted_is_noticed() -> None:
    told = History()
    told.cancel()
    actor = told.actor("delete")
    actor.owner = KEY.owner_id
    told.observer.deleted(actor, told.job)
    told.observer.wrote(told.actor("consume"), None, told.job)
    assert told.broken() == {"13 transitions in the table"}


@pytest.mark.parametrize("seed", [40_004, 277_435])
def test_who_stands_still_past_a_jobs_retention_may_find_it_gone(seed: int) -> None:
    assert not simulate(seed).violations


def test_a_job_may_be_gone_when_its_retention_ended_since_the_clock_was_read() -> None:
    def refused() -> None:
        raise NotFound

    for wait_ms, broken in ((0, {"1 acknowledged exists"}), (2 * 24 * 60 * MINUTE, set())):
        history = History()
        reader = history.actor("read")
        history.later(wait_ms)
        api_call(reader, refused, own=KEY)
        assert history.broken() == broken


def test_an_error_that_a_fault_explains_breaks_nothing() -> None:
    history = History()
    with listened(history.observer.unexpected):
        for error in (Unavailable("away"), UnreadableRow()):
            logging.getLogger("chalicelib.consumer").error("delivery broke", exc_info=error)
    assert history.broken() == set()


@pytest.mark.parametrize("is_claimed", [False, True])
def test_a_job_that_goes_on_too_late_is_noticed_where_it_must_be_prompt(*, is_claimed: bool) -> None:
    for wait_ms, broken in ((6 * MINUTE, set()), (6 * MINUTE + 1, {"2 goes on promptly"})):
        history = History(configuration=PROMPT)
        if is_claimed:
            history.claim()
            history.later(75_000)
        history.later(wait_ms)
        history.claim()
        assert history.broken() == broken


def test_a_job_is_neither_claimed_nor_failed_before_its_time() -> None:
    history = History(delay_s=60)
    history.claim()
    assert history.broken() == {"13 claim when due"}
    history = History(delay_s=60)
    history.fail(history.actor("bury"))
    assert history.broken() == {"13 bury when due"}


class Requests:
    """Submissions under one idempotency key, each by an actor of its own."""

    def __init__(self) -> None:
        self.world = World(Plan(heal_at_ms=0), Random(1))
        self._numbers = count()

    def actor(self) -> Actor:
        actor = Actor(self.world, "submit", time_ms=29_000, owner=OWNERS[0])
        actor.request = "monday"
        actor.planned.append(
            PlannedJob(
                at_ms=0, batch=0, owner=0, shard=0, number=3, delay_s=0, max_attempts=2, timeout_s=None, again_ms=()
            )
        )
        return actor

    def make(self, actor: Actor) -> JobKey:
        key = JobKey(owner_id=OWNERS[0], job_id=JobId(f"01900000-0000-7000-8000-{next(self._numbers):012}"))
        job = replace(History().job, key=key, run_at=self.world.now())
        self.world.rows.add(job)
        self.world.observer.wrote(actor, None, job)
        return key

    def answer(self, actor: Actor, key: JobKey, *, is_replay: bool) -> None:
        self.world.observer.acknowledged(actor, [key], self.world.rows.items(), is_replay=is_replay)

    def later(self, by_ms: int) -> None:
        self.world.scheduler.now += by_ms

    def broken(self) -> set[str]:
        return {violation.invariant for violation in self.world.observer.violations}


ONE_KEY = "6 one key, one job"
DAY_MS = 24 * 60 * MINUTE


def test_a_key_that_is_forgotten_after_a_day_may_make_a_job_again() -> None:
    requests = Requests()
    maker = requests.actor()
    first = requests.make(maker)
    requests.answer(maker, first, is_replay=False)
    requests.later(DAY_MS - 1)
    requests.answer(requests.actor(), first, is_replay=True)
    requests.later(1)
    again = requests.actor()
    requests.answer(again, requests.make(again), is_replay=False)
    assert requests.broken() == set()


def test_a_key_that_makes_two_jobs_is_noticed() -> None:
    requests = Requests()
    requests.make(requests.actor())
    requests.later(DAY_MS - 1)
    requests.make(requests.actor())
    assert requests.broken() == {ONE_KEY}


@pytest.mark.parametrize(("by_maker", "is_replay"), [(True, True), (False, False)])
def test_an_answer_that_is_wrong_about_being_a_replay_is_noticed(*, by_maker: bool, is_replay: bool) -> None:
    requests = Requests()
    maker = requests.actor()
    key = requests.make(maker)
    requests.answer(maker if by_maker else requests.actor(), key, is_replay=is_replay)
    assert requests.broken() == {ONE_KEY}


def test_a_replay_of_the_day_before_is_noticed() -> None:
    requests = Requests()
    key = requests.make(requests.actor())
    requests.later(DAY_MS)
    requests.answer(requests.actor(), key, is_replay=True)
    assert requests.broken() == {ONE_KEY}


def test_a_replay_that_names_another_job_is_noticed() -> None:
    requests = Requests()
    requests.make(requests.actor())
    other = requests.actor()
    other.request = "tuesday"
    key = requests.make(other)
    requests.answer(requests.actor(), key, is_replay=True)
    assert requests.broken() == {ONE_KEY}


def test_an_answer_that_names_a_job_without_a_row_is_noticed() -> None:
    requests = Requests()
    maker = requests.actor()
    key = requests.make(maker)
    requests.world.rows.expire(key)
    requests.answer(maker, key, is_replay=False)
    assert requests.broken() == {"1 acknowledged exists"}
