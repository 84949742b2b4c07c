"""Submitting jobs and reading them, always those of one owner."""

import logging
from difflib import get_close_matches

from chalicelib.domain.errors import ConcurrentUpdate, InputTooLarge, InvalidInput, NotFound
from chalicelib.domain.jobs import Job, JobId, JobKey, JobLimits, JobStatus, parsed_job_id
from chalicelib.domain.users import UserId
from chalicelib.ports import Clock, IdSource, JobPage, JobQueue, JobRepository, OperationCatalogue

logger = logging.getLogger(__name__)


class JobService:
    """Jobs of one owner at a time: the owner is part of every key, so no call can reach another's."""

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        jobs: JobRepository,
        queue: JobQueue,
        operations: OperationCatalogue,
        clock: Clock,
        ids: IdSource,
        limits: JobLimits,
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._operations = operations
        self._clock = clock
        self._ids = ids
        self._limits = limits

    def submit(self, owner_id: UserId, *, operation: str, data_json: bytes) -> Job:
        """
        Accept a job: the row first, then the message.

        Returns:
            The job, stored and queued.

        Raises:
            InvalidInput: There is no such operation, or the data is not of its input type.
            InputTooLarge: The data is over the limit.
            Unavailable: The store or the queue is away. The job was not accepted, and its row is taken back, as it is
                when anything else goes wrong.
        """
        data = self._accepted_data(operation, data_json)
        now = self._clock.now()
        job = Job(
            key=JobKey(owner_id=owner_id, job_id=self._ids.new_job_id()),
            operation=operation,
            data_json=data,
            status=JobStatus.PENDING,
            attempt=0,
            max_attempts=self._limits.max_attempts,
            created_at=now,
            expires_at=now + self._limits.retention,
        )
        try:
            self._jobs.add(job)
            self._queue.send(job.key)
        except Exception:
            if not self._stands_after_failure(job.key):
                raise
            logger.warning("job stands although its submit failed", extra={"job_id": job.key.job_id}, exc_info=True)
        return job

    def get(self, owner_id: UserId, job_id: str) -> Job:
        """
        Return one job.

        Raises:
            NotFound: No such job of this owner, or its retention is over.
        """
        known_id = parsed_job_id(job_id)
        job = None if known_id is None else self._jobs.get(JobKey(owner_id=owner_id, job_id=known_id))
        if job is None or job.is_expired(self._clock.now()):
            detail = "you have no job of this id; GET /jobs lists those you have"
            raise NotFound(detail)
        return job

    def newest(self, owner_id: UserId, *, limit: int, after: JobId | None) -> JobPage:
        """Return a page of the owner's jobs, newest first; expired ones are left out, so it may be short."""
        now = self._clock.now()
        page = self._jobs.newest(owner_id, limit=limit, after=after)
        return JobPage(jobs=[job for job in page.jobs if not job.is_expired(now)], next_after=page.next_after)

    def _accepted_data(self, operation: str, data_json: bytes) -> str:
        known = self._operations.find(operation)
        if known is None:
            names = [each.name for each in self._operations.all()]
            close = get_close_matches(operation[:64], names, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            detail = f"there is no such operation; there are {', '.join(names)}{hint}"
            raise InvalidInput(detail, pointer="#/operation")
        data = known.accepted_input(data_json)
        size = len(data.encode())
        if size > self._limits.data_max_bytes:
            detail = f"data takes {size} bytes as JSON, and a job may have {self._limits.data_max_bytes}"
            raise InputTooLarge(detail)
        return data

    def _stands_after_failure(self, key: JobKey) -> bool:
        """
        Take back the row of a job that could not be stored and sent; tell whether the job stands all the same.

        It stands when a consumer has begun it: then row and message did arrive, and only an answer was lost.
        """
        try:
            self._jobs.withdraw(key)
        except ConcurrentUpdate as moved:
            return moved.current is not None
        return False
