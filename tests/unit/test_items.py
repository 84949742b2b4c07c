from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.dynamodb.items import from_job_item, from_user_item, to_job_item, to_user_item
from chalicelib.adapters.dynamodb.keys import EPOCH
from chalicelib.config import ITEM_REST_BYTES
from chalicelib.domain.jobs import EVENTS_MAX, Act, Claim, Job, JobError, JobId, JobKey, submitted
from chalicelib.domain.operations import ATTEMPTS_MAX
from chalicelib.domain.users import User, UserId
from tests.factories import make_act, make_claim, make_job
from tests.fakes import NOON

INSTANTS = st.integers(0, 2**43).map(lambda milliseconds: EPOCH + timedelta(milliseconds=milliseconds))
JOB_IDS = st.uuids().map(str).map(JobId)
KEYS = st.builds(JobKey, owner_id=st.text(min_size=1).map(UserId), job_id=JOB_IDS)
ACTS = st.builds(Act, token=st.text(), at=INSTANTS, worker=st.text())
ERRORS = st.builds(JobError, code=st.text(), detail=st.text())


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """Any job that transitions can make."""
    job = submitted(
        draw(KEYS),
        draw(ACTS),
        operation=draw(st.text()),
        data_json=draw(st.text()),
        max_attempts=draw(st.integers(1, 20)),
        timeout=timedelta(seconds=draw(st.integers(1, 840))),
        retention=timedelta(days=draw(st.integers(1, 366))),
        run_at=draw(INSTANTS),
        due_at=draw(INSTANTS),
    )
    for step in draw(st.lists(st.sampled_from(["claim", "retry", "finish", "fail", "cancel", "again"]), max_size=8)):
        act = draw(ACTS)
        if job.is_final != (step == "again"):
            continue
        match step:
            case "claim":
                job = job.claimed(Claim(act=act, time_left=timedelta(), lease_margin=timedelta(seconds=15)))
            case "retry":
                job = job.retried(draw(ERRORS), act, run_at=draw(INSTANTS), due_at=draw(INSTANTS))
            case "finish":
                job = job.finished(draw(st.text()), act)
            case "fail":
                job = job.failed(draw(ERRORS), act)
            case "cancel":
                job = job.cancelled(act)
            case "again":
                job = job.retried_by_hand(act, due_at=draw(INSTANTS))
    return job


@given(jobs())
def test_a_job_survives_its_item(job: Job) -> None:
    assert from_job_item(to_job_item(job)) == job


def size(value: Any) -> int:
    """Bytes of an attribute value, as DynamoDB counts them, numbers as if each digit were one."""
    ((kind, content),) = value.items()
    match kind:
        case "S" | "N":
            return len(content.encode())
        case "L":
            return 3 + sum(1 + size(each) for each in content)
        case _:
            return 3 + sum(1 + len(name) + size(each) for name, each in content.items())


def test_the_fullest_job_leaves_its_data_and_its_result_the_room_they_are_promised() -> None:
    worst = "\N{PILE OF POO}"
    far = NOON + timedelta(days=400)
    error = JobError(code="x" * 40, detail=worst * 1000)
    job = make_job(operation="x" * 200)
    for number in range(2 * EVENTS_MAX):
        job = job.retried(error, make_act(f"{number:036}"), run_at=far, due_at=far)
    for number in range(ATTEMPTS_MAX):
        job = job.claimed(make_claim(f"{number:036}"))
    job = replace(job, error=error, result_json="", data_json="")
    assert len(job.events) == EVENTS_MAX + ATTEMPTS_MAX
    assert sum(len(name) + size(value) for name, value in to_job_item(job).items()) < ITEM_REST_BYTES


@given(st.builds(User, user_id=st.text().map(UserId), username=st.text(), password_hash=st.text(), created_at=INSTANTS))
def test_a_user_survives_its_item(user: User) -> None:
    assert from_user_item(to_user_item(user)) == user


def test_the_time_to_live_is_rounded_up() -> None:
    """DynamoDB counts whole seconds, and must not delete a job that still counts."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for expires_at in (at, at + timedelta(milliseconds=1)):
        item = to_job_item(replace(make_job(), expires_at=expires_at))
        assert int(item["expires_at_epoch_s"]["N"]) >= expires_at.timestamp()
