"""What administrators see of other people's jobs and do with one; and that both sides are told before it is done."""

from datetime import timedelta

import pytest

from chalicelib.domain.audit import AuditAction
from chalicelib.domain.credentials import Caller
from chalicelib.domain.errors import ConcurrentUpdate, Conflict, Expired, NotFound, Unavailable
from chalicelib.domain.job_filters import JobFilter, WantedJobs
from chalicelib.domain.jobs import Job, JobError, JobId, JobKey, JobStatus, Transition
from chalicelib.domain.users import UserId
from chalicelib.services.dead_letters import DEAD_LETTERED
from chalicelib.services.job_administration import BY_ADMINISTRATOR, JobAdministration
from tests.factories import OWNER, World, make_act, make_claim, make_job
from tests.fakes import NOON
from tests.sign_in import HOME, signed_in

FAILED = WantedJobs(wanted=JobFilter(status=JobStatus.FAILED))
NO_OWNER = UserId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a99")


def with_admin(world: World, *usernames: str) -> tuple[JobAdministration, Caller, list[UserId]]:
    """Job administration, an administrator, and the ids of some users who have signed in."""
    services = world.services()
    admin = signed_in(services, "root-of-all")
    services.administration.make_admin("root-of-all")
    owners = [signed_in(services, each).user_id for each in usernames]
    return world.services().job_administration, admin, owners


def failed_job(owner_id: UserId, number: int = 1, *, error: JobError | None = None) -> Job:
    key = JobKey(owner_id=owner_id, job_id=JobId(f"01900000-0000-7000-8000-{number:012x}"))
    held = make_job(key=key).claimed(make_claim("a"))
    at = NOON + timedelta(seconds=number)
    return held.failed(error or JobError(code="OPERATION_FAILED", detail="no such planet"), make_act("end", at=at))


def told(world: World, subject: str) -> list[tuple[str, str, str | None]]:
    begin = {AuditAction.REGISTERED, AuditAction.SIGNED_IN, AuditAction.ROLE_CHANGED}
    events = [event for event in world.audit.all() if event.subject == subject and event.action not in begin]
    return [(event.action, event.actor, event.detail) for event in events]


def test_everybodys_failed_jobs_come_newest_first_with_the_names_of_their_owners() -> None:
    world = World()
    administration, admin, (ada, bob) = with_admin(world, "ada", "bob")
    jobs = [failed_job(owner, number) for number, owner in enumerate([ada, bob, ada, NO_OWNER])]
    for job in jobs:
        world.jobs.add(job)
    first = administration.page(admin, FAILED, limit=3, after=None, address=HOME)
    assert first.jobs == jobs[:0:-1]
    assert first.usernames == {ada: "ada", bob: "bob", NO_OWNER: None}
    rest = administration.page(admin, FAILED, limit=3, after=first.next_after, address=HOME)
    assert (rest.jobs, rest.usernames, rest.next_after) == ([jobs[0]], {ada: "ada"}, None)


def test_each_owner_of_a_page_is_asked_after_once() -> None:
    world = World()
    administration, admin, (ada,) = with_admin(world, "ada")
    for number in range(9):
        world.jobs.add(failed_job(ada, number))
    asked: list[UserId] = []
    all_of = world.credentials.all_of

    def counted(user_id: UserId) -> object:
        asked.append(user_id)
        return all_of(user_id)

    world.credentials.all_of = counted  # type: ignore[assignment,method-assign]
    administration.page(admin, FAILED, limit=9, after=None, address=HOME)
    assert asked == [ada]


def test_the_jobs_of_a_user_are_those_of_that_user_whatever_their_status() -> None:
    world = World()
    administration, admin, (ada, bob) = with_admin(world, "ada", "bob")
    key = JobKey(owner_id=ada, job_id=JobId("01900000-0000-7000-8000-00000000000f"))
    jobs = [make_job(key=key), failed_job(ada, 2), failed_job(ada, 1, error=DEAD_LETTERED)]
    for job in [*jobs, failed_job(bob, 3)]:
        world.jobs.add(job)
    asked = WantedJobs(username="ADA", wanted=JobFilter())
    first = administration.page(admin, asked, limit=2, after=None, address=HOME)
    assert (first.jobs, first.usernames) == (jobs[:2], {ada: "ada"})
    rest = administration.page(admin, asked, limit=2, after=first.next_after, address=HOME)
    assert rest.jobs == jobs[2:]
    dead = WantedJobs(username="ada", wanted=JobFilter(status=JobStatus.FAILED, is_dead=True))
    assert administration.page(admin, dead, limit=2, after=None, address=HOME).jobs == jobs[2:]


