"""Orders become jobs: one for each event."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from chalicelib.domain.errors import (
    IdempotencyKeyReused,
    InputTooLarge,
    InvalidInput,
    JobBackendError,
    RateLimited,
    Unavailable,
)
from chalicelib.domain.jobs import JobId, JobStatus
from chalicelib.domain.stable_ids import stable_id
from chalicelib.domain.users import UserId
from chalicelib.domain.webhooks import CALLBACKS
from chalicelib.intake_ports import Order
from chalicelib.services.acceptance import WantedJob
from chalicelib.services.intake import AHEAD_MAX, Intake, Taken
from tests.factories import OWNER, World, make_event, make_limits, make_user
from tests.fakes import NOON

EVENT_AT = NOON - timedelta(minutes=2)
OTHER = UserId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a99")


def make_order(**overrides: Any) -> Order:
    values: dict[str, Any] = {"username": "ada", "event_id": "one", "event_at": EVENT_AT, "job_json": b"{}"}
    return Order(**values | overrides)


def wanted(**options: Any) -> WantedJob:
    return WantedJob(**{"operation": "square_sum", "data_json": b"[1, 2, 3]"} | options)


def world_of_ada(**options: Any) -> World:
    world = World(**options)
    world.users.add(make_user(), make_event())
    return world


def intake(world: World) -> Intake:
    services = world.services()
    services.adapters.worker = "intake"
    return services.intake.intake


def submitted(world: World, order: Order | None = None, **options: Any) -> Taken:
    return intake(world).submit(order or make_order(), wanted(**options))


def test_an_order_becomes_a_job_of_its_user_under_the_id_of_its_event() -> None:
    world = world_of_ada()
    taken = submitted(world, make_order(username="ADA"), tags=("monthly",))
    assert world.jobs.all() == [taken.job]
    assert taken.is_new
    assert (taken.job.key.owner_id, taken.job.key.job_id) == (OWNER, stable_id(EVENT_AT, OWNER, "one"))
    assert (taken.job.status, taken.job.data_json, taken.job.tags) == (JobStatus.PENDING, "[1,2,3]", ("monthly",))
    assert (taken.job.created_at, taken.job.run_at) == (NOON, NOON)
    assert list(world.queue.messages) == [taken.job.key]
    assert [event.worker for event in taken.job.events] == ["intake"]


def test_the_jobs_id_is_a_version_7_of_the_events_time() -> None:
    job_id = UUID(submitted(world_of_ada()).job.key.job_id)
    assert job_id.version == 7
    assert job_id.int >> 80 == int(EVENT_AT.timestamp() * 1000)


def test_an_event_that_is_told_twice_makes_one_job() -> None:
    world = world_of_ada()
    first = submitted(world)
    world.clock.advance(minutes=5)
    assert submitted(world) == Taken(job=first.job, is_new=False)
    assert world.jobs.all() == [first.job]
    assert list(world.queue.messages) == [first.job.key]


def test_an_event_that_is_told_twice_leaves_its_job_as_it_has_become() -> None:
    world = world_of_ada()
    key = submitted(world).job.key
    world.execution().execute(key, time_left=lambda: timedelta(minutes=5), whole_time=timedelta(minutes=5))
    again = submitted(world).job
    assert (again.status, again.result_json) == (JobStatus.SUCCESS, "14")
    assert world.jobs.all() == [again]


def test_the_same_event_at_a_time_written_in_another_zone_is_the_same() -> None:
    world = world_of_ada()
    submitted(world)
    elsewhere = EVENT_AT.astimezone(timezone(timedelta(hours=-9)))
    assert not submitted(world, make_order(event_at=elsewhere)).is_new


@pytest.mark.parametrize("change", [{"event_id": "two"}, {"event_at": EVENT_AT + timedelta(milliseconds=1)}])
def test_another_event_makes_another_job(change: dict[str, Any]) -> None:
    world = world_of_ada()
    submitted(world)
    assert submitted(world, make_order(**change)).is_new
    assert len(world.jobs.all()) == 2


def test_the_same_event_of_another_user_makes_another_job() -> None:
    world = world_of_ada()
    world.users.add(make_user(user_id=OTHER, username="bob"), make_event())
    submitted(world)
    assert submitted(world, make_order(username="bob")).is_new
    assert {job.key.owner_id for job in world.jobs.all()} == {OWNER, OTHER}


@pytest.mark.parametrize("other", [{"operation": "cube_sum"}, {"data_json": b"[1]"}])
def test_of_two_jobs_of_one_event_the_first_stands_and_the_other_is_refused(other: dict[str, Any]) -> None:
    world = world_of_ada()
    first = submitted(world).job
    with pytest.raises(IdempotencyKeyReused, match="this event has a job of another operation or with other data"):
        submitted(world, **other)
    assert world.jobs.all() == [first]


def test_data_that_is_only_written_otherwise_is_the_same() -> None:
    world = world_of_ada()
    submitted(world)
    assert not submitted(world, data_json=b" [ 1,2 , 3]").is_new


def test_a_job_of_no_event_seen_before_is_made_again_once_its_row_is_gone() -> None:
    world = world_of_ada()
    first = submitted(world).job
    world.jobs.delete(first)
    assert submitted(world).is_new


@pytest.mark.parametrize("username", ["bob", "", "a", "a" * 100_000, "ada\n", "a/b", "__proto__"])
def test_a_name_that_nobody_has_is_refused(username: str) -> None:
    world = world_of_ada()
    with pytest.raises(InvalidInput, match="there is no user of this name, or the account is disabled") as refused:
        submitted(world, make_order(username=username))
    assert refused.value.pointer == "#/username"
    assert world.jobs.all() == []


def test_a_disabled_user_gets_no_job() -> None:
    world = World()
    world.users.add(replace(make_user(), is_disabled=True), make_event())
    with pytest.raises(InvalidInput, match="or the account is disabled"):
        submitted(world)
    assert world.jobs.all() == []


@pytest.mark.parametrize(
    "event_at",
    [
        NOON + AHEAD_MAX + timedelta(milliseconds=1),
        datetime(1970, 1, 1, tzinfo=UTC) - timedelta(milliseconds=1),
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-14))),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    ],
)
def test_an_event_of_no_sensible_time_is_refused(event_at: datetime) -> None:
    world = world_of_ada()
    with pytest.raises(InvalidInput, match="the event's time must not be before 1970, or over 60 min ahead") as refused:
        submitted(world, make_order(event_at=event_at))
    assert refused.value.pointer == "#/event_time"
    assert world.jobs.all() == []


@pytest.mark.parametrize("event_at", [NOON + AHEAD_MAX, datetime(1970, 1, 1, tzinfo=UTC)])
def test_the_first_and_the_last_sensible_time_are_taken(event_at: datetime) -> None:
    assert submitted(world_of_ada(), make_order(event_at=event_at)).is_new


def test_a_job_that_is_not_acceptable_is_refused_and_does_not_count() -> None:
    world = world_of_ada(limits=make_limits(data_max_bytes=10))
    with pytest.raises(InvalidInput) as refused:
        submitted(world, data_json=b'[1, "2"]')
    assert refused.value.pointer == "#/data/1"
    with pytest.raises(InputTooLarge):
        submitted(world, data_json=b"[1,2,3,4,5,6]")
    assert world.jobs.all() == []
    assert world.hits.calls == 0


def test_over_the_limit_nothing_is_made_until_there_is_room() -> None:
    world = world_of_ada(intake_quota=2)
    service = intake(world)
    for number in range(2):
        service.submit(make_order(event_id=f"event-{number}"), wanted())
    with pytest.raises(RateLimited, match="the limit intake is 2 in any 60 s") as limited:
        service.submit(make_order(event_id="event-2"), wanted())
    assert len(world.jobs.all()) == 2
    world.clock.advance(seconds=limited.value.retry_after_s)
    assert service.submit(make_order(event_id="event-2"), wanted()).is_new


def test_an_event_that_has_its_job_neither_counts_nor_waits() -> None:
    world = world_of_ada(intake_quota=1)
    service = intake(world)
    job = service.submit(make_order(), wanted()).job
    taken = world.hits.tallies[OWNER, "intake"].taken
    assert service.submit(make_order(), wanted()) == Taken(job=job, is_new=False)
    assert world.hits.tallies[OWNER, "intake"].taken == taken == 1


def test_the_limit_is_the_users_own_and_apart_from_that_of_submitting() -> None:
    world = world_of_ada(intake_quota=1, submit_quota=1)
    world.users.add(make_user(user_id=OTHER, username="bob"), make_event())
    service = intake(world)
    assert service.submit(make_order(), wanted()).is_new
    assert service.submit(make_order(username="bob"), wanted()).is_new
    assert {name for _, name in world.hits.tallies} == {"intake"}


@pytest.mark.parametrize("store", ["users", "jobs", "hits"])
def test_without_a_store_nothing_is_made_and_later_it_is(store: str) -> None:
    world = world_of_ada()
    getattr(world, store).away = True
    with pytest.raises(Unavailable):
        submitted(world)
    assert not world.queue.messages
    getattr(world, store).away = False
    assert world.jobs.all() == []
    assert submitted(world).is_new


def test_a_job_whose_message_cannot_be_sent_is_left_to_the_sweep() -> None:
    world = world_of_ada()
    world.queue.away = True
    job = submitted(world).job
    assert world.jobs.get(job.key) == job
    assert job.due_at == NOON + world.limits.resend_after


def test_a_job_with_a_callback_url_has_the_webhook_of_callbacks_beforehand() -> None:
    world = world_of_ada()
    url = "https://example.com/my/job"
    world.webhooks.away = True
    with pytest.raises(Unavailable):
        submitted(world, callback_url=url)
    assert world.jobs.all() == []
    world.webhooks.away = False
    job = submitted(world, callback_url=url).job
    submitted(world, make_order(event_id="two"), callback_url=url)
    (made,) = world.webhooks.all()
    assert (made.webhook_id, made.owner_id) == (CALLBACKS, job.key.owner_id)


def test_without_a_callback_url_no_webhook_of_callbacks_is_made() -> None:
    world = world_of_ada()
    submitted(world)
    assert world.webhooks.all() == []


def test_told_many_times_at_once_an_event_makes_one_job() -> None:
    world = world_of_ada()
    service = intake(world)

    def taken(_: int) -> JobId | JobBackendError:
        try:
            return service.submit(make_order(), wanted()).job.key.job_id
        except Unavailable as busy:  # many at once at one tally; the message would come again
            return busy

    with ThreadPoolExecutor(8) as pool:
        outcomes = set(pool.map(taken, range(32)))
    ids = {outcome for outcome in outcomes if isinstance(outcome, str)}
    (job,) = world.jobs.all()
    assert ids == {job.key.job_id}
