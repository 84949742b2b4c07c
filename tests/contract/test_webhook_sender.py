"""How webhooks are called: real connections to receivers on this machine, which stand in for the internet."""

import gc
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.webhook_sender import (
    ADDRESSES_TRIED,
    ANSWER_MAX_BYTES,
    ATTEMPT_TIMEOUT,
    HttpWebhookSender,
    resolved_by_system,
)
from chalicelib.domain.webhook_urls import Address
from chalicelib.webhook_ports import Answer, NotSent, WebhookSender
from tests.ssrf import ADDRESSES, NAMES, PUBLIC_ADDRESSES, URLS
from tests.webhook_receiver import Authority, Caller, Receiver, Script, answering, authority, deaf, nobody

NAME = "hooks.example.com"
URL = f"https://{NAME}/hook?of=jobs"
HEADERS = {"webhook-id": "the-event", "content-type": "application/json", "user-agent": "job-backend"}
BODY = b'{"name":"Zo\xc3\xab"}'
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
PUBLIC = "8.8.8.8"
OTHER_PUBLIC = "1.1.1.1"
SHORT = timedelta(seconds=0.3)
LONG_S = 5.0
"""Far more than `SHORT`, and far less than a receiver drips for."""


class Names:
    """A resolver with one answer after the other, the last of them for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append((host, port))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [ipaddress.ip_address(address) for address in answer]


class Internet:
    """Takes connections to any address to a port of this machine, each address to its own; others refuse."""

    def __init__(self, *ports: int, **port_of: int) -> None:
        self._port_of = port_of or {PUBLIC: ports[0]} if ports else port_of
        self.reached: list[tuple[str, int]] = []
        self.shares_s: list[float] = []

    def __call__(self, address: Address, port: int, timeout_s: float) -> socket.socket:
        self.reached.append((str(address), port))
        self.shares_s.append(timeout_s)
        if str(address) not in self._port_of:
            raise ConnectionRefusedError
        connected = socket.create_connection(("127.0.0.1", self._port_of[str(address)]), timeout=timeout_s)
        connected.settimeout(None)  # the sender's business from here on
        return connected


def post(sender: WebhookSender, url: str = URL) -> Answer:
    return sender.post(url, headers=HEADERS, body=BODY)


def local(**overrides: Any) -> HttpWebhookSender:
    return HttpWebhookSender(**{"to_anywhere": True, **overrides})


def public(internet: Internet, names: Names | None = None, **overrides: Any) -> HttpWebhookSender:
    """A sender as it is outside a laptop, over a made-up internet whose certificates it trusts."""
    arguments = {"to_anywhere": False, "resolve": names or Names([PUBLIC]), "connect": internet}
    return HttpWebhookSender(**{**arguments, "tls": authority().trusting, **overrides})


def not_sent(sender: WebhookSender, url: str = URL) -> NotSent:
    with pytest.raises(NotSent) as failed:
        post(sender, url)
    assert str(failed.value) == failed.value.reason
    return failed.value


def told(script: Script, **overrides: Any) -> Answer:
    with Receiver(script) as receiver:
        return post(local(**overrides), receiver.url)


def failed(script: Script, **overrides: Any) -> NotSent:
    with Receiver(script) as receiver:
        return not_sent(local(**overrides), receiver.url)


# What is sent, and what comes of it


def test_a_request_arrives_as_it_was_given() -> None:
    with Receiver(answering(NO_CONTENT)) as receiver:
        answer = post(local(), receiver.url + "/a%20b?c=d&e=/f")
    (request,) = receiver.received
    assert request.line == "POST /hook/a%20b?c=d&e=/f HTTP/1.1"
    assert request.body == BODY
    assert request.headers == {
        **HEADERS,
        "Host": f"127.0.0.1:{receiver.port}",
        "Content-Length": str(len(BODY)),
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    assert answer == Answer(status_code=204, retry_after=None, duration=answer.duration)
    assert timedelta(0) < answer.duration < ATTEMPT_TIMEOUT


def test_a_large_body_arrives_whole(tmp_path: Path) -> None:
    body = os.urandom(3_000_000)
    for tls in (None, authority().serving(tmp_path, "127.0.0.1")):
        with Receiver(answering(NO_CONTENT), tls=tls) as receiver:
            local(tls=authority().trusting).post(receiver.url, headers=HEADERS, body=body)
        assert [request.body for request in receiver.received] == [body]


@pytest.mark.parametrize(
    ("status_line", "header", "status_code", "retry_after"),
    [
        ("200 OK", "Content-Length: 2", 200, None),
        ("204 No Content", "Retry-After: 7", 204, "7"),
        ("299 Whatever", "X-Retry-After: 7", 299, None),
        ("301 Moved Permanently", "Location: http://127.0.0.1/", 301, None),
        ("404", "Retry-After:", 404, ""),
        ("410 Gone", "retry-after: 120", 410, "120"),
        ("429 Too Many Requests", "RETRY-AFTER: -1 weeks", 429, "-1 weeks"),
        ("500 Internal Server Error", "Retry-After: 1\r\nRetry-After: 2", 500, "1, 2"),
        ("503 Service Unavailable", "Retry-After: Mon, 23 Nov 2026 12:00:00 GMT", 503, "Mon, 23 Nov 2026 12:00:00 GMT"),
        ("999 Odd", "Server: odd", 999, None),
    ],
)
def test_any_status_is_an_answer(status_line: str, header: str, status_code: int, retry_after: str | None) -> None:
    answer = told(answering(f"HTTP/1.1 {status_line}\r\n{header}\r\n\r\nno".encode()))
    assert (answer.status_code, answer.retry_after) == (status_code, retry_after)


def test_an_interim_answer_is_passed_over() -> None:
    assert told(answering(b"HTTP/1.1 100 Continue\r\n\r\n" + NO_CONTENT)).status_code == 204


def test_an_answer_of_an_old_server_is_one() -> None:
    assert told(answering(b"HTTP/1.0 200 OK\r\n\r\n")).status_code == 200


@pytest.mark.asvs("15.3.2")
@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_a_redirect_is_not_followed(status: str) -> None:
    with Receiver(answering(NO_CONTENT)) as target:
        redirect = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {target.url}\r\nRefresh: 0;url={target.url}\r\n\r\n"
        with Receiver(answering(redirect.encode())) as receiver:
            assert post(local(), receiver.url).status_code == int(status)
    assert len(receiver.received) == 1
    assert target.connections == 0


def test_each_post_has_a_connection_of_its_own() -> None:
    with Receiver(
        answering(b"HTTP/1.1 500 No\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", NO_CONTENT)
    ) as r:
        sender = local()
        assert [post(sender, r.url).status_code for _ in range(2)] == [500, 204]
    assert r.connections == 2


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver(answering(b"HTTP/1.1 500 Proxy\r\n\r\n")) as proxy, Receiver(answering(NO_CONTENT)) as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.upper(), proxy.url)
        assert post(local(), receiver.url).status_code == 204
    assert proxy.connections == 0


# What is read


def endless(head: bytes, piece: bytes) -> tuple[Script, Callable[[], int]]:
    """Answers ``head``, and ``piece`` for as long as anybody takes it; also counts what was taken."""
    taken = 0

    def script(caller: Caller) -> None:
        nonlocal taken
        caller.take()
        caller.connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        caller.connected.sendall(head)
        while not caller.is_over.is_set():
            caller.connected.sendall(piece)
            taken += len(piece)

    return script, lambda: taken


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n", b"x" * 1000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + b"x" * 1000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff\r\n", b"x" * 1000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", b"x" * 1000),
    ],
    ids=["no length", "a huge length", "chunks", "a huge chunk", "trailers", "compressed"],
)
def test_a_body_without_an_end_is_read_up_to_a_cap(head: bytes, piece: bytes) -> None:
    script, taken = endless(head, piece)
    answer = told(script)
    assert answer.status_code == 200
    assert answer.duration < ATTEMPT_TIMEOUT
    assert taken() < 4_000_000, "the rest is the buffers of two sockets"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 1000),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 ", b"x" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"x" * 1000),
    ],
    ids=["a header", "headers", "a status line", "interim answers", "no line's end"],
)
def test_a_head_without_an_end_is_no_answer(head: bytes, piece: bytes) -> None:
    script, taken = endless(head, piece)
    ended = failed(script)
    assert ended.reason == "the answer is not HTTP"
    assert ended.duration < ATTEMPT_TIMEOUT
    assert taken() < 4_000_000


@pytest.mark.asvs("15.2.2")
def test_no_more_than_the_cap_is_taken_from_the_connection() -> None:
    left = 0

    class Counting(socket.socket):
        def recv_into(self, buffer: Any, *arguments: Any) -> int:
            nonlocal left
            count = super().recv_into(buffer, *arguments)
            left += count
            return count

    def connect(_: Address, port: int, timeout_s: float) -> socket.socket:
        connected = Counting()
        connected.settimeout(timeout_s)
        connected.connect(("127.0.0.1", port))
        return connected

    script, _ = endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000)
    assert told(script, connect=connect).status_code == 200
    assert left == ANSWER_MAX_BYTES


def test_a_body_that_breaks_off_does_not_undo_the_status() -> None:
    assert told(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")).status_code == 200
    assert told(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")).status_code == 200
    assert told(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf")).status_code == 200


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example.com ESMTP\r\n",
        b"<html></html>",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 twenty\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
    ],
)
def test_what_is_not_http_is_no_answer(answer: bytes) -> None:
    assert failed(answering(answer)).reason == "the answer is not HTTP"


def test_a_connection_that_is_closed_without_an_answer_is_no_answer() -> None:
    assert failed(answering(b"")).reason == "the connection broke off before an answer"
    assert failed(lambda _: None).reason == "the connection broke off before an answer"


# Time


def drips(head: bytes, rest: bytes) -> Script:
    def script(caller: Caller) -> None:
        caller.take()
        caller.connected.sendall(head)
        caller.drip(rest)

    return script


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        (b"", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 2000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    ],
    ids=["a status line", "headers", "interim answers"],
)
def test_a_head_that_drips_is_given_up_when_the_time_is_over(head: bytes, rest: bytes) -> None:
    ended = failed(drips(head, rest), timeout=SHORT)
    assert ended.reason == "no answer within 0.3 s"
    assert SHORT <= ended.duration < timedelta(seconds=LONG_S)


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 2000),
    ],
    ids=["as it is", "in chunks"],
)
def test_a_body_that_drips_is_left_when_the_time_is_over(head: bytes, rest: bytes) -> None:
    answer = told(drips(head, rest), timeout=SHORT)
    assert answer.status_code == 200
    assert SHORT <= answer.duration < timedelta(seconds=LONG_S)


def test_silence_is_given_up_when_the_time_is_over() -> None:
    def script(caller: Caller) -> None:
        caller.take()
        caller.wait()

    ended = failed(script, timeout=SHORT)
    assert ended.reason == "no answer within 0.3 s"
    assert SHORT <= ended.duration < timedelta(seconds=LONG_S)


@pytest.mark.parametrize("is_tls", [False, True])
def test_a_request_that_is_taken_by_drips_is_given_up_when_the_time_is_over(tmp_path: Path, *, is_tls: bool) -> None:
    def script(caller: Caller) -> None:
        while not caller.is_over.wait(0.01):
            caller.connected.recv(1000)

    tls = authority().serving(tmp_path, "127.0.0.1") if is_tls else None
    with Receiver(script, tls=tls) as receiver:
        sender = local(timeout=SHORT, tls=authority().trusting)
        with pytest.raises(NotSent) as ended:
            sender.post(receiver.url, headers=HEADERS, body=bytes(20_000_000))
    assert ended.value.reason == "no answer within 0.3 s"
    assert SHORT <= ended.value.duration < timedelta(seconds=LONG_S)


def test_a_handshake_that_drips_is_given_up_when_the_time_is_over() -> None:
    with Receiver(lambda caller: caller.drip(b"\x16\x03\x03\x40\x00" + bytes(10_000))) as receiver:
        ended = not_sent(public(Internet(receiver.port), timeout=SHORT))
    assert ended.reason == "no answer within 0.3 s"
    assert SHORT <= ended.duration < timedelta(seconds=LONG_S)


def test_a_connection_that_is_not_taken_is_given_up_when_the_time_is_over() -> None:
    with deaf() as port:
        ended = not_sent(local(timeout=SHORT), f"http://127.0.0.1:{port}/")
    assert ended.reason == "no answer within 0.3 s"
    assert SHORT <= ended.duration < timedelta(seconds=LONG_S)


def test_an_address_that_is_silent_leaves_time_for_the_next(tmp_path: Path) -> None:
    tls = authority().serving(tmp_path, NAME)
    with deaf() as silent, Receiver(answering(NO_CONTENT), tls=tls) as receiver:
        internet = Internet(**{PUBLIC: silent, OTHER_PUBLIC: receiver.port})
        sender = public(internet, Names([PUBLIC, OTHER_PUBLIC]), timeout=timedelta(seconds=2))
        assert post(sender).status_code == 204
    assert [address for address, _ in internet.reached] == [PUBLIC, OTHER_PUBLIC]


def test_what_the_resolver_took_is_taken_off_the_time() -> None:
    """By a clock that goes on in the resolver alone."""
    passed_s = 0.0

    def resolve(host: str, port: int) -> Sequence[Address]:
        nonlocal passed_s
        passed_s += 16
        return Names([PUBLIC])(host, port)

    internet = Internet()
    ended = not_sent(public(internet, timeout=timedelta(seconds=15), resolve=resolve, monotonic=lambda: passed_s))
    assert (ended.reason, ended.duration) == ("no answer within 15 s", timedelta(seconds=16))
    assert internet.reached == []


def test_each_address_has_its_share_of_the_time_and_only_some_are_tried() -> None:
    many = [f"8.8.8.{number}" for number in range(1, 101)]
    internet = Internet()
    sender = public(internet, Names(many), timeout=timedelta(seconds=12), monotonic=lambda: 0.0)
    assert not_sent(sender).reason == "no connection"
    assert internet.reached == [(address, 443) for address in many[:ADDRESSES_TRIED]]
    assert internet.shares_s == [3, 4, 6, 12]


def test_the_time_of_an_attempt_is_fifteen_seconds() -> None:
    """By a clock that goes on five seconds each time it is read."""
    ended = failed(answering(NO_CONTENT), monotonic=count(0, 5.0).__next__)
    assert ended.reason == "no answer within 15 s"


def test_nothing_is_left_behind() -> None:
    before = threading.active_count()
    with Receiver(drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000)) as dripping, nobody() as refusing:
        sender = local(timeout=timedelta(seconds=0.1))
        post(sender, dripping.url)
        not_sent(sender, f"http://127.0.0.1:{refusing}/")
        not_sent(sender, f"https://127.0.0.1:{dripping.port}/")
        assert threading.active_count() == before + 1, "the receiver's own"
    gc.collect()  # a socket that was not closed would warn, and warnings are errors


# TLS


def test_the_name_is_asked_for_by_tls_and_by_http(tmp_path: Path) -> None:
    with Receiver(answering(NO_CONTENT), tls=authority().serving(tmp_path, NAME)) as receiver:
        internet = Internet(receiver.port)
        assert post(public(internet)).status_code == 204
    (request,) = receiver.received
    assert request.server_name == NAME
    assert request.headers["Host"] == NAME
    assert request.line == "POST /hook?of=jobs HTTP/1.1"
    assert internet.reached == [(PUBLIC, 443)]


def test_an_address_may_have_a_certificate(tmp_path: Path) -> None:
    with Receiver(answering(NO_CONTENT), tls=authority().serving(tmp_path, PUBLIC)) as receiver:
        assert post(public(Internet(receiver.port)), f"https://{PUBLIC}/").status_code == 204
    assert [request.headers["Host"] for request in receiver.received] == [PUBLIC]


@pytest.mark.asvs("12.3.2")
@pytest.mark.parametrize(
    ("names", "is_expired", "words"),
    [
        (["other.example.com"], False, "Hostname mismatch"),
        (["example.com"], False, "Hostname mismatch"),
        (["*.hooks.example.com"], False, "Hostname mismatch"),
        ([PUBLIC], False, "Hostname mismatch"),
        ([NAME], True, "certificate has expired"),
    ],
)
def test_a_certificate_that_does_not_hold_is_refused(
    tmp_path: Path, names: list[str], words: str, *, is_expired: bool
) -> None:
    tls = authority().serving(tmp_path, *names, is_expired=is_expired)
    with Receiver(answering(NO_CONTENT), tls=tls) as receiver:
        reason = not_sent(public(Internet(receiver.port))).reason
    assert reason.startswith(f"the certificate does not hold: {words}")
    assert receiver.received == []


def test_a_certificate_of_an_unknown_authority_is_refused_on_a_laptop_too(tmp_path: Path) -> None:
    with Receiver(answering(NO_CONTENT), tls=Authority().serving(tmp_path, NAME, "127.0.0.1")) as receiver:
        for sender, url in [
            (public(Internet(receiver.port)), URL),
            (local(tls=authority().trusting), receiver.url),
            (local(), receiver.url),
        ]:
            assert not_sent(sender, url).reason.startswith("the certificate does not hold: ")
    assert receiver.received == []


def test_the_system_certificates_are_read_once_and_only_for_https(tmp_path: Path) -> None:
    made: list[ssl.SSLContext] = []

    def tls() -> ssl.SSLContext:
        made.append(authority().trusting())
        return made[-1]

    sender = local(tls=tls)
    with Receiver(answering(NO_CONTENT)) as receiver:
        post(sender, receiver.url)
    assert made == []
    with Receiver(answering(NO_CONTENT), tls=authority().serving(tmp_path, "127.0.0.1")) as receiver:
        assert [post(sender, receiver.url).status_code for _ in range(2)] == [204, 204]
    assert len(made) == 1


def test_what_does_not_speak_tls_is_refused() -> None:
    def script(caller: Caller) -> None:
        caller.connected.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        caller.wait_for_end()

    with Receiver(script) as receiver:
        assert not_sent(public(Internet(receiver.port))).reason == "TLS cannot be agreed on"


@pytest.mark.asvs("12.1.1")
def test_tls_of_an_old_version_is_refused(tmp_path: Path) -> None:
    tls = authority().serving(tmp_path, NAME)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_1
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with Receiver(answering(NO_CONTENT), tls=tls) as receiver:
        assert not_sent(public(Internet(receiver.port))).reason == "TLS cannot be agreed on"


# Where a webhook may not lead


@pytest.mark.asvs("1.3.6")
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_name_that_resolves_to_what_is_not_public_is_refused(address: str) -> None:
    internet = Internet()
    for answer in ([address], [PUBLIC, address], [address, PUBLIC], [PUBLIC, OTHER_PUBLIC, address]):
        assert not_sent(public(internet, Names(answer))).reason == "an address of it is not public"
    assert internet.reached == []


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_only_looks_public_is_refused(name: str) -> None:
    internet = Internet()
    assert not_sent(public(internet, Names(NAMES[name])), f"https://{name}/").reason == "an address of it is not public"
    assert internet.reached == []


@pytest.mark.parametrize("url", URLS, ids=lambda url: URLS[url])
def test_a_url_that_is_a_disguise_is_not_even_resolved(url: str) -> None:
    names, internet = Names([PUBLIC]), Internet()
    assert not_sent(public(internet, names), url).reason.startswith("the URL is not allowed: ")
    assert (names.asked, internet.reached) == ([], [])


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_a_public_address_is_connected_to(address: str) -> None:
    internet = Internet()
    assert not_sent(public(internet, Names([address]))).reason == "no connection"
    assert internet.reached == [(address, 443)]


@pytest.mark.asvs("1.3.6")
def test_a_name_that_changes_its_address_changes_nothing(tmp_path: Path) -> None:
    """DNS rebinding: public when it is looked at, and loopback when it is looked at again."""
    with Receiver(answering(NO_CONTENT), tls=authority().serving(tmp_path, NAME)) as receiver:
        names, internet = Names([PUBLIC], ["127.0.0.1"]), Internet(receiver.port)
        sender = public(internet, names)
        assert post(sender).status_code == 204
        assert names.asked == [(NAME, 443)]
        assert internet.reached == [(PUBLIC, 443)]
        assert not_sent(sender).reason == "an address of it is not public"
        assert internet.reached == [(PUBLIC, 443)]


def test_the_next_address_is_tried_when_one_refuses(tmp_path: Path) -> None:
    with Receiver(answering(NO_CONTENT), tls=authority().serving(tmp_path, NAME)) as receiver:
        internet = Internet(receiver.port)
        assert post(public(internet, Names(["2606:4700::1111", OTHER_PUBLIC, PUBLIC]))).status_code == 204
    assert [address for address, _ in internet.reached] == ["2606:4700::1111", OTHER_PUBLIC, PUBLIC]


def test_a_refused_connection_is_no_connection() -> None:
    with nobody() as port:
        assert not_sent(local(), f"http://127.0.0.1:{port}/").reason == "no connection"


def test_a_name_that_does_not_resolve_is_refused() -> None:
    def unknown(_: str, __: int) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    internet = Internet()
    assert not_sent(public(internet, resolve=unknown)).reason == "the name does not resolve"
    assert not_sent(public(internet, Names([]))).reason == "the name does not resolve"
    assert internet.reached == []


def test_on_a_laptop_a_private_address_of_a_name_is_called() -> None:
    with Receiver(answering(NO_CONTENT)) as receiver:
        url = f"http://receiver.localhost:{receiver.port}/"
        assert post(local(resolve=Names(["127.0.0.1"])), url).status_code == 204
        internet = Internet(**{"::1": receiver.port})
        assert post(local(resolve=Names(["::1"]), connect=internet), "http://[::1]:8080/").status_code == 204
    assert [request.headers["Host"] for request in receiver.received] == [
        f"receiver.localhost:{receiver.port}",
        "[::1]:8080",
    ]


def test_the_system_resolver_says_each_address_once() -> None:
    assert resolved_by_system("127.0.0.1", 443) == (ipaddress.ip_address("127.0.0.1"),)
    assert resolved_by_system("2606:4700::1111", 443) == (ipaddress.ip_address("2606:4700::1111"),)
    assert resolved_by_system("169.254.169.254", 443) == (ipaddress.ip_address("169.254.169.254"),)


def test_the_real_resolver_and_the_real_connection_are_guarded() -> None:
    """Without anything of the tests' own in between."""
    with Receiver(answering(NO_CONTENT)) as receiver:
        sender = HttpWebhookSender(to_anywhere=False)
        assert not_sent(sender, receiver.url).reason.startswith("the URL is not allowed: ")
        assert not_sent(sender, "https://127.0.0.1/").reason.startswith("the URL is not allowed: ")
    assert receiver.connections == 0
