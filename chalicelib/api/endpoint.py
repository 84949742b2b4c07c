"""
What a route is: declared once, with all that can come back, and registered with Chalice from that.

The declaration is also what the OpenAPI description is made of. A handler takes a `Call` and returns a `Response`;
whatever it raises is answered as a problem. Chalice turns an exception of a view into its own body before any
middleware sees it, so each view is wrapped here; `chalicelib.api.edge` gives Chalice's own answers the same shape.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalice.app import Chalice, Request, Response

from chalicelib.api.auth import authenticated, count, limit_headers, limit_of, permit
from chalicelib.api.caching import not_modified_if_known
from chalicelib.api.call import Access, Call, occurrence
from chalicelib.api.problems import MethodNotAllowed, TokenRefused, error_response, fault_response
from chalicelib.domain.errors import JobBackendError, NotAuthenticated, SignInTooOld, Unavailable
from chalicelib.observability import caller_id

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services

logger = logging.getLogger(__name__)

ANY_CONTENT_TYPE = ["*/*"]
"""For every route: `requests.json_body` judges the content type, because Chalice would refuse it on a GET too."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""All that API Gateway lets through; those a path does not have are answered with a 405."""

Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """
    One method of one path.

    ``answers`` are the bodies of its successes by status, ``refusals`` the errors it can meet beside those that follow
    from ``access``, ``body`` and ``query``. ``headers`` names those request headers that it heeds, ``gives`` the
    response headers of its successes beside those that every such endpoint has.
    """

    method: str
    path: str
    summary: str
    handler: Handler
    answers: dict[int, type | None]
    access: Access = Access.ANYONE
    body: type | None = None
    query: type | None = None
    headers: Sequence[str] = ()
    gives: Sequence[str] = ()
    refusals: Sequence[type[JobBackendError]] = ()
    counts_itself: bool = False
    """Whether its handler counts it, because how much that is depends on the body."""

    lasts: bool = False
    """Whether what it does goes on by itself, so that a credential which has just ended must not do it any more."""

    is_public: bool = True
    """Whether the OpenAPI description has it."""

    tag: str = "Jobs"
    """The heading under which that lists it."""

    examples: Mapping[int, object] = field(default_factory=dict)
    """Bodies of ``answers`` to show there, by status, where those made of the types would be false."""

    meanings: Mapping[int, str] = field(default_factory=dict)
    """What an answer says there, by status, where the status alone does not tell."""


def register(app: Chalice, endpoints: Iterable[Endpoint], services: "Callable[[], Services]") -> None:
    """Give ``app`` the routes, GET ones for HEAD too; OPTIONS, and a 405 for every other method of their paths."""
    taken: dict[str, list[str]] = {}
    for endpoint in endpoints:
        methods = ["GET", "HEAD"] if endpoint.method == "GET" else [endpoint.method]
        taken.setdefault(endpoint.path, []).extend(methods)
        _route(app, endpoint, methods, services)
    for path, methods in taken.items():
        allowed = ", ".join([*methods, "OPTIONS"])
        _route(app, _for_anyone("OPTIONS", path, _options(allowed)), ["OPTIONS"], services)
        others = [method for method in METHODS if method not in {*methods, "OPTIONS"}]
        _route(app, _for_anyone("", path, _not_allowed(path, allowed)), others, services)


def _for_anyone(method: str, path: str, handler: Handler) -> Endpoint:
    return Endpoint(method=method, path=path, summary="", handler=handler, answers={}, is_public=False)


def _route(app: Chalice, endpoint: Endpoint, methods: list[str], services: "Callable[[], Services]") -> None:
    view = _view(app, endpoint, services)
    view.__name__ = f"{methods[0].lower()}_{endpoint.path}"
    app.route(endpoint.path, methods=methods, content_types=ANY_CONTENT_TYPE)(view)


def _options(allowed: str) -> Handler:
    def tell(_call: Call) -> Response:
        return Response(body="", status_code=204, headers={"Allow": allowed})

    return tell


def _not_allowed(path: str, allowed: str) -> Handler:
    def refuse(_call: Call) -> Response:
        detail = f"{path} can be called with {allowed}"
        raise MethodNotAllowed(detail, allowed=allowed)

    return refuse


def _view(app: Chalice, endpoint: Endpoint, services: "Callable[[], Services]") -> Callable[..., Response]:
    def view(**_path: str) -> Response:
        request = app.current_request
        assert request is not None  # noqa: S101 - Chalice has set it
        call = Call(build=services, request=request)
        try:
            response = _answer(call, endpoint)
        except Exception as error:  # noqa: BLE001 - an entry point: every fault must have an answer
            response = _problem(error, request)
        response.headers = {**call.headers, **limit_headers(call.standings.values()), **response.headers}
        return response

    return view


def _answer(call: Call, endpoint: Endpoint) -> Response:
    if endpoint.access is not Access.ANYONE:
        call.known_caller = authenticated(call, endpoint.access, now=endpoint.lasts)
        caller_id.set(call.user_id)
        if not endpoint.counts_itself:
            count(call, call.user_id, limit_of(call, endpoint.access))
    try:
        if endpoint.access is not Access.ANYONE:
            permit(call, endpoint.access)
        response = endpoint.handler(call)
    except SignInTooOld:
        raise
    except NotAuthenticated as refusal:
        if call.known_caller is None:
            raise
        # The token held, and the account behind it does not.
        raise TokenRefused(str(refusal)) from refusal
    return not_modified_if_known(response, call.request)


def _problem(error: Exception, request: Request) -> Response:
    where = occurrence(request)
    response = error_response(error, where) if isinstance(error, JobBackendError) else None
    if response is None or isinstance(error, Unavailable):
        logger.error("request could not be served", exc_info=error)
    return response or fault_response(where)
