"""Retrying and cancelling many jobs: each by its own write, a part of them a call, and nobody is left untold."""

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import AuditAction, AuditEvent
from chalicelib.domain.credentials import Caller
from chalicelib.domain.errors import NotFound, Unavailable
from chalicelib.domain.job_filters import BulkAction, JobFilter, WantedJobs
from chalicelib.domain.jobs import FINAL, Job, JobId, JobKey, JobStatus, Transition
from chalicelib.domain.users import UserId
from chalicelib.services.bulk_actions import (
    JOBS_MAX,
    RECORDED_JOBS,
    TIME_TO_ACT,
    BulkActions,
    BulkDone,
)
from chalicelib.services.dead_letters import DEAD_LETTERED
from chalicelib.services.job_administration import BY_ADMINISTRATOR
from tests.factories import World, make_act, make_claim, make_job
from tests.fakes import NOON
from tests.sign_in import HOME
from tests.unit.test_job_administration import failed_job, told, with_admin

FAILED = WantedJobs(wanted=JobFilter(status=JobStatus.FAILED))
DEAD = WantedJobs(wanted=JobFilter(status=JobStatus.FAILED, is_dead=True))
OPEN = WantedJobs(wanted=JobFilter(is_open=True))


def plenty() -> timedelta:
    return timedelta(seconds=10)


def with_jobs(world: World, number: int) -> tuple[BulkActions, Caller, list[UserId], list[Job]]:
    """FAILED jobs of two users, the newest last."""
    _, admin, owners = with_admin(world, "ada", "bob")
    jobs = [failed_job(owners[(each + 1) % 2], each) for each in range(1, number + 1)]
    for job in jobs:
        world.jobs.add(job)
    return world.services().bulk_actions, admin, owners, jobs


def waiting_job(owner_id: UserId, number: int, **overrides: Any) -> Job:
    key = JobKey(owner_id=owner_id, job_id=JobId(f"01900000-0000-7000-8000-{number:012x}"))
    return make_job(**{"key": key, "due_at": NOON + timedelta(seconds=number)} | overrides)


def run(
    bulk: BulkActions,
    admin: Caller,
    action: BulkAction = BulkAction.RETRY,
    asked: WantedJobs = FAILED,
    *,
    after: str | None = None,
    time_left: Callable[[], timedelta] = plenty,
) -> BulkDone:
    return bulk.run(admin, action, asked, after=after, address=HOME, time_left=time_left)


def statuses(world: World) -> list[JobStatus]:
    return [job.status for job in world.jobs.all()]


def test_all_failed_jobs_are_retried_and_their_messages_sent() -> None:
    world = World()
    bulk, admin, _, jobs = with_jobs(world, 5)
    assert run(bulk, admin) == BulkDone(matched=5, changed=5, next_after=None)
    assert statuses(world) == [JobStatus.PENDING] * 5
    assert sorted(key.job_id for key in world.queue.messages) == [job.key.job_id for job in jobs]
    for job in world.jobs.all():
        assert (job.last_attempt, job.error) == (4, None)
        assert (job.events[-1].transition, job.events[-1].reason) == (Transition.RETRY_BY_HAND, BY_ADMINISTRATOR)
        assert job.due_at == NOON + world.limits.resend_after
    assert len({job.token for job in world.jobs.all()}) == 5
    assert run(bulk, admin) == BulkDone(matched=0, changed=0, next_after=None)


