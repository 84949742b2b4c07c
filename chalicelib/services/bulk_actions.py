"""Retrying or cancelling many jobs at once, of one user or of everybody: a part of them a call."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.account_ports import AuditTrail
from chalicelib.domain.audit import AuditAction
from chalicelib.domain.credentials import Caller
from chalicelib.domain.delivery import first_look
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.job_filters import BulkAction, WantedJobs
from chalicelib.domain.jobs import Act, Job, JobLimits
from chalicelib.domain.users import User
from chalicelib.ports import Clock, FoundJob, IdSource, JobQueue, JobRepository
from chalicelib.services.auditing import Auditing
from chalicelib.services.dispatch import dispatch_all
from chalicelib.services.job_administration import BY_ADMINISTRATOR
from chalicelib.services.job_search import JobSearch
from chalicelib.services.measuring import ended

logger = logging.getLogger(__name__)

JOBS_MAX = 100
"""Jobs that one call changes, at most: as many writes one after the other, and as many owners who are told."""

RECORDED_JOBS = 10
"""Jobs that are recorded together before the first of them is changed: so many more than happened a trail may tell."""

PAGE = 100
"""Jobs asked for at once."""

TIME_TO_ACT = timedelta(seconds=5)
"""With less time left a call looks for no more jobs, and does what it found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkDone:
    """
    What one call did: how many jobs ``matched``, and how many of them it ``changed``; none in a preview.

    The next call goes on after ``next_after``, which is ``None`` once all were met.
    """

    matched: int
    changed: int
    next_after: str | None


class BulkActions:
    """
    Goes through jobs and changes each by the conditional write that changes one.

    A job that moves on in between is left as it is. Twice at once is harmless, and so is breaking off: what was done
    stays, and matches no more.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        search: JobSearch,
        jobs: JobRepository,
        queue: JobQueue,
        audit: AuditTrail,
        auditing: Auditing,
        clock: Clock,
        ids: IdSource,
        limits: JobLimits,
        worker: str,
    ) -> None:
        self._search = search
        self._jobs = jobs
        self._queue = queue
        self._audit = audit
        self._auditing = auditing
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._worker = worker

    def preview(self, asked: WantedJobs, *, after: str | None, time_left: Callable[[], timedelta]) -> BulkDone:
        """
        Count the jobs that match, while there is time, and change nothing.

        Raises:
            NotFound: Nobody has the name.
        """
        user = self._search.user_of(asked)
        matched = 0
        while True:
            page = self._search.page(user, asked.wanted, limit=PAGE, after=after)
            matched += len(page.found)
            after = page.next_after
            if after is None or time_left() <= timedelta():
                return BulkDone(matched=matched, changed=0, next_after=after)

    def run(  # noqa: PLR0913 - what, for whom, and how far
        self,
        caller: Caller,
        action: BulkAction,
        asked: WantedJobs,
        *,
        after: str | None,
        address: str,
        time_left: Callable[[], timedelta],
    ) -> BulkDone:
        """
        Change up to `JOBS_MAX` jobs that match, while there is time; at least one is tried, if there is one.

        ``asked`` asks for jobs that are not final to cancel, for FAILED or CANCELLED ones to retry. Before each
        `RECORDED_JOBS` are changed, their owners and the administrator have an audit event of how many are to be.

        Raises:
            NotFound: Nobody has the name.
            Unavailable: Nothing was done, or of the first job it is not known.
        """
        user = self._search.user_of(asked)
        found, next_after = self._gathered(user, asked, after, time_left)
        if not found:
            return BulkDone(matched=0, changed=0, next_after=next_after)
        changed: list[Job] = []
        tried = recorded = 0
        try:
            for each in found:
                is_late = time_left() <= timedelta()
                if tried and is_late:
                    break
                if tried == recorded:
                    part = found[tried : tried + (1 if is_late else RECORDED_JOBS)]
                    self._record(caller, action, asked, [some.job for some in part], address)
                    recorded += len(part)
                changed += self._changed(action, each.job)
                tried += 1
        except Unavailable:
            if not tried:
                raise
            logger.exception("bulk action broke off; the next call goes on with it")
        finally:
            if action is BulkAction.RETRY:
                dispatch_all(self._queue, changed, at=self._clock.now())
        is_all = tried == len(found)
        return BulkDone(
            matched=tried, changed=len(changed), next_after=next_after if is_all else found[tried - 1].place
        )

    def _gathered(
        self, user: User | None, asked: WantedJobs, after: str | None, time_left: Callable[[], timedelta]
    ) -> tuple[Sequence[FoundJob], str | None]:
        found: list[FoundJob] = []
        while True:
            page = self._search.page(user, asked.wanted, limit=JOBS_MAX - len(found), after=after)
            found += page.found
            after = page.next_after
            if after is None or len(found) == JOBS_MAX or time_left() < TIME_TO_ACT:
                return found, after

    def _changed(self, action: BulkAction, job: Job) -> Sequence[Job]:
        """Return the job as it was changed, or nothing if it has moved on since it was read."""
        act = Act(token=self._ids.new_token_id(), at=self._clock.now(), worker=self._worker)
        if action is BulkAction.CANCEL:
            to = job.cancelled(act, reason=BY_ADMINISTRATOR)
        else:
            due_at = first_look(act.at, at=act.at, resend_after=self._limits.resend_after)
            to = job.retried_by_hand(act, due_at=due_at, reason=BY_ADMINISTRATOR)
        try:
            self._jobs.advance(job, to)
        except ConcurrentUpdate:
            return ()
        if action is BulkAction.CANCEL:
            ended(to)
        return (to,)

    def _record(self, caller: Caller, action: BulkAction, asked: WantedJobs, jobs: Sequence[Job], address: str) -> None:
        told = AuditAction.JOBS_CANCELLED if action is BulkAction.CANCEL else AuditAction.JOBS_RETRIED
        of_each = Counter(job.key.owner_id for job in jobs)
        details = {owner_id: f"jobs: {number}" for owner_id, number in of_each.items()}
        whole = f"jobs: {len(jobs)}, users: {len(of_each)}; {asked.in_words()}"
        for subject, detail in ((caller.user_id, whole), *details.items()):
            event = self._auditing.event(told, subject=subject, actor=caller.username, address=address, detail=detail)
            self._audit.record(event)
            self._auditing.log(event)
