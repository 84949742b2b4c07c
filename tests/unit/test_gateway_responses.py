"""The gateway responses of the template, against the product's table of problems."""

import json
from typing import Any

import pytest

from chalicelib.api.possible import FROM_THE_GATEWAY
from chalicelib.api.problem_types import PROBLEM_TYPES
from tests.aws import PROJECT
from tests.gateway_responses import KINDS, gateway_responses
from tests.security_headers import POLICY_OF_THE_GATEWAY, check_security

TEMPLATE = json.loads((PROJECT / ".chalice" / "resources.json").read_text())
RESPONSES: dict[str, Any] = TEMPLATE["Resources"]["RestAPI"]["Properties"]["GatewayResponses"]


def test_the_template_has_those_of_the_table() -> None:
    expected = gateway_responses()
    assert list(RESPONSES) == list(expected)
    for name, response in expected.items():
        assert RESPONSES[name] == response, f"{name} must be {json.dumps(response)}"


@pytest.mark.asvs("3.4.1", "3.4.4")
def test_each_is_a_whole_problem_that_claims_no_status_but_its_own() -> None:
    for response in RESPONSES.values():
        problem = json.loads(response["ResponseTemplates"]["application/json"])
        kind = PROBLEM_TYPES[problem["code"]]
        assert problem["request_id"] == "$context.requestId"
        assert problem["type"] == f"/$context.stage/problems/{kind.name}"
        assert problem.get("status") == kind.status
        assert response.get("StatusCode") == (None if kind.status is None else str(kind.status))
        headers = response["ResponseParameters"]["Headers"]
        fixed = {name: value for name, value in headers.items() if value != "context.requestId"}
        assert all(value[0] == value[-1] == "'" for value in fixed.values()), "API Gateway takes the rest for a name"
        check_security({name: value[1:-1] for name, value in fixed.items()}, policy=POLICY_OF_THE_GATEWAY)
        assert not any("'" in value[1:-1] for value in fixed.values()), "nor has it quotes within quotes"
        assert ("Retry-After" in response["ResponseParameters"]["Headers"]) == (kind.status == 429)


@pytest.mark.asvs("1.3.7")
def test_no_text_holds_what_api_gateway_would_replace() -> None:
    for kind in PROBLEM_TYPES.values():
        assert "$" not in kind.title + kind.meaning


def test_what_an_endpoint_can_meet_of_the_gateway_is_in_the_template() -> None:
    assert {kind.code for kind in FROM_THE_GATEWAY} <= set(KINDS.values())
