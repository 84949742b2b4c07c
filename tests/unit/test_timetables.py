import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.timetables import CRON_MAX_CHARACTERS, CronsimTimetable
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.schedules import Timing
from tests.fakes import NOON

TIMETABLE = CronsimTimetable()
MINUTE = timedelta(minutes=1)
AROUND = timedelta(hours=14)
NEAR = timedelta(hours=3)

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # by half an hour
    "America/Santiago",  # at midnight
    "Asia/Kathmandu",  # never, and a quarter of an hour off
    "UTC",
]
TIMES = ["30 2 * * *", "0 2 * * *", "15,45 1-3 * * *", "0 0 * * *", "10 0,1,2,3 * * sun,fri"]
RHYTHMS: dict[str, Callable[[datetime], bool]] = {
    "* * * * *": lambda _wall: True,
    "*/30 * * * *": lambda wall: wall.minute % 30 == 0,
    "0 * * * *": lambda wall: wall.minute == 0,
    "*/20 2 * * *": lambda wall: wall.minute % 20 == 0 and wall.hour == 2,
    "15,45 */2 * * *": lambda wall: wall.minute in {15, 45} and wall.hour % 2 == 0,
    "* 1-2 * * *": lambda wall: wall.hour in {1, 2},
    "*/15 0 * * *": lambda wall: wall.minute % 15 == 0 and wall.hour == 0,
}


def timing(cron: str, zone: str = "UTC") -> Timing:
    return Timing(anchor=NOON, cron=cron, time_zone=zone)


def next_after(cron: str, zone: str, instant: datetime) -> datetime:
    found = TIMETABLE.next_after(timing(cron, zone), instant)
    assert found is not None
    return found


def due_times(cron: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    """All there are, each found from the one before."""
    found = []
    while (after := next_after(cron, zone, after)) < until:
        found.append(after)
    return found


def minutes(begin: datetime, end: datetime) -> Iterator[datetime]:
    while begin < end:
        yield begin
        begin += MINUTE


@cache
def info_of(zone: str) -> ZoneInfo:
    """The zone by the package's database: that of this machine may be another version."""
    with (files("tzdata") / "zoneinfo").joinpath(*zone.split("/")).open("rb") as content:
        return ZoneInfo.from_file(content, key=zone)


@cache
def changes(zone: str) -> list[datetime]:
    """Every change of the clock in 2026 and 2027, to the minute; where there is none, a day of each."""
    info = info_of(zone)
    hours = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number) for number in range(2 * 365 * 24)]
    found = []
    for before, after in pairwise(hours):
        if before.astimezone(info).utcoffset() != after.astimezone(info).utcoffset():
            found += [
                minute
                for minute in minutes(before + MINUTE, after + MINUTE)
                if (minute - MINUTE).astimezone(info).utcoffset() != minute.astimezone(info).utcoffset()
            ]
    return found or [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2027, 10, 31, 1, tzinfo=UTC)]


def wall(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(info_of(zone)).replace(tzinfo=None)


@pytest.mark.parametrize("zone", ZONES)
def test_the_zones_of_these_tests_change_their_clocks_as_is_said(zone: str) -> None:
    assert len(changes(zone)) == (2 if zone in {"UTC", "Asia/Kathmandu"} else 4)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", [*TIMES, *RHYTHMS])
def test_the_due_times_are_the_same_from_wherever_one_asks(cron: str, zone: str) -> None:
    for change in changes(zone):
        begin, end = change - AROUND, change + NEAR
        ahead = [*due_times(cron, zone, begin, end), next_after(cron, zone, end - MINUTE)]
        for instant in minutes(change - NEAR, end):
            while ahead[0] <= instant:
                ahead.pop(0)
            assert next_after(cron, zone, instant) == ahead[0], (cron, zone, instant)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", RHYTHMS)
def test_a_rhythm_is_due_whenever_the_clock_shows_it(cron: str, zone: str) -> None:
    for change in changes(zone):
        begin, end = change - AROUND, change + AROUND
        shown = [instant for instant in minutes(begin + MINUTE, end) if RHYTHMS[cron](wall(instant, zone))]
        assert due_times(cron, zone, begin, end) == shown


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("cron", "times"),
    [("30 2 * * *", ["02:30"]), ("0 0 * * *", ["00:00"]), ("15,45 1-2 * * *", ["01:15", "01:45", "02:15", "02:45"])],
)
def test_a_time_is_due_once_when_the_clock_has_come_to_it(cron: str, times: list[str], zone: str) -> None:
    for change in changes(zone):
        begin, end = change - AROUND, change + AROUND
        days = {wall(instant, zone).date() for instant in (begin, change, end)}
        named = sorted(datetime.combine(day, datetime.min.time().fromisoformat(time)) for day in days for time in times)
        instants = list(minutes(begin, end))
        comes = [next((each for each in instants if wall(each, zone) >= at), end) for at in named]
        assert due_times(cron, zone, begin, end) == sorted({each for each in comes if begin < each < end})


