"""The local address of the API: passes each request on to the emulator's API Gateway, whose own URLs are long."""

import re
import socket
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from io import BytesIO
from threading import BoundedSemaphore
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from chalice.app import Response
from werkzeug.datastructures import EnvironHeaders
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import is_hop_by_hop_header
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wsgi import get_input_stream

from chalicelib.api.problem_types import BAD_GATEWAY, BAD_REQUEST, GATEWAY_TIMEOUT, UNAVAILABLE
from chalicelib.api.problems import (
    PROBLEM_MEDIA_TYPE,
    InvalidParameter,
    Occurrence,
    coded_response,
    error_response,
)
from chalicelib.api.security_headers import secure
from chalicelib.domain.errors import InputTooLarge, MalformedBody, RequestRefused

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"
API_GATEWAY_TIMEOUT_S = 29
API_GATEWAY_BODY_MAX_BYTES = 10 * 1024 * 1024

CONCURRENCY = 16
"""
Requests passed on at once, at most half of them such as wait for a job; more wait here. The emulator starts a worker
process for each, as Lambda would, and a laptop that starts a hundred answers none of them in time.
"""


REFUSED_BY_THE_EMULATOR = {
    400: BAD_REQUEST,
    403: "FORBIDDEN",
    404: "NO_SUCH_PATH",
    413: "INPUT_TOO_LARGE",
    429: "THROTTLED",
}
"""The kinds of problem that stand in for what the emulator says in its own words; for anything else it is a 502."""

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes


