"""``POST /register`` and ``POST /login``."""

from chalice.app import Response

from chalicelib.api.auth import count
from chalicelib.api.call import Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.forms import Credentials, NewCredentials
from chalicelib.api.requests import json_body, json_response
from chalicelib.api.schemas import RegisteredUser, TokenAnswer
from chalicelib.domain.errors import Conflict, NotAuthenticated, RateLimited, Unavailable
from chalicelib.domain.users import username_digest


def register(call: Call) -> Response:
    """Create a user."""
    wanted = json_body(call, NewCredentials)
    user = call.services.accounts.register(wanted.username, wanted.password)
    return json_response(RegisteredUser(user_id=user.user_id, username=user.username), status=201)


def log_in(call: Call) -> Response:
    """Exchange a name and a password for a token."""
    given = json_body(call, Credentials)
    # Before the password is looked at, which is the costly part, and for a name that nobody has just the same.
    count(call, username_digest(given.username), call.services.sign_in_limit)
    token = call.services.accounts.log_in(given.username, given.password)
    answer = TokenAnswer(access_token=token.token, token_type="bearer", expires_in=token.expires_in_s)  # noqa: S106 - the scheme's name
    return json_response(answer)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/register",
        summary="Create a user",
        tag="Accounts",
        handler=register,
        body=NewCredentials,
        answers={201: RegisteredUser},
        refusals=(Conflict, Unavailable),
    ),
    Endpoint(
        method="POST",
        path="/login",
        tag="Accounts",
        summary="Exchange a username and a password for an access token",
        handler=log_in,
        body=Credentials,
        answers={200: TokenAnswer},
        refusals=(NotAuthenticated, RateLimited, Unavailable),
    ),
)
