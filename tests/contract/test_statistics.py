"""Counts of ends: what is added to them, once, and what a write of one costs."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from benchmarks.cost.meter import item_bytes
from chalicelib.adapters.dynamodb.statistics import from_count_item
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_ends import BUCKETS, CODE_MAX_CHARACTERS, RETENTION, SLOT, Addition, Count, Ending
from chalicelib.domain.jobs import JobStatus
from chalicelib.statistics_ports import CountStore
from tests.aws import time_to_live
from tests.contract.accounts import AHEAD
from tests.contract.conftest import Aws, Ports
from tests.recorded import COUNT, ROWS

MIDNIGHT = AHEAD.replace(hour=0, minute=0, second=0, microsecond=0)
"""Ahead of the emulators' own clock, by which they delete what has expired."""

DAY = timedelta(days=1)

ALL = 1000
"""More than any test adds."""


def ending(
    slot: datetime = MIDNIGHT,
    *,
    operation: str = "square_sum",
    status: JobStatus = JobStatus.SUCCESS,
    code: str | None = None,
) -> Ending:
    return Ending(slot=slot, operation=operation, status=status, error_code=code)


def addition(of: Ending, jobs: int, *, batch: str, bucket: int = 7) -> Addition:
    latencies = {} if of.status is JobStatus.CANCELLED else {bucket: jobs}
    return Addition(count=Count(ending=of, jobs=jobs, latencies=latencies), batch=batch)


def of_day(store: CountStore, day: datetime = MIDNIGHT) -> list[Count]:
    return sorted(
        store.of_day(day, day + DAY, limit=ALL),
        key=lambda count: (count.ending.slot, count.ending.operation, count.ending.status),
    )


def test_what_is_added_is_added_up(ports: Ports) -> None:
    store = ports.counts
    assert store.add(addition(ending(), 2, batch="1"))
    assert store.add(addition(ending(), 3, batch="2", bucket=38))
    assert store.add(addition(ending(), 1, batch="3"))
    assert of_day(store) == [Count(ending=ending(), jobs=6, latencies={7: 3, 38: 3})]


def test_each_ending_has_a_count_of_its_own(ports: Ports) -> None:
    endings = [
        ending(status=JobStatus.CANCELLED),
        ending(status=JobStatus.FAILED, code="TIMED_OUT"),
        ending(),
        ending(operation="square_sum_2"),
        ending(MIDNIGHT + SLOT),
        ending(MIDNIGHT + DAY - SLOT, status=JobStatus.FAILED, code="A#B"),
    ]
    for number, each in enumerate(endings, start=1):
        assert ports.counts.add(addition(each, number, batch="the same"))
    found = {count.ending: count.jobs for count in of_day(ports.counts)}
    assert found == {each: number for number, each in enumerate(endings, start=1)}


def test_a_part_of_a_day_has_the_slots_that_begin_in_it(ports: Ports) -> None:
    slots = [MIDNIGHT - SLOT, MIDNIGHT, MIDNIGHT + SLOT, MIDNIGHT + 2 * SLOT, MIDNIGHT + DAY - SLOT, MIDNIGHT + DAY]
    for slot in slots:
        ports.counts.add(addition(ending(slot), 1, batch="1"))

    def found(begins_at: datetime, ends_at: datetime) -> list[datetime]:
        return sorted(count.ending.slot for count in ports.counts.of_day(begins_at, ends_at, limit=ALL))

    assert found(MIDNIGHT, MIDNIGHT + DAY) == slots[1:5]
    assert found(MIDNIGHT + SLOT, MIDNIGHT + 2 * SLOT) == slots[2:3]
    assert found(MIDNIGHT + 2 * SLOT, MIDNIGHT + DAY) == slots[3:5]
    assert found(MIDNIGHT + 3 * SLOT, MIDNIGHT + 4 * SLOT) == []


def test_of_a_day_the_newest_slots_come_first_and_no_more_than_asked_for(ports: Ports) -> None:
    slots = [MIDNIGHT + number * SLOT for number in range(5)]
    for slot in slots:
        for operation in ("cube_sum", "square_sum"):
            ports.counts.add(addition(ending(slot, operation=operation), 1, batch="1"))

    def found(limit: int) -> list[datetime]:
        return [count.ending.slot for count in ports.counts.of_day(MIDNIGHT, MIDNIGHT + DAY, limit=limit)]

    newest_first = sorted(slots * 2, reverse=True)
    for limit in (1, 2, 5, 10):
        assert found(limit) == newest_first[:limit]
    assert found(ALL) == newest_first


def test_the_batch_that_was_added_last_is_not_added_again(ports: Ports) -> None:
    store = ports.counts
    assert store.add(addition(ending(), 2, batch="1"))
    assert not store.add(addition(ending(), 2, batch="1"))
    assert store.add(addition(ending(operation="cube_sum"), 2, batch="1"))
    assert store.add(addition(ending(), 3, batch="2"))
    assert [count.jobs for count in of_day(store)] == [2, 5]
    assert store.add(addition(ending(), 2, batch="1")), "only the last is known"


