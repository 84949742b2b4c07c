"""What a page of a list costs in read units, whatever number of jobs its owner has."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.items import to_job_item
from chalicelib.adapters.dynamodb.job_rows import EVALUATED_MAX
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import Job, JobId, JobStatus
from chalicelib.domain.users import UserId
from tests.aws import ReadUnits
from tests.contract.conftest import Aws, standing_in
from tests.contract.job_table import failed, finished, key_of
from tests.factories import make_claim, make_job
from tests.fakes import NOON

SIZES = (100, 300, 2_000)
PAGE = 5
"""Few enough for a page to be full of the jobs of any kind at each of the sizes."""

FOUND = {
    "none": JobFilter(),
    "created": JobFilter(created_after=NOON.replace(year=2020), created_before=NOON.replace(year=2030)),
    "failed": JobFilter(status=JobStatus.FAILED),
    "successful": JobFilter(status=JobStatus.SUCCESS),
    "operation": JobFilter(operation="cube_sum"),
    "tag": JobFilter(tag="blue"),
    "several": JobFilter(status=JobStatus.FAILED, operation="cube_sum", tag="blue"),
}
NOWHERE = {
    "waiting": JobFilter(status=JobStatus.PENDING),
    "tag": JobFilter(tag="none"),
    "operation": JobFilter(operation="none"),
}


def owner_of(jobs: int) -> UserId:
    return UserId(f"owner of {jobs:05}")


def each_kind(number: int, owner_id: UserId) -> Job:
    """Each second job has failed; all are as large."""
    key = key_of(number, owner_id)
    held = make_job(key=key, operation="cube_sum", tags=("blue",), data_json=f"[{'1' * 400}]").claimed(make_claim("a"))
    return failed(held) if number % 2 else finished(held)


@pytest.fixture(scope="module", params=["ministack", "dynamodb-local"])
def owned(request: pytest.FixtureRequest) -> Iterator[Aws]:
    """A table with an owner for each of the sizes."""
    with standing_in(request.param, request) as stand_in:
        aws = Aws(dynamodb=stand_in.dynamodb, sqs=stand_in.sqs, own=stand_in.own, new_name=stand_in.new_name)
        puts = [
            {"PutRequest": {"Item": to_job_item(each_kind(number, owner_of(jobs)))}}
            for jobs in SIZES
            for number in range(jobs)
        ]
        for begin in range(0, len(puts), 25):
            aws.dynamodb.batch_write_item(RequestItems={aws.jobs_table: puts[begin : begin + 25]})
        yield aws


def units_of(aws: Aws, wanted: JobFilter, *, after: Mapping[int, JobId] | None = None) -> list[float]:
    """What a page costs at each of the sizes."""
    units = []
    with ReadUnits(aws.dynamodb) as read:
        for jobs in SIZES:
            begin = None if after is None else after[jobs]
            page = aws.ports().lists.page(owner_of(jobs), wanted, limit=PAGE, after=begin)
            assert len(page.jobs) == (PAGE if wanted in FOUND.values() else 0)
            units.append(read.taken())
    return units


@pytest.mark.parametrize("kind", FOUND)
def test_a_page_costs_the_same_at_any_number_of_jobs(owned: Aws, kind: str) -> None:
    middle = {jobs: key_of(jobs // 2).job_id for jobs in SIZES}
    last = {jobs: key_of(2 * PAGE + 1).job_id for jobs in SIZES}
    for after in (None, middle, last):
        few, some, many = units_of(owned, FOUND[kind], after=after)
        assert 0 < few == some == many


@pytest.mark.parametrize("kind", NOWHERE)
def test_a_page_that_finds_nothing_costs_the_same_once_it_looks_at_as_many_as_it_may(owned: Aws, kind: str) -> None:
    few, some, many = units_of(owned, NOWHERE[kind])
    assert SIZES[0] < EVALUATED_MAX < SIZES[1]
    assert 0 < few < some == many


def test_a_job_of_a_page_costs_about_a_quarter_of_a_unit(owned: Aws) -> None:
    """Rows of a kilobyte, read consistently: four to the unit, and the page's rest."""
    (units, *_) = units_of(owned, FOUND["none"])
    assert units <= PAGE / 4 + 1


def test_counting_ends_with_its_block(owned: Aws) -> None:
    asked: list[Any] = []
    with ReadUnits(owned.dynamodb) as read:
        pass
    owned.dynamodb.meta.events.register(
        "provide-client-params.dynamodb.Query", lambda params, **_: asked.append(params)
    )
    owned.ports().lists.page(owner_of(SIZES[0]), JobFilter(), limit=1, after=None)
    assert read.taken() == 0
    assert "ReturnConsumedCapacity" not in asked[0]
