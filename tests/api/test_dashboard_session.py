"""The dashboard's session: its refresh token is in a cookie of which no script and no other site has anything."""

import json
import re
from collections.abc import Sequence

import pytest

from chalicelib.api.routes import ENDPOINTS
from chalicelib.domain.credentials import REFRESH_PREFIX
from chalicelib.domain.errors import Unavailable
from tests.api.attempts import name_of, prepared
from tests.api.client import PASSWORD, Answer, Api
from tests.factories import World, make_session_limits

PATH = "/dashboard/session"
REFRESH = f"{PATH}/refresh"
WEEK_S = 7 * 24 * 3600
GONE = "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"
SET = re.compile(r"__Host-session=(?P<value>jbr_[\w-]+); Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=(?P<s>\d+)")
CALLS = [("POST", PATH), ("POST", REFRESH), ("DELETE", PATH)]


def cookie_of(answer: Answer) -> str:
    """The value that a browser keeps of an answer."""
    found = SET.fullmatch(answer.headers["Set-Cookie"])
    assert found, answer.headers["Set-Cookie"]
    return found["value"]


def with_cookie(value: str, name: str = "__Host-session") -> dict[str, str]:
    return {"Cookie": f"{name}={value}"}


def sign_in(api: Api, password: str = PASSWORD, **headers: str) -> Answer:
    body = json.dumps({"username": "ada", "password": password})
    return api.send("POST", PATH, body, headers=headers)


def refresh(api: Api, value: str) -> Answer:
    return api.send("POST", REFRESH, "{}", headers=with_cookie(value))


def signed_in() -> tuple[Api, Answer]:
    api = Api()
    api.registered("ada")
    answer = sign_in(api)
    assert answer.status == 200, answer.text
    return api, answer


def actions(api: Api) -> list[str]:
    return [str(event.action) for event in api.world.audit.all()]


@pytest.mark.asvs("3.3.1", "3.3.2", "3.3.3", "3.3.4")
def test_a_sign_in_gives_the_access_token_to_the_page_and_the_refresh_token_to_the_browser_alone() -> None:
    api, answer = signed_in()
    assert answer.json == {"access_token": answer.json["access_token"], "token_type": "bearer", "expires_in": 900}
    assert REFRESH_PREFIX not in answer.text
    found = SET.fullmatch(answer.headers["Set-Cookie"])
    assert found
    assert int(found["s"]) == WEEK_S
    assert api.get("/me", token=answer.json["access_token"]).json["username"] == "ada"
    # It is a session as any other.
    assert api.refreshed(found["value"]).access


@pytest.mark.asvs("7.2.4")
def test_a_refresh_gives_the_next_access_token_and_the_next_cookie() -> None:
    api, first = signed_in()
    api.world.clock.advance(days=6)
    second = refresh(api, cookie_of(first))
    assert set(second.json) == {"access_token", "token_type", "expires_in"}
    assert cookie_of(second) != cookie_of(first)
    assert api.get("/me", token=second.json["access_token"]).status == 200
    assert refresh(api, cookie_of(second)).status == 200


def test_a_cookie_lasts_as_long_as_its_session_can() -> None:
    api = Api(World(session_limits=make_session_limits()))
    api.registered("ada")
    cookie, ages = cookie_of(sign_in(api)), []
    for _ in range(5):
        api.world.clock.advance(days=6, seconds=-1)
        answer = refresh(api, cookie)
        found = SET.fullmatch(answer.headers.get("Set-Cookie", ""))
        ages.append(int(found["s"]) if found else None)
        cookie = cookie_of(answer) if found else cookie
    assert ages == [WEEK_S] * 3 + [6 * 24 * 3600 + 4, 5], "thirty days after the sign-in it is over"


@pytest.mark.asvs("7.4.1")
def test_a_refresh_that_is_refused_takes_the_cookie_away() -> None:
    api, answer = signed_in()
    first = cookie_of(answer)
    second = cookie_of(refresh(api, first))
    api.world.clock.advance(seconds=10)
    for value in (first, second, "", "nonsense", f"{REFRESH_PREFIX}{'A' * 107}"):
        refused = refresh(api, value)
        assert (refused.status, refused.problem["code"]) == (401, "NOT_AUTHENTICATED")
        assert refused.headers["Set-Cookie"] == GONE
    assert actions(api)[-1] == "REFRESH_TOKEN_REUSED"


