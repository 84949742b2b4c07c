"""``GET /jobs``: the caller's jobs, page by page."""

from datetime import datetime
from typing import Annotated

import msgspec
from chalice.app import Response

from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.paging import next_link, opened_cursor, sealed_cursor
from chalicelib.api.problems import InvalidParameter
from chalicelib.api.query import query_of
from chalicelib.api.requests import json_response
from chalicelib.api.schemas import JobList, ListedJob
from chalicelib.domain.hints import no_such_operation
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import JobId, JobStatus
from chalicelib.fields import Tag

PAGE_DEFAULT = 20
PAGE_MAX = 100


class ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of ``GET /jobs``."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX, description="The most jobs that the page has.")] = (
        PAGE_DEFAULT
    )
    cursor: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1,
                max_length=256,
                description="The `next_cursor` of the page before, to go on after it; the filters must be the same.",
            ),
        ]
        | None
    ) = None
    status: Annotated[JobStatus, msgspec.Meta(description="Only jobs in this status.")] | None = None
    operation: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=256, description="Only jobs of this operation.")] | None
    ) = None
    created_after: (
        Annotated[datetime, msgspec.Meta(tz=True, description="Only jobs accepted at this instant or after it.")] | None
    ) = None
    created_before: (
        Annotated[datetime, msgspec.Meta(tz=True, description="Only jobs accepted before this instant.")] | None
    ) = None
    tag: Annotated[Tag, msgspec.Meta(description="Only jobs that have this tag.")] | None = None

    def wanted(self) -> JobFilter:
        """Return which jobs are asked for."""
        return JobFilter(
            status=self.status,
            operation=self.operation,
            created_after=self.created_after,
            created_before=self.created_before,
            tag=self.tag,
        )


def list_jobs(call: Call) -> Response:
    """Return a page of the caller's jobs."""
    query = query_of(call, ListQuery)
    wanted = checked_filter(call, query.wanted())
    after = opened_cursor(call, query.cursor, wanted)
    page = call.services.jobs.page(
        call.user_id, wanted, limit=query.limit, after=None if after is None else JobId(after)
    )
    next_cursor = sealed_cursor(call, page.next_after, wanted)
    return json_response(
        JobList(jobs=[ListedJob.from_job(job) for job in page.jobs], next_cursor=next_cursor),
        headers=next_link(call, next_cursor),
    )


def checked_filter(call: Call, wanted: JobFilter) -> JobFilter:
    """Refuse what would be an empty list only because of a slip."""
    operations = call.services.operations
    if wanted.operation is not None and operations.find(wanted.operation) is None:
        raise InvalidParameter(no_such_operation(wanted.operation, [each.name for each in operations.all()]))
    after, before = wanted.created_after, wanted.created_before
    if after is not None and before is not None and before <= after:
        detail = "created_before must be later than created_after"
        raise InvalidParameter(detail)
    return wanted


ENDPOINTS = tuple(
    Endpoint(
        method="GET",
        path=path,
        summary="The caller's jobs, newest first",
        handler=list_jobs,
        access=Access.READ,
        query=ListQuery,
        answers={200: JobList},
        gives=("Link",),
        refusals=(InvalidParameter,),
    )
    for path in ("/jobs", "/jobsList")
)
