from datetime import timedelta

import pytest

from chalicelib.domain.errors import (
    ConcurrentUpdate,
    Conflict,
    Expired,
    NotFound,
    Unavailable,
)
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import Job, JobError, JobStatus
from chalicelib.domain.users import UserId
from chalicelib.services.acceptance import WantedJob
from chalicelib.services.jobs import WRITE_TRIES
from tests.factories import KEY, OWNER, World, make_act, make_claim, make_job
from tests.fakes import NOON


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


@pytest.mark.asvs("8.2.2")
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
    assert jobs.page(OWNER, JobFilter(), limit=10, after=None).jobs
    world.clock.advance(seconds=1)
    assert not jobs.page(OWNER, JobFilter(), limit=10, after=None).jobs
    for call in (jobs.get, jobs.cancel, jobs.retry_by_hand, jobs.delete):
        with pytest.raises(Expired, match="this job was kept until 2026-11-23T12:00:01Z"):
            call(OWNER, KEY.job_id)


def test_jobs_are_listed_newest_first_and_page_by_page() -> None:
    world = World()
    jobs, submissions = world.services().jobs, world.services().submissions
    ids = [submissions.submit(OWNER, WantedJob(operation="cube_sum", data_json=b"[1]")).key.job_id for _ in range(3)]
    first = jobs.page(OWNER, JobFilter(), limit=2, after=None)
    assert [job.key.job_id for job in first.jobs] == ids[:0:-1]
    second = jobs.page(OWNER, JobFilter(), limit=2, after=first.next_after)
    assert [job.key.job_id for job in second.jobs] == ids[:1]
    assert second.next_after is None


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


@pytest.mark.parametrize("job", [SUCCEEDED, FAILED, CANCELLED])
def test_a_final_job_is_deleted(job: Job) -> None:
    world = World()
    world.jobs.add(job)
    world.services().jobs.delete(OWNER, KEY.job_id)
    assert not world.jobs.all()


@pytest.mark.parametrize("job", [make_job(), HELD])
def test_a_job_that_is_not_final_is_not_deleted(job: Job) -> None:
    world = World()
    world.jobs.add(job)
    with pytest.raises(Conflict, match=f"the job is {job.status}; cancel it first, only a final one can be deleted"):
        world.services().jobs.delete(OWNER, KEY.job_id)
    assert world.jobs.get(KEY) == job


def test_a_job_that_is_retried_while_it_is_deleted_is_looked_at_again_and_kept() -> None:
    world = World()
    world.jobs.add(FAILED)
    delete = world.jobs.delete
    waiting = FAILED.retried_by_hand(make_act("again"), due_at=NOON)

    def after_a_retry(seen: Job) -> None:
        world.jobs.advance(FAILED, waiting)
        delete(seen)

    world.jobs.delete = after_a_retry  # type: ignore[method-assign]
    with pytest.raises(Conflict, match="the job is PENDING; cancel it first"):
        world.services().jobs.delete(OWNER, KEY.job_id)
    assert world.jobs.get(KEY) == waiting


def test_a_late_message_of_a_deleted_job_is_let_go() -> None:
    world = World()
    world.jobs.add(SUCCEEDED)
    world.services().jobs.delete(OWNER, KEY.job_id)
    left = timedelta(minutes=10)
    world.execution().execute(KEY, time_left=lambda: left, whole_time=left)
    assert not world.jobs.all()
    assert not world.queue.messages


@pytest.mark.asvs("8.2.2", "8.4.1")
def test_another_owners_job_can_be_neither_cancelled_nor_retried_nor_deleted() -> None:
    world = World()
    world.jobs.add(make_job())
    jobs = world.services().jobs
    for call in (jobs.cancel, jobs.retry_by_hand, jobs.delete):
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
