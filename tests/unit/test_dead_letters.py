from datetime import timedelta

import pytest

from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.jobs import Job, JobError, JobId, JobKey, JobStatus
from chalicelib.services.dead_letters import DEAD_LETTERED, Burial, DeadLetters, Redriven
from chalicelib.services.due_rows import PAGE, TIME_FOR_ONE
from tests.factories import KEY, LEASE, OWNER, World, make_act, make_claim, make_job
from tests.fakes import NOON


def plenty() -> timedelta:
    return timedelta(minutes=1)


HELD = make_job().claimed(make_claim("a"))
LOST = make_job().claimed(make_claim("a", at=NOON - LEASE))


def key_of(number: int) -> JobKey:
    return JobKey(owner_id=OWNER, job_id=JobId(f"01900000-0000-7000-8000-{number:012x}"))


def dead_job(number: int = 1) -> Job:
    return make_job(key=key_of(number), attempt=1).failed(DEAD_LETTERED, make_act(f"dead-{number}"))


def world_with(*jobs: Job) -> tuple[World, DeadLetters]:
    world = World()
    for job in jobs:
        world.jobs.add(job)
    return world, world.dead_letters()


@pytest.mark.parametrize("job", [make_job(), LOST])
def test_a_dead_letter_fails_its_job_with_the_reason(job: Job) -> None:
    world, letters = world_with(job)
    assert letters.bury(KEY, sent_at=NOON) is Burial.FAILED
    failed = world.jobs.get(KEY)
    assert failed is not None
    assert (failed.status, failed.error, failed.due_at) == (JobStatus.FAILED, DEAD_LETTERED, None)
    assert failed.is_dead


@pytest.mark.parametrize(
    ("job", "burial"),
    [
        (None, Burial.GONE),
        (make_job(expires_at=NOON), Burial.GONE),
        (HELD.finished("14", make_act("end")), Burial.ALREADY_FINAL),
        (HELD.cancelled(make_act("end")), Burial.ALREADY_FINAL),
        (make_job(run_at=NOON + timedelta(minutes=1)), Burial.NOT_DUE),
        (HELD, Burial.HELD),
    ],
)
def test_a_dead_letter_fails_no_job_that_has_ended_or_goes_on_without_it(job: Job | None, burial: Burial) -> None:
    world, letters = world_with(*([job] if job else []))
    assert letters.bury(KEY, sent_at=NOON) is burial
    assert world.jobs.get(KEY) == job
    assert burial.is_settled == (burial is not Burial.HELD)


RETRIED = HELD.retried(DEAD_LETTERED, make_act("b", at=NOON + LEASE), run_at=NOON + LEASE, due_at=NOON + LEASE)
AGAIN = HELD.cancelled(make_act("c")).retried_by_hand(make_act("d", at=NOON + LEASE), due_at=NOON + LEASE)


@pytest.mark.parametrize("job", [RETRIED, AGAIN])
def test_a_letter_from_before_the_jobs_present_try_fails_it_not(job: Job) -> None:
    """After an outage there are many old letters, and a job that was retried meanwhile has a younger message."""
    world, letters = world_with(job)
    world.clock.advance(hours=1)
    assert letters.bury(KEY, sent_at=NOON + LEASE - timedelta(milliseconds=1)) is Burial.STALE
    assert Burial.STALE.is_settled
    assert world.jobs.get(KEY) == job
    assert letters.bury(KEY, sent_at=NOON + LEASE) is Burial.FAILED


def test_a_job_that_goes_on_while_it_is_buried_keeps_its_letter() -> None:
    world, letters = world_with(make_job())

    def claimed_first(seen: Job, to: Job) -> None:  # noqa: ARG001
        raise ConcurrentUpdate(HELD)

    world.jobs.advance = claimed_first  # type: ignore[method-assign]
    assert letters.bury(KEY, sent_at=NOON) is Burial.HELD


def test_with_the_store_away_the_letter_comes_back() -> None:
    world, letters = world_with(make_job())
    world.jobs.away = True
    with pytest.raises(Unavailable):
        letters.bury(KEY, sent_at=NOON)


def test_dead_jobs_are_sent_again_with_a_fresh_set_of_attempts() -> None:
    world, letters = world_with(dead_job())
    assert letters.redrive(plenty) == Redriven(retried=1, is_complete=True)
    job = world.jobs.get(key_of(1))
    assert job is not None
    assert (job.status, job.attempt, job.last_attempt, job.error) == (JobStatus.PENDING, 1, 4, None)
    assert list(world.queue.messages) == [job.key]
    assert letters.redrive(plenty) == Redriven(retried=0, is_complete=True), "a job is sent once"


def test_jobs_that_failed_by_their_operations_word_or_were_cancelled_are_not_dead() -> None:
    other = JobError(code="OPERATION_FAILED", detail="no such planet")
    failed = make_job(key=key_of(1)).failed(other, make_act("a"))
    cancelled = make_job(key=key_of(2)).cancelled(make_act("b"))
    world, letters = world_with(failed, cancelled)
    assert letters.redrive(plenty).retried == 0
    assert set(world.jobs.all()) == {failed, cancelled}


def test_more_than_a_page_of_dead_jobs_is_sent() -> None:
    world, letters = world_with(*(dead_job(number) for number in range(PAGE + 1)))
    assert letters.redrive(plenty) == Redriven(retried=PAGE + 1, is_complete=True)
    assert len(world.queue.messages) == PAGE + 1


def test_a_dead_job_that_has_moved_on_or_expired_is_passed_over() -> None:
    world, letters = world_with(dead_job(1), dead_job(2), dead_job(3))
    stale = world.jobs.dead(at=NOON, limit=9)
    world.jobs.dead = lambda **_: stale  # type: ignore[method-assign]
    real_get, real_advance = world.jobs.get, world.jobs.advance

    def get(key: JobKey) -> Job | None:
        if key == key_of(1):
            return None
        return make_job(key=key) if key == key_of(2) else real_get(key)

    def raced(seen: Job, to: Job) -> None:
        real_advance(seen, seen.retried_by_hand(make_act("somebody else"), due_at=NOON))
        real_advance(seen, to)

    world.jobs.get, world.jobs.advance = get, raced  # type: ignore[method-assign]
    assert letters.redrive(plenty) == Redriven(retried=0, is_complete=True)
    assert not world.queue.messages


def test_a_redrive_whose_time_is_up_says_that_there_is_more() -> None:
    world, letters = world_with(dead_job(1), dead_job(2))
    left = iter([TIME_FOR_ONE, TIME_FOR_ONE])
    assert letters.redrive(lambda: next(left, timedelta())) == Redriven(retried=1, is_complete=False)
    assert letters.redrive(plenty) == Redriven(retried=1, is_complete=True)
    assert len(world.queue.messages) == 2