def test_what_waits_and_what_runs_is_cancelled_and_measured(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = World()
    _, admin, (ada,) = with_admin(world, "ada")
    waiting = waiting_job(ada, 1)
    held = waiting_job(ada, 2).claimed(make_claim("a"))
    far = waiting_job(ada, 3, run_at=NOON + timedelta(days=3), due_at=NOON + timedelta(days=3))
    done = waiting_job(ada, 4).claimed(make_claim("b")).finished("14", make_act("end"))
    for job in (waiting, held, far, done):
        world.jobs.add(job)
    assert run(world.services().bulk_actions, admin, BulkAction.CANCEL, OPEN) == BulkDone(
        matched=3, changed=3, next_after=None
    )
    assert statuses(world) == [JobStatus.CANCELLED] * 3 + [JobStatus.SUCCESS]
    assert {job.events[-1].reason for job in world.jobs.all() if job.key != done.key} == {BY_ADMINISTRATOR}
    assert not world.queue.messages
    ends = [each for each in caplog.records if each.message == "job ended"]
    assert [each.__dict__["outcome"] for each in ends] == ["CANCELLED"] * 3


def test_redriving_the_dead_leaves_what_failed_by_its_operation() -> None:
    world = World()
    bulk, admin, (ada, _), (failed, _) = with_jobs(world, 2)
    dead = failed_job(ada, 7, error=DEAD_LETTERED)
    world.jobs.add(dead)
    assert run(bulk, admin, asked=DEAD) == BulkDone(matched=1, changed=1, next_after=None)
    assert list(world.queue.messages) == [dead.key]
    assert world.jobs.get(failed.key) == failed


@pytest.mark.parametrize("username", ["ada", "ADA"])
def test_the_jobs_of_one_user_are_changed_and_no_others(username: str) -> None:
    world = World()
    bulk, admin, (ada, bob), _ = with_jobs(world, 6)
    asked = WantedJobs(username=username, wanted=FAILED.wanted)
    assert run(bulk, admin, asked=asked) == BulkDone(matched=3, changed=3, next_after=None)
    assert {job.key.owner_id for job in world.jobs.all() if job.status is JobStatus.PENDING} == {ada}
    assert {job.key.owner_id for job in world.jobs.all() if job.status is JobStatus.FAILED} == {bob}


def test_cancelled_jobs_of_a_user_can_be_retried_too() -> None:
    world = World()
    _, admin, (ada,) = with_admin(world, "ada")
    world.jobs.add(waiting_job(ada, 1).cancelled(make_act("off")))
    asked = WantedJobs(username="ada", wanted=JobFilter(status=JobStatus.CANCELLED))
    assert run(world.services().bulk_actions, admin, asked=asked).changed == 1
    assert statuses(world) == [JobStatus.PENDING]


def test_of_many_each_call_changes_some_and_all_are_changed_in_the_end() -> None:
    world = World()
    world.everybodys_jobs.looked_at_max = 30
    bulk, admin, _, jobs = with_jobs(world, JOBS_MAX + 40)
    first = run(bulk, admin)
    assert (first.matched, first.changed) == (JOBS_MAX, JOBS_MAX)
    assert {job.key for job in world.jobs.all() if job.status is JobStatus.PENDING} == {
        job.key for job in jobs[-JOBS_MAX:]
    }
    second = run(bulk, admin, after=first.next_after)
    assert (second.matched, second.changed) == (40, 40)
    assert statuses(world) == [JobStatus.PENDING] * len(jobs)


def test_a_preview_counts_and_changes_and_tells_nothing() -> None:
    world = World()
    bulk, admin, (ada, _), jobs = with_jobs(world, JOBS_MAX + 40)
    assert bulk.preview(FAILED, after=None, time_left=plenty) == BulkDone(matched=140, changed=0, next_after=None)
    asked = WantedJobs(username="ada", wanted=JobFilter(status=JobStatus.FAILED))
    assert bulk.preview(asked, after=None, time_left=plenty).matched == 70
    assert world.jobs.all() == jobs
    assert told(world, ada) == told(world, admin.user_id) == []
    assert not world.queue.messages


def test_a_preview_goes_on_where_its_time_was_over() -> None:
    world = World()
    world.everybodys_jobs.looked_at_max = 3
    bulk, _, _, _ = with_jobs(world, 8)
    counts = []
    after = None
    while True:
        done = bulk.preview(FAILED, after=after, time_left=timedelta)
        counts.append(done.matched)
        after = done.next_after
        if after is None:
            break
    assert counts == [3, 3, 2]


def test_each_user_is_told_how_many_and_the_administrator_what_was_asked() -> None:
    world = World()
    bulk, admin, (ada, bob), _ = with_jobs(world, 5)
    asked = WantedJobs(wanted=JobFilter(status=JobStatus.FAILED, operation="square_sum"))
    run(bulk, admin, asked=asked)
    assert told(world, ada) == [(AuditAction.JOBS_RETRIED, "root-of-all", "jobs: 3")]
    assert told(world, bob) == [(AuditAction.JOBS_RETRIED, "root-of-all", "jobs: 2")]
    assert told(world, admin.user_id) == [
        (AuditAction.JOBS_RETRIED, "root-of-all", "jobs: 5, users: 2; status FAILED, operation square_sum")
    ]
    run(bulk, admin, BulkAction.CANCEL, WantedJobs(username="ada", wanted=JobFilter(is_open=True)))
    assert told(world, ada)[1:] == [(AuditAction.JOBS_CANCELLED, "root-of-all", "jobs: 3")]
    assert told(world, admin.user_id)[1:] == [
        (
            AuditAction.JOBS_CANCELLED,
            "root-of-all",
            "jobs: 3, users: 1; username ada, status PENDING or IN_PROGRESS",
        )
    ]
    assert len(told(world, bob)) == 1


def test_where_nothing_matches_nobody_is_told() -> None:
    world = World()
    bulk, admin, _, _ = with_jobs(world, 3)
    asked = WantedJobs(wanted=JobFilter(status=JobStatus.FAILED, operation="none"))
    assert run(bulk, admin, asked=asked) == BulkDone(matched=0, changed=0, next_after=None)
    assert told(world, admin.user_id) == []


def test_nothing_is_done_that_cannot_be_recorded() -> None:
    world = World()
    bulk, admin, _, jobs = with_jobs(world, 3)
    world.audit.away = True
    with pytest.raises(Unavailable):
        run(bulk, admin)
    assert world.jobs.all() == jobs
    assert not world.queue.messages


def test_a_job_that_moves_on_in_between_is_left_as_it_is() -> None:
    world = World()
    bulk, admin, _, jobs = with_jobs(world, 3)
    advance = world.jobs.advance

    def after_its_owner(seen: Job, to: Job) -> None:
        if seen.key == jobs[1].key:
            advance(seen, seen.retried_by_hand(make_act("by its owner"), due_at=NOON))
        advance(seen, to)

    world.jobs.advance = after_its_owner  # type: ignore[method-assign]
    assert run(bulk, admin) == BulkDone(matched=3, changed=2, next_after=None)
    found = world.jobs.get(jobs[1].key)
    assert found is not None
    assert found.token == "by its owner"
    assert jobs[1].key not in world.queue.messages


@pytest.mark.parametrize("gone_on", [0, 1, 2])
def test_a_call_whose_time_is_over_goes_on_after_the_last_it_did(gone_on: int) -> None:
    """It does at least one, so who repeats comes to an end."""
    world = World()
    bulk, admin, _, jobs = with_jobs(world, 4)
    left = iter([timedelta(milliseconds=1)] * (gone_on + 1))
    done = run(bulk, admin, time_left=lambda: next(left, timedelta()))
    changed = gone_on + 1
    assert (done.matched, done.changed) == (changed, changed)
    assert {job.key for job in world.jobs.all() if job.status is JobStatus.PENDING} == {
        job.key for job in jobs[-changed:]
    }
    rest = run(bulk, admin, after=done.next_after)
    assert (rest.changed, rest.next_after) == (4 - changed, None)


def told_jobs(world: World, subject: str) -> int:
    """Of how many jobs a trail tells."""
    details = [detail or "" for _, _, detail in told(world, subject)]
    return sum(int(re.findall(r"jobs: (\d+)", detail)[0]) for detail in details)


def test_a_slow_jobs_table_ends_the_call_and_no_trail_tells_of_many_more_than_were_changed() -> None:
    world = World()
    bulk, admin, (ada, bob), _ = with_jobs(world, 40)
    advance = world.jobs.advance

    def slow(seen: Job, to: Job) -> None:
        world.clock.advance(seconds=1)
        advance(seen, to)

    world.jobs.advance = slow  # type: ignore[method-assign]
    until = world.clock.now() + timedelta(seconds=13)
    done = run(bulk, admin, time_left=lambda: until - world.clock.now())
    assert (done.matched, done.changed) == (13, 13)
    assert done.next_after is not None
    assert told_jobs(world, admin.user_id) == 2 * RECORDED_JOBS
    assert [told_jobs(world, owner) for owner in (ada, bob)] == [RECORDED_JOBS, RECORDED_JOBS]


def test_a_slow_audit_trail_ends_the_call_before_it_tells_of_what_is_not_done_any_more() -> None:
    world = World()
    bulk, admin, _, _ = with_jobs(world, 40)
    record = world.audit.record

    def slow(event: AuditEvent) -> None:
        world.clock.advance(seconds=2)
        record(event)

    world.audit.record = slow  # type: ignore[method-assign]
    until = world.clock.now() + timedelta(seconds=10)
    done = run(bulk, admin, time_left=lambda: until - world.clock.now())
    assert (done.matched, done.changed) == (RECORDED_JOBS + 1, RECORDED_JOBS + 1)
    assert told_jobs(world, admin.user_id) == 2 * RECORDED_JOBS
    rest = run(bulk, admin, after=done.next_after)
    assert (rest.changed, rest.next_after) == (40 - done.changed, None)


def test_a_call_that_begins_late_tells_of_the_one_job_that_it_does() -> None:
    world = World()
    bulk, admin, _, _ = with_jobs(world, 4)
    assert run(bulk, admin, time_left=timedelta).changed == 1
    assert told_jobs(world, admin.user_id) == 1


def test_an_audit_trail_that_goes_away_leaves_what_was_recorded_done_and_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    bulk, admin, _, jobs = with_jobs(world, RECORDED_JOBS + 4)
    advance = world.jobs.advance

    def and_away(seen: Job, to: Job) -> None:
        advance(seen, to)
        world.audit.away = True

    world.jobs.advance = and_away  # type: ignore[method-assign]
    done = run(bulk, admin)
    assert (done.matched, done.changed) == (RECORDED_JOBS, RECORDED_JOBS)
    assert "bulk action broke off; the next call goes on with it" in caplog.messages
    assert {job.key for job in world.jobs.all() if job.status is JobStatus.FAILED} == {job.key for job in jobs[:4]}
    world.audit.away = False
    assert run(bulk, admin, after=done.next_after) == BulkDone(matched=4, changed=4, next_after=None)


def test_with_little_time_left_it_looks_for_no_more_and_does_what_it_found() -> None:
    world = World()
    world.everybodys_jobs.looked_at_max = 2
    bulk, admin, _, _ = with_jobs(world, 6)
    done = run(bulk, admin, time_left=lambda: TIME_TO_ACT - timedelta(milliseconds=1))
    assert (done.matched, done.changed) == (2, 2)
    assert done.next_after is not None


def test_while_it_finds_nothing_it_looks_on_as_long_as_there_is_time() -> None:
    world = World()
    world.everybodys_jobs.looked_at_max = 2
    bulk, admin, (ada, _), _ = with_jobs(world, 9)
    world.jobs.add(failed_job(ada, 0, error=DEAD_LETTERED))
    cut_off = run(bulk, admin, asked=DEAD, time_left=timedelta)
    assert (cut_off.matched, cut_off.changed) == (0, 0)
    assert cut_off.next_after is not None
    assert run(bulk, admin, asked=DEAD).changed == 1


def test_a_store_that_goes_away_leaves_what_was_done_done_and_sent(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    bulk, admin, _, jobs = with_jobs(world, 4)
    advance = world.jobs.advance

    def twice(seen: Job, to: Job) -> None:
        if seen.key in {jobs[0].key, jobs[1].key}:
            detail = "the fake is away"
            raise Unavailable(detail)
        advance(seen, to)

    world.jobs.advance = twice  # type: ignore[method-assign]
    done = run(bulk, admin)
    assert (done.matched, done.changed) == (2, 2)
    assert set(world.queue.messages) == {jobs[2].key, jobs[3].key}
    assert "bulk action broke off; the next call goes on with it" in caplog.messages
    with pytest.raises(Unavailable):
        run(bulk, admin, after=done.next_after)
    world.jobs.advance = advance  # type: ignore[method-assign]
    assert run(bulk, admin, after=done.next_after) == BulkDone(matched=2, changed=2, next_after=None)


def test_messages_that_cannot_be_sent_are_left_to_the_sweep() -> None:
    world = World()
    bulk, admin, _, _ = with_jobs(world, 3)
    world.queue.away = True
    assert run(bulk, admin).changed == 3
    world.queue.away = False
    world.clock.advance(minutes=2)
    world.sweep().run(lambda: timedelta(minutes=1))
    assert len(world.queue.messages) == 3


def test_the_jobs_of_nobody_are_not_found() -> None:
    world = World()
    bulk, admin, _, jobs = with_jobs(world, 1)
    nobody = WantedJobs(username="nobody", wanted=FAILED.wanted)
    with pytest.raises(NotFound):
        run(bulk, admin, asked=nobody)
    with pytest.raises(NotFound):
        bulk.preview(nobody, after=None, time_left=plenty)
    assert world.jobs.all() == jobs
    assert set(statuses(world)) <= FINAL


def test_expired_jobs_stay_as_they_are() -> None:
    world = World()
    bulk, admin, _, jobs = with_jobs(world, 2)
    world.clock.advance(days=31)
    assert run(bulk, admin) == BulkDone(matched=0, changed=0, next_after=None)
    assert world.jobs.all() == jobs
