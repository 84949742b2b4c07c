"""Schedules fired over real tables, minute by minute: one job for each due time, whatever the sweep does."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from chalicelib.adapters.system import SystemIds
from chalicelib.adapters.timetables import CronsimTimetable
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.schedules import ScheduleId, ScheduleKey, Timing
from chalicelib.services.acceptance import Acceptance
from chalicelib.services.firing import Firing
from tests.contract.conftest import Ports
from tests.factories import OWNER, World, make_schedule
from tests.fakes import FixedChance, FixedClock

if TYPE_CHECKING:
    from chalicelib.domain.jobs import JobId

MINUTE = timedelta(minutes=1)
SPRING = datetime(2026, 3, 29, 1, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 25, 1, tzinfo=UTC)
"""When the clocks of Berlin go from 02:00 to 03:00, and from 03:00 back to 02:00."""

NIGHTLY = "30 2 * * *"
OFTEN = "*/5 * * * *"


def schedule_key(cron: str) -> ScheduleKey:
    return ScheduleKey(owner_id=OWNER, schedule_id=ScheduleId(f"01900000-0000-7000-8000-{len(cron):012x}"))


def due_times(ports: Ports) -> dict[str, list[datetime]]:
    """Of each schedule the due times of its jobs, oldest first."""
    found: dict[str, list[datetime]] = {}
    after: JobId | None = None
    while True:
        page = ports.lists.page(OWNER, JobFilter(), limit=100, after=after)
        for job in page.jobs:
            assert job.scheduled is not None
            found.setdefault(job.scheduled.schedule_id, []).append(job.scheduled.due_at)
        after = page.next_after
        if after is None:
            return {schedule_id: sorted(times) for schedule_id, times in found.items()}


@pytest.mark.parametrize(
    ("change", "nightly_at"),
    [(SPRING, [SPRING]), (AUTUMN, [AUTUMN - 30 * MINUTE])],
    ids=["clocks go on", "clocks go back"],
)
def test_each_due_time_has_one_job_over_a_change_of_the_clocks(
    atomic_ports: Ports, change: datetime, nightly_at: list[datetime]
) -> None:
    """The sweep runs twice at once each seventh minute, and not at all for three minutes of each half hour."""
    ports = atomic_ports
    begin, end = change - 40 * MINUTE, change + 40 * MINUTE
    clock, ids, timetable = FixedClock(begin), SystemIds(), CronsimTimetable()
    world = World()
    for cron in (NIGHTLY, OFTEN):
        timing = Timing(anchor=begin, cron=cron, time_zone="Europe/Berlin")
        next_run_at = timetable.next_after(timing, begin)
        ports.schedules.add(make_schedule(key=schedule_key(cron), timing=timing, next_run_at=next_run_at))

    def sweep() -> None:
        Firing(
            schedules=ports.schedules,
            timetable=timetable,
            acceptance=Acceptance(operations=world.catalogue, limits=world.limits, webhooks_to_anywhere=False),
            queue=world.queue,
            clock=clock,
            ids=ids,
            randomness=FixedChance(),
            worker="sweep",
        ).run(lambda: MINUTE)

    with ThreadPoolExecutor(2) as pool:
        for minute in range(int((end - begin) / MINUTE) + 1):
            if minute % 30 not in {9, 10, 11}:
                for done in [pool.submit(sweep) for _ in range(2 if minute % 7 == 0 else 1)]:
                    done.result()
            clock.advance(seconds=60)

    made = due_times(ports)
    assert made[schedule_key(NIGHTLY).schedule_id] == nightly_at
    expected = [begin + number * 5 * MINUTE for number in range(1, 17)]
    assert made[schedule_key(OFTEN).schedule_id] == expected
    assert max(Counter(world.queue.messages).values()) == 1
