"""Reading jobs, calling them off and on again, and deleting them; always those of one owner."""

from collections.abc import Callable
from typing import TypeVar

from chalicelib.domain.delivery import first_look
from chalicelib.domain.errors import ConcurrentUpdate, Conflict, Expired, NotFound, Unavailable
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import RETRIABLE, Act, Job, JobId, JobKey, JobLimits, parsed_job_id
from chalicelib.domain.users import UserId
from chalicelib.ports import Clock, IdSource, JobLists, JobPage, JobQueue, JobRepository
from chalicelib.services.dispatch import dispatch
from chalicelib.services.measuring import ended

T = TypeVar("T")

WRITE_TRIES = 5
"""Times that a caller's wish is decided anew because the job moved in between; each loss is somebody's progress."""


def must_be_open(job: Job) -> None:
    """
    Pass a job that can be cancelled.

    Raises:
        Conflict: It is final.
    """
    if job.is_final:
        detail = f"the job is {job.status}; only a PENDING or IN_PROGRESS one can be cancelled"
        raise Conflict(detail)


def must_be_retriable(job: Job) -> None:
    """
    Pass a job that can be retried by hand.

    Raises:
        Conflict: It is neither FAILED nor CANCELLED.
    """
    if job.status not in RETRIABLE:
        detail = f"the job is {job.status}; only a FAILED or CANCELLED one can be retried"
        raise Conflict(detail)


class JobService:
    """Jobs of one owner at a time: the owner is part of every key, so no call can reach another's."""

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        jobs: JobRepository,
        lists: JobLists,
        queue: JobQueue,
        clock: Clock,
        ids: IdSource,
        limits: JobLimits,
        worker: str,
    ) -> None:
        self._jobs = jobs
        self._lists = lists
        self._queue = queue
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._worker = worker

    def get(self, owner_id: UserId, job_id: str) -> Job:
        """
        Return one job.

        Raises:
            NotFound: No such job of this owner.
            Expired: Its retention is over, and the table has not deleted it yet.
        """
        known_id = parsed_job_id(job_id)
        job = None if known_id is None else self._jobs.get(JobKey(owner_id=owner_id, job_id=known_id))
        if job is None:
            detail = "you have no job of this id; GET /jobs lists those you have"
            raise NotFound(detail)
        if job.is_expired(self._clock.now()):
            detail = f"this job was kept until {job.expires_at:%Y-%m-%dT%H:%M:%SZ}"
            raise Expired(detail)
        return job

    def cancel(self, owner_id: UserId, job_id: str, *, reason: str | None = None) -> Job:
        """
        Call a waiting or running job off; return it.

        A running operation goes on until it asks or is asked after, but what it returns no longer counts. The job's
        events tell the ``reason``.

        Raises:
            NotFound: No such job of this owner.
            Expired: Its retention is over.
            Conflict: It is final.
        """

        def cancelled(job: Job) -> Job:
            must_be_open(job)
            return job.cancelled(self._act(), reason=reason)

        job = self._changed(owner_id, job_id, cancelled)
        ended(job)
        return job

    def retry_by_hand(self, owner_id: UserId, job_id: str, *, reason: str | None = None) -> Job:
        """
        Give a FAILED or CANCELLED job a fresh set of attempts; return it, waiting.

        The job's events tell the ``reason``.

        Raises:
            NotFound: No such job of this owner.
            Expired: Its retention is over.
            Conflict: It is neither.
        """

        def waiting(job: Job) -> Job:
            must_be_retriable(job)
            act = self._act()
            due_at = first_look(act.at, at=act.at, resend_after=self._limits.resend_after)
            return job.retried_by_hand(act, due_at=due_at, reason=reason)

        job = self._changed(owner_id, job_id, waiting)
        dispatch(self._queue, job, at=job.run_at)
        return job

    def delete(self, owner_id: UserId, job_id: str) -> None:
        """
        Forget a final job before its retention is over.

        Raises:
            NotFound: No such job of this owner.
            Expired: Its retention is over.
            Conflict: It is not final.
        """

        def delete(job: Job) -> None:
            if not job.is_final:
                detail = f"the job is {job.status}; cancel it first, only a final one can be deleted"
                raise Conflict(detail)
            self._jobs.delete(job)

        self._written(owner_id, job_id, delete)

    def page(self, owner_id: UserId, wanted: JobFilter, *, limit: int, after: JobId | None) -> JobPage:
        """Return a page of the owner's jobs that match; expired ones are left out, so it may be short."""
        now = self._clock.now()
        page = self._lists.page(owner_id, wanted, limit=limit, after=after)
        return JobPage(jobs=[job for job in page.jobs if not job.is_expired(now)], next_after=page.next_after)

    def _changed(self, owner_id: UserId, job_id: str, change: Callable[[Job], Job]) -> Job:
        def advance(job: Job) -> Job:
            changed = change(job)
            self._jobs.advance(job, changed)
            return changed

        return self._written(owner_id, job_id, advance)

    def _written(self, owner_id: UserId, job_id: str, write: Callable[[Job], T]) -> T:
        """Write what the caller wishes, decided on the job as it is; return what ``write`` does."""
        for _ in range(WRITE_TRIES):
            job = self.get(owner_id, job_id)
            try:
                return write(job)
            except ConcurrentUpdate:
                continue
        detail = "the job is changing too quickly; try again"
        raise Unavailable(detail)

    def _act(self) -> Act:
        return Act(token=self._ids.new_token_id(), at=self._clock.now(), worker=self._worker)
