"""What counts tell of a window."""

import math
from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.job_ends import BOUNDS_MS, BUCKETS, SLOT, Count, Ending, bucket
from chalicelib.domain.jobs import JobStatus
from chalicelib.domain.statistics import (
    ERRORS_MAX,
    Ends,
    ErrorCount,
    Latency,
    Window,
    days,
    latency,
    statistics,
)
from tests.fakes import NOON

NOW = NOON + timedelta(minutes=7)


def count_of(
    jobs: int = 1,
    *,
    slot: datetime = NOON,
    operation: str = "square_sum",
    status: JobStatus = JobStatus.SUCCESS,
    code: str | None = None,
    ms: int = 100,
) -> Count:
    latencies = {} if status is JobStatus.CANCELLED else {bucket(timedelta(milliseconds=ms)): jobs}
    ending = Ending(slot=slot, operation=operation, status=status, error_code=code)
    return Count(ending=ending, jobs=jobs, latencies=latencies)


@pytest.mark.parametrize(
    ("window", "begins_at", "ends_at", "interval_s", "intervals"),
    [
        (Window.HOUR, "2026-11-23T11:10", "2026-11-23T12:10", 300, 12),
        (Window.DAY, "2026-11-22T12:30", "2026-11-23T12:30", 1800, 48),
        (Window.WEEK, "2026-11-16T14:00", "2026-11-23T14:00", 7200, 84),
    ],
)
def test_a_window_ends_with_the_interval_that_is_running(
    window: Window, begins_at: str, ends_at: str, interval_s: int, intervals: int
) -> None:
    begin, end = (datetime.fromisoformat(f"{each}+00:00") for each in (begins_at, ends_at))
    told = statistics([], window=window, at=NOW)
    assert (told.window, told.begins_at, told.ends_at) == (window, begin, end)
    assert window.interval == timedelta(seconds=interval_s)
    assert list(told.intervals) == [begin + number * window.interval for number in range(intervals)]
    assert set(told.intervals.values()) == {Ends()}, "none is left out, though nothing has ended"
    assert (told.total, told.operations, told.errors) == (Ends(), {}, [])


def test_what_ended_before_all_is_counted_is_in_no_number() -> None:
    counts = [count_of(1), count_of(2, slot=NOON - SLOT, operation="cube_sum", status=JobStatus.FAILED, code="A")]
    told = statistics(counts, window=Window.DAY, at=NOW, counted_from=NOON)
    assert told.counted_from == NOON
    assert (told.total.success, told.total.failed) == (1, 0)
    assert (list(told.operations), told.errors) == (["square_sum"], [])
    assert sum(each.failed for each in told.intervals.values()) == 0
    whole = statistics(counts, window=Window.DAY, at=NOW)
    assert (whole.counted_from, whole.total.failed) == (whole.begins_at, 2)


def test_an_interval_begins_at_its_first_instant() -> None:
    assert Window.HOUR.span(NOON)[1] == NOON + SLOT
    assert Window.HOUR.span(NOON - timedelta(milliseconds=1))[1] == NOON


def test_ends_are_told_by_interval_by_operation_and_together() -> None:
    told = statistics(
        [
            count_of(5),
            count_of(2, status=JobStatus.FAILED, code="TIMED_OUT"),
            count_of(1, status=JobStatus.CANCELLED, slot=NOON + SLOT),
            count_of(9, operation="cube_sum", slot=NOON - SLOT),
            count_of(1, operation="cube_sum", status=JobStatus.FAILED, code="OUT_OF_MEMORY"),
        ],
        window=Window.HOUR,
        at=NOW,
    )
    alike = latency({bucket(timedelta(milliseconds=100)): 1})
    assert alike is not None
    by_counts = [(each.success, each.failed, each.cancelled) for each in told.intervals.values()]
    assert by_counts == [(0, 0, 0)] * 9 + [(9, 0, 0), (5, 3, 0), (0, 0, 1)]
    assert (told.total.success, told.total.failed, told.total.cancelled) == (14, 3, 1)
    assert [(name, each.success, each.failed, each.cancelled) for name, each in told.operations.items()] == [
        ("cube_sum", 9, 1, 0),
        ("square_sum", 5, 2, 1),
    ]
    assert told.errors == [
        ErrorCount(operation="square_sum", code="TIMED_OUT", jobs=2),
        ErrorCount(operation="cube_sum", code="OUT_OF_MEMORY", jobs=1),
    ]
    assert told.intervals[NOON + SLOT].latency is None, "who cancels a job chooses when it ends"
    assert told.intervals[NOON].latency is not None


