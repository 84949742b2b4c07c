import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.errors import ConcurrentUpdate, InvalidInput, RateLimited, Unavailable
from chalicelib.domain.rate_limits import INTERVALS, MARKS_KEPT, Holding, Limit, Standing, Taking, Tally
from chalicelib.domain.users import UserId
from chalicelib.services.rate_limiting import AWAY_PAUSE, BLOCKS_TRIED, REMEMBERED_MAX, RateLimiter
from tests.factories import OWNER
from tests.fakes import NOON, CountingIds, FixedClock, InMemoryRateLimitStore

LIMIT = Limit(name="submit", quota=2, window=timedelta(minutes=1))
BLOCKS = Limit(name="read", quota=1200, window=timedelta(minutes=1), block=10, admits_uncounted=True)


@dataclass(frozen=True)
class Containers:
    """Several limiters over one store and one clock."""

    clock: FixedClock
    store: InMemoryRateLimitStore
    limiters: Sequence[RateLimiter]

    @property
    def first(self) -> RateLimiter:
        return self.limiters[0]


def containers(number: int = 1) -> Containers:
    clock, store, ids = FixedClock(), InMemoryRateLimitStore(), CountingIds()
    return Containers(clock, store, [RateLimiter(store, clock, ids) for _ in range(number)])


def is_admitted(limiter: RateLimiter, limit: Limit, permits: int = 1) -> bool:
    try:
        limiter.admit(OWNER, limit, permits=permits)
    except RateLimited:
        return False
    return True


def refusal(limiter: RateLimiter, limit: Limit, permits: int = 1) -> RateLimited:
    with pytest.raises(RateLimited) as refused:
        limiter.admit(OWNER, limit, permits=permits)
    return refused.value


def fullest_window(admitted: Sequence[tuple[datetime, int]], window: timedelta) -> int:
    """By brute force: most permits used in a window that ends with a request; its beginning is not part of it."""
    return max(sum(used for at, used in admitted if end - window < at <= end) for end, _ in [*admitted, (NOON, 0)])


WINDOWS_S = st.sampled_from([1, 7, 60, 3600])
WAITS = st.one_of(st.sampled_from([0, 0, 0.05, 1 / 6, 0.5, 1, 7 / 6]), st.floats(0, 1.3))
REQUESTS = st.lists(st.tuples(WAITS, st.integers(0, 4), st.integers(1, 4)), max_size=60)
"""Of each: how long after the one before, in windows; at which container; for how many permits."""


@given(st.one_of(st.integers(1, 5), st.integers(1, 40)), st.integers(1, 10), WINDOWS_S, REQUESTS)
@example(4, 1, 60, [(0, 0, 4), (1.1, 1, 4), (0.1, 0, 4), (0.9, 1, 4)])
@example(40, 2, 60, [(0, 0, 1), (0.16, 0, 1), (1, 1, 4)])
@example(1, 1, 60, [(0, 0, 1), (0, 1, 1), (1.3, 0, 1), (0, 1, 1)])
@example(80, 4, 60, [*[(0, 0, 1)] * 4, (0, 1, 75), *[(0, 0, 1)] * 3])
def test_no_window_ever_holds_more_than_the_quota(
    quota: int, block: int, window_s: int, requests: Sequence[tuple[float, int, int]]
) -> None:
    limit = Limit(name="read", quota=quota, window=timedelta(seconds=window_s), block=block)
    world = containers(5)
    admitted = []
    for wait, container, permits in requests:
        world.clock.advance(seconds=round(wait * window_s, 3))
        if permits <= quota and is_admitted(world.limiters[container], limit, permits):
            admitted.append((world.clock.now(), permits))
    assert fullest_window(admitted, limit.window) <= quota


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 80), st.integers(0, 3)), min_size=1, max_size=60))
def test_a_request_is_refused_only_when_a_window_and_an_interval_are_full(
    quota: int, requests: Sequence[tuple[int, int]]
) -> None:
    """Without blocks, what was taken was used, so the only strictness is that of the interval."""
    limit = Limit(name="submit", quota=quota, window=timedelta(minutes=1))
    world = containers(4)
    admitted: list[datetime] = []
    for wait_s, container in requests:
        world.clock.advance(seconds=wait_s)
        now = world.clock.now()
        if is_admitted(world.limiters[container], limit):
            admitted.append(now)
        else:
            assert sum(at > now - limit.window - limit.interval for at in admitted) == quota


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0, 9.999), st.lists(st.floats(0, 30), min_size=1, max_size=9))
def test_retry_after_is_exact(quota: int, permits: int, begin_s: float, waits_s: Sequence[float]) -> None:
    """A second before it the request is still refused, and with it, it passes."""
    limit = Limit(name="submit", quota=quota, window=timedelta(minutes=1))
    permits = min(permits, quota)
    world = containers()
    world.clock.advance(seconds=begin_s)
    for wait_s in waits_s:
        world.clock.advance(seconds=wait_s)
        is_admitted(world.first, limit)
    while is_admitted(world.first, limit, permits):
        pass
    refused = refusal(world.first, limit, permits)
    assert refused.standing is not None
    assert refused.standing.more_in_s is not None
    assert 1 <= refused.standing.more_in_s <= refused.retry_after_s <= 70
    calls = world.store.calls
    world.clock.advance(seconds=refused.retry_after_s - 1)
    assert not is_admitted(world.first, limit, permits)
    assert world.store.calls == calls, "what is known to be refused costs no call"
    world.clock.advance(seconds=1)
    assert is_admitted(world.first, limit, permits)
    assert world.store.calls == calls + 1


