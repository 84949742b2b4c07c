"""Reading the jobs table: one job, an owner's jobs, and how long they are kept."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.users import UserId
from tests.contract.conftest import Aws, Ports
from tests.contract.job_table import (
    key_of,
)
from tests.factories import KEY, OWNER, make_job
from tests.fakes import NOON

if TYPE_CHECKING:
    from chalicelib.domain.jobs import JobKey


def test_a_new_job_is_read_as_it_was_written(ports: Ports) -> None:
    job = make_job(data_json="[" + "9" * 1000 + ",0.1]")
    ports.jobs.add(job)
    assert ports.jobs.get(KEY) == job
    assert ports.jobs.get(key_of(2)) is None
    assert ports.jobs.get(replace(KEY, owner_id=UserId("another"))) is None


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
    aws.ports().jobs.add(make_job(expires_at=NOON + timedelta(seconds=1)))
    (item,) = aws.dynamodb.scan(TableName=aws.jobs_table)["Items"]
    assert int(item["expires_at_epoch_s"]["N"]) == NOON.timestamp() + 1
    ttl = aws.dynamodb.describe_time_to_live(TableName=aws.jobs_table)["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "expires_at_epoch_s"
