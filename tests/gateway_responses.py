"""What API Gateway must answer by itself, from the product's table; ``.chalice/resources.json`` has it written out."""

import json
from typing import Any

from chalicelib.api.problem_types import PROBLEM_TYPES, ProblemType
from chalicelib.api.problems import PROBLEM_MEDIA_TYPE
from chalicelib.api.security_headers import SECURITY_HEADERS

KINDS = {
    "MISSING_AUTHENTICATION_TOKEN": "NO_SUCH_PATH",
    "RESOURCE_NOT_FOUND": "NO_SUCH_PATH",
    "BAD_REQUEST_BODY": "MALFORMED_BODY",
    "BAD_REQUEST_PARAMETERS": "INVALID_PARAMETER",
    "UNSUPPORTED_MEDIA_TYPE": "UNSUPPORTED_MEDIA_TYPE",
    "REQUEST_TOO_LARGE": "INPUT_TOO_LARGE",
    "ACCESS_DENIED": "FORBIDDEN",
    "WAF_FILTERED": "FORBIDDEN",
    "THROTTLED": "THROTTLED",
    "QUOTA_EXCEEDED": "THROTTLED",
    "INTEGRATION_FAILURE": "BAD_GATEWAY",
    "INTEGRATION_TIMEOUT": "GATEWAY_TIMEOUT",
    "DEFAULT_4XX": "REFUSED_BY_GATEWAY",
    "DEFAULT_5XX": "FAILED_IN_GATEWAY",
}
"""The kind of problem that each gateway response is. All others of API Gateway's inherit from the two defaults."""

THROTTLE_RETRY_S = 5


def unquoted(value: str) -> str:
    """
    A header's value without quotes, in which API Gateway has the whole of it.

    In a content security policy a directive without a source means the same as with 'none' (Content Security Policy
    Level 3, section 6.7.2.7).
    """
    return value.replace(" 'none'", "")


def gateway_responses() -> dict[str, Any]:
    """The property ``GatewayResponses`` of the API."""
    return {response: _response(PROBLEM_TYPES[code]) for response, code in KINDS.items()}


def _response(kind: ProblemType) -> dict[str, Any]:
    headers = {
        "Content-Type": f"'{PROBLEM_MEDIA_TYPE}'",
        **{name: f"'{unquoted(value)}'" for name, value in SECURITY_HEADERS.items()},
        "X-Request-Id": "context.requestId",
    }
    if kind.code == "THROTTLED":
        headers["Retry-After"] = f"'{THROTTLE_RETRY_S}'"
    status = {} if kind.status is None else {"status": kind.status}
    problem = {"type": f"/$context.stage{kind.path}", "title": kind.title, **status, "code": kind.code}
    problem |= {"detail": kind.detail, "request_id": "$context.requestId"}
    return {
        **({} if kind.status is None else {"StatusCode": str(kind.status)}),
        "ResponseParameters": {"Headers": headers},
        "ResponseTemplates": {"application/json": json.dumps(problem)},
    }
