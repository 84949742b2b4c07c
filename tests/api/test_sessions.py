"""Sessions over HTTP: refresh tokens, the ends of a session, and how soon each is felt."""

import json
from datetime import timedelta

import pytest

from chalicelib.domain.credentials import REFRESH_PREFIX, Presented, refresh_token
from chalicelib.services.authentication import RECENT
from tests.api.client import PASSWORD, Answer, Api, Tokens
from tests.factories import World, make_session_limits

NEW_PASSWORD = f"another {PASSWORD}"


def refreshing(api: Api, text: object) -> Answer:
    return api.post("/token/refresh", {"refresh_token": text})


def works(api: Api, tokens: Tokens) -> tuple[bool, bool]:
    """Whether the access token opens anything, for jobs and for the account."""
    statuses = [api.get(path, token=tokens.access).status for path in ("/jobs", "/me")]
    assert set(statuses) <= {200, 401}
    return statuses[0] == 200, statuses[1] == 200


def changed(api: Api, token: str, *, current: str = PASSWORD, new: str = NEW_PASSWORD) -> Answer:
    body = {"current_password": current, "new_password": new}
    return api.send("PUT", "/me/password", json.dumps(body), token=token)


def actions(api: Api, token: str) -> list[str]:
    return [event["action"] for event in api.get("/me/audit", token=token).json["events"]]


@pytest.mark.asvs("7.2.2")
def test_a_refresh_gives_new_tokens_that_work() -> None:
    api = Api()
    api.registered()
    first = api.signed_in()
    api.world.clock.advance(minutes=15)
    assert works(api, first) == (False, False), "it has expired"
    answer = refreshing(api, first.refresh)
    assert answer.status == 200
    assert set(answer.json) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert answer.json["expires_in"] == 900
    assert answer.headers["Cache-Control"] == "no-store"
    second = Tokens(access=answer.json["access_token"], refresh=answer.json["refresh_token"])
    assert second.refresh != first.refresh
    assert works(api, second) == (True, True)
    assert api.refreshed(second.refresh).refresh not in {first.refresh, second.refresh}


def test_a_refresh_whose_answer_was_lost_can_be_repeated_for_ten_seconds() -> None:
    api = Api()
    api.registered()
    first = api.signed_in()
    second = api.refreshed(first.refresh)
    api.world.clock.advance(seconds=9.9)
    again = api.refreshed(first.refresh)
    assert again.refresh == second.refresh
    assert works(api, again) == (True, True)
    api.refreshed(second.refresh)


@pytest.mark.asvs("16.3.3")
@pytest.mark.parametrize("is_thief_first", [True, False])
def test_a_refresh_token_that_is_used_again_later_ends_the_session_for_both(is_thief_first: bool) -> None:  # noqa: FBT001
    api = Api()
    api.registered()
    stolen = api.signed_in()
    first_to_use_it = api.refreshed(stolen.refresh)
    api.world.clock.advance(seconds=10)
    assert refreshing(api, stolen.refresh).status == 401
    for token in (first_to_use_it.refresh, stolen.refresh) if is_thief_first else (stolen.refresh,):
        assert refreshing(api, token).status == 401
    assert works(api, first_to_use_it) == (False, False)
    assert works(api, stolen) == (False, False)
    assert actions(api, api.signed_in().access)[1] == "REFRESH_TOKEN_REUSED"


def test_the_token_before_the_last_ends_the_session_even_within_the_grace() -> None:
    api = Api()
    api.registered()
    first = api.signed_in()
    third = api.refreshed(api.refreshed(first.refresh).refresh)
    assert refreshing(api, first.refresh).status == 401
    assert works(api, third) == (False, False)


def test_a_made_up_secret_ends_nothing_though_the_session_is_the_right_one() -> None:
    """The id of a session is no secret: every access token has it."""
    api = Api()
    api.registered("ada")
    api.registered("eve")
    ada, eve = api.signed_in("ada"), api.signed_in("eve")
    real, others = refresh_token(ada.refresh), refresh_token(eve.refresh)
    assert real is not None
    assert others is not None

    def with_secret(secret: bytes) -> str:
        made_up = Presented(user_id=real.user_id, credential_id=real.credential_id, secret=secret)
        return made_up.text(REFRESH_PREFIX)

    body = ada.refresh.removeprefix(REFRESH_PREFIX)
    before = dict(api.world.credentials.rows)
    for text in (
        with_secret(b"\xff" * len(real.secret)),
        with_secret(others.secret),
        ada.refresh + "A",
        ada.refresh[:-1],
        " " + ada.refresh,
        ada.refresh + "\n",
        "jbk_" + body,
        body,
        REFRESH_PREFIX,
        REFRESH_PREFIX + "A" * 10_000,
        REFRESH_PREFIX + "é" * len(body),
        REFRESH_PREFIX + "=" * len(body),
        ada.access,
        "",
        "\0",
    ):
        answer = refreshing(api, text)
        assert (answer.status, answer.problem["code"]) == (401, "NOT_AUTHENTICATED"), text
    assert api.world.credentials.rows == before
    assert works(api, ada) == (True, True)
    api.refreshed(ada.refresh)


