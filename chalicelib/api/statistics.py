"""All jobs together, for administrators: how they ended, and how many wait."""

from typing import Annotated

import msgspec
from chalice.app import Response

from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.query import query_of
from chalicelib.api.requests import json_response
from chalicelib.api.statistics_schemas import OverviewAnswer, StatisticsAnswer
from chalicelib.domain.statistics import Window


class StatisticsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of ``GET /admin/statistics``."""

    window: Annotated[
        Window,
        msgspec.Meta(
            description="How far back: an hour in intervals of 5 minutes, a day of 30 minutes, a week of 2 hours."
        ),
    ] = Window.HOUR


def show_statistics(call: Call) -> Response:
    """Return how jobs ended, and how long they took."""
    wanted = query_of(call, StatisticsQuery)
    return json_response(StatisticsAnswer.from_statistics(call.services.statistics.of(wanted.window)))


def show_overview(call: Call) -> Response:
    """Return how much waits."""
    return json_response(OverviewAnswer.from_overview(call.services.statistics.overview()))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/admin/statistics",
        tag="Administration",
        summary="How everybody's jobs ended, and how long they took",
        handler=show_statistics,
        access=Access.ADMIN,
        query=StatisticsQuery,
        answers={200: StatisticsAnswer},
    ),
    Endpoint(
        method="GET",
        path="/admin/overview",
        tag="Administration",
        summary="How much waits in the queue, and for how long",
        handler=show_overview,
        access=Access.ADMIN,
        answers={200: OverviewAnswer},
    ),
)
