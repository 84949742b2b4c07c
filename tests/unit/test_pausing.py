import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from chalicelib.bootstrap import Services
from chalicelib.domain.audit import AuditAction
from chalicelib.domain.credentials import Caller
from chalicelib.domain.delivery import SHARDS, first_look
from chalicelib.domain.errors import Conflict, NotFound, Unavailable
from chalicelib.domain.jobs import Job, JobId, JobKey
from chalicelib.domain.pauses import PAUSES_MAX, JobPause, JobsOfOperation, JobsOfUser
from chalicelib.domain.users import UserId
from chalicelib.ports import DueJob
from chalicelib.services.due_rows import PAGE
from chalicelib.services.known_pauses import REMEMBERED_FOR
from chalicelib.services.pausing import PauseService
from chalicelib.services.resuming import DELAY, SENT_FOR
from tests.factories import KEY, OWNER, SQUARE_SUMS, World, make_act, make_claim, make_job, make_pause
from tests.fakes import NOON
from tests.sign_in import HOME, registered, signed_in

REASON = "it floods the planet service"
OTHER = UserId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a99")


def with_admin(world: World) -> tuple[Services, PauseService, Caller]:
    services = world.services()
    admin = signed_in(services, "root-of-all")
    services.administration.make_admin("root-of-all")
    return services, world.pause_service(), admin


def told(world: World, subject: str) -> list[tuple[str, str, str | None]]:
    """What of pauses a person's audit trail has."""
    return [
        (event.action, event.actor, event.detail)
        for event in world.audit.all()
        if event.subject == subject and event.action.endswith(("_PAUSED", "_RESUMED"))
    ]


def test_an_operation_is_paused_and_resumed_with_an_event_each() -> None:
    world = World()
    _, pausing, admin = with_admin(world)
    pause = pausing.pause_operation(admin, "square_sum", reason=REASON, address=HOME)
    assert pause == make_pause(reason=REASON)
    assert pausing.all() == [pause]
    assert pausing.resume_operation(admin, "square_sum", address=HOME) == 0
    assert pausing.all() == []
    assert told(world, admin.user_id) == [
        (AuditAction.OPERATION_PAUSED, "root-of-all", f"square_sum: {REASON}"),
        (AuditAction.OPERATION_RESUMED, "root-of-all", "square_sum"),
    ]


def test_a_users_jobs_are_paused_and_resumed_with_an_event_of_both_sides() -> None:
    world = World()
    services, pausing, admin = with_admin(world)
    user = registered(services)
    pause = pausing.pause_user(admin, "ADA", reason=REASON, address=HOME)
    assert pause.jobs == JobsOfUser(owner_id=user.user_id, username="ada")
    pausing.resume_user(admin, "ada", address=HOME)
    assert told(world, user.user_id) == [
        (AuditAction.JOBS_PAUSED, "root-of-all", REASON),
        (AuditAction.JOBS_RESUMED, "root-of-all", None),
    ]
    assert told(world, admin.user_id) == [
        (AuditAction.JOBS_PAUSED, "root-of-all", f"ada: {REASON}"),
        (AuditAction.JOBS_RESUMED, "root-of-all", "ada: JOBS_RESUMED"),
    ]


def test_each_event_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    _, pausing, admin = with_admin(world)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        pausing.pause_operation(admin, "square_sum", reason=REASON, address=HOME)
        pausing.pause_operation(admin, "square_sum", reason=None, address=HOME)
        pausing.resume_operation(admin, "square_sum", address=HOME)
    lines = [record.__dict__["action"] for record in caplog.records if record.message == "audit"]
    assert lines == ["OPERATION_PAUSED", "OPERATION_RESUMED"]
    assert REASON not in caplog.text


def test_what_is_paused_keeps_its_first_pause() -> None:
    world = World()
    _, pausing, admin = with_admin(world)
    first = pausing.pause_operation(admin, "square_sum", reason=REASON, address=HOME)
    world.clock.advance(minutes=1)
    assert pausing.pause_operation(admin, "square_sum", reason="another", address=HOME) == first
    assert pausing.all() == [first]
    assert len(told(world, admin.user_id)) == 1