class _Handler(WSGIRequestHandler):
    """Takes requests in."""

    timeout = 60
    """Seconds after which a caller who sends nothing is let go."""

    def run_wsgi(self) -> None:
        """Answer a request, also one whose target is no URL, for which Werkzeug has no answer."""
        try:
            self.make_environ()
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST, "its target is no URL")
        else:
            super().run_wsgi()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: the functions log each request."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer to what cannot be read as a request at all."""
        what = ": ".join(filter(None, (message or HTTPStatus(code).phrase, explain)))
        answer = _problem(BAD_REQUEST, f"this is no request that can be read: {what}")
        self.request_version = "HTTP/1.1"  # which of HTTP/0.9 would be an answer without a head
        self.send_response(answer.status)
        for name, value in (*answer.headers, ("Content-Length", str(len(answer.body))), ("Connection", "close")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        self.close_connection = True


def front_server(port: int) -> BaseWSGIServer:
    """
    Return a server bound to ``port`` (0: any free one) that answers 503 until `forward_to` gives it a target.

    Raises:
        OSError: The port is taken.
    """
    # Bound here: where the port is taken, Werkzeug would print its own advice and exit.
    with socket.create_server((HOST, port)) as bound:
        return make_server(HOST, port, _starting, threaded=True, request_handler=_Handler, fd=bound.fileno())


def forward_to(
    server: BaseWSGIServer, api_url: str, *, stage: str, timeout_s: float = API_GATEWAY_TIMEOUT_S + 1
) -> None:
    """
    Pass all requests on to ``api_url``, the URL of the API's ``stage``, from now on.

    As behind a custom domain of API Gateway, callers need no stage: it is taken out of each answer's ``Location`` and
    ``Link``. A path that begins with it means the same as without, because that is where the body's links lead to.
    """
    server.app = _forwarding(api_url, f"/{stage}", timeout_s)


def _forwarding(api_url: str, stage_path: str, timeout_s: float) -> "WSGIApplication":
    places = BoundedSemaphore(CONCURRENCY)
    waiters = BoundedSemaphore(CONCURRENCY // 2)

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            path = _path(environ, stage_path)
            _read_body(environ)
        except RequestRefused as refusal:
            return _send(_refused(refusal), environ, start_response)
        # Who waits for a job would else keep out all others.
        is_waiting = "wait" in environ.get("HTTP_PREFER", "").lower()
        with waiters if is_waiting else nullcontext(), places:
            answer = _asked(environ, api_url, path, timeout_s)
        return _send(_as_seen(answer, stage_path), environ, start_response)

    return application


def _path(environ: "WSGIEnvironment", stage_path: str) -> str:
    """Return the path as it was sent, below the stage: decoded and encoded again, some would be another path."""
    method, target = environ["REQUEST_METHOD"], environ["RAW_URI"]
    if not (re.fullmatch("[A-Za-z-]+", method) and target.isascii() and target.isprintable()):
        detail = "percent-encode what is not ASCII in the path or the query"
        raise InvalidParameter(detail)
    path = str(target if target.startswith("/") else urlsplit(target).path).partition("?")[0]
    return _below(path, stage_path)


def _below(path: str, stage_path: str) -> str:
    return path.removeprefix(stage_path) if f"{path}/".startswith(f"{stage_path}/") else path


def _asked(environ: "WSGIEnvironment", api_url: str, path: str, timeout_s: float) -> _Answer:
    """Return the emulator's answer, or what API Gateway answers when the service gives none."""
    target = urlsplit(api_url)
    headers = [
        (name, value)
        for name, value in EnvironHeaders(environ).items()
        if not is_hop_by_hop_header(name) and name.lower() not in {"content-length", "host", "x-forwarded-for"}
    ]
    # The emulator takes the caller's address from there, and API Gateway from the connection alone.
    headers += [("X-Forwarded-For", environ["REMOTE_ADDR"])]
    headers += [("Host", str(target.hostname)), ("Content-Length", environ["CONTENT_LENGTH"]), ("Connection", "close")]
    uri = f"{target.path}/{path.lstrip('/')}" + (f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else "")
    connection = HTTPConnection(str(target.hostname), target.port, timeout=timeout_s)
    try:
        connection.putrequest(environ["REQUEST_METHOD"], uri, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(environ["wsgi.input"].read())
        answer = connection.getresponse()
        return _Answer(status=answer.status, headers=answer.getheaders(), body=answer.read())
    except TimeoutError:
        return _problem(GATEWAY_TIMEOUT, f"the service did not answer within {timeout_s:g} seconds")
    except (OSError, HTTPException):
        return _problem(BAD_GATEWAY, "the emulator that runs the service does not answer")
    finally:
        connection.close()


def _as_seen(answer: _Answer, stage_path: str) -> _Answer:
    """Return an answer as a caller at this address sees it: named, without the stage, and an error as a problem."""
    given = {name.lower(): value for name, value in answer.headers}
    request_id = given.get("x-request-id") or given.get("x-amzn-requestid") or str(uuid4())
    if answer.status >= HTTPStatus.BAD_REQUEST and given.get("content-type") != PROBLEM_MEDIA_TYPE:
        # API Gateway has gateway responses for these; the emulator does not apply them everywhere.
        code = REFUSED_BY_THE_EMULATOR.get(answer.status, BAD_GATEWAY)
        return _problem(code, f"the emulator answered with {answer.status} by itself", request_id)
    headers = []
    for name, value in answer.headers:
        match name.lower():
            case "location":
                headers.append((name, _below(value, stage_path)))
            case "link":
                headers.append((name, re.sub(f"<{re.escape(stage_path)}(/[^>]*)>", r"<\1>", value)))
            case "content-length" | "date" | "x-request-id" | "x-amz-request-id" | "x-amzn-requestid":
                pass  # this server's own, or named again
            case hop if is_hop_by_hop_header(hop):
                pass
            case _:
                headers.append((name, value))
    return _Answer(status=answer.status, headers=[*headers, ("X-Request-Id", request_id)], body=answer.body)


def _read_body(environ: "WSGIEnvironment") -> None:
    """
    Take the whole body in, and give one that was sent in chunks its length.

    A slow caller then holds no place, and the proxy, which has no end for a body without a length, gets one.
    """
    length = environ.get("CONTENT_LENGTH", "0")
    if not (length.isascii() and length.isdigit()):
        detail = "Content-Length must be a whole number of bytes"
        raise MalformedBody(detail)
    try:
        body = get_input_stream(environ, max_content_length=API_GATEWAY_BODY_MAX_BYTES + 1).read()
    except RequestEntityTooLarge as large:
        raise _too_large() from large
    except (ClientDisconnected, OSError) as broken:
        detail = "the body ends before its length, or its chunks are malformed"
        raise MalformedBody(detail) from broken
    if len(body) > API_GATEWAY_BODY_MAX_BYTES:  # chunks beyond the maximum are cut off there
        raise _too_large()
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = BytesIO(body)


def _too_large() -> InputTooLarge:
    return InputTooLarge(f"a request may have {API_GATEWAY_BODY_MAX_BYTES} bytes")


def _refused(refusal: RequestRefused) -> _Answer:
    """Answer as the service does, to a request that API Gateway would not pass on either."""
    where = _here(str(uuid4()))
    response = error_response(refusal, where)
    if response is None:
        raise refusal
    return _whole(response, where)


def _problem(code: str, detail: str, request_id: str | None = None, *, retry_after_s: int | None = None) -> _Answer:
    where = _here(request_id or str(uuid4()))
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return _whole(coded_response(code, detail, where, headers), where)


def _here(request_id: str) -> Occurrence:
    return Occurrence(base_path="", request_id=request_id)


def _whole(response: Response, where: Occurrence) -> _Answer:
    secure(response)
    headers = {**response.headers, "X-Request-Id": where.request_id}
    return _Answer(
        status=response.status_code,
        headers=[(name, str(value)) for name, value in headers.items()],
        body=str(response.body).encode(),
    )


def _send(answer: _Answer, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    bodiless = environ["REQUEST_METHOD"] == "HEAD" or answer.status in {204, 304}
    length = [] if bodiless else [("Content-Length", str(len(answer.body)))]
    status = HTTPStatus(answer.status)
    start_response(f"{status.value} {status.phrase}", [*answer.headers, *length])
    return [] if bodiless else [answer.body]


def _starting(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    answer = _problem(UNAVAILABLE, "the local stack is starting; try again in a second", retry_after_s=1)
    return _send(answer, environ, start_response)
