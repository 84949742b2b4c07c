"""The life of an account on the deployed stack, each function with the permissions of its own role and no more."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.aws import client
from tests.e2e.conftest import Runner, call, finished, local_stage, logged_in

PASSWORD = "yourpassword"
ANOTHER = "another fine password"
JOB = {"operation": "square_sum", "data": [1, 2, 3]}


@pytest.fixture(scope="module")
def runner(runner_of_its_own: Runner) -> Runner:
    """Its administrators list and change the jobs of all, a page of them."""
    return runner_of_its_own


def log_in(api: str, username: str, password: str = PASSWORD) -> Any:
    """The tokens of a new session."""
    status, answer = call(api, "POST", "/login", body={"username": username, "password": password})
    assert status == 200, answer
    return answer


def refresh(api: str, token: str) -> tuple[int, Any]:
    return call(api, "POST", "/token/refresh", body={"refresh_token": token})


def actions(api: str, token: str) -> list[str]:
    """What the audit trail has of the caller, the oldest first."""
    found: list[str] = []
    cursor = ""
    while True:
        status, page = call(api, "GET", f"/me/audit?limit=3{cursor}", token=token)
        assert status == 200, page
        found += [event["action"] for event in page["events"]]
        if page["next_cursor"] is None:
            return found[::-1]
        cursor = f"&cursor={page['next_cursor']}"


@pytest.mark.asvs("7.4.1")
def test_a_session_is_continued_by_refresh_tokens_and_ends_when_one_is_used_again(api: str) -> None:
    logged_in(api, "alma")
    tokens = log_in(api, "alma")
    assert call(api, "GET", "/me", token=tokens["access_token"])[1]["username"] == "alma"
    second = refresh(api, tokens["refresh_token"])[1]
    third = refresh(api, second["refresh_token"])[1]
    assert call(api, "GET", "/me", token=third["access_token"])[0] == 200
    assert refresh(api, tokens["refresh_token"])[0] == 401
    assert refresh(api, third["refresh_token"])[0] == 401, "who has stolen one has nothing of it"
    assert call(api, "GET", "/me", token=third["access_token"])[0] == 401
    assert actions(api, log_in(api, "alma")["access_token"])[-2:] == ["REFRESH_TOKEN_REUSED", "SIGNED_IN"]


@pytest.mark.asvs("7.4.3", "6.2.2", "6.2.3")
def test_another_password_ends_the_other_sessions_and_the_old_one_is_worth_nothing(api: str) -> None:
    token, other = logged_in(api, "ben"), log_in(api, "ben")["access_token"]
    listed = call(api, "GET", "/me/sessions", token=token)[1]["sessions"]
    assert sorted(each["is_current"] for each in listed) == [False, True]
    wrong = {"current_password": "not it", "new_password": ANOTHER}
    assert call(api, "PUT", "/me/password", body=wrong, token=token)[0] == 422
    assert call(api, "PUT", "/me/password", body=wrong | {"current_password": PASSWORD}, token=token) == (204, None)
    assert call(api, "GET", "/me", token=token)[0] == 200
    assert call(api, "GET", "/me", token=other)[0] == 401
    assert call(api, "POST", "/login", body={"username": "ben", "password": PASSWORD})[0] == 401
    last = log_in(api, "ben", ANOTHER)["access_token"]
    happened = ["PASSWORD_CHANGE_FAILED", "PASSWORD_CHANGED", "SIGN_IN_FAILED", "SIGNED_IN"]
    assert actions(api, last) == ["REGISTERED", "SIGNED_IN", "SIGNED_IN", *happened]


@pytest.mark.asvs("7.4.1")
def test_sessions_are_ended_one_by_one_or_all_at_once_and_keys_stay(api: str) -> None:
    token = logged_in(api, "carol")
    second, third, fourth = (log_in(api, "carol")["access_token"] for _ in range(3))
    key = {"name": "robot", "scopes": ["jobs:read"]}
    api_key = call(api, "POST", "/api-keys", body=key, token=token)[1]["api_key"]
    assert call(api, "POST", "/logout", token=second) == (204, None)
    assert call(api, "GET", "/me", token=second)[0] == 401
    listed = call(api, "GET", "/me/sessions", token=third)[1]["sessions"]
    (current,) = (each["session_id"] for each in listed if each["is_current"])
    assert call(api, "DELETE", f"/me/sessions/{current}", token=fourth) == (204, None)
    assert call(api, "GET", "/me", token=third)[0] == 401
    assert call(api, "POST", "/logout/all", token=fourth) == (204, None)
    assert [call(api, "GET", "/me", token=each)[0] for each in (token, fourth)] == [401, 401]
    assert call(api, "GET", "/jobs", token=api_key)[0] == 200


@pytest.mark.asvs("8.2.1")
def test_an_api_key_is_good_for_jobs_as_far_as_its_scopes_go_until_it_is_deleted(api: str) -> None:
    token = logged_in(api, "dora")
    keys = [
        call(api, "POST", "/api-keys", body={"name": "robot", "scopes": scopes}, token=token)[1]
        for scopes in (["jobs:read"], ["jobs:read", "jobs:write"])
    ]
    reader, writer = (each["api_key"] for each in keys)
    status, refusal = call(api, "POST", "/jobs", body=JOB, token=reader)
    assert (status, refusal["code"]) == (403, "NOT_PERMITTED")
    status, job = call(api, "POST", "/jobs", body=JOB, token=writer)
    assert status == 202
    assert finished(api, f"/jobs/{job['job_id']}", reader)["result"] == 14
    assert call(api, "GET", f"/jobs/{job['job_id']}", token=token)[0] == 200, "it is the user's own"
    assert call(api, "GET", "/me", token=writer)[0] == 403
    listed = call(api, "GET", "/api-keys", token=token)[1]["api_keys"]
    assert {each["key_id"] for each in listed} == {each["key_id"] for each in keys}
    assert all(each["last_used_at"] for each in listed)
    assert not any("api_key" in each for each in listed)
    assert call(api, "DELETE", f"/api-keys/{keys[0]['key_id']}", token=token) == (204, None)
    assert call(api, "DELETE", f"/api-keys/{keys[0]['key_id']}", token=token)[0] == 404


def browse(api: str, method: str, path: str, body: Any = None, cookie: str = "") -> tuple[int, Any, str]:
    """What the page asks, as its browser sends it: the status, the answer, and the cookie line of it."""
    headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin", "Cookie": cookie}
    connection = http.client.HTTPConnection(urlsplit(api).netloc, timeout=30)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        lines = answer.headers.get_all("Set-Cookie") or [""]
        assert len(lines) == 1
        return answer.status, json.loads(answer.read() or "null"), lines[0]
    finally:
        connection.close()


@pytest.mark.asvs("3.3.1", "3.3.2", "3.3.4")
def test_the_page_has_a_session_by_a_cookie_from_its_sign_in_to_its_end(api: str) -> None:
    logged_in(api, "hugo")
    path = "/dashboard/session"
    status, tokens, line = browse(api, "POST", path, {"username": "hugo", "password": PASSWORD}, "other=1")
    assert status == 200
    assert "refresh_token" not in tokens
    assert call(api, "GET", "/me", token=tokens["access_token"])[1]["username"] == "hugo"
    cookie, *attributes = line.split("; ")
    assert attributes[:-1] == ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"]
    assert browse(api, "POST", f"{path}/refresh", {}) == (204, None, "")
    status, tokens, line = browse(api, "POST", f"{path}/refresh", {}, f"other=1; {cookie}")
    assert status == 200
    assert call(api, "GET", "/me/usage", token=tokens["access_token"])[1]["limits"][0]["name"] == "submit"
    second = line.split("; ")[0]
    assert second != cookie
    status, _, line = browse(api, "DELETE", path, cookie=second)
    assert (status, line.split("; ")[0]) == (204, "__Host-session=")
    assert call(api, "GET", "/me", token=tokens["access_token"])[0] == 401
    status, refusal, line = browse(api, "POST", f"{path}/refresh", {}, second)
    assert (status, refusal["code"], line.split("; ")[0]) == (401, "NOT_AUTHENTICATED", "__Host-session=")


def admin_named(api: str, aws_endpoint: str, username: str) -> str:
    """The token of an administrator, whom somebody with the deployment's credentials made one."""
    token = logged_in(api, username)
    client("dynamodb", aws_endpoint).update_item(
        TableName=local_stage(aws_endpoint).stack().outputs()["UsersTableName"],
        Key={"username_key": {"S": username}},
        UpdateExpression="SET #role = :admin",
        ExpressionAttributeNames={"#role": "role"},
        ExpressionAttributeValues={":admin": {"S": "admin"}},
    )
    return token


