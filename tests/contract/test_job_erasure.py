"""The end of a user's jobs: all of them go, whatever they are, and nothing brings one back."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.aws_calls import AwsRefusal
from chalicelib.adapters.dynamodb.batch_deletes import BATCH_ROWS, PAGE_ROWS
from chalicelib.adapters.dynamodb.job_erasure import DynamoDBJobEraser
from chalicelib.adapters.dynamodb.transactions import TRIES, WAIT_MAX, Backoff
from chalicelib.domain import delivery
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import Job, JobStatus
from chalicelib.domain.users import UserId
from chalicelib.ports import DueJob
from chalicelib.services.dead_letters import DEAD_LETTERED
from tests.aws import by_sdk
from tests.contract.conftest import Aws, Ports
from tests.contract.job_table import (
    ENDINGS,
    LATER,
    Ending,
    cancelled,
    failed,
    finished,
    key_of,
    refused_with,
    retried,
    retried_by_hand,
)
from tests.factories import KEY, OWNER, make_act, make_claim, make_job
from tests.fakes import NOON, FixedChance

OTHER = UserId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a99")
FAR = NOON + timedelta(days=3650)


def erased(ports: Ports, owner_id: UserId = OWNER) -> int:
    """Erase all jobs of an owner; return in how many steps."""
    steps = 1
    while ports.eraser.erase_some(owner_id):
        steps += 1
    return steps


def traces(ports: Ports, owner_id: UserId = OWNER) -> list[Any]:
    """What the table and its indexes still have of an owner's jobs."""
    wanted = [JobFilter(), *(JobFilter(status=status) for status in JobStatus)]
    pages = [ports.lists.page(owner_id, each, limit=100, after=None) for each in wanted]
    due = [entry for shard in range(delivery.SHARDS) for entry in ports.jobs.due(shard, at=FAR, limit=100)]
    entries = [entry for entry in [*due, *ports.jobs.dead(at=FAR, limit=100)] if entry.key.owner_id == owner_id]
    return [*(job for page in pages for job in page.jobs), *entries]


def in_every_state() -> list[Job]:
    held = make_job().claimed(make_claim("a"))
    jobs = [
        make_job(),
        make_job(expires_at=NOON - timedelta(days=30)),
        held,
        finished(held),
        retried(held),
        failed(held),
        held.failed(DEAD_LETTERED, make_act("dead")),
        cancelled(held),
        retried_by_hand(failed(held)),
    ]
    return [replace(job, key=key_of(number)) for number, job in enumerate(jobs)]


def test_every_job_of_the_owner_goes_and_no_other_does(ports: Ports) -> None:
    kept = make_job(key=key_of(1, OTHER))
    for job in [*in_every_state(), kept]:
        ports.jobs.add(job)
    assert traces(ports)
    erased(ports)
    assert traces(ports) == []
    assert [ports.jobs.get(job.key) for job in in_every_state()] == [None] * len(in_every_state())
    assert ports.jobs.get(kept.key) == kept


def test_of_an_owner_without_jobs_there_is_nothing_to_erase(ports: Ports) -> None:
    assert not ports.eraser.erase_some(OWNER)


def test_each_step_removes_some_and_the_last_says_that_it_was(ports: Ports) -> None:
    for number in range(2 * PAGE_ROWS + 1):
        ports.jobs.add(make_job(key=key_of(number)))
    assert ports.eraser.erase_some(OWNER)
    assert erased(ports) >= 2
    assert not ports.eraser.erase_some(OWNER)
    assert traces(ports) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_attempt_whose_job_is_erased_ends_without_a_trace(ports: Ports, ending: Ending) -> None:
    ports.jobs.add(make_job())
    held = ports.jobs.claim(KEY, make_claim("a"))
    erased(ports)
    assert refused_with(ports.jobs.advance, held, ending(held)) is None
    assert refused_with(ports.jobs.claim, KEY, make_claim("b", at=FAR)) is None
    assert ports.jobs.get(KEY) is None
    assert traces(ports) == []


@pytest.mark.parametrize("seen", in_every_state(), ids=lambda job: f"{job.status}-{job.token}")
def test_what_has_seen_a_job_that_was_erased_since_writes_nothing(ports: Ports, seen: Job) -> None:
    """A sweep's next look, a dead letter, a redrive, a cancel: whatever a job can be moved by."""
    ports.jobs.add(seen)
    erased(ports)
    for to in (failed(seen), cancelled(seen), retried_by_hand(seen), seen.failed(DEAD_LETTERED, make_act("dead"))):
        assert refused_with(ports.jobs.advance, seen, to) is None
    ports.jobs.look_again(DueJob(key=seen.key, due_at=seen.due_at or NOON), at=LATER)
    ports.jobs.delete(seen)
    assert ports.jobs.get(seen.key) is None
    assert traces(ports) == []


