"""
The observer of schedules: which instants each names, by arithmetic of its own, and what became of every one.

A schedule of the simulator is due at whole multiples of a time after it was made, or of some minutes in the hour.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.domain.jobs import Job
from chalicelib.domain.schedules import Schedule, ScheduleKey
from tests.simulation.event_observer import Broken
from tests.simulation.observer import ms
from tests.simulation.plan import MINUTE

if TYPE_CHECKING:
    from tests.simulation.actor import Actor
    from tests.simulation.event_plan import PlannedSchedule

MISSED_WITHIN_MIN_MS = 2 * MINUTE
"""No due time is missed before, whatever the schedule says."""

FIRED_WITHIN_MS = 5 * MINUTE
"""
How long after it, or after the last fault, a due time may wait for the sweep.

It runs every minute, for a minute at most; two clocks differ by one.
"""


@dataclass(slots=True, kw_only=True)
class ScheduleRecord:
    """What the observer knows of one schedule; ``next_ms`` is the first due time of which nothing came yet."""

    planned: "PlannedSchedule"
    anchor_ms: int
    next_ms: int
    is_paused: bool = False
    is_removed: bool = False
    made: dict[int, str] = field(default_factory=dict)

    @property
    def missed_within_ms(self) -> int:
        """How late a due time may be made up."""
        return max(self.planned.missed_within_ms, MISSED_WITHIN_MIN_MS)

    def after(self, at_ms: int) -> int:
        """Return the first due time after an instant."""
        every_ms = self.planned.every_ms
        if self.planned.is_cron:
            return (at_ms // every_ms + 1) * every_ms
        # A clock that is behind may ask for what came before the schedule was made.
        return self.anchor_ms + max((at_ms - self.anchor_ms) // every_ms + 1, 1) * every_ms


@dataclass(slots=True)
class ScheduleObserver:
    """Checks every write of a schedule, and every job that is made by one."""

    broken: Broken
    now_ms: Callable[[], int]
    healed_ms: Callable[[], int]
    records: dict[ScheduleKey, ScheduleRecord] = field(default_factory=dict)

    def made(self, schedule: Schedule, planned: "PlannedSchedule") -> None:
        """Note a new schedule, whose first due time is checked."""
        anchor_ms = ms(schedule.timing.anchor)
        record = ScheduleRecord(planned=planned, anchor_ms=anchor_ms, next_ms=0)
        record.next_ms = record.after(ms(schedule.created_at))
        self.records[schedule.key] = record
        self._agrees(record, schedule)

    def fired(self, actor: "Actor", before: Schedule | None, after: Schedule | None, job: Job | None) -> None:
        """Check one write by the sweep: a job for the due time at hand, or none for those that are over, or both."""
        seen = before or after
        record = self.records.get(seen.key) if seen is not None else None
        if record is None or seen is None:
            self.broken("S2 nothing after removal or pause", f"{actor.name} made a job of no schedule")
            return
        if record.is_removed or record.is_paused:
            self.broken("S2 nothing after removal or pause", f"{actor.name} fired {seen.key.schedule_id}")
        due_ms = record.next_ms
        if job is not None:
            self._job(actor, record, seen, job)
            due_ms = record.after(due_ms) if job.scheduled and ms(job.scheduled.due_at) == due_ms else due_ms
        elif record.planned.is_refused and after is not None and before is not None and after.skipped == before.skipped:
            due_ms = record.after(due_ms)
        if after is None or before is None or after.token == before.token:
            return
        until_ms = ms(after.next_run_at) if after.next_run_at is not None else 0
        skipped = 0
        while due_ms < until_ms:
            if actor.reading - due_ms <= record.missed_within_ms:
                self.broken("S1 one job per due time", f"{due_ms} is left out {actor.reading - due_ms} ms after it")
            skipped += 1
            due_ms = record.after(due_ms)
        if after.skipped - before.skipped != skipped:
            self.broken("S1 one job per due time", f"{after.skipped - before.skipped} of {skipped} skipped counted")
        record.next_ms = due_ms
        self._agrees(record, after)

    def _job(self, actor: "Actor", record: ScheduleRecord, schedule: Schedule, job: Job) -> None:
        planned = record.planned
        scheduled = job.scheduled
        due_ms = ms(scheduled.due_at) if scheduled is not None else -1
        if due_ms in record.made:
            self.broken("S1 one job per due time", f"{job.key.job_id} beside {record.made[due_ms]}")
        elif due_ms != record.next_ms:
            self.broken("S1 one job per due time", f"one for {due_ms} when {record.next_ms} is next")
        if due_ms > actor.reading or actor.reading - due_ms > record.missed_within_ms:
            self.broken("S1 one job per due time", f"made {actor.reading - due_ms} ms after its time")
        record.made[due_ms] = job.key.job_id
        data = f"[{planned.number}]"
        of = (schedule.key.owner_id, "square", data, schedule.key.schedule_id)
        if (job.key.owner_id, job.operation, job.data_json, scheduled and scheduled.schedule_id) != of:
            self.broken("S3 the job is the schedule's", f"{job.operation} of {job.data_json} for {data}")
        if planned.is_refused:
            self.broken("S3 the job is the schedule's", "a job of an operation that is not there")

    def changed(self, actor: "Actor", before: Schedule, after: Schedule) -> None:
        """Check a change by the owner: what falls into a pause is not made up."""
        record = self.records[before.key]
        if before.is_paused and not after.is_paused:
            # A sweep whose clock was ahead may have fired what is still to come by this one.
            record.next_ms = record.after(max([actor.reading, *record.made]))
        record.is_paused = after.is_paused
        self._agrees(record, after)

    def removed(self, key: ScheduleKey) -> None:
        """Note that a schedule is gone."""
        record = self.records[key]
        self._promptly(record)
        record.is_removed = True

    def at_end(self) -> None:
        """Check that no due time was forgotten."""
        for record in self.records.values():
            self._promptly(record)

    def _promptly(self, record: ScheduleRecord) -> None:
        if record.is_removed or record.is_paused:
            return
        late_ms = self.now_ms() - max(record.next_ms, self.healed_ms()) - FIRED_WITHIN_MS
        if late_ms > 0:
            self.broken("S1 one job per due time", f"{record.next_ms} waits {late_ms} ms too long")

    def _agrees(self, record: ScheduleRecord, schedule: Schedule) -> None:
        if schedule.next_run_at is None or ms(schedule.next_run_at) != record.next_ms:
            self.broken("S1 one job per due time", f"next at {schedule.next_run_at} instead of {record.next_ms}")
