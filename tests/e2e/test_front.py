"""The local address of the API, before a target that says what reaches it."""

import http.client
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from werkzeug.serving import BaseWSGIServer

from localstack.front import forward_to, front_server


def target(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer with what was asked."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])) if environ.get("CONTENT_LENGTH") else b""
    seen = {"method": environ["REQUEST_METHOD"], "uri": environ["RAW_URI"], "body": body.decode()}
    start_response("202 Accepted", [("Location", "/api/jobs/1"), ("X-Other", "/api/jobs/1")])
    return [json.dumps(seen).encode()]


@contextmanager
def serving(server: BaseWSGIServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def front() -> Iterator[int]:
    """The port of a front that passes on to the target."""
    server, behind = front_server(0), front_server(0)
    behind.app = target
    with serving(behind) as port, serving(server) as own_port:
        forward_to(server, f"http://127.0.0.1:{port}/restapis/1/api/_user_request_", stage="api")
        yield own_port


def ask(
    port: int, method: str, uri: str, body: bytes | list[bytes] | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, uri, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_until_it_has_a_target_it_asks_for_patience() -> None:
    with serving(front_server(0)) as port:
        status, headers, _ = ask(port, "GET", "/health")
    assert (status, headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize(
    "uri", ["/jobs", "/jobs/", "/jobs?limit=1&cursor=%C3%A9", "/jobs/%C3%A9%2F..%00?", "/jobs/%252F"]
)
def test_what_is_asked_arrives_as_it_was_sent(front: int, uri: str) -> None:
    _, _, body = ask(front, "GET", uri)
    expected = uri.removesuffix("?")
    assert json.loads(body) == {"method": "GET", "uri": f"/restapis/1/api/_user_request_{expected}", "body": ""}


@pytest.mark.parametrize("body", [b'{"data": [1]}', [b'{"data": ', b"[1]}"]])
def test_a_body_arrives_whole_also_when_it_was_sent_in_chunks(front: int, body: Any) -> None:
    _, _, answer = ask(front, "POST", "/jobs", body)
    assert json.loads(answer)["body"] == '{"data": [1]}'


def test_malformed_chunks_are_refused(front: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", front, timeout=10)
    connection.putrequest("POST", "/jobs")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders(b"no length\r\n")
    assert connection.getresponse().status == 400
    connection.close()


def test_the_callers_see_no_stage(front: int) -> None:
    status, headers, _ = ask(front, "POST", "/jobs", b"{}")
    assert (status, headers["Location"], headers["X-Other"]) == (202, "/jobs/1", "/api/jobs/1")


def test_without_its_target_it_says_so() -> None:
    gone = front_server(0)
    gone.server_close()
    server = front_server(0)
    forward_to(server, f"http://127.0.0.1:{gone.port}/restapis/1/api/_user_request_", stage="api")
    with serving(server) as port:
        assert ask(port, "GET", "/health")[0] == 502
