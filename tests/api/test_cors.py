"""Which pages of other origins may read the answers: none, unless their origin is set."""

import json
import re
from dataclasses import replace

import pytest

from chalicelib.api import cors
from chalicelib.api.edge import http_edge
from chalicelib.api.endpoint import METHODS
from chalicelib.api.openapi_headers import RESPONSE_HEADERS
from chalicelib.api.routes import ENDPOINTS
from chalicelib.api.security_headers import SECURITY_HEADERS
from chalicelib.config import ConfigurationError
from tests.api.client import Answer, Api
from tests.aws import PROJECT
from tests.events import api_event
from tests.factories import World
from tests.security_headers import check_security

OURS, ALSO_OURS, OTHER = "https://app.example.com", "http://localhost:5173", "https://evil.example"
HOSTILE = [
    OTHER,
    "null",
    "*",
    "",
    "https://app.example.com.evil.example",
    "https://evil.example/https://app.example.com",
    "https://APP.example.com",
    "https://app.example.com/",
    "https://app.example.com:443",
    "http://app.example.com",
    "https://app.example.com\r\nSet-Cookie: a=b",
    "https://app.example.com\n",
    "https://app.example.com, https://evil.example",
    f"{OURS},{ALSO_OURS}",
    " https://app.example.com",
    "https://app.example.com\0",
]
EXPOSED = {
    "Access-Control-Expose-Headers": (
        "Allow, ETag, Idempotent-Replayed, Link, Location, Preference-Applied, RateLimit, RateLimit-Policy,"
        " Retry-After, WWW-Authenticate, X-Request-Id, x-amzn-Remapped-WWW-Authenticate"
    )
}


def allowing(*origins: str) -> Api:
    return Api(World(allowed_origins=frozenset(origins)))


def of_cors(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower().startswith("access-control-")}


def vary(answer: Answer) -> list[str]:
    return [each for each in answer.headers.get("Vary", "").split(", ") if each]


def asked(api: Api, origin: str | None, method: str = "GET", path: str = "/health", **headers: str) -> Answer:
    given = {} if origin is None else {"Origin": origin}
    return api.send(method, path, headers=given | headers)


@pytest.mark.asvs("3.4.2")
@pytest.mark.parametrize("origin", [None, OURS, *HOSTILE])
@pytest.mark.parametrize("method", METHODS)
def test_without_the_setting_nobody_is_told_anything(origin: str | None, method: str) -> None:
    answer = asked(Api(), origin, method)
    assert of_cors(answer) == {}
    assert vary(answer) == []
    check_security(answer.headers)


@pytest.mark.asvs("3.4.2")
@pytest.mark.parametrize("origin", [OURS, ALSO_OURS])
@pytest.mark.parametrize("method", [each for each in METHODS if each != "OPTIONS"])
def test_a_listed_origin_may_read_an_answer_and_its_headers(origin: str, method: str) -> None:
    answer = asked(allowing(OURS, ALSO_OURS), origin, method)
    assert answer.status == (200 if method in {"GET", "HEAD"} else 405)
    assert of_cors(answer) == {"Access-Control-Allow-Origin": origin, **EXPOSED}
    assert vary(answer) == ["Origin"]


@pytest.mark.asvs("3.4.2")
@pytest.mark.parametrize("origin", [None, *HOSTILE])
@pytest.mark.parametrize("method", METHODS)
def test_any_other_origin_is_told_nothing_and_its_answer_is_not_to_be_mixed_up(origin: str | None, method: str) -> None:
    answer = asked(allowing(OURS, ALSO_OURS), origin, method)
    assert of_cors(answer) == {}
    assert vary(answer) == ["Origin"]
    assert OTHER not in json.dumps(dict(answer.headers))
    assert not [value for value in answer.headers.values() if "\r" in value or "\n" in value]


@pytest.mark.parametrize("origin", [None, "null", OTHER])
def test_with_a_star_anyone_may_and_no_answer_depends_on_who_asks(origin: str | None) -> None:
    answer = asked(allowing("*"), origin)
    assert of_cors(answer) == {"Access-Control-Allow-Origin": "*", **EXPOSED}
    assert vary(answer) == []


