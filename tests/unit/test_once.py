import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from chalicelib.wiring.once import Once, made_once

THREADS = 16


class Container:
    def __init__(self) -> None:
        self.gate = threading.Barrier(THREADS)
        self.made = count(1)

    @made_once
    def limiter(self) -> tuple[int, int]:
        """What counts."""
        return self.slowly(), self.ids

    @made_once
    def ids(self) -> int:
        return self.slowly()

    def slowly(self) -> int:
        """As slowly as an import, during which other threads run."""
        number = next(self.made)
        threading.Event().wait(0.02)
        return number


def test_threads_that_ask_at_once_get_the_same_and_it_is_made_once() -> None:
    container = Container()

    def ask(number: int) -> object:
        container.gate.wait(timeout=60)
        # Some ask for what others need for what they ask for.
        return container.limiter[1] if number % 2 else container.ids

    with ThreadPoolExecutor(THREADS) as pool:
        (ids,) = set(pool.map(ask, range(THREADS)))
    assert container.ids == ids
    assert next(container.made) == 3, "a limiter and a set of ids"


def test_each_object_has_its_own() -> None:
    first, second = Container(), Container()
    second.made = count(5)
    assert first.ids == 1
    assert second.ids == 5


def test_what_was_assigned_is_taken_instead() -> None:
    container = Container()
    container.ids = 7
    assert container.limiter == (1, 7)


def test_what_could_not_be_made_is_tried_again() -> None:
    tries = count(1)

    class Faulty:
        @made_once
        def part(self) -> int:
            return fails_first()

    def fails_first() -> int:
        if next(tries) == 1:
            raise ZeroDivisionError
        return 7

    faulty, whole = Faulty(), Once(fails_first)
    with pytest.raises(ZeroDivisionError):
        _ = faulty.part
    assert faulty.part == 7
    tries = count(1)
    with pytest.raises(ZeroDivisionError):
        whole()
    assert whole() == 7


def test_a_member_keeps_its_description() -> None:
    assert Container.limiter.__doc__ == "What counts."


def test_one_container_has_one_set_of_services_whatever_asks_first() -> None:
    made = count(1)
    gate = threading.Barrier(THREADS)

    @Once
    def services() -> int:
        number = next(made)
        threading.Event().wait(0.02)
        return number

    def ask(_: int) -> int:
        gate.wait(timeout=60)
        return services()

    with ThreadPoolExecutor(THREADS) as pool:
        assert set(pool.map(ask, range(THREADS))) == {1}
    services.cache_clear()
    assert services() == 2
