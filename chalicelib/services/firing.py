"""Firing: for each due time of a schedule one job, whatever happens to the sweep."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta

from chalicelib.domain.errors import ConcurrentUpdate, InvalidInput, RequestRefused
from chalicelib.domain.jobs import Act, JobError, JobId, JobKey, ScheduledRun
from chalicelib.domain.schedules import SHARDS, Schedule, Timing
from chalicelib.domain.stable_ids import stable_id
from chalicelib.ports import Clock, IdSource, JobQueue, Randomness
from chalicelib.schedule_ports import DueSchedule, ScheduleRepository, Timetable
from chalicelib.services.acceptance import Acceptance
from chalicelib.services.dispatch import dispatch
from chalicelib.services.due_rows import PAGE, TIME_FOR_ONE, DueRows, Swept
from chalicelib.services.schedules import wanted_job

logger = logging.getLogger(__name__)

STEPS_MAX = 10
"""Due times of one schedule that one look makes up, so that it keeps no other waiting; the rest come a minute later."""

COUNTED_MAX = 10_000
"""
Due times of a cron expression that are counted when they are skipped: the minutes of a week, which take half a second.

Of more, only so many are counted. Those of a rate are reckoned, however many they are.
"""

MILLISECOND = timedelta(milliseconds=1)


class Firing:
    """
    Makes the jobs of due schedules.

    A job and the schedule's move past its due time are one transaction, over the schedule as it was read, and the job's
    id follows from schedule and due time. So two sweeps at once make one job, and one that dies leaves the rest due.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        schedules: ScheduleRepository,
        timetable: Timetable,
        acceptance: Acceptance,
        queue: JobQueue,
        clock: Clock,
        ids: IdSource,
        randomness: Randomness,
        worker: str,
    ) -> None:
        self._schedules = schedules
        self._timetable = timetable
        self._acceptance = acceptance
        self._queue = queue
        self._clock = clock
        self._ids = ids
        self._randomness = randomness
        self._worker = worker

    def run(self, time_left: Callable[[], timedelta]) -> Swept:
        """Look at every schedule that is due now, while there is time, and log in one line how it went."""
        at = self._clock.now()
        rows = DueRows(
            called="schedule",
            shards=SHARDS,
            page=lambda shard, last: self._schedules.due(shard, at=at, limit=PAGE, after=last),
            look=lambda due: self._look_at(due, time_left),
            log_fields=_log_fields,
        )
        swept = rows.sweep(time_left, self._randomness)
        logger.log(logging.INFO if swept.is_complete else logging.WARNING, "schedules fired", extra=asdict(swept))
        return swept

    def _look_at(self, due: DueSchedule, time_left: Callable[[], timedelta]) -> bool:
        """Make up a schedule's due times, the oldest first; tell whether there was a job for any."""
        schedule = self._schedules.get(due.key)
        at = self._clock.now()
        is_fired = False
        for step in range(STEPS_MAX):
            due_at = None if schedule is None else schedule.due_at
            if schedule is None or due_at is None or due_at > at or (step and time_left() < TIME_FOR_ONE):
                break
            try:
                seen, schedule = schedule, self._step(schedule, due_at, at)
            except ConcurrentUpdate:
                logger.info("schedule was changed or fired by another", extra=_log_fields(due))
                break
            is_fired |= schedule.last_run_at != seen.last_run_at
        return is_fired

    def _step(self, schedule: Schedule, due_at: datetime, at: datetime) -> Schedule:
        try:
            if due_at < schedule.oldest_made_up(at):
                return self._skipped(schedule, due_at, at)
            return self._moved_on(schedule, due_at, at)
        except InvalidInput as wrong:
            # Its time zone is no more. There is no next time until its owner, who can see why, gives another.
            return self._refused(schedule, wrong, next_run_at=None)

    def _skipped(self, schedule: Schedule, due_at: datetime, at: datetime) -> Schedule:
        """Move on past the due times that are too late, all in one write."""
        oldest = schedule.oldest_made_up(at)
        skipped = self._counted(schedule.timing, due_at, oldest)
        to = schedule.missed(
            skipped,
            next_run_at=self._timetable.next_after(schedule.timing, oldest - MILLISECOND),
            token=self._ids.new_token_id(),
        )
        self._schedules.change(schedule, to)
        logger.warning("due times skipped", extra={"schedule_id": schedule.key.schedule_id, "skipped": skipped})
        return to

    def _counted(self, timing: Timing, first: datetime, until: datetime) -> int:
        """Return how many due times there are from ``first``, which is one, to before ``until``."""
        if timing.rate is not None:
            return -((first - until) // timing.rate)
        counted, last = 1, self._timetable.next_after(timing, first)
        while last is not None and last < until and counted < COUNTED_MAX:
            counted, last = counted + 1, self._timetable.next_after(timing, last)
        return counted

    def _moved_on(self, schedule: Schedule, due_at: datetime, at: datetime) -> Schedule:
        """Make the job of a due time, or leave why there is none, and move on."""
        next_run_at = self._timetable.next_after(schedule.timing, due_at)
        key = JobKey(owner_id=schedule.key.owner_id, job_id=JobId(stable_id(due_at, schedule.key.schedule_id)))
        act = Act(token=self._ids.new_token_id(), at=at, worker=self._worker)
        scheduled = ScheduledRun(schedule_id=schedule.key.schedule_id, due_at=due_at)
        try:
            job = self._acceptance.job(key, wanted_job(schedule), act, scheduled=scheduled)
        except RequestRefused as refused:
            return self._refused(schedule, refused, next_run_at=next_run_at)
        to = schedule.fired(key.job_id, next_run_at=next_run_at, token=self._ids.new_token_id())
        try:
            self._schedules.fire(schedule, to, job)
        except ConcurrentUpdate as moved:
            if not isinstance(moved.current, Schedule) or not moved.current.is_unchanged_since(schedule):
                raise
            # The job is there already: of a schedule that was put back, by a restore or a clock that was behind.
            self._schedules.change(schedule, to)
            return to
        logger.info("schedule fired", extra=_fields(schedule) | {"job_id": key.job_id})
        dispatch(self._queue, job, at=at)
        return to

    def _refused(self, schedule: Schedule, refused: RequestRefused, *, next_run_at: datetime | None) -> Schedule:
        """Leave why a due time has no job, and move on."""
        error = JobError(code=refused.code, detail=str(refused))
        to = schedule.refused(error, next_run_at=next_run_at, token=self._ids.new_token_id())
        self._schedules.change(schedule, to)
        logger.warning("job of a schedule refused", extra=_fields(schedule) | {"code": refused.code})
        return to


def _fields(schedule: Schedule) -> dict[str, str]:
    return {"schedule_id": schedule.key.schedule_id, "owner_id": schedule.key.owner_id}


def _log_fields(due: DueSchedule) -> dict[str, str]:
    return {"schedule_id": due.key.schedule_id, "owner_id": due.key.owner_id}
