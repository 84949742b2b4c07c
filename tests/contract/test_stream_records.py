"""The stream of the jobs table, as the stand-ins give it: each write of a repository is a change that can be told."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.jobs import DynamoDBJobRepository
from chalicelib.adapters.dynamodb.stream_records import change_of
from chalicelib.domain.cloud_events import EventType
from chalicelib.domain.job_events import Change, job_event
from chalicelib.ports import DueJob
from tests.aws import RESOURCES, client, create_table
from tests.contract.conftest import StandIn
from tests.factories import KEY, make_act, make_claim, make_job
from tests.fakes import NOON


@dataclass(frozen=True, kw_only=True)
class Streamed:
    jobs: DynamoDBJobRepository
    streams: Any
    arn: str

    def changes(self) -> Iterator[Change]:
        """All changes since the table was made, in order."""
        for shard in self.streams.describe_stream(StreamArn=self.arn)["StreamDescription"]["Shards"]:
            iterator = self.streams.get_shard_iterator(
                StreamArn=self.arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            for record in self.streams.get_records(ShardIterator=iterator)["Records"]:
                change = change_of(record)
                assert isinstance(change, Change)
                yield change


@pytest.fixture
def streamed(stand_in: StandIn) -> Streamed:
    dynamodb = stand_in.dynamodb
    table = create_table(dynamodb, "JobsTable", stand_in.new_name("streamed"))
    stream = RESOURCES["JobsTable"]["Properties"]["StreamSpecification"] | {"StreamEnabled": True}
    arn = dynamodb.update_table(TableName=table, StreamSpecification=stream)["TableDescription"]["LatestStreamArn"]
    endpoint_url = None if stand_in.name == "moto" else dynamodb.meta.endpoint_url
    return Streamed(
        jobs=DynamoDBJobRepository(lambda: stand_in.own("dynamodb"), table=table),
        streams=client("dynamodbstreams", endpoint_url),
        arn=arn,
    )


def test_a_job_is_told_of_from_its_submission_to_its_end(streamed: Streamed) -> None:
    job = make_job(tags=("nightly",), metadata_json='{"run":"7"}', callback_url="https://example.com/")
    streamed.jobs.add(job)
    streamed.jobs.look_again(DueJob(key=KEY, due_at=NOON + timedelta(seconds=60)), at=NOON + timedelta(seconds=120))
    running = streamed.jobs.claim(KEY, make_claim("claim"))
    assert running is not None
    ended = running.finished(str(2**200), make_act("finish"))
    streamed.jobs.advance(running, ended)
    changes = [*streamed.changes()]
    events = [job_event(change.before, change.after, source="/job-backend/jobs") for change in changes]
    assert [None if event is None else event.type for event in events] == [
        EventType.SUBMITTED,
        None,
        EventType.STARTED,
        EventType.SUCCEEDED,
    ]
    assert [change.after for change in changes] == [
        job,
        replace(job, due_at=NOON + timedelta(seconds=120)),
        running,
        ended,
    ]
    positions = [int(change.position) for change in changes]
    assert positions == sorted(set(positions))
