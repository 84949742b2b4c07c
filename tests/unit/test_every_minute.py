from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.bootstrap import build
from chalicelib.config import Settings
from chalicelib.services.every_minute import EveryMinute
from tests.deployment import environment


class Clock:
    def __init__(self) -> None:
        self.left = timedelta(seconds=60)

    def time_left(self) -> timedelta:
        return self.left


def spending_all(clock: Clock, spent: list[timedelta]) -> Callable[[Callable[[], timedelta]], None]:
    def run(time_left: Callable[[], timedelta]) -> None:
        spent.append(time_left())
        clock.left -= time_left()

    return run


def test_each_sweep_has_its_share_though_those_before_it_use_all_they_can() -> None:
    clock = Clock()
    spent: list[timedelta] = []
    run = spending_all(clock, spent)
    EveryMinute({"first": run, "second": run, "third": run}).run(clock.time_left)
    assert spent == [timedelta(seconds=20)] * 3


def test_what_one_sweep_leaves_is_there_for_the_next() -> None:
    clock = Clock()
    spent: list[timedelta] = []
    EveryMinute({"idle": lambda _left: None, "busy": spending_all(clock, spent)}).run(clock.time_left)
    assert spent == [timedelta(seconds=60)]


def test_a_sweep_that_breaks_is_told_of_once_the_others_have_run(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    spent: list[timedelta] = []

    def breaks(_time_left: Callable[[], timedelta]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        EveryMinute({"broken": breaks, "sound": spending_all(clock, spent)}).run(clock.time_left)
    assert spent
    assert [(record.message, record.__dict__["sweep"]) for record in caplog.records] == [("sweep broke", "broken")]


def test_schedules_come_last_so_that_they_have_what_the_others_leave() -> None:
    sweeps = build(Settings.from_env(environment())).every_minute.sweeps
    assert list(sweeps) == ["jobs", "deliveries", "schedules"]


def test_what_has_no_table_yet_is_not_swept() -> None:
    settings = replace(Settings.from_env(environment()), schedules_table="", deliveries_table="")
    assert list(build(settings).every_minute.sweeps) == ["jobs"]