def test_of_attempts_that_end_while_their_jobs_are_erased_none_leaves_a_trace(atomic_ports: Ports) -> None:
    jobs = atomic_ports.jobs
    for number in range(60):
        jobs.add(make_job(key=key_of(number)))

    def attempted(number: int) -> object:
        """What it was refused for."""
        try:
            held = jobs.claim(key_of(number), make_claim(f"claim-{number}"))
            jobs.advance(held, ENDINGS[number % len(ENDINGS)](held))
        except ConcurrentUpdate as refused:
            return refused.current
        return None

    with ThreadPoolExecutor(8) as pool:
        erasing = pool.submit(erased, atomic_ports)
        found = list(pool.map(attempted, range(60)))
        erasing.result()
    assert found == [None] * 60, "an attempt finds its job as it was, or gone"
    assert traces(atomic_ports) == []


def test_a_step_whose_responses_are_lost_does_the_same(lossy_ports: Ports) -> None:
    for job in in_every_state():
        lossy_ports.jobs.add(job)
    erased(lossy_ports)
    assert traces(lossy_ports) == []


def test_without_dynamodb_it_says_so(away_ports: Ports) -> None:
    with pytest.raises(Unavailable, match="the jobs table does not answer"):
        away_ports.eraser.erase_some(OWNER)


class Waits:
    """Pauses that take no time."""

    def __init__(self) -> None:
        self.durations: list[timedelta] = []

    def sleep(self, duration: timedelta) -> None:
        self.durations.append(duration)


def eraser_of(aws: Aws, waits: Waits) -> DynamoDBJobEraser:
    watched = by_sdk(aws.dynamodb)
    return DynamoDBJobEraser(
        lambda: watched, table=aws.jobs_table, backoff=Backoff(randomness=FixedChance(), pause=waits)
    )


@contextmanager
def batches(aws: Aws, *, undone: int = 0) -> Iterator[list[int]]:
    """How many rows each BatchWriteItem asks for; in the first ``undone`` calls DynamoDB gets round to one only."""
    sizes: list[int] = []
    left: list[Any] = []

    def leave(params: dict[str, Any], **_: Any) -> None:
        requests = params["RequestItems"][aws.jobs_table]
        sizes.append(len(requests))
        left[:] = requests[1:] if len(sizes) <= undone else []
        if left:
            params["RequestItems"] = {aws.jobs_table: requests[:1]}

    def tell(parsed: dict[str, Any], **_: Any) -> None:
        if left:
            parsed["UnprocessedItems"] = {aws.jobs_table: list(left)}

    events = aws.dynamodb.meta.events
    events.register("provide-client-params.dynamodb.BatchWriteItem", leave)
    events.register("after-call.dynamodb.BatchWriteItem", tell)
    yield sizes
    events.unregister("provide-client-params.dynamodb.BatchWriteItem", leave)
    events.unregister("after-call.dynamodb.BatchWriteItem", tell)


def with_jobs(aws: Aws, count: int) -> Ports:
    ports = aws.ports()
    for number in range(count):
        ports.jobs.add(make_job(key=key_of(number)))
    return ports


def test_rows_are_deleted_twenty_five_a_call(aws: Aws) -> None:
    with_jobs(aws, BATCH_ROWS + 2)
    with batches(aws) as sizes:
        assert not aws.ports().eraser.erase_some(OWNER)
    assert sizes == [BATCH_ROWS, 2]


def test_a_step_takes_a_hundred_rows(aws: Aws) -> None:
    with_jobs(aws, PAGE_ROWS + 3)
    with batches(aws) as sizes:
        assert aws.ports().eraser.erase_some(OWNER)
        assert sizes == [BATCH_ROWS] * 4
        assert not aws.ports().eraser.erase_some(OWNER)
    assert sizes[4:] == [3]


def test_what_dynamodb_did_not_get_round_to_is_tried_again_after_a_wait(aws: Aws) -> None:
    """None of the stand-ins leaves anything undone."""
    ports = with_jobs(aws, 5)
    waits = Waits()
    with batches(aws, undone=2) as sizes:
        assert not eraser_of(aws, waits).erase_some(OWNER)
    assert sizes == [5, 4, 3]
    assert waits.durations == [WAIT_MAX / 2, WAIT_MAX]
    assert traces(ports) == []


def test_what_stays_undone_is_said_and_done_the_next_time(aws: Aws) -> None:
    ports = with_jobs(aws, TRIES + 2)
    waits = Waits()
    with batches(aws, undone=TRIES) as sizes, pytest.raises(Unavailable, match="the jobs table is busy"):
        eraser_of(aws, waits).erase_some(OWNER)
    assert len(sizes) == TRIES
    assert len(waits.durations) == TRIES - 1
    assert sum(waits.durations, timedelta()) < timedelta(seconds=1)
    assert not ports.eraser.erase_some(OWNER)
    assert traces(ports) == []


def test_a_table_that_is_not_there_is_a_fault_and_no_outage(aws: Aws) -> None:
    eraser = DynamoDBJobEraser(
        lambda: aws.own("dynamodb"),
        table=aws.new_name("nowhere"),
        backoff=Backoff(randomness=FixedChance(), pause=Waits()),
    )
    with pytest.raises(AwsRefusal, match="ResourceNotFoundException"):
        eraser.erase_some(OWNER)
