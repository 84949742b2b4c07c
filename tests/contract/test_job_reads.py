"""Reading the jobs table: one job, and how long it is kept."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

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
    assert [each["ConsistentRead"] for each in asked] == [True] * 6


def test_the_table_forgets_a_job_when_it_expires_and_not_before(aws: Aws) -> None:
    aws.ports().jobs.add(make_job(expires_at=NOON + timedelta(seconds=1)))
    (item,) = aws.dynamodb.scan(TableName=aws.jobs_table)["Items"]
    assert int(item["expires_at_epoch_s"]["N"]) == NOON.timestamp() + 1
    assert time_to_live(aws.dynamodb, "JobsTable", aws.new_name("forgets")) == ("expires_at_epoch_s", "ENABLED")
