from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.dynamodb.items import (
    from_job_item,
    from_receipt_item,
    to_job_item,
    to_receipt_item,
)
from chalicelib.adapters.dynamodb.keys import EPOCH
from chalicelib.config import ITEM_MAX_BYTES, ITEM_REST_BYTES
from chalicelib.domain.jobs import EVENTS_MAX, Act, Claim, Job, JobError, JobId, JobKey, ScheduledRun, submitted
from chalicelib.domain.operations import ATTEMPTS_MAX
from chalicelib.domain.receipts import POINTER_MAX_CHARACTERS, KeyedRequest, Receipt, Refusal
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_urls import URL_MAX_CHARACTERS
from chalicelib.fields import (
    METADATA_MAX,
    METADATA_NAME_MAX_CHARACTERS,
    METADATA_VALUE_MAX_CHARACTERS,
    TAG_MAX_CHARACTERS,
    TAGS_MAX,
)
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
        tags=tuple(draw(st.lists(st.text(), max_size=3))),
        metadata_json=draw(st.none() | st.text()),
        callback_url=draw(st.none() | st.text()),
        scheduled=draw(st.none() | st.builds(ScheduledRun, schedule_id=st.text(), due_at=INSTANTS)),
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
        case "BOOL":
            return 1
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
    names = [f"{number:02}" + "\0" * (METADATA_NAME_MAX_CHARACTERS - 2) for number in range(METADATA_MAX)]
    job = replace(
        job.failed(error, make_act("0" * 36)),
        result_json="",
        data_json="",
        tags=(worst * TAG_MAX_CHARACTERS,) * TAGS_MAX,
        metadata_json=msgspec.json.encode(dict.fromkeys(names, "\0" * METADATA_VALUE_MAX_CHARACTERS)).decode(),
        callback_url="x" * URL_MAX_CHARACTERS,
        scheduled=ScheduledRun(schedule_id="0" * 36, due_at=far),
    )
    assert job.metadata_json is not None
    assert len(job.metadata_json) > METADATA_MAX * 6 * (
        METADATA_NAME_MAX_CHARACTERS - 2 + METADATA_VALUE_MAX_CHARACTERS
    ), "JSON writes NUL as \\u0000"
    assert sum(len(name) + size(value) for name, value in to_job_item(job).items()) < ITEM_REST_BYTES


def test_the_time_to_live_is_rounded_up() -> None:
    """DynamoDB counts whole seconds, and must not delete a job that still counts."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for expires_at in (at, at + timedelta(milliseconds=1)):
        item = to_job_item(replace(make_job(), expires_at=expires_at))
        assert int(item["expires_at_epoch_s"]["N"]) >= expires_at.timestamp()


REFUSALS = st.builds(Refusal, code=st.text(), detail=st.text(), pointer=st.none() | st.text())


@given(
    owner_id=st.uuids().map(str).map(UserId),
    digest=st.text(alphabet="0123456789abcdef", min_size=64, max_size=64),
    act=ACTS,
    outcomes=st.lists(JOB_IDS | REFUSALS, max_size=5).map(tuple),
)
def test_a_receipt_survives_its_item(owner_id: UserId, digest: str, act: Act, outcomes: tuple[Any, ...]) -> None:
    receipt = Receipt.of(owner_id, KeyedRequest(key_digest=digest, fingerprint=digest), act, outcomes)
    assert from_receipt_item(to_receipt_item(receipt)) == receipt


def test_a_hundred_refusals_fit_a_receipt() -> None:
    """All but one, which is a job: without any there is no receipt."""
    refusal = Refusal(code="INPUT_TOO_LARGE", detail="é" * 400, pointer="x" * POINTER_MAX_CHARACTERS)
    request = KeyedRequest(key_digest="0" * 64, fingerprint="0" * 64)
    receipt = Receipt.of(UserId("0" * 36), request, make_act("0" * 36), (refusal,) * 100)
    assert len(str(to_receipt_item(receipt)).encode()) < ITEM_MAX_BYTES