@pytest.mark.parametrize(
    ("cron", "zone", "after", "due"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", ["2026-03-29T01:00Z", "2026-03-30T00:30Z"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", ["2026-10-25T00:30Z", "2026-10-26T01:30Z"]),
        ("0,30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", ["2026-03-29T01:00Z", "2026-03-30T00:00Z"]),
        ("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", ["2026-03-30T00:00Z", "2026-03-30T00:30Z"]),
        ("30 * * * *", "Europe/Berlin", "2026-10-24T23:45Z", ["2026-10-25T00:30Z", "2026-10-25T01:30Z"]),
        ("30 2 * * *", "America/New_York", "2027-03-13T12:00Z", ["2027-03-14T07:00Z", "2027-03-15T06:30Z"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00Z", ["2026-10-03T15:30Z", "2026-10-04T15:15Z"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00Z", ["2026-04-04T14:45Z", "2026-04-05T15:15Z"]),
        ("0 9 * * MON-FRI", "Europe/Zurich", "2026-11-27T12:00Z", ["2026-11-30T08:00Z", "2026-12-01T08:00Z"]),
        ("0 0 29 2 *", "UTC", "2026-11-27T12:00Z", ["2028-02-29T00:00Z", "2032-02-29T00:00Z"]),
        ("0 0 L * *", "UTC", "2026-11-27T12:00Z", ["2026-11-30T00:00Z", "2026-12-31T00:00Z"]),
    ],
)
def test_due_times_of_expressions(cron: str, zone: str, after: str, due: list[str]) -> None:
    first, second = (datetime.fromisoformat(each) for each in due)
    assert next_after(cron, zone, datetime.fromisoformat(after)) == first
    assert next_after(cron, zone, first) == second


def test_an_instant_within_a_minute_is_before_the_next_one_and_a_due_time_is_not_after_itself() -> None:
    for part in (timedelta(), timedelta(milliseconds=1), timedelta(seconds=59, milliseconds=999)):
        for cron in ("* * * * *", "0,1 12 * * *"):
            assert next_after(cron, "Europe/Berlin", datetime(2026, 11, 23, 11, tzinfo=UTC) + part) == datetime(
                2026, 11, 23, 11, 1, tzinfo=UTC
            )


@given(
    anchor=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the zone is beside it
    rate=st.integers(60, 31_536_000).map(lambda seconds: timedelta(seconds=seconds)),
    periods=st.integers(-5, 100),
    part=st.fractions(0, 1),
)
def test_a_rate_counts_from_its_anchor(anchor: datetime, rate: timedelta, periods: int, part: float) -> None:
    instant = anchor + periods * rate + float(part) * rate
    due = TIMETABLE.next_after(Timing(anchor=anchor, rate=rate), instant)
    assert due is not None
    assert due > max(instant, anchor)
    assert (due - anchor) % rate == timedelta()
    assert due - rate <= max(instant, anchor), "none is left out"


def refused(cron: str | None = None, zone: str = "UTC") -> InvalidInput:
    with pytest.raises(InvalidInput) as found:
        TIMETABLE.check(Timing(anchor=NOON, cron=cron, rate=None if cron else timedelta(hours=1), time_zone=zone))
    return found.value


@pytest.mark.parametrize(
    ("cron", "detail"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("0 * * * * *", "five fields"),
        ("@daily", "five fields"),
        ("61 * * * *", "cron is not right: bad minute"),
        ("* 24 * * *", "bad hour; hours are 0 to 23,"),
        ("* * 0 * *", "bad day-of-month; days are 1 to 31,"),
        ("* * * 13 *", "bad month; months are 1 to 12 or JAN to DEC,"),
        ("* * * * 8", "bad day-of-week; days of the week are 0 to 7"),
        ("*/0 * * * *", "a step is 1 or more"),
        ("5-1 * * * *", "the first of a range must not be behind its last"),
        ("0 0 30 2 *", "one of the months must have such a day"),
        ("0 0 31 4,6,9,11 *", "bad day-of-month"),
        ("0 0 */9 * 1#5", "no day is ever as cron says"),
        ("*/5 * */9 * 1#5", "no day is ever as cron says"),
        ("0" * CRON_MAX_CHARACTERS + " * * * *", "256 characters"),
    ],
)
def test_an_expression_that_names_no_time_is_refused(cron: str, detail: str) -> None:
    error = refused(cron or " ", "Europe/Berlin")
    assert detail in str(error)
    assert error.pointer == "#/cron"


@pytest.mark.parametrize("cron", ["30 2 * * *", "0 0 29 2 1", "0 0 29 2 */7", "0 0 * 2 MON#5", "0 9 * JAN-MAR sun"])
def test_an_expression_that_names_some_time_is_none_to_refuse(cron: str) -> None:
    TIMETABLE.check(timing(cron, "Europe/Berlin"))


@given(st.lists(st.text("0123456789*/,-#LW?SUNMONJAN٣²", min_size=1, max_size=8), min_size=5, max_size=5).map(" ".join))
def test_whatever_stands_for_an_expression_is_taken_or_refused(cron: str) -> None:
    pointer = "#/cron"
    try:
        TIMETABLE.check(timing(cron, "Europe/Berlin"))
    except InvalidInput as error:
        pointer = error.pointer
    assert pointer == "#/cron"


@pytest.mark.asvs("5.3.2")
@pytest.mark.parametrize(
    "zone",
    [
        "",
        "Europe",
        "../etc/passwd",
        "/etc/localtime",
        "Europe/../UTC",
        "europe/berlin",
        "UTC ",
        "UTC\0",
        "posix/UTC",
        "Mars/Olympus_Mons",
        "\ud800",
        "x" * 100_000,
        "zones",
        "tzdata.zi",
    ],
)
def test_a_zone_that_the_database_does_not_name_is_refused(zone: str) -> None:
    for cron in ("* * * * *", None):
        error = refused(cron, zone)
        assert error.pointer == "#/time_zone"
        assert re.match("there is no such time zone; give a name of the IANA", str(error))
        assert len(str(error)) < 200


def test_a_zone_that_is_mistyped_is_guessed() -> None:
    assert str(refused("* * * * *", "Europe/Zürich")).endswith("; did you mean Europe/Zurich?")