@pytest.mark.parametrize("window", [timedelta(seconds=1), timedelta(microseconds=7), timedelta(minutes=1)])
def test_a_window_has_no_more_intervals_than_it_reaches(window: timedelta) -> None:
    limit = Limit(name="submit", quota=1, window=window)
    assert limit.interval * INTERVALS >= window
    at = limit.begins_at(limit.interval_at(NOON))
    assert at <= NOON < at + limit.interval


@pytest.mark.parametrize("window", [timedelta(seconds=1), timedelta(minutes=1)])
def test_a_tally_is_forgotten_when_its_last_permits_have_left_every_window_though_clocks_differ(
    window: timedelta,
) -> None:
    limit = Limit(name="submit", quota=1, window=window)
    taken = limit.interval_at(NOON)
    kept = limit.forgotten_at(taken) - limit.begins_at(taken)
    assert 2 * window + limit.interval <= kept < 2 * window + 2 * limit.interval


@pytest.mark.parametrize("begin_s", [0, 3, 9.999])
def test_a_user_alone_gets_the_whole_quota_at_once_and_again_a_window_and_an_interval_later(begin_s: float) -> None:
    limit = Limit(name="submit", quota=120, window=timedelta(minutes=1))
    world = containers()
    world.clock.advance(seconds=begin_s)
    for _ in range(3):
        assert [is_admitted(world.first, limit) for _ in range(121)] == [True] * 120 + [False]
        world.clock.advance(seconds=70)


def test_a_batch_uses_all_of_its_permits_or_none() -> None:
    world = containers()
    limit = Limit(name="submit", quota=120, window=timedelta(minutes=1))
    world.first.admit(OWNER, limit, permits=100)
    refused = refusal(world.first, limit, permits=21)
    assert str(refused) == (
        "the limit submit is 120 in any 60 s, and 20 of them are left; send this again in 70 s, or less of it now"
    )
    assert refused.standing == Standing(limit=limit, remaining=20, more_in_s=70)
    assert world.store.calls == 1
    standing = world.first.admit(OWNER, limit, permits=20)
    assert standing == Standing(limit=limit, remaining=0, more_in_s=70)
    assert str(refusal(world.first, limit)) == (
        "the limit submit is 120 in any 60 s, and all of them are used; send this again in 70 s"
    )


def test_what_is_more_than_the_quota_is_not_worth_waiting_for() -> None:
    world = containers()
    with pytest.raises(InvalidInput, match="this counts as 3 requests, and the limit submit is 2 in any 60 s; split"):
        world.first.admit(OWNER, LIMIT, permits=3)
    assert world.store.calls == 0


