"""The caller's own account: what it is, its password, its end, and what was done with it."""

from typing import Annotated

import msgspec
from chalice.app import Response

from chalicelib.api.account_schemas import AuditList, LimitUsage, ListedAuditEvent, OwnAccount, Usage
from chalicelib.api.auth import count
from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.forms import PasswordChange
from chalicelib.api.query import query_of
from chalicelib.api.requests import json_body, json_response
from chalicelib.domain.audit import EventId
from chalicelib.domain.credentials import UUID_PATTERN
from chalicelib.domain.errors import SignInTooOld


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of ``GET /me/audit``."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100, description="The most events that the page has.")] = 20
    cursor: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=36,
                max_length=36,
                pattern=f"^{UUID_PATTERN}$",
                description="The `next_cursor` of the page before, to go on after it.",
            ),
        ]
        | None
    ) = None


def show_account(call: Call) -> Response:
    """Return the caller's account."""
    return json_response(OwnAccount.from_user(call.services.accounts.user_of(call.caller)))


def change_password(call: Call) -> Response:
    """Give the caller another password."""
    given = json_body(call, PasswordChange)
    # As a sign-in too, because the current password could be guessed here.
    count(call, call.user_id, call.services.sign_in_limit)
    call.services.accounts.change_password(
        call.caller, given.current_password, given.new_password, address=call.address
    )
    return Response(body="", status_code=204)


def delete_account(call: Call) -> Response:
    """End the caller's account."""
    call.services.accounts.delete(call.caller, address=call.address)
    return Response(body="", status_code=204)


def show_usage(call: Call) -> Response:
    """Return how the caller stands with the limits of submitting and reading."""
    limits = (call.services.submit_limit, call.services.read_limit)
    standings = [call.services.rate_limiter.standing(call.user_id, limit) for limit in limits]
    return json_response(Usage(limits=[LimitUsage.from_standing(each) for each in standings]))


def list_audit_events(call: Call) -> Response:
    """Return what was done with the caller's account."""
    query = query_of(call, AuditQuery)
    after = None if query.cursor is None else EventId(query.cursor)
    page = call.services.accounts.events(call.caller, limit=query.limit, after=after)
    return json_response(
        AuditList(events=[ListedAuditEvent.from_event(each) for each in page.events], next_cursor=page.next_after)
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/me",
        tag="Accounts",
        summary="The caller's account",
        handler=show_account,
        access=Access.ACCOUNT,
        answers={200: OwnAccount},
    ),
    Endpoint(
        method="PUT",
        path="/me/password",
        tag="Accounts",
        summary="Change the password; the caller's other sessions end",
        handler=change_password,
        access=Access.ACCOUNT,
        body=PasswordChange,
        answers={204: None},
    ),
    Endpoint(
        method="DELETE",
        path="/me",
        tag="Accounts",
        summary="Delete the account with its credentials and its jobs; for sessions of less than 15 minutes",
        handler=delete_account,
        access=Access.ACCOUNT,
        answers={204: None},
        refusals=(SignInTooOld,),
    ),
    Endpoint(
        method="GET",
        path="/me/usage",
        tag="Accounts",
        summary="How many jobs may be submitted, and how many reads made, now",
        handler=show_usage,
        access=Access.ACCOUNT,
        answers={200: Usage},
    ),
    Endpoint(
        method="GET",
        path="/me/audit",
        tag="Accounts",
        summary="Sign-ins, failures and changes of the caller's account, newest first",
        handler=list_audit_events,
        access=Access.ACCOUNT,
        query=AuditQuery,
        answers={200: AuditList},
    ),
)
