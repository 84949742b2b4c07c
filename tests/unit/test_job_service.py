from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import (
    ConcurrentUpdate,
    Conflict,
    Expired,
    InputTooLarge,
    InvalidInput,
    NotFound,
    Unavailable,
)
from chalicelib.domain.jobs import Job, JobError, JobStatus
from chalicelib.domain.users import UserId
from chalicelib.services.jobs import DELAY_MAX, WRITE_TRIES, JobOptions
from tests.factories import KEY, OWNER, World, make_act, make_claim, make_job, make_limits
from tests.fakes import NOON


def test_an_accepted_job_is_stored_and_queued() -> None:
    world = World()
    job = world.services().jobs.submit(OWNER, operation="square_sum", data_json=b"[1, 2, 3]")
    assert world.jobs.get(job.key) == job
    assert list(world.queue.messages) == [job.key]
    assert (job.status, job.attempt, job.data_json) == (JobStatus.PENDING, 0, "[1,2,3]")
    assert (job.created_at, job.expires_at) == (NOON, NOON + timedelta(days=30))


@pytest.mark.parametrize(("operation", "hint"), [("sqare_sum", "; did you mean square_sum?"), ("_", "")])
def test_an_unknown_operation_is_refused_with_those_there_are(operation: str, hint: str) -> None:
    world = World()
    names = ", ".join(each.name for each in world.catalogue.all())
    assert {"cube_sum", "square_sum"} <= set(names.split(", "))
    with pytest.raises(InvalidInput) as refused:
        world.services().jobs.submit(OWNER, operation=operation, data_json=b"[]")
    assert str(refused.value) == f"there is no such operation; there are {names}{hint}"
    assert refused.value.pointer == "#/operation"
    assert not world.jobs.all()


def test_data_of_the_wrong_type_is_refused_and_nothing_stored() -> None:
    world = World()
    with pytest.raises(InvalidInput) as refused:
        world.services().jobs.submit(OWNER, operation="square_sum", data_json=b'[1, "2"]')
    assert refused.value.pointer == "#/data/1"
    assert not world.jobs.all()
    assert not world.queue.messages


def test_the_limit_counts_the_bytes_that_are_stored() -> None:
    """``1e15`` has 4 bytes as sent and 18 as stored."""
    world = World(limits=make_limits(data_max_bytes=20))
    world.services().jobs.submit(OWNER, operation="square_sum", data_json=b"[1e15]")
    with pytest.raises(InputTooLarge, match="data takes 39 bytes as JSON, and a job may have 20"):
        world.services().jobs.submit(OWNER, operation="square_sum", data_json=b"[1e15,1e15]")
    assert len(world.jobs.all()) == 1


