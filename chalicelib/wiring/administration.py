"""The services of administrators."""

from typing import TYPE_CHECKING

from chalicelib.wiring.accounts import AccountServices
from chalicelib.wiring.jobs import JobServices
from chalicelib.wiring.once import made_once

if TYPE_CHECKING:
    from chalicelib.services.administration import Administration
    from chalicelib.services.bulk_actions import BulkActions
    from chalicelib.services.job_administration import JobAdministration
    from chalicelib.services.job_search import JobSearch
    from chalicelib.services.pausing import PauseService
    from chalicelib.services.statistics import StatisticsService


class AdministrationServices(AccountServices, JobServices):
    """What administrators do with the accounts and jobs of others."""

    @made_once
    def administration(self) -> "Administration":
        """Other users' accounts."""
        from chalicelib.services.administration import Administration

        return Administration(
            accounts=self.accounts,
            sessions=self.sessions,
            schedules=self.schedules,
            users=self.adapters.users,
            audit=self.adapters.audit,
            auditing=self.auditing,
        )

    @made_once
    def job_administration(self) -> "JobAdministration":
        """Other users' jobs, one by one."""
        from chalicelib.services.job_administration import JobAdministration

        has = self.adapters
        return JobAdministration(
            jobs=self.jobs,
            search=self.job_search,
            credentials=has.credentials,
            audit=has.audit,
            auditing=self.auditing,
        )

    @made_once
    def bulk_actions(self) -> "BulkActions":
        """Other users' jobs, all that match."""
        from chalicelib.services.bulk_actions import BulkActions

        has = self.adapters
        return BulkActions(
            search=self.job_search,
            jobs=has.jobs,
            queue=has.queue,
            audit=has.audit,
            auditing=self.auditing,
            clock=has.clock,
            ids=has.ids,
            limits=self.job_limits,
            worker=has.worker,
        )

    @made_once
    def job_search(self) -> "JobSearch":
        """What finds them."""
        from chalicelib.services.job_search import JobSearch

        has = self.adapters
        return JobSearch(users=has.users, lists=has.job_lists, everybodys_jobs=has.everybodys_jobs, clock=has.clock)

    @made_once
    def statistics(self) -> "StatisticsService":
        """How everybody's jobs ended, and what waits."""
        from chalicelib.services.statistics import StatisticsService

        has = self.adapters
        return StatisticsService(counts=has.counts, jobs=has.jobs, queue=has.queue_gauge, clock=has.clock)

    @made_once
    def pauses(self) -> "PauseService":
        """Jobs are paused and resumed."""
        from chalicelib.services.pausing import PauseService
        from chalicelib.services.resuming import WaitingJobs

        has = self.adapters
        return PauseService(
            pauses=has.pauses,
            known=self.known_pauses,
            users=has.users,
            operations=self.operations,
            waiting=WaitingJobs(jobs=has.jobs, queue=has.queue, clock=has.clock),
            auditing=self.auditing,
            clock=has.clock,
        )