def test_what_is_outside_of_the_window_is_passed_over() -> None:
    begins_at, ends_at = Window.HOUR.span(NOW)
    counts = [count_of(slot=begins_at - SLOT), count_of(slot=begins_at), count_of(slot=ends_at)]
    told = statistics(counts, window=Window.HOUR, at=NOW)
    assert told.total.success == 1
    assert told.intervals[begins_at].success == 1
    assert told.operations["square_sum"].success == 1


def test_a_longer_interval_has_the_slots_that_are_in_it() -> None:
    slots = [NOON - SLOT, NOON, NOON + 5 * SLOT, NOON + 23 * SLOT]
    told = statistics([count_of(slot=slot) for slot in slots], window=Window.WEEK, at=NOW)
    assert [each.success for each in told.intervals.values()][-2:] == [1, 3]
    told = statistics([count_of(slot=slot) for slot in slots], window=Window.DAY, at=NOW)
    assert [each.success for each in told.intervals.values()][-2:] == [1, 2]


def test_equal_ones_are_told_by_their_names_and_of_errors_the_most_frequent() -> None:
    counts = [count_of(operation=name) for name in ("b", "a", "c")]
    counts += [
        count_of(1 + (number == 50), status=JobStatus.FAILED, code=f"E{number:03}", operation="d")
        for number in range(ERRORS_MAX + 1)
    ]
    told = statistics(counts, window=Window.HOUR, at=NOW)
    assert list(told.operations) == ["d", "a", "b", "c"]
    codes = [each.code for each in told.errors]
    assert (codes[0], codes[1], codes[-1], len(codes)) == ("E050", "E000", "E099", ERRORS_MAX)


def test_percentiles_are_in_the_bucket_of_their_rank() -> None:
    fast, slow = bucket(timedelta(milliseconds=100)), bucket(timedelta(seconds=10))
    found = latency({fast: 95, slow: 5})
    assert found is not None
    assert 76 <= found.p50_ms < found.p95_ms <= 114
    assert 8_650 <= found.p99_ms <= 12_975 * 1.5
    found = latency({fast: 94, slow: 6})
    assert found is not None
    assert found.p50_ms <= 114
    assert found.p95_ms >= 8_650


def test_of_nothing_there_are_no_percentiles_and_of_one_job_they_are_all_the_same() -> None:
    assert latency({}) is None
    assert latency({3: 0}) is None
    assert latency({0: 1}) == Latency(p50_ms=5, p95_ms=5, p99_ms=5)
    end = round(BOUNDS_MS[-1])
    assert latency({BUCKETS - 1: 2}) == Latency(p50_ms=end, p95_ms=end, p99_ms=end)


@given(st.lists(st.integers(0, int(BOUNDS_MS[-1]) - 1) | st.integers(0, 1_000), min_size=1, max_size=300))
def test_a_percentile_is_off_by_less_than_half_or_than_ten_milliseconds(all_ms: list[int]) -> None:
    found = latency(Counter(bucket(timedelta(milliseconds=ms)) for ms in all_ms))
    assert found is not None
    in_order = sorted(all_ms)
    for percent, told in ((50, found.p50_ms), (95, found.p95_ms), (99, found.p99_ms)):
        true = in_order[math.ceil(len(in_order) * percent / 100) - 1]
        assert abs(told - true) <= max(10, true / 2) + 0.5, "rounded to a millisecond"
    assert found.p50_ms <= found.p95_ms <= found.p99_ms


def test_a_span_is_read_day_by_day() -> None:
    midnight = NOON.replace(hour=0)
    day = timedelta(days=1)
    assert [*days(NOON, NOON)] == []
    assert [*days(NOON, NOON + SLOT)] == [(NOON, NOON + SLOT)]
    assert [*days(midnight, midnight + day)] == [(midnight, midnight + day)]
    assert [*days(NOON - day, NOON + day)] == [
        (NOON - day, midnight),
        (midnight, midnight + day),
        (midnight + day, NOON + day),
    ]


@given(at=st.datetimes(NOON.replace(tzinfo=None), NOON.replace(tzinfo=None) + timedelta(days=9)))
@pytest.mark.parametrize("window", Window)
def test_the_days_of_a_window_are_all_of_it(window: Window, at: datetime) -> None:
    begins_at, ends_at = window.span(at.replace(tzinfo=NOON.tzinfo))
    parts = [*days(begins_at, ends_at)]
    assert (parts[0][0], parts[-1][1]) == (begins_at, ends_at)
    assert [end for _, end in parts[:-1]] == [begin for begin, _ in parts[1:]]
    assert len(parts) <= {Window.HOUR: 2, Window.DAY: 2, Window.WEEK: 8}[window]
