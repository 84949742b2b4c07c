"""Whether what the service takes and answers is what the description of the API says."""

from typing import Any

import jsonschema_rs

from chalicelib.api.security_headers import SECURITY_HEADERS
from tests.api.client import Answer

OF_EVERY_ANSWER = {"Content-Type", *SECURITY_HEADERS}
"""Headers that OpenAPI does not describe, or that say nothing of the API."""


def mismatch(described: dict[str, Any], schema: dict[str, Any], value: Any) -> str:
    """Why a value is not of a schema of the document; nothing when it is."""
    whole = schema | {"components": described["components"]}
    errors = jsonschema_rs.Draft202012Validator(whole, validate_formats=True).iter_errors(value)
    return "; ".join(error.message for error in errors)


def check(described: dict[str, Any], operation: dict[str, Any], answer: Answer) -> None:
    """An answer has a status, a body and headers that are described, and every header that always comes."""
    said = operation["responses"][str(answer.status)]
    if answer.text:
        (media,) = (content for kind, content in said["content"].items() if kind == answer.headers["Content-Type"])
        assert not mismatch(described, media["schema"], answer.json), operation["operationId"]
    else:
        assert "content" not in said
    assert set(answer.headers) <= set(said["headers"]) | OF_EVERY_ANSWER, operation["operationId"]
    assert {name for name, header in said["headers"].items() if header["required"]} <= set(answer.headers)
