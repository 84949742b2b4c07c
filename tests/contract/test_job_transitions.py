"""The jobs table: every implementation admits exactly the transitions that `chalicelib.domain.jobs` allows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.jobs import DUE_TOLERANCE, EVENTS_MAX, JobStatus
from chalicelib.domain.pauses import PAUSES_MAX
from chalicelib.ports import DueJob
from tests.contract.conftest import Ports
from tests.contract.job_table import (
    ENDINGS,
    LATER,
    Ending,
    advanced,
    cancelled,
    failed,
    finished,
    refused_with,
    retried,
    retried_by_hand,
)
from tests.factories import KEY, LEASE, TIMEOUT, make_claim, make_job
from tests.fakes import NOON

MILLISECOND = timedelta(milliseconds=1)


def test_adding_a_job_again_changes_nothing(ports: Ports) -> None:
    ports.jobs.add(make_job())
    claimed = ports.jobs.claim(KEY, make_claim("a"))
    ports.jobs.add(make_job())
    assert ports.jobs.get(KEY) == claimed


def test_a_claim_begins_the_first_attempt(ports: Ports) -> None:
    ports.jobs.add(make_job())
    claim = make_claim("a", at=NOON + MILLISECOND)
    claimed = ports.jobs.claim(KEY, claim)
    assert claimed == make_job().claimed(claim)
    assert (claimed.status, claimed.attempt, claimed.token) == (JobStatus.IN_PROGRESS, 1, "a")
    assert claimed.started_at == NOON + MILLISECOND
    assert claimed.lease_expires_at == NOON + MILLISECOND + LEASE
    assert ports.jobs.get(KEY) == claimed


def test_a_job_is_not_claimed_before_it_is_due(ports: Ports) -> None:
    run_at = NOON + timedelta(seconds=10)
    job = make_job(run_at=run_at)
    ports.jobs.add(job)
    almost = run_at - DUE_TOLERANCE - MILLISECOND
    assert refused_with(ports.jobs.claim, KEY, make_claim("a", at=almost)) == job
    assert ports.jobs.claim(KEY, make_claim("a", at=almost + MILLISECOND)).attempt == 1


def test_a_held_job_is_not_claimed_before_its_lease_has_ended(ports: Ports) -> None:
    ports.jobs.add(make_job())
    held = ports.jobs.claim(KEY, make_claim("a"))
    assert refused_with(ports.jobs.claim, KEY, make_claim("b", at=NOON + LEASE - MILLISECOND)) == held
    claim = make_claim("b", at=NOON + LEASE)
    again = ports.jobs.claim(KEY, claim)
    assert again == held.claimed(claim)
    assert (again.attempt, again.started_at) == (2, NOON)
    assert ports.jobs.get(KEY) == again


def test_a_job_is_not_claimed_without_the_time_it_may_take(ports: Ports) -> None:
    ports.jobs.add(make_job())
    assert refused_with(ports.jobs.claim, KEY, make_claim("a", time_left=TIMEOUT - MILLISECOND)) == make_job()
    assert refused_with(ports.jobs.claim, KEY, make_claim("a", time_left=-TIMEOUT)) == make_job()
    assert ports.jobs.claim(KEY, make_claim("a", time_left=TIMEOUT)).attempt == 1


def test_a_job_of_a_paused_operation_is_not_claimed(ports: Ports) -> None:
    ports.jobs.add(make_job())
    many = frozenset(f"operation_{number}" for number in range(PAUSES_MAX - 1))
    paused = many | {"square_sum"}
    assert refused_with(ports.jobs.claim, KEY, make_claim("a", paused_operations=paused)) == make_job()
    claim = make_claim("b", paused_operations=many | {"square_su"})
    claimed = ports.jobs.claim(KEY, claim)
    assert claimed == make_job().claimed(claim)
    assert ports.jobs.get(KEY) == claimed
    again = make_claim("c", at=NOON + LEASE, paused_operations=frozenset({"square_sum"}))
    assert refused_with(ports.jobs.claim, KEY, again) == claimed, "nor the next attempt of one that was lost"


def test_an_expired_job_is_not_claimed(ports: Ports) -> None:
    job = make_job(expires_at=NOON + timedelta(seconds=2))
    ports.jobs.add(job)
    assert refused_with(ports.jobs.claim, KEY, make_claim("a", at=job.expires_at)) == job
    assert ports.jobs.claim(KEY, make_claim("a", at=job.expires_at - MILLISECOND)).attempt == 1


def test_attempts_run_out(ports: Ports) -> None:
    ports.jobs.add(make_job(max_attempts=2))
    for number, token in enumerate("ab"):
        ports.jobs.claim(KEY, make_claim(token, at=NOON + number * LEASE))
    last = ports.jobs.get(KEY)
    assert refused_with(ports.jobs.claim, KEY, make_claim("c", at=NOON + 2 * LEASE)) == last


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_attempt_moves_its_job_on_once(ports: Ports, ending: Ending) -> None:
    ports.jobs.add(make_job())
    held = ports.jobs.claim(KEY, make_claim("a"))
    moved = advanced(ports.jobs, held, ending(held))
    for other in ENDINGS:
        assert refused_with(ports.jobs.advance, held, other(held, "other")) == moved
    assert ports.jobs.get(KEY) == moved


@pytest.mark.asvs("2.3.1")
@pytest.mark.parametrize("ending", [finished, failed, cancelled])
def test_what_is_final_is_not_claimed(ports: Ports, ending: Ending) -> None:
    ports.jobs.add(make_job())
    held = ports.jobs.claim(KEY, make_claim("a"))
    final = advanced(ports.jobs, held, ending(held))
    assert final.is_final
    assert refused_with(ports.jobs.claim, KEY, make_claim("b", at=NOON + 2 * LEASE)) == final


def test_a_retried_job_is_claimed_when_it_is_due_again(ports: Ports) -> None:
    ports.jobs.add(make_job())
    held = ports.jobs.claim(KEY, make_claim("a"))
    waiting = advanced(ports.jobs, held, retried(held))
    assert refused_with(ports.jobs.claim, KEY, make_claim("b", at=LATER)) == waiting
    claim = make_claim("b", at=waiting.run_at)
    assert ports.jobs.claim(KEY, claim) == waiting.claimed(claim)


@pytest.mark.parametrize("ending", [failed, cancelled])
def test_a_job_that_is_retried_by_hand_has_a_fresh_set_of_attempts(ports: Ports, ending: Ending) -> None:
    ports.jobs.add(make_job(max_attempts=1))
    held = ports.jobs.claim(KEY, make_claim("a"))
    final = advanced(ports.jobs, held, ending(held))
    waiting = advanced(ports.jobs, final, retried_by_hand(final))
    assert (waiting.attempt, waiting.last_attempt) == (final.attempt, final.attempt + 1)
    assert refused_with(ports.jobs.advance, held, finished(held, "zombie")) == waiting
    claim = make_claim("b", at=LATER)
    again = ports.jobs.claim(KEY, claim)
    assert again == waiting.claimed(claim)
    assert refused_with(ports.jobs.claim, KEY, make_claim("c", at=LATER + LEASE)) == again
    assert refused_with(ports.jobs.advance, held, finished(held, "zombie")) == again


@pytest.mark.asvs("2.3.1")
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_attempt_that_was_overtaken_moves_nothing(ports: Ports, ending: Ending) -> None:
    ports.jobs.add(make_job())
    zombie = ports.jobs.claim(KEY, make_claim("a"))
    current = ports.jobs.claim(KEY, make_claim("b", at=NOON + LEASE))
    assert refused_with(ports.jobs.advance, zombie, ending(zombie)) == current
    for seen in (
        replace(current, token="a"),
        replace(current, attempt=1),
        replace(current, status=JobStatus.PENDING),
    ):
        assert refused_with(ports.jobs.advance, seen, ending(seen)) == current, "each of the three is a fence"
    assert ports.jobs.get(KEY) == current


@pytest.mark.parametrize("ending", ENDINGS)
def test_tags_and_metadata_survive_every_transition(ports: Ports, ending: Ending) -> None:
    job = make_job(tags=("red", "\N{SNOWMAN}"), metadata_json='{"order":"7"}')
    ports.jobs.add(job)
    moved = advanced(ports.jobs, job, cancelled(job))
    moved = advanced(ports.jobs, moved, retried_by_hand(moved))
    held = ports.jobs.claim(KEY, make_claim("a", at=LATER))
    moved = advanced(ports.jobs, held, ending(held))
    for each in (held, moved):
        assert (each.tags, each.metadata_json) == (("red", "\N{SNOWMAN}"), '{"order":"7"}')


def test_of_what_is_gone_no_transition_makes_a_row(ports: Ports) -> None:
    held = make_job().claimed(make_claim("a"))
    assert refused_with(ports.jobs.claim, KEY, make_claim("a")) is None
    for ending in ENDINGS:
        assert refused_with(ports.jobs.advance, held, ending(held)) is None
    ports.jobs.look_again(DueJob(key=KEY, due_at=NOON), at=LATER)
    assert ports.jobs.get(KEY) is None


def test_the_event_log_tells_every_transition_with_its_attempt(ports: Ports) -> None:
    ports.jobs.add(make_job())
    first = ports.jobs.claim(KEY, make_claim("a"))
    waiting = advanced(ports.jobs, first, retried(first, "retry"))
    ports.jobs.claim(KEY, make_claim("b", at=NOON + LEASE))
    second = ports.jobs.claim(KEY, make_claim("c", at=NOON + 3 * LEASE))
    gone = advanced(ports.jobs, second, cancelled(second))
    again = advanced(ports.jobs, gone, retried_by_hand(gone))
    last = ports.jobs.claim(KEY, make_claim("d", at=NOON + 5 * LEASE))
    advanced(ports.jobs, last, finished(last))
    job = ports.jobs.get(KEY)
    assert job is not None
    assert [(event.transition.value, event.attempt, event.reason) for event in job.events] == [
        ("SUBMIT", 0, None),
        ("CLAIM", 1, None),
        ("RETRY", 1, "OPERATION_FAILED: no such planet"),
        ("CLAIM", 2, None),
        ("CLAIM", 3, None),
        ("CANCEL", 4, None),
        ("RETRY_BY_HAND", 4, None),
        ("CLAIM", 5, None),
        ("FINISH", 5, None),
    ]
    assert [event.at for event in job.events[:2]] == [NOON, NOON]
    assert {event.worker for event in job.events} == {"api", "consumer"}
    assert waiting.events == job.events[:3]
    assert again.events == job.events[:7]


def test_the_event_log_keeps_its_first_and_its_newest_events(ports: Ports) -> None:
    job = make_job()
    ports.jobs.add(job)
    for round_ in range(EVENTS_MAX):
        for transition in (cancelled, retried_by_hand):
            after = transition(job, f"{transition.__name__}-{round_}")
            ports.jobs.advance(job, after)
            job = after
    kept = ports.jobs.get(KEY)
    assert kept == job
    assert kept is not None
    assert len(kept.events) == EVENTS_MAX
    assert kept.events[0] == make_job().events[0]
    assert [event.attempt for event in kept.events[-4:]] == [EVENTS_MAX - 1, EVENTS_MAX - 1, EVENTS_MAX, EVENTS_MAX]
