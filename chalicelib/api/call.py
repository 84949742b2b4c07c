"""One request being served, and who may make it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from chalice.app import Request

from chalicelib.api.problems import Occurrence
from chalicelib.domain.credentials import Caller, Scope
from chalicelib.domain.rate_limits import Standing
from chalicelib.domain.users import UserId
from chalicelib.observability import request_id

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services


class Access(StrEnum):
    """Who may call a route, by which scope of a credential, and against which of their limits it counts."""

    ANYONE = "anyone"
    READ = "read"
    """Reading jobs: scope ``jobs:read``, limit ``read``."""

    SUBMIT = "submit"
    """Making and changing jobs: scope ``jobs:write``, limit ``submit``."""

    ACCOUNT = "account"
    """The caller's own account: a session that has not ended at this moment, limit ``read``."""

    ADMIN = "admin"
    """Other people's accounts: as ``account``, and only for administrators."""

    @property
    def scope(self) -> Scope:
        """What a credential must be good for."""
        return {Access.READ: Scope.JOBS_READ, Access.SUBMIT: Scope.JOBS_WRITE}.get(self, Scope.ACCOUNT)


@dataclass(slots=True, kw_only=True)
class Call:
    """
    One request being served.

    ``headers`` are those its answer will have whatever becomes of it, and ``standings`` the limits it was counted
    against, by name, which its answer tells of. ``known_caller`` is who calls, where the route is not for anyone. The
    services are built when they are first asked for.
    """

    build: "Callable[[], Services]"
    request: Request
    headers: dict[str, str] = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)
    known_caller: Caller | None = None

    @property
    def services(self) -> "Services":
        """The services of this container."""
        return self.build()

    @property
    def caller(self) -> Caller:
        """Who calls, on a route that is not for anyone."""
        if self.known_caller is None:
            message = "a route for anyone asked who is calling"
            raise TypeError(message)
        return self.known_caller

    @property
    def user_id(self) -> UserId:
        """The caller's id, on a route that is not for anyone."""
        return self.caller.user_id

    @property
    def address(self) -> str:
        """
        Where the request comes from, as API Gateway saw it.

        Never from a header such as ``X-Forwarded-For``, which anybody can send.
        """
        return str(self.request.context.get("identity", {}).get("sourceIp", ""))

    @property
    def path(self) -> str:
        """The path as the caller has it, which on API Gateway's own domain begins with the stage; no slash ends it."""
        return _path(self.request.context)

    @property
    def base_path(self) -> str:
        """See `occurrence`."""
        return occurrence(self.request).base_path

    def parameter(self, name: str) -> str:
        """Return one part of the path by its name."""
        return str((self.request.uri_params or {})[name])

    def header(self, name: str) -> str | None:
        """See `header_of`."""
        return header_of(self.request, name)


def header_of(request: Request | None, name: str) -> str | None:
    """
    Return a header of a request, by its name in lower case.

    Lines of one name are one list (RFC 9110 section 5.3), of which Chalice's own headers keep a single one.
    """
    values = lines_of(request, name)
    return ", ".join(values) if values else None


def lines_of(request: Request | None, name: str) -> list[str]:
    """Return each line of a header, by its name in lower case, for one whose lines are no list, as of ``Cookie``."""
    lines = {} if request is None else request.to_original_event().get("multiValueHeaders") or {}
    return [value for given, values in lines.items() if given.lower() == name for value in values]


def occurrence(request: Request | None) -> Occurrence:
    """
    Return where a request came in.

    The base path is the path below which the service lies: on API Gateway's own domain the stage, behind a custom one
    its base path, and nothing for one without.
    """
    context = {} if request is None else request.context
    route = str(context.get("resourcePath", "")).strip("/")
    path = _path(context)
    base_path = path.rsplit("/", route.count("/") + 1)[0] if route else path
    return Occurrence(base_path=base_path, request_id=request_id.get(""))


def _path(context: Mapping[str, Any]) -> str:
    """Return the path of a request; one that began with two slashes would be a host to who follows it."""
    return re.sub("/{2,}", "/", str(context.get("path", ""))).rstrip("/")
