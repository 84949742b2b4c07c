"""The jobs table under rivals, lost responses and a DynamoDB that does not answer."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.jobs import Job, JobStatus
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
    key_of,
    refused_with,
    retried_by_hand,
)
from tests.factories import KEY, make_claim, make_job
from tests.fakes import NOON


@pytest.mark.asvs("2.3.4")
def test_of_many_consumers_one_gets_the_job(atomic_ports: Ports) -> None:
    atomic_ports.jobs.add(make_job())

    def claimed(token: str) -> bool:
        try:
            atomic_ports.jobs.claim(KEY, make_claim(token))
        except ConcurrentUpdate:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(claimed, [f"token-{number}" for number in range(32)]))
    assert won.count(True) == 1
    job = atomic_ports.jobs.get(KEY)
    assert job is not None
    assert (job.token, job.attempt) == (f"token-{won.index(True)}", 1)


@pytest.mark.asvs("2.3.4")
def test_of_a_finish_a_retry_and_a_cancel_at_once_one_counts(atomic_ports: Ports) -> None:
    atomic_ports.jobs.add(make_job())
    held = atomic_ports.jobs.claim(KEY, make_claim("a"))
    wanted = [ending(held, f"{ending.__name__}-{number}") for number in range(8) for ending in ENDINGS]

    def written(to: Job) -> bool:
        try:
            atomic_ports.jobs.advance(held, to)
        except ConcurrentUpdate:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(written, wanted))
    assert won.count(True) == 1
    assert atomic_ports.jobs.get(KEY) == wanted[won.index(True)]


def goes_through(call: Callable[..., None], *arguments: Job) -> bool:
    try:
        call(*arguments)
    except ConcurrentUpdate:
        return False
    return True


def test_of_a_delete_and_a_retry_by_hand_at_once_one_counts(atomic_ports: Ports) -> None:
    jobs = atomic_ports.jobs
    with ThreadPoolExecutor(8) as pool:
        for number in range(10):
            final = failed(make_job(key=key_of(number)).claimed(make_claim("a")))
            waiting = retried_by_hand(final)
            jobs.add(final)
            deletes, retries = [], []
            for _ in range(4):
                deletes.append(pool.submit(goes_through, jobs.delete, final))
                retries.append(pool.submit(goes_through, jobs.advance, final, waiting))
            (is_deleted,) = {each.result() for each in deletes}
            (is_retried,) = {each.result() for each in retries}
            assert is_deleted != is_retried
            assert jobs.get(final.key) == (waiting if is_retried else None)


def test_by_a_late_finish_no_deleted_job_comes_back(atomic_ports: Ports) -> None:
    jobs = atomic_ports.jobs
    with ThreadPoolExecutor(8) as pool:
        for number in range(10):
            held = make_job(key=key_of(number)).claimed(make_claim("a"))
            gone = cancelled(held)
            jobs.add(gone)
            late = [pool.submit(goes_through, jobs.advance, held, finished(held, f"late-{each}")) for each in range(4)]
            assert pool.submit(goes_through, jobs.delete, gone).result()
            late += [pool.submit(goes_through, jobs.advance, held, finished(held, "latest")) for _ in range(4)]
            assert not any(each.result() for each in late)
            assert jobs.get(gone.key) is None


def test_a_delete_of_what_has_moved_on_changes_nothing(ports: Ports) -> None:
    final = failed(make_job().claimed(make_claim("a")))
    waiting = retried_by_hand(final)
    ports.jobs.add(waiting)
    assert refused_with(ports.jobs.delete, final) == waiting
    for seen in (replace(waiting, token="a"), replace(waiting, attempt=9), replace(waiting, status=JobStatus.FAILED)):
        assert refused_with(ports.jobs.delete, seen) == waiting, "each of the three is a fence"
    assert ports.jobs.get(KEY) == waiting
    ports.jobs.delete(waiting)
    ports.jobs.delete(waiting)
    assert ports.jobs.get(KEY) is None


def test_a_delete_whose_response_was_lost_counts(lossy_ports: Ports) -> None:
    final = cancelled(make_job())
    lossy_ports.jobs.add(final)
    lossy_ports.jobs.delete(final)
    assert lossy_ports.jobs.get(KEY) is None


@pytest.mark.parametrize("ending", ENDINGS)
def test_transitions_whose_response_was_lost_count(lossy_ports: Ports, ending: Ending) -> None:
    jobs = lossy_ports.jobs
    jobs.add(make_job())
    held = jobs.claim(KEY, make_claim("a"))
    assert held.attempt == 1, "the SDK's own retry is no second attempt"
    moved = advanced(jobs, held, ending(held))
    if moved.status in {JobStatus.FAILED, JobStatus.CANCELLED}:
        advanced(jobs, moved, retried_by_hand(moved))


def test_a_look_put_off_twice_by_a_lost_response_is_put_off_once(lossy_ports: Ports) -> None:
    lossy_ports.jobs.add(make_job(due_at=NOON))
    lossy_ports.jobs.look_again(DueJob(key=KEY, due_at=NOON), at=LATER)
    assert lossy_ports.jobs.get(KEY) == make_job(due_at=LATER)


@pytest.mark.parametrize(
    ("call", "arguments", "named"),
    [
        ("add", [make_job()], {}),
        ("get", [KEY], {}),
        ("delete", [finished(make_job())], {}),
        ("claim", [KEY, make_claim("a")], {}),
        ("advance", [make_job(), cancelled(make_job())], {}),
        ("due", [0], {"at": NOON, "limit": 1}),
        ("dead", [], {"at": NOON, "limit": 1}),
        ("look_again", [DueJob(key=KEY, due_at=NOON)], {"at": LATER}),
    ],
)
def test_without_the_table_every_call_says_so(away_ports: Ports, call: str, arguments: Any, named: Any) -> None:
    with pytest.raises(Unavailable, match="the jobs table does not answer"):
        getattr(away_ports.jobs, call)(*arguments, **named)