@pytest.mark.asvs("7.3.1", "7.3.2")
def test_an_unused_session_ends_after_a_week_and_a_used_one_after_thirty_days() -> None:
    api = Api()
    api.registered()
    idle, used = api.signed_in(), api.signed_in()
    for _ in range(4):
        api.world.clock.advance(days=6)
        used = api.refreshed(used.refresh)
    assert refreshing(api, idle.refresh).status == 401
    api.world.clock.advance(days=6, seconds=-60)
    last = refreshing(api, used.refresh)
    assert (last.status, last.json["expires_in"]) == (200, 60), "no token outlives its session"
    api.world.clock.advance(seconds=60)
    assert refreshing(api, last.json["refresh_token"]).status == 401


@pytest.mark.asvs("7.4.1")
def test_a_token_is_worth_nothing_once_its_session_is_over() -> None:
    api = Api(World(session_limits=make_session_limits(idle=timedelta(minutes=5))))
    token = api.logged_in()
    api.world.clock.advance(minutes=5, seconds=-1)
    assert api.get("/jobs", token=token).status == 200
    api.world.clock.advance(seconds=1)
    assert api.get("/jobs", token=token).status == 401


@pytest.mark.asvs("7.4.1")
def test_logging_out_ends_this_session_and_no_other() -> None:
    api = Api()
    api.registered()
    this, other = api.signed_in(), api.signed_in()
    assert works(api, this) == (True, True)
    answer = api.send("POST", "/logout", token=this.access)
    assert (answer.status, answer.text) == (204, "")
    assert works(api, this) == (False, False)
    assert refreshing(api, this.refresh).status == 401
    assert works(api, other) == (True, True)
    assert actions(api, other.access)[0] == "SIGNED_OUT"


def test_other_containers_feel_the_end_of_a_session_within_ten_seconds_and_with_accounts_at_once() -> None:
    here = Api()
    here.registered()
    session = here.signed_in()
    there = Api(here.world)
    assert works(there, session) == (True, True)
    assert here.send("POST", "/logout", token=session.access).status == 204
    assert works(there, session) == (True, False)
    here.world.clock.advance(seconds=10)
    assert works(there, session) == (False, False)


def test_a_busy_caller_is_looked_at_once_in_ten_seconds() -> None:
    api = Api()
    token = api.logged_in()
    api = Api(api.world)  # another container than the one that wrote the session
    reads = api.world.credentials.reads
    for _ in range(50):
        assert api.get("/jobs", token=token).status == 200
    assert api.world.credentials.reads == reads + 1


@pytest.mark.asvs("7.4.1")
def test_logging_out_everywhere_ends_all_sessions_and_keeps_api_keys() -> None:
    api = Api()
    api.registered("ada")
    sessions = [api.signed_in() for _ in range(3)]
    key = api.new_key(sessions[0].access)["api_key"]
    bob = api.logged_in("bob")
    assert api.send("POST", "/logout/all", token=sessions[1].access).status == 204
    assert [works(api, each) for each in sessions] == [(False, False)] * 3
    assert api.get("/jobs", token=key).status == 200
    assert api.get("/me", token=bob).status == 200
    assert actions(api, api.signed_in().access)[1] == "SIGNED_OUT_EVERYWHERE"


def test_sessions_are_listed_newest_first_without_their_secrets() -> None:
    api = Api()
    api.registered("ada")
    api.logged_in("bob")
    first = api.signed_in(address="198.51.100.7")
    api.world.clock.advance(minutes=1)
    api.signed_in(address="203.0.113.9")
    api.world.clock.advance(minutes=1)
    answer = api.get("/me/sessions", token=api.refreshed(first.refresh).access)
    second, listed = answer.json["sessions"]
    assert listed == {
        "session_id": listed["session_id"],
        "started_at": "2026-11-23T12:00:00Z",
        "refreshed_at": "2026-11-23T12:02:00Z",
        "expires_at": "2026-11-30T12:02:00Z",
        "address": "198.51.100.7",
        "is_current": True,
    }
    assert (second["address"], second["is_current"]) == ("203.0.113.9", False)
    assert "digest" not in answer.text
    assert REFRESH_PREFIX not in answer.text


def test_a_session_that_was_ended_is_gone_from_the_list_and_for_its_tokens() -> None:
    api = Api()
    api.registered()
    lost = api.signed_in()
    (session_id,) = [each["session_id"] for each in api.get("/me/sessions", token=lost.access).json["sessions"]]
    here = api.signed_in()
    path = f"/me/sessions/{session_id}"
    assert api.send("DELETE", path, token=here.access).status == 204
    assert works(api, lost) == (False, False)
    assert refreshing(api, lost.refresh).status == 401
    assert len(api.get("/me/sessions", token=here.access).json["sessions"]) == 1
    assert api.send("DELETE", path, token=here.access).status == 404
    assert actions(api, here.access)[0] == "SESSION_ENDED"


