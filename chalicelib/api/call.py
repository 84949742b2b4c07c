"""One request being served, and who may make it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from chalice.app import Request

from chalicelib.api.problems import Occurrence
from chalicelib.bootstrap import Services
from chalicelib.domain.rate_limits import Standing
from chalicelib.domain.users import UserId
from chalicelib.observability import request_id


class Access(StrEnum):
    """Who may call a route, and against which of their limits it counts."""

    ANYONE = "anyone"
    READ = "read"
    SUBMIT = "submit"


@dataclass(slots=True, kw_only=True)
class Call:
    """
    One request being served.

    ``headers`` are those its answer will have whatever becomes of it, and ``standings`` the limits it was counted
    against, by name, which its answer tells of. ``caller`` is whose token it carries, where the route wants one. The
    services are built when they are first asked for.
    """

    build: Callable[[], Services]
    request: Request
    headers: dict[str, str] = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)
    caller: UserId | None = None

    @property
    def services(self) -> Services:
        """The services of this container."""
        return self.build()

    @property
    def user_id(self) -> UserId:
        """The caller, on a route that is not for anyone."""
        if self.caller is None:
            message = "a route for anyone asked who is calling"
            raise TypeError(message)
        return self.caller

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
        """
        Return a header of the request, by its name in lower case.

        Lines of one name are one list (RFC 9110 section 5.3), of which Chalice's own headers keep a single one.
        """
        lines = self.request.to_original_event().get("multiValueHeaders") or {}
        values = [value for given, values in lines.items() if given.lower() == name for value in values]
        return ", ".join(values) if values else None


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
