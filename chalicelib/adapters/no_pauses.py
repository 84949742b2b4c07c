"""The pauses of a deployment whose template has brought no table of them yet."""

from collections.abc import Sequence
from typing import NoReturn

from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.pauses import JobPause, SomeJobs
from chalicelib.domain.users import UserId


class NoPauses:
    """Nothing is paused and nothing can be; see `chalicelib.pause_ports.PauseRepository`."""

    def all(self) -> Sequence[JobPause]:
        """Refuse, since an administrator asks who wants to pause or resume."""
        _refuse()

    def add(self, pause: JobPause, events: Sequence[AuditEvent]) -> JobPause:  # noqa: ARG002 - the protocol's
        """Refuse."""
        _refuse()

    def remove(self, jobs: SomeJobs, events: Sequence[AuditEvent]) -> bool:  # noqa: ARG002 - the protocol's
        """Refuse."""
        _refuse()

    def erase_some(self, owner_id: UserId) -> bool:  # noqa: ARG002 - the protocol's
        """Return that there is no more of it."""
        return False


def _refuse() -> NoReturn:
    detail = "this deployment has no table of pauses yet (PAUSES_TABLE is not set): bring its template up to date"
    raise Unavailable(detail)
