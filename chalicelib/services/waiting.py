"""Holding a request until a job is final, so that its caller need not poll."""

from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.errors import RequestRefused, Unavailable
from chalicelib.domain.jobs import Job
from chalicelib.domain.rate_limits import Limit, Standing
from chalicelib.ports import Clock, JobRepository, Pause
from chalicelib.services.rate_limiting import RateLimiter

WAIT_MAX = timedelta(seconds=20)
"""
API Gateway gives up after 29 s. The rest is for a cold start and for one last look.

A look is two calls of DynamoDB that are tried once: 6 s, should both hang.
"""

FIRST_PAUSE = timedelta(milliseconds=100)
PAUSE_GROWTH = 1.5
PAUSE_MAX = timedelta(seconds=1)
"""Pauses between two looks: short at first, since most jobs are, then once a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """A job as it was last seen, and how its owner stands with the limit that looks count against."""

    job: Job
    standing: Standing | None = None


class Waiting:
    """
    Looks at a job until it is final.

    Each look counts as a read of the owner, who thus pays for waiting as for polling; that also bounds how many
    requests of one user can wait at once, and none waits uncounted.
    """

    def __init__(
        self, *, jobs: JobRepository, clock: Clock, pause: Pause, rate_limiter: RateLimiter, read_limit: Limit
    ) -> None:
        self._jobs = jobs
        self._clock = clock
        self._pause = pause
        self._rate_limiter = rate_limiter
        self._read_limit = read_limit

    def until_final(self, job: Job, *, at_most: timedelta) -> Waited:
        """
        Return the job as it is once it is final, or after ``at_most``, which `WAIT_MAX` bounds.

        A job whose time comes later than that is not waited for. What keeps it from looking, be it the quota, a table,
        or that the job was deleted, ends the wait with the job as it was last seen: what the caller asked for was done.
        """
        ends_at = self._clock.now() + min(at_most, WAIT_MAX)
        waited = Waited(job=job)
        pause = FIRST_PAUSE
        while not waited.job.is_final and waited.job.is_due(ends_at):
            left = ends_at - self._clock.now()
            if left <= timedelta():
                break
            self._pause.sleep(min(pause, left))
            pause = min(pause * PAUSE_GROWTH, PAUSE_MAX)
            seen = self._look(waited.job)
            if seen is None:
                break
            waited = seen
        return waited

    def _look(self, job: Job) -> Waited | None:
        try:
            standing = self._rate_limiter.admit(job.key.owner_id, self._read_limit)
            seen = self._jobs.get(job.key) if standing is not None else None
        except (RequestRefused, Unavailable):
            return None
        return None if seen is None else Waited(job=seen, standing=standing)
