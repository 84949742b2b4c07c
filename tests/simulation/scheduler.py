"""Time and order: every actor is a greenlet, and one heap of events decides who goes on next."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from random import Random

from greenlet import getcurrent, greenlet


class Scheduler:
    """
    A virtual clock in milliseconds, which jumps from event to event.

    Events of the same instant happen in an order drawn from the seed. Nothing else in a run waits or has a thread, so
    the seed is the whole of its nondeterminism.
    """

    def __init__(self, rng: Random) -> None:
        self.now = 0
        self.steps = 0
        self._random = rng.random
        self._heap: list[tuple[int, float, int, Callable[[], object]]] = []
        self._numbers = count()
        self._hub = getcurrent()

    def at(self, time_ms: int, event: Callable[[], object]) -> None:
        """Have ``event`` happen at an instant, now at the earliest."""
        heappush(self._heap, (max(time_ms, self.now), self._random(), next(self._numbers), event))

    def start(self, time_ms: int, body: Callable[[], None]) -> None:
        """Have ``body`` begin at an instant, as an actor of its own: one that may `sleep`."""
        self.at(time_ms, greenlet(body, self._hub).switch)

    def sleep(self, wait_ms: int) -> None:
        """Let others go on, for so long at least. Only for an actor."""
        self.at(self.now + wait_ms, getcurrent().switch)
        self._hub.switch()

    def run(self, *, until_ms: Callable[[], int], is_over: Callable[[], bool]) -> None:
        """Let events happen until there are none, the next is later than ``until_ms()``, or ``is_over()``."""
        heap = self._heap
        while heap and not is_over():
            time_ms = heap[0][0]
            if time_ms > self.now:
                if time_ms > until_ms():
                    return
                self.now = time_ms
            event = heappop(heap)[3]
            self.steps += 1
            event()
