"""Whatever is sent as the body of a call about accounts: it is refused or taken as declared, and breaks nothing."""

import json
from typing import Any

import pytest

from chalicelib.api.endpoint import Endpoint
from chalicelib.api.routes import ENDPOINTS
from chalicelib.validation import fields_of
from tests.api.attempts import Attempt, name_of, prepared
from tests.api.client import Answer
from tests.api.description import check

BODIES = [each for each in ENDPOINTS if each.body is not None and not each.path.startswith("/jobs")]
FIELDS = [(each, name) for each in BODIES if each.body is not None for name in fields_of(each.body)]

OF_ANOTHER_KIND: list[Any] = [0, -1, 1.5, True, [], {}, [None], {"a": 1}, 10**400]
"""No text; what is right for a field that is no text is right all the same."""

TEXTS = [
    "",
    " ",
    "\0",
    "ada\0",
    "a" * 10_000,
    "\N{GRINNING FACE}" * 100,
    "e\N{COMBINING ACUTE ACCENT}" * 400,
    "\N{RIGHT-TO-LEFT OVERRIDE}ada",
    "ada' OR '1'='1",
    "{{7*7}}",
    "${jndi:ldap://127.0.0.1}",
    "../../etc/passwd",
    "USER#1",
    "\r\nX: y",
]


def check_kept(attempt: Attempt, answer: Answer, before: dict[str, Any], described: dict[str, Any]) -> None:
    """It is a described answer, no fault, and what it refused it did not store, but for the event of a failure."""
    endpoint = attempt.endpoint
    if endpoint.is_public:
        check(described, described["paths"][endpoint.path][endpoint.method.lower()], answer)
    assert answer.status < 500, answer.text
    if answer.status >= 400:
        assert len(answer.problem["detail"]) < 500
        after = attempt.stored()
        failures = after.pop("events")[len(before.pop("events")) :]
        assert {event.action for event in failures} <= {"SIGN_IN_FAILED", "PASSWORD_CHANGE_FAILED"}
        assert after == before


@pytest.mark.parametrize(("endpoint", "name"), FIELDS, ids=[f"{name_of(endpoint)} {name}" for endpoint, name in FIELDS])
def test_no_value_of_any_field_is_a_fault(described: dict[str, Any], endpoint: Endpoint, name: str) -> None:
    statuses = set()
    for value in [*OF_ANOTHER_KIND, *TEXTS, None]:
        attempt = prepared(endpoint)
        attempt.body |= {name: value}
        before = attempt.stored()
        answer = attempt.send()
        check_kept(attempt, answer, before, described)
        statuses.add(answer.status)
    assert 422 in statuses


@pytest.mark.parametrize(("endpoint", "name"), FIELDS, ids=[f"{name_of(endpoint)} {name}" for endpoint, name in FIELDS])
def test_half_of_a_surrogate_pair_is_no_text(described: dict[str, Any], endpoint: Endpoint, name: str) -> None:
    attempt = prepared(endpoint)
    for escape in (r"\ud800", r"\udfff", r"abcdefgh\ud83d"):
        attempt.text = json.dumps(attempt.body | {name: "@@"}).replace("@@", escape)
        before = attempt.stored()
        answer = attempt.send()
        assert answer.status in {400, 422}
        check_kept(attempt, answer, before, described)


@pytest.mark.parametrize("endpoint", BODIES, ids=name_of)
def test_a_value_of_a_megabyte_is_refused_before_it_is_read(described: dict[str, Any], endpoint: Endpoint) -> None:
    assert endpoint.body is not None
    for name in (*fields_of(endpoint.body), "unknown"):
        attempt = prepared(endpoint)
        attempt.body |= {name: "x" * 1_000_000}
        checks, before = len(attempt.api.hashed), attempt.stored()
        answer = attempt.send()
        assert (answer.status, answer.problem["code"]) == (413, "INPUT_TOO_LARGE")
        assert len(attempt.api.hashed) == checks
        check_kept(attempt, answer, before, described)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "7",
        '"text"',
        "[]",
        "[{}]",
        "{",
        "{}}",
        '{"a": NaN}',
        "\ufeff{}",
        "{'username': 'ada'}",
        '{"' + "x" * 10_000 + '": 1}',
        '{"a": ' * 20_000,
        "[" * 100_000,
        "\0",
    ],
    ids=lambda text: repr(text[:20]),
)
@pytest.mark.parametrize("endpoint", BODIES, ids=name_of)
def test_what_is_no_such_body_is_refused(described: dict[str, Any], endpoint: Endpoint, text: str) -> None:
    attempt = prepared(endpoint)
    attempt.text = text
    before = attempt.stored()
    answer = attempt.send()
    assert answer.status in {400, 422}
    check_kept(attempt, answer, before, described)


@pytest.mark.parametrize("path", ["/me/sessions/{}", "/api-keys/{}"])
@pytest.mark.parametrize(
    "part", ["x", "%00", "..", "%2e%2e", "0" * 36, "é", "x" * 5_000, "00000000-0000-4000-9000-00000000000G", "*", "#"]
)
def test_an_id_that_is_none_is_not_found(path: str, part: str) -> None:
    endpoint = next(each for each in ENDPOINTS if each.path == "/me")
    attempt = prepared(endpoint)
    before = attempt.stored()
    answer = attempt.api.send("DELETE", path.format(part), token=attempt.token)
    assert (answer.status, answer.problem["code"]) == (404, "NOT_FOUND")
    assert attempt.stored() == before