def test_the_first_page_of_a_list_is_told_and_of_a_users_list_to_the_user_too() -> None:
    world = World()
    administration, admin, (ada,) = with_admin(world, "ada")
    for number in range(3):
        world.jobs.add(failed_job(ada, number))
    page = administration.page(admin, FAILED, limit=2, after=None, address=HOME)
    administration.page(admin, FAILED, limit=2, after=page.next_after, address=HOME)
    administration.page(admin, WantedJobs(username="ada", wanted=JobFilter(tag="x")), limit=2, after=None, address=HOME)
    assert told(world, admin.user_id) == [
        (AuditAction.JOBS_LISTED, "root-of-all", "status FAILED"),
        (AuditAction.JOBS_LISTED, "root-of-all", "ada: tag x"),
    ]
    assert told(world, ada) == [(AuditAction.JOBS_LISTED, "root-of-all", "tag x")]


def test_the_jobs_of_nobody_are_not_found() -> None:
    administration, admin, _ = with_admin(World())
    for name in ("nobody", "", "\ud800", "x" * 5000):
        with pytest.raises(NotFound, match="no user of this name"):
            administration.page(admin, WantedJobs(username=name, wanted=JobFilter()), limit=2, after=None, address=HOME)


def test_expired_jobs_are_in_no_list_and_are_gone_one_by_one() -> None:
    world = World()
    administration, admin, (ada,) = with_admin(world, "ada")
    job = failed_job(ada)
    world.jobs.add(job)
    world.clock.advance(days=31)
    for asked in (FAILED, WantedJobs(username="ada", wanted=JobFilter())):
        assert administration.page(admin, asked, limit=2, after=None, address=HOME).jobs == []
    for do in (administration.look_at, administration.cancel, administration.retry):
        with pytest.raises(Expired):
            do(admin, ada, job.key.job_id, address=HOME)


@pytest.mark.parametrize(
    ("owner_id", "job_id"),
    [
        (NO_OWNER, "01900000-0000-7000-8000-000000000001"),
        (OWNER, "01900000-0000-7000-8000-000000000002"),
        (OWNER, "nonsense"),
        (OWNER.upper(), "01900000-0000-7000-8000-000000000001"),
        ("", ""),
        ("x" * 5000, "01900000-0000-7000-8000-000000000001"),
        (f"{OWNER}\n", "01900000-0000-7000-8000-000000000001"),
        ("\ud800", "\ud800"),
    ],
)
def test_what_is_no_job_of_this_owner_is_not_found_and_not_told(owner_id: str, job_id: str) -> None:
    world = World()
    administration, admin, _ = with_admin(world)
    world.jobs.add(failed_job(OWNER))
    for do in (administration.look_at, administration.cancel, administration.retry):
        with pytest.raises(NotFound, match="GET /admin/jobs lists"):
            do(admin, owner_id, job_id, address=HOME)
    assert told(world, admin.user_id) == []


def test_an_id_that_nobody_can_have_is_not_even_looked_up() -> None:
    world = World()
    administration, admin, _ = with_admin(world)
    world.jobs.away = True
    with pytest.raises(NotFound):
        administration.look_at(admin, "nonsense", "01900000-0000-7000-8000-000000000001", address=HOME)


def test_a_look_gives_the_job_and_is_told_to_both_sides() -> None:
    world = World()
    administration, admin, (ada,) = with_admin(world, "ada")
    job = failed_job(ada)
    world.jobs.add(job)
    found = administration.look_at(admin, ada, job.key.job_id, address=HOME)
    assert (found.jobs, found.usernames) == ([job], {ada: "ada"})
    detail = f"job {job.key.job_id}"
    assert told(world, ada) == [(AuditAction.JOB_LOOKED_AT, "root-of-all", detail)]
    assert told(world, admin.user_id) == [(AuditAction.JOB_LOOKED_AT, "root-of-all", f"ada: {detail}")]