def test_a_refresh_that_finds_a_store_away_leaves_the_cookie() -> None:
    api, answer = signed_in()
    api.world.credentials.away = True
    failed = refresh(api, cookie_of(answer))
    assert (failed.status, "Set-Cookie" in failed.headers) == (503, False)
    api.world.credentials.away = False
    assert refresh(api, cookie_of(answer)).status == 200


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["other={}"],
        ["session={}"],
        ["__host-session={}"],
        ["x__Host-session={}"],
        ["a=b,__Host-session={}"],
    ],
)
def test_without_a_cookie_of_that_name_there_is_no_session_and_no_error(lines: Sequence[str]) -> None:
    api, answer = signed_in()
    nothing = sent_lines(api, lines, cookie_of(answer))
    assert (nothing.status, nothing.text, "Set-Cookie" in nothing.headers) == (204, "", False)


@pytest.mark.parametrize(
    "lines",
    [
        ["__Host-session"],
        ['__Host-session="{}"'],
        ["__Host-session={}; __Host-session={}"],
        ["__Host-session={}", "__Host-session="],
    ],
)
def test_one_that_no_answer_has_set_is_refused_and_taken_away(lines: Sequence[str]) -> None:
    api, answer = signed_in()
    refused = sent_lines(api, lines, cookie_of(answer))
    assert (refused.status, refused.headers["Set-Cookie"]) == (401, GONE)
    assert refresh(api, cookie_of(answer)).status == 200


@pytest.mark.parametrize(
    "lines",
    [
        ["__Host-session={}"],
        ["a=b; __Host-session={};c"],
        ["a=b, c", "__Host-session={}"],
        ['x="y; z";__Host-session={}'],
    ],
)
def test_cookies_of_others_beside_it_do_not_matter(lines: Sequence[str]) -> None:
    api, answer = signed_in()
    assert sent_lines(api, lines, cookie_of(answer)).status == 200


def sent_lines(api: Api, lines: Sequence[str], value: str) -> Answer:
    given = {"content-type": ["application/json"], "cookie": [line.format(value, value) for line in lines]}
    return api.send("POST", REFRESH, "{}", overrides={"multiValueHeaders": given})


@pytest.mark.asvs("7.4.1")
def test_the_end_of_a_session_is_felt_at_once_and_takes_the_cookie_away() -> None:
    api, answer = signed_in()
    ended = api.send("DELETE", PATH, headers=with_cookie(cookie_of(answer)))
    assert (ended.status, ended.text, ended.headers["Set-Cookie"]) == (204, "", GONE)
    assert api.get("/me", token=answer.json["access_token"]).status == 401
    assert refresh(api, cookie_of(answer)).status == 401
    assert actions(api)[-1] == "SIGNED_OUT"
    events = len(actions(api))
    for headers in ({}, with_cookie(cookie_of(answer)), with_cookie("nonsense")):
        again = api.send("DELETE", PATH, headers=headers)
        assert (again.status, again.headers["Set-Cookie"]) == (204, GONE)
    assert len(actions(api)) == events, "nothing ended"


def test_a_session_that_cannot_be_ended_now_keeps_its_cookie_to_be_ended_later() -> None:
    api, answer = signed_in()
    api.world.credentials.away = True
    failed = api.send("DELETE", PATH, headers=with_cookie(cookie_of(answer)))
    assert (failed.status, "Set-Cookie" in failed.headers) == (503, False)


@pytest.mark.asvs("7.2.4")
def test_a_sign_in_ends_the_session_that_it_takes_the_place_of_and_no_other() -> None:
    api, first = signed_in()
    elsewhere = api.signed_in("ada")
    again = sign_in(api, **with_cookie(cookie_of(first)))
    assert again.status == 200
    assert refresh(api, cookie_of(first)).status == 401
    assert api.get("/me", token=first.json["access_token"]).status == 401
    assert api.get("/me", token=elsewhere.access).status == 200
    assert refresh(api, cookie_of(again)).status == 200


