from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.users import UserId
from tests.contract.conftest import Aws, Ports
from tests.factories import OWNER
from tests.fakes import NOON

LIMIT = Limit(name="submit", quota=3, window=timedelta(minutes=1))
WINDOW = LIMIT.window_at(NOON)
NEXT_WINDOW = LIMIT.window_at(WINDOW.ends_at)


def test_a_window_has_room_for_its_quota(ports: Ports) -> None:
    assert [ports.limits.take(OWNER, LIMIT, WINDOW) for _ in range(5)] == [True, True, True, False, False]


def test_users_limits_and_windows_are_counted_apart(ports: Ports) -> None:
    once = Limit(name="read", quota=1, window=LIMIT.window)
    for user_id in (OWNER, UserId("another")):
        for limit in (once, Limit(name="submit", quota=1, window=LIMIT.window)):
            for window in (WINDOW, NEXT_WINDOW):
                assert ports.limits.take(user_id, limit, window)
                assert not ports.limits.take(user_id, limit, window)


def test_a_block_is_taken_whole_or_not_at_all(ports: Ports) -> None:
    assert not ports.limits.take(OWNER, LIMIT, WINDOW, permits=4)
    assert ports.limits.take(OWNER, LIMIT, WINDOW, permits=2)
    assert not ports.limits.take(OWNER, LIMIT, WINDOW, permits=2)
    assert ports.limits.take(OWNER, LIMIT, WINDOW)
    assert not ports.limits.take(OWNER, LIMIT, WINDOW)


def test_a_quota_of_nothing_admits_nothing(ports: Ports) -> None:
    assert not ports.limits.take(OWNER, Limit(name="submit", quota=0, window=LIMIT.window), WINDOW)


def test_simultaneous_requests_cannot_pass_together(atomic_ports: Ports) -> None:
    limit = Limit(name="submit", quota=10, window=LIMIT.window)
    with ThreadPoolExecutor(16) as pool:
        taken = list(pool.map(lambda _: atomic_ports.limits.take(OWNER, limit, WINDOW), range(60)))
    assert taken.count(True) == limit.quota


def test_a_lost_response_counts_once_or_twice_but_never_lets_more_through(lossy_ports: Ports) -> None:
    assert [lossy_ports.limits.take(OWNER, LIMIT, WINDOW) for _ in range(3)] == [True, False, False]


def test_a_counter_is_kept_until_its_window_has_ended(aws: Aws) -> None:
    aws.ports().limits.take(OWNER, LIMIT, WINDOW)
    (item,) = aws.dynamodb.scan(TableName=aws.limits_table)["Items"]
    assert int(item["expires_at_epoch_s"]["N"]) == WINDOW.ends_at.timestamp()
    ttl = aws.dynamodb.describe_time_to_live(TableName=aws.limits_table)["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "expires_at_epoch_s"


def test_without_the_table_nothing_is_admitted(away_ports: Ports) -> None:
    with pytest.raises(Unavailable, match="the limits table does not answer"):
        away_ports.limits.take(OWNER, LIMIT, WINDOW)
