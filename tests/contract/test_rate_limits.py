import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from random import Random

import pytest

from chalicelib.domain.errors import ConcurrentUpdate, RateLimited, Unavailable
from chalicelib.domain.rate_limits import MARKS_KEPT, Limit, Taking, Tally
from chalicelib.domain.users import UserId
from chalicelib.ports import RateLimitStore
from chalicelib.services.rate_limiting import RateLimiter
from tests.aws import time_to_live
from tests.contract.conftest import Aws, MemoryPorts, Ports
from tests.factories import OWNER
from tests.fakes import NOON, CountingIds, FixedClock

LIMIT = Limit(name="submit", quota=3, window=timedelta(minutes=1))
AHEAD = NOON.replace(year=2100)
"""Ahead of the emulators' own clock, by which they delete what has expired."""

NOW = LIMIT.interval_at(AHEAD)
TICKETS = count(1)


def taking(
    permits: int = 1,
    *,
    born: str | None = None,
    highest: int = 100,
    interval: int = NOW,
    ticket: str = "",
    old_marks: tuple[int, ...] = (),
) -> Taking:
    return Taking(
        permits=permits,
        interval=interval,
        born=born,
        highest=highest,
        ticket=ticket or f"ticket-{next(TICKETS)}",
        old_marks=old_marks,
    )


def refused(store: RateLimitStore, attempt: Taking, *, holder: str = OWNER) -> Tally | None:
    """Take what must be refused; return the tally that was found."""
    with pytest.raises(ConcurrentUpdate) as moved:
        store.take(holder, LIMIT, attempt)
    found = moved.value.current
    assert found is None or isinstance(found, Tally)
    return found


def test_the_first_taking_begins_a_tally(ports: Ports) -> None:
    tally = ports.limits.take(OWNER, LIMIT, taking(2, ticket="first"))
    assert tally == Tally(born="first", taken=2, marks={NOW: 0})


def test_an_interval_is_marked_by_its_first_taking(ports: Ports) -> None:
    ports.limits.take(OWNER, LIMIT, taking(2, ticket="first"))
    ports.limits.take(OWNER, LIMIT, taking(3, born="first"))
    ports.limits.take(OWNER, LIMIT, taking(4, born="first", interval=NOW + 1))
    tally = ports.limits.take(OWNER, LIMIT, taking(5, born="first", interval=NOW + 1))
    assert tally == Tally(born="first", taken=14, marks={NOW: 0, NOW + 1: 5})


def test_old_marks_go_with_a_taking_whether_they_are_there_or_not(ports: Ports) -> None:
    ports.limits.take(OWNER, LIMIT, taking(ticket="first"))
    for interval in (NOW + 1, NOW + 2):
        ports.limits.take(OWNER, LIMIT, taking(born="first", interval=interval))
    last = taking(born="first", interval=NOW + 3, old_marks=(NOW - 1, NOW, NOW + 1))
    tally = ports.limits.take(OWNER, LIMIT, last)
    assert tally.marks == {NOW + 2: 2, NOW + 3: 3}
    assert tally.taken == 4


def test_a_tally_beyond_the_highest_is_not_taken_from(ports: Ports) -> None:
    there = ports.limits.take(OWNER, LIMIT, taking(2, ticket="first"))
    assert refused(ports.limits, taking(born="first", highest=1)) == there
    assert ports.limits.take(OWNER, LIMIT, taking(born="first", highest=2)).taken == 3


def test_a_tally_is_begun_once(ports: Ports) -> None:
    there = ports.limits.take(OWNER, LIMIT, taking(ticket="first"))
    assert refused(ports.limits, taking()) == there


def test_a_tally_that_is_not_the_one_that_was_seen_is_not_taken_from(ports: Ports) -> None:
    assert refused(ports.limits, taking(born="deleted")) is None
    there = ports.limits.take(OWNER, LIMIT, taking(ticket="first"))
    assert refused(ports.limits, taking(born="deleted")) == there


def test_holders_and_limits_are_counted_apart(ports: Ports) -> None:
    for holder in (OWNER, UserId("another")):
        for name in ("submit", "sign-in"):
            limit = Limit(name=name, quota=3, window=LIMIT.window)
            assert ports.limits.take(holder, limit, taking()).taken == 1


def test_a_tally_is_read_as_it_is_and_by_that_not_begun(ports: Ports) -> None:
    assert ports.limits.get(OWNER, LIMIT) is None
    assert ports.limits.take(OWNER, LIMIT, taking(2, ticket="first")) == ports.limits.get(OWNER, LIMIT)
    assert ports.limits.take(OWNER, LIMIT, taking(born="first", interval=NOW + 1)) == ports.limits.get(OWNER, LIMIT)
    assert ports.limits.get(UserId("another"), LIMIT) is None
    assert ports.limits.get(OWNER, Limit(name="read", quota=3, window=LIMIT.window)) is None


def test_a_large_quota_is_counted_exactly(ports: Ports) -> None:
    most = 10**15 - 1
    assert ports.limits.take(OWNER, LIMIT, taking(most, ticket="first")).taken == most
    assert refused(ports.limits, taking(most, born="first", highest=most - 1))
    assert ports.limits.take(OWNER, LIMIT, taking(most, born="first", highest=most)).taken == 2 * most


def test_a_tally_holds_all_marks_that_are_kept(ports: Ports) -> None:
    tally = Tally()
    for interval in range(NOW - MARKS_KEPT, NOW + 1):
        tally = ports.limits.take(OWNER, LIMIT, taking(born=tally.born, interval=interval))
    assert len(tally.marks) == MARKS_KEPT + 1


