"""Counting ends: which of a batch, once, and never at the cost of telling them."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.bootstrap import build
from chalicelib.config import Settings
from chalicelib.domain.job_ends import SLOT
from chalicelib.domain.job_events import Change, Unreadable
from chalicelib.domain.jobs import JobStatus
from chalicelib.services.counting import NEEDED, Counting
from tests.deployment import environment
from tests.fakes import NOON
from tests.statistics_fakes import InMemoryCountStore
from tests.unit.test_job_ends import end, job_of


def plenty() -> timedelta:
    return timedelta(minutes=1)


def ends(first: int = 1, last: int = 5) -> list[Change | Unreadable]:
    """Changes that end jobs, whose positions are ``submit`` and the number."""
    return [end(job_of(number), JobStatus.SUCCESS) for number in range(first, last + 1)]


def counted(store: InMemoryCountStore) -> int:
    return sum(count.jobs for count in store.counts.values())


def test_the_ends_of_a_batch_are_counted() -> None:
    store = InMemoryCountStore()
    Counting(store).count(ends(), until=None, time_left=plenty)
    Counting(store).count(ends(6, 7), until=None, time_left=plenty)
    (count,) = store.counts.values()
    assert (count.jobs, sum(count.latencies.values()), count.ending.slot) == (7, 7, NOON)


def test_what_comes_again_is_counted_when_it_does() -> None:
    store = InMemoryCountStore()
    counting = Counting(store)
    counting.count(ends(), until="submit 3", time_left=plenty)
    assert counted(store) == 2
    counting.count(ends(3), until=None, time_left=plenty)
    assert counted(store) == 5
    counting.count(ends(6, 9), until="submit 6", time_left=plenty)
    assert counted(store) == 5


def test_a_batch_that_is_told_twice_is_counted_once(caplog: pytest.LogCaptureFixture) -> None:
    store = InMemoryCountStore()
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            Counting(store).count(ends(), until=None, time_left=plenty)
    assert counted(store) == 5
    assert [(record.message, record.__dict__["jobs"]) for record in caplog.records] == [("ends were counted before", 5)]


@pytest.mark.parametrize("is_away", [True, False])
def test_what_cannot_be_counted_is_logged_and_raises_nothing(
    caplog: pytest.LogCaptureFixture, *, is_away: bool
) -> None:
    store = InMemoryCountStore()
    if is_away:
        store.answers = 1
    else:
        store.fault = PermissionError("the policy lacks dynamodb:UpdateItem")
    later = end(job_of(9), JobStatus.SUCCESS, after=2 * SLOT)
    Counting(store).count([*ends(), later, end(job_of(8), JobStatus.CANCELLED)], until=None, time_left=plenty)
    assert counted(store) == (5 if is_away else 0)
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("ERROR", "ends cannot be counted")
    assert record.__dict__["uncounted"] == (2 if is_away else 7)
    assert record.exc_info


def test_without_time_no_count_is_begun(caplog: pytest.LogCaptureFixture) -> None:
    store = InMemoryCountStore()
    left = iter([NEEDED, NEEDED - timedelta(milliseconds=1)])
    Counting(store).count([*ends(), end(job_of(9), JobStatus.CANCELLED)], until=None, time_left=lambda: next(left))
    assert counted(store) == 5
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("ERROR", "no time is left to count ends")
    assert record.__dict__["uncounted"] == 1


def test_where_nothing_has_ended_nothing_is_written(caplog: pytest.LogCaptureFixture) -> None:
    store = InMemoryCountStore()
    store.fault = AssertionError("it was asked")
    submitted = Change(position="1", before=None, after=job_of(1))
    Counting(store).count([submitted, Unreadable(position="2", reason="?")], until=None, time_left=timedelta)
    assert not caplog.records


def test_where_there_is_no_table_yet_nothing_is_counted() -> None:
    settings = Settings.from_env(environment())
    assert build(settings).relay.counting is not None
    assert build(replace(settings, statistics_table="")).relay.counting is None
