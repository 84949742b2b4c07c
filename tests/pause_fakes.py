"""Pauses in memory, with what is written in one transaction with them. They pass the same contract suite."""

import threading
from collections.abc import Sequence

from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.pauses import JobPause, JobsOfUser, SomeJobs
from chalicelib.domain.users import UserId
from tests.fakes import InMemoryAuditTrail


class InMemoryPauseRepository:
    """All pauses; ``reads`` counts how often they were asked for, answered or not."""

    def __init__(self, audit: InMemoryAuditTrail) -> None:
        self._pauses: dict[SomeJobs, JobPause] = {}
        self._audit = audit
        self._lock = threading.Lock()
        self.reads = 0
        self.away = False

    def all(self) -> Sequence[JobPause]:
        self.reads += 1
        self._answer()
        return self.stored()

    def stored(self) -> Sequence[JobPause]:
        """What there is, for a test to see."""
        return sorted(self._pauses.values(), key=_place)

    def add(self, pause: JobPause, events: Sequence[AuditEvent]) -> JobPause:
        self._answer()
        with self._lock:
            standing = self._pauses.setdefault(pause.jobs, pause)
            if standing is pause:
                self._record(events)
            return standing

    def remove(self, jobs: SomeJobs, events: Sequence[AuditEvent]) -> bool:
        self._answer()
        with self._lock:
            if self._pauses.pop(jobs, None) is None:
                return False
            self._record(events)
            return True

    def erase_some(self, owner_id: UserId) -> bool:
        self._answer()
        with self._lock:
            for jobs in [each for each in self._pauses if isinstance(each, JobsOfUser) and each.owner_id == owner_id]:
                del self._pauses[jobs]
        return False

    def _record(self, events: Sequence[AuditEvent]) -> None:
        for event in events:
            self._audit.record(event)

    def _answer(self) -> None:
        if self.away:
            detail = "the fake is away"
            raise Unavailable(detail)


def _place(pause: JobPause) -> tuple[bool, str]:
    """As the keys of the table sort."""
    jobs = pause.jobs
    return (True, jobs.owner_id) if isinstance(jobs, JobsOfUser) else (False, jobs.operation)