@pytest.fixture
def admin(api: str, aws_endpoint: str) -> str:
    return admin_named(api, aws_endpoint, "chief")


@pytest.mark.asvs("7.4.5", "8.2.1")
def test_an_administrator_disables_an_account_and_gives_it_back(api: str, admin: str) -> None:
    token = logged_in(api, "edna")
    assert call(api, "GET", "/users/chief", token=token)[0] == 403
    assert call(api, "PATCH", "/users/edna", body={"role": "admin"}, token=token)[0] == 403
    assert call(api, "GET", "/users/edna", token=admin)[1]["role"] == "user"
    assert call(api, "PATCH", "/users/edna", body={"is_disabled": True}, token=admin)[1]["is_disabled"] is True
    assert call(api, "GET", "/me", token=token)[0] == 401
    assert call(api, "POST", "/login", body={"username": "edna", "password": PASSWORD})[0] == 401
    assert call(api, "PATCH", "/users/edna", body={"is_disabled": False}, token=admin)[0] == 200
    happened = ["USER_LOOKED_AT", "ACCOUNT_DISABLED", "SIGN_IN_FAILED", "ACCOUNT_ENABLED", "SIGNED_IN"]
    assert actions(api, log_in(api, "edna")["access_token"]) == ["REGISTERED", "SIGNED_IN", *happened]
    assert actions(api, admin)[-3:] == ["USER_LOOKED_AT", "USER_CHANGED", "USER_CHANGED"]


