"""What changes add to the counts of ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.job_ends import (
    BOUNDS_MS,
    BUCKET_FACTOR,
    BUCKETS,
    CODE_MAX_CHARACTERS,
    OTHER_CODE,
    SLOT,
    Count,
    Ending,
    additions,
    begin_of,
    bucket,
)
from chalicelib.domain.job_events import Change, Unreadable
from chalicelib.domain.jobs import Job, JobError, JobId, JobKey, JobStatus
from tests.factories import OWNER, make_act, make_claim, make_job
from tests.fakes import NOON

ERROR = JobError(code="TIMED_OUT", detail="it took too long")


def job_of(number: int, **overrides: Any) -> Job:
    key = JobKey(owner_id=OWNER, job_id=JobId(f"01900000-0000-7000-8000-{number:012x}"))
    return make_job(key=key, token=f"submit {number}", **overrides)


def end(job: Job, how: JobStatus, after: timedelta = timedelta(seconds=1), error: JobError = ERROR) -> Change:
    """The change by which a job that was to run at noon ends, so long after that."""
    running = job.claimed(make_claim(f"claim {job.token}"))
    act = make_act(f"end {job.token}", at=NOON + after)
    ended = {
        JobStatus.SUCCESS: lambda: running.finished("14", act),
        JobStatus.FAILED: lambda: running.failed(error, act),
        JobStatus.CANCELLED: lambda: running.cancelled(act),
    }[how]()
    return Change(position=job.token, before=running, after=ended)


def added(*changes: Change | Unreadable) -> list[Count]:
    return [addition.count for addition in additions(changes)]


def test_ends_are_counted_by_five_minutes_operation_and_how_they_ended() -> None:
    others = job_of(4, operation="cube_sum")
    second = bucket(timedelta(seconds=1))
    counts = added(
        end(job_of(1), JobStatus.SUCCESS),
        end(job_of(2), JobStatus.FAILED),
        end(job_of(3), JobStatus.CANCELLED),
        end(others, JobStatus.SUCCESS),
        end(job_of(5), JobStatus.SUCCESS, SLOT - timedelta(milliseconds=1)),
        end(job_of(6), JobStatus.SUCCESS, SLOT),
    )
    longer = bucket(SLOT)
    assert counts == [
        Count(
            ending=Ending(slot=NOON, operation="square_sum", status=JobStatus.SUCCESS),
            jobs=2,
            latencies={second: 1, longer: 1},
        ),
        Count(
            ending=Ending(slot=NOON, operation="square_sum", status=JobStatus.FAILED, error_code="TIMED_OUT"),
            jobs=1,
            latencies={second: 1},
        ),
        Count(ending=Ending(slot=NOON, operation="square_sum", status=JobStatus.CANCELLED), jobs=1, latencies={}),
        Count(ending=Ending(slot=NOON, operation="cube_sum", status=JobStatus.SUCCESS), jobs=1, latencies={second: 1}),
        Count(
            ending=Ending(slot=NOON + SLOT, operation="square_sum", status=JobStatus.SUCCESS),
            jobs=1,
            latencies={longer: 1},
        ),
    ]


def test_only_a_transition_to_a_final_state_is_an_end() -> None:
    change = end(job_of(1), JobStatus.FAILED)
    ended = change.after
    assert ended is not None
    assert change.before is not None
    retried = ended.retried_by_hand(make_act("retry", at=NOON), due_at=NOON)
    no_ends: list[Change | Unreadable] = [
        Change(position="1", before=None, after=job_of(1)),
        Change(position="2", before=job_of(1), after=change.before),
        Change(position="3", before=ended, after=replace(ended, tags=("new",))),
        Change(position="4", before=ended, after=retried),
        Change(position="5", before=ended, after=None),
        Change(position="6", before=None, after=None),
        Change(position="7", before=None, after=replace(ended, finished_at=None)),
        Unreadable(position="8", reason="?"),
    ]
    assert added(*no_ends) == []
    assert [count.jobs for count in added(Change(position="9", before=None, after=ended))] == [1]


def test_a_job_that_ends_again_after_a_retry_by_hand_has_two_ends() -> None:
    first = end(job_of(1), JobStatus.FAILED).after
    assert first is not None
    again = first.retried_by_hand(make_act("retry", at=NOON + timedelta(hours=1)), due_at=NOON)
    running = again.claimed(make_claim("claim again"))
    last = running.finished("14", make_act("last", at=NOON + timedelta(hours=1, seconds=1)))
    counts = added(Change(position="1", before=None, after=first), Change(position="2", before=running, after=last))
    assert [(count.ending.status, count.ending.slot, count.latencies) for count in counts] == [
        (JobStatus.FAILED, NOON, {bucket(timedelta(seconds=1)): 1}),
        (JobStatus.SUCCESS, NOON + timedelta(hours=1), {bucket(timedelta(seconds=1)): 1}),
    ]


@pytest.mark.parametrize("code", ["X" * (CODE_MAX_CHARACTERS + 1), "", "NO\nLINE", "ÉCHEC"])
def test_a_code_that_no_row_should_have_is_counted_as_other(code: str) -> None:
    (count,) = added(end(job_of(1), JobStatus.FAILED, error=JobError(code=code, detail="")))
    assert count.ending.error_code == OTHER_CODE
    longest = "X" * CODE_MAX_CHARACTERS
    (count,) = added(end(job_of(1), JobStatus.FAILED, error=JobError(code=longest, detail="")))
    assert count.ending.error_code == longest


def test_a_failed_row_without_an_error_is_counted_as_other() -> None:
    failed = end(job_of(1), JobStatus.FAILED).after
    assert failed is not None
    (count,) = added(Change(position="1", before=None, after=replace(failed, error=None)))
    assert count.ending.error_code == OTHER_CODE


def test_there_are_never_more_additions_than_ends() -> None:
    """Each is a write, and a job is to cost one at most."""
    changes = [end(job_of(number), how) for number, how in enumerate([*JobStatus][2:] * 10)]
    assert sum(count.jobs for count in added(*changes)) == len(changes)
    assert len(added(*changes)) == 3


def test_a_batch_is_named_by_its_ends_in_whatever_order_and_company() -> None:
    one, two, cancelled = (
        end(job_of(1), JobStatus.SUCCESS),
        end(job_of(2), JobStatus.SUCCESS),
        end(job_of(3), JobStatus.CANCELLED),
    )
    (first,) = additions([one, two])
    assert additions([two, Change(position="0", before=None, after=job_of(9)), one, cancelled])[0] == first
    assert additions([one])[0].batch != first.batch
    assert len(first.batch) == 16


def test_buckets_are_half_as_wide_as_what_is_below_them() -> None:
    assert (BOUNDS_MS[0], BUCKETS) == (10, 39)
    assert all(high == pytest.approx(low * BUCKET_FACTOR) for low, high in pairwise(BOUNDS_MS))
    assert timedelta(milliseconds=BOUNDS_MS[-1]) > timedelta(hours=9)
    assert [bucket(timedelta(milliseconds=ms)) for ms in (-5, 0, 9, 10, 14, 15, 22, 23)] == [0, 0, 0, 1, 1, 2, 2, 3]
    assert bucket(timedelta(days=365)) == BUCKETS - 1


@given(ms=st.integers(0, 40_000_000))
def test_a_latency_is_within_the_bounds_of_its_bucket(ms: int) -> None:
    found = bucket(timedelta(milliseconds=ms))
    bounds = (0.0, *BOUNDS_MS, float("inf"))
    assert bounds[found] <= ms < bounds[found + 1]


@given(at=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - with a zone
@pytest.mark.parametrize("length", [SLOT, timedelta(hours=2), timedelta(days=1)])
def test_an_interval_begins_at_or_before_what_is_in_it(length: timedelta, at: datetime) -> None:
    begin = begin_of(at, length)
    assert timedelta(0) <= at - begin < length
    assert (begin - begin.replace(hour=0, minute=0, second=0, microsecond=0)) % length == timedelta(0)
