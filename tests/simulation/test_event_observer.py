"""Each invariant of events is broken once by hand."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chalicelib.domain.job_events import job_event
from tests.simulation.event_observer import TOLD_WITHIN_MS, EventObserver
from tests.simulation.test_observer import History

if TYPE_CHECKING:
    from chalicelib.domain.cloud_events import CloudEvent

EVERY_TRANSITION = "E1 every transition is told"
IN_ORDER = "E2 in order per job"
ONE_ID = "E3 one transition, one id"
NOTHING_ELSE = "E4 nothing is told that did not happen"


class Bus:
    """A job that is submitted, started and has succeeded, and the events of that."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.now_ms = 0
        self.observer = EventObserver(
            lambda invariant, _detail: self.broken.add(invariant), lambda: self.now_ms, lambda: 0
        )
        history = History()
        rows = [history.job]
        actor = history.claim()
        rows.append(history.job)
        history.finish(actor)
        rows.append(history.job)
        self.events: list[CloudEvent] = []
        before = None
        for number, after in enumerate(rows):
            self.observer.happened(f"position {number}", before, after)
            event = job_event(before, after, source="/simulated")
            assert event is not None
            self.events.append(event)
            before = after

    def tell(self, *places: int) -> None:
        for place in places:
            self.observer.put([self.events[place]])
            self.observer.came(self.events[place])


def test_events_in_order_break_nothing_however_often_they_are_told() -> None:
    bus = Bus()
    bus.tell(0, 1, 0, 1, 2, 1, 2)
    bus.observer.at_end()
    assert bus.broken == set()


def test_an_event_that_the_bus_refuses_is_as_good_as_told_if_that_is_kept() -> None:
    bus = Bus()
    bus.tell(0)
    bus.observer.came(bus.events[1], is_refused=True)
    bus.observer.kept("position 1")
    bus.tell(2)
    bus.observer.at_end()
    assert bus.broken == set()


def test_a_change_that_nobody_can_read_needs_not_be_told_if_that_is_kept() -> None:
    bus = Bus()
    bus.observer.kept("position 0")
    bus.tell(1, 2)
    bus.observer.at_end()
    assert bus.broken == set()


def test_a_look_of_the_sweep_is_no_transition() -> None:
    bus = Bus()
    job = History().job
    bus.observer.happened("position 3", job, job.looked_at(again_at=job.created_at))
    bus.tell(0, 1, 2)
    bus.observer.at_end()
    assert bus.broken == set()


def not_told(bus: Bus) -> None:
    bus.tell(0, 1)
    bus.observer.at_end()


def refused_and_not_kept(bus: Bus) -> None:
    bus.observer.came(bus.events[0], is_refused=True)
    bus.tell(1, 2)
    bus.observer.at_end()


def told_late(bus: Bus) -> None:
    bus.now_ms = TOLD_WITHIN_MS + 1
    bus.tell(0)


def out_of_order(bus: Bus) -> None:
    bus.tell(1, 0)


def two_in_a_call(bus: Bus) -> None:
    bus.observer.put(bus.events[:2])


def an_id_twice(bus: Bus) -> None:
    bus.tell(0)
    bus.observer.came(replace(bus.events[1], id=bus.events[0].id))


def another_id(bus: Bus) -> None:
    bus.tell(0, 1, 2)
    bus.observer.came(replace(bus.events[2], id="another"))


def of_another_job(bus: Bus) -> None:
    bus.observer.came(replace(bus.events[0], subject="another"))


def other_data(bus: Bus) -> None:
    bus.observer.came(replace(bus.events[0], data_json=bus.events[1].data_json))


@pytest.mark.parametrize(
    ("told", "invariant"),
    [
        (not_told, EVERY_TRANSITION),
        (refused_and_not_kept, EVERY_TRANSITION),
        (told_late, EVERY_TRANSITION),
        (out_of_order, IN_ORDER),
        (two_in_a_call, IN_ORDER),
        (an_id_twice, ONE_ID),
        (another_id, NOTHING_ELSE),
        (of_another_job, NOTHING_ELSE),
        (other_data, NOTHING_ELSE),
    ],
)
def test_what_is_told_wrongly_is_noticed(told: Callable[[Bus], None], invariant: str) -> None:
    bus = Bus()
    told(bus)
    assert bus.broken == {invariant}
