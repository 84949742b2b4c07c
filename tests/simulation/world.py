"""One schedule: the deployment over simulated ports, its queue, its timers, and the faults that strike it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from random import Random

from chalicelib.domain.delivery import shard
from chalicelib.domain.jobs import Job, JobKey, JobLimits
from tests.fakes import InMemoryJobRepository, InMemorySubmissions
from tests.simulation import functions
from tests.simulation.actor import Actor
from tests.simulation.calendar import Calendar
from tests.simulation.faults import Fault
from tests.simulation.minutes import Minutes
from tests.simulation.models import History, Ids, Queue, Rows
from tests.simulation.observer import FINAL, STEPS_BOUND, Observer, instant, ms
from tests.simulation.outside import Outside
from tests.simulation.pausing import Pausing
from tests.simulation.plan import (
    FULL,
    HOUR,
    MINUTE,
    PAUSE_MAX_MS,
    SECOND,
    Configuration,
    Plan,
    PlannedJob,
)
from tests.simulation.scheduler import Scheduler
from tests.simulation.strikes import Strikes

DAY_MS = 24 * HOUR

SETTLED_WITHIN_MS = 15 * MINUTE + MINUTE + 75 * SECOND + 60 * SECOND + 60 * SECOND + 3 * functions.CONSUME_MS
"""
How long after the last fault, or after its time, a job may take to become final.

