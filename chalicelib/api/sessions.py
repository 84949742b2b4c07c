"""Sessions: new tokens for a refresh token, the end of one session or of all, and the list of them."""

from chalice.app import Response

from chalicelib.api.account_schemas import ListedSession, SessionList, TokenAnswer
from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.forms import RefreshRequest
from chalicelib.api.requests import json_body, json_response
from chalicelib.domain.errors import NotAuthenticated, NotFound, SignInTooOld, Unavailable


def refresh_tokens(call: Call) -> Response:
    """Exchange a refresh token for new tokens."""
    given = json_body(call, RefreshRequest)
    return json_response(
        TokenAnswer.from_tokens(call.services.sessions.refresh(given.refresh_token, address=call.address))
    )


def log_out(call: Call) -> Response:
    """End the session of this token."""
    call.services.sessions.log_out(call.caller, address=call.address)
    return Response(body="", status_code=204)


def log_out_everywhere(call: Call) -> Response:
    """End all of the caller's sessions."""
    call.services.sessions.log_out_everywhere(call.caller, address=call.address)
    return Response(body="", status_code=204)


def list_sessions(call: Call) -> Response:
    """Return the caller's sessions."""
    current = call.caller.credential_id
    listed = [ListedSession.from_session(each, current=current) for each in call.services.sessions.all_of(call.caller)]
    return json_response(SessionList(sessions=listed))


def end_session(call: Call) -> Response:
    """End one of the caller's sessions."""
    call.services.sessions.end(call.caller, call.parameter("session_id"), address=call.address)
    return Response(body="", status_code=204)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/token/refresh",
        tag="Accounts",
        summary="Exchange a refresh token for new tokens; it is then used up",
        handler=refresh_tokens,
        body=RefreshRequest,
        answers={200: TokenAnswer},
        refusals=(NotAuthenticated, Unavailable),
    ),
    Endpoint(
        method="POST",
        path="/logout",
        tag="Accounts",
        summary="End the session of this token",
        handler=log_out,
        access=Access.ACCOUNT,
        answers={204: None},
    ),
    Endpoint(
        method="POST",
        path="/logout/all",
        tag="Accounts",
        summary="End all of the caller's sessions, by one of less than 15 minutes; API keys stay",
        handler=log_out_everywhere,
        access=Access.ACCOUNT,
        answers={204: None},
        refusals=(SignInTooOld,),
    ),
    Endpoint(
        method="GET",
        path="/me/sessions",
        tag="Accounts",
        summary="The caller's sessions, newest first",
        handler=list_sessions,
        access=Access.ACCOUNT,
        answers={200: SessionList},
    ),
    Endpoint(
        method="DELETE",
        path="/me/sessions/{session_id}",
        tag="Accounts",
        summary="End one of the caller's sessions; another than this one by a session of less than 15 minutes",
        handler=end_session,
        access=Access.ACCOUNT,
        answers={204: None},
        refusals=(SignInTooOld, NotFound),
    ),
)