@pytest.mark.asvs("7.4.2")
def test_who_deletes_the_account_is_nobody_at_once(api: str) -> None:
    tokens = (logged_in(api, "fred"), log_in(api, "fred"))
    assert call(api, "DELETE", "/me", token=tokens[0]) == (204, None)
    assert [call(api, "GET", "/me", token=each)[0] for each in (tokens[0], tokens[1]["access_token"])] == [401, 401]
    assert refresh(api, tokens[1]["refresh_token"])[0] == 401
    assert call(api, "POST", "/login", body={"username": "fred", "password": PASSWORD})[0] == 401


def test_an_administrator_finds_and_changes_the_jobs_of_others(api: str, aws_endpoint: str) -> None:
    """Each under the role of the API alone: its indexes, its rows, the names of owners, events and messages."""
    token = logged_in(api, "ivan")
    root = admin_named(api, aws_endpoint, "root-of-jobs")
    failing = JOB | {"data": [1e200]}
    failed, other = (call(api, "POST", "/jobs", body=failing, token=token)[1]["job_id"] for _ in range(2))
    waiting = call(api, "POST", "/jobs", body=JOB | {"delay_s": 3600}, token=token)[1]["job_id"]
    for job_id in (failed, other):
        assert finished(api, f"/jobs/{job_id}", token)["status"] == "FAILED"

    listed = call(api, "GET", "/admin/jobs?error_code=OPERATION_FAILED", token=root)[1]["jobs"]
    found = {job["job_id"]: job for job in listed if job["username"] == "ivan"}
    assert found.keys() == {failed, other}
    open_jobs = call(api, "GET", "/admin/jobs?status=PENDING&limit=100", token=root)[1]["jobs"]
    assert waiting in {job["job_id"] for job in open_jobs}
    path = f"/admin/jobs/{found[failed]['owner_id']}"
    assert call(api, "GET", f"{path}/{failed}", token=root)[1]["explanation"].startswith("The job failed at")
    assert call(api, "POST", f"{path}/{failed}/retry", token=root)[0] == 202
    assert finished(api, f"/jobs/{failed}", token)["status"] == "FAILED", "it was run again"
    assert [event["transition"] for event in call(api, "GET", f"/jobs/{failed}/events", token=token)[1]["events"]][
        -3:
    ] == ["RETRY_BY_HAND", "CLAIM", "FAIL"]

    bulk = {"filter": {"username": "ivan"}, "preview": False}
    retried = call(api, "POST", "/admin/bulk", body=bulk | {"action": "retry"}, token=root)[1]
    assert retried == {"matched": 2, "changed": 2, "next_cursor": None}
    cancelled = call(api, "POST", "/admin/bulk", body=bulk | {"action": "cancel"}, token=root)[1]
    assert cancelled["changed"] >= 1
    assert call(api, "GET", f"/jobs/{waiting}/status", token=token)[1]["status"] == "CANCELLED"
    told = ["JOB_LOOKED_AT", "JOB_RETRIED", "JOBS_RETRIED", "JOBS_CANCELLED"]
    assert actions(api, token)[-4:] == told
    assert actions(api, root)[-6:] == ["JOBS_LISTED", "JOBS_LISTED", *told]
