"""What administrators see of other people's jobs, and do with one of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from chalicelib.account_ports import AuditTrail, CredentialRepository
from chalicelib.domain.audit import AuditAction, AuditEvent
from chalicelib.domain.credentials import Caller
from chalicelib.domain.errors import NotFound
from chalicelib.domain.job_filters import WantedJobs
from chalicelib.domain.jobs import Job
from chalicelib.domain.users import User, UserId, parsed_user_id
from chalicelib.services.auditing import Auditing
from chalicelib.services.job_search import JobSearch
from chalicelib.services.jobs import JobService, must_be_open, must_be_retriable

T = TypeVar("T")

BY_ADMINISTRATOR = "by an administrator"
"""What the job's own events tell its owner of who did it; the audit trail has the name."""

NO_SUCH_JOB = "there is no such job of this owner; GET /admin/jobs lists those there are"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministeredJobs:
    """Jobs, and the names of their owners, ``None`` of one who has no credential; ``next_after`` as in `FoundPage`."""

    jobs: Sequence[Job]
    usernames: Mapping[UserId, str | None]
    next_after: str | None = None


class Change(Protocol):
    """What is done with one job; its events give the reason."""

    def __call__(self, owner_id: UserId, job_id: str, *, reason: str | None) -> Job:
        """Return the job, changed."""
        ...


class JobAdministration:
    """
    Jobs as administrators see them: what they are and how they went, whoever their owner is.

    Each look at a job and each change is an audit event of both sides, stored before it is done: nothing is done that
    is not recorded, so one that is refused at the last moment is recorded too.
    """

    def __init__(
        self,
        *,
        jobs: JobService,
        search: JobSearch,
        credentials: CredentialRepository,
        audit: AuditTrail,
        auditing: Auditing,
    ) -> None:
        self._jobs = jobs
        self._search = search
        self._credentials = credentials
        self._audit = audit
        self._auditing = auditing

    def page(
        self, caller: Caller, asked: WantedJobs, *, limit: int, after: str | None, address: str
    ) -> AdministeredJobs:
        """
        Return a page of jobs, of one user or of everybody.

        The first page of a list is an event of the administrator, and of the user whose jobs they are where that was
        asked for; its further pages are not.

        Raises:
            NotFound: Nobody has the name.
        """
        user = self._search.user_of(asked)
        page = self._search.page(user, asked.wanted, limit=limit, after=after)
        jobs = [each.job for each in page.found]
        if user is not None:
            names: Mapping[UserId, str | None] = {user.user_id: user.username}
        else:
            names = {each: self._credentials.username_of(each) for each in {job.key.owner_id for job in jobs}}
        if after is None:
            self._record(*self._listed(caller, user, asked.wanted.in_words(), address))
        return AdministeredJobs(jobs=jobs, usernames=names, next_after=page.next_after)

    def look_at(self, caller: Caller, owner_id: str, job_id: str, *, address: str) -> AdministeredJobs:
        """
        Return one job, with its owner's name.

        Raises:
            NotFound: There is no such job of this owner.
            Expired: Its retention is over.
        """
        job = self._found(owner_id, job_id)
        name = self._recorded(AuditAction.JOB_LOOKED_AT, job, caller, address)
        return AdministeredJobs(jobs=[job], usernames={job.key.owner_id: name})

    def cancel(self, caller: Caller, owner_id: str, job_id: str, *, address: str) -> Job:
        """
        Call a waiting or running job off; return it.

        Raises:
            NotFound: There is no such job of this owner.
            Expired: Its retention is over.
            Conflict: It is final.
        """
        job = self._found(owner_id, job_id)
        must_be_open(job)
        return self._done(AuditAction.JOB_CANCELLED, self._jobs.cancel, job, caller, address)

    def retry(self, caller: Caller, owner_id: str, job_id: str, *, address: str) -> Job:
        """
        Give a FAILED or CANCELLED job a fresh set of attempts; return it, waiting.

        Raises:
            NotFound: There is no such job of this owner.
            Expired: Its retention is over.
            Conflict: It is neither.
        """
        job = self._found(owner_id, job_id)
        must_be_retriable(job)
        return self._done(AuditAction.JOB_RETRIED, self._jobs.retry_by_hand, job, caller, address)

    def _found(self, owner_id: str, job_id: str) -> Job:
        known_id = parsed_user_id(owner_id)
        if known_id is None:
            raise NotFound(NO_SUCH_JOB)
        return _of_anybody(lambda: self._jobs.get(known_id, job_id))

    def _done(self, action: AuditAction, change: Change, job: Job, caller: Caller, address: str) -> Job:
        """Record a change on both sides, then make it."""
        self._recorded(action, job, caller, address)
        return _of_anybody(lambda: change(job.key.owner_id, job.key.job_id, reason=BY_ADMINISTRATOR))

    def _listed(self, caller: Caller, user: User | None, detail: str, address: str) -> Sequence[AuditEvent]:
        action = AuditAction.JOBS_LISTED
        if user is None:
            return [
                self._auditing.event(
                    action, subject=caller.user_id, actor=caller.username, address=address, detail=detail
                )
            ]
        return self._auditing.both_sides(
            action, user_id=user.user_id, called=user.username, caller=caller, address=address, detail=detail
        )

    def _recorded(self, action: AuditAction, job: Job, caller: Caller, address: str) -> str | None:
        """Store the events of something done with one job; return the name of its owner."""
        owner_id = job.key.owner_id
        name = self._credentials.username_of(owner_id)
        events = self._auditing.both_sides(
            action,
            user_id=owner_id,
            called=name or owner_id,
            caller=caller,
            address=address,
            detail=f"job {job.key.job_id}",
        )
        self._record(*events)
        return name

    def _record(self, *events: AuditEvent) -> None:
        for event in events:
            self._audit.record(event)
            self._auditing.log(event)


def _of_anybody(call: Callable[[], T]) -> T:
    """Do it, and say of a job that there is not what an administrator can do about that."""
    try:
        return call()
    except NotFound as missing:
        raise NotFound(NO_SUCH_JOB) from missing
