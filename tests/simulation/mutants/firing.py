"""Mistakes in schedules: when they fire, what they make, and what their owners' changes mean."""

from tests.simulation.mutants.mutant import FIRING, SCHEDULE_CALLS, SCHEDULE_STORE, SCHEDULES, Mutant

FIRING_SCHEDULES = (
    Mutant(
        "moved on without the job",
        "a schedule moves past a due time and its job is not made",
        SCHEDULE_STORE,
        "            self._jobs.add(job)\n",
        "",
    ),
    Mutant(
        "job without moving on",
        "the job of a due time is made and the schedule stays where it was",
        SCHEDULE_STORE,
        "            self._jobs.add(job)\n            self._rows[to.key] = to\n",
        "            self._jobs.add(job)\n",
    ),
    Mutant(
        "job before the schedule, under a new id",
        "the job is made whether or not the schedule still stands as it was read, and each time under another id",
        FIRING,
        "            self._schedules.fire(schedule, to, job)\n",
        "            from dataclasses import replace\n\n"
        "            job = replace(job, key=replace(job.key, job_id=self._ids.new_job_id(at)))\n"
        "            self._schedules.fire(self._schedules.get(schedule.key) or schedule, to, job)\n",
    ),
    Mutant(
        "schedule's fence dropped",
        "a schedule fires as it was read, paused or fired meanwhile or not",
        SCHEDULES,
        "        return self.token == seen.token\n",
        "        return True\n",
    ),
    Mutant(
        "paused schedule fires",
        "the sweep finds schedules that are paused",
        SCHEDULES,
        "return None if self.is_paused else self.next_run_at",
        "return self.next_run_at",
    ),
    Mutant(
        "fires early",
        "a due time gets its job up to a minute before",
        FIRING,
        "due_at is None or due_at > at or",
        "due_at is None or due_at > at + timedelta(minutes=1) or",
    ),
    Mutant(
        "too late all the same",
        "due times are made up however late it is",
        SCHEDULES,
        "return at - max(self.missed_within, ON_TIME)",
        "return at - timedelta(days=365)",
    ),
    Mutant(
        "nothing made up",
        "due times that are late by more than two minutes are skipped, whatever their schedule says",
        SCHEDULES,
        "return at - max(self.missed_within, ON_TIME)",
        "return at - ON_TIME",
    ),
    Mutant(
        "moves on from now",
        "a schedule that is behind goes on from the present time, and what is in between gets no job",
        FIRING,
        "next_run_at = self._timetable.next_after(schedule.timing, due_at)",
        "next_run_at = self._timetable.next_after(schedule.timing, at)",
    ),
    Mutant(
        "skipped times not counted",
        "due times that are too late are left out, and the schedule does not tell",
        FIRING,
        "        to = schedule.missed(\n            skipped,\n",
        "        to = schedule.missed(\n            0,\n",
    ),
    Mutant(
        "refused time comes again",
        "a due time whose job is refused keeps those behind it waiting",
        FIRING,
        "schedule.refused(error, next_run_at=next_run_at,",
        "schedule.refused(error, next_run_at=schedule.next_run_at,",
    ),
    Mutant(
        "pause made up",
        "a schedule that is resumed makes up what fell into its pause",
        SCHEDULE_CALLS,
        "if timing != schedule.timing or is_resumed:",
        "if timing != schedule.timing:",
    ),
    Mutant(
        "scheduled job not sent",
        "the job of a schedule is left to the next sweep",
        FIRING,
        "        dispatch(self._queue, job, at=at)\n",
        "",
    ),
    Mutant(
        "due time not told",
        "the job of a schedule does not know for which due time it was made",
        FIRING,
        "ScheduledRun(schedule_id=schedule.key.schedule_id, due_at=due_at)",
        "ScheduledRun(schedule_id=schedule.key.schedule_id, due_at=at)",
    ),
)
