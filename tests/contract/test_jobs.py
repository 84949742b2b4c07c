from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.jobs import Job, JobError, JobId, JobKey, JobStatus, Lease
from chalicelib.domain.users import UserId
from chalicelib.ports import JobRepository
from tests.contract.conftest import Aws, Ports
from tests.factories import KEY, LEASE, OWNER, make_job
from tests.fakes import NOON

ERROR = JobError(code="OPERATION_FAILED", detail="no such planet")


def lease(token: str, *, at: datetime = NOON) -> Lease:
    return Lease(token=token, expires_at=at + LEASE)


def key_of(number: int, owner_id: UserId = OWNER) -> JobKey:
    return JobKey(owner_id=owner_id, job_id=JobId(f"01900000-0000-7000-8000-{number:012d}"))


def refused_with(call: Any, *arguments: Any, **named: Any) -> Job | None:
    """The row that a refused transition found."""
    with pytest.raises(ConcurrentUpdate) as refused:
        call(*arguments, **named)
    assert refused.value.current is None or isinstance(refused.value.current, Job)
    return refused.value.current


def ended(jobs: JobRepository, job: Job, status: JobStatus, *, at: datetime = NOON) -> None:
    if status is JobStatus.SUCCESS:
        jobs.finish(job, "14", at=at)
    else:
        jobs.fail(job, ERROR, at=at)


def test_a_new_job_is_read_as_it_was_written(ports: Ports) -> None:
    job = make_job(data_json="[" + "9" * 1000 + ",0.1]")
    ports.jobs.add(job)
    assert ports.jobs.get(KEY) == job
    assert ports.jobs.get(key_of(2)) is None
    assert ports.jobs.get(replace(KEY, owner_id=UserId("another"))) is None


def test_adding_a_job_again_changes_nothing(ports: Ports) -> None:
    ports.jobs.add(make_job())
    claimed = ports.jobs.claim(KEY, lease("a"), at=NOON)
    ports.jobs.add(make_job())
    assert ports.jobs.get(KEY) == claimed


def test_a_claim_begins_the_first_attempt(ports: Ports) -> None:
    ports.jobs.add(make_job())
    at = NOON + timedelta(milliseconds=1)
    claimed = ports.jobs.claim(KEY, lease("a", at=at), at=at)
    assert claimed == make_job(status=JobStatus.IN_PROGRESS, attempt=1, lease=lease("a", at=at), started_at=at)
    assert ports.jobs.get(KEY) == claimed


def test_a_held_job_is_not_claimed_before_its_lease_has_ended(ports: Ports) -> None:
    ports.jobs.add(make_job())
    held = ports.jobs.claim(KEY, lease("a"), at=NOON)
    almost = NOON + LEASE - timedelta(milliseconds=1)
    assert refused_with(ports.jobs.claim, KEY, lease("b", at=almost), at=almost) == held
    again = ports.jobs.claim(KEY, lease("b", at=NOON + LEASE), at=NOON + LEASE)
    assert again == replace(held, attempt=2, lease=lease("b", at=NOON + LEASE))
    assert ports.jobs.get(KEY) == again


def test_attempts_run_out(ports: Ports) -> None:
    ports.jobs.add(make_job(max_attempts=2))
    at = NOON
    for token in "ab":
        ports.jobs.claim(KEY, lease(token, at=at), at=at)
        at += LEASE
    last = ports.jobs.get(KEY)
    assert refused_with(ports.jobs.claim, KEY, lease("c", at=at), at=at) == last


@pytest.mark.parametrize("status", [JobStatus.SUCCESS, JobStatus.FAILED])
def test_an_attempt_ends_its_job_for_good(ports: Ports, status: JobStatus) -> None:
    ports.jobs.add(make_job())
    job = ports.jobs.claim(KEY, lease("a"), at=NOON)
    end = NOON + timedelta(seconds=1)
    ended(ports.jobs, job, status, at=end)
    final = ports.jobs.get(KEY)
    result, error = ("14", None) if status is JobStatus.SUCCESS else (None, ERROR)
    assert final == replace(job, status=status, result_json=result, error=error, finished_at=end)
    other = JobStatus.FAILED if status is JobStatus.SUCCESS else JobStatus.SUCCESS
    late = NOON + 2 * LEASE
    assert refused_with(ended, ports.jobs, job, other) == final
    assert refused_with(ports.jobs.claim, KEY, lease("b", at=late), at=late) == final
    assert refused_with(ports.jobs.withdraw, KEY) == final
    assert ports.jobs.get(KEY) == final


@pytest.mark.parametrize("status", [JobStatus.SUCCESS, JobStatus.FAILED])
def test_an_attempt_that_was_overtaken_ends_nothing(ports: Ports, status: JobStatus) -> None:
    ports.jobs.add(make_job())
    zombie = ports.jobs.claim(KEY, lease("a"), at=NOON)
    current = ports.jobs.claim(KEY, lease("b", at=NOON + LEASE), at=NOON + LEASE)
    assert refused_with(ended, ports.jobs, zombie, status) == current
    assert refused_with(ended, ports.jobs, replace(zombie, attempt=2), status) == current, "the token tells them apart"
    assert refused_with(ended, ports.jobs, replace(current, attempt=1), status) == current, "and so does the attempt"
    assert ports.jobs.get(KEY) == current


@pytest.mark.parametrize("status", [JobStatus.SUCCESS, JobStatus.FAILED])
def test_what_was_never_claimed_cannot_end(ports: Ports, status: JobStatus) -> None:
    ports.jobs.add(make_job())
    with pytest.raises(ConcurrentUpdate):
        ended(ports.jobs, make_job(), status)
    unclaimed = make_job(status=JobStatus.IN_PROGRESS, attempt=1, lease=lease("a"))
    assert refused_with(ended, ports.jobs, unclaimed, status) == make_job()


