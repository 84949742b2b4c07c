from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.domain.errors import JobFailed, Unavailable
from chalicelib.domain.jobs import Job, JobError, JobKey, JobStatus, Lease
from chalicelib.services.execution import DETAIL_MAX_CHARACTERS, Execution, Outcome
from tests.factories import KEY, LEASE, World, make_job, make_limits
from tests.fakes import NOON


class OneOperation:
    """A catalogue whose only operation runs the given function on the data's JSON text."""

    def __init__(self, run: Callable[[str], str]) -> None:
        self._operation: Any = SimpleNamespace(name="square_sum", run=run)

    def find(self, name: str) -> Any:
        return self._operation if name == self._operation.name else None

    def all(self) -> list[Any]:
        return [self._operation]


def world_with(
    job: Job | None = None, run: Callable[[str], str] | None = None, **limits: Any
) -> tuple[World, Execution]:
    world = World(limits=make_limits(**limits))
    if run is not None:
        world.catalogue = OneOperation(run)
    if job is not None:
        world.jobs.add(job)
    return world, world.services().execution


def lost_attempt(*, attempt: int, ago: timedelta) -> Job:
    """A job whose consumer died: in progress under a lease that ended ``ago``."""
    lease = Lease(token="lost", expires_at=NOON - ago)
    return make_job(status=JobStatus.IN_PROGRESS, attempt=attempt, lease=lease, started_at=NOON - ago - LEASE)


def test_a_pending_job_is_computed() -> None:
    world, execution = world_with(make_job())
    assert execution.execute(KEY) is Outcome.SUCCESS
    job = world.jobs.get(KEY)
    assert job is not None
    assert (job.status, job.result_json, job.attempt, job.error) == (JobStatus.SUCCESS, "14", 1, None)
    assert job.started_at == job.finished_at == NOON


def test_a_second_delivery_finds_it_done_and_computes_nothing() -> None:
    runs: list[str] = []

    def run(data: str) -> str:
        runs.append(data)
        return "14"

    world, execution = world_with(make_job(), run=run)
    execution.execute(KEY)
    done = world.jobs.get(KEY)
    assert execution.execute(KEY) is Outcome.ALREADY_FINAL
    assert world.jobs.get(KEY) == done
    assert len(runs) == 1


def test_a_message_for_no_job_is_dropped() -> None:
    _, execution = world_with()
    assert execution.execute(KEY) is Outcome.GONE
    assert Outcome.GONE.is_settled


def test_a_job_held_by_another_attempt_keeps_its_message() -> None:
    held = lost_attempt(attempt=1, ago=timedelta(seconds=-1))
    world, execution = world_with(held)
    outcome = execution.execute(KEY)
    assert outcome is Outcome.HELD
    assert not outcome.is_settled
    assert world.jobs.get(KEY) == held


@pytest.mark.parametrize("attempt", [1, 3])
def test_a_job_whose_lease_ends_while_its_claim_is_refused_keeps_its_message(attempt: int) -> None:
    """DynamoDB judged by the claim's instant; the answer may take longer than the lease had left."""
    held = lost_attempt(attempt=attempt, ago=timedelta(milliseconds=-5))
    world, execution = world_with(held)
    claim = world.jobs.claim

    def slow_claim(key: JobKey, lease: Lease, *, at: datetime) -> Job:
        world.clock.advance(seconds=1)
        return claim(key, lease, at=at)

    world.jobs.claim = slow_claim  # type: ignore[method-assign]
    assert execution.execute(KEY) is Outcome.HELD
    assert world.jobs.get(KEY) == held


def test_an_attempt_lost_with_its_consumer_is_followed_by_the_next() -> None:
    world, execution = world_with(lost_attempt(attempt=1, ago=timedelta(seconds=1)))
    assert execution.execute(KEY) is Outcome.SUCCESS
    job = world.jobs.get(KEY)
    assert job is not None
    assert job.attempt == 2
    assert job.started_at == NOON - timedelta(seconds=1) - LEASE


def test_when_every_attempt_was_lost_the_job_fails_and_says_so() -> None:
    world, execution = world_with(lost_attempt(attempt=3, ago=timedelta(seconds=1)))
    assert execution.execute(KEY) is Outcome.FAILED
    job = world.jobs.get(KEY)
    assert job is not None
    assert job.status is JobStatus.FAILED
    assert job.error == JobError(
        code="ATTEMPTS_EXHAUSTED", detail="the job's consumer was lost in each of its 3 attempts"
    )


