"""``POST /register`` and ``POST /login``."""

from collections.abc import Callable

from chalice.app import Blueprint, Response

from chalicelib.api.edge import ANY_CONTENT_TYPE, answers_problems, json_body, json_response
from chalicelib.api.schemas import Credentials, RegisteredUser, TokenAnswer
from chalicelib.bootstrap import Services


def blueprint(services: Callable[[], Services]) -> Blueprint:
    """Return the account routes over ``services``."""
    routes = Blueprint(__name__)

    @routes.route("/register", methods=["POST"], content_types=ANY_CONTENT_TYPE)
    @answers_problems
    def register() -> Response:
        wanted = json_body(routes.current_request, Credentials, max_bytes=services().body_max_bytes)
        user = services().accounts.register(wanted.username, wanted.password)
        return json_response(RegisteredUser(user_id=user.user_id, username=user.username), status=201)

    @routes.route("/login", methods=["POST"], content_types=ANY_CONTENT_TYPE)
    @answers_problems
    def login() -> Response:
        given = json_body(routes.current_request, Credentials, max_bytes=services().body_max_bytes)
        token = services().accounts.log_in(given.username, given.password)
        answer = TokenAnswer(access_token=token.token, token_type="bearer", expires_in=token.expires_in_s)  # noqa: S106 - the scheme's name
        return json_response(answer, headers={"Cache-Control": "no-store"})

    return routes
