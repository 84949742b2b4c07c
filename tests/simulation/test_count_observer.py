"""Each invariant of counts is broken once by hand."""

from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.job_ends import Count, additions
from chalicelib.domain.job_events import Change
from tests.simulation.count_observer import ALL, ONCE, CountObserver
from tests.simulation.test_observer import History


class Counted:
    """A job that has succeeded, and the count of its end."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self.observer = CountObserver(lambda invariant, _detail: self.broken.append(invariant))
        history = History()
        waiting = history.job
        self.observer.happened(None, waiting)
        actor = history.claim()
        running = history.job
        self.observer.happened(waiting, running)
        history.finish(actor)
        ended = history.job
        self.observer.happened(running, ended)
        self.observer.happened(ended, ended)
        (addition,) = additions([Change(position="1", before=running, after=ended)])
        self.count: Count = addition.count

    def at_end(self, *counts: Count) -> list[str]:
        self.observer.at_end(counts)
        return self.broken


def test_an_end_that_is_counted_once_breaks_nothing() -> None:
    counted = Counted()
    assert counted.observer.is_exact
    assert counted.at_end(counted.count) == []


def test_an_end_must_be_counted_unless_a_write_was_missed() -> None:
    counted = Counted()
    assert counted.at_end() == [ALL]
    missed = Counted()
    missed.observer.missed()
    assert missed.at_end() == []
    assert not missed.observer.is_exact


def test_an_end_must_not_be_counted_twice_unless_it_came_again() -> None:
    counted = Counted()
    twice = replace(counted.count, jobs=2)
    assert counted.at_end(twice) == [ONCE]
    repeated = Counted()
    repeated.observer.repeated()
    assert repeated.at_end(twice) == []
    assert not repeated.observer.is_exact


def test_an_end_must_be_counted_where_it_is() -> None:
    counted = Counted()
    ending = counted.count.ending
    later = replace(counted.count, ending=replace(ending, slot=ending.slot + timedelta(minutes=5)))
    assert sorted(counted.at_end(later)) == [ONCE, ALL]


def test_an_addition_that_is_tried_again_must_not_be_added_again() -> None:
    counted = Counted()
    counted.observer.tried_again(others_between=False, is_added=False)
    counted.observer.tried_again(others_between=True, is_added=False)
    assert counted.broken == []
    assert counted.observer.is_exact
    counted.observer.tried_again(others_between=False, is_added=True)
    assert counted.broken == [ONCE]


def test_an_addition_that_is_tried_again_after_others_may_be_added_again() -> None:
    counted = Counted()
    counted.observer.tried_again(others_between=True, is_added=True)
    assert counted.broken == []
    assert not counted.observer.is_exact
