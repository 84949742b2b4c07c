"""Other people's accounts, for administrators."""

from urllib.parse import unquote

from chalice.app import Response

from chalicelib.api.account_schemas import AdministeredAccount
from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.forms import UserChange
from chalicelib.api.requests import json_body, json_response
from chalicelib.domain.errors import Conflict, NotFound


def show_user(call: Call) -> Response:
    """Return the account of a name."""
    user = call.services.administration.user(call.caller, username_in_path(call), address=call.address)
    return json_response(AdministeredAccount.from_user(user))


def change_user(call: Call) -> Response:
    """Change the role of a user, or disable or enable the account."""
    wanted = json_body(call, UserChange)
    user = call.services.administration.change(
        call.caller,
        username_in_path(call),
        role=wanted.role,
        is_disabled=wanted.is_disabled,
        address=call.address,
    )
    return json_response(AdministeredAccount.from_user(user))


def username_in_path(call: Call) -> str:
    """Return the name that is meant: API Gateway gives a part of the path as it was sent, `@` as `%40` for instance."""
    return unquote(call.parameter("username"))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/users/{username}",
        tag="Administration",
        summary="The account of a user",
        handler=show_user,
        access=Access.ADMIN,
        answers={200: AdministeredAccount},
        refusals=(NotFound,),
    ),
    Endpoint(
        method="PATCH",
        path="/users/{username}",
        tag="Administration",
        summary="Change a user's role, or disable or enable the account; a disabled one loses its credentials",
        handler=change_user,
        access=Access.ADMIN,
        body=UserChange,
        answers={200: AdministeredAccount},
        refusals=(NotFound, Conflict),
    ),
)
