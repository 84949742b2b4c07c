"""Reading the jobs table: one job, and how long it is kept."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.keys import job_key
from chalicelib.domain.credentials import CredentialId
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.users import UserId
from tests.aws import time_to_live
from tests.contract.conftest import Aws, Ports
from tests.contract.job_table import (
    key_of,
)
from tests.factories import KEY, OWNER, make_job
from tests.fakes import NOON


def test_a_new_job_is_read_as_it_was_written(ports: Ports) -> None:
    job = make_job(data_json="[" + "9" * 1000 + ",0.1]")
    ports.jobs.add(job)
    assert ports.jobs.get(KEY) == job
    assert ports.jobs.get(key_of(2)) is None
    assert ports.jobs.get(replace(KEY, owner_id=UserId("another"))) is None


def test_every_read_asks_for_what_was_last_written(aws: Aws) -> None:
    """No stand-in ever answers with less, so the question is looked at instead."""
    asked: list[dict[str, Any]] = []
    for read in ("GetItem", "Query"):
        aws.dynamodb.meta.events.register(
            f"provide-client-params.dynamodb.{read}", lambda params, **_: asked.append(dict(params))
        )
    ports = aws.ports()
    ports.jobs.get(KEY)
    ports.lists.page(OWNER, JobFilter(), limit=1, after=None)
    ports.users.find("ada")
    ports.credentials.get(OWNER, CredentialId("one"))
    ports.credentials.all_of(OWNER)
    ports.audit.page(OWNER, at=NOON, limit=1, after=None)
    ports.pauses.all()
    assert [each["ConsistentRead"] for each in asked] == [True] * 7


def test_many_jobs_are_read_at_once_and_those_that_are_gone_left_out(ports: Ports) -> None:
    jobs = {key_of(number): make_job(key=key_of(number)) for number in range(100)}
    for job in jobs.values():
        ports.jobs.add(job)
    gone = key_of(50)
    ports.jobs.delete(jobs.pop(gone))
    anothers = make_job(key=replace(gone, owner_id=UserId("another")))
    ports.jobs.add(anothers)
    read = ports.jobs.get_all([anothers.key, *jobs])
    assert {job.key: job for job in read} == {anothers.key: anothers, **jobs}
    assert ports.jobs.get_all([gone]) == []


def test_a_row_that_cannot_be_read_keeps_no_other_from_being_read(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    ports = aws.ports()
    ports.jobs.add(make_job())
    aws.dynamodb.put_item(TableName=aws.jobs_table, Item=job_key(key_of(2)))
    assert ports.jobs.get_all([KEY, key_of(2)]) == [make_job()]
    (record,) = caplog.records
    assert record.message == "row of the jobs table cannot be read; lists leave it out"
    assert record.__dict__["job_id"] == key_of(2).job_id


def test_the_table_forgets_a_job_when_it_expires_and_not_before(aws: Aws) -> None:
    aws.ports().jobs.add(make_job(expires_at=NOON + timedelta(seconds=1)))
    (item,) = aws.dynamodb.scan(TableName=aws.jobs_table)["Items"]
    assert int(item["expires_at_epoch_s"]["N"]) == NOON.timestamp() + 1
    assert time_to_live(aws.dynamodb, "JobsTable", aws.new_name("forgets")) == ("expires_at_epoch_s", "ENABLED")
