from datetime import timedelta

import pytest

from chalicelib.domain.errors import InputTooLarge, InvalidInput, NotFound, Unavailable
from chalicelib.domain.jobs import JobKey, JobStatus, Lease
from chalicelib.domain.users import UserId
from tests.factories import KEY, OWNER, World, make_job, make_limits
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


def test_with_the_queue_away_nothing_is_left_behind() -> None:
    world = World()
    world.queue.away = True
    with pytest.raises(Unavailable):
        world.services().jobs.submit(OWNER, operation="square_sum", data_json=b"[1]")
    assert not world.jobs.all()


def test_with_the_queue_misconfigured_nothing_is_left_behind_either() -> None:
    world = World()
    world.queue.fault = PermissionError("sqs:SendMessage is not allowed")
    with pytest.raises(PermissionError):
        world.services().jobs.submit(OWNER, operation="square_sum", data_json=b"[1]")
    assert not world.jobs.all()


def test_a_row_whose_writing_was_never_answered_is_taken_back() -> None:
    world = World()
    world.jobs.loses_answers_to_adds = True
    with pytest.raises(Unavailable):
        world.services().jobs.submit(OWNER, operation="square_sum", data_json=b"[1]")
    assert not world.jobs.all()
    assert not world.queue.messages


def test_a_job_that_was_begun_stands_although_the_queue_seemed_away(caplog: pytest.LogCaptureFixture) -> None:
    """The send arrived and only its answer was lost; a consumer was quicker than the taking back."""
    world = World()
    world.queue.loses_answers = True
    withdraw = world.jobs.withdraw

    def withdraw_after_a_claim(key: JobKey) -> None:
        world.jobs.claim(key, Lease(token="t", expires_at=NOON + timedelta(minutes=1)), at=NOON)
        withdraw(key)

    world.jobs.withdraw = withdraw_after_a_claim  # type: ignore[method-assign]
    job = world.services().jobs.submit(OWNER, operation="square_sum", data_json=b"[1]")
    stored = world.jobs.get(job.key)
    assert stored is not None
    assert stored.status is JobStatus.IN_PROGRESS
    (record,) = caplog.records
    assert record.__dict__["job_id"] == job.key.job_id
    assert "the fake is away" in str(record.exc_info), "the log keeps the cause that the caller is not told"


def test_taking_back_what_is_already_gone_still_refuses_the_job() -> None:
    world = World()
    world.queue.away = True
    withdraw = world.jobs.withdraw

    def withdraw_twice(key: JobKey) -> None:
        withdraw(key)
        withdraw(key)

    world.jobs.withdraw = withdraw_twice  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        world.services().jobs.submit(OWNER, operation="square_sum", data_json=b"[1]")


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
    with pytest.raises(NotFound):
        jobs.get(OWNER, KEY.job_id)


def test_jobs_are_listed_newest_first_and_page_by_page() -> None:
    world = World()
    jobs = world.services().jobs
    ids = [jobs.submit(OWNER, operation="cube_sum", data_json=b"[1]").key.job_id for _ in range(3)]
    first = jobs.newest(OWNER, limit=2, after=None)
    assert [job.key.job_id for job in first.jobs] == ids[:0:-1]
    second = jobs.newest(OWNER, limit=2, after=first.next_after)
    assert [job.key.job_id for job in second.jobs] == ids[:1]
    assert second.next_after is None
