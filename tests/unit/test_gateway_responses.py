"""The gateway responses of the template, against the product's table of problems."""

import json
from typing import Any

from chalicelib.api.possible import FROM_THE_GATEWAY
from chalicelib.api.problem_types import PROBLEM_TYPES
from tests.aws import PROJECT
from tests.gateway_responses import KINDS, gateway_responses

TEMPLATE = json.loads((PROJECT / ".chalice" / "resources.json").read_text())
RESPONSES: dict[str, Any] = TEMPLATE["Resources"]["RestAPI"]["Properties"]["GatewayResponses"]


def test_the_template_has_those_of_the_table() -> None:
    expected = gateway_responses()
    assert list(RESPONSES) == list(expected)
    for name, response in expected.items():
        assert RESPONSES[name] == response, f"{name} must be {json.dumps(response)}"


def test_each_is_a_whole_problem_that_claims_no_status_but_its_own() -> None:
    for response in RESPONSES.values():
        problem = json.loads(response["ResponseTemplates"]["application/json"])
        kind = PROBLEM_TYPES[problem["code"]]
        assert problem["request_id"] == "$context.requestId"
        assert problem["type"] == f"/$context.stage/problems/{kind.name}"
        assert problem.get("status") == kind.status
        assert response.get("StatusCode") == (None if kind.status is None else str(kind.status))
        assert ("Retry-After" in response["ResponseParameters"]["Headers"]) == (kind.status == 429)


def test_no_text_holds_what_api_gateway_would_replace() -> None:
    for kind in PROBLEM_TYPES.values():
        assert "$" not in kind.title + kind.meaning


def test_what_an_endpoint_can_meet_of_the_gateway_is_in_the_template() -> None:
    assert {kind.code for kind in FROM_THE_GATEWAY} <= set(KINDS.values())
