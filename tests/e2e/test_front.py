"""The local address of the API, before a target that says what reaches it."""

import http.client
import json
import socket
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest
from werkzeug.serving import BaseWSGIServer

from localstack.front import CONCURRENCY, forward_to, front_server
from tests.security_headers import check_security


def target(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer with what was asked."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])) if environ.get("CONTENT_LENGTH") else b""
    seen = {"method": environ["REQUEST_METHOD"], "uri": environ["RAW_URI"], "body": body.decode()}
    if environ["RAW_URI"].endswith("/forwarded"):
        seen["for"] = environ["HTTP_X_FORWARDED_FOR"]
    links = '</api/jobs?cursor=1>; rel="next", </docs>; rel="help"'
    start_response("202 Accepted", [("Location", "/api/jobs/1"), ("Link", links), ("X-Other", "/api/jobs/1")])
    return [json.dumps(seen).encode()]


@contextmanager
def serving(server: BaseWSGIServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
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


def problem(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str]:
    """Status and code of an answer, which must be a whole problem."""
    status, headers, body = answer
    assert headers["Content-Type"] == "application/problem+json"
    check_security(headers)
    given = json.loads(body)
    assert given["status"] == status
    assert given["request_id"] == headers["X-Request-Id"]
    assert given["type"].startswith("/problems/")
    assert given["title"]
    assert given["detail"]
    return status, given["code"]


def test_until_it_has_a_target_it_asks_for_patience() -> None:
    with serving(front_server(0)) as port:
        answer = ask(port, "GET", "/health")
    assert problem(answer) == (503, "UNAVAILABLE")
    assert answer[1]["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("uri", "below"), [("/api/jobs?limit=1", "/jobs?limit=1"), ("/api", "/"), ("/api/", "/"), ("/apis", "/apis")]
)
def test_a_path_with_the_stage_means_the_same_as_without(front: int, uri: str, below: str) -> None:
    """Links in bodies have the stage in them."""
    _, _, body = ask(front, "GET", uri)
    assert json.loads(body)["uri"] == f"/restapis/1/api/_user_request_{below}"


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


def sent(port: int, request: bytes) -> tuple[int, dict[str, Any]]:
    """Status and problem of a request sent byte for byte, after which nothing more comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        with answer:
            assert answer.headers["Content-Type"] == "application/problem+json"
            check_security(dict(answer.headers))
            return answer.status, json.loads(answer.read())


@pytest.mark.parametrize(
    ("head", "body", "status", "detail"),
    [
        ("POST /jobs HTTP/1.1\r\nTransfer-Encoding: chunked", "no length\r\n", 400, "its chunks are malformed"),
        ("POST /jobs HTTP/1.1\r\nContent-Length: 100", "{}", 400, "the body ends before its length"),
        ("POST /jobs HTTP/1.1\r\nContent-Length: 11000000", "", 413, "may have 10485760 bytes"),
        (f"POST /jobs HTTP/1.1\r\nContent-Length: {10**20}", "", 413, "may have 10485760 bytes"),
        *(
            (f"POST /jobs HTTP/1.1\r\nContent-Length: {bad}", "{}", 400, "whole number")
            for bad in ("", "2, 2", "-1", "two", "+2")
        ),
        ("GET /jobs?limit=\xe9 HTTP/1.1\r\nX: y", "", 400, "percent-encode"),
        ("GET /jobs?limit=\x01 HTTP/1.1\r\nX: y", "", 400, "percent-encode"),
        ("GET /\xe9 HTTP/1.1\r\nX: y", "", 400, "percent-encode"),
        ("G\xe9T /jobs HTTP/1.1\r\nX: y", "", 400, "percent-encode"),
    ],
)
def test_what_is_no_request_is_refused_at_once(front: int, head: str, body: str, status: int, detail: str) -> None:
    given, problem = sent(front, f"{head}\r\nHost: x\r\n\r\n{body}".encode("latin-1"))
    assert (given, problem["status"]) == (status, status)
    assert detail in problem["detail"]


def test_an_absolute_target_is_its_path(front: int) -> None:
    with socket.create_connection(("127.0.0.1", front), timeout=10) as connection:
        connection.sendall(b"GET http://localhost/jobs?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        with answer:
            assert json.loads(answer.read())["uri"].endswith("/_user_request_/jobs?limit=1")


def test_more_requests_than_the_emulator_could_serve_wait_for_their_turn() -> None:
    at_once: list[int] = []
    lock, served = threading.Lock(), threading.Semaphore(0)
    inside = 0

    def slow_target(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        nonlocal inside
        with lock:
            inside += 1
            at_once.append(inside)
        served.acquire(timeout=0.05)
        with lock:
            inside -= 1
        start_response("200 OK", [])
        return [b"ok"]

    server, behind = front_server(0), front_server(0)
    behind.app = slow_target
    with serving(behind) as port, serving(server) as own_port:
        forward_to(server, f"http://127.0.0.1:{port}", stage="api")
        with ThreadPoolExecutor(3 * CONCURRENCY) as pool:
            answers = list(pool.map(lambda _: ask(own_port, "GET", "/")[0], range(3 * CONCURRENCY)))
    assert answers == [200] * len(answers)
    assert 1 < max(at_once) <= CONCURRENCY


def test_who_waits_for_a_job_leaves_places_to_others() -> None:
    done = threading.Event()

    def held(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if "HTTP_PREFER" in environ:
            done.wait(10)
        start_response("200 OK", [])
        return [b"ok"]

    with fronting(held) as port, ThreadPoolExecutor(2 * CONCURRENCY) as pool:
        waiting = [pool.submit(ask, port, "GET", "/", Prefer="wait=20") for _ in range(2 * CONCURRENCY)]
        assert ask(port, "GET", "/health")[0] == 200
        assert not any(each.done() for each in waiting)
        done.set()
        assert {each.result()[0] for each in waiting} == {200}


@pytest.mark.parametrize("target", [b"http://[x/jobs", b"http://[::1/jobs"])
def test_a_target_that_is_no_url_is_refused(front: int, target: bytes) -> None:
    with socket.create_connection(("127.0.0.1", front), timeout=10) as connection:
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        with answer:
            assert answer.status == 400
            assert json.loads(answer.read())["code"] == "BAD_REQUEST"


def test_an_answer_has_one_date(front: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", front, timeout=10)) as connection:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        assert [name.lower() for name, _ in answer.getheaders()].count("date") == 1


def test_chunks_over_the_maximum_are_refused_and_not_cut_off(front: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", front, timeout=30)) as connection:
        chunks = (b"x" * 2**20 for _ in range(11))
        connection.request("POST", "/jobs", body=chunks, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        answer = connection.getresponse()
        assert answer.status == 413
        assert json.loads(answer.read())["code"] == "INPUT_TOO_LARGE"


def test_the_callers_see_no_stage(front: int) -> None:
    status, headers, _ = ask(front, "POST", "/jobs", b"{}")
    assert (status, headers["Location"], headers["X-Other"]) == (202, "/jobs/1", "/api/jobs/1")
    assert headers["Link"] == '</jobs?cursor=1>; rel="next", </docs>; rel="help"'


def test_every_answer_is_named(front: int) -> None:
    first, second = (ask(front, "GET", "/health")[1]["X-Request-Id"] for _ in range(2))
    assert first != second


@contextmanager
def fronting(answering: Any, **options: Any) -> Iterator[int]:
    """The port of a front whose target is one WSGI application."""
    server, behind = front_server(0), front_server(0)
    behind.app = answering
    with serving(behind) as port, serving(server) as own_port:
        forward_to(server, f"http://127.0.0.1:{port}", stage="api", **options)
        yield own_port


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("400 Bad Request", (400, "BAD_REQUEST")),
        ("403 Forbidden", (403, "FORBIDDEN")),
        ("404 Not Found", (404, "NO_SUCH_PATH")),
        ("429 Too Many Requests", (429, "THROTTLED")),
        ("500 Internal Server Error", (502, "BAD_GATEWAY")),
        ("502 Bad Gateway", (502, "BAD_GATEWAY")),
    ],
)
def test_what_the_emulator_says_in_its_own_words_is_a_problem(status: str, expected: tuple[int, str]) -> None:
    def plain(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response(status, [("Content-Type", "text/html"), ("x-amzn-RequestId", "7")])
        return [b"<h1>no</h1>"]

    with fronting(plain) as port:
        answer = ask(port, "GET", "/jobs")
    assert problem(answer) == expected
    assert answer[1]["X-Request-Id"] == "7"


@pytest.mark.parametrize("body", [b"", b"much"])
def test_the_answer_to_head_has_no_body(body: bytes) -> None:
    def answering(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", str(len(body))), ("ETag", '"1"')])
        return [body]

    with fronting(answering) as port, socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"HEAD /jobs HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, rest = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'ETag: "1"' in head
    assert b"content-length" not in head.lower()
    assert rest == b""


def test_without_its_target_it_says_so() -> None:
    gone = front_server(0)
    gone.server_close()
    server = front_server(0)
    forward_to(server, f"http://127.0.0.1:{gone.port}/restapis/1/api/_user_request_", stage="api")
    with serving(server) as port:
        assert problem(ask(port, "GET", "/health")) == (502, "BAD_GATEWAY")
        status, headers, body = ask(port, "HEAD", "/health")
    assert (status, headers["Content-Type"], body) == (502, "application/problem+json", b"")


def test_a_target_that_hangs_is_given_up() -> None:
    released = threading.Event()

    def hanging(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        released.wait(10)
        start_response("200 OK", [])
        return [b""]

    with fronting(hanging, timeout_s=0.1) as port:
        answer = ask(port, "GET", "/jobs")
        released.set()
    assert problem(answer) == (504, "GATEWAY_TIMEOUT")


@pytest.mark.parametrize(
    "request_text",
    [b"nonsense\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"GET /" + b"x" * 70_000, b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000],
)
def test_what_cannot_be_read_as_a_request_is_a_problem_too(front: int, request_text: bytes) -> None:
    status, given = sent(front, request_text)
    assert (status, given["code"], given["status"]) == (400, "BAD_REQUEST", 400)


@pytest.mark.asvs("15.3.4")
def test_the_emulator_learns_the_address_of_the_connection_whatever_the_caller_says(front: int) -> None:
    """It is what the emulator takes for the source address, and what limits and the audit trail go by."""
    for said in ("", "203.0.113.7", "203.0.113.7, 203.0.113.8"):
        assert json.loads(ask(front, "GET", "/forwarded", None, **{"X-Forwarded-For": said})[2])["for"] == "127.0.0.1"