def test_an_addition_whose_response_was_lost_counts_once(lossy_ports: Ports) -> None:
    assert not lossy_ports.counts.add(addition(ending(), 2, batch="1"))
    assert [count.jobs for count in of_day(lossy_ports.counts)] == [2]


def test_simultaneous_additions_are_all_counted_and_those_of_one_batch_once(atomic_ports: Ports) -> None:
    store = atomic_ports.counts
    with ThreadPoolExecutor(8) as pool:
        done = [*pool.map(lambda number: store.add(addition(ending(), 1, batch=f"{number}")), range(40))]
        assert all(done)
        again = [*pool.map(lambda _: store.add(addition(ending(), 1, batch="one")), range(8))]
    assert sum(again) == 1
    assert [count.jobs for count in of_day(store)] == [41]


def test_a_day_that_a_query_cannot_read_whole_goes_on(aws: Aws) -> None:
    """A Query ends at 1 MB by itself."""
    for number in range(6):
        aws.ports().counts.add(addition(ending(MIDNIGHT + number * SLOT), 1, batch="1"))
        aws.dynamodb.update_item(
            TableName=aws.statistics_table,
            Key={
                "day": {"S": f"{MIDNIGHT:%Y-%m-%d}"},
                "slot": {"S": f"{MIDNIGHT + number * SLOT:%H:%M}#square_sum#SUCCESS"},
            },
            UpdateExpression="SET padding = :padding",
            ExpressionAttributeValues={":padding": {"S": "x" * 300_000}},
        )
    queries: list[Any] = []
    aws.dynamodb.meta.events.register(
        "provide-client-params.dynamodb.Query", lambda params, **_: queries.append(params)
    )
    assert len(of_day(aws.ports().counts)) == 6
    assert len(queries) > 1
    assert {query["ConsistentRead"] for query in queries} == {False}
    newest_first = [f"{MIDNIGHT + number * SLOT:%H:%M}" for number in range(5, 0, -1)]
    queries.clear()
    read = aws.ports().counts.of_day(MIDNIGHT, MIDNIGHT + DAY, limit=5)
    assert [f"{count.ending.slot:%H:%M}" for count in read] == newest_first
    assert len(queries) > 1
    assert queries[0]["Limit"] == 5


def test_a_write_costs_one_unit_however_much_a_row_has_counted(aws: Aws) -> None:
    """Also one with every bucket, and the longest names."""
    most = ending(MIDNIGHT, operation="o" * 255, status=JobStatus.FAILED, code="C" * CODE_MAX_CHARACTERS)
    each = 10**11
    full = Addition(
        count=Count(ending=most, jobs=BUCKETS * each, latencies=dict.fromkeys(range(BUCKETS), each)), batch="f" * 16
    )
    units: list[float] = []

    def ask(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def add(parsed: dict[str, Any], **_: Any) -> None:
        units.append(parsed["ConsumedCapacity"]["CapacityUnits"])

    aws.dynamodb.meta.events.register("provide-client-params.dynamodb.UpdateItem", ask)
    aws.dynamodb.meta.events.register("after-call.dynamodb.UpdateItem", add)
    assert aws.ports().counts.add(full)
    assert aws.ports().counts.add(replace(full, batch="0" * 16))
    (row,) = aws.dynamodb.scan(TableName=aws.statistics_table)["Items"]
    assert from_count_item(row).jobs == 2 * BUCKETS * each
    assert item_bytes(row) <= 1024
    assert len(units) == 2
    assert max(units) <= 1


def test_what_is_written_is_what_is_recorded(aws: Aws) -> None:
    aws.ports().counts.add(Addition(count=COUNT, batch="8d969eef6ecad3c2"))
    (row,) = aws.dynamodb.scan(TableName=aws.statistics_table)["Items"]
    assert row == ROWS["count v1"]


def test_a_count_is_deleted_by_its_time_to_live(aws: Aws) -> None:
    aws.ports().counts.add(addition(ending(), 1, batch="1"))
    (row,) = aws.dynamodb.scan(TableName=aws.statistics_table)["Items"]
    assert row["expires_at_epoch_s"] == {"N": str(int((MIDNIGHT + RETENTION).timestamp()))}
    assert time_to_live(aws.dynamodb, "StatisticsTable", aws.new_name("forgets")) == ("expires_at_epoch_s", "ENABLED")


@pytest.mark.parametrize(
    "call",
    [
        lambda counts: counts.add(addition(ending(), 1, batch="1")),
        lambda counts: counts.of_day(MIDNIGHT, MIDNIGHT + DAY, limit=ALL),
    ],
    ids=["add", "of_day"],
)
def test_without_the_table_every_call_says_so(away_ports: Ports, call: Callable[[Any], object]) -> None:
    with pytest.raises(Unavailable, match="the statistics table does not answer"):
        call(away_ports.counts)
