"""The local address of the API: passes each request on to the emulator's API Gateway, whose own URLs are long."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.middleware.http_proxy import ProxyMiddleware
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
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
    return make_server(HOST, port, _starting, threaded=True, request_handler=_QuietHandler)


def forward_to(server: BaseWSGIServer, api_url: str) -> None:
    """Pass all requests on to ``api_url`` from now on."""
    server.app = _forwarding(api_url)


def _forwarding(api_url: str) -> "WSGIApplication":
    proxy = ProxyMiddleware(_starting, {}, timeout=API_GATEWAY_TIMEOUT_S + 1)
    options = {"target": api_url, "remove_prefix": True, "host": "<auto>", "headers": {}, "ssl_context": None}

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        return proxy.proxy_to(options, environ["PATH_INFO"], "/")(environ, start_response)

    return application


def _starting(_environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    start_response("503 Service Unavailable", [("Retry-After", "1"), ("Content-Length", "0")])
    return []
