"""What administrators do with jobs, wired over whatever it is to reach."""

from dataclasses import dataclass

from chalicelib.account_ports import AuditTrail, CredentialRepository, UserRepository
from chalicelib.domain.jobs import JobLimits
from chalicelib.ports import AccountIdSource, Clock, EverybodysJobs, JobLists, JobQueue, JobRepository
from chalicelib.services.auditing import Auditing
from chalicelib.services.bulk_actions import BulkActions
from chalicelib.services.job_administration import JobAdministration
from chalicelib.services.job_search import JobSearch
from chalicelib.services.jobs import JobService


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAdministrationServices:
    """Those of the services that are about other people's jobs."""

    one_by_one: JobAdministration
    in_bulk: BulkActions


def wired_job_administration(  # noqa: PLR0913 - each is a part
    *,
    service: JobService,
    jobs: JobRepository,
    lists: JobLists,
    everybodys_jobs: EverybodysJobs,
    queue: JobQueue,
    users: UserRepository,
    credentials: CredentialRepository,
    audit: AuditTrail,
    clock: Clock,
    ids: AccountIdSource,
    limits: JobLimits,
    worker: str,
) -> JobAdministrationServices:
    """Wire the services of other people's jobs, over whatever they are to reach."""
    auditing = Auditing(clock=clock, ids=ids)
    search = JobSearch(users=users, lists=lists, everybodys_jobs=everybodys_jobs, clock=clock)
    return JobAdministrationServices(
        one_by_one=JobAdministration(
            jobs=service, search=search, credentials=credentials, audit=audit, auditing=auditing
        ),
        in_bulk=BulkActions(
            search=search,
            jobs=jobs,
            queue=queue,
            audit=audit,
            auditing=auditing,
            clock=clock,
            ids=ids,
            limits=limits,
            worker=worker,
        ),
    )
