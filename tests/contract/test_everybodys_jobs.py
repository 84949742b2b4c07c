"""Lists of everybody's jobs: the same on every implementation, and nothing is missed between two pages."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.everybodys_jobs import ENTRIES, DynamoDBEverybodysJobs
from chalicelib.adapters.dynamodb.items import to_job_item
from chalicelib.adapters.dynamodb.job_rows import EVALUATED_MAX, FIRST_BATCH_ROWS, READ_MAX_BYTES
from chalicelib.adapters.dynamodb.keys import DEAD_SHARD, failed_shard, shard_value
from chalicelib.adapters.system import SystemIds
from chalicelib.domain.delivery import SHARDS, shard
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import DEAD, FINAL, Job, JobError, JobId, JobKey, JobStatus
from chalicelib.domain.users import UserId
from chalicelib.ports import EverybodysJobs
from tests.aws import Altered, by_sdk
from tests.contract.conftest import Aws, Ports
from tests.contract.job_table import LATER, advanced, cancelled, failed, finished, key_of, retried, retried_by_hand
from tests.factories import KEY, make_act, make_claim, make_job
from tests.fakes import NOON

MILLISECOND = timedelta(milliseconds=1)
FAILED = JobFilter(status=JobStatus.FAILED)
OPEN = JobFilter(is_open=True)
FAR = NOON + timedelta(days=1)
OWNERS = [UserId(f"6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a1{number}") for number in range(3)]


def made(number: int, *, owner: int = 0, **overrides: Any) -> Job:
    """A waiting job; each three are due in one millisecond."""
    values = {"key": key_of(number, OWNERS[owner]), "due_at": NOON + number // 3 * MILLISECOND}
    return make_job(**values | overrides)


def failed_at(number: int, *, code: str = "OPERATION_FAILED", owner: int = 0, **overrides: Any) -> Job:
    """A job that failed; each three in one millisecond."""
    at = NOON + number // 3 * MILLISECOND
    held = made(number, owner=owner, **overrides).claimed(make_claim("a"))
    return held.failed(JobError(code=code, detail="no such planet"), make_act("end", at=at))


def pages(lists: EverybodysJobs, wanted: JobFilter, limit: int) -> Iterator[list[Job]]:
    after = None
    while True:
        page = lists.page(wanted, limit=limit, after=after)
        assert len(page.found) <= limit
        yield [each.job for each in page.found]
        if page.next_after is None:
            return
        assert page.next_after != after, "a walk comes to its end"
        after = page.next_after


def millisecond_of(job: Job) -> int:
    """Which group of three it is of; in what order those come is not promised."""
    return int(job.key.job_id[-12:], 16) // 3


def by_id(jobs: list[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: job.key.job_id)


def walked(lists: EverybodysJobs, wanted: JobFilter, limit: int) -> list[Job]:
    return [job for page in pages(lists, wanted, limit) for job in page]


def put(aws: Aws, jobs: list[Job]) -> None:
    """Many rows at once."""
    puts = [{"PutRequest": {"Item": to_job_item(job)}} for job in jobs]
    for begin in range(0, len(puts), 25):
        aws.dynamodb.batch_write_item(RequestItems={aws.jobs_table: puts[begin : begin + 25]})


def test_every_walk_gives_the_jobs_that_match_in_order_and_once_each(ports: Ports) -> None:
    rng = Random(1)
    jobs = []
    for number in range(60):
        more: dict[str, Any] = {"operation": rng.choice(["square_sum", "cube_sum"]), "owner": rng.randrange(3)}
        more["tags"] = tuple(rng.sample(["red", "green"], rng.randrange(3)))
        waiting = made(number, **more)
        dead = failed_at(number, code=rng.choice(sorted(DEAD)), **more)
        held = waiting.claimed(make_claim("a"))
        states = [waiting, held, failed_at(number, **more), dead, finished(held), cancelled(held)]
        jobs.append(rng.choice(states))
    for job in rng.sample(jobs, len(jobs)):
        ports.jobs.add(job)
    listed = 0
    for _ in range(60):
        kinds = [
            FAILED,
            replace(FAILED, is_dead=True),
            replace(FAILED, error_code="OPERATION_FAILED"),
            JobFilter(status=JobStatus.PENDING),
            JobFilter(status=JobStatus.IN_PROGRESS),
            OPEN,
        ]
        wanted = replace(
            rng.choice(kinds),
            operation=rng.choice([None, None, "square_sum", "none"]),
            tag=rng.choice([None, None, "red"]),
        )
        expected = [
            job
            for job in (reversed(jobs) if wanted.status is JobStatus.FAILED else jobs)
            if wanted.status in {None, job.status}
            and (job.status not in FINAL or not wanted.is_open)
            and wanted.operation in {None, job.operation}
            and (wanted.tag is None or wanted.tag in job.tags)
            and (job.is_dead or not wanted.is_dead)
            and (wanted.error_code is None or (job.error is not None and job.error.code == wanted.error_code))
        ]
        listed += len(expected)
        found = walked(ports.everybodys, wanted, rng.choice([1, 2, 3, 7, 20, 100]))
        assert list(map(millisecond_of, found)) == list(map(millisecond_of, expected)), wanted
        assert by_id(found) == by_id(expected), wanted
    assert listed > 300


@pytest.mark.parametrize("code", ["OPERATION_FAILED", "DEAD_LETTERED", "SOMETHING_OF_AN_OPERATION"])
def test_a_failed_job_is_listed_until_it_is_retried_or_deleted(ports: Ports, code: str) -> None:
    """Written by transitions, as it is in life: they keep the index."""
    ports.jobs.add(make_job())
    held = ports.jobs.claim(KEY, make_claim("a"))
    assert walked(ports.everybodys, FAILED, 9) == []
    final = advanced(ports.jobs, held, held.failed(JobError(code=code, detail="gone"), make_act("end", at=LATER)))
    assert walked(ports.everybodys, FAILED, 9) == [final]
    assert walked(ports.everybodys, JobFilter(status=JobStatus.FAILED, is_dead=True), 9) == [final] * (code in DEAD)
    assert walked(ports.everybodys, OPEN, 9) == []
    waiting = advanced(ports.jobs, final, retried_by_hand(final))
    assert walked(ports.everybodys, FAILED, 9) == []
    assert walked(ports.everybodys, OPEN, 9) == [waiting]
    again = ports.jobs.claim(KEY, make_claim("b", at=LATER))
    failed_again = advanced(ports.jobs, again, failed(again, "end again"))
    assert walked(ports.everybodys, FAILED, 9) == [failed_again]
    ports.jobs.delete(failed_again)
    assert walked(ports.everybodys, FAILED, 9) == []


def test_an_erased_owner_leaves_nothing_in_the_lists(ports: Ports) -> None:
    for number, job in enumerate([failed_at(0), failed_at(1, code="DEAD_LETTERED"), made(2)]):
        ports.jobs.add(job)
        ports.jobs.add(failed_at(number, owner=1))
    while ports.eraser.erase_some(OWNERS[0]):
        pass
    assert {job.key.owner_id for job in walked(ports.everybodys, FAILED, 9)} == {OWNERS[1]}
    assert walked(ports.everybodys, OPEN, 9) == []


def test_what_failed_by_its_operation_is_neither_due_nor_dead(ports: Ports) -> None:
    """The sweep and the redrive read the same index, and must never meet it."""
    for number in range(2 * SHARDS):
        ports.jobs.add(failed_at(number))
    assert [ports.jobs.due(each, at=FAR, limit=99) for each in range(SHARDS)] == [[]] * SHARDS
    assert ports.jobs.dead(at=FAR, limit=99) == []
    assert len(walked(ports.everybodys, FAILED, 99)) == 2 * SHARDS


def test_a_retry_that_fails_again_while_a_walk_goes_on_is_not_met_again(ports: Ports) -> None:
    """Newest first: it comes before what the walk has seen, so who retries what is met comes to an end."""
    for number in range(9):
        ports.jobs.add(failed_at(number))
    seen: list[JobId] = []
    after = None
    while True:
        page = ports.everybodys.page(FAILED, limit=2, after=after)
        for each in page.found:
            seen.append(each.job.key.job_id)
            waiting = advanced(ports.jobs, each.job, retried_by_hand(each.job, f"again {len(seen)}"))
            held = ports.jobs.claim(waiting.key, make_claim(f"claim {len(seen)}", at=LATER))
            advanced(ports.jobs, held, failed(held, f"end {len(seen)}"))
        after = page.next_after
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 9


def test_a_job_whose_look_is_put_off_while_a_walk_goes_on_is_not_missed(ports: Ports) -> None:
    """Longest due first: a look is only ever put off, so it moves ahead of the walk."""
    for number in range(9):
        ports.jobs.add(made(number))
    met: set[JobId] = set()
    after = None
    while True:
        page = ports.everybodys.page(OPEN, limit=2, after=after)
        met |= {each.job.key.job_id for each in page.found}
        after = page.next_after
        if after is None:
            break
        for number in range(8, 5, -1):
            for due in ports.jobs.due(shard(key_of(number).job_id), at=NOON + timedelta(seconds=1), limit=9):
                if due.key == key_of(number, OWNERS[0]):
                    ports.jobs.look_again(due, at=LATER + timedelta(seconds=number))
    assert met == {key_of(number).job_id for number in range(9)}


def test_what_failed_before_the_index_had_it_is_found_by_its_owner_and_retried(aws: Aws) -> None:
    """A row that older code wrote."""
    job = failed_at(5)
    item = {name: value for name, value in to_job_item(job).items() if not name.startswith("due_")}
    aws.dynamodb.put_item(TableName=aws.jobs_table, Item=item)
    ports = aws.ports()
    assert walked(ports.everybodys, FAILED, 9) == []
    assert ports.lists.page(OWNERS[0], FAILED, limit=9, after=None).jobs == [job]
    waiting = advanced(ports.jobs, job, retried_by_hand(job))
    assert [each.key for each in ports.jobs.due(shard(job.key.job_id), at=FAR, limit=9)] == [job.key]
    assert walked(ports.everybodys, OPEN, 9) == [waiting]


def test_each_job_is_in_one_partition_of_the_index(aws: Aws) -> None:
    held = made(5).claimed(make_claim("a"))
    jobs = [held, failed_at(5), failed_at(5, code="DEAD_LETTERED"), finished(held), cancelled(held), retried(held)]
    partitions = [to_job_item(job).get("due_shard", {}).get("S") for job in jobs]
    assert partitions == [shard_value(5), failed_shard(5), DEAD_SHARD, None, None, shard_value(5)]
    assert len({*map(shard_value, range(SHARDS)), *map(failed_shard, range(SHARDS)), DEAD_SHARD}) == 2 * SHARDS + 1
    put(aws, [failed_at(number) for number in range(SHARDS)])
    found = aws.dynamodb.scan(TableName=aws.jobs_table)["Items"]
    assert {item["due_shard"]["S"] for item in found} == set(map(failed_shard, range(SHARDS)))


def test_many_jobs_of_one_millisecond_and_one_partition_are_all_listed(aws: Aws) -> None:
    """More than one Query reads, and DynamoDB gives those of one instant in an order of its own."""
    jobs = [failed_at(0, key=key_of(SHARDS * number, OWNERS[number % 3])) for number in range(2 * ENTRIES + 3)]
    put(aws, jobs)
    lists = aws.ports().everybodys
    for limit in (1, 7, 100):
        assert by_id(walked(lists, FAILED, limit)) == jobs


@pytest.mark.parametrize(("wanted", "limit"), [(FAILED, 100), (OPEN, 100), (OPEN, 7)])
def test_a_page_of_jobs_of_one_instant_takes_as_many_queries_as_any(aws: Aws, wanted: JobFilter, limit: int) -> None:
    """As at midnight, which schedules and people like; and no job is met twice or not at all."""
    of_one = [made(0, key=key_of(number, OWNERS[number % 3])) for number in range(500)]
    if wanted is FAILED:
        of_one = [
            failed_at(0, key=job.key, code=["GONE", "DEAD_LETTERED"][number % 2]) for number, job in enumerate(of_one)
        ]
    jobs = [*of_one, *(failed_at(number) if wanted is FAILED else made(number) for number in (500, 501, 502))]
    put(aws, jobs)
    counted = counted_calls(aws)
    found = []
    for page in pages(aws.ports().everybodys, wanted, limit):
        assert counted.count("Query") <= SHARDS + 1 + EVALUATED_MAX // ENTRIES
        if limit < ENTRIES:
            assert counted.count("Query") <= SHARDS + 1
        counted.clear()
        found += page
    assert by_id(found) == jobs


def test_a_walk_goes_on_after_jobs_of_one_instant_that_are_there_no_more(aws: Aws) -> None:
    """As a bulk action does, which takes all it meets out of the index."""
    jobs = [failed_at(0, key=key_of(number, OWNERS[number % 3])) for number in range(60)]
    put(aws, jobs)
    seen: list[Job] = []
    for page in pages(aws.ports().everybodys, FAILED, 7):
        put(aws, [retried_by_hand(job) for job in page])
        seen += page
    assert by_id(seen) == jobs


def test_a_page_with_rare_matches_may_be_empty_and_have_a_next_one(aws: Aws) -> None:
    others = [failed_at(number) for number in range(1, EVALUATED_MAX + 20)]
    rare = [failed_at(number, tags=("rare",)) for number in (0, EVALUATED_MAX + 20)]
    put(aws, [*others, *rare])
    found = list(pages(aws.ports().everybodys, JobFilter(status=JobStatus.FAILED, tag="rare"), 3))
    assert found == [[rare[1]], [rare[0]]]
    older = JobFilter(status=JobStatus.FAILED, tag="rare", operation="none")
    assert list(pages(aws.ports().everybodys, older, 3)) == [[], []]


def test_jobs_of_the_largest_size_are_all_listed(aws: Aws) -> None:
    large = '"' + "x" * 300_000 + '"'
    jobs = [failed_at(number, data_json=large) for number in range(20)]
    put(aws, jobs)
    found = list(pages(aws.ports().everybodys, FAILED, 100))
    assert by_id([job for page in found for job in page]) == jobs
    assert max(sum(len(job.data_json) for job in page) for page in found) < 2_700_000


@pytest.mark.parametrize("size", [1, 120_000, 300_000])
def test_a_walk_reads_each_row_once_however_large(aws: Aws, size: int) -> None:
    """What a page has read it has: its answer leaves the data out, so only the reading is to be bounded."""
    jobs = [failed_at(number, data_json=f'"{"x" * size}"') for number in range(40)]
    put(aws, jobs)
    asked: list[int] = []

    def batch_get_item(RequestItems: Any) -> Any:  # noqa: N803 - boto3's own name
        asked.append(len(RequestItems[aws.jobs_table]["Keys"]))
        return aws.dynamodb.batch_get_item(RequestItems=RequestItems)

    found = list(pages(lists_of(aws, batch_get_item=batch_get_item), FAILED, 100))
    assert by_id([job for page in found for job in page]) == jobs
    assert sum(asked) == len(jobs)
    assert asked[0] == FIRST_BATCH_ROWS
    assert max(len(page) for page in found) * size <= READ_MAX_BYTES + FIRST_BATCH_ROWS * size


def test_jobs_made_at_another_time_are_passed_over_by_their_keys(aws: Aws) -> None:
    """No row of theirs is read; and where a walk is by when they failed, it ends before what failed earlier."""
    late = NOON + timedelta(hours=2)
    old = [failed_at(number) for number in range(60)]
    ids = SystemIds()
    new = [
        failed_at(60 + number, key=JobKey(owner_id=OWNERS[0], job_id=ids.new_job_id(late + number * MILLISECOND)))
        for number in range(3)
    ]
    new = [replace(job, finished_at=late) for job in new]
    put(aws, [*old, *new])
    counted = counted_calls(aws)
    lists = aws.ports().everybodys
    assert by_id(walked(lists, replace(FAILED, created_after=late), 100)) == new
    assert sorted(set(counted)) == ["BatchGetItem", "Query"]
    assert counted.count("BatchGetItem") == 1
    assert counted.count("Query") <= SHARDS + 1
    counted.clear()
    none_is_so_old = replace(FAILED, created_before=datetime(2000, 1, 1, tzinfo=UTC))
    assert walked(lists, none_is_so_old, 100) == []
    assert set(counted) == {"Query"}


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
@pytest.mark.parametrize("wanted", [FAILED, OPEN])
def test_a_list_may_be_asked_of_any_time(ports: Ports, wanted: JobFilter, at: datetime) -> None:
    ports.jobs.add(failed_at(1))
    ports.jobs.add(made(2))
    is_all = at.year == 1
    assert len(walked(ports.everybodys, replace(wanted, created_after=at), 9)) == is_all
    assert len(walked(ports.everybodys, replace(wanted, created_before=at), 9)) != is_all


def test_a_row_that_cannot_be_read_is_left_out_and_named_in_the_log(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    jobs = [failed_at(number) for number in range(3)]
    put(aws, jobs)
    key = {"owner_id": {"S": OWNERS[0]}, "job_id": {"S": jobs[1].key.job_id}}
    paused = {":paused": {"S": "PAUSED"}}
    aws.dynamodb.update_item(
        TableName=aws.jobs_table,
        Key=key,
        UpdateExpression="SET #status = :paused",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues=paused,
    )
    assert walked(aws.ports().everybodys, FAILED, 2) == [jobs[2], jobs[0]]
    (record,) = [each for each in caplog.records if each.name.startswith("chalicelib")]
    assert record.message == "row of the jobs table cannot be read; lists leave it out"


def counted_calls(aws: Aws) -> list[str]:
    """The calls of DynamoDB from now on, as they come."""
    counted: list[str] = []
    aws.dynamodb.meta.events.register("provide-client-params.dynamodb.*", lambda model, **_: counted.append(model.name))
    return counted


def lists_of(aws: Aws, **calls: Any) -> DynamoDBEverybodysJobs:
    client: Any = Altered(aws.dynamodb, **calls)
    return DynamoDBEverybodysJobs(lambda: by_sdk(client), table=aws.jobs_table)


def test_what_the_index_shows_twice_or_too_late_is_listed_once_or_not_at_all(aws: Aws) -> None:
    """It lags behind the rows: one has moved on, one is gone, and one moved on in it while it was read."""
    jobs = [failed_at(number) for number in range(3)]
    put(aws, [jobs[0], retried_by_hand(jobs[1])])

    def query(**_: Any) -> Any:
        names = ("owner_id", "job_id", "due_at_epoch_ms")
        return {"Items": [{name: to_job_item(job)[name] for name in names} for job in reversed(jobs)]}

    page = lists_of(aws, query=query).page(FAILED, limit=9, after=None)
    assert [each.job for each in page.found] == [jobs[0]]


def partly(aws: Aws, rows: int) -> Any:
    """A ``batch_get_item`` that gets round to the first rows only."""

    def batch_get_item(RequestItems: Any) -> Any:  # noqa: N803 - boto3's own name
        keys = RequestItems[aws.jobs_table]["Keys"]
        done: Any = {"Responses": {}}
        if rows:
            asked = {aws.jobs_table: RequestItems[aws.jobs_table] | {"Keys": keys[:rows]}}
            done = aws.dynamodb.batch_get_item(RequestItems=asked)
        done["UnprocessedKeys"] = {aws.jobs_table: {"Keys": keys[rows:]}} if keys[rows:] else {}
        return done

    return batch_get_item


def test_rows_that_were_not_got_round_to_are_not_passed_over(aws: Aws) -> None:
    jobs = [failed_at(number) for number in range(8)]
    put(aws, jobs)
    found = list(pages(lists_of(aws, batch_get_item=partly(aws, 1)), FAILED, 8))
    assert [len(page) for page in found] == [3, 3, 2], "a batch is asked for three times"
    assert [job for page in found for job in page] == jobs[::-1]
    with pytest.raises(Unavailable, match="the jobs table does not answer"):
        lists_of(aws, batch_get_item=partly(aws, 0)).page(FAILED, limit=9, after=None)


@pytest.mark.parametrize("wanted", [FAILED, OPEN])
def test_without_the_table_a_list_says_so(away_ports: Ports, wanted: JobFilter) -> None:
    with pytest.raises(Unavailable, match="the jobs table does not answer"):
        away_ports.everybodys.page(wanted, limit=1, after=None)


def test_a_page_takes_as_many_queries_at_any_number_of_jobs(aws: Aws) -> None:
    counted = counted_calls(aws)
    calls = []
    for number in (40, 800):
        put(aws, [failed_at(each) for each in range(number)])
        counted.clear()
        assert len(aws.ports().everybodys.page(FAILED, limit=20, after=None).found) == 20
        calls.append(sorted(counted))
    few, many = calls
    assert few == many == ["BatchGetItem"] * 2 + ["Query"] * (SHARDS + 1), "8 rows, then what the page lacks"


def test_the_owner_of_each_job_is_in_its_key(ports: Ports) -> None:
    for owner in range(3):
        ports.jobs.add(failed_at(owner, owner=owner))
    (found,) = pages(ports.everybodys, FAILED, 9)
    assert [job.key for job in found] == [
        JobKey(owner_id=OWNERS[owner], job_id=key_of(owner).job_id) for owner in (2, 1, 0)
    ]