def test_of_two_who_pause_at_once_the_first_ones_stands_and_the_other_leaves_no_event() -> None:
    world = World()
    _, pausing, admin = with_admin(world)
    first = make_pause(paused_by="another")
    read = world.pauses.all

    def before_the_other(*_: object) -> Sequence[JobPause]:
        seen = read()
        world.pauses.add(first, [])
        return seen

    world.pauses.all = before_the_other  # type: ignore[method-assign]
    assert pausing.pause_operation(admin, "square_sum", reason=None, address=HOME) == first
    assert not told(world, admin.user_id)


def test_there_are_so_many_pauses_and_no_more() -> None:
    world = World()
    _, pausing, admin = with_admin(world)
    for number in range(PAUSES_MAX - 1):
        world.pauses.add(make_pause(JobsOfOperation(operation=f"gone_{number}")), [])
    pausing.pause_operation(admin, "square_sum", reason=None, address=HOME)
    with pytest.raises(Conflict, match="there are 50 pauses, which is the most"):
        pausing.pause_operation(admin, "cube_sum", reason=None, address=HOME)
    pausing.pause_operation(admin, "square_sum", reason=None, address=HOME)
    pausing.resume_operation(admin, "square_sum", address=HOME)
    pausing.pause_operation(admin, "cube_sum", reason=None, address=HOME)


def test_an_operation_that_there_is_not_is_not_found_with_a_hint() -> None:
    _, pausing, admin = with_admin(World())
    with pytest.raises(NotFound, match="did you mean square_sum"):
        pausing.pause_operation(admin, "sqare_sum", reason=None, address=HOME)
    with pytest.raises(NotFound, match="did you mean square_sum"):
        pausing.resume_operation(admin, "sqare_sum", address=HOME)


def test_a_pause_of_an_operation_that_is_no_more_can_be_ended() -> None:
    world = World()
    _, pausing, admin = with_admin(world)
    world.pauses.add(make_pause(JobsOfOperation(operation="gone")), [])
    pausing.resume_operation(admin, "gone", address=HOME)
    assert pausing.all() == []


@pytest.mark.parametrize("username", ["nobody", "a b"])
def test_a_user_that_there_is_not_is_not_found(username: str) -> None:
    _, pausing, admin = with_admin(World())
    with pytest.raises(NotFound, match="there is no user of this name"):
        pausing.pause_user(admin, username, reason=None, address=HOME)
    with pytest.raises(NotFound):
        pausing.resume_user(admin, username, address=HOME)


def test_what_is_not_paused_cannot_be_resumed_and_leaves_no_event() -> None:
    world = World()
    services, pausing, admin = with_admin(world)
    registered(services)
    with pytest.raises(Conflict, match="this operation is not paused; GET /admin/pauses"):
        pausing.resume_operation(admin, "square_sum", address=HOME)
    with pytest.raises(Conflict, match="the jobs of this user are not paused"):
        pausing.resume_user(admin, "ada", address=HOME)
    assert not told(world, admin.user_id)


def test_with_the_store_away_nothing_is_paused_or_resumed() -> None:
    world = World()
    _, pausing, admin = with_admin(world)
    world.pauses.add(make_pause(), [])
    world.pauses.away = True
    calls: list[Callable[[], object]] = [
        pausing.all,
        lambda: pausing.pause_operation(admin, "cube_sum", reason=None, address=HOME),
        lambda: pausing.resume_operation(admin, "square_sum", address=HOME),
    ]
    for call in calls:
        with pytest.raises(Unavailable):
            call()
    world.pauses.away = False
    assert pausing.all() == [make_pause()]


def test_a_job_that_waits_has_its_pause_and_one_that_is_final_none() -> None:
    world = World()
    pausing = world.pause_service()
    world.pauses.add(make_pause(), [])
    assert pausing.of(make_job()) == make_pause()
    assert pausing.of(make_job(operation="cube_sum")) is None
    reads = world.pauses.reads
    assert pausing.of(make_job().cancelled(make_act("a"))) is None
    assert world.pauses.reads == reads


def key_of(number: int, owner_id: UserId = OWNER) -> JobKey:
    return JobKey(owner_id=owner_id, job_id=JobId(f"01900000-0000-7000-8000-{number:012x}"))


def resumed(world: World, *jobs: Job) -> int:
    """Return how many jobs are sent when the square sums go on."""
    _, pausing, admin = with_admin(world)
    world.pauses.add(make_pause(), [])
    for job in jobs:
        world.jobs.add(job)
    return pausing.resume_operation(admin, "square_sum", address=HOME)


