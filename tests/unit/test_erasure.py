from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.account_ports import Erasure
from chalicelib.domain.credentials import CredentialId
from chalicelib.domain.delivery import SHARDS
from chalicelib.domain.errors import AttemptFailed, Unavailable
from chalicelib.domain.jobs import Job, JobError, JobId, JobKey
from chalicelib.domain.pauses import JobsOfUser
from chalicelib.domain.users import UserId
from chalicelib.domain.webhooks import CALLBACKS, WebhookId
from chalicelib.services.dead_letters import DEAD_LETTERED, Burial
from chalicelib.services.due_rows import PAGE
from chalicelib.services.erasure import NEEDED
from chalicelib.services.execution import Outcome
from tests.factories import (
    ADAS_JOBS,
    KEY,
    OWNER,
    World,
    make_act,
    make_api_key,
    make_claim,
    make_event,
    make_job,
    make_pause,
    make_session,
    make_user,
    make_webhook,
)
from tests.fakes import ERASED_AT_ONCE, NOON
from tests.webhook_fakes import ERASED_AT_ONCE as WEBHOOKS_ERASED_AT_ONCE

OTHER = UserId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a99")
ORDER = Erasure(user_id=OWNER, username="ada")
ERROR = JobError(code="OPERATION_FAILED", detail="no such planet")
LONG = timedelta(minutes=10)


def plenty() -> timedelta:
    return LONG


def key_of(number: int, owner_id: UserId = OWNER) -> JobKey:
    return JobKey(owner_id=owner_id, job_id=JobId(f"01900000-0000-7000-8000-{number:012x}"))


def populated(world: World, user_id: UserId = OWNER, username: str = "ada", *, jobs: int = 3) -> World:
    """With an account that has credentials of both kinds, webhooks and some jobs."""
    world.users.add(make_user(user_id=user_id, username=username), make_event(subject=user_id))
    for credential in (make_session(user_id=user_id), make_api_key(user_id=user_id)):
        world.credentials.rows[user_id, credential.credential_id] = credential
    for webhook_id in (CALLBACKS, make_webhook().webhook_id):
        world.webhooks.add(make_webhook(owner_id=user_id, webhook_id=webhook_id))
    for number in range(jobs):
        world.jobs.add(make_job(key=key_of(number, user_id)))
    return world


def owners_of_rows(world: World) -> set[UserId]:
    """Who has anything but audit events."""
    users = {user.user_id for user in world.users.all()}
    users |= {webhook.owner_id for webhook in world.webhooks.all()}
    return users | {user_id for user_id, _ in world.credentials.rows} | {job.key.owner_id for job in world.jobs.all()}


def test_the_account_its_credentials_its_webhooks_and_its_jobs_go_and_nothing_of_others_does() -> None:
    world = populated(populated(World()), OTHER, "bob")
    world.erasure().erase(ORDER, plenty)
    assert owners_of_rows(world) == {OTHER}
    assert (len(world.users.all()), len(world.credentials.rows), len(world.jobs.all())) == (1, 2, 3)
    assert len(world.webhooks.all()) == 2
    assert world.erasures.orders == [], "all of it fitted the time"


def test_a_pause_of_the_users_jobs_goes_and_that_of_others_stays() -> None:
    """Else it would count among the most there may be, and nobody could name the user to end it."""
    world = populated(World())
    others = [make_pause(JobsOfUser(owner_id=OTHER, username="bob")), make_pause()]
    for pause in (make_pause(ADAS_JOBS), *others):
        world.pauses.add(pause, [])
    world.erasure().erase(ORDER, plenty)
    assert {pause.jobs for pause in world.pauses.all()} == {pause.jobs for pause in others}


def test_jobs_go_whatever_their_status_and_also_expired_ones() -> None:
    world = World()
    held = make_job().claimed(make_claim("a"))
    ended = [held.finished("14", make_act("end")), held.cancelled(make_act("end")), held.failed(ERROR, make_act("end"))]
    for number, job in enumerate([make_job(), held, *ended]):
        world.jobs.add(replace(job, key=key_of(number)))
    world.clock.advance(days=100)
    world.erasure().erase(ORDER, plenty)
    assert owners_of_rows(world) == set()


