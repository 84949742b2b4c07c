"""Who calls, and who may: the credential of a request, its scope, and the caller's limits, told in every answer."""

import re
from collections.abc import Iterable
from datetime import timedelta

from chalicelib.api.call import Access, Call
from chalicelib.api.problems import TokenRefused
from chalicelib.domain.credentials import Caller, Scope
from chalicelib.domain.errors import NotAuthenticated, NotPermitted, RateLimited
from chalicelib.domain.rate_limits import Limit, Standing


def authenticated(call: Call, access: Access, *, now: bool = False) -> Caller:
    """
    Return the caller, by an access token or an API key.

    The header is ``Authorization: Bearer <token>`` (RFC 6750); the bare token is accepted too. For jobs, what this
    container saw of the credential a few seconds ago is enough; for accounts, or with ``now``, it is looked at now.

    Raises:
        NotAuthenticated: No token.
        TokenRefused: One that does not hold.
        Unavailable: The credential cannot be looked at.
    """
    token = _token(call.header("authorization") or "")
    try:
        return call.services.authentication.caller(token, now=now or access in {Access.ACCOUNT, Access.ADMIN})
    except NotAuthenticated as refusal:
        raise TokenRefused(str(refusal)) from refusal


def permit(call: Call, access: Access) -> None:
    """
    Pass a caller whose credential is good for this access.

    Raises:
        NotPermitted: It is not, or the caller is no administrator where one is wanted.
        NotAuthenticated: The account is gone.
    """
    if access.scope not in call.caller.scopes:
        if access.scope is Scope.ACCOUNT:
            detail = "API keys are for jobs; log in and use the access token"
            raise NotPermitted(detail)
        detail = f"this API key does not have the scope {access.scope}"
        raise NotPermitted(detail, scope=access.scope)
    if access is Access.ADMIN:
        call.services.administration.check(call.caller)


def limit_of(call: Call, access: Access) -> Limit:
    """Return the limit that calls with this access count against."""
    return call.services.submit_limit if access is Access.SUBMIT else call.services.read_limit


def count(call: Call, holder: str, limit: Limit, *, permits: int = 1) -> None:
    """
    Count a request against a limit; its answer will say how the holder stands, unless it passes uncounted.

    Raises:
        InvalidInput: It uses more permits than the quota has.
        RateLimited: The quota has no room for it now.
        Unavailable: It cannot be counted, and its limit admits none uncounted.
    """
    try:
        standing = call.services.rate_limiter.admit(holder, limit, permits=permits)
    except RateLimited as refused:
        call.standings[limit.name] = refused.standing
        raise
    if standing is not None:
        call.standings[limit.name] = standing


def limit_headers(standings: Iterable[Standing]) -> dict[str, str]:
    """
    Return how a caller stands with some limits, as two lists of structured fields (RFC 9651); nothing without any.

    Source: draft-ietf-httpapi-ratelimit-headers-10.
    """
    policies, left = [], []
    for standing in standings:
        limit = standing.limit
        more = "" if standing.more_in_s is None else f";t={standing.more_in_s}"
        policies.append(f'"{limit.name}";q={limit.quota};w={limit.window // timedelta(seconds=1)}')
        left.append(f'"{limit.name}";r={standing.remaining}{more}')
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(left)} if left else {}


def _token(authorization: str) -> str:
    match re.split("[ \t]+", authorization.strip(" \t")):
        case [token] if token and token.lower() != "bearer":
            return token
        case [scheme, token] if scheme.lower() == "bearer":
            return token
        case _:
            detail = "send the header Authorization: Bearer <token>, with the access_token that POST /login returns"
            raise NotAuthenticated(detail)
