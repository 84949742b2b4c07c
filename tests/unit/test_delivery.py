from datetime import timedelta

import pytest

from chalicelib.domain.delivery import RESEND_AFTER_MAX, SHARDS, Look, first_look, look, message_delay, shard
from chalicelib.domain.jobs import Job, JobId
from tests.factories import LEASE, make_claim, make_job
from tests.fakes import NOON

RESEND_AFTER = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("wait", "delay"),
    [
        (-SECOND, timedelta()),
        (timedelta(), timedelta()),
        (timedelta(milliseconds=1), SECOND),
        (timedelta(minutes=15), timedelta(minutes=15)),
        (timedelta(minutes=15, milliseconds=1), None),
    ],
)
def test_a_message_is_delayed_by_whole_seconds_up_to_what_sqs_can(wait: timedelta, delay: timedelta | None) -> None:
    assert message_delay(NOON + wait, at=NOON) == delay


@pytest.mark.parametrize(
    ("wait", "looked_at"),
    [
        (-SECOND, RESEND_AFTER),
        (timedelta(), RESEND_AFTER),
        (timedelta(minutes=15), timedelta(minutes=16)),
        (timedelta(minutes=16), timedelta(minutes=14)),
        (timedelta(days=365), timedelta(days=365) - timedelta(minutes=2)),
    ],
)
def test_the_first_look_is_after_the_message_or_in_its_place(wait: timedelta, looked_at: timedelta) -> None:
    assert first_look(NOON + wait, at=NOON, resend_after=RESEND_AFTER) == NOON + looked_at


def looked(job: Job, ago: timedelta = timedelta()) -> Look:
    return look(job, at=NOON + ago, resend_after=RESEND_AFTER)


HELD = make_job().claimed(make_claim("a"))


def test_an_expired_job_is_not_sent_and_seldom_looked_at_until_the_table_deletes_it() -> None:
    assert looked(make_job(expires_at=NOON)) == Look(again_at=NOON + RESEND_AFTER_MAX, delay=None)


@pytest.mark.parametrize(
    ("due_for_s", "again_in_s"), [(0, 60), (59, 60), (61, 61), (120, 120), (899, 899), (900, 900), (86_400, 900)]
)
def test_a_job_that_is_due_is_sent_at_ever_longer_intervals(due_for_s: int, again_in_s: int) -> None:
    decision = looked(make_job(), timedelta(seconds=due_for_s))
    assert decision == Look(again_at=NOON + timedelta(seconds=due_for_s + again_in_s), delay=timedelta())
    assert timedelta(seconds=again_in_s) <= RESEND_AFTER_MAX


def test_a_held_job_is_looked_at_when_its_lease_ends() -> None:
    assert looked(HELD, LEASE - SECOND) == Look(again_at=NOON + LEASE, delay=None)


def test_a_job_whose_attempt_was_lost_is_sent_as_soon_as_its_lease_has_ended() -> None:
    """It has not been due since it was submitted, but since then."""
    assert looked(HELD, LEASE) == Look(again_at=NOON + LEASE + RESEND_AFTER, delay=timedelta())


@pytest.mark.parametrize("wait", [timedelta(seconds=2), timedelta(minutes=15)])
def test_a_job_that_is_due_soon_is_sent_ahead_delayed_by_the_rest(wait: timedelta) -> None:
    assert looked(make_job(run_at=NOON + wait)) == Look(again_at=NOON + wait + RESEND_AFTER, delay=wait)


def test_a_job_that_is_due_much_later_is_looked_at_shortly_before() -> None:
    run_at = NOON + timedelta(days=1)
    assert looked(make_job(run_at=run_at)) == Look(again_at=run_at - timedelta(minutes=2), delay=None)


def test_jobs_are_spread_over_all_shards() -> None:
    shards = {shard(JobId(f"01900000-0000-7000-8000-{number:012x}")) for number in range(256)}
    assert shards == set(range(SHARDS))