def test_a_sign_in_is_not_lost_because_the_session_before_it_cannot_be_ended(caplog: pytest.LogCaptureFixture) -> None:
    api, first = signed_in()
    credentials = api.world.credentials

    asked = []

    def away(*key: object) -> None:
        asked.append(key)
        detail = "the fake is away"
        raise Unavailable(detail)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credentials, "get", away)
        again = sign_in(api, **with_cookie(cookie_of(first)))
    assert (again.status, len(asked)) == (200, 1)
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert record.message == "the session before this one cannot be ended now"
    assert refresh(api, cookie_of(again)).status == 200
    assert refresh(api, cookie_of(first)).status == 200, "it goes on until it ends by itself"


def test_a_sign_in_that_fails_ends_nothing_and_sets_no_cookie() -> None:
    api, first = signed_in()
    failed = sign_in(api, password="a wrong password", **with_cookie(cookie_of(first)))
    assert (failed.status, "Set-Cookie" in failed.headers) == (401, False)
    assert refresh(api, cookie_of(first)).status == 200


@pytest.mark.asvs("6.3.1")
def test_a_password_cannot_be_guessed_here_more_often_than_by_logging_in() -> None:
    api = Api(World(sign_in_quota=3, address_quota=4))
    api.registered("ada")
    statuses = [sign_in(api, password="a wrong password").status for _ in range(2)]
    statuses += [api.log_in("ada", "a wrong password").status for _ in range(2)]
    assert statuses == [401, 401, 401, 429]
    refused = sign_in(api)
    assert (refused.status, refused.headers["RateLimit"]) == (429, '"sign-in-address";r=0;t=4200')
    assert "Set-Cookie" not in refused.headers


@pytest.mark.asvs("3.5.1")
@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "nonsense", "same-origin, cross-site"])
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_what_another_site_has_a_browser_ask_is_refused_whatever_it_sends(method: str, path: str, site: str) -> None:
    api, answer = signed_in()
    body = None if method == "DELETE" else json.dumps({"username": "ada", "password": PASSWORD})
    headers = with_cookie(cookie_of(answer)) | {"Sec-Fetch-Site": site}
    before = (dict(api.world.credentials.rows), len(api.hashed), actions(api))
    refused = api.send(method, path, "{}" if path == REFRESH else body, headers=headers)
    assert (refused.status, refused.problem["code"]) == (403, "NOT_PERMITTED")
    assert "POST /login" in refused.problem["detail"]
    assert "Set-Cookie" not in refused.headers
    assert (dict(api.world.credentials.rows), len(api.hashed), actions(api)) == before


@pytest.mark.parametrize("site", ["same-origin", "none"])
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_what_the_page_itself_asks_passes(method: str, path: str, site: str) -> None:
    attempt = prepared(next(each for each in ENDPOINTS if name_of(each) == f"{method} {path}"))
    attempt.headers["Sec-Fetch-Site"] = site
    assert attempt.send().status in {200, 204}


@pytest.mark.asvs("3.5.2")
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("path", [PATH, REFRESH])
def test_a_body_that_a_page_elsewhere_can_send_without_a_preflight_is_refused(
    path: str, content_type: str | None
) -> None:
    """Not declared at all as well: a page can send a blob without a type."""
    api, answer = signed_in()
    body = "{}" if path == REFRESH else json.dumps({"username": "ada", "password": PASSWORD})
    lines = {"cookie": [f"__Host-session={cookie_of(answer)}"]}
    if content_type is not None:
        lines["content-type"] = [content_type]
    refused = api.send("POST", path, body, overrides={"multiValueHeaders": lines})
    assert (refused.status, refused.problem["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert len(api.world.credentials.rows) == 1


@pytest.mark.asvs("3.5.1")
def test_the_cookie_opens_nothing_else() -> None:
    api, answer = signed_in()
    headers = with_cookie(cookie_of(answer))
    for endpoint in ENDPOINTS:
        if endpoint.access != "anyone":
            path = endpoint.path.replace("{", "").replace("}", "")
            assert api.send(endpoint.method, path, headers=headers).status == 401, name_of(endpoint)
    refused = api.send("POST", "/token/refresh", "{}", headers=headers)
    assert refused.status == 422
