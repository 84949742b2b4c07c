"""Schedules: jobs that are made by the clock."""

from typing import Annotated

import msgspec
from chalice.app import Response

from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.paging import next_link, opened_cursor, sealed_cursor
from chalicelib.api.query import query_of
from chalicelib.api.requests import json_body, json_response
from chalicelib.api.schedule_schemas import ScheduleChange, ScheduleList, ScheduleRequest, WholeSchedule
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.schedules import ScheduleId

PAGE_DEFAULT = 20
PAGE_MAX = 100
LISTED = "schedules"
"""What its cursors are bound to beside their owner."""


class SchedulesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of ``GET /schedules``."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX, description="The most schedules that the page has.")] = (
        PAGE_DEFAULT
    )
    cursor: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1, max_length=256, description="The `next_cursor` of the page before, to go on after it."
            ),
        ]
        | None
    ) = None


def create_schedule(call: Call) -> Response:
    """Make a schedule."""
    schedule = call.services.schedules.create(call.user_id, json_body(call, ScheduleRequest).wanted())
    headers = {"Location": f"{call.path}/{schedule.key.schedule_id}"}
    return json_response(WholeSchedule.from_schedule(schedule), status=201, headers=headers)


def list_schedules(call: Call) -> Response:
    """Return a page of the caller's schedules."""
    query = query_of(call, SchedulesQuery)
    after = opened_cursor(call, query.cursor, LISTED, same=None)
    page = call.services.schedules.page(
        call.user_id, limit=query.limit, after=None if after is None else ScheduleId(after)
    )
    next_cursor = sealed_cursor(call, page.next_after, LISTED)
    listed = [WholeSchedule.from_schedule(each) for each in page.schedules]
    return json_response(ScheduleList(schedules=listed, next_cursor=next_cursor), headers=next_link(call, next_cursor))


def get_schedule(call: Call) -> Response:
    """Return all of a schedule."""
    schedule = call.services.schedules.get(call.user_id, call.parameter("schedule_id"))
    return json_response(WholeSchedule.from_schedule(schedule))


def change_schedule(call: Call) -> Response:
    """Change a schedule, pause or resume it."""
    change = json_body(call, ScheduleChange)
    schedule = call.services.schedules.change(call.user_id, call.parameter("schedule_id"), change.changed)
    return json_response(WholeSchedule.from_schedule(schedule))


def delete_schedule(call: Call) -> Response:
    """Forget a schedule."""
    call.services.schedules.delete(call.user_id, call.parameter("schedule_id"))
    return Response(body="", status_code=204)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/schedules",
        tag="Schedules",
        summary="Make a schedule, which makes a job at each of its due times",
        handler=create_schedule,
        access=Access.SUBMIT,
        lasts=True,
        body=ScheduleRequest,
        answers={201: WholeSchedule},
        gives=("Location",),
        refusals=(Conflict,),
    ),
    Endpoint(
        method="GET",
        path="/schedules",
        tag="Schedules",
        summary="The caller's schedules, newest first",
        handler=list_schedules,
        access=Access.READ,
        query=SchedulesQuery,
        answers={200: ScheduleList},
        gives=("Link",),
    ),
    Endpoint(
        method="GET",
        path="/schedules/{schedule_id}",
        tag="Schedules",
        summary="Everything about one schedule",
        handler=get_schedule,
        access=Access.READ,
        answers={200: WholeSchedule},
        refusals=(NotFound,),
    ),
    Endpoint(
        method="PATCH",
        path="/schedules/{schedule_id}",
        tag="Schedules",
        summary="Change a schedule, pause or resume it",
        handler=change_schedule,
        access=Access.SUBMIT,
        lasts=True,
        body=ScheduleChange,
        answers={200: WholeSchedule},
        refusals=(NotFound, Conflict),
    ),
    Endpoint(
        method="DELETE",
        path="/schedules/{schedule_id}",
        tag="Schedules",
        summary="Forget a schedule; the jobs that it made stay",
        handler=delete_schedule,
        access=Access.SUBMIT,
        answers={204: None},
        refusals=(NotFound,),
    ),
)
