"""What pauses need from the outside, as a protocol; as in `chalicelib.ports`, `Unavailable` is raised if it is away."""

from collections.abc import Sequence
from typing import Protocol

from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.pauses import JobPause, SomeJobs
from chalicelib.domain.users import UserId


class PauseRepository(Protocol):
    """All pauses, of which there are few."""

    def all(self) -> Sequence[JobPause]:
        """Return every pause as last written, operations before users; one that cannot be read is left out."""
        ...

    def add(self, pause: JobPause, events: Sequence[AuditEvent]) -> JobPause:
        """
        Store a pause with the events that tell of it, all or nothing, unless its jobs are paused already.

        Returns:
            The pause that stands: the given one, also when this is the same call again after a lost response, or the
            earlier one.
        """
        ...

    def remove(self, jobs: SomeJobs, events: Sequence[AuditEvent]) -> bool:
        """Remove the pause of these jobs and store the events; false, and nothing stored, if there was none."""
        ...

    def erase_some(self, owner_id: UserId) -> bool:
        """Remove the pause of a user's jobs, if there is one; there is never more (`account_ports.RowEraser`)."""
        ...