def test_simultaneous_takings_cannot_pass_together(atomic_ports: Ports) -> None:
    store = atomic_ports.limits

    def take(attempt: Taking) -> str | None:
        try:
            return store.take(OWNER, LIMIT, attempt).born
        except ConcurrentUpdate:
            return None

    with ThreadPoolExecutor(16) as pool:
        (born,) = filter(None, pool.map(take, [taking() for _ in range(20)]))
        taken = pool.map(take, [taking(born=born, highest=9) for _ in range(60)])
        assert list(taken).count(born) == 9


def test_a_taking_whose_response_was_lost_counts_once(lossy_ports: Ports) -> None:
    assert lossy_ports.limits.take(OWNER, LIMIT, taking(ticket="first")).taken == 1
    assert lossy_ports.limits.take(OWNER, LIMIT, taking(born="first")).taken == 2
    assert lossy_ports.limits.take(OWNER, LIMIT, taking(born="first", highest=2)).taken == 3
    there = Tally(born="first", taken=3, marks={NOW: 0})
    assert refused(lossy_ports.limits, taking(born="first", highest=2)) == there


def test_a_tally_is_kept_until_nothing_in_it_matters_and_takes_one_write_unit(aws: Aws) -> None:
    units = 0.0

    class Metered:
        def update_item(self, **arguments: object) -> object:
            nonlocal units
            answer = aws.dynamodb.update_item(ReturnConsumedCapacity="TOTAL", **arguments)
            units = answer["ConsumedCapacity"]["CapacityUnits"]
            return answer

    store = aws.ports(dynamodb=Metered()).limits
    tally = Tally()
    for interval in range(NOW - MARKS_KEPT, NOW + 1):
        attempt = taking(10**14, born=tally.born, interval=interval, highest=10**16, ticket=f"{interval:036}")
        tally = store.take(OWNER, LIMIT, attempt)
        assert units <= 1, "moto says half of one"
    (item,) = aws.dynamodb.scan(TableName=aws.limits_table)["Items"]
    assert int(item["expires_at_epoch_s"]["N"]) == (AHEAD + 2 * LIMIT.window + LIMIT.interval).timestamp()
    assert time_to_live(aws.dynamodb, "LimitsTable", aws.new_name("forgets")) == ("expires_at_epoch_s", "ENABLED")


def test_without_the_table_nothing_is_taken(away_ports: Ports) -> None:
    with pytest.raises(Unavailable, match="the limits table does not answer"):
        away_ports.limits.take(OWNER, LIMIT, taking())
    with pytest.raises(Unavailable, match="the limits table does not answer"):
        away_ports.limits.get(OWNER, LIMIT)


CONTAINERS = 64


class Rounds:
    """
    Rounds in which all containers ask at once; between them the clock moves, by 1 s or by over a window.

    Keeps when each round was and how many were admitted in it, until ``windows`` have passed.
    """

    def __init__(self, clock: FixedClock, windows: int) -> None:
        self._clock = clock
        self._end = clock.now() + windows * LIMIT.window
        self._chance = Random(4)
        self._counting = threading.Lock()
        self.admitted = [(clock.now(), 0)]
        self.gate = threading.Barrier(CONTAINERS, action=self._begin_next)

    def count(self) -> None:
        with self._counting:
            at, admitted = self.admitted[-1]
            self.admitted[-1] = (at, admitted + 1)

    def is_over(self) -> bool:
        """Wait for the others; tell whether there is no other round."""
        self.gate.wait()
        return self.admitted[-1][0] >= self._end

    def fullest_window(self) -> int:
        """Most that were admitted in a window that ends with a round; its beginning is not part of it."""
        fullest = in_window = first = 0
        for at, admitted in self.admitted:
            in_window += admitted
            while self.admitted[first][0] <= at - LIMIT.window:
                in_window -= self.admitted[first][1]
                first += 1
            fullest = max(fullest, in_window)
        return fullest

    def _begin_next(self) -> None:
        self._clock.advance(seconds=self._chance.choice((1, 10, 50, 80)))
        self.admitted.append((self._clock.now(), 0))


@pytest.mark.asvs("2.3.2", "2.3.4")
def test_64_containers_at_once_never_admit_one_too_many_in_any_window(atomic_ports: Ports) -> None:
    """On memory over 1,000 windows, else over 20; ``LIMITER_WINDOWS`` says otherwise: 1,000 take five minutes."""
    limit = Limit(name="submit", quota=60, window=LIMIT.window)
    windows = int(os.environ.get("LIMITER_WINDOWS", "1000" if isinstance(atomic_ports, MemoryPorts) else "20"))
    clock, ids, store = FixedClock(AHEAD), CountingIds(), atomic_ports.limits
    rounds = Rounds(clock, windows)

    def container() -> None:
        limiter = RateLimiter(store, clock, ids)
        try:
            while True:
                try:
                    limiter.admit(OWNER, limit)
                except RateLimited:
                    pass
                else:
                    rounds.count()
                if rounds.is_over():
                    return
        except BaseException:
            rounds.gate.abort()
            raise

    with ThreadPoolExecutor(CONTAINERS) as pool:
        for done in [pool.submit(container) for _ in range(CONTAINERS)]:
            done.result()
    assert rounds.fullest_window() == limit.quota
    admitted = sum(each for _, each in rounds.admitted)
    assert admitted > limit.quota * windows // 3, "a spent quota is back, and asked for, within three windows"
