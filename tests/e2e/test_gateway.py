"""What the deployed API answers where no handler of ours is reached: API Gateway's own refusals, and methods."""

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from deployment.emulated import clients
from deployment.rollout import API_STAGE, roll_out
from tests.e2e.conftest import Runner, local_stage
from tests.gateway_responses import KINDS
from tests.security_headers import OF_DATA, POLICY_OF_THE_GATEWAY, check_security

Asked = tuple[int, dict[str, str], bytes]


def ask(address: str, method: str, path: str, **headers: str) -> Asked:
    """Status, headers by their names in lower case, and body."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        connection.request(method, urlsplit(address).path + path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.fixture(params=["front", "gateway"])
def address(request: pytest.FixtureRequest, runner: Runner) -> str:
    """The URL of the API, with the front and without."""
    if request.param == "front":
        return runner.api
    api_id = local_stage(runner.aws_endpoint).stack().outputs()["RestAPIId"]
    return f"{runner.aws_endpoint}/_aws/execute-api/{api_id}/{API_STAGE}"


def problem(answer: Asked) -> dict[str, Any]:
    status, headers, body = answer
    assert headers["content-type"] == "application/problem+json"
    given: dict[str, Any] = json.loads(body)
    is_gateways = given["code"] in {"NO_SUCH_PATH", "REFUSED_BY_GATEWAY", "THROTTLED"}
    check_security(headers, policy=POLICY_OF_THE_GATEWAY if is_gateways else OF_DATA["Content-Security-Policy"])
    assert given["request_id"] == headers["x-request-id"] != ""
    assert given.get("status", status) == status
    return given


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS", "TRACE", "BREW"])
def test_an_unknown_path_is_not_found(address: str, method: str) -> None:
    answer = ask(address, method, "/nowhere")
    given = problem(answer)
    assert (answer[0], given["code"], given["type"]) == (404, "NO_SUCH_PATH", f"/{API_STAGE}/problems/no-such-path")


def test_a_refusal_whose_status_the_gateway_does_not_tell_claims_none(address: str) -> None:
    """A call that is signed for AWS, and wrongly."""
    answer = ask(address, "GET", "/nowhere", Authorization="AWS4-HMAC-SHA256 Credential=none")
    given = problem(answer)
    assert (answer[0], given["code"]) == (403, "REFUSED_BY_GATEWAY")
    assert "status" not in given


@pytest.mark.parametrize("path", ["/nowhere", "/jobs", "/problems/nonsense"])
def test_the_type_of_a_problem_leads_to_its_page(api: str, path: str) -> None:
    given = problem(ask(api, "GET", path))
    status, headers, page = ask(api, "GET", given["type"])
    check_security(headers, cache="no-cache", policy=headers["content-security-policy"])
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f"<h1>{given['title']}</h1>" in page.decode()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_another_method_of_a_path_is_not_allowed(api: str, method: str) -> None:
    answer = ask(api, method, "/health")
    assert (answer[0], answer[1]["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert problem(answer)["code"] == "METHOD_NOT_ALLOWED"


def test_options_tells_the_methods(api: str) -> None:
    status, headers, body = ask(api, "OPTIONS", "/jobs")
    assert (status, body) == (204, b"")
    check_security(headers)
    assert set(headers["allow"].split(", ")) >= {"GET", "HEAD", "POST", "OPTIONS"}


@pytest.mark.asvs("13.4.4")
@pytest.mark.parametrize("method", ["TRACE", "BREW"])
def test_a_method_that_api_gateway_does_not_know_is_a_problem(api: str, method: str) -> None:
    assert problem(ask(api, method, "/health"))["code"] == "NO_SUCH_PATH"


def test_head_answers_as_get_without_the_body(address: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        for _ in range(2):  # on one connection, where that is kept: a body would be taken for the next answer
            tags = []
            for method in ("GET", "HEAD"):
                connection.request(method, f"{urlsplit(address).path}/operations")
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status == 200
                assert (body == b"") == (method == "HEAD")
                tags.append(answer.headers["ETag"])
            assert tags[0] == tags[1]
    finally:
        connection.close()


def test_the_gateway_responses_are_put_once(runner: Runner, packaged: Path) -> None:
    apigateway = clients(runner.aws_endpoint).client("apigateway")
    api_id = local_stage(runner.aws_endpoint).stack().outputs()["RestAPIId"]
    present = apigateway.get_gateway_responses(restApiId=api_id)["items"]
    assert {each["responseType"] for each in present if not each["defaultResponse"]} == set(KINDS)
    deployments = len(apigateway.get_deployments(restApiId=api_id)["items"])
    roll_out(local_stage(runner.aws_endpoint), packaged)
    assert len(apigateway.get_deployments(restApiId=api_id)["items"]) == deployments
    assert problem(ask(runner.api, "GET", "/nowhere"))["code"] == "NO_SUCH_PATH"


def test_what_the_gateway_throttles_may_come_again(runner: Runner) -> None:
    apigateway = clients(runner.aws_endpoint).client("apigateway")
    stage = {"restApiId": local_stage(runner.aws_endpoint).stack().outputs()["RestAPIId"], "stageName": API_STAGE}
    limits = {"rateLimit": "0.001", "burstLimit": "1"}
    setting = [{"op": "replace", "path": f"/*/*/throttling/{name}", "value": value} for name, value in limits.items()]
    apigateway.update_stage(**stage, patchOperations=setting)
    try:
        answers = [ask(runner.api, "GET", "/health") for _ in range(3)]
    finally:
        apigateway.update_stage(**stage, patchOperations=[{"op": "remove", "path": "/*/*"}])
    throttled = answers[-1]
    assert (throttled[0], problem(throttled)["code"], throttled[1]["retry-after"]) == (429, "THROTTLED", "5")
    assert ask(runner.api, "GET", "/health")[0] == 200
