from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import AttemptCancelled, AttemptFailed, Unavailable
from chalicelib.domain.jobs import Claim, Job, JobError, JobId, JobKey, JobStatus
from chalicelib.domain.pauses import JobsOfOperation, JobsOfUser, SomeJobs
from chalicelib.domain.users import UserId
from chalicelib.services.execution import Execution, Outcome
from tests.factories import (
    ADAS_JOBS,
    KEY,
    LEASE,
    LEASE_MARGIN,
    OWNER,
    SQUARE_SUMS,
    TIMEOUT,
    World,
    make_act,
    make_claim,
    make_job,
    make_pause,
)
from tests.fakes import NOON, FixedChance

PLENTY = timedelta(minutes=10)


class OneRunner:
    """A runner that calls the given function."""

    def __init__(self, function: Callable[[Job, Callable[[], bool]], str]) -> None:
        self._function = function
        self.ran: list[int] = []

    def run(self, job: Job, *, is_cancelled: Callable[[], bool]) -> str:
        self.ran.append(job.attempt)
        return self._function(job, is_cancelled)


def failing(error: Exception) -> OneRunner:
    def run(_job: Job, _is_cancelled: Callable[[], bool]) -> str:
        raise error

    return OneRunner(run)


RAISED = AttemptFailed(code="OPERATION_FAILED", detail="ZeroDivisionError: by zero")
FINAL = AttemptFailed(code="OPERATION_FAILED", detail="no such planet", is_final=True)


def world_with(job: Job | None = None, runner: OneRunner | None = None, **parts: Any) -> tuple[World, Execution]:
    world = World(runner=runner, **parts)
    if job is not None:
        world.jobs.add(job)
    return world, world.execution()


def current(world: World) -> Job:
    job = world.jobs.get(KEY)
    assert job is not None
    return job


def lost_attempt(*, attempt: int, ago: timedelta) -> Job:
    """A job whose consumer died: in progress under a lease that ended ``ago``."""
    return make_job(attempt=attempt - 1).claimed(make_claim("lost", at=NOON - ago - LEASE))


def test_a_pending_job_is_computed() -> None:
    world, execution = world_with(make_job())
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.SUCCESS
    job = current(world)
    assert (job.status, job.result_json, job.attempt, job.error) == (JobStatus.SUCCESS, "14", 1, None)
    assert job.started_at == job.finished_at == NOON
    assert job.due_at is None


def test_a_second_delivery_finds_it_done_and_computes_nothing() -> None:
    runner = OneRunner(lambda *_: "14")
    world, execution = world_with(make_job(), runner)
    execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY)
    done = current(world)
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.ALREADY_FINAL
    assert current(world) == done
    assert runner.ran == [1]


@pytest.mark.parametrize("job", [None, make_job(expires_at=NOON)])
def test_a_message_for_no_job_is_dropped(job: Job | None) -> None:
    _, execution = world_with(job)
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.GONE


@pytest.mark.parametrize(
    ("job", "outcome"),
    [
        (lost_attempt(attempt=1, ago=timedelta(seconds=-1)), Outcome.HELD),
        (lost_attempt(attempt=3, ago=timedelta(seconds=-1)), Outcome.HELD),
        (make_job(run_at=NOON + timedelta(seconds=2)), Outcome.NOT_DUE),
    ],
)
def test_a_job_that_may_not_begin_is_left_to_the_sweep(job: Job, outcome: Outcome) -> None:
    world, execution = world_with(job)
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is outcome
    assert outcome.is_settled
    assert current(world) == job


NEEDED = TIMEOUT + LEASE_MARGIN
TOO_SHORT = NEEDED - timedelta(milliseconds=1)


def test_a_job_that_could_not_end_in_time_is_handed_on() -> None:
    world, execution = world_with(make_job())
    assert execution.execute(KEY, time_left=lambda: TOO_SHORT, whole_time=NEEDED) is Outcome.HANDED_ON
    assert Outcome.HANDED_ON.is_settled
    assert current(world) == make_job()
    assert list(world.queue.messages) == [KEY]
    assert execution.execute(KEY, time_left=lambda: NEEDED, whole_time=NEEDED) is Outcome.SUCCESS