def test_a_job_whose_owner_has_no_credential_is_told_by_the_owners_id() -> None:
    world = World()
    administration, admin, _ = with_admin(world)
    world.jobs.add(failed_job(NO_OWNER))
    found = administration.look_at(admin, NO_OWNER, failed_job(NO_OWNER).key.job_id, address=HOME)
    assert found.usernames == {NO_OWNER: None}
    assert str(told(world, admin.user_id)[0][2]).startswith(f"{NO_OWNER}: job ")


def test_a_job_is_cancelled_as_its_owner_would_and_its_events_say_by_whom() -> None:
    world = World()
    administration, admin, (ada,) = with_admin(world, "ada")
    key = JobKey(owner_id=ada, job_id=JobId("01900000-0000-7000-8000-000000000001"))
    world.jobs.add(make_job(key=key))
    job = administration.cancel(admin, ada, key.job_id, address=HOME)
    assert job == world.jobs.get(key)
    assert job.status is JobStatus.CANCELLED
    assert (job.events[-1].transition, job.events[-1].reason) == (Transition.CANCEL, BY_ADMINISTRATOR)
    assert [action for action, *_ in told(world, ada)] == [AuditAction.JOB_CANCELLED]
    assert told(world, admin.user_id) == [(AuditAction.JOB_CANCELLED, "root-of-all", f"ada: job {key.job_id}")]


@pytest.mark.parametrize("is_dead", [True, False])
def test_a_failed_job_is_retried_as_its_owner_would_and_sent(is_dead: bool) -> None:  # noqa: FBT001 - parameter
    world = World()
    administration, admin, (ada,) = with_admin(world, "ada")
    seen = failed_job(ada, error=DEAD_LETTERED if is_dead else None)
    world.jobs.add(seen)
    job = administration.retry(admin, ada, seen.key.job_id, address=HOME)
    assert job == world.jobs.get(seen.key)
    assert (job.status, job.last_attempt, job.error) == (JobStatus.PENDING, 4, None)
    assert (job.events[-1].transition, job.events[-1].reason) == (Transition.RETRY_BY_HAND, BY_ADMINISTRATOR)
    assert list(world.queue.messages) == [seen.key]
    assert [action for action, *_ in told(world, ada)] == [AuditAction.JOB_RETRIED]


def test_what_cannot_be_done_with_a_job_is_refused_and_not_told() -> None:
    world = World()
    administration, admin, (ada,) = with_admin(world, "ada")
    failed, waiting = failed_job(ada, 1), make_job(key=failed_job(ada, 2).key)
    world.jobs.add(failed)
    world.jobs.add(waiting)
    with pytest.raises(Conflict, match="the job is FAILED; only a PENDING"):
        administration.cancel(admin, ada, failed.key.job_id, address=HOME)
    with pytest.raises(Conflict, match="the job is PENDING; only a FAILED"):
        administration.retry(admin, ada, waiting.key.job_id, address=HOME)
    assert world.jobs.all() == [failed, waiting]
    assert told(world, admin.user_id) == []


def test_nothing_is_done_that_cannot_be_recorded() -> None:
    world = World()
    administration, admin, (ada,) = with_admin(world, "ada")
    failed, waiting = failed_job(ada, 1), make_job(key=failed_job(ada, 2).key)
    world.jobs.add(failed)
    world.jobs.add(waiting)
    world.audit.away = True
    for do, job in ((administration.look_at, failed), (administration.cancel, waiting), (administration.retry, failed)):
        with pytest.raises(Unavailable):
            do(admin, ada, job.key.job_id, address=HOME)
    with pytest.raises(Unavailable):
        administration.page(admin, FAILED, limit=2, after=None, address=HOME)
    assert world.jobs.all() == [failed, waiting]
    assert not world.queue.messages


def test_a_job_that_is_deleted_before_it_is_changed_is_not_found() -> None:
    world = World()
    administration, admin, (ada,) = with_admin(world, "ada")
    seen = failed_job(ada)
    world.jobs.add(seen)

    def deleted_meanwhile(seen: Job, to: Job) -> None:
        assert to != seen
        world.jobs.delete(seen)
        raise ConcurrentUpdate(None)

    world.jobs.advance = deleted_meanwhile  # type: ignore[method-assign]
    with pytest.raises(NotFound, match="GET /admin/jobs lists"):
        administration.retry(admin, ada, seen.key.job_id, address=HOME)
