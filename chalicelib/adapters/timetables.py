"""
Due times, by cronsim and the IANA time zone database.

cronsim tells which times an expression names, as a wall clock shows them. When these are is found here: what cronsim
makes of a change of the clock depends on where it begins to look.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import TYPE_CHECKING

from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.hints import did_you_mean
from chalicelib.domain.schedules import Timing

if TYPE_CHECKING:
    from cronsim import CronSim

CRON_FIELDS = 5
CRON_MAX_CHARACTERS = 256
ZONE_MAX_CHARACTERS = 64
"""The longest name of a time zone has half of that."""

FIELDS = {
    "bad minute": "minutes are 0 to 59",
    "bad hour": "hours are 0 to 23",
    "bad day-of-month": "days are 1 to 31, and one of the months must have such a day",
    "bad month": "months are 1 to 12 or JAN to DEC",
    "bad day-of-week": "days of the week are 0 to 7 or SUN to SAT, and both 0 and 7 are Sunday",
}
"""What cronsim finds wrong with a field, and what the field may have."""

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
"""No zone changes its clocks twice within a day."""


class CronsimTimetable:
    """
    Which instants a timing names; see `chalicelib.schedule_ports.Timetable`.

    The zones are those of the tzdata package, so that a laptop and Lambda go by the same. Both libraries are loaded
    with the first schedule.
    """

    def next_after(self, timing: Timing, instant: datetime) -> datetime | None:
        """
        Return the first due time after an instant.

        Of times whose hour and minute are both said, those that a change of the clock skips are due right after it, and
        those that come twice are due once, the first time. With a ``*`` for hour or minute, which is a rhythm rather
        than a time, each minute is due that has the clock show what is said, and no other. So it is in Debian's cron.

        Raises:
            InvalidInput: As `check` does.
        """
        if timing.rate is not None:
            return timing.anchor + max((instant - timing.anchor) // timing.rate + 1, 1) * timing.rate
        cron, zone = timing.cron or "", _zone(timing.time_zone)
        find = _next_of_a_rhythm if _is_rhythm(cron) else _next_of_times
        return find(cron, zone, instant.replace(microsecond=0))

    def check(self, timing: Timing) -> None:
        """
        Check a time zone, and a cron expression if there is one.

        Raises:
            InvalidInput: There is no such time zone, or the expression is none, or no day is ever as it says.
        """
        _zone(timing.time_zone)
        if timing.cron is not None and self.next_after(timing, timing.anchor) is None:
            detail = "no day is ever as cron says"
            raise InvalidInput(detail, pointer="#/cron")


def _is_rhythm(cron: str) -> bool:
    return any(field.startswith("*") for field in cron.split()[:2])


def _next_of_times(cron: str, zone: tzinfo, instant: datetime) -> datetime | None:
    for wall in _walls_after(cron, _wall(instant, zone)):
        due = _once(wall, zone)
        if due > instant:
            return due
    return None


def _next_of_a_rhythm(cron: str, zone: tzinfo, instant: datetime) -> datetime | None:
    """Look for it up to the next change of the clock, and behind that again."""
    since, after = instant, instant
    while True:
        offset = _offset(since, zone)
        wall = next(_walls_after(cron, (after + offset).replace(tzinfo=None)), None)
        if wall is None:
            return None
        due = wall.replace(tzinfo=UTC) - offset
        change = _first_change(since, due, zone)
        if change is None:
            return due
        since, after = change, change - SECOND


def _walls_after(cron: str, wall: datetime) -> Iterator[datetime]:
    """
    Yield the times after ``wall`` that an expression names, in order, by a clock that is never changed.

    Gives up where there is none within 50 years, which takes cronsim a hundredth of a second.

    Raises:
        InvalidInput: It is no expression.
    """
    if len(cron) > CRON_MAX_CHARACTERS:
        detail = f"cron may have {CRON_MAX_CHARACTERS} characters"
        raise InvalidInput(detail, pointer="#/cron")
    if len(cron.split()) != CRON_FIELDS:
        detail = "cron must have five fields: minute, hour, day of the month, month, day of the week"
        raise InvalidInput(detail, pointer="#/cron")
    return _parsed(cron, wall)


def _parsed(cron: str, wall: datetime) -> "CronSim":
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - loaded with the first schedule

    try:
        return CronSim(cron, wall)
    except CronSimError as wrong:
        what = str(wrong).lower()
        detail = f"cron is not right: {what}"
        if what in FIELDS:
            detail += f"; {FIELDS[what]}, the first of a range must not be behind its last, and a step is 1 or more"
        raise InvalidInput(detail, pointer="#/cron") from wrong


def _wall(instant: datetime, zone: tzinfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _once(wall: datetime, zone: tzinfo) -> datetime:
    """Return when a clock first shows ``wall``; if a change has it skip that, when it has changed."""
    while True:
        instant = wall.replace(tzinfo=zone).astimezone(UTC)
        if _wall(instant, zone) == wall:
            return instant
        wall += MINUTE


def _offset(instant: datetime, zone: tzinfo) -> timedelta:
    """Return how far a zone's clocks are ahead of UTC."""
    return _wall(instant, zone) - instant.replace(tzinfo=None)


def _first_change(since: datetime, until: datetime, zone: tzinfo) -> datetime | None:
    """Return the first second after ``since``, and no later than ``until``, at which clocks show another offset."""
    offset = _offset(since, zone)
    before = since
    while before < until:
        after = min(before + DAY, until)
        if _offset(after, zone) == offset:
            before = after
            continue
        while after - before > SECOND:
            middle = before + (after - before) // SECOND // 2 * SECOND
            before, after = (middle, after) if _offset(middle, zone) == offset else (before, middle)
        return after
    return None


def _zone(name: str) -> tzinfo:
    # Only a name that the list has is looked up, so that none can lead anywhere else.
    if len(name) <= ZONE_MAX_CHARACTERS and name in _zone_names():
        return _loaded(name)
    detail = "there is no such time zone; give a name of the IANA time zone database, such as Europe/Zurich or UTC"
    raise InvalidInput(detail + did_you_mean(name, sorted(_zone_names())), pointer="#/time_zone")


@cache
def _zone_names() -> frozenset[str]:
    from importlib.resources import files  # noqa: PLC0415 - loaded with the first schedule

    return frozenset((files("tzdata") / "zones").read_text(encoding="utf-8").split())


@cache
def _loaded(name: str) -> tzinfo:
    from importlib.resources import files  # noqa: PLC0415 - loaded with the first schedule
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    with (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).open("rb") as content:
        return ZoneInfo.from_file(content, key=name)
