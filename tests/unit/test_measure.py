"""How benchmarks take turns, and what they keep of it."""

from collections.abc import Callable

import pytest

from benchmarks.measure import Figures, Spread, taking_turns


def test_a_spread_is_the_median_and_the_middle_half() -> None:
    assert Spread.of([5, 1, 4, 2, 3]) == Spread(median=3, low=2, high=4, rounds=5)
    assert Spread.of([7]) == Spread(median=7, low=7, high=7, rounds=1)


def test_contestants_take_turns_and_each_is_first_as_often(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def contestant(name: str, *values: float) -> Callable[[], Figures]:
        given = iter(values)

        def ask() -> Figures:
            asked.append(name)
            return {"cpu_ms": next(given)}

        return ask

    taken = taking_turns("A part", {"ours": contestant("ours", 1, 3), "theirs": contestant("theirs", 4, 4)}, rounds=2)
    assert asked == ["ours", "theirs", "theirs", "ours"]
    assert taken["ours"]["cpu_ms"].median == 2
    assert taken["theirs"]["cpu_ms"] == Spread(median=4, low=4, high=4, rounds=2)
    assert "A part: round 2 of 2, ours" in capsys.readouterr().err
