"""Lists of the jobs table: the same jobs on every implementation, whatever is asked and however it is paged."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.job_lists import DynamoDBJobLists
from chalicelib.adapters.dynamodb.job_rows import EVALUATED_MAX
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import Job, JobId, JobKey, JobStatus
from chalicelib.domain.users import UserId
from chalicelib.ports import JobLists
from tests.aws import Altered, by_sdk
from tests.contract.conftest import Aws, Ports
from tests.contract.job_table import cancelled, failed, finished, key_of, retried_by_hand
from tests.factories import KEY, OWNER, make_claim, make_job
from tests.fakes import EPOCH, NOON

MILLISECOND = timedelta(milliseconds=1)
FAILED = JobFilter(status=JobStatus.FAILED)


def made(number: int, owner_id: UserId = OWNER, **overrides: Any) -> Job:
    """A job; each three of one millisecond."""
    at = NOON + number // 3 * MILLISECOND
    at_ms = (at - EPOCH) // MILLISECOND
    job_id = JobId(f"{at_ms >> 16:08x}-{at_ms & 0xFFFF:04x}-7000-8000-{number:012x}")
    return make_job(key=JobKey(owner_id=owner_id, job_id=job_id), created_at=at, **overrides)


def states(job: Job) -> list[Job]:
    """The job in every state it can have."""
    held = job.claimed(make_claim("a"))
    ends = [finished(held), failed(held), cancelled(held)]
    return [job, held, *ends, retried_by_hand(ends[1])]


def pages(lists: JobLists, wanted: JobFilter, limit: int, owner_id: UserId = OWNER) -> Iterator[list[Job]]:
    after = None
    while True:
        page = lists.page(owner_id, wanted, limit=limit, after=after)
        assert len(page.jobs) <= limit
        yield list(page.jobs)
        if page.next_after is None:
            return
        assert after is None or page.next_after < after, "a walk comes to its end"
        after = page.next_after


def walked(lists: JobLists, wanted: JobFilter, limit: int) -> list[Job]:
    return [job for page in pages(lists, wanted, limit) for job in page]


def put(ports: Ports, seen: list[Job]) -> None:
    """Write rows as transitions do, the index too."""
    for job in seen:
        ports.jobs.add(job)


def test_every_walk_gives_the_jobs_that_match_newest_first_and_once_each(ports: Ports) -> None:
    rng = Random(1)
    jobs = []
    for number in range(60):
        tags = tuple(rng.sample(["red", "green", "blue"], rng.randrange(3)))
        new = made(number, operation=rng.choice(["square_sum", "cube_sum"]), tags=tags)
        jobs.append(rng.choice(states(new)))
    put(ports, rng.sample(jobs, len(jobs)))
    put(ports, [made(number, UserId("another")) for number in range(10)])

    def instant() -> datetime | None:
        return NOON + rng.randrange(-2, 22) * MILLISECOND / 2 if rng.random() < 0.4 else None

    for _ in range(80):
        wanted = JobFilter(
            status=rng.choice([None, None, *JobStatus]),
            operation=rng.choice([None, None, "square_sum", "cube_sum", "none"]),
            tag=rng.choice([None, None, "red", "none"]),
            created_after=instant(),
            created_before=instant(),
        )
        expected = [
            job
            for job in reversed(jobs)
            if wanted.status in {None, job.status}
            and wanted.operation in {None, job.operation}
            and (wanted.tag is None or wanted.tag in job.tags)
            and (wanted.created_after is None or job.created_at >= wanted.created_after)
            and (wanted.created_before is None or job.created_at < wanted.created_before)
        ]
        assert walked(ports.lists, wanted, rng.choice([1, 2, 3, 7, 20, 100])) == expected, wanted


@pytest.mark.asvs("1.2.4")
@pytest.mark.parametrize(
    "text",
    ["red) OR attribute_exists(job_id", ":tag", "#tag", '" OR "1" = "1', "\x00", "owner#red", "red' OR 'a' = 'a"],
)
def test_a_text_that_looks_like_an_expression_is_a_value(ports: Ports, text: str) -> None:
    jobs = [made(0, tags=("red",)), made(1, tags=(text,)), made(2, operation=text)]
    put(ports, jobs)
    put(ports, [made(3, UserId(text), tags=("red",))])
    assert walked(ports.lists, JobFilter(tag=text), 2) == [jobs[1]]
    assert walked(ports.lists, JobFilter(operation=text), 2) == [jobs[2]]
    assert walked(ports.lists, JobFilter(status=JobStatus.PENDING, tag=text), 2) == [jobs[1]]
    assert [job.key.owner_id for page in pages(ports.lists, JobFilter(), 2, UserId(text)) for job in page] == [text]


@pytest.mark.parametrize("ending", [failed, cancelled])
def test_an_ended_job_is_listed_until_it_is_retried_or_deleted(ports: Ports, ending: Any) -> None:
    """Written by transitions, as it is in life: they keep the index."""
    held = [made(number).claimed(make_claim("a")) for number in range(3)]
    put(ports, held)
    ended = [ending(each) for each in held]
    wanted = JobFilter(status=ended[0].status)
    assert walked(ports.lists, wanted, 2) == []
    for before, after in zip(held, ended, strict=True):
        ports.jobs.advance(before, after)
    assert walked(ports.lists, wanted, 2) == ended[::-1]
    ports.jobs.advance(ended[1], retried_by_hand(ended[1]))
    assert walked(ports.lists, wanted, 2) == [ended[2], ended[0]]
    ports.jobs.delete(ended[2])
    assert walked(ports.lists, wanted, 2) == [ended[0]]
    assert walked(ports.lists, JobFilter(), 2) == [retried_by_hand(ended[1]), ended[0]]


def test_a_walk_goes_on_after_a_job_that_is_gone(ports: Ports) -> None:
    put(ports, [made(1), made(3)])
    for wanted in (JobFilter(), JobFilter(operation="square_sum")):
        assert ports.lists.page(OWNER, wanted, limit=2, after=made(2).key.job_id).jobs == [made(1)]
    assert ports.lists.page(UserId("nobody"), JobFilter(), limit=2, after=None).jobs == []


def test_a_time_that_ends_before_it_begins_has_no_jobs(ports: Ports) -> None:
    put(ports, [made(1), failed(made(2))])
    for status in (None, JobStatus.FAILED):
        assert walked(ports.lists, JobFilter(status=status, created_after=NOON, created_before=NOON), 9) == []


def test_a_page_with_rare_matches_may_be_empty_and_have_a_next_one(aws: Aws) -> None:
    ports = aws.ports()
    rare = [made(number, tags=("rare",)) for number in (0, 1, EVALUATED_MAX + 20)]
    put(ports, [*rare, *(made(number) for number in range(2, EVALUATED_MAX + 20))])
    found = list(pages(ports.lists, JobFilter(tag="rare"), 3))
    assert [len(page) for page in found] == [1, 2]
    found = list(pages(ports.lists, JobFilter(tag="rare", created_before=rare[2].created_at), 3))
    assert [len(page) for page in found] == [0, 2]


def test_jobs_of_the_largest_size_are_all_listed(aws: Aws) -> None:
    """DynamoDB ends a Query at 1 MB, what is read by key it does not, and Lambda refuses an answer of 6 MB."""
    ports = aws.ports()
    large = '"' + "x" * 300_000 + '"'
    jobs = [failed(made(number, data_json=large)) for number in range(25)]
    put(ports, jobs)
    for wanted, limit in itertools.product((JobFilter(), JobFilter(operation="square_sum"), FAILED), (100, 20)):
        found = list(pages(ports.lists, wanted, limit))
        assert [job for page in found for job in page] == jobs[::-1]
        assert max(sum(len(job.data_json) for job in page) for page in found) < 2_200_000, wanted


@pytest.mark.parametrize("wanted", [JobFilter(), JobFilter(operation="square_sum"), FAILED])
@pytest.mark.parametrize(
    ("update", "value"),
    [
        ("SET #name = :value", ("status", {"S": "PAUSED"})),
        ("SET #name = :value", ("data", {"S": "[1,"})),
        ("SET #name = :value", ("data", {"S": "[" * 100_000})),
        ("SET #name = :value", ("metadata", {"S": "[]"})),
        ("SET #name = :value", ("attempt", {"S": "first"})),
        ("SET #name = :value", ("retention_s", {"N": "1" * 30})),
        ("SET #name = :value", ("events", {"NULL": True})),
        ("REMOVE #name", ("token", None)),
    ],
)
def test_a_row_that_cannot_be_read_is_left_out_and_named_in_the_log(
    aws: Aws, caplog: pytest.LogCaptureFixture, update: str, value: Any, wanted: JobFilter
) -> None:
    ports = aws.ports()
    jobs = [failed(made(number)) for number in range(3)]
    put(ports, jobs)
    name, content = value
    key = {"owner_id": {"S": OWNER}, "job_id": {"S": jobs[1].key.job_id}}
    arguments = {"ExpressionAttributeValues": {":value": content}} if content else {}
    aws.dynamodb.update_item(
        TableName=aws.jobs_table,
        Key=key,
        UpdateExpression=update,
        ExpressionAttributeNames={"#name": name},
        **arguments,
    )
    assert walked(ports.lists, wanted, 2) == [jobs[2], jobs[0]]
    (record,) = [each for each in caplog.records if each.name.startswith("chalicelib")]
    assert record.message == "row of the jobs table cannot be read; lists leave it out"
    assert (record.__dict__["owner_id"], record.__dict__["job_id"]) == (OWNER, jobs[1].key.job_id)


def lists_of(aws: Aws, **calls: Any) -> DynamoDBJobLists:
    client: Any = Altered(aws.dynamodb, **calls)
    return DynamoDBJobLists(lambda: by_sdk(client), table=aws.jobs_table)


def test_what_the_index_still_has_is_not_listed_when_the_row_has_moved_on(aws: Aws) -> None:
    jobs = [failed(made(number)) for number in range(3)]
    put(aws.ports(), [jobs[0], retried_by_hand(jobs[1])])
    behind = [{"job_id": {"S": job.key.job_id}} for job in reversed(jobs)]
    lists = lists_of(aws, query=lambda **_: {"Items": behind})
    assert lists.page(OWNER, FAILED, limit=9, after=None).jobs == [jobs[0]]


def partly(aws: Aws, rows: int) -> Any:
    """A ``batch_get_item`` that gets round to so many rows only."""

    def batch_get_item(RequestItems: Any) -> Any:  # noqa: N803 - boto3's own name
        keys = RequestItems[aws.jobs_table]["Keys"]
        done: Any = {"Responses": {}}
        if rows:
            asked = {aws.jobs_table: RequestItems[aws.jobs_table] | {"Keys": keys[-rows:]}}
            done = aws.dynamodb.batch_get_item(RequestItems=asked)
        left = keys[:-rows] if rows else keys
        done["UnprocessedKeys"] = {aws.jobs_table: {"Keys": left}} if left else {}
        return done

    return batch_get_item


def test_rows_that_were_not_got_round_to_are_asked_for_again(aws: Aws) -> None:
    jobs = [failed(made(number)) for number in range(6)]
    put(aws.ports(), jobs)
    assert next(pages(lists_of(aws, batch_get_item=partly(aws, 2)), FAILED, 6)) == jobs[::-1]


def test_rows_that_were_never_got_round_to_are_not_passed_over(aws: Aws) -> None:
    """What is left are the newest here, then the oldest."""
    jobs = [failed(made(number)) for number in range(30)]
    put(aws.ports(), jobs)
    with pytest.raises(Unavailable, match="the jobs table does not answer"):
        lists_of(aws, batch_get_item=partly(aws, 1)).page(OWNER, FAILED, limit=6, after=None)
    some = partly(aws, 1)

    def newest_first(RequestItems: Any) -> Any:  # noqa: N803 - boto3's own name
        keys = RequestItems[aws.jobs_table]["Keys"]
        answer = some(RequestItems={aws.jobs_table: RequestItems[aws.jobs_table] | {"Keys": keys[::-1]}})
        for left in answer["UnprocessedKeys"].values():
            left["Keys"].reverse()
        return answer

    found = list(pages(lists_of(aws, batch_get_item=newest_first), FAILED, 20))
    assert [len(page) for page in found] == [12, 12, 6], "each of a page's four goes has three rows"
    assert [job for page in found for job in page] == jobs[::-1]


def test_rows_that_nobody_gets_round_to_are_no_empty_page(aws: Aws) -> None:
    put(aws.ports(), [failed(made(1))])
    with pytest.raises(Unavailable):
        lists_of(aws, batch_get_item=partly(aws, 0)).page(OWNER, FAILED, limit=6, after=None)


@pytest.mark.parametrize("wanted", [JobFilter(), FAILED])
def test_without_the_table_a_list_says_so(away_ports: Ports, wanted: JobFilter) -> None:
    with pytest.raises(Unavailable, match="the jobs table does not answer"):
        away_ports.lists.page(OWNER, wanted, limit=1, after=None)


def test_a_successful_job_is_never_in_the_index(aws: Aws) -> None:
    put(aws.ports(), states(replace(made(1), key=KEY))[:3])
    put(aws.ports(), [finished(make_job(key=key_of(2)).claimed(make_claim("a")))])
    assert not [item for item in aws.dynamodb.scan(TableName=aws.jobs_table)["Items"] if "owner_status" in item]
