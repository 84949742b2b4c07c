"""How administrators keep jobs from beginning, and let them go on."""

from collections.abc import Sequence

from chalicelib.account_ports import UserRepository
from chalicelib.domain.audit import AuditAction, AuditEvent
from chalicelib.domain.credentials import Caller
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.hints import no_such_operation
from chalicelib.domain.jobs import Job
from chalicelib.domain.pauses import PAUSES_MAX, JobPause, JobsOfOperation, JobsOfUser, SomeJobs
from chalicelib.domain.users import User
from chalicelib.pause_ports import PauseRepository
from chalicelib.ports import Clock, OperationCatalogue
from chalicelib.services.administration import user_of_name
from chalicelib.services.auditing import Auditing
from chalicelib.services.known_pauses import KnownPauses
from chalicelib.services.resuming import WaitingJobs


class PauseService:
    """Pauses of operations and of users' jobs. Each change is an audit event of all whom it concerns."""

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        pauses: PauseRepository,
        known: KnownPauses,
        users: UserRepository,
        operations: OperationCatalogue,
        waiting: WaitingJobs,
        auditing: Auditing,
        clock: Clock,
    ) -> None:
        self._pauses = pauses
        self._known = known
        self._users = users
        self._operations = operations
        self._waiting = waiting
        self._auditing = auditing
        self._clock = clock

    def all(self) -> Sequence[JobPause]:
        """Return every pause there is at this moment."""
        return self._pauses.all()

    def of(self, job: Job) -> JobPause | None:
        """Return the pause that keeps a job waiting, as it was known a few seconds ago, or ``None``."""
        return None if job.is_final else self._known.now().of(job)

    def pause_operation(self, caller: Caller, operation: str, *, reason: str | None, address: str) -> JobPause:
        """
        Let no attempt of an operation begin; return the pause, which is the first one if it is paused already.

        Raises:
            NotFound: There is no such operation.
            Conflict: There are `PAUSES_MAX` pauses.
        """
        self._require(operation)
        jobs = JobsOfOperation(operation=operation)
        return self._pause(jobs, AuditAction.OPERATION_PAUSED, caller, reason=reason, address=address)

    def pause_user(self, caller: Caller, username: str, *, reason: str | None, address: str) -> JobPause:
        """
        Let no attempt of a user's jobs begin; return the pause, which is the first one if they are paused already.

        Raises:
            NotFound: Nobody has this name.
            Conflict: There are `PAUSES_MAX` pauses.
        """
        jobs = _jobs_of(user_of_name(self._users, username))
        return self._pause(jobs, AuditAction.JOBS_PAUSED, caller, reason=reason, address=address)

    def resume_operation(self, caller: Caller, operation: str, *, address: str) -> int:
        """
        Let an operation's attempts begin again; return how many waiting jobs were sent at once.

        The sweep sends the rest, some hundred a minute.

        Raises:
            NotFound: There is no such operation, and no pause of one that is no more.
            Conflict: It is not paused.
        """
        jobs = JobsOfOperation(operation=operation)
        if not self._is_resumed(jobs, AuditAction.OPERATION_RESUMED, caller, address):
            self._require(operation)
            detail = "this operation is not paused; GET /admin/pauses lists what is"
            raise Conflict(detail)
        return self._waiting.send(jobs)

    def resume_user(self, caller: Caller, username: str, *, address: str) -> int:
        """
        Let the attempts of a user's jobs begin again; return how many waiting jobs were sent at once.

        The sweep sends the rest, some hundred a minute.

        Raises:
            NotFound: Nobody has this name.
            Conflict: They are not paused.
        """
        jobs = _jobs_of(user_of_name(self._users, username))
        if not self._is_resumed(jobs, AuditAction.JOBS_RESUMED, caller, address):
            detail = "the jobs of this user are not paused; GET /admin/pauses lists what is"
            raise Conflict(detail)
        return self._waiting.send(jobs)

    def _require(self, operation: str) -> None:
        if self._operations.find(operation) is None:
            raise NotFound(no_such_operation(operation, [each.name for each in self._operations.all()]))

    def _pause(
        self, jobs: SomeJobs, action: AuditAction, caller: Caller, *, reason: str | None, address: str
    ) -> JobPause:
        new = JobPause(jobs=jobs, paused_at=self._clock.now(), paused_by=caller.username, reason=reason)
        # Two requests at once may make one more than the most, which hurts nobody.
        there = self._pauses.all()
        standing = next((each for each in there if each.jobs == jobs), None)
        if standing is not None:
            return standing
        if len(there) >= PAUSES_MAX:
            detail = f"there are {len(there)} pauses, which is the most; resume what need not be paused any more"
            raise Conflict(detail)
        events = self._events(action, jobs, caller, address, reason)
        standing = self._pauses.add(new, events)
        if standing == new:
            self._auditing.log(*events)
        return standing

    def _is_resumed(self, jobs: SomeJobs, action: AuditAction, caller: Caller, address: str) -> bool:
        events = self._events(action, jobs, caller, address, None)
        is_resumed = self._pauses.remove(jobs, events)
        if is_resumed:
            self._auditing.log(*events)
        return is_resumed

    def _events(
        self, action: AuditAction, jobs: SomeJobs, caller: Caller, address: str, reason: str | None
    ) -> Sequence[AuditEvent]:
        """Return the event of the administrator, and that of the user whose jobs they are."""
        if isinstance(jobs, JobsOfUser):
            return self._auditing.both_sides(
                action, user_id=jobs.owner_id, called=jobs.username, caller=caller, address=address, detail=reason
            )
        detail = jobs.operation if reason is None else f"{jobs.operation}: {reason}"
        return (
            self._auditing.event(action, subject=caller.user_id, actor=caller.username, address=address, detail=detail),
        )


def _jobs_of(user: User) -> JobsOfUser:
    return JobsOfUser(owner_id=user.user_id, username=user.username)
