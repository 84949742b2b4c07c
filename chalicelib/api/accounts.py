"""``POST /register`` and ``POST /login``."""

from typing import TYPE_CHECKING

from chalice.app import Response

from chalicelib.api.account_schemas import RegisteredUser, TokenAnswer
from chalicelib.api.auth import count
from chalicelib.api.call import Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.forms import Credentials, NewCredentials
from chalicelib.api.requests import json_body, json_response
from chalicelib.domain.errors import Conflict, NotAuthenticated, RateLimited, Unavailable
from chalicelib.domain.users import address_digest

if TYPE_CHECKING:
    from chalicelib.services.sessions import Tokens


def register(call: Call) -> Response:
    """Create a user."""
    wanted = json_body(call, NewCredentials)
    count(call, address_digest(call.address), call.services.registration_limit)
    user = call.services.accounts.register(wanted.username, wanted.password, address=call.address)
    return json_response(RegisteredUser(user_id=user.user_id, username=user.username), status=201)


def log_in(call: Call) -> Response:
    """Exchange a name and a password for tokens."""
    return json_response(TokenAnswer.from_tokens(signed_in(call)))


def signed_in(call: Call) -> "Tokens":
    """
    Begin the session that a body of `Credentials` asks for.

    Raises:
        RequestRefused: Whatever `json_body`, `count` and `AccountService.log_in` raise.
        Unavailable: It cannot be counted, or no session be begun.
    """
    given = json_body(call, Credentials)
    # Before the password is looked at, which is the costly part, and for a name that nobody has just the same.
    count(call, address_digest(call.address), call.services.sign_in_address_limit)
    attempt = call.services.accounts.sign_in(given.username, call.address)
    count(call, attempt.holder, call.services.sign_in_limit)
    return call.services.accounts.log_in(attempt, given.password)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/register",
        summary="Create a user",
        tag="Accounts",
        handler=register,
        body=NewCredentials,
        answers={201: RegisteredUser},
        refusals=(Conflict, RateLimited, Unavailable),
    ),
    Endpoint(
        method="POST",
        path="/login",
        tag="Accounts",
        summary="Exchange a username and a password for an access token and a refresh token",
        handler=log_in,
        body=Credentials,
        answers={200: TokenAnswer},
        refusals=(NotAuthenticated, RateLimited, Unavailable),
    ),
)
