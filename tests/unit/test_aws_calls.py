"""Calls of AWS, by a server that is scripted down to the byte."""

import ast
import json
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import Loader

from chalicelib.adapters.aws_calls import (
    SERVICES,
    AwsAway,
    AwsClient,
    AwsRefusal,
    Policy,
    Service,
    Surroundings,
    operation_named,
)
from chalicelib.adapters.aws_signature import Credentials
from chalicelib.adapters.system import SystemIds
from tests.aws import PROJECT
from tests.fakes import NOON, FixedChance, FixedClock
from tests.webhook_receiver import Caller, Receiver, Script, answering, authority, nobody

KEY = {"job_id": {"S": "one"}}
ITEM = {"Item": {"job_id": {"S": "one"}, "data": {"S": "[1, 2, 3]"}}}


def response(status: str, body: bytes | dict[str, Any] = b"{}", *, connection: str = "close", **headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", f"Connection: {connection}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def error(status: str, code: str, **members: Any) -> bytes:
    return response(status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no", **members})


OK = response("200 OK", ITEM)
KEPT = response("200 OK", ITEM, connection="keep-alive")
BUSY = error("400 Bad Request", "ThrottlingException")
BROKEN = response("503 Service Unavailable", b"<html>busy</html>")


@dataclass
class Pauses:
    slept_s: list[float] = field(default_factory=list)

    def sleep(self, duration: timedelta) -> None:
        self.slept_s.append(duration.total_seconds())


@contextmanager
def client_of(
    url: str, *, service: str = "dynamodb", attempts: int = 3, pauses: Pauses | None = None, **environment: str
) -> Iterator[Any]:
    client = AwsClient(
        SERVICES[service],
        endpoint_url=url.removesuffix("/hook"),
        region="eu-central-1",
        credentials=Credentials(access_key="AKIDEXAMPLE", secret_key="secret", token="token"),
        policy=Policy(connect_timeout_s=1, read_timeout_s=0.5, attempts=attempts),
        tls=lambda: authority().trusting(),
        around=Surroundings(
            environment=environment,
            clock=FixedClock(),
            pause=pauses or Pauses(),
            randomness=FixedChance(0.5),
            ids=SystemIds(),
        ),
    )
    yield client
    # As when it is gone, for which nobody waits here.
    for connection in client._idle:  # noqa: SLF001 - the sockets of this very test
        connection.close()


def kept_open(*answers: bytes) -> Script:
    """Answer all requests of one connection, the last answer for ever, until its caller closes it."""
    left = list(answers)

    def script(caller: Caller) -> None:
        while True:
            caller.take()
            caller.connected.sendall(left.pop(0) if len(left) > 1 else left[0])

    return script


def test_a_call_is_a_signed_post_of_json_and_its_answer_is_read() -> None:
    with Receiver(answering(OK)) as server, client_of(server.url) as client:
        assert client.get_item(TableName="jobs", Key=KEY, ConsistentRead=True) == ITEM
    (request,) = server.received
    assert request.line == "POST / HTTP/1.1"
    assert json.loads(request.body) == {"TableName": "jobs", "Key": KEY, "ConsistentRead": True}
    assert request.headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert request.headers["content-type"] == "application/x-amz-json-1.0"
    assert request.headers["x-amz-date"] == NOON.strftime("%Y%m%dT%H%M%SZ")
    assert request.headers["x-amz-security-token"] == "token"
    assert "/eu-central-1/dynamodb/aws4_request, SignedHeaders=content-type;host;" in request.headers["authorization"]
    assert "x-amzn-trace-id" not in request.headers


def test_an_answer_without_a_body_is_an_empty_one() -> None:
    with Receiver(answering(response("200 OK", b""))) as server, client_of(server.url) as client:
        assert client.put_item(TableName="jobs", Item=KEY) == {}


def test_a_trace_is_passed_on() -> None:
    """Else X-Ray would not see the call, nor Lambda that a function calls itself."""
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    with Receiver(answering(OK)) as server, client_of(server.url, _X_AMZN_TRACE_ID=trace) as client:
        client.get_item(TableName="jobs", Key=KEY)
    assert server.received[0].headers["x-amzn-trace-id"] == trace
    assert "trace" not in server.received[0].headers["authorization"]


def test_a_trace_that_is_no_header_is_sent_as_the_sdks_send_it() -> None:
    with Receiver(answering(OK)) as server, client_of(server.url, _X_AMZN_TRACE_ID="Root=1;Self=é\r\n") as client:
        client.get_item(TableName="jobs", Key=KEY)
    assert server.received[0].headers["x-amzn-trace-id"] == "Root=1;Self=%C3%A9%0D%0A"


def test_a_header_that_would_be_two_is_not_sent() -> None:
    with nobody() as port, client_of(f"http://127.0.0.1:{port}") as client, pytest.raises(ValueError, match="a line"):
        client.call("GetItem\r\nHost: elsewhere", {})


@pytest.mark.parametrize(
    ("environment", "name"), [({}, "job-backend"), ({"AWS_SDK_UA_APP_ID": "a b"}, "job-backend app/a%20b")]
)
def test_it_says_who_calls(environment: dict[str, Any], name: str) -> None:
    with Receiver(answering(OK)) as server, client_of(server.url, **environment) as client:
        client.get_item(TableName="jobs", Key=KEY)
    assert server.received[0].headers["user-agent"] == name
    assert "user-agent" not in server.received[0].headers["authorization"]


def test_what_is_not_of_json_is_not_sent() -> None:
    with nobody() as port, client_of(f"http://127.0.0.1:{port}") as client, pytest.raises(TypeError, match="object"):
        client.put_item(Item={"job_id": object()})


def test_a_refusal_has_its_code_its_status_and_what_came_with_it() -> None:
    refused = error("400 Bad Request", "ConditionalCheckFailedException", Item=KEY)
    with (
        Receiver(answering(refused)) as server,
        client_of(server.url) as client,
        pytest.raises(AwsRefusal, match=r"dynamodb PutItem was refused with 400 ConditionalCheck\w+: no") as told,
    ):
        client.put_item(TableName="jobs", Item=KEY)
    assert (told.value.code, told.value.status) == ("ConditionalCheckFailedException", 400)
    assert told.value.members["Item"] == KEY
    assert len(server.received) == 1, "another try would be refused too"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (response("400 Bad Request", {"__type": "ValidationException"}), "ValidationException"),
        (response("400 Bad Request", b"", x_amzn_ErrorType="ParameterNotFound:http://x"), "ParameterNotFound"),
        (response("400 Bad Request", {"__type": "com.amazonaws.sqs#QueueDoesNotExist"}), "QueueDoesNotExist"),
        (response("403 Forbidden", b"<html>no</html>"), "403"),
        (response("400 Bad Request", b"[]"), "400"),
    ],
)
def test_a_code_is_found_wherever_the_service_has_put_it(answer: bytes, code: str) -> None:
    with Receiver(answering(answer)) as server, client_of(server.url) as client, pytest.raises(AwsRefusal) as told:
        client.get_item(TableName="jobs", Key=KEY)
    assert told.value.code == code


