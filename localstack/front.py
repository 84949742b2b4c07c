"""The local address of the API: passes each request on to the emulator's API Gateway, whose own URLs are long."""

import socket
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from werkzeug.exceptions import BadRequest
from werkzeug.middleware.http_proxy import ProxyMiddleware
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"
API_GATEWAY_TIMEOUT_S = 29


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

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def answer(
            status: str, headers: list[tuple[str, str]], exc_info: "OptExcInfo | None" = None, /
        ) -> Callable[[bytes], object]:
            seen = [(name, value.removeprefix(stage_path) if name == "Location" else value) for name, value in headers]
            return start_response(status, seen, exc_info)

        if "wsgi.input_terminated" in environ:
            try:
                _end_chunks(environ)
            except OSError:
                return BadRequest("the chunks of the body are malformed")(environ, start_response)
        # The path as it was sent: decoded and encoded again, some would be another path.
        path = environ["RAW_URI"].partition("?")[0]
        return proxy.proxy_to(options, path, "/")(environ, answer)

    return application


def _end_chunks(environ: "WSGIEnvironment") -> None:
    """Give a body sent in chunks its length, without which the proxy passes it on with no end."""
    body = environ["wsgi.input"].read()
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = BytesIO(body)


def _starting(_environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    start_response("503 Service Unavailable", [("Retry-After", "1"), ("Content-Length", "0")])
    return []
