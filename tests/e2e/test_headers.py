"""The headers of the running product's answers, whoever gives them, and the origins it was told to allow."""

from collections.abc import Iterator

import pytest

from chalicelib.api.dashboard import STYLE, page_file
from chalicelib.api.docs import asset
from tests.e2e.conftest import running
from tests.e2e.test_gateway import Asked, ask
from tests.security_headers import OF_DATA, POLICY_OF_THE_GATEWAY, check_security

ORIGIN = "https://app.example.com"


@pytest.fixture(scope="module")
def shared() -> Iterator[str]:
    """The URL of a product that lets pages of one origin read its answers."""
    with running(CORS_ALLOWED_ORIGINS=ORIGIN) as runner:
        yield runner.api


@pytest.mark.asvs("3.2.1", "3.4.1", "3.4.3", "3.4.4", "3.4.5", "3.4.6", "14.3.2")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", ["/health", "/jobs", "/jobs/1", "/nowhere"])
def test_every_answer_has_the_security_headers(api: str, method: str, path: str) -> None:
    answer = ask(api, method, path, Origin=ORIGIN)
    policy = POLICY_OF_THE_GATEWAY if path == "/nowhere" else OF_DATA["Content-Security-Policy"]
    check_security(answer[1], policy=policy)
    assert answer[1]["x-request-id"]


@pytest.mark.parametrize(
    ("path", "cache"),
    [
        ("/", "no-store"),
        ("/docs", "no-cache"),
        ("/openapi.json", "no-cache"),
        ("/problems", "no-cache"),
        (f"/docs/start.js?{asset('start.js').version}", "public, max-age=31536000, immutable"),
        ("/docs/start.js?0123456789abcdef", "no-store"),
        (f"/dashboard/{STYLE}?{page_file(STYLE).version}", "public, max-age=31536000, immutable"),
        (f"/dashboard/{STYLE}", "no-store"),
    ],
)
def test_what_a_browser_is_led_to_has_them_also_when_it_is_known_already(api: str, path: str, cache: str) -> None:
    status, headers, _ = ask(api, "GET", path)
    policy = headers["content-security-policy"]
    check_security(headers, cache=cache, policy=policy)
    if status == 200:
        known = ask(api, "GET", path, **{"If-None-Match": headers["etag"]})
        assert known[0] == 304
        check_security(known[1], cache=cache, policy=policy)


def allowed(answer: Asked) -> str | None:
    return answer[1].get("access-control-allow-origin")


@pytest.mark.asvs("3.4.2")
def test_the_allowed_origin_reads_answers_errors_and_preflights_and_no_other_does(shared: str) -> None:
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for method, path, status in (("GET", "/health", 200), ("GET", "/jobs", 401), ("PUT", "/jobs", 405)):
        ours, other, none = (ask(shared, method, path, **more) for more in ({"Origin": ORIGIN}, {"Origin": "null"}, {}))
        assert [each[0] for each in (ours, other, none)] == [status] * 3
        assert [allowed(each) for each in (ours, other, none)] == [ORIGIN, None, None]
        assert {each[1]["vary"] for each in (ours, other, none)} == {"Origin"}
        assert "X-Request-Id" in ours[1]["access-control-expose-headers"].split(", ")
    ours, other = (
        ask(shared, "OPTIONS", "/jobs", Origin=origin, **preflight) for origin in (ORIGIN, "https://b.example")
    )
    assert (ours[0], allowed(ours), ours[1]["access-control-allow-methods"]) == (204, ORIGIN, ours[1]["allow"])
    assert "Authorization" in ours[1]["access-control-allow-headers"].split(", ")
    assert (other[0], allowed(other), "access-control-allow-methods" in other[1]) == (204, None, False)
    # API Gateway's own answers know no origin.
    assert allowed(ask(shared, "GET", "/nowhere", Origin=ORIGIN)) is None
