from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.delivery import MESSAGE_DELAY_MAX
from chalicelib.domain.delivery_waits import (
    POSTPONED_MAX,
    next_wait,
    postponed_for,
    postponed_within,
    retry_after_of,
)
from chalicelib.domain.webhook_deliveries import ATTEMPTS, RETRY_AFTER_MAX, WAITS_S

NOTHING = timedelta()
AT = datetime(1994, 11, 6, 8, 49, 7, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def waits(fraction: float) -> list[timedelta]:
    return [next_wait(failed, fraction=fraction, retry_after=NOTHING) for failed in range(1, ATTEMPTS)]


def test_ten_attempts_take_a_day() -> None:
    assert [wait // SECOND for wait in waits(0)] == list(WAITS_S) == [5, 30, 120, 480, 1800, 7200, 18000, 28800, 28800]
    assert timedelta(hours=23) < sum(waits(0), NOTHING) < timedelta(hours=25)
    assert len(waits(0)) + 1 == ATTEMPTS == 10


def test_each_wait_is_by_chance_up_to_a_tenth_longer_to_the_millisecond() -> None:
    for shortest, longer, longest in zip(waits(0), waits(1 / 3), waits(0.999), strict=True):
        assert shortest < longer < longest < shortest * 1.1
        assert longer % timedelta(milliseconds=1) == NOTHING


@pytest.mark.parametrize(
    ("asked_s", "wait_s"), [(0, 120), (119, 120), (121, 121), (3600, 3600), (86_400, 86_400), (86_401, 86_400)]
)
def test_what_the_receiver_asks_for_counts_when_it_is_longer_up_to_a_day(asked_s: int, wait_s: int) -> None:
    assert next_wait(3, fraction=0, retry_after=timedelta(seconds=asked_s)) == timedelta(seconds=wait_s)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("999999999", 999_999_999),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 30),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 30),
        ("Sun Nov  6 08:49:37 1994", 30),
        ("Sun, 06 Nov 1994 09:49:37 +0100", 30),
        ("Sun, 06 Nov 1994 08:49:07 GMT", 0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
    ],
)
def test_a_retry_after_is_a_number_of_seconds_or_a_date_in_any_of_its_forms(text: str, seconds: int) -> None:
    assert retry_after_of(text, at=AT) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["9" * 10, "0" * 9 + "1", "9" * 60])
def test_a_number_that_is_too_long_to_be_read_asks_for_the_longest(text: str) -> None:
    assert retry_after_of(text, at=AT) == RETRY_AFTER_MAX


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "soon",
        "-5",
        "+5",
        "1.5",
        "1e5",
        "\N{ARABIC-INDIC DIGIT FIVE}",
        "²",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Nov 9999999999 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 +9999999",
        "5" * 65,
        "Sun, 06 Nov 1994 08:49:37 GMT" + " " * 40,
    ],
)
def test_what_cannot_be_read_asks_for_nothing(text: str | None) -> None:
    assert retry_after_of(text, at=AT) == NOTHING


DATE_LIKE = st.text(alphabet="Sunday, 06-Nov 1994 08:49:37 GMT+-/()\t", max_size=64)


@given(st.text(max_size=70) | DATE_LIKE | st.from_regex(r"[0-9]{0,5} (Jan|Dec) [0-9]{0,5} [0-9:]{0,9} [+-]?[0-9]{0,5}"))
def test_whatever_a_receiver_writes_is_a_time_to_wait(text: str) -> None:
    assert retry_after_of(text, at=AT) >= NOTHING


def test_a_message_without_a_slot_is_put_off_ever_longer_as_far_as_sqs_can_and_not_for_ever() -> None:
    delays = [postponed_for(postponed) for postponed in range(POSTPONED_MAX)]
    assert [delay and delay // SECOND for delay in delays] == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900]
    assert delays[-1] == MESSAGE_DELAY_MAX
    assert postponed_for(POSTPONED_MAX) is None
    assert postponed_for(2**70) is None


@pytest.mark.parametrize("waited_s", [0, 1, 2, 59, 60, 900, 3600, 86_400 * 14])
def test_what_has_waited_is_put_off_as_if_by_messages_all_the_while(waited_s: int) -> None:
    postponed = postponed_within(timedelta(seconds=waited_s))
    so_far = sum((postponed_for(each) or NOTHING for each in range(postponed)), NOTHING)
    assert so_far <= timedelta(seconds=waited_s)
    assert postponed == POSTPONED_MAX - 1 or timedelta(seconds=waited_s) < so_far + (
        postponed_for(postponed) or NOTHING
    )
