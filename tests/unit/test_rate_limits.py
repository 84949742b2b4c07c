from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.errors import RateLimited, Unavailable
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.users import UserId
from chalicelib.services.rate_limiting import RateLimiter
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


def test_without_its_store_nothing_is_admitted() -> None:
    store = InMemoryRateLimitStore()
    store.away = True
    with pytest.raises(Unavailable):
        RateLimiter(store, FixedClock()).admit(OWNER, LIMIT)
