"""What Chalice answers by itself, and what no caller can send: the edge gives it our shape, and a name."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from chalice.app import BadRequestError, Response

from chalicelib.api.call import Call
from chalicelib.api.endpoint import Endpoint
from tests.api.client import Api
from tests.events import API_GATEWAY_POST, api_event
from tests.security_headers import check_security


def answering(handler: Callable[[Call], Any]) -> Api:
    """An API of one route."""
    return Api(endpoints=[Endpoint(method="GET", path="/x", summary="", handler=handler, answers={200: None})])


def entered(api: Api, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and problem of one Lambda event."""
    answer = api.app(event, None)
    problem = json.loads(answer["body"])
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert answer["headers"]["X-Request-Id"] == problem["request_id"] != ""
    check_security(answer["headers"])
    assert problem["status"] == answer["statusCode"]
    return answer["statusCode"], problem


@pytest.mark.parametrize("event", [{}, {"requestContext": {}}, {"requestContext": {"requestId": "1"}}])
def test_an_event_that_is_no_request_is_a_fault_with_a_name(event: dict[str, Any]) -> None:
    status, problem = entered(Api(), event)
    assert (status, problem["code"]) == (500, "INTERNAL_SERVER_ERROR")


def test_a_request_without_a_name_is_given_one() -> None:
    event = api_event("GET", "/jobs")
    del event["requestContext"]["requestId"]
    (_, first), (_, second) = (entered(Api(), event) for _ in range(2))
    assert first["request_id"] != second["request_id"]


def test_a_request_without_headers_is_answered() -> None:
    event = api_event("GET", "/jobs") | {"headers": None, "multiValueHeaders": None}
    assert entered(Api(), event)[0] == 401


def test_a_method_that_has_no_route_is_not_allowed() -> None:
    event = api_event("TRACE", "/jobs")
    status, problem = entered(Api(), event)
    assert (status, problem["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert problem["type"] == "/api/problems/method-not-allowed"
    assert "GET" in Api().app(event, None)["headers"]["Allow"]


def test_an_answer_that_the_caller_does_not_accept_is_a_bad_request() -> None:
    """Chalice wants an Accept header for what it sends as binary."""
    api = answering(lambda _: Response(body=b"image", headers={"Content-Type": "image/png"}))
    status, problem = entered(api, api_event("GET", "/x"))
    assert (status, problem["code"]) == (400, "BAD_REQUEST")
    assert "image/png" in problem["detail"]


def test_a_binary_answer_passes_as_it_is() -> None:
    api = answering(lambda _: Response(body=b"image", headers={"Content-Type": "image/png"}))
    answer = api.app(api_event("GET", "/x", headers={"Accept": "image/png"}), None)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    check_security(answer["headers"])


def refusing(_call: Call) -> Response:
    raise BadRequestError("why")  # noqa: EM101 - Chalice's own


@pytest.mark.parametrize(
    "handler",
    [
        lambda _: Response(body={"not": "text"}),
        lambda _: Response(body={1, 2}),
        lambda _: Response(body=object(), status_code=400),
        lambda _: Response(body="", headers={"X": "a\nb"}),
        lambda _: None,
        refusing,
    ],
)
def test_a_handler_that_does_not_keep_to_its_contract_is_a_fault(
    handler: Callable[[Call], Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        status, problem = entered(answering(handler), api_event("GET", "/x"))
    assert (status, problem["code"]) == (500, "INTERNAL_SERVER_ERROR")
    assert caplog.records, "the operator must find it"


@pytest.mark.asvs("4.1.3")
def test_the_name_of_a_request_is_that_of_api_gateway() -> None:
    _, problem = entered(Api(), api_event("GET", "/jobs"))
    assert problem["request_id"] == API_GATEWAY_POST["requestContext"]["requestId"]
