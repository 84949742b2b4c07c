"""The metrics that jobs leave in the log, held against what has become of the jobs."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.errors import AttemptFailed, ConcurrentUpdate, Conflict, Unavailable
from chalicelib.domain.jobs import Job, JobError, JobStatus
from chalicelib.services.dead_letters import DEAD_LETTERED, Burial
from chalicelib.services.execution import Outcome
from tests.embedded_metrics import NAMESPACE, Datum, Log, logged
from tests.factories import KEY, LEASE, OWNER, World, make_act, make_claim, make_job
from tests.fakes import NOON

PLENTY = timedelta(minutes=10)
RAISED = AttemptFailed(code="OPERATION_FAILED", detail="ZeroDivisionError: by zero")
FINAL = AttemptFailed(code="NO_SUCH_PLANET", detail="no such planet", is_final=True)


class Takes:
    """A runner whose attempts take a second each, and fail as they are told to."""

    def __init__(self, *failures: Exception | None) -> None:
        self._failures = list(failures)
        self.world: World | None = None

    def run(self, job: Job, *, is_cancelled: Callable[[], bool]) -> str:  # noqa: ARG002
        assert self.world is not None
        self.world.clock.advance(seconds=1)
        failure = self._failures.pop(0) if self._failures else None
        if failure:
            raise failure
        return "14"


@pytest.fixture
def log() -> Iterator[Log]:
    with logged() as log:
        yield log


def world_with(job: Job, *failures: Exception | None) -> World:
    runner = Takes(*failures)
    runner.world = world = World(runner=runner)
    world.jobs.add(job)
    return world


def delivered(world: World) -> Outcome:
    return world.execution().execute(KEY, time_left=lambda: PLENTY, whole_time=PLENTY)


def ended(world: World) -> Job:
    job = world.jobs.get(KEY)
    assert job is not None
    return job


def end(outcome: str, *, ms: int, attempts: int) -> list[Datum]:
    return [
        Datum(NAMESPACE, "Jobs", "Count", 1, (("outcome", outcome),)),
        Datum(NAMESPACE, "QueuedToDone", "Milliseconds", ms),
        Datum(NAMESPACE, "Attempts", "Count", attempts),
    ]


FAILED_ATTEMPT = Datum(NAMESPACE, "FailedAttempts", "Count", 1)


def test_a_job_that_succeeds_at_once_took_its_wait_and_its_attempt(log: Log) -> None:
    world = world_with(make_job())
    world.clock.advance(seconds=4)
    assert delivered(world) is Outcome.SUCCESS
    assert log.data == end("SUCCESS", ms=5000, attempts=1)
    (fields,) = log.fields("job ended")
    names = ("job_id", "operation", "outcome", "attempt", "level")
    assert [fields[name] for name in names] == [KEY.job_id, "square_sum", "SUCCESS", 1, "INFO"]
    assert "code" not in fields


def test_a_job_that_succeeds_after_retries_took_all_of_them(log: Log) -> None:
    world = world_with(make_job(), RAISED, RAISED)
    outcomes = []
    for _ in range(3):
        world.clock.advance(minutes=1)
        outcomes.append(delivered(world))
    assert outcomes == [Outcome.RETRIED, Outcome.RETRIED, Outcome.SUCCESS]
    assert log.data == [FAILED_ATTEMPT, FAILED_ATTEMPT, *end("SUCCESS", ms=183_000, attempts=3)]
    assert ended(world).finished_at == NOON + timedelta(seconds=183)


@pytest.mark.parametrize("failures", [(), (RAISED,)])
def test_a_delayed_job_took_what_it_took_after_its_delay(log: Log, failures: tuple[Exception, ...]) -> None:
    world = world_with(make_job(run_at=NOON + timedelta(hours=1)), *failures)
    world.clock.advance(hours=1)
    for _ in range(1 + len(failures)):
        world.clock.advance(seconds=9)
        delivered(world)
    passed = 10 * (1 + len(failures))
    assert log.data[-3:] == end("SUCCESS", ms=1000 * passed, attempts=1 + len(failures))
    assert ended(world).finished_at == NOON + timedelta(hours=1, seconds=passed)


def test_a_job_that_ends_before_its_time_by_the_clock_of_its_consumer_took_none(log: Log) -> None:
    world = World()
    world.jobs.add(make_job(run_at=NOON + timedelta(milliseconds=500)))
    assert delivered(world) is Outcome.SUCCESS
    assert log.data == end("SUCCESS", ms=0, attempts=1)


def test_a_final_error_is_an_end(log: Log) -> None:
    world = world_with(make_job(), FINAL)
    assert delivered(world) is Outcome.FAILED
    assert log.data == [FAILED_ATTEMPT, *end("FAILED", ms=1000, attempts=1)]
    (fields,) = log.fields("job ended")
    assert (fields["code"], fields["attempt"]) == ("NO_SUCH_PLANET", 1)


def test_the_last_failed_attempt_is_an_end(log: Log) -> None:
    world = world_with(make_job(max_attempts=1), RAISED)
    assert delivered(world) is Outcome.FAILED
    assert log.data == [FAILED_ATTEMPT, *end("FAILED", ms=1000, attempts=1)]


def test_attempts_that_were_lost_count_when_there_is_none_left(log: Log) -> None:
    world = world_with(make_job(attempt=2).claimed(make_claim("lost")))
    world.clock.advance(seconds=LEASE.total_seconds())
    assert delivered(world) is Outcome.FAILED
    assert log.data == end("FAILED", ms=75_000, attempts=3)
    assert log.fields("job ended")[0]["code"] == "ATTEMPTS_EXHAUSTED"


def test_a_dead_letter_is_an_end_be_it_before_the_first_attempt(log: Log) -> None:
    world = world_with(make_job())
    world.clock.advance(hours=2)
    assert world.dead_letters().bury(KEY, sent_at=NOON) is Burial.FAILED
    assert log.data == end("FAILED", ms=7_200_000, attempts=0)
    assert log.fields("job ended")[0]["code"] == "DEAD_LETTERED"


@pytest.mark.parametrize("job", [make_job(run_at=NOON + timedelta(days=1)), make_job().claimed(make_claim("a"))])
def test_of_a_cancelled_job_only_the_end_counts(log: Log, job: Job) -> None:
    world = world_with(job)
    world.services().jobs.cancel(OWNER, KEY.job_id)
    assert log.data == [Datum(NAMESPACE, "Jobs", "Count", 1, (("outcome", "CANCELLED"),))]


def test_a_job_that_is_retried_by_hand_ends_again_and_counts_from_then(log: Log) -> None:
    world = world_with(make_job(), RAISED, FINAL, RAISED)
    for wait_s in (0, 60):
        world.clock.advance(seconds=wait_s)
        delivered(world)
    assert log.data == [FAILED_ATTEMPT, FAILED_ATTEMPT, *end("FAILED", ms=62_000, attempts=2)]
    log.lines.clear()
    world.clock.advance(hours=5)
    world.services().jobs.retry_by_hand(OWNER, KEY.job_id)
    assert log.data == [], "it has begun again, not ended"
    for wait_s in (3, 60):
        world.clock.advance(seconds=wait_s)
        delivered(world)
    assert log.data == [FAILED_ATTEMPT, *end("SUCCESS", ms=65_000, attempts=2)]
    assert log.fields("job ended")[0]["attempt"] == 4


HELD = make_job().claimed(make_claim("a"))


@pytest.mark.parametrize(
    "job",
    [
        HELD,
        HELD.finished("14", make_act("end")),
        HELD.failed(JobError(code="OPERATION_FAILED", detail="no"), make_act("end")),
        HELD.cancelled(make_act("end")),
        make_job(run_at=NOON + timedelta(minutes=1)),
        make_job(expires_at=NOON),
    ],
)
def test_a_message_that_ends_nothing_counts_nothing(log: Log, job: Job) -> None:
    """A duplicate, one that comes too early, one of a job that is held or gone; as a dead letter too."""
    world = world_with(job)
    outcomes = [delivered(world), world.dead_letters().bury(KEY, sent_at=NOON)]
    assert not {"SUCCESS", "FAILED"} & set(outcomes)
    assert log.data == []
    assert ended(world) == job


def test_what_is_turned_away_by_its_state_counts_nothing(log: Log) -> None:
    world = world_with(HELD.finished("14", make_act("end")))
    with pytest.raises(Conflict):
        world.services().jobs.cancel(OWNER, KEY.job_id)
    assert log.data == []


def test_an_attempt_that_has_lost_its_job_counts_nothing(log: Log) -> None:
    """The zombie: it wakes up when another attempt has ended the job."""
    world = World()

    class Slow:
        def run(self, job: Job, *, is_cancelled: Callable[[], bool]) -> str:  # noqa: ARG002
            if job.attempt == 1:
                world.clock.advance(seconds=LEASE.total_seconds())
                assert delivered(world) is Outcome.SUCCESS
            return "14"

    world.runner = Slow()
    world.jobs.add(make_job())
    assert delivered(world) is Outcome.SUPERSEDED
    assert log.data == end("SUCCESS", ms=75_000, attempts=2), "the one that ended it"


def test_an_end_that_another_write_came_before_counts_nothing(log: Log) -> None:
    world = world_with(make_job())

    def refused(seen: Job, to: Job) -> None:  # noqa: ARG001
        raise ConcurrentUpdate(HELD)

    world.jobs.advance = refused  # type: ignore[method-assign]
    assert delivered(world) is Outcome.SUPERSEDED
    assert world.dead_letters().bury(KEY, sent_at=NOON) is Burial.HELD
    with pytest.raises(Unavailable):
        world.services().jobs.cancel(OWNER, KEY.job_id)
    assert log.data == []


def test_an_end_that_cannot_be_written_counts_when_it_is(log: Log) -> None:
    world = world_with(make_job())
    advance = world.jobs.advance

    def away(seen: Job, to: Job) -> None:  # noqa: ARG001
        raise Unavailable

    world.jobs.advance = away  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        delivered(world)
    assert log.data == []
    world.jobs.advance = advance  # type: ignore[method-assign]
    world.clock.advance(seconds=LEASE.total_seconds())
    assert delivered(world) is Outcome.SUCCESS
    assert log.data == end("SUCCESS", ms=77_000, attempts=2)


def queued_at(job: Job, *, retries: int) -> datetime:
    for number in range(retries):
        at = NOON + timedelta(minutes=10 * (number + 1))
        job = job.claimed(make_claim(f"claim-{number}", at=at))
        job = job.retried(DEAD_LETTERED, make_act(f"retry-{number}", at=at), run_at=at, due_at=at)
    return job.queued_at


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_a_job_is_queued_since_it_was_first_to_run(retries: int) -> None:
    later = NOON + timedelta(minutes=5)
    assert queued_at(make_job(run_at=later), retries=retries) == later
    ended_once = make_job(run_at=later, first_run_at=NOON, status=JobStatus.FAILED)
    again = ended_once.retried_by_hand(make_act("again", at=later), due_at=later)
    assert queued_at(again, retries=retries) == later
