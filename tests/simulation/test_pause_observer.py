"""The invariant of pauses is broken by hand, and kept in the ways in which a consumer may not know of one yet."""

from random import Random

import pytest

from chalicelib.domain.users import UserId
from tests.simulation.actor import OWNERS, Actor
from tests.simulation.pause_observer import KNOWN_FOR_MS, WAITS, PauseObserver
from tests.simulation.pausing import Container, Pausing
from tests.simulation.plan import Plan
from tests.simulation.world import World

OWNER, OTHER = OWNERS


class Claimed:
    """A consumer that begins an attempt of an owner's job."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self.now_ms = 0
        self.observer = PauseObserver(lambda invariant, _detail: self.broken.append(invariant), lambda: self.now_ms)
        world = World(Plan(heal_at_ms=0), Random(1))
        self.actor = Actor(world, "consume", time_ms=90_000)
        self.container = Container(Pausing(world, []), self.actor)

    def pause(self, owner_id: UserId | None, at_ms: int) -> None:
        self.now_ms = at_ms
        self.observer.began(owner_id)

    def begin(self, *, looked_ms: int | None, used_ms: int, finds_them_away: bool = False) -> list[str]:
        self.container.looked_ms, self.container.used_ms = looked_ms, used_ms
        self.container.finds_them_away = finds_them_away
        self.observer.claimed(self.actor, self.container, OWNER)
        return self.broken


@pytest.mark.parametrize("owner_id", [None, OWNER])
def test_who_has_seen_a_pause_begins_nothing(owner_id: UserId | None) -> None:
    claimed = Claimed()
    claimed.pause(owner_id, at_ms=100)
    assert claimed.begin(looked_ms=101, used_ms=101) == [WAITS]


def test_who_has_seen_it_once_begins_nothing_however_long_the_table_is_away() -> None:
    claimed = Claimed()
    claimed.pause(None, at_ms=100)
    assert claimed.begin(looked_ms=101, used_ms=10**9, finds_them_away=True) == [WAITS]


def test_a_pause_of_another_is_nothing_to_ones_own_jobs() -> None:
    claimed = Claimed()
    claimed.pause(OTHER, at_ms=100)
    assert claimed.begin(looked_ms=101, used_ms=101) == []


def test_a_pause_that_is_over_holds_nothing_back() -> None:
    claimed = Claimed()
    claimed.pause(None, at_ms=100)
    claimed.observer.ended(None)
    assert claimed.begin(looked_ms=101, used_ms=101) == []


@pytest.mark.parametrize(("age_ms", "broken"), [(KNOWN_FOR_MS - 1, []), (KNOWN_FOR_MS, [WAITS])])
def test_a_pause_may_be_missed_for_ten_seconds(age_ms: int, broken: list[str]) -> None:
    claimed = Claimed()
    claimed.pause(None, at_ms=100)
    assert claimed.begin(looked_ms=50, used_ms=50 + age_ms) == broken


def test_who_cannot_look_may_miss_it_for_longer() -> None:
    claimed = Claimed()
    claimed.pause(None, at_ms=100)
    assert claimed.begin(looked_ms=50, used_ms=10**9, finds_them_away=True) == []
    assert claimed.begin(looked_ms=None, used_ms=10**9, finds_them_away=True) == []
