from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.dynamodb.items import EPOCH, from_job_item, from_user_item, to_job_item, to_user_item
from chalicelib.domain.jobs import Job, JobError, JobId, JobKey, JobStatus, Lease
from chalicelib.domain.users import User, UserId
from tests.factories import make_job

SECONDS = st.integers(0, 2**33).map(lambda seconds: EPOCH + timedelta(seconds=seconds))
INSTANTS = st.integers(0, 2**43).map(lambda milliseconds: EPOCH + timedelta(milliseconds=milliseconds))
JOBS = st.builds(
    Job,
    key=st.builds(JobKey, owner_id=st.text(min_size=1).map(UserId), job_id=st.text(min_size=1).map(JobId)),
    operation=st.text(),
    data_json=st.text(),
    status=st.sampled_from(JobStatus),
    attempt=st.integers(0, 100),
    max_attempts=st.integers(1, 100),
    created_at=INSTANTS,
    expires_at=SECONDS,
    started_at=st.none() | INSTANTS,
    finished_at=st.none() | INSTANTS,
    lease=st.none() | st.builds(Lease, token=st.text(), expires_at=INSTANTS),
    result_json=st.none() | st.text(),
    error=st.none() | st.builds(JobError, code=st.text(), detail=st.text()),
)


@given(JOBS)
def test_a_job_survives_its_item(job: Job) -> None:
    assert from_job_item(to_job_item(job)) == job


@given(st.builds(User, user_id=st.text().map(UserId), username=st.text(), password_hash=st.text(), created_at=INSTANTS))
def test_a_user_survives_its_item(user: User) -> None:
    assert from_user_item(to_user_item(user)) == user


def test_the_time_to_live_is_rounded_up() -> None:
    """DynamoDB counts whole seconds, and must not delete a job that still counts."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for expires_at in (at, at + timedelta(milliseconds=1)):
        item = to_job_item(replace(make_job(), expires_at=expires_at))
        assert int(item["expires_at_epoch_s"]["N"]) >= expires_at.timestamp()
