"""``POST /admin/bulk``: retrying or cancelling many jobs, of one user or of everybody, a part of them a call."""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from chalice.app import Response

from chalicelib.api.admin_job_schemas import BulkAnswer
from chalicelib.api.admin_jobs import cursor_name
from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.paging import sealed_cursor
from chalicelib.api.requests import json_body, json_response
from chalicelib.domain.errors import InvalidInput, NotFound
from chalicelib.domain.hints import no_such_operation
from chalicelib.domain.job_filters import BulkAction, JobFilter, WantedJobs
from chalicelib.domain.jobs import FINAL, RETRIABLE, JobStatus
from chalicelib.fields import ErrorCode, UsernameText

TIME = timedelta(seconds=10)
"""How long one call works, but for what it has begun by then; API Gateway waits for 29 seconds."""


class BulkFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which jobs are meant; without ``username`` those of everybody."""

    username: Annotated[UsernameText, msgspec.Meta(description="Only jobs of the user of this name.")] | None = None
    status: (
        Annotated[
            JobStatus,
            msgspec.Meta(
                description="To cancel, PENDING or IN_PROGRESS; without it both. To retry, FAILED, as without it, or"
                " CANCELLED, of one user at a time.",
                examples=["FAILED"],
            ),
        ]
        | None
    ) = None
    operation: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1, max_length=256, description="Only jobs of this operation.", examples=["square_sum"]
            ),
        ]
        | None
    ) = None
    error_code: Annotated[ErrorCode, msgspec.Meta(description="Only FAILED jobs with this code.")] | None = None
    dead: Annotated[bool, msgspec.Meta(description="`true`: only FAILED jobs that are dead.", examples=[True])] = False
    created_before: (
        Annotated[
            datetime,
            msgspec.Meta(
                tz=True, description="Only jobs accepted before this instant.", examples=["2026-11-24T12:00:00Z"]
            ),
        ]
        | None
    ) = None


class BulkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/bulk``."""

    action: Annotated[BulkAction, msgspec.Meta(description="What is done with each of the jobs.", examples=["retry"])]
    filter: BulkFilter
    preview: Annotated[bool, msgspec.Meta(description="Whether the jobs are only counted.", examples=[True])]
    cursor: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1,
                max_length=256,
                description="The `next_cursor` of the call before, to go on; action and filter must be the same.",
            ),
        ]
        | None
    ) = None


def change_many(call: Call) -> Response:
    """Retry or cancel some of the jobs that match, or count them."""
    request = json_body(call, BulkRequest)
    asked = WantedJobs(username=request.filter.username, wanted=_wanted(call, request))
    name = cursor_name(request.action, asked)
    after = None
    if request.cursor is not None:
        after = call.services.cursors.opened(request.cursor, owner_id=call.user_id, wanted=name)
        if after is None:
            detail = "cursor must be the next_cursor of a call with the same action and filter; begin again without it"
            raise InvalidInput(detail, pointer="#/cursor")
    clock = call.services.clock
    until = clock.now() + TIME

    def time_left() -> timedelta:
        return until - clock.now()

    if request.preview:
        done = call.services.bulk_actions.preview(asked, after=after, time_left=time_left)
    else:
        done = call.services.bulk_actions.run(
            call.caller, request.action, asked, after=after, address=call.address, time_left=time_left
        )
    next_cursor = sealed_cursor(call, done.next_after, name)
    return json_response(BulkAnswer(matched=done.matched, changed=done.changed, next_cursor=next_cursor))


def _wanted(call: Call, request: BulkRequest) -> JobFilter:
    """Return which jobs are meant; refuse what the action cannot be done with."""
    given = request.filter
    operations = call.services.operations
    if given.operation is not None and operations.find(given.operation) is None:
        detail = no_such_operation(given.operation, [each.name for each in operations.all()])
        raise InvalidInput(detail, pointer="#/filter/operation")
    status = _status_to_cancel(given) if request.action is BulkAction.CANCEL else _status_to_retry(given)
    for name, is_given in (("error_code", given.error_code is not None), ("dead", given.dead)):
        if is_given and status is not JobStatus.FAILED:
            detail = f"{name} is of FAILED jobs; leave it out, or retry those"
            raise InvalidInput(detail, pointer=f"#/filter/{name}")
    return JobFilter(
        status=status,
        is_open=status is None,
        operation=given.operation,
        error_code=given.error_code,
        is_dead=given.dead,
        created_before=given.created_before,
    )


def _status_to_cancel(given: BulkFilter) -> JobStatus | None:
    if given.status in FINAL:
        detail = "only PENDING and IN_PROGRESS jobs can be cancelled; leave the status out for both"
        raise InvalidInput(detail, pointer="#/filter/status")
    return given.status


def _status_to_retry(given: BulkFilter) -> JobStatus:
    status = given.status or JobStatus.FAILED
    if status not in RETRIABLE:
        detail = "only FAILED and CANCELLED jobs can be retried; leave the status out for FAILED"
        raise InvalidInput(detail, pointer="#/filter/status")
    if status is JobStatus.CANCELLED and given.username is None:
        detail = "CANCELLED jobs can be retried of one user at a time; name the user by username"
        raise InvalidInput(detail, pointer="#/filter/status")
    return status


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/admin/bulk",
        tag="Administration",
        summary="Retry or cancel many jobs, some of them a call; or only count them",
        handler=change_many,
        access=Access.ADMIN,
        body=BulkRequest,
        answers={200: BulkAnswer},
        refusals=(NotFound,),
    ),
)