def test_what_waited_is_sent_at_once_to_arrive_when_no_consumer_goes_by_the_pause_any_more() -> None:
    world = World()
    jobs = [make_job(key=key_of(number)) for number in range(2 * SHARDS)]
    assert resumed(world, *jobs) == len(jobs)
    assert set(world.queue.messages) == {job.key for job in jobs}
    assert set(world.queue.delays) == {DELAY}
    assert DELAY > REMEMBERED_FOR


def test_what_is_of_another_operation_or_does_not_wait_is_not_sent() -> None:
    world = World()
    late = NOON + timedelta(hours=1)
    held = make_job(key=key_of(1)).claimed(make_claim("a"))
    lost = make_job(key=key_of(2)).claimed(make_claim("a", at=NOON - timedelta(hours=1)))
    soon = make_job(key=key_of(3), run_at=NOON + DELAY)
    minutes = timedelta(minutes=5)
    delayed = make_job(key=key_of(4), run_at=NOON + minutes, due_at=NOON + minutes)
    sleeping = make_job(key=key_of(5), run_at=late, due_at=first_look(late, at=NOON, resend_after=minutes))
    others = make_job(key=key_of(6), operation="cube_sum")
    final = make_job(key=key_of(7)).cancelled(make_act("a"))
    assert resumed(world, held, lost, soon, delayed, sleeping, others, final) == 2
    assert set(world.queue.messages) == {lost.key, soon.key}


def test_of_a_user_only_the_own_jobs_are_read_and_sent() -> None:
    world = World()
    services, pausing, admin = with_admin(world)
    user_id = registered(services).user_id
    pausing.pause_user(admin, "ada", reason=None, address=HOME)
    own = [make_job(key=key_of(1, user_id)), make_job(key=key_of(2, user_id), operation="cube_sum")]
    for job in (*own, make_job(key=key_of(3, OTHER)), make_job(key=key_of(4, OTHER))):
        world.jobs.add(job)
    read: list[JobKey] = []
    real_get_all = world.jobs.get_all

    def get_all(keys: Sequence[JobKey]) -> Sequence[Job]:
        read.extend(keys)
        return real_get_all(keys)

    world.jobs.get_all = get_all  # type: ignore[method-assign]
    assert pausing.resume_user(admin, "ada", address=HOME) == 2
    assert set(world.queue.messages) == set(read) == {job.key for job in own}


def test_more_than_a_page_of_a_shard_is_sent() -> None:
    world = World()
    jobs = [make_job(key=key_of(number * SHARDS)) for number in range(2 * PAGE + 1)]
    assert resumed(world, *jobs) == len(jobs)
    assert set(world.queue.messages) == {job.key for job in jobs}


def test_after_ten_seconds_the_rest_is_left_to_the_sweep() -> None:
    world = World()
    real_due = world.jobs.due

    def slow(shard: int, **arguments: object) -> Sequence[DueJob]:
        world.clock.advance(seconds=SENT_FOR.total_seconds() / 2)
        return real_due(shard, **arguments)  # type: ignore[arg-type]

    world.jobs.due = slow  # type: ignore[method-assign]
    assert resumed(world, *(make_job(key=key_of(number)) for number in range(SHARDS))) == 2
    world.jobs.due = real_due  # type: ignore[method-assign]
    world.clock.advance(minutes=2)
    assert world.sweep().run(lambda: timedelta(minutes=1)).sent == SHARDS


def problems(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno > logging.INFO]


@pytest.mark.parametrize("fault", [Unavailable("away"), KeyError("a fault of ours")])
def test_a_pause_is_over_also_when_nothing_can_be_sent(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.queue.fault = fault
    assert resumed(world, make_job()) == 0
    assert world.pauses.all() == []
    assert problems(caplog) == ["waiting jobs not sent; the sweep will send them"]


def test_a_message_that_the_queue_refuses_is_not_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.queue.refuses = {KEY}
    assert resumed(world, make_job(), make_job(key=key_of(2))) == 1
    assert problems(caplog) == ["message refused; the sweep will send it"]
    assert SQUARE_SUMS not in {pause.jobs for pause in world.pauses.all()}