def test_audit_events_stay() -> None:
    world = populated(World())
    events = world.audit.all()
    assert events
    world.erasure().erase(ORDER, plenty)
    assert world.audit.all() == events


def test_an_order_that_comes_again_finds_nothing_left() -> None:
    world = populated(World())
    for _ in range(2):
        world.erasure().erase(ORDER, plenty)
    assert owners_of_rows(world) == set()
    assert world.erasures.orders == []


def test_an_order_that_comes_again_takes_what_a_request_wrote_meanwhile() -> None:
    """It had been let in before the account was gone."""
    world = populated(World())
    world.erasure().erase(ORDER, plenty)
    world.jobs.add(make_job(key=key_of(9)))
    world.webhooks.add(make_webhook())
    late = make_api_key(credential_id=CredentialId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a44"))
    world.credentials.rows[OWNER, late.credential_id] = late
    world.erasure().erase(ORDER, plenty)
    assert owners_of_rows(world) == set()


def test_whoever_has_the_name_by_now_keeps_the_account() -> None:
    world = populated(World())
    world.erasure().erase(ORDER, plenty)
    populated(world, OTHER, "Ada")
    before = (world.users.all(), dict(world.credentials.rows), world.jobs.all(), world.webhooks.all())
    world.erasure().erase(ORDER, plenty)
    assert (world.users.all(), world.credentials.rows, world.jobs.all(), world.webhooks.all()) == before


def with_webhooks(world: World, count: int) -> World:
    for number in range(count):
        world.webhooks.add(make_webhook(webhook_id=WebhookId(f"00000000-0000-4000-9000-{number:012x}")))
    return world


def running_down(*left_s: float) -> Callable[[], timedelta]:
    rest = iter(left_s)
    return lambda: timedelta(seconds=next(rest))


def test_without_the_time_for_all_jobs_the_rest_is_ordered_anew() -> None:
    world = populated(World(), jobs=3 * ERASED_AT_ONCE)
    just_too_little = NEEDED.total_seconds() - 0.001
    world.erasure().erase(ORDER, running_down(NEEDED.total_seconds(), just_too_little))
    assert len(world.jobs.all()) == ERASED_AT_ONCE, "as long as there is time it goes on"
    assert world.erasures.orders == [(ORDER, timedelta())]
    world.erasure().erase(world.erasures.orders.pop()[0], plenty)
    assert owners_of_rows(world) == set()
    assert world.erasures.orders == []


def test_every_round_removes_something_however_little_time_it_has() -> None:
    """So the rounds of orders end."""
    world = populated(World(), jobs=2 * ERASED_AT_ONCE + 1)
    rounds = 0
    world.erasures.send(ORDER)
    while world.erasures.orders:
        rounds += 1
        world.erasure().erase(world.erasures.orders.pop()[0], timedelta)
    assert (rounds, world.jobs.all()) == (3, [])


def test_without_the_time_for_one_table_the_next_ones_are_left_to_the_order_anew() -> None:
    world = with_webhooks(populated(World(), jobs=2 * ERASED_AT_ONCE), 2 * WEBHOOKS_ERASED_AT_ONCE)
    webhooks = world.webhooks.all()
    world.erasure().erase(ORDER, timedelta)
    assert len(world.jobs.all()) == ERASED_AT_ONCE
    assert world.webhooks.all() == webhooks, "as long as there are jobs to tell of"
    assert world.erasures.orders == [(ORDER, timedelta())]
    world.erasure().erase(world.erasures.orders.pop()[0], plenty)
    assert owners_of_rows(world) == set()


def test_rounds_without_time_end_whatever_is_in_how_many_tables() -> None:
    world = with_webhooks(populated(World(), jobs=2 * ERASED_AT_ONCE + 1), 3 * WEBHOOKS_ERASED_AT_ONCE)
    rounds = 0
    world.erasures.send(ORDER)
    while world.erasures.orders:
        rounds += 1
        world.erasure().erase(world.erasures.orders.pop()[0], timedelta)
    assert owners_of_rows(world) == set()
    assert rounds == 6, "three pages of jobs, the last with the first of webhooks, of which there are four"


@pytest.mark.parametrize("store", ["users", "credentials", "webhooks", "jobs"])
def test_without_a_store_the_order_comes_back_and_then_does_all_of_it(store: str) -> None:
    world = populated(World())
    fake: Any = getattr(world, store)
    fake.away = True
    with pytest.raises(Unavailable):
        world.erasure().erase(ORDER, plenty)
    fake.away = False
    world.erasure().erase(ORDER, plenty)
    assert owners_of_rows(world) == set()


def test_without_the_queue_for_the_rest_the_order_at_hand_comes_back() -> None:
    world = populated(World(), jobs=2 * ERASED_AT_ONCE)
    world.erasures.away = True
    with pytest.raises(Unavailable):
        world.erasure().erase(ORDER, timedelta)


class MeanwhileErased:
    """A runner during each of whose attempts the owner's account is erased; then it returns a result, or raises."""

    def __init__(self, world: World, failure: AttemptFailed | None) -> None:
        self._world = world
        self._failure = failure

    def run(self, job: Job, *, is_cancelled: Callable[[], bool]) -> str:
        assert (job.attempt, is_cancelled()) == (1, False)
        self._world.erasure().erase(ORDER, plenty)
        assert is_cancelled(), "an operation that asks can stop"
        if self._failure is not None:
            raise self._failure
        return "14"


@pytest.mark.parametrize(
    "failure",
    [None, AttemptFailed(code="OPERATION_FAILED", detail=""), AttemptFailed(code="X", detail="", is_final=True)],
    ids=["finish", "retry", "fail"],
)
def test_a_job_that_is_running_when_it_is_erased_ends_without_a_trace(failure: AttemptFailed | None) -> None:
    world = World()
    world.runner = MeanwhileErased(world, failure)
    world.jobs.add(make_job())
    assert world.execution().execute(KEY, time_left=lambda: LONG, whole_time=LONG) is Outcome.SUPERSEDED
    assert world.jobs.all() == []
    assert not world.queue.messages, "neither is it sent again"


def erased_after_a_look(world: World) -> None:
    """The next one who reads a job's row has it, and then its owner's account is erased."""
    real_get = world.jobs.get

    def get(key: JobKey) -> Job | None:
        job = real_get(key)
        world.erasure().erase(ORDER, plenty)
        return job

    world.jobs.get = get  # type: ignore[method-assign]


def test_a_sweep_that_has_just_seen_an_erased_job_does_not_bring_it_back() -> None:
    """Its message may still go out; whoever gets it finds no job."""
    world = World()
    world.jobs.add(make_job(due_at=NOON))
    erased_after_a_look(world)
    assert world.sweep().run(plenty).looked_at == 1
    assert world.jobs.all() == []
    assert list(world.queue.messages) == [KEY]
    assert world.execution().execute(KEY, time_left=lambda: LONG, whole_time=LONG) is Outcome.GONE
    assert world.jobs.all() == []


def test_a_sweep_that_finds_an_erased_job_in_the_index_passes_over_it() -> None:
    """An index lags behind its table."""
    world = World()
    world.jobs.add(make_job(due_at=NOON))
    seen = {number: world.jobs.due(number, at=NOON, limit=PAGE) for number in range(SHARDS)}
    world.erasure().erase(ORDER, plenty)
    world.jobs.due = lambda shard, **_: seen[shard]  # type: ignore[method-assign]
    swept = world.sweep().run(plenty)
    assert (swept.looked_at, swept.sent) == (1, 0)
    assert world.jobs.all() == []


def test_a_dead_letter_fails_no_erased_job() -> None:
    world = World()
    assert world.dead_letters().bury(KEY, sent_at=NOON) is Burial.GONE
    world.jobs.add(make_job())
    erased_after_a_look(world)
    assert world.dead_letters().bury(KEY, sent_at=NOON) is Burial.HELD, "the letter comes again, and finds it gone"
    assert world.jobs.all() == []
    assert world.dead_letters().bury(KEY, sent_at=NOON) is Burial.GONE


def test_a_redrive_brings_no_erased_job_back() -> None:
    world = World()
    world.jobs.add(make_job().failed(DEAD_LETTERED, make_act("dead")))
    erased_after_a_look(world)
    assert world.dead_letters().redrive(plenty).retried == 0
    assert world.jobs.all() == []
    assert not world.queue.messages