def test_a_job_that_cannot_be_handed_on_keeps_its_message() -> None:
    world, execution = world_with(make_job())
    world.queue.away = True
    with pytest.raises(Unavailable):
        execution.execute(KEY, time_left=lambda: TOO_SHORT, whole_time=NEEDED)


def test_a_job_that_no_consumer_has_the_time_for_is_not_sent_round_and_round(caplog: pytest.LogCaptureFixture) -> None:
    """Its message comes back, becomes a dead letter, and the job says so."""
    world, execution = world_with(make_job())
    assert execution.execute(KEY, time_left=lambda: TOO_SHORT, whole_time=TOO_SHORT) is Outcome.TOO_LONG
    assert not Outcome.TOO_LONG.is_settled
    assert not world.queue.messages
    assert caplog.records[0].message == "no consumer has the time for this job"


@pytest.mark.parametrize("attempt", [1, 3])
def test_a_job_whose_lease_ends_while_its_claim_is_refused_counts_as_held(attempt: int) -> None:
    """DynamoDB judged by the claim's instant; the answer may take longer than the lease had left."""
    held = lost_attempt(attempt=attempt, ago=timedelta(milliseconds=-5))
    world, execution = world_with(held)
    real_claim = world.jobs.claim

    def slow(key: JobKey, claim: Claim) -> Job:
        world.clock.advance(seconds=1)
        return real_claim(key, claim)

    world.jobs.claim = slow  # type: ignore[method-assign]
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.HELD
    assert current(world) == held


def test_an_attempt_lost_with_its_consumer_is_followed_by_the_next() -> None:
    lost = lost_attempt(attempt=1, ago=timedelta(seconds=1))
    world, execution = world_with(lost)
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.SUCCESS
    job = current(world)
    assert (job.attempt, job.started_at) == (2, lost.started_at)


def test_when_the_last_attempt_was_lost_the_job_fails_and_says_so() -> None:
    world, execution = world_with(lost_attempt(attempt=3, ago=timedelta(seconds=1)))
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.FAILED
    job = current(world)
    assert job.status is JobStatus.FAILED
    assert job.error == JobError(code="ATTEMPTS_EXHAUSTED", detail="the last of its 3 attempts was not heard of again")
    assert job.is_dead


def test_an_attempt_that_outlives_its_lease_cannot_overwrite_the_next() -> None:
    """The zombie: it computes past its lease, another attempt ends the job, then it wakes up."""

    def slow(job: Job, _is_cancelled: Callable[[], bool]) -> str:
        if job.attempt == 2:
            return '"second"'
        world.clock.advance(seconds=LEASE.total_seconds() + 1)
        assert world.execution().execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.SUCCESS
        return '"zombie"'

    world, execution = world_with(make_job(), OneRunner(slow))
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.SUPERSEDED
    job = current(world)
    assert (job.result_json, job.attempt) == ('"second"', 2)


def test_a_last_attempt_that_was_only_late_keeps_its_result() -> None:
    lost = lost_attempt(attempt=3, ago=timedelta(seconds=1))
    world, execution = world_with(lost)
    advance = world.jobs.advance

    def after_the_late_finish(seen: Job, to: Job) -> None:
        advance(lost, lost.finished("14", make_act("late")))
        advance(seen, to)

    world.jobs.advance = after_the_late_finish  # type: ignore[method-assign]
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.ALREADY_FINAL
    assert current(world).status is JobStatus.SUCCESS


def test_a_failed_attempt_is_retried_after_a_wait() -> None:
    world, execution = world_with(make_job(), failing(RAISED))
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.RETRIED
    job = current(world)
    assert (job.status, job.attempt, job.error) == (JobStatus.PENDING, 1, None)
    assert job.run_at == NOON + timedelta(seconds=1), "half of the first back-off, by the chance of this world"
    assert job.due_at == job.run_at + world.limits.resend_after
    assert job.events[-1].reason == "OPERATION_FAILED: ZeroDivisionError: by zero"
    assert list(zip(world.queue.messages, world.queue.delays, strict=True)) == [(KEY, timedelta(seconds=1))]


