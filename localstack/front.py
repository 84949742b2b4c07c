"""The local address of the API: passes each request on to the emulator's API Gateway, whose own URLs are long."""

import socket
from collections.abc import Callable, Iterable
from http import HTTPStatus
from io import BytesIO
from threading import BoundedSemaphore
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.middleware.http_proxy import ProxyMiddleware
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wsgi import get_input_stream

from chalicelib.api.errors import PROBLEM_MEDIA_TYPE, InvalidParameter, MalformedBody, error_response
from chalicelib.domain.errors import InputTooLarge, RequestRefused

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"
API_GATEWAY_TIMEOUT_S = 29
API_GATEWAY_BODY_MAX_BYTES = 10 * 1024 * 1024

CONCURRENCY = 8
"""
Requests passed on at once; more wait here. The emulator starts a worker process for each, as Lambda would, and a laptop
that starts a hundred answers none of them in time.
"""


class _QuietHandler(WSGIRequestHandler):
    """The functions log each request; a second line says nothing new."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def front_server(port: int) -> BaseWSGIServer:
    """
    Return a server bound to ``port`` (0: any free one) that answers 503 until `forward_to` gives it a target.

    Raises:
        OSError: The port is taken.
    """
    # Bound here: where the port is taken, Werkzeug would print its own advice and exit.
    with socket.create_server((HOST, port)) as bound:
        return make_server(HOST, port, _starting, threaded=True, request_handler=_QuietHandler, fd=bound.fileno())


def forward_to(server: BaseWSGIServer, api_url: str, *, stage: str) -> None:
    """
    Pass all requests on to ``api_url``, the URL of the API's ``stage``, from now on.

    As behind a custom domain of API Gateway, callers see no stage: it is taken out of each answer's ``Location``.
    """
    server.app = _forwarding(api_url, f"/{stage}")


def _forwarding(api_url: str, stage_path: str) -> "WSGIApplication":
    proxy = ProxyMiddleware(_starting, {}, timeout=API_GATEWAY_TIMEOUT_S + 1)
    options = {"target": api_url, "remove_prefix": True, "host": "<auto>", "headers": {}, "ssl_context": None}
    places = BoundedSemaphore(CONCURRENCY)

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def answer(
            status: str, headers: list[tuple[str, str]], exc_info: "OptExcInfo | None" = None, /
        ) -> Callable[[bytes], object]:
            seen = [(name, value.removeprefix(stage_path) if name == "Location" else value) for name, value in headers]
            return start_response(status, seen, exc_info)

        try:
            path = _path(environ)
            _read_body(environ)
        except RequestRefused as refusal:
            return _refused(refusal, start_response)
        with places:
            return proxy.proxy_to(options, path, "/")(environ, answer)

    return application


def _path(environ: "WSGIEnvironment") -> str:
    """Return the path as it was sent: decoded and encoded again, some would be another path."""
    method, target = environ["REQUEST_METHOD"], environ["RAW_URI"]
    if not (method.isascii() and method.isalpha() and target.isascii() and target.isprintable()):
        detail = "percent-encode what is not ASCII in the path or the query"
        raise InvalidParameter(detail)
    return str(target if target.startswith("/") else urlsplit(target).path).partition("?")[0]


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
        body = get_input_stream(environ, max_content_length=API_GATEWAY_BODY_MAX_BYTES).read()
    except RequestEntityTooLarge as large:
        detail = f"a request may have {API_GATEWAY_BODY_MAX_BYTES} bytes"
        raise InputTooLarge(detail) from large
    except (ClientDisconnected, OSError) as broken:
        detail = "the body ends before its length, or its chunks are malformed"
        raise MalformedBody(detail) from broken
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = BytesIO(body)


def _refused(refusal: RequestRefused, start_response: "StartResponse") -> Iterable[bytes]:
    """Answer as the service does, to a request that API Gateway would not pass on either."""
    problem = error_response(refusal)
    if problem is None:
        raise refusal
    body = str(problem.body).encode()
    status = HTTPStatus(problem.status_code)
    headers = [("Content-Type", PROBLEM_MEDIA_TYPE), ("Content-Length", str(len(body)))]
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]


def _starting(_environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    start_response("503 Service Unavailable", [("Retry-After", "1"), ("Content-Length", "0")])
    return []