def test_of_what_is_gone_no_transition_makes_a_row(ports: Ports) -> None:
    held = make_job(status=JobStatus.IN_PROGRESS, attempt=1, lease=lease("a"))
    assert refused_with(ports.jobs.claim, KEY, lease("a"), at=NOON) is None
    assert refused_with(ports.jobs.finish, held, "14", at=NOON) is None
    assert refused_with(ports.jobs.fail, held, ERROR, at=NOON) is None
    assert refused_with(ports.jobs.withdraw, KEY) is None
    assert ports.jobs.get(KEY) is None


def test_only_an_untouched_job_is_taken_back(ports: Ports) -> None:
    ports.jobs.add(make_job())
    ports.jobs.withdraw(KEY)
    assert ports.jobs.get(KEY) is None
    ports.jobs.add(make_job())
    held = ports.jobs.claim(KEY, lease("a"), at=NOON)
    assert refused_with(ports.jobs.withdraw, KEY) == held
    assert ports.jobs.get(KEY) == held


def test_one_owners_jobs_are_listed_newest_first_page_by_page(ports: Ports) -> None:
    numbers = [3, 1, 5, 2, 4]
    for number in numbers:
        ports.jobs.add(make_job(key=key_of(number)))
        ports.jobs.add(make_job(key=key_of(number, UserId("another"))))
    listed: list[JobKey] = []
    after = None
    for _ in range(len(numbers)):
        page = ports.jobs.newest(OWNER, limit=2, after=after)
        assert len(page.jobs) <= 2
        listed += [job.key for job in page.jobs]
        after = page.next_after
        if after is None:
            break
    assert listed == [key_of(number) for number in (5, 4, 3, 2, 1)]
    assert after is None
    assert ports.jobs.newest(UserId("nobody"), limit=2, after=None).jobs == []


def test_a_page_goes_on_after_a_job_that_is_gone(ports: Ports) -> None:
    ports.jobs.add(make_job(key=key_of(1)))
    ports.jobs.add(make_job(key=key_of(3)))
    page = ports.jobs.newest(OWNER, limit=2, after=key_of(2).job_id)
    assert [job.key for job in page.jobs] == [key_of(1)]


def test_of_many_consumers_one_gets_the_job(atomic_ports: Ports) -> None:
    atomic_ports.jobs.add(make_job())

    def claimed(token: str) -> bool:
        try:
            atomic_ports.jobs.claim(KEY, lease(token), at=NOON)
        except ConcurrentUpdate:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(claimed, [f"token-{number}" for number in range(32)]))
    assert won.count(True) == 1
    job = atomic_ports.jobs.get(KEY)
    assert job is not None
    assert job.lease == lease(f"token-{won.index(True)}")
    assert job.attempt == 1


def test_transitions_whose_response_was_lost_count(lossy_ports: Ports) -> None:
    jobs = lossy_ports.jobs
    jobs.add(make_job())
    job = jobs.claim(KEY, lease("a"), at=NOON)
    assert job.attempt == 1, "the SDK's own retry is no second attempt"
    jobs.finish(job, "14", at=NOON)
    final = jobs.get(KEY)
    assert final is not None
    assert final.result_json == "14"

    other = key_of(2)
    jobs.add(make_job(key=other))
    jobs.fail(jobs.claim(other, lease("a"), at=NOON), ERROR, at=NOON)
    failed = jobs.get(other)
    assert failed is not None
    assert failed.error == ERROR


def test_a_taking_back_whose_response_was_lost_finds_the_job_gone(lossy_ports: Ports) -> None:
    lossy_ports.jobs.add(make_job())
    assert refused_with(lossy_ports.jobs.withdraw, KEY) is None


def test_every_read_asks_for_what_was_last_written(aws: Aws) -> None:
    """No stand-in ever answers with less, so the question is looked at instead."""
    asked: list[dict[str, Any]] = []
    for read in ("GetItem", "Query"):
        aws.dynamodb.meta.events.register(
            f"provide-client-params.dynamodb.{read}", lambda params, **_: asked.append(dict(params))
        )
    ports = aws.ports()
    ports.jobs.get(KEY)
    ports.jobs.newest(OWNER, limit=1, after=None)
    ports.users.find("ada")
    assert [each["ConsistentRead"] for each in asked] == [True, True, True]


def test_the_table_forgets_a_job_when_it_expires_and_not_before(aws: Aws) -> None:
    aws.ports().jobs.add(make_job(expires_at=NOON + timedelta(milliseconds=1)))
    (item,) = aws.dynamodb.scan(TableName=aws.jobs_table)["Items"]
    assert int(item["expires_at_epoch_s"]["N"]) == NOON.timestamp() + 1
    ttl = aws.dynamodb.describe_time_to_live(TableName=aws.jobs_table)["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "expires_at_epoch_s"


@pytest.mark.parametrize(
    ("call", "arguments", "named"),
    [
        ("add", [make_job()], {}),
        ("withdraw", [KEY], {}),
        ("get", [KEY], {}),
        ("newest", [OWNER], {"limit": 1, "after": None}),
        ("claim", [KEY, lease("a")], {"at": NOON}),
        ("finish", [make_job(status=JobStatus.IN_PROGRESS, attempt=1, lease=lease("a")), "14"], {"at": NOON}),
        ("fail", [make_job(status=JobStatus.IN_PROGRESS, attempt=1, lease=lease("a")), ERROR], {"at": NOON}),
    ],
)
def test_without_the_table_every_call_says_so(away_ports: Ports, call: str, arguments: Any, named: Any) -> None:
    with pytest.raises(Unavailable, match="the jobs table does not answer"):
        getattr(away_ports.jobs, call)(*arguments, **named)