def test_the_message_of_a_retry_arrives_when_it_is_due_not_before() -> None:
    """SQS delays by whole seconds."""
    world, execution = world_with(make_job(), failing(RAISED), chance=FixedChance(0.6))
    execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY)
    assert current(world).run_at == NOON + timedelta(milliseconds=1200)
    assert world.queue.delays == [timedelta(seconds=2)]


def test_a_retry_whose_message_cannot_be_sent_is_left_to_the_sweep(caplog: pytest.LogCaptureFixture) -> None:
    world, execution = world_with(make_job(), failing(RAISED))
    world.queue.away = True
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.RETRIED
    assert current(world).due_at is not None
    assert caplog.records[-1].message == "message not sent; the sweep will send it"


def test_when_every_attempt_has_failed_the_job_fails_with_the_last_reason() -> None:
    runner = failing(RAISED)
    world, execution = world_with(make_job(), runner)
    outcomes = []
    for _ in range(3):
        outcomes.append(execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY))
        world.clock.advance(minutes=20)
    assert outcomes == [Outcome.RETRIED, Outcome.RETRIED, Outcome.FAILED]
    assert runner.ran == [1, 2, 3]
    job = current(world)
    assert job.error == JobError(code="OPERATION_FAILED", detail="ZeroDivisionError: by zero")
    assert not job.is_dead, "the operation had its say"


def test_a_final_error_ends_the_job_at_once() -> None:
    world, execution = world_with(make_job(), failing(FINAL))
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.FAILED
    job = current(world)
    assert (job.status, job.attempt, job.finished_at) == (JobStatus.FAILED, 1, NOON)
    assert job.error == JobError(code="OPERATION_FAILED", detail="no such planet")
    assert not world.queue.messages


def test_a_set_of_attempts_begun_by_hand_backs_off_from_its_own_beginning() -> None:
    job = make_job(attempt=7, last_attempt=10)
    world, execution = world_with(job, failing(RAISED))
    execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY)
    assert current(world).run_at == NOON + timedelta(seconds=1)


def test_a_running_operation_is_told_when_its_job_is_cancelled() -> None:
    told: list[bool] = []

    def run(_job: Job, is_cancelled: Callable[[], bool]) -> str:
        told.append(is_cancelled())
        world.services().jobs.cancel(OWNER, KEY.job_id)
        told.append(is_cancelled())
        raise AttemptCancelled

    world, execution = world_with(make_job(), OneRunner(run))
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.SUPERSEDED
    assert told == [False, True]
    assert current(world).status is JobStatus.CANCELLED


@pytest.mark.parametrize("ending", ["result", "error", "final"])
def test_what_a_cancelled_attempt_brings_does_not_count(ending: str) -> None:
    def run(_job: Job, _is_cancelled: Callable[[], bool]) -> str:
        world.services().jobs.cancel(OWNER, KEY.job_id)
        if ending == "result":
            return "14"
        raise FINAL if ending == "final" else RAISED

    world, execution = world_with(make_job(), OneRunner(run))
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.SUPERSEDED
    job = current(world)
    assert (job.status, job.result_json, job.error, job.attempt) == (JobStatus.CANCELLED, None, None, 2)
    assert not world.queue.messages


def test_an_attempt_is_told_when_its_job_is_gone_or_taken_over() -> None:
    told: list[bool] = []

    def run(job: Job, is_cancelled: Callable[[], bool]) -> str:
        world.jobs.claim(KEY, make_claim("other", at=NOON + LEASE))
        told.append(is_cancelled())
        return str(job.attempt)

    world, execution = world_with(make_job(), OneRunner(run))
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.SUPERSEDED
    assert told == [True]


@pytest.mark.parametrize("jobs", [SQUARE_SUMS, ADAS_JOBS])
def test_a_paused_job_waits_and_its_message_is_let_go(jobs: SomeJobs) -> None:
    world, execution = world_with(make_job(), OneRunner(lambda *_: "14"))
    world.pauses.add(make_pause(jobs), [])
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.PAUSED
    assert Outcome.PAUSED.is_settled
    assert current(world) == make_job()
    world.pauses.remove(jobs, [])
    world.clock.advance(seconds=10)
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.SUCCESS


