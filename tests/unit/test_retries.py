from datetime import timedelta

import pytest

from chalicelib.domain.retries import retry_delay


@pytest.mark.parametrize(("attempt", "most_s"), [(1, 2), (2, 4), (3, 8), (9, 512), (10, 900), (20, 900), (10**9, 900)])
def test_the_wait_doubles_up_to_a_quarter_of_an_hour(attempt: int, most_s: int) -> None:
    assert retry_delay(attempt, fraction=0.999) == timedelta(milliseconds=int(most_s * 999))


def test_the_jitter_is_full() -> None:
    assert retry_delay(5, fraction=0) == timedelta()
    assert retry_delay(5, fraction=0.25) == timedelta(seconds=8)