@pytest.mark.parametrize("path", sorted({each.path for each in ENDPOINTS}))
def test_a_preflight_tells_what_the_path_has(path: str) -> None:
    concrete = re.sub(r"\{\w+\}", "1", path)
    answer = asked(allowing(OURS), OURS, "OPTIONS", concrete, **{"Access-Control-Request-Method": "GET"})
    assert (answer.status, answer.text) == (204, "")
    assert of_cors(answer) == {
        "Access-Control-Allow-Origin": OURS,
        "Access-Control-Allow-Methods": answer.headers["Allow"],
        "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-None-Match, Prefer",
        "Access-Control-Max-Age": "7200",
        **EXPOSED,
    }
    assert {each.method for each in ENDPOINTS if each.path == path} < set(answer.headers["Allow"].split(", "))


def test_an_error_can_be_read_too() -> None:
    api = allowing(OURS)
    assert asked(api, OURS, path="/jobs").status == 401
    broken = replace(ENDPOINTS[0], path="/broken", handler=lambda _call: None)  # type: ignore[arg-type, return-value]
    for answer in (
        asked(api, OURS, path="/jobs"),
        asked(api, OURS, "TRACE"),
        asked(api, OURS, "OPTIONS", "/nowhere"),
        asked(api, OURS, path="/problems/nonsense"),
        asked(Api(api.world, [broken]), OURS, path="/broken", method=broken.method),
    ):
        assert answer.status in {401, 404, 405, 500}
        assert answer.headers["Access-Control-Allow-Origin"] == OURS
        assert "Access-Control-Allow-Methods" not in answer.headers


def test_an_answer_that_depends_on_more_says_both() -> None:
    api = allowing(OURS)
    job = {"operation": "square_sum", "data": [1]}
    headers = {"Prefer": "wait=0", "Origin": OURS}
    answer = api.send("POST", "/jobs", json.dumps(job), token=api.logged_in(), headers=headers)
    assert vary(answer) == ["Prefer", "Origin"]


def test_what_is_known_already_can_be_read_too() -> None:
    api = allowing(OURS)
    tag = asked(api, OURS, path="/operations").headers["ETag"]
    answer = asked(api, OURS, path="/operations", **{"If-None-Match": tag})
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"], vary(answer)) == (304, OURS, ["Origin"])


def test_two_origins_are_none() -> None:
    api = allowing(OURS)
    lines = {"multiValueHeaders": {"Origin": [OTHER, OURS]}, "headers": {"Origin": OURS}}
    assert of_cors(api.send("GET", "/health", overrides=lines)) == {}


def test_an_event_that_is_no_request_has_no_origin() -> None:
    answer = allowing(OURS).app({}, None)
    assert answer["statusCode"] == 500
    assert answer["headers"]["Vary"] == "Origin"
    assert "Access-Control-Allow-Origin" not in answer["headers"]


def test_what_the_api_heeds_and_gives_is_allowed_and_exposed() -> None:
    heeded = {each for endpoint in ENDPOINTS for each in endpoint.headers}
    assert set(cors.REQUEST_HEADERS) == heeded | {"Authorization", "Content-Type", "If-None-Match"}
    assert set(cors.RESPONSE_HEADERS) == {*RESPONSE_HEADERS, "Allow", "x-amzn-Remapped-WWW-Authenticate"} - {"Vary"}


@pytest.mark.asvs("3.5.1")
def test_credentials_are_never_allowed() -> None:
    for allowed in (OURS, "*"):
        for method in METHODS:
            assert "Access-Control-Allow-Credentials" not in asked(allowing(allowed), OURS, method).headers


def test_while_the_settings_are_wrong_no_origin_is_allowed_and_the_service_is_healthy() -> None:
    def wrong() -> frozenset[str]:
        message = "CORS_ALLOWED_ORIGINS must not have null"
        raise ConfigurationError(message)

    api = Api()
    api.app = type(api.app)(app_name="other", configure_logs=False)
    api.app.register_middleware(http_edge(wrong), "http")
    api.app.route("/health")(lambda: "ok")
    answer = api.app(api_event("GET", "/health", headers={"Origin": OURS}), None)
    assert answer["statusCode"] == 200
    assert "Access-Control-Allow-Origin" not in answer["headers"]


def test_the_page_about_browsers_has_the_headers_as_they_are() -> None:
    page = (PROJECT / "docs" / "browsers.md").read_text()
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:3] == "| `"
    ]
    said = {row[0]: row[-1] for row in rows if row[0].startswith("Access-Control-")}
    answer = asked(allowing(OURS), OURS, "OPTIONS")
    assert set(said) == set(of_cors(answer))
    for name in ("Expose-Headers", "Allow-Headers", "Max-Age"):
        assert said[f"Access-Control-{name}"] == answer.headers[f"Access-Control-{name}"]
    assert {row[0]: row[1] for row in rows if row[0] in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
