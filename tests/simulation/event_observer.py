"""
The observer of events: what each job has gone through, and what of it the bus was told.

It knows a transition by its place among those of its job, and an event's id only from the bus.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.domain.cloud_events import CloudEvent
from chalicelib.domain.jobs import Job, JobKey
from tests.simulation.observer import CANCELLED, FAILED, FINAL, IN_PROGRESS, PENDING, SUCCESS, ms
from tests.simulation.plan import MINUTE

Broken = Callable[[str, str], None]
"""Notes a violation."""

TYPES: Mapping[tuple[str | None, str], str] = {
    (None, PENDING): "job.submitted",
    (PENDING, IN_PROGRESS): "job.started",
    (IN_PROGRESS, IN_PROGRESS): "job.started",
    (IN_PROGRESS, PENDING): "job.retrying",
    (FAILED, PENDING): "job.retrying",
    (CANCELLED, PENDING): "job.retrying",
    (IN_PROGRESS, SUCCESS): "job.succeeded",
    (IN_PROGRESS, FAILED): "job.failed",
    (PENDING, FAILED): "job.failed",
    (PENDING, CANCELLED): "job.cancelled",
    (IN_PROGRESS, CANCELLED): "job.cancelled",
}
"""Which transition is told as what. Written from the design, not the code."""

TOLD_WITHIN_MS = 10 * MINUTE
"""
How long after it, or after the last fault, a transition may wait for the bus.

The mapping waits a minute at most before it tries again, and reads what waits in batches.
"""


@dataclass(slots=True, kw_only=True)
class Step:
    """One transition of a job; ``event`` is what the bus got of it first."""

    position: str
    type: str
    at_ms: int
    row: Job
    event: CloudEvent | None = None
    is_told: bool = False
    is_kept: bool = False


@dataclass(slots=True)
class EventObserver:
    """Checks each event that comes to the bus."""

    broken: Broken
    now_ms: Callable[[], int]
    healed_ms: Callable[[], int]
    steps: dict[JobKey, list[Step]] = field(default_factory=dict)
    _by_id: dict[str, Step] = field(default_factory=dict)

    def happened(self, position: str, before: Job | None, after: Job) -> None:
        """Note a write of a row, at its position in the stream."""
        if before is not None and before.token == after.token:
            return
        to = after.status.value
        of = None if before is None else before.status.value
        step = Step(position=position, type=TYPES[of, to], at_ms=self.now_ms(), row=after)
        self.steps.setdefault(after.key, []).append(step)

    def put(self, events: Sequence[CloudEvent]) -> None:
        """Check what is put on the bus at once."""
        if len({event.subject for event in events}) < len(events):
            self.broken("E2 in order per job", "two events of one job in one call")

    def came(self, event: CloudEvent, *, is_refused: bool = False) -> None:
        """Check one event that the bus has taken, or refuses for good."""
        step = self._by_id.get(event.id)
        if step is None:
            step = self._first(event)
            if step is None:
                return
            self._by_id[event.id] = step
            step.event = event
            latest_ms = max(step.at_ms, self.healed_ms()) + TOLD_WITHIN_MS
            if self.now_ms() > latest_ms:
                self.broken("E1 every transition is told", f"{step.type} came {self.now_ms() - latest_ms} ms late")
        elif step.event != event:
            self.broken("E3 one transition, one id", f"{event.type} has the id of another event")
        if not is_refused:
            step.is_told = True

    def _first(self, event: CloudEvent) -> Step | None:
        """Return the transition that a new event must be of: the first of its job that was not told yet."""
        key = next((key for key in self.steps if key.job_id == event.subject), None)
        untold = (
            [step for step in self.steps[key] if step.event is None and not step.is_kept] if key is not None else []
        )
        if not untold:
            self.broken("E4 nothing is told that did not happen", f"{event.type} of {event.subject}")
            return None
        like = [step for step in untold if _tells(event, step)]
        if not like:
            self.broken("E4 nothing is told that did not happen", f"{event.type} {event.data_json[:100]}")
            return None
        if like[0] is not untold[0]:
            self.broken("E2 in order per job", f"{event.type} before {untold[0].type}")
        return like[0]

    def kept(self, position: str) -> None:
        """Note that it is kept of a change that it could not be told."""
        for steps in self.steps.values():
            for step in steps:
                step.is_kept = step.is_kept or step.position == position

    def step_of(self, event_id: str) -> Step | None:
        """Return the transition whose event has this id, if the bus has seen it."""
        return self._by_id.get(event_id)

    def at_end(self) -> None:
        """Check that everything was told."""
        for steps in self.steps.values():
            for step in steps:
                if not (step.is_told or step.is_kept):
                    self.broken("E1 every transition is told", f"{step.type} of {step.position}")


def _tells(event: CloudEvent, step: Step) -> bool:
    """Tell whether an event says what the row was after a transition."""
    row = step.row
    data = json.loads(event.data_json)
    wanted = {
        "job_id": row.key.job_id,
        "owner_id": row.key.owner_id,
        "operation": row.operation,
        "status": row.status.value,
        "attempt": row.attempt,
        "max_attempts": row.max_attempts,
        "error": row.error and {"code": row.error.code, "detail": row.error.detail},
        "schedule_id": row.scheduled and row.scheduled.schedule_id,
    }
    has_result = "result" in data
    return (
        event.type.value == step.type
        and event.owner_id == row.key.owner_id
        and ms(event.time) == ms(row.events[-1].at)
        and wanted.items() <= data.items()
        and has_result is (row.status.value == SUCCESS)
        and (not has_result or json.dumps(data["result"]) == row.result_json)
        and (data["finished_at"] is not None) is (row.status.value in FINAL)
    )
