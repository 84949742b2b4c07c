"""Pausing and resuming an operation, or a user's jobs; for administrators."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import unquote

import msgspec
from chalice.app import Response

from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint, Handler
from chalicelib.api.forms import PauseRequest
from chalicelib.api.requests import json_body, json_response
from chalicelib.api.users import username_in_path
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.pauses import JobPause, JobsOfOperation, JobsOfUser
from chalicelib.fields import EXAMPLE_USER_ID, Instant, described


class ListedPause(msgspec.Struct, frozen=True):
    """One pause: of an ``operation``, or of the jobs of the user with this ``owner_id`` and ``username``."""

    paused_at: Instant
    paused_by: Annotated[str, described("The name of the administrator.")]
    reason: Annotated[str | None, described("The owners of waiting jobs are told.")]
    operation: str | msgspec.UnsetType = msgspec.UNSET
    owner_id: str | msgspec.UnsetType = msgspec.UNSET
    username: str | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def from_pause(cls, pause: JobPause) -> "ListedPause":
        """Return a pause as administrators see it."""
        jobs = pause.jobs
        return cls(
            paused_at=pause.paused_at,
            paused_by=pause.paused_by,
            reason=pause.reason,
            operation=jobs.operation if isinstance(jobs, JobsOfOperation) else msgspec.UNSET,
            owner_id=jobs.owner_id if isinstance(jobs, JobsOfUser) else msgspec.UNSET,
            username=jobs.username if isinstance(jobs, JobsOfUser) else msgspec.UNSET,
        )


EXAMPLE_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
OPERATION_PAUSE = ListedPause(
    paused_at=EXAMPLE_AT, paused_by="root", reason="the planet service is being repaired", operation="square_sum"
)
USER_PAUSE = ListedPause(
    paused_at=EXAMPLE_AT, paused_by="root", reason=None, owner_id=EXAMPLE_USER_ID, username="yourname"
)

OfOneKind = Annotated[
    ListedPause,
    msgspec.Meta(extra_json_schema={"oneOf": [{"required": ["operation"]}, {"required": ["owner_id", "username"]}]}),
]


class PauseList(msgspec.Struct, frozen=True):
    """Answer of ``GET /admin/pauses``: of operations, then of users."""

    pauses: Sequence[OfOneKind]


class Resumed(msgspec.Struct, frozen=True):
    """Answer of ``POST /admin/operations/{operation}/resume`` and ``POST /admin/users/{username}/resume``."""

    sent: Annotated[
        int, described("How many waiting jobs were sent at once; the sweep sends the rest, some hundred a minute.", 3)
    ]


def list_pauses(call: Call) -> Response:
    """Return all pauses."""
    return json_response(PauseList(pauses=[ListedPause.from_pause(each) for each in call.services.pauses.all()]))


def pause_operation(call: Call) -> Response:
    """Pause an operation."""
    reason = json_body(call, PauseRequest).reason
    pause = call.services.pauses.pause_operation(call.caller, _operation(call), reason=reason, address=call.address)
    return json_response(ListedPause.from_pause(pause))


def pause_user(call: Call) -> Response:
    """Pause a user's jobs."""
    reason = json_body(call, PauseRequest).reason
    pause = call.services.pauses.pause_user(call.caller, username_in_path(call), reason=reason, address=call.address)
    return json_response(ListedPause.from_pause(pause))


def resume_operation(call: Call) -> Response:
    """Resume an operation."""
    sent = call.services.pauses.resume_operation(call.caller, _operation(call), address=call.address)
    return json_response(Resumed(sent=sent))


def resume_user(call: Call) -> Response:
    """Resume a user's jobs."""
    sent = call.services.pauses.resume_user(call.caller, username_in_path(call), address=call.address)
    return json_response(Resumed(sent=sent))


def _operation(call: Call) -> str:
    return unquote(call.parameter("operation"))


def _pause(path: str, summary: str, handler: Handler, example: ListedPause) -> Endpoint:
    return Endpoint(
        method="POST",
        path=path,
        tag="Administration",
        summary=summary,
        handler=handler,
        access=Access.ADMIN,
        body=PauseRequest,
        answers={200: ListedPause},
        examples={200: example},
        refusals=(NotFound, Conflict),
    )


def _resume(path: str, summary: str, handler: Handler) -> Endpoint:
    return Endpoint(
        method="POST",
        path=path,
        tag="Administration",
        summary=summary,
        handler=handler,
        access=Access.ADMIN,
        answers={200: Resumed},
        refusals=(NotFound, Conflict),
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/admin/pauses",
        tag="Administration",
        summary="All pauses",
        handler=list_pauses,
        access=Access.ADMIN,
        answers={200: PauseList},
        examples={200: PauseList(pauses=[OPERATION_PAUSE, USER_PAUSE])},
    ),
    _pause(
        "/admin/operations/{operation}/pause",
        "Let no job of an operation begin; jobs are still accepted, and wait",
        pause_operation,
        OPERATION_PAUSE,
    ),
    _resume("/admin/operations/{operation}/resume", "Let the jobs of an operation begin again", resume_operation),
    _pause(
        "/admin/users/{username}/pause",
        "Let no job of a user begin; jobs are still accepted, and wait",
        pause_user,
        USER_PAUSE,
    ),
    _resume("/admin/users/{username}/resume", "Let the jobs of a user begin again", resume_user),
)
