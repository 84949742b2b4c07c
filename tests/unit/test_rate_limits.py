from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.errors import RateLimited, Unavailable
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.users import UserId
from chalicelib.services.rate_limiting import REMEMBERED_MAX, RateLimiter
from tests.factories import OWNER
from tests.fakes import NOON, FixedClock, InMemoryRateLimitStore

LIMIT = Limit(name="submit", quota=2, window=timedelta(minutes=1))


def test_a_window_ends_where_the_next_begins() -> None:
    window = LIMIT.window_at(NOON + timedelta(seconds=59.9))
    assert window.ends_at == NOON + timedelta(minutes=1)
    assert LIMIT.window_at(window.ends_at).index == window.index + 1


@pytest.mark.parametrize(("second", "wait_s"), [(0, 60), (0.001, 60), (59, 1), (59.999, 1)])
def test_retry_after_reaches_into_the_next_window(second: float, wait_s: int) -> None:
    at = NOON + timedelta(seconds=second)
    assert LIMIT.window_at(at).retry_after_s(at) == wait_s


def test_the_quota_is_admitted_and_not_one_more() -> None:
    clock = FixedClock(datetime(2026, 11, 23, 12, 0, 18, tzinfo=UTC))
    limiter = RateLimiter(InMemoryRateLimitStore(), clock)
    limiter.admit(OWNER, LIMIT)
    limiter.admit(OWNER, LIMIT)
    with pytest.raises(RateLimited, match="limit of 2 requests to submit jobs in 60 s") as refused:
        limiter.admit(OWNER, LIMIT)
    assert refused.value.retry_after_s == 42


def test_the_next_window_admits_again() -> None:
    clock = FixedClock()
    limiter = RateLimiter(InMemoryRateLimitStore(), clock)
    for _ in range(3):
        limiter.admit(OWNER, LIMIT)
        limiter.admit(OWNER, LIMIT)
        clock.advance(minutes=1)


def test_users_and_limits_are_counted_apart() -> None:
    limiter = RateLimiter(InMemoryRateLimitStore(), FixedClock())
    other_limit = Limit(name="read", quota=1, window=LIMIT.window)
    for user_id in (OWNER, UserId("another")):
        limiter.admit(user_id, LIMIT)
        limiter.admit(user_id, LIMIT)
        limiter.admit(user_id, other_limit)


BLOCKS = Limit(name="read", quota=25, window=LIMIT.window, block=10)


def test_permits_are_taken_in_blocks_and_the_rest_one_by_one() -> None:
    store = InMemoryRateLimitStore()
    limiter = RateLimiter(store, FixedClock())
    calls = []
    for _ in range(25):
        limiter.admit(OWNER, BLOCKS)
        calls.append(store.calls)
    assert calls[:20] == [1] * 10 + [2] * 10
    assert calls[20:] == [4, 6, 8, 10, 12], "a block that has no room, then one permit"
    with pytest.raises(RateLimited):
        limiter.admit(OWNER, BLOCKS)


def test_containers_together_never_admit_more_than_the_quota() -> None:
    store = InMemoryRateLimitStore()
    containers = [RateLimiter(store, FixedClock()) for _ in range(4)]
    admitted = 0
    for _ in range(20):
        for container in containers:
            try:
                container.admit(OWNER, BLOCKS)
            except RateLimited:
                continue
            admitted += 1
    assert admitted == 25


def test_a_window_that_is_spent_is_not_asked_again() -> None:
    clock, store = FixedClock(), InMemoryRateLimitStore()
    limiter = RateLimiter(store, clock)
    for _ in range(2):
        limiter.admit(OWNER, LIMIT)
    for _ in range(5):
        with pytest.raises(RateLimited):
            limiter.admit(OWNER, LIMIT)
    assert store.calls == 3, "a denial costs nothing once it is known"
    clock.advance(minutes=1)
    limiter.admit(OWNER, LIMIT)


def test_permits_of_one_window_are_worth_nothing_in_the_next() -> None:
    clock, store = FixedClock(), InMemoryRateLimitStore()
    limiter = RateLimiter(store, clock)
    limiter.admit(OWNER, BLOCKS)
    clock.advance(minutes=1)
    limiter.admit(OWNER, BLOCKS)
    assert store.calls == 2


def test_permits_are_one_users() -> None:
    store = InMemoryRateLimitStore()
    limiter = RateLimiter(store, FixedClock())
    limiter.admit(OWNER, BLOCKS)
    limiter.admit(UserId("another"), BLOCKS)
    assert store.calls == 2


def test_a_container_forgets_the_permits_it_has_kept_longest() -> None:
    store = InMemoryRateLimitStore()
    limiter = RateLimiter(store, FixedClock())
    users = [UserId(f"user-{number}") for number in range(REMEMBERED_MAX + 1)]
    for user_id in users:
        limiter.admit(user_id, BLOCKS)
    limiter.admit(users[-1], BLOCKS)
    assert store.calls == len(users)
    limiter.admit(users[0], BLOCKS)
    assert store.calls == len(users) + 1


def test_without_its_store_nothing_is_admitted() -> None:
    store = InMemoryRateLimitStore()
    store.away = True
    with pytest.raises(Unavailable):
        RateLimiter(store, FixedClock()).admit(OWNER, LIMIT)
