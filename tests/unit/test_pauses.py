from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.jobs import JobKey
from chalicelib.domain.pauses import JobPauses, JobsOfOperation, JobsOfUser, SomeJobs
from chalicelib.domain.users import UserId
from tests.factories import ADAS_JOBS, KEY, LEASE, OWNER, SQUARE_SUMS, make_act, make_claim, make_job, make_pause
from tests.fakes import NOON

BOB = UserId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a99")
BOBS_KEY = JobKey(owner_id=BOB, job_id=KEY.job_id)
BOBS_JOBS = JobsOfUser(owner_id=BOB, username="bob")
CUBE_SUMS = JobsOfOperation(operation="cube_sum")


@pytest.mark.parametrize(
    ("jobs", "has"), [(SQUARE_SUMS, True), (CUBE_SUMS, False), (ADAS_JOBS, True), (BOBS_JOBS, False)]
)
def test_a_job_is_one_of_its_operation_and_one_of_its_owner(jobs: SomeJobs, has: bool) -> None:  # noqa: FBT001 - a case
    assert jobs.has(make_job()) is has


def test_by_its_key_a_job_is_told_from_anothers_but_not_by_its_operation() -> None:
    assert [jobs.may_have(BOBS_KEY) for jobs in (ADAS_JOBS, BOBS_JOBS, CUBE_SUMS)] == [False, True, True]


def test_pauses_name_what_is_paused() -> None:
    pauses = JobPauses(all=(make_pause(), make_pause(CUBE_SUMS), make_pause(ADAS_JOBS)))
    assert pauses.operations == {"square_sum", "cube_sum"}
    assert pauses.owners == {OWNER}
    assert not JobPauses().operations | JobPauses().owners


def test_of_two_pauses_of_a_job_the_later_one_is_told() -> None:
    """So what is said changes when the owner hears of another."""
    first, second = make_pause(ADAS_JOBS), make_pause(paused_at=NOON + timedelta(seconds=1))
    for pauses in ((first, second), (second, first)):
        assert JobPauses(all=pauses).of(make_job()) == second
    assert JobPauses(all=(first, make_pause(CUBE_SUMS))).of(make_job()) == first
    assert JobPauses(all=(make_pause(CUBE_SUMS), make_pause(BOBS_JOBS))).of(make_job()) is None


def test_from_failing_for_a_lost_last_attempt_only_a_pause_of_its_owner_keeps_a_job() -> None:
    second, last = (make_job(attempt=attempt).claimed(make_claim("a")) for attempt in (1, 2))
    of_operation = make_pause(paused_at=NOON + timedelta(seconds=1))
    assert JobPauses(all=(of_operation,)).of(second) == of_operation
    assert JobPauses(all=(of_operation,)).of(last) is None
    assert JobPauses(all=(of_operation, make_pause(ADAS_JOBS))).of(last) == make_pause(ADAS_JOBS)


def test_a_job_of_a_paused_operation_is_not_claimable() -> None:
    claim = make_claim("a", paused_operations=frozenset({"cube_sum"}))
    assert make_job().is_claimable(claim)
    assert not make_job().is_claimable(replace(claim, paused_operations=frozenset({"cube_sum", "square_sum"})))


def test_a_job_waits_when_it_is_due_or_its_attempt_is_lost() -> None:
    held = make_job().claimed(make_claim("a"))
    assert make_job().is_waiting(NOON)
    assert not make_job(run_at=NOON + timedelta(seconds=2)).is_waiting(NOON)
    assert not held.is_waiting(NOON)
    assert held.is_waiting(NOON + LEASE)
    assert not held.finished("14", make_act("b")).is_waiting(NOON + LEASE)
