"""Who is calling: the bearer token of a request, checked in process, and the caller's quota."""

from chalice.app import Request

from chalicelib.bootstrap import Services
from chalicelib.domain.errors import NotAuthenticated
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.users import UserId


def admitted_user(services: Services, request: Request, limit: Limit) -> UserId:
    """
    Return the caller, with one request of ``limit`` counted.

    The header is ``Authorization: Bearer <token>`` (RFC 6750); the bare token is accepted too.

    Raises:
        NotAuthenticated: No token, or one that does not hold.
        RateLimited: The caller's quota is spent.
    """
    user_id = services.accounts.authenticate(_token(request))
    services.rate_limiter.admit(user_id, limit)
    return user_id


def _token(request: Request) -> str:
    words = request.headers.get("authorization", "").split()
    match words:
        case [token]:
            return str(token)
        case [scheme, token] if scheme.lower() == "bearer":
            return str(token)
        case _:
            detail = "send the header Authorization: Bearer <token>, with the access_token that POST /login returns"
            raise NotAuthenticated(detail)