def test_a_provisional_answer_is_not_the_answer() -> None:
    """Else the next call would read this one's answer as its own."""
    wait = b"HTTP/1.1 100 Continue\r\n\r\n"

    def slowly(caller: Caller) -> None:
        caller.take()
        caller.connected.sendall(wait)
        caller.drip(KEPT[:20])
        caller.connected.sendall(KEPT[20:])
        caller.take()
        caller.connected.sendall(wait + response("200 OK", {}, connection="keep-alive"))
        caller.wait_for_end()

    with Receiver(slowly) as server, client_of(server.url, attempts=1) as client:
        assert client.get_item(TableName="jobs", Key=KEY) == ITEM
        assert client.get_item(TableName="jobs", Key=KEY) == {}
        assert server.connections == 1
        for connection in client._idle:  # noqa: SLF001 - for the server, which waits for that
            connection.close()


def test_an_answer_that_ends_with_its_connection_is_whole() -> None:
    without_length = b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(ITEM).encode()
    with Receiver(answering(without_length)) as server, client_of(server.url, attempts=1) as client:
        assert client.get_item(TableName="jobs", Key=KEY) == ITEM


def test_an_answer_in_chunks_is_read() -> None:
    chunks = b"".join(
        f"{len(part):x}\r\n{part}\r\n".encode() for part in ('{"Item"', ': {"job_id"', ': {"S": "one"}}}')
    )
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Receiver(kept_open(head + chunks + b"0\r\n\r\n")) as server, client_of(server.url, attempts=1) as client:
        for _ in range(2):
            assert client.get_item(TableName="jobs", Key=KEY) == {"Item": KEY}
        assert server.connections == 1
        for connection in client._idle:  # noqa: SLF001 - for the server, which waits for that
            connection.close()