@pytest.mark.asvs("7.2.2", "9.2.2")
def test_an_api_key_is_no_session_and_a_session_no_api_key() -> None:
    api = Api()
    token = api.logged_in()
    key_id = api.new_key(token)["key_id"]
    (session_id,) = [each["session_id"] for each in api.get("/me/sessions", token=token).json["sessions"]]
    assert api.send("DELETE", f"/me/sessions/{key_id}", token=token).status == 404
    assert api.send("DELETE", f"/api-keys/{session_id}", token=token).status == 404
    assert len(api.world.credentials.rows) == 2


@pytest.mark.asvs("6.2.2", "7.4.3")
def test_a_new_password_ends_the_other_sessions_and_keeps_this_one_and_api_keys() -> None:
    api = Api()
    api.registered()
    this, other = api.signed_in(), api.signed_in()
    key = api.new_key(this.access)["api_key"]
    answer = changed(api, this.access)
    assert (answer.status, answer.text) == (204, "")
    assert works(api, this) == (True, True)
    assert works(api, other) == (False, False)
    assert refreshing(api, other.refresh).status == 401
    api.refreshed(this.refresh)
    assert api.get("/jobs", token=key).status == 200
    assert api.log_in(password=PASSWORD).status == 401
    assert api.log_in(password=NEW_PASSWORD).status == 200
    assert "PASSWORD_CHANGED" in actions(api, this.access)


@pytest.mark.asvs("6.2.3", "7.5.1", "16.3.1")
def test_without_the_current_password_there_is_no_new_one_and_the_attempt_is_told() -> None:
    api = Api()
    token = api.logged_in()
    answer = changed(api, token, current="a wrong password")
    assert answer.status == 422
    assert [error["pointer"] for error in answer.problem["errors"]] == ["#/current_password"]
    assert api.log_in(password=PASSWORD).status == 200
    assert "PASSWORD_CHANGE_FAILED" in actions(api, token)


@pytest.mark.parametrize("new", ["short", "", "x" * 129, "x" * 200_000])
def test_a_new_password_that_is_none_is_refused_where_it_stands(new: str) -> None:
    api = Api()
    answer = changed(api, api.logged_in(), new=new)
    assert answer.status == 422
    assert [error["pointer"] for error in answer.problem["errors"]] == ["#/new_password"]
    assert api.log_in(password=PASSWORD).status == 200


@pytest.mark.asvs("6.3.1", "6.3.4")
def test_the_current_password_cannot_be_guessed_more_often_than_at_a_sign_in() -> None:
    api = Api(World(sign_in_quota=3))
    token = api.logged_in()
    answers = [changed(api, token, current="a wrong password") for _ in range(4)]
    assert [answer.status for answer in answers] == [422, 422, 422, 429]
    assert changed(api, token).status == 429
    assert [each.split(";")[0] for each in answers[-1].headers["RateLimit"].split(", ")] == ['"read"', '"sign-in"']


@pytest.mark.asvs("7.5.1", "7.5.2")
@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/me"), ("POST", "/api-keys"), ("POST", "/logout/all"), ("DELETE", "/me/sessions/{another}")],
)
def test_what_lasts_or_cannot_be_undone_is_for_a_recent_sign_in(method: str, path: str) -> None:
    body = '{"name": "nightly import", "scopes": ["jobs:read"]}' if path == "/api-keys" else None
    api = Api()
    api.registered()
    session = api.signed_in()
    api.world.clock.advance(seconds=RECENT.total_seconds() + 1)
    old = api.refreshed(session.refresh).access
    another = api.get("/me/sessions", token=api.signed_in().access).json["sessions"][0]["session_id"]
    path = path.format(another=another)
    before = dict(api.world.credentials.rows)
    refused = api.send(method, path, body, token=old)
    assert (refused.status, refused.problem["code"]) == (401, "SIGN_IN_TOO_OLD")
    assert refused.headers["WWW-Authenticate"] == (
        'Bearer realm="job-backend", error="insufficient_user_authentication", max_age=900'
    )
    assert api.world.credentials.rows == before
    assert api.world.users.all()
    assert not api.world.erasures.orders
    assert api.get("/me", token=old).status == 200, "for anything else it is good"
    assert api.send(method, path, body, token=api.signed_in().access).status in {201, 204}


def test_an_old_session_ends_itself_but_no_other() -> None:
    api = Api()
    api.registered()
    session = api.signed_in()
    api.world.clock.advance(seconds=RECENT.total_seconds() + 1)
    old = api.refreshed(session.refresh).access
    (listed,) = api.get("/me/sessions", token=old).json["sessions"]
    assert api.send("DELETE", f"/me/sessions/{listed['session_id']}", token=old).status == 204
    assert api.get("/me", token=old).status == 401
