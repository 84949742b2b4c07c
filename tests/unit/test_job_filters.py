from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.system import SystemIds
from chalicelib.domain.job_filters import IdRange, JobFilter
from chalicelib.domain.jobs import JobError, JobId, JobKey, JobStatus
from chalicelib.services.dead_letters import DEAD_LETTERED
from tests.factories import OWNER, make_act, make_claim, make_job
from tests.fakes import NOON

MILLISECOND = timedelta(milliseconds=1)
INSTANTS = st.integers(0, 2**43).map(lambda milliseconds: datetime(1970, 1, 1, tzinfo=UTC) + milliseconds * MILLISECOND)
EAST = timezone(timedelta(hours=12))
WEST = timezone(timedelta(hours=-12))


@given(INSTANTS, st.integers(-2000, 2000))
def test_a_job_was_made_when_its_id_says(at: datetime, microseconds: int) -> None:
    job = make_job(key=JobKey(owner_id=OWNER, job_id=SystemIds().new_job_id(at)), created_at=at)
    bound = at + timedelta(microseconds=microseconds)
    assert JobFilter(created_after=bound).matches(job) == (at >= bound)
    assert JobFilter(created_before=bound).matches(job) == (at < bound)


@pytest.mark.parametrize(
    ("wanted", "is_met"),
    [
        (JobFilter(), True),
        (JobFilter(status=JobStatus.PENDING), True),
        (JobFilter(status=JobStatus.FAILED), False),
        (JobFilter(operation="square_sum"), True),
        (JobFilter(operation="cube_sum"), False),
        (JobFilter(tag="blue"), True),
        (JobFilter(tag="blu"), False),
        (JobFilter(tag="blue", operation="cube_sum"), False),
        (JobFilter(tag="red", operation="square_sum", status=JobStatus.PENDING), True),
    ],
)
def test_a_job_is_shown_if_it_is_all_that_is_asked(wanted: JobFilter, is_met: bool) -> None:  # noqa: FBT001
    assert wanted.matches(make_job(tags=("red", "blue"))) is is_met


@pytest.mark.parametrize(
    ("wanted", "met_by"),
    [
        (JobFilter(is_open=True), {"waiting", "held", "again"}),
        (JobFilter(is_open=True, status=JobStatus.PENDING), {"waiting", "again"}),
        (JobFilter(is_dead=True), {"dead"}),
        (JobFilter(is_dead=True, status=JobStatus.FAILED), {"dead"}),
        (JobFilter(is_dead=True, error_code="OPERATION_FAILED"), set()),
        (JobFilter(error_code="OPERATION_FAILED"), {"failed"}),
        (JobFilter(error_code="DEAD_LETTERED"), {"dead"}),
        (JobFilter(error_code="operation_failed"), set()),
        (JobFilter(), {"waiting", "held", "failed", "dead", "cancelled", "finished", "again"}),
    ],
)
def test_open_dead_and_error_code_are_asked_of_the_job_as_it_is(wanted: JobFilter, met_by: set[str]) -> None:
    held = make_job().claimed(make_claim("a"))
    act = make_act("end")
    jobs = {
        "waiting": make_job(),
        "held": held,
        "failed": held.failed(JobError(code="OPERATION_FAILED", detail="no"), act),
        "dead": held.failed(DEAD_LETTERED, act),
        "cancelled": held.cancelled(act),
        "finished": held.finished("1", act),
    }
    jobs["again"] = jobs["failed"].retried_by_hand(act, due_at=NOON)
    assert {name for name, job in jobs.items() if wanted.matches(job)} == met_by


@pytest.mark.parametrize(
    "wanted",
    [
        JobFilter(status=JobStatus.FAILED),
        JobFilter(operation=""),
        JobFilter(tag=""),
        JobFilter(error_code=""),
        JobFilter(is_dead=True),
        JobFilter(is_open=True),
    ],
)
def test_what_asks_more_than_a_time_is_selective(wanted: JobFilter) -> None:
    assert wanted.is_selective
    assert not JobFilter().is_selective
    assert not JobFilter(created_after=NOON, created_before=NOON).is_selective


@pytest.mark.parametrize("far", [datetime.max.replace(tzinfo=WEST), datetime.max.replace(tzinfo=UTC)])
@pytest.mark.parametrize("long_ago", [datetime.min.replace(tzinfo=EAST), datetime.min.replace(tzinfo=UTC)])
def test_instants_that_no_id_can_have_bound_nothing(far: datetime, long_ago: datetime) -> None:
    job = make_job()
    assert JobFilter(created_after=long_ago, created_before=far).matches(job)
    assert not JobFilter(created_after=far).matches(job)
    assert not JobFilter(created_before=long_ago).matches(job)


def test_no_id_is_in_a_time_that_ends_as_it_begins() -> None:
    assert JobFilter(created_after=NOON, created_before=NOON).ids.is_empty
    assert not JobFilter(created_after=NOON, created_before=NOON + MILLISECOND).ids.is_empty
    assert not JobFilter().ids.is_empty


@given(st.uuids(), st.uuids())
def test_ids_before_one_are_those_that_sort_before_it(one: object, other: object) -> None:
    older = JobFilter().ids.older_than(JobId(str(one)))
    assert (older.first <= str(other) <= older.last) == (str(other) < str(one))


def test_a_range_does_not_grow_by_what_goes_before_an_id_behind_it() -> None:
    ids = IdRange(
        first=JobId("01900000-0000-7000-8000-000000000001"), last=JobId("01900000-0000-7000-8000-000000000005")
    )
    assert ids.older_than(JobId("01900000-0000-7000-8000-000000000009")) == ids
