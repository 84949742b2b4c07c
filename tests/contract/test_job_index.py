"""The index of the jobs table: what is due, what is dead, and when it is looked at again."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.delivery import SHARDS, shard
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.job_places import Place
from chalicelib.domain.jobs import JobError, JobErrorCode, JobKey, JobStatus
from chalicelib.ports import DueJob
from tests.contract.conftest import Aws, Ports
from tests.contract.job_table import (
    ENDINGS,
    LATER,
    Ending,
    advanced,
    failed,
    finished,
    key_of,
    retried,
    retried_by_hand,
)
from tests.factories import KEY, make_act, make_claim, make_job
from tests.fakes import NOON


def shard_mates(number: int) -> list[JobKey]:
    """As many jobs of one shard."""
    return [key_of(each * SHARDS) for each in range(number)]


def test_jobs_that_are_due_are_found_the_longest_due_first_and_page_by_page(ports: Ports) -> None:
    keys = shard_mates(6)
    due_at = {key: NOON + timedelta(seconds=10 - place) for place, key in enumerate(keys)}
    for key in keys:
        ports.jobs.add(make_job(key=key, due_at=due_at[key]))
    ports.jobs.add(make_job(key=key_of(1)))
    own = shard(keys[0].job_id)
    first = ports.jobs.due(own, at=NOON + timedelta(seconds=9), limit=2)
    assert first == [DueJob(key=key, due_at=due_at[key]) for key in (keys[5], keys[4])]
    rest = ports.jobs.due(own, at=NOON + timedelta(seconds=9), limit=9, after=first[-1])
    assert [due.key for due in rest] == [keys[3], keys[2], keys[1]], "the first is due a second later"
    assert ports.jobs.due(own, at=NOON, limit=9) == []


def test_jobs_due_at_the_same_instant_are_all_found(ports: Ports) -> None:
    keys = shard_mates(5)
    for key in keys:
        ports.jobs.add(make_job(key=key, due_at=NOON))
    found: list[JobKey] = []
    last: DueJob | None = None
    while page := ports.jobs.due(shard(keys[0].job_id), at=NOON, limit=2, after=last):
        found += [due.key for due in page]
        last = page[-1]
    assert sorted(found, key=lambda key: key.job_id) == keys


@pytest.mark.parametrize("ending", ENDINGS)
def test_only_what_is_not_final_is_due(ports: Ports, ending: Ending) -> None:
    ports.jobs.add(make_job())
    held = ports.jobs.claim(KEY, make_claim("a"))
    own, far = shard(KEY.job_id), NOON + timedelta(days=1)
    assert ports.jobs.due(own, at=far, limit=9) == [DueJob(key=KEY, due_at=NOON + timedelta(minutes=1))]
    moved = advanced(ports.jobs, held, ending(held))
    expected = [] if moved.due_at is None else [DueJob(key=KEY, due_at=moved.due_at)]
    assert ports.jobs.due(own, at=far, limit=9) == expected
    assert bool(expected) == (ending is retried)


def test_the_next_look_is_put_off_by_one_sweep_only(ports: Ports) -> None:
    ports.jobs.add(make_job(due_at=NOON))
    (seen,) = ports.jobs.due(shard(KEY.job_id), at=NOON, limit=9)
    ports.jobs.look_again(seen, at=LATER)
    ports.jobs.look_again(seen, at=LATER + timedelta(hours=1))
    assert ports.jobs.get(KEY) == make_job(due_at=LATER)
    assert ports.jobs.due(shard(KEY.job_id), at=NOON, limit=9) == []


def test_a_look_that_is_put_off_fences_nobody(ports: Ports) -> None:
    ports.jobs.add(make_job(due_at=NOON))
    held = ports.jobs.claim(KEY, make_claim("a"))
    ports.jobs.look_again(DueJob(key=KEY, due_at=NOON), at=LATER)
    advanced(ports.jobs, held, finished(held))


def test_a_final_job_gets_no_next_look(ports: Ports) -> None:
    ports.jobs.add(make_job(due_at=NOON))
    held = ports.jobs.claim(KEY, make_claim("a"))
    final = advanced(ports.jobs, held, finished(held))
    ports.jobs.look_again(DueJob(key=KEY, due_at=NOON), at=LATER)
    assert ports.jobs.get(KEY) == final
    assert ports.jobs.due(shard(KEY.job_id), at=NOON + timedelta(days=1), limit=9) == []


def test_a_look_at_a_job_that_failed_when_it_was_due_is_not_put_off(ports: Ports) -> None:
    """The index has it by the same instant, as FAILED."""
    ports.jobs.add(make_job(due_at=LATER))
    held = ports.jobs.claim(KEY, make_claim("a"))
    final = advanced(ports.jobs, held, failed(held))
    ports.jobs.look_again(DueJob(key=KEY, due_at=LATER), at=LATER + timedelta(hours=1))
    assert ports.jobs.get(KEY) == final
    (listed,) = ports.everybodys.page(JobFilter(status=JobStatus.FAILED), limit=9, after=None).found
    assert listed.place == Place(at=LATER, partition=shard(KEY.job_id), key=KEY).text


@pytest.mark.parametrize("code", list(JobErrorCode))
def test_dead_jobs_are_found_until_they_are_retried(ports: Ports, code: JobErrorCode) -> None:
    ports.jobs.add(make_job())
    held = ports.jobs.claim(KEY, make_claim("a"))
    final = advanced(ports.jobs, held, held.failed(JobError(code=code, detail="gone"), make_act("end", at=LATER)))
    is_dead = code in {"ATTEMPTS_EXHAUSTED", "DEAD_LETTERED"}
    assert ports.jobs.dead(at=LATER, limit=9) == ([DueJob(key=KEY, due_at=LATER)] if is_dead else [])
    assert ports.jobs.due(shard(KEY.job_id), at=LATER, limit=9) == []
    advanced(ports.jobs, final, retried_by_hand(final))
    assert ports.jobs.dead(at=LATER, limit=9) == []


def test_a_claim_and_an_end_write_no_more_of_the_index_than_they_must(aws: Aws) -> None:
    """The budget of a job counts on it: a claim touches no index, a put-off or an end one entry."""
    names: list[set[str]] = []

    def note(params: Any, **_: Any) -> None:
        changed = params["UpdateExpression"]
        names.append({name for place, name in params["ExpressionAttributeNames"].items() if place in changed})

    aws.dynamodb.meta.events.register("provide-client-params.dynamodb.UpdateItem", note)
    jobs = aws.ports().jobs
    jobs.add(make_job())
    held = jobs.claim(KEY, make_claim("a"))
    jobs.advance(held, finished(held))
    claim, end = names
    assert not claim & {"due_shard", "due_at_epoch_ms"}
    assert {"due_shard", "due_at_epoch_ms"} <= end
    assert "data" not in end, "what has not changed is not sent again"