def test_the_standing_counts_down_and_says_when_more_comes_back() -> None:
    world = containers()
    limit = Limit(name="submit", quota=4, window=timedelta(minutes=1))
    standings = []
    for wait_s in (0, 13, 46, 12):
        world.clock.advance(seconds=wait_s)
        standing = world.first.admit(OWNER, limit)
        assert standing is not None
        standings.append((standing.remaining, standing.more_in_s))
    assert standings == [(3, 70), (2, 57), (1, 11), (1, 9)]


def test_the_unused_permits_of_a_block_are_the_users() -> None:
    world = containers()
    standing = world.first.admit(OWNER, BLOCKS)
    assert standing == Standing(limit=BLOCKS, remaining=1199, more_in_s=70)


def test_users_and_limits_are_counted_apart() -> None:
    limiter = containers().first
    other_limit = Limit(name="read", quota=1, window=LIMIT.window)
    for user_id in (OWNER, UserId("another")):
        limiter.admit(user_id, LIMIT)
        limiter.admit(user_id, LIMIT)
        limiter.admit(user_id, other_limit)


def test_permits_are_taken_in_blocks_while_there_is_plenty_of_room() -> None:
    world = containers()
    calls = []
    for _ in range(BLOCKS.quota):
        world.first.admit(OWNER, BLOCKS)
        calls.append(world.store.calls)
    assert calls[:1000] == [1 + number // 10 for number in range(1000)]
    assert calls[-1] / BLOCKS.quota < 0.2, "even for the whole quota a read costs less than 1.2 calls"
    assert not is_admitted(world.first, BLOCKS)


def test_a_container_takes_no_more_at_once_than_it_lately_used_in_an_interval() -> None:
    world = containers()
    taken = []
    for reads in (1, 1, 7, 7):
        before = sum(tally.taken for tally in world.store.tallies.values())
        for _ in range(reads):
            world.first.admit(OWNER, BLOCKS)
        (tally,) = world.store.tallies.values()
        taken.append(tally.taken - before)
        world.clock.advance(seconds=10)
    assert taken == [10, 1, 8, 7]


def test_containers_do_not_waste_the_permits_of_a_user() -> None:
    """Half the quota, spread over twenty containers, is admitted although what they take and do not use lapses."""
    world = containers(20)
    for _ in range(30):
        for container in world.limiters:
            for _ in range(5):
                assert is_admitted(container, BLOCKS)
        world.clock.advance(seconds=10)


def test_containers_that_think_there_is_plenty_do_not_take_all_of_it_for_themselves() -> None:
    """Half of them used a block each a minute ago, and have not heard since that others take too."""
    world = containers(64)
    limit = Limit(name="read", quota=60, window=timedelta(minutes=1), block=2)
    for container in world.limiters[:30]:
        assert is_admitted(container, limit)
        assert is_admitted(container, limit)
    world.clock.advance(seconds=70)
    assert sum(is_admitted(container, limit) for container in world.limiters) > limit.quota * 3 / 4


@pytest.mark.parametrize("number", [1, 2])
def test_a_taking_costs_one_call_and_two_where_a_container_does_not_know_the_user(number: int) -> None:
    world = containers(number)
    costs = []
    for container in world.limiters:
        for _ in range(2):
            before = world.store.calls
            container.admit(OWNER, Limit(name="submit", quota=9, window=LIMIT.window))
            costs.append(world.store.calls - before)
    assert costs == [1, 1, 2, 1][: 2 * number]


def test_takes_of_others_do_not_cost_a_container_more_calls() -> None:
    world = containers(2)
    limit = Limit(name="submit", quota=100, window=LIMIT.window)
    for container in world.limiters:
        container.admit(OWNER, limit)
    before = world.store.calls
    for _ in range(40):
        for container in world.limiters:
            container.admit(OWNER, limit)
    assert world.store.calls - before == 80


def test_permits_of_one_interval_are_worth_nothing_in_the_next() -> None:
    world = containers()
    world.first.admit(OWNER, BLOCKS)
    world.clock.advance(seconds=9.999)
    world.first.admit(OWNER, BLOCKS)
    assert world.store.calls == 1
    world.clock.advance(seconds=0.001)
    world.first.admit(OWNER, BLOCKS)
    assert world.store.calls == 2


def test_clocks_that_differ_by_a_window_admit_no_more() -> None:
    """One container marks intervals, and drops old marks, while others are behind and still need them."""
    store, ids, ahead, behind = InMemoryRateLimitStore(), CountingIds(), FixedClock(), FixedClock()
    ahead.advance(seconds=60)
    limit = Limit(name="submit", quota=10, window=timedelta(minutes=1))
    RateLimiter(store, behind, ids).admit(OWNER, limit, permits=10)
    for _ in range(7):
        is_admitted(RateLimiter(store, ahead, ids), limit)
        assert not is_admitted(RateLimiter(store, behind, ids), limit)
        for clock in (ahead, behind):
            clock.advance(seconds=10)


def test_a_tally_keeps_only_marks_that_matter() -> None:
    world = containers()
    for _ in range(100):
        world.first.admit(OWNER, LIMIT)
        world.clock.advance(minutes=1)
    (tally,) = world.store.tallies.values()
    assert tally.taken == 100
    assert len(tally.marks) <= MARKS_KEPT // INTERVALS + 1


def test_a_tally_that_was_deleted_and_begun_anew_is_not_taken_for_the_old_one() -> None:
    world = containers(2)
    first, second = world.limiters
    limit = Limit(name="submit", quota=10, window=LIMIT.window)
    first.admit(OWNER, limit, permits=10)
    world.clock.advance(minutes=10)
    world.store.tallies.clear()
    second.admit(OWNER, limit, permits=9)
    assert [is_admitted(first, limit), is_admitted(first, limit)] == [True, False]
    world.clock.advance(minutes=10)
    world.store.tallies.clear()
    assert is_admitted(first, limit), "nor is one that is not there"


def test_a_refused_user_is_admitted_as_soon_as_permits_are_back_and_not_asked_for_before() -> None:
    world = containers()
    for _ in range(2):
        world.first.admit(OWNER, LIMIT)
    for _ in range(69):
        assert not is_admitted(world.first, LIMIT)
        world.clock.advance(seconds=1)
    assert world.store.calls == 2
    world.clock.advance(seconds=1)
    assert is_admitted(world.first, LIMIT)


def test_a_container_forgets_the_users_it_has_not_seen_for_longest() -> None:
    world = containers()
    users = [UserId(f"user-{number}") for number in range(REMEMBERED_MAX)]
    for user_id in [*users, users[0], UserId("one too many")]:
        world.first.admit(user_id, LIMIT)
    before = world.store.calls
    world.first.admit(users[2], LIMIT)
    assert world.store.calls == before + 1
    world.first.admit(users[1], LIMIT)
    assert world.store.calls == before + 3, "it does not know the tally any more"


class Contended(InMemoryRateLimitStore):
    """Each time that permits are to be taken, another has just deleted the tally or begun it."""

    def take(self, holder: str, limit: Limit, taking: Taking) -> Tally:  # noqa: ARG002 - it never looks at them
        self.calls += 1
        raise ConcurrentUpdate(None if taking.born else Tally(born=taking.ticket))


def test_who_loses_to_others_every_time_is_told_to_try_again() -> None:
    store = Contended()
    with pytest.raises(Unavailable, match="too many requests use the same limit at once"):
        RateLimiter(store, FixedClock(), CountingIds()).admit(OWNER, LIMIT)
    assert store.calls == len(BLOCKS_TRIED)


def test_without_its_store_nothing_is_admitted_that_must_be_counted() -> None:
    world = containers()
    world.store.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            world.first.admit(OWNER, LIMIT)
    assert world.store.calls == 3, "each asks again: one mishap must not refuse the next"
    world.store.away = False
    world.first.admit(OWNER, LIMIT)


def test_without_its_store_reads_are_admitted_and_do_not_wait_for_it_each() -> None:
    world = containers()
    world.store.away = True
    for _ in range(100):
        assert world.first.admit(OWNER, BLOCKS) is None
    assert world.store.calls == 1
    world.clock.advance(seconds=AWAY_PAUSE.total_seconds())
    for _ in range(100):
        assert world.first.admit(OWNER, BLOCKS) is None
    assert world.store.calls == 2
    world.store.away = False
    assert world.first.admit(OWNER, BLOCKS) is None
    world.clock.advance(seconds=AWAY_PAUSE.total_seconds())
    assert world.first.admit(OWNER, BLOCKS) is not None


def test_any_answer_of_the_store_ends_the_pause() -> None:
    world = containers()
    world.store.away = True
    assert world.first.admit(OWNER, BLOCKS) is None
    world.store.away = False
    world.first.admit(OWNER, LIMIT)
    assert world.first.admit(OWNER, BLOCKS) is not None


def test_what_a_container_knows_and_has_still_counts_while_the_store_is_away() -> None:
    world = containers()
    once = Limit(name="once", quota=1, window=LIMIT.window, admits_uncounted=True)
    world.first.admit(OWNER, once)
    assert world.first.admit(OWNER, BLOCKS) == Standing(limit=BLOCKS, remaining=1199, more_in_s=70)
    world.store.away = True
    assert world.first.admit(UserId("another"), BLOCKS) is None
    assert world.first.admit(OWNER, BLOCKS) == Standing(limit=BLOCKS, remaining=1198, more_in_s=70)
    assert not is_admitted(world.first, once)


def test_an_outage_is_logged_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = containers()
    for _ in range(2):
        world.store.away = True
        for _ in range(5):
            with pytest.raises(Unavailable):
                world.first.admit(OWNER, LIMIT)
            assert world.first.admit(OWNER, BLOCKS) is None
            world.clock.advance(minutes=1)
        world.store.away = False
        for _ in range(5):
            world.first.admit(OWNER, LIMIT)
            world.first.admit(OWNER, BLOCKS)
            world.clock.advance(minutes=1)
    assert [(record.levelname, record.message) for record in caplog.records] == 2 * [
        ("ERROR", "requests cannot be counted; those that may pass uncounted do"),
        ("INFO", "requests are counted again"),
    ]
    assert caplog.records[0].exc_info


def test_how_a_user_stands_is_told_without_counting() -> None:
    world = containers(2)
    limit = Limit(name="submit", quota=4, window=timedelta(minutes=1))
    assert world.first.standing(OWNER, limit) == Standing(limit=limit, remaining=4, more_in_s=None)
    assert not world.store.tallies
    world.first.admit(OWNER, limit, permits=3)
    for limiter in world.limiters:
        for _ in range(9):
            assert limiter.standing(OWNER, limit) == Standing(limit=limit, remaining=1, more_in_s=70)
    assert is_admitted(world.limiters[1], limit)
    assert not is_admitted(world.limiters[1], limit)
    assert world.first.standing(OWNER, limit).remaining == 0, "as it is, not as this container knew it"
    world.clock.advance(seconds=70)
    assert world.first.standing(OWNER, limit) == Standing(limit=limit, remaining=4, more_in_s=None)


def test_what_a_container_took_and_has_yet_to_use_is_told_as_the_users_by_that_one() -> None:
    world = containers(2)
    world.first.admit(OWNER, BLOCKS)
    assert [limiter.standing(OWNER, BLOCKS).remaining for limiter in world.limiters] == [1199, 1190]
    assert world.first.admit(OWNER, BLOCKS) == Standing(limit=BLOCKS, remaining=1198, more_in_s=70)


@pytest.mark.parametrize("limit", [LIMIT, BLOCKS])
def test_how_a_user_stands_is_not_guessed_while_the_store_is_away(limit: Limit) -> None:
    world = containers()
    world.store.away = True
    with pytest.raises(Unavailable):
        world.first.standing(OWNER, limit)


def test_what_was_taken_before_an_interval_is_never_overrated() -> None:
    """A later interval may be marked before an earlier one, where clocks differ."""
    tally = Tally(born="one", taken=9, marks={10: 7, 11: 5, 12: 8})
    assert [tally.taken_before(interval) for interval in (9, 10, 11, 12, 13)] == [5, 5, 5, 8, 9]
    assert [tally.first_taken_at(level, since=9) for level in (5, 6, 8, 9)] == [9, 12, 12, 13]


def test_a_quota_that_was_lowered_leaves_less_than_nothing() -> None:
    holding = Holding(interval=0, tally=Tally(born="one", taken=9, marks={0: 0}))
    lower = Limit(name="submit", quota=5, window=LIMIT.window)
    assert holding.taking(lower, 1, block=1, ticket="ticket") is None
    assert holding.standing(lower, lower.begins_at(0)).remaining == 0