@pytest.mark.parametrize(
    "jobs", [JobsOfOperation(operation="cube_sum"), JobsOfUser(owner_id=UserId("another"), username="bob")]
)
def test_what_is_paused_for_others_begins(jobs: SomeJobs) -> None:
    world, execution = world_with(make_job())
    world.pauses.add(make_pause(jobs), [])
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.SUCCESS


def test_a_paused_owners_message_is_refused_without_a_look_at_the_jobs_table() -> None:
    world, execution = world_with(make_job())
    world.pauses.add(make_pause(ADAS_JOBS), [])
    world.jobs.away = True
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.PAUSED


@pytest.mark.parametrize(
    ("job", "outcome"),
    [
        (make_job().claimed(make_claim("a")), Outcome.HELD),
        (make_job().cancelled(make_act("a")), Outcome.ALREADY_FINAL),
        (None, Outcome.GONE),
    ],
)
def test_a_pause_of_its_operation_changes_nothing_of_a_job_that_does_not_wait(
    job: Job | None, outcome: Outcome
) -> None:
    world, execution = world_with(job)
    world.pauses.add(make_pause(), [])
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is outcome
    assert world.jobs.get(KEY) == job


def test_a_job_whose_last_attempt_was_lost_fails_while_its_operation_is_paused() -> None:
    """No attempt begins by that, and its owner need not wait for the end of the pause to be told."""
    world, execution = world_with(lost_attempt(attempt=3, ago=timedelta(seconds=1)))
    world.pauses.add(make_pause(), [])
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.FAILED
    error = current(world).error
    assert error is not None
    assert error.code == "ATTEMPTS_EXHAUSTED"


@pytest.mark.parametrize("attempt", [1, 3])
def test_of_a_paused_owner_a_job_whose_attempt_was_lost_waits_be_it_the_last_or_not(attempt: int) -> None:
    lost = lost_attempt(attempt=attempt, ago=timedelta(seconds=1))
    world, execution = world_with(lost)
    world.pauses.add(make_pause(ADAS_JOBS), [])
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.PAUSED
    assert current(world) == lost


def test_a_job_that_lost_an_attempt_and_has_others_waits_while_its_operation_is_paused() -> None:
    lost = lost_attempt(attempt=2, ago=timedelta(seconds=1))
    world, execution = world_with(lost)
    world.pauses.add(make_pause(), [])
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.PAUSED
    assert current(world) == lost


def test_an_attempt_that_runs_when_its_operation_is_paused_goes_on_to_its_end_and_has_no_next_one() -> None:
    def run(_job: Job, _is_cancelled: Callable[[], bool]) -> str:
        world.pauses.add(make_pause(), [])
        raise RAISED

    world, execution = world_with(make_job(), OneRunner(run))
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.RETRIED
    world.clock.advance(seconds=10)
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.PAUSED


def test_a_pause_is_felt_within_ten_seconds_and_so_is_its_end() -> None:
    world, execution = world_with(make_job())
    execution.execute(JobKey(owner_id=OWNER, job_id=JobId("none")), time_left=lambda: PLENTY, whole_time=PLENTY)
    world.pauses.add(make_pause(), [])
    world.clock.advance(seconds=10)
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.PAUSED
    world.pauses.remove(SQUARE_SUMS, [])
    world.clock.advance(seconds=9.999)
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.PAUSED
    world.clock.advance(seconds=0.001)
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.SUCCESS


def test_a_store_away_before_the_claim_leaves_the_job_waiting() -> None:
    world, execution = world_with(make_job())
    world.jobs.away = True
    with pytest.raises(Unavailable):
        execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY)
    world.jobs.away = False
    assert current(world) == make_job()


@pytest.mark.parametrize("ending", ["result", "error", "final"])
def test_a_store_away_at_the_end_leaves_the_job_to_the_next_attempt(ending: str) -> None:
    def run(job: Job, _is_cancelled: Callable[[], bool]) -> str:
        if job.attempt == 2:
            return "14"
        world.jobs.away = True
        if ending == "result":
            return "14"
        raise FINAL if ending == "final" else RAISED

    world, execution = world_with(make_job(), OneRunner(run))
    with pytest.raises(Unavailable):
        execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY)
    world.jobs.away = False
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.HELD
    world.clock.advance(seconds=LEASE.total_seconds())
    assert execution.execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY) is Outcome.SUCCESS