The sweep looks again within 15 minutes (`RESEND_AFTER_MAX`) and a minute for its own rhythm; a dead attempt's lease is
75 s; two clocks differ by 60 s at most; a first look comes 60 s after the time; and a batch may need three invocations.
"""


class World:
    """The state of one schedule."""

    def __init__(
        self,
        plan: Plan,
        rng: Random,
        *,
        configuration: Configuration = FULL,
        suppressed: frozenset[int] = frozenset(),
        suppressed_kinds: frozenset[Fault] = frozenset(),
    ) -> None:
        self.plan = plan
        self.configuration = configuration
        self.chance = rng.random
        self.scheduler = Scheduler(rng)
        self.ids = Ids()
        self.actor_numbers = count(1)
        self.rows = Rows()
        self.submissions = InMemorySubmissions(self.rows)
        self.observer = Observer(lambda: self.scheduler.now, prompt_ms=configuration.prompt_ms)
        self.limits = JobLimits(
            lease_margin=timedelta(seconds=15),
            resend_after=timedelta(seconds=60),
            retention=timedelta(milliseconds=plan.retention_ms),
            data_max_bytes=1024,
        )
        self.keys: dict[int, JobKey] = {}
        self.shards = {job.shard for job in plan.jobs}
        self.unreadable: set[JobKey] = set()
        self.faults = Strikes(plan, rng, self.scheduler, suppressed=suppressed, suppressed_kinds=suppressed_kinds)
        self._history = History[JobKey, Job]()
        self._minutes = Minutes(self)
        self.latest_run_ms = 0
        self.message_retention_ms = 4 * DAY_MS
        short_retention_ms = int(MINUTE + 9 * MINUTE * self.chance())
        if self.faults.is_on(Fault.SHORT_RETENTION):
            self.message_retention_ms = short_retention_ms
            self.faults.note(Fault.SHORT_RETENTION, "queue", f"kept {short_retention_ms / SECOND:.1f} s")
        self.letters = Queue(self, visibility_timeout_s=plan.visibility_ms / SECOND, retention_s=14 * DAY_MS / SECOND)
        self.queue = Queue(
            self,
            visibility_timeout_s=plan.visibility_ms / SECOND,
            retention_s=self.message_retention_ms / SECOND,
            max_receive_count=plan.max_receive_count,
            dead_letters=self.letters,
        )
        self.calendar = None if plan.firing is None else Calendar(self, plan.firing)
        self.pausing = Pausing(self, plan.pauses) if plan.pauses else None
        self.outside = None if plan.telling is None else Outside(self, plan.telling)

    # What the queue model needs of a clock.

    def now(self) -> datetime:
        """Return the true time."""
        return instant(self.scheduler.now)

    # Faults and chances.

    def drawn_duration(self, timeout_ms: int) -> int:
        """Draw how long an operation takes, within its time."""
        return int((timeout_ms - 1) * self.chance() ** 6)

    def pass_time(self, actor: Actor) -> None:
        """Let others go on while a call is on its way."""
        latency_ms = 30 if self.faults.are_over else self.plan.latency_ms
        self.scheduler.sleep(int(latency_ms * self.chance() ** 2))
        actor.die_if_over()

    def start(self, at_ms: int, body: Callable[[], None]) -> None:
        """Have an actor begin at an instant; an error that ends it is noted."""

        def guarded() -> None:
            try:
                body()
            except Exception as error:  # noqa: BLE001 - it is noted, whatever it is
                self.observer.unexpected(f"{error!r} ended an actor")

        self.scheduler.start(at_ms, guarded)

    # The queue.

    def send(self, body: str, delay_ms: int) -> None:
        """Add a message, and have it polled when it is there to see."""
        self.queue.send(body, delay_ms // 1000)
        window_ms = int(self.plan.batch_window_ms * self.chance())
        self.scheduler.at(self.scheduler.now + delay_ms + window_ms, self._poll)

    def delete(self, actor: Actor, receipt_handles: Sequence[str]) -> None:
        """Delete messages, unless one is to come back."""
        for handle in receipt_handles:
            if not self.faults.strikes(Fault.UNDELETED, actor.name, "delete"):
                self.queue.delete(handle)

    def _poll(self) -> None:
        now = self.scheduler.now
        if self.faults.is_away(Fault.QUEUE_AWAY, "queue"):
            self.scheduler.at(self.plan.outages[Fault.QUEUE_AWAY][1], self._poll)
            return
        if self.faults.strikes(Fault.LATE, "queue"):
            self.scheduler.at(now + int(5 * MINUTE * self.chance() ** 2), self._poll)
            return
        received = self.queue.receive(self.plan.batch_max)
        if self.letters.size():
            self.scheduler.at(now, self._poll_letters)
        if not received:
            return
        messages = [self.queue.message(each) for each in received]
        self.scheduler.at(now + self.plan.visibility_ms, self._poll)
        if len(messages) == self.plan.batch_max:
            self.scheduler.at(now, self._poll)
        self.start(now, partial(functions.consume, self, messages))
        if self.faults.strikes(Fault.DUPLICATE, "queue"):
            later_ms = int(2 * MINUTE * self.chance() ** 4)
            self.start(now + later_ms, partial(functions.consume, self, messages))

    def _poll_letters(self) -> None:
        for each in self.letters.receive(1):
            letter = self.letters.message(each)
            now = self.scheduler.now
            self.scheduler.at(now + self.plan.visibility_ms, self._poll_letters)
            self.scheduler.at(now, self._poll_letters)
            self.start(now, partial(functions.bury, self, letter))
            if self.faults.strikes(Fault.DUPLICATE, "letters"):
                self.start(now + int(MINUTE * self.chance() ** 3), partial(functions.bury, self, letter))

    # The sweep and the index.

    def wrote(self, before: Job | None, row: Job) -> None:
        """Take note of a row's new state: who is told, when the sweep has to look, when the table may drop it."""
        if self.outside is not None:
            self.outside.happened(before, row)
        if self.plan.index_lag_ms:
            self._history.wrote(self.scheduler.now, row.key, row)
        if self.calendar is not None:
            self.shards.add(shard(row.key.job_id))
        if row.due_at is not None:
            self.tick_for(ms(row.due_at))
            self.latest_run_ms = max(self.latest_run_ms, ms(row.run_at))
        if self.plan.retention_ms < 60 * MINUTE and len(row.events) == 1:
            self._expire_later(row)

    def index(self, actor: Actor) -> InMemoryJobRepository:
        """Return the table as the index of due jobs shows it now."""
        shown_ms = self.shown_ms(actor, "due")
        return self.rows if shown_ms is None else Rows.of(self._history.rows(shown_ms))

    def shown_ms(self, actor: Actor, name: str) -> int | None:
        """Return of when an index shows its rows, ``None`` if it does not lag."""
        if not self.plan.index_lag_ms or self.faults.are_over:
            return None
        self.faults.note(Fault.STALE_INDEX, actor.name, name)
        return self.scheduler.now - self.plan.index_lag_ms

    def tick_for(self, due_ms: int) -> None:
        """Have the sweep run in the first of its minutes after an instant."""
        if self.configuration.sweep:
            self._minutes.run_after(due_ms)

    def due_ms(self) -> list[int]:
        """Return when the sweep has to look at each row that waits."""
        now = self.scheduler.now
        due_ms = [
            ms(row.due_at)
            for row in self.rows.items().values()
            if row.due_at is not None and ms(row.expires_at) > now and row.key not in self.unreadable
        ]
        if self.calendar is not None:
            due_ms.extend(self.calendar.due_ms())
        if self.outside is not None:
            due_ms.extend(self.outside.due_ms())
        return due_ms

    def _expire_later(self, row: Job) -> None:
        def expire() -> None:
            current = self.rows.get(row.key)
            if current is None:
                return
            if ms(current.expires_at) > self.scheduler.now:
                self.scheduler.at(ms(current.expires_at) + MINUTE, expire)
            else:
                self.rows.expire(row.key)

        self.scheduler.at(ms(row.expires_at) + int(30 * MINUTE * self.chance()), expire)

    # Running.

    def run(self) -> None:
        """Run the schedule to its end, and check it."""
        self._begin()
        violations = self.observer.violations
        if self._has_run(self._bound_ms):
            if self._is_unsettled():
                self.scheduler.now = self._bound_ms()
            self.observer.at_end(self.rows.items())
        if self.calendar is not None and not violations:
            self.calendar.observer.at_end()
        outside = self.outside
        # All jobs are at rest by now; what is told of them may take a day more.
        if outside is not None and not violations and self._has_run(lambda: outside.bound_ms):
            outside.at_end()

    def _has_run(self, until_ms: Callable[[], int]) -> bool:
        """Let events happen until an instant; return whether nothing was broken."""
        violations = self.observer.violations
        scheduler = self.scheduler
        scheduler.run(until_ms=until_ms, is_over=lambda: bool(violations) or scheduler.steps > STEPS_BOUND)
        if scheduler.steps > STEPS_BOUND:
            self.observer.broken("L work comes to rest", f"{scheduler.steps} steps")
        return not violations

    def _begin(self) -> None:
        """Have everything of the plan happen at its time."""
        plan = self.plan
        for request in self._requests():
            first = request[0][1]
            for after_ms in (0, *(first.again_ms or ())):
                self.start(first.at_ms + after_ms, partial(functions.submit, self, request))
                self.latest_run_ms = max(self.latest_run_ms, first.at_ms + after_ms)
        for each in plan.calls:
            self.start(each.at_ms, partial(functions.CALLS[each.verb], self, each))
        for at_ms in plan.purges_ms:
            self.scheduler.at(at_ms, self._purge)
        if self.calendar is not None:
            self.calendar.begin()
        if self.pausing is not None:
            self.pausing.begin()
        if self.outside is not None:
            self.outside.begin()
        if self.faults.is_on(Fault.UNREADABLE_ROW):
            self._plant_unreadable_row()

    def _requests(self) -> list[functions.PlannedRequest]:
        """Return the jobs that are submitted together, each with its place in the plan."""
        batches: dict[int, list[tuple[int, PlannedJob]]] = {}
        for place, job in enumerate(self.plan.jobs):
            if not job.is_left_out:
                batches.setdefault(job.batch, []).append((place, job))
        return list(batches.values())

    def _bound_ms(self) -> int:
        return max(self.plan.heal_at_ms + PAUSE_MAX_MS, self.latest_run_ms) + SETTLED_WITHIN_MS

    def _is_unsettled(self) -> bool:
        return any(record.status not in FINAL for record in self.observer.records.values())

    def _purge(self) -> None:
        self.faults.note(Fault.PURGE, "queue")
        self.queue.purge()
        if self.outside is not None:
            self.outside.queue.purge()

    def _plant_unreadable_row(self) -> None:
        """Put a row in front of the first job's shard that the sweep finds first and can never read."""
        self.faults.note(Fault.UNREADABLE_ROW, "table")
        functions.plant(self, self.plan.jobs[0].shard)