def test_an_attempt_that_outlives_its_lease_cannot_overwrite_the_next() -> None:
    """The zombie: it computes past its lease, another attempt ends the job, then it wakes up."""

    def slow(_data: str) -> str:
        world.clock.advance(seconds=LEASE.total_seconds() + 1)
        world.catalogue = OneOperation(lambda _: '"second"')
        assert world.services().execution.execute(KEY) is Outcome.SUCCESS
        return '"zombie"'

    world, execution = world_with(make_job(), run=slow)
    outcome = execution.execute(KEY)
    assert outcome is Outcome.SUPERSEDED
    assert outcome.is_settled
    job = world.jobs.get(KEY)
    assert job is not None
    assert (job.result_json, job.attempt) == ('"second"', 2)


def test_a_last_attempt_that_was_only_late_keeps_its_result() -> None:
    world, execution = world_with(lost_attempt(attempt=3, ago=timedelta(seconds=1)))
    real_fail = world.jobs.fail

    def fail_after_the_late_finish(job: Job, error: JobError, *, at: Any) -> None:
        world.jobs.finish(job, "14", at=at)
        real_fail(job, error, at=at)

    world.jobs.fail = fail_after_the_late_finish  # type: ignore[method-assign]
    assert execution.execute(KEY) is Outcome.ALREADY_FINAL
    job = world.jobs.get(KEY)
    assert job is not None
    assert job.status is JobStatus.SUCCESS


def failing(error: Exception) -> Callable[[str], str]:
    def run(_data: str) -> str:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (JobFailed("no such planet"), JobError(code="OPERATION_FAILED", detail="no such planet")),
        (ZeroDivisionError("by zero"), JobError(code="OPERATION_FAILED", detail="ZeroDivisionError: by zero")),
    ],
)
def test_a_failing_operation_fails_the_job_with_its_reason(error: Exception, expected: JobError) -> None:
    world, execution = world_with(make_job(), run=failing(error))
    assert execution.execute(KEY) is Outcome.FAILED
    job = world.jobs.get(KEY)
    assert job is not None
    assert (job.status, job.result_json, job.error, job.finished_at) == (JobStatus.FAILED, None, expected, NOON)


@pytest.mark.parametrize("error", [JobFailed("x" * 10**6), ValueError("x" * 10**6)])
def test_an_endless_reason_is_cut(error: Exception) -> None:
    world, execution = world_with(make_job(), run=failing(error))
    execution.execute(KEY)
    job = world.jobs.get(KEY)
    assert job is not None
    assert job.error is not None
    assert len(job.error.detail) == DETAIL_MAX_CHARACTERS


def test_a_result_that_does_not_fit_fails_the_job() -> None:
    world, execution = world_with(make_job(), run=lambda _: "1" * 101, result_max_bytes=100)
    assert execution.execute(KEY) is Outcome.FAILED
    job = world.jobs.get(KEY)
    assert job is not None
    assert job.error == JobError(code="RESULT_TOO_LARGE", detail="the result takes more than 100 bytes as JSON")


def test_an_operation_that_is_no_more_fails_the_job() -> None:
    world, execution = world_with(make_job(operation="retired"))
    assert execution.execute(KEY) is Outcome.FAILED
    job = world.jobs.get(KEY)
    assert job is not None
    assert job.error == JobError(code="UNKNOWN_OPERATION", detail="this deployment has no operation retired")


def test_a_store_away_before_the_claim_leaves_the_job_waiting() -> None:
    world, execution = world_with(make_job())
    world.jobs.away = True
    with pytest.raises(Unavailable):
        execution.execute(KEY)
    world.jobs.away = False
    assert world.jobs.get(KEY) == make_job()


def test_a_store_away_at_the_end_leaves_the_job_to_the_next_attempt() -> None:
    def compute(_data: str) -> str:
        world.jobs.away = True
        return "14"

    world, execution = world_with(make_job(), run=compute)
    with pytest.raises(Unavailable):
        execution.execute(KEY)
    world.jobs.away = False
    assert execution.execute(KEY) is Outcome.HELD
    world.clock.advance(seconds=LEASE.total_seconds())
    world.catalogue = OneOperation(lambda _: "14")
    assert world.services().execution.execute(KEY) is Outcome.SUCCESS
