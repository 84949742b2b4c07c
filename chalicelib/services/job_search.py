"""Jobs of one user or of everybody, by a filter: where administrators' lists and bulk actions get them from."""

from chalicelib.account_ports import UserRepository
from chalicelib.domain.job_filters import JobFilter, WantedJobs
from chalicelib.domain.jobs import JobId
from chalicelib.domain.users import User
from chalicelib.ports import Clock, EverybodysJobs, FoundJob, FoundPage, JobLists
from chalicelib.services.administration import user_of_name


class JobSearch:
    """Finds jobs page by page. Expired ones are left out, so a page may be short."""

    def __init__(
        self, *, users: UserRepository, lists: JobLists, everybodys_jobs: EverybodysJobs, clock: Clock
    ) -> None:
        self._users = users
        self._lists = lists
        self._everybodys_jobs = everybodys_jobs
        self._clock = clock

    def user_of(self, jobs: WantedJobs) -> User | None:
        """
        Return the user whose jobs are meant, ``None`` if they are everybody's.

        Raises:
            NotFound: Nobody has this name.
        """
        return None if jobs.username is None else user_of_name(self._users, jobs.username)

    def page(self, user: User | None, wanted: JobFilter, *, limit: int, after: str | None) -> FoundPage:
        """Return a page of a user's jobs that match, the newest first; or of everybody's, as their port has it."""
        now = self._clock.now()
        if user is None:
            page = self._everybodys_jobs.page(wanted, limit=limit, after=after)
        else:
            own = self._lists.page(user.user_id, wanted, limit=limit, after=None if after is None else JobId(after))
            page = FoundPage(
                found=[FoundJob(job=job, place=job.key.job_id) for job in own.jobs], next_after=own.next_after
            )
        found = [each for each in page.found if not each.job.is_expired(now)]
        return FoundPage(found=found, next_after=page.next_after)