@pytest.mark.parametrize("answers", [KEPT + KEPT, response("200 OK", b"<html>")])
def test_an_answer_that_cannot_be_right_is_none(answers: bytes) -> None:
    with (
        Receiver(answering(answers)) as server,
        client_of(server.url, attempts=1) as client,
        pytest.raises(AwsAway, match=r"more than one answer|is no JSON"),
    ):
        client.get_item(TableName="jobs", Key=KEY)


def test_an_answer_without_content_is_one() -> None:
    nothing = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    with Receiver(answering(nothing)) as server, client_of(server.url, attempts=1) as client:
        assert client.delete_item(TableName="jobs", Key=KEY) == {}


@pytest.mark.parametrize("first", [BUSY, BROKEN, response("429 Slow down"), b"", OK[:-5], b"nonsense\r\n\r\n"])
def test_what_may_go_through_later_is_tried_again_after_a_wait(first: bytes) -> None:
    pauses = Pauses()
    with Receiver(answering(first, first, OK)) as server, client_of(server.url, pauses=pauses) as client:
        assert client.get_item(TableName="jobs", Key=KEY) == ITEM
    assert pauses.slept_s == [0.5, 1], "half of a second, and half of two"
    assert len(server.received) == 3


def test_the_last_tries_error_is_the_callers() -> None:
    with (
        Receiver(answering(BUSY)) as server,
        client_of(server.url) as client,
        pytest.raises(AwsRefusal, match="ThrottlingException") as told,
    ):
        client.get_item(TableName="jobs", Key=KEY)
    assert told.value.is_transient
    assert len(server.received) == 3


def test_a_client_for_one_try_makes_one() -> None:
    with Receiver(answering(BUSY)) as server, client_of(server.url, attempts=1) as client, pytest.raises(AwsRefusal):
        client.get_item(TableName="jobs", Key=KEY)
    assert len(server.received) == 1


def test_where_nobody_listens_aws_is_away() -> None:
    pauses = Pauses()
    with (
        nobody() as port,
        client_of(f"http://127.0.0.1:{port}", pauses=pauses) as client,
        pytest.raises(AwsAway, match=rf"127\.0\.0\.1:{port} does not answer: ConnectionRefused"),
    ):
        client.get_item(TableName="jobs", Key=KEY)
    assert len(pauses.slept_s) == 2


def test_an_answer_that_does_not_come_in_time_is_none() -> None:
    with (
        Receiver(lambda caller: caller.wait()) as server,
        client_of(server.url, attempts=1) as client,
        pytest.raises(AwsAway, match="TimeoutError"),
    ):
        client.get_item(TableName="jobs", Key=KEY)


def test_an_answer_that_was_damaged_is_none() -> None:
    body = json.dumps(ITEM).encode()
    good, bad = (response("200 OK", body, x_amz_crc32=str(zlib.crc32(body) + more)) for more in (0, 1))
    with Receiver(answering(bad, good)) as server, client_of(server.url) as client:
        assert client.get_item(TableName="jobs", Key=KEY) == ITEM
    assert len(server.received) == 2


def test_a_connection_is_kept_and_used_again() -> None:
    with (
        Receiver(kept_open(KEPT, BUSY.replace(b"close", b"keep-alive"), KEPT)) as server,
        client_of(server.url) as client,
    ):
        for _ in range(3):
            client.get_item(TableName="jobs", Key=KEY)
        assert (len(server.received), server.connections) == (4, 1)
        for connection in client._idle:  # noqa: SLF001 - so that the server need not wait for the test's end
            connection.close()