@pytest.mark.parametrize("fault", ["away", "misconfigured"])
def test_a_job_whose_message_cannot_be_sent_is_accepted_and_left_to_the_sweep(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    if fault == "away":
        world.queue.away = True
    else:
        world.queue.fault = PermissionError("sqs:SendMessage is not allowed")
    job = world.services().jobs.submit(OWNER, operation="square_sum", data_json=b"[1]")
    assert world.jobs.get(job.key) == job
    assert job.due_at == NOON + world.limits.resend_after
    (record,) = caplog.records
    assert (record.message, record.levelname) == ("message not sent; the sweep will send it", "ERROR")
    assert record.__dict__["job_id"] == job.key.job_id
    assert record.exc_info, "the log keeps the cause that the caller is not told"


def test_with_the_store_away_nothing_is_queued() -> None:
    world = World()
    world.jobs.away = True
    with pytest.raises(Unavailable):
        world.services().jobs.submit(OWNER, operation="square_sum", data_json=b"[1]")
    assert not world.queue.messages


def test_an_owner_reads_the_job() -> None:
    world = World()
    world.jobs.add(make_job())
    assert world.services().jobs.get(OWNER, KEY.job_id) == make_job()


@pytest.mark.parametrize(
    "job_id",
    ["", "nonsense", "01900000-0000-7000-8000-000000000002", KEY.job_id.upper().replace("0", "A"), f"{KEY.job_id}\n"],
)
def test_what_is_no_job_is_not_found(job_id: str) -> None:
    world = World()
    world.jobs.add(make_job())
    with pytest.raises(NotFound):
        world.services().jobs.get(OWNER, job_id)


def test_an_id_that_can_be_none_is_not_even_looked_up() -> None:
    world = World()
    world.jobs.away = True
    with pytest.raises(NotFound):
        world.services().jobs.get(OWNER, "nonsense")


def test_another_owners_job_looks_like_one_that_never_was() -> None:
    world = World()
    world.jobs.add(make_job())
    jobs = world.services().jobs
    with pytest.raises(NotFound) as foreign:
        jobs.get(UserId("another"), KEY.job_id)
    with pytest.raises(NotFound) as absent:
        jobs.get(OWNER, "01900000-0000-7000-8000-000000000009")
    assert str(foreign.value) == str(absent.value)


def test_an_expired_job_is_gone_from_every_read_before_it_is_deleted() -> None:
    world = World()
    world.jobs.add(make_job(expires_at=NOON + timedelta(seconds=1)))
    jobs = world.services().jobs
    assert jobs.newest(OWNER, limit=10, after=None).jobs
    world.clock.advance(seconds=1)
    assert not jobs.newest(OWNER, limit=10, after=None).jobs
    for call in (jobs.get, jobs.explain, jobs.cancel, jobs.retry_by_hand):
        with pytest.raises(Expired, match="this job was kept until 2026-11-23T12:00:01Z"):
            call(OWNER, KEY.job_id)


def test_jobs_are_listed_newest_first_and_page_by_page() -> None:
    world = World()
    jobs = world.services().jobs
    ids = [jobs.submit(OWNER, operation="cube_sum", data_json=b"[1]").key.job_id for _ in range(3)]
    first = jobs.newest(OWNER, limit=2, after=None)
    assert [job.key.job_id for job in first.jobs] == ids[:0:-1]
    second = jobs.newest(OWNER, limit=2, after=first.next_after)
    assert [job.key.job_id for job in second.jobs] == ids[:1]
    assert second.next_after is None


MILLISECOND = timedelta(milliseconds=1)


def submitted(world: World, **options: Any) -> Job:
    return world.services().jobs.submit(OWNER, operation="square_sum", data_json=b"[1]", options=JobOptions(**options))


def test_without_options_the_operation_and_the_settings_decide() -> None:
    job = submitted(World())
    assert (job.max_attempts, job.last_attempt, job.timeout, job.retention) == (
        3,
        3,
        timedelta(seconds=60),
        timedelta(days=30),
    )
    assert job.run_at == NOON


def test_a_job_may_have_bounds_of_its_own_within_its_operations() -> None:
    job = submitted(World(), max_attempts=1, timeout_s=5, retention_days=2)
    assert (job.max_attempts, job.last_attempt, job.timeout) == (1, 1, timedelta(seconds=5))
    assert job.expires_at == NOON + timedelta(days=2)


@pytest.mark.parametrize(
    ("options", "pointer", "detail"),
    [
        ({"max_attempts": 4}, "#/max_attempts", "max_attempts must be from 1 to 3, which is what the operation allows"),
        ({"max_attempts": 0}, "#/max_attempts", "max_attempts must be from 1 to 3"),
        ({"timeout_s": 61}, "#/timeout_s", "timeout_s must be from 1 to 60"),
        ({"timeout_s": -1}, "#/timeout_s", "timeout_s must be from 1 to 60"),
        ({"retention_days": 0}, "#/retention_days", "retention_days must be from 1 to 366"),
        ({"retention_days": 367}, "#/retention_days", "retention_days must be from 1 to 366"),
        ({"delay_s": -1}, "#/delay_s", "delay_s must be from 0 to 31622400, which is 366 days"),
        ({"delay_s": 366 * 86_400 + 1}, "#/delay_s", "delay_s must be from 0 to 31622400"),
        ({"run_at": NOON + DELAY_MAX + timedelta(milliseconds=1)}, "#/run_at", "run_at must be within 366 days"),
        ({"run_at": NOON, "delay_s": 0}, "#/run_at", "give delay_s or run_at, not both"),
    ],
)
def test_an_option_out_of_bounds_is_refused_and_nothing_stored(
    options: dict[str, Any], pointer: str, detail: str
) -> None:
    world = World()
    with pytest.raises(InvalidInput, match=detail) as refused:
        submitted(world, **options)
    assert refused.value.pointer == pointer
    assert not world.jobs.all()


@pytest.mark.parametrize(
    ("options", "run_at", "delays"),
    [
        ({"delay_s": 0}, NOON, [timedelta()]),
        ({"delay_s": 5}, NOON + timedelta(seconds=5), [timedelta(seconds=5)]),
        ({"delay_s": 900}, NOON + timedelta(minutes=15), [timedelta(minutes=15)]),
        ({"delay_s": 901}, NOON + timedelta(seconds=901), []),
        ({"delay_s": 366 * 86_400}, NOON + DELAY_MAX, []),
        ({"run_at": NOON - timedelta(days=1)}, NOON, [timedelta()]),
        (
            {"run_at": NOON + timedelta(microseconds=1_500_999)},
            NOON + timedelta(milliseconds=1500),
            [timedelta(seconds=2)],
        ),
    ],
)
def test_a_delayed_job_is_sent_to_arrive_when_it_is_due_or_left_to_the_sweep(
    options: dict[str, Any], run_at: datetime, delays: list[timedelta]
) -> None:
    world = World()
    job = submitted(world, **options)
    assert job.run_at == run_at
    assert world.queue.delays == delays
    assert job.due_at == (run_at + timedelta(minutes=1) if delays else run_at - timedelta(minutes=2))
    assert job.expires_at >= run_at + timedelta(days=30), "a job that waits does not expire in the meantime"


@pytest.mark.parametrize("job", [make_job(), make_job().claimed(make_claim("a"))])
def test_a_waiting_or_running_job_is_cancelled(job: Job) -> None:
    world = World()
    world.jobs.add(job)
    cancelled = world.services().jobs.cancel(OWNER, KEY.job_id)
    assert world.jobs.get(KEY) == cancelled
    assert (cancelled.status, cancelled.attempt, cancelled.finished_at) == (
        JobStatus.CANCELLED,
        job.attempt + 1,
        NOON,
    )
    assert (cancelled.due_at, cancelled.lease_expires_at) == (None, None)


HELD = make_job().claimed(make_claim("a"))
SUCCEEDED = HELD.finished("14", make_act("end"))
FAILED = HELD.failed(JobError(code="OPERATION_FAILED", detail="no such planet"), make_act("end"))
CANCELLED = HELD.cancelled(make_act("end"))


@pytest.mark.parametrize("job", [SUCCEEDED, FAILED, CANCELLED])
def test_a_final_job_is_not_cancelled(job: Job) -> None:
    world = World()
    world.jobs.add(job)
    with pytest.raises(Conflict, match=f"the job is {job.status}; only a PENDING or IN_PROGRESS one can be cancelled"):
        world.services().jobs.cancel(OWNER, KEY.job_id)
    assert world.jobs.get(KEY) == job


@pytest.mark.parametrize("job", [FAILED, CANCELLED])
def test_a_failed_or_cancelled_job_is_retried_by_hand(job: Job) -> None:
    world = World()
    world.jobs.add(job)
    world.clock.advance(days=1)
    waiting = world.services().jobs.retry_by_hand(OWNER, KEY.job_id)
    assert world.jobs.get(KEY) == waiting
    assert (waiting.status, waiting.attempt, waiting.last_attempt) == (
        JobStatus.PENDING,
        job.attempt,
        job.attempt + job.max_attempts,
    )
    assert (waiting.error, waiting.started_at, waiting.finished_at) == (None, None, None)
    assert waiting.run_at == NOON + timedelta(days=1)
    assert waiting.expires_at == NOON + timedelta(days=31), "its retention begins anew"
    assert list(world.queue.messages) == [KEY]


@pytest.mark.parametrize("job", [make_job(), HELD, SUCCEEDED])
def test_no_other_job_is_retried_by_hand(job: Job) -> None:
    world = World()
    world.jobs.add(job)
    with pytest.raises(Conflict, match=f"the job is {job.status}; only a FAILED or CANCELLED one can be retried"):
        world.services().jobs.retry_by_hand(OWNER, KEY.job_id)
    assert world.jobs.get(KEY) == job
    assert not world.queue.messages


def test_another_owners_job_can_be_neither_cancelled_nor_retried() -> None:
    world = World()
    world.jobs.add(make_job())
    for call in (world.services().jobs.cancel, world.services().jobs.retry_by_hand):
        with pytest.raises(NotFound):
            call(UserId("another"), KEY.job_id)
    assert world.jobs.get(KEY) == make_job()


def moving_on(world: World, times: int) -> None:
    """Let the job be claimed by another in each of the next ``times`` writes."""
    advance = world.jobs.advance
    left = [times]

    def after_a_claim(seen: Job, to: Job) -> None:
        if left[0]:
            left[0] -= 1
            raise ConcurrentUpdate(None)
        advance(seen, to)

    world.jobs.advance = after_a_claim  # type: ignore[method-assign]


def test_a_job_that_moves_while_it_is_cancelled_is_looked_at_again() -> None:
    world = World()
    world.jobs.add(make_job())
    moving_on(world, WRITE_TRIES - 1)
    assert world.services().jobs.cancel(OWNER, KEY.job_id).status is JobStatus.CANCELLED


def test_a_job_that_never_stops_moving_can_be_tried_again_later() -> None:
    world = World()
    world.jobs.add(make_job())
    moving_on(world, WRITE_TRIES)
    with pytest.raises(Unavailable, match="the job is changing too quickly; try again"):
        world.services().jobs.cancel(OWNER, KEY.job_id)
