"""Other people's jobs, for administrators: lists of them, one of them, and its cancelling and retrying."""

from typing import Annotated

import msgspec
from chalice.app import Response

from chalicelib.api.admin_job_schemas import AdministeredJob, AdministeredJobList, ExplainedJob
from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.job_list import ListQuery, checked_filter
from chalicelib.api.paging import next_link, opened_cursor, sealed_cursor
from chalicelib.api.problems import InvalidParameter
from chalicelib.api.query import query_of
from chalicelib.api.requests import json_response
from chalicelib.api.schemas import AcceptedJob
from chalicelib.domain.errors import Conflict, Expired, NotFound
from chalicelib.domain.job_filters import JobFilter, WantedJobs
from chalicelib.domain.jobs import FINAL, JobStatus
from chalicelib.domain.polling import poll_after_s
from chalicelib.domain.users import username_key
from chalicelib.fields import EXAMPLE_JOB_ID, ErrorCode, UsernameText


class AdminListQuery(ListQuery, frozen=True, forbid_unknown_fields=True):
    """Query of ``GET /admin/jobs``."""

    username: Annotated[UsernameText, msgspec.Meta(description="Only jobs of the user of this name.")] | None = None
    error_code: Annotated[ErrorCode, msgspec.Meta(description="Only FAILED jobs with this code.")] | None = None
    dead: Annotated[bool, msgspec.Meta(description="`true`: only FAILED jobs that are dead.")] = False

    def wanted(self) -> JobFilter:
        """Return which jobs are asked for: FAILED ones too where only these can be."""
        is_of_failed = self.dead or self.error_code is not None
        return JobFilter(
            status=JobStatus.FAILED if is_of_failed and self.status is None else self.status,
            operation=self.operation,
            created_after=self.created_after,
            created_before=self.created_before,
            tag=self.tag,
            error_code=self.error_code,
            is_dead=self.dead,
        )


def list_jobs(call: Call) -> Response:
    """Return a page of a user's jobs, or of everybody's."""
    query = query_of(call, AdminListQuery)
    asked = WantedJobs(username=query.username, wanted=_checked(call, query))
    name = cursor_name("admin jobs", asked)
    after = opened_cursor(call, query.cursor, name)
    page = call.services.job_administration.page(
        call.caller, asked, limit=query.limit, after=after, address=call.address
    )
    next_cursor = sealed_cursor(call, page.next_after, name)
    listed = [AdministeredJob.from_job(job, page.usernames[job.key.owner_id]) for job in page.jobs]
    return json_response(
        AdministeredJobList(jobs=listed, next_cursor=next_cursor), headers=next_link(call, next_cursor)
    )


def show_job(call: Call) -> Response:
    """Return what one job is and how it went."""
    found = call.services.job_administration.look_at(
        call.caller, call.parameter("owner_id"), call.parameter("job_id"), address=call.address
    )
    (job,) = found.jobs
    pause = call.services.pauses.of(job)
    return json_response(ExplainedJob.from_found(found, at=call.services.clock.now(), pause=pause))


def cancel_job(call: Call) -> Response:
    """Call a user's job off."""
    job = call.services.job_administration.cancel(
        call.caller, call.parameter("owner_id"), call.parameter("job_id"), address=call.address
    )
    return json_response(AcceptedJob.from_job(job), status=202)


def retry_job(call: Call) -> Response:
    """Give a user's job a fresh set of attempts."""
    job = call.services.job_administration.retry(
        call.caller, call.parameter("owner_id"), call.parameter("job_id"), address=call.address
    )
    headers = {"Location": call.path.removesuffix("/retry"), "Retry-After": str(poll_after_s(job, at=job.run_at))}
    return json_response(AcceptedJob.from_job(job), status=202, headers=headers)


def cursor_name(kind: str, asked: WantedJobs) -> str:
    """Return what a cursor is bound to beside the administrator: what is asked for, of whom."""
    username = None if asked.username is None else username_key(asked.username)
    return msgspec.json.encode([kind, username, asked.wanted]).decode()


def _checked(call: Call, query: AdminListQuery) -> JobFilter:
    """Refuse what nobody has, and what no index has of everybody."""
    wanted = checked_filter(call, query.wanted())
    is_of_failed = wanted.is_dead or wanted.error_code is not None
    if is_of_failed and wanted.status is not JobStatus.FAILED:
        detail = "error_code and dead are of FAILED jobs; leave the status out, or make it FAILED"
        raise InvalidParameter(detail)
    if query.username is None and (wanted.status is None or wanted.status in FINAL - {JobStatus.FAILED}):
        detail = "name a user by username, or ask for the status PENDING, IN_PROGRESS or FAILED of everybody's jobs"
        raise InvalidParameter(detail)
    return wanted


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/admin/jobs",
        tag="Administration",
        summary="The jobs of a user; or of everybody, those that wait, run, or FAILED",
        handler=list_jobs,
        access=Access.ADMIN,
        query=AdminListQuery,
        answers={200: AdministeredJobList},
        gives=("Link",),
        refusals=(NotFound,),
    ),
    Endpoint(
        method="GET",
        path="/admin/jobs/{owner_id}/{job_id}",
        tag="Administration",
        summary="What a user's job is and how it went",
        handler=show_job,
        access=Access.ADMIN,
        answers={200: ExplainedJob},
        refusals=(NotFound, Expired),
    ),
    Endpoint(
        method="POST",
        path="/admin/jobs/{owner_id}/{job_id}/cancel",
        tag="Administration",
        summary="Call a user's waiting or running job off",
        handler=cancel_job,
        access=Access.ADMIN,
        answers={202: AcceptedJob},
        examples={202: AcceptedJob(job_id=EXAMPLE_JOB_ID, status=JobStatus.CANCELLED)},
        refusals=(NotFound, Expired, Conflict),
    ),
    Endpoint(
        method="POST",
        path="/admin/jobs/{owner_id}/{job_id}/retry",
        tag="Administration",
        summary="Run a user's failed or cancelled job again",
        handler=retry_job,
        access=Access.ADMIN,
        answers={202: AcceptedJob},
        gives=("Location", "Retry-After"),
        refusals=(NotFound, Expired, Conflict),
    ),
)