def test_a_connection_that_was_closed_meanwhile_is_replaced_without_a_failed_try() -> None:
    pauses, closed = Pauses(), threading.Event()

    def one_each(caller: Caller) -> None:
        caller.take()
        caller.connected.sendall(KEPT)
        caller.connected.close()
        closed.set()

    with Receiver(one_each) as server, client_of(server.url, attempts=1, pauses=pauses) as client:
        for _ in range(2):
            client.get_item(TableName="jobs", Key=KEY)
            assert closed.wait(5)
            closed.clear()
    assert server.connections == 2


def test_threads_do_not_share_a_connection() -> None:
    """Each of two has its own answer, though the one that asked first is answered last."""
    both = threading.Barrier(2)

    def call(client: Any, name: str) -> Any:
        both.wait(5)
        return client.get_item(TableName=name, Key=KEY)["Item"]

    def echo(caller: Caller) -> None:
        name = json.loads(caller.take().body)["TableName"]
        caller.connected.sendall(response("200 OK", {"Item": name}))

    with Receiver(echo) as server, client_of(server.url) as client, ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(call, client, name) for name in ("one", "other")]
        assert [each.result() for each in asked] == ["one", "other"]
    assert server.connections == 2


def test_a_transaction_has_a_token_of_its_own_that_its_tries_share() -> None:
    with Receiver(answering(BUSY, OK)) as server, client_of(server.url) as client:
        client.transact_write_items(TransactItems=[])
        client.transact_write_items(TransactItems=[])
    first, again, other = (json.loads(each.body)["ClientRequestToken"] for each in server.received)
    assert first == again != other


def test_over_tls_a_server_is_asked_who_it_is(tmp_path: Path) -> None:
    known, unknown = (authority().serving(tmp_path, name) for name in ("127.0.0.1", "example.com"))
    with Receiver(answering(OK), tls=known) as server, client_of(server.url) as client:
        assert client.get_item(TableName="jobs", Key=KEY) == ITEM
    with (
        Receiver(answering(OK), tls=unknown) as server,
        client_of(server.url, attempts=1) as client,
        pytest.raises(AwsAway, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.get_item(TableName="jobs", Key=KEY)
    assert server.received == []


def test_a_client_has_no_method_of_a_private_name() -> None:
    with client_of("http://127.0.0.1:1") as client, pytest.raises(AttributeError):
        client._no_operation  # noqa: B018, SLF001 - what is asked


def called_operations() -> set[str]:
    """Names of methods that are called with keywords alone, as those of clients are."""
    return {
        node.func.attr
        for path in (PROJECT / "chalicelib" / "adapters").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args and node.keywords
    }


@pytest.mark.parametrize(("name", "service"), SERVICES.items())
def test_services_are_spoken_to_as_botocore_describes_them(name: str, service: Service) -> None:
    described = Loader().load_service_model(name, "service-2")
    known = described["metadata"]
    assert "json" in known.get("protocols", [known["protocol"]])
    assert (known["targetPrefix"], known["jsonVersion"]) == (service.target, service.json_version)
    assert known["endpointPrefix"] == known.get("signingName", known["endpointPrefix"]) == service.name
    assert known["serviceId"].upper().replace(" ", "_") == service.variable


def test_what_the_product_calls_is_named_as_its_methods_are_and_needs_no_more_than_json() -> None:
    """The names of all operations in use; of their parameters none is bytes, and one is a token that is made here."""
    called = called_operations()
    tokens: dict[str, list[str]] = {}
    for name in SERVICES:
        described = Loader().load_service_model(name, "service-2")
        for operation, of in described["operations"].items():
            method = xform_name(operation)
            if method in called:
                assert operation_named(method) == operation
                assert of["http"] == {"method": "POST", "requestUri": "/"}
                members = described["shapes"][of["input"]["shape"]]["members"]
                tokens[operation] = [member for member, kind in members.items() if kind.get("idempotencyToken")]
    assert {operation: names for operation, names in tokens.items() if names} == {
        "TransactWriteItems": ["ClientRequestToken"]
    }
    assert {"UpdateItem", "SendMessage", "GetParameter", "PutEvents"} <= set(tokens)
