"""Deliveries over HTTP: a test call, the log of attempts, and replays."""

import json
import re
from typing import Any

import pytest

from chalicelib.domain.webhook_deliveries import REPLAYED_MAX, Delivery, DeliveryKey
from tests.api.client import Answer, Api
from tests.factories import delivery_id_of, make_delivery

SINCE_EVER = "1969-12-31T00:00:00+12:00"


def prepared(count: int = 0) -> tuple[Api, str, str]:
    """An API, a user's token, and the path of a webhook with so many deliveries, of which each third is FAILED."""
    api = Api()
    token = api.logged_in()
    path = f"/webhooks/{api.new_webhook(token)['webhook_id']}"
    for number in range(count):
        delivery = made(api, number)
        api.world.deliveries.add(delivery if number % 3 else delivery.failed("every attempt failed", token="fail"))
    return api, token, path


def made(api: Api, number: int, **overrides: Any) -> Delivery:
    (webhook,) = api.world.webhooks.all()
    key = DeliveryKey(owner_id=webhook.owner_id, webhook_id=webhook.webhook_id, delivery_id=delivery_id_of(number))
    return make_delivery(key=key, **overrides)


def delivered(api: Api) -> None:
    """Bring the messages that are on their way, as the function would get them."""
    for message, _ in api.world.delivery_queue.taken():
        api.world.delivering().deliver(message)


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [each["delivery_id"] for each in answer.json["deliveries"]]


def refusal(answer: Answer, status: int, code: str) -> str:
    assert (answer.status, answer.problem["code"]) == (status, code)
    return str(answer.problem["detail"])


def test_a_test_call_is_sent_and_told_of_with_every_attempt() -> None:
    api, token, path = prepared()
    answer = api.send("POST", f"{path}/test", token=token)
    assert answer.status == 202
    delivery_id = answer.json["delivery_id"]
    assert answer.json == {"delivery_id": delivery_id, "status": "PENDING"}
    assert answer.headers["Location"] == f"/api{path}/deliveries/{delivery_id}"
    api.world.receivers.answers = [503, "no answer in 15 s", 204]
    waiting = api.get(f"{path}/deliveries/{delivery_id}", token=token).json
    assert (waiting["attempts"], waiting["next_attempt_at"]) == ([], "2026-11-23T12:00:00Z")
    for _ in range(3):
        delivered(api)
        api.world.clock.advance(minutes=1)
    (post, *_) = api.world.receivers.posts
    shown = api.get(f"{path}/deliveries/{delivery_id}", token=token).json
    assert shown == {
        "delivery_id": delivery_id,
        "event_type": "webhook.test",
        "status": "SUCCESS",
        "reason": None,
        "attempt": 3,
        "attempts": [
            {"at": "2026-11-23T12:00:00Z", "status_code": 503, "error": None, "duration_ms": 125},
            {
                "at": "2026-11-23T12:01:00.125000Z",
                "status_code": None,
                "error": "no answer in 15 s",
                "duration_ms": 125,
            },
            {"at": "2026-11-23T12:02:00.250000Z", "status_code": 204, "error": None, "duration_ms": 125},
        ],
        "next_attempt_at": None,
        "url": None,
        "created_at": "2026-11-23T12:00:00Z",
        "expires_at": "2026-12-07T12:00:00Z",
        "body": post.body.decode(),
    }
    (listed,) = api.get(f"{path}/deliveries", token=token).json["deliveries"]
    assert listed == {name: value for name, value in shown.items() if name != "body"}


def test_deliveries_are_listed_newest_first_and_page_by_page() -> None:
    api, token, path = prepared(7)
    listed: list[str] = []
    query = "limit=2"
    while query:
        page = api.get(f"{path}/deliveries", token=token, query=query)
        assert len(ids(page)) <= 2
        listed += ids(page)
        cursor = page.json["next_cursor"]
        assert ("Link" in page.headers) == (cursor is not None)
        query = ""
        if cursor:
            link = re.fullmatch(r'</api(.*)\?(.*)>; rel="next"', page.headers["Link"])
            assert link is not None
            assert (link[1], link[2]) == (f"{path}/deliveries", f"limit=2&cursor={cursor}")
            query = link[2]
    assert listed == [delivery_id_of(number) for number in range(6, -1, -1)]


@pytest.mark.parametrize(("status", "numbers"), [("FAILED", [6, 3, 0]), ("PENDING", [5, 4, 2, 1]), ("SUCCESS", [])])
def test_deliveries_of_one_status_can_be_asked_for(status: str, numbers: list[int]) -> None:
    api, token, path = prepared(7)
    found = api.get(f"{path}/deliveries", token=token, query=f"status={status}")
    assert ids(found) == [delivery_id_of(number) for number in numbers]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=0", "limit must be a whole number from 1 to 100"),
        ("limit=101", "limit must be a whole number from 1 to 100"),
        ("status=DONE", "status must be PENDING, SUCCESS or FAILED"),
        ("page=2", "there is no parameter page; there are limit, cursor, status"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(query: str, detail: str) -> None:
    api, token, path = prepared(1)
    assert refusal(api.get(f"{path}/deliveries", token=token, query=query), 400, "INVALID_PARAMETER") == detail


@pytest.mark.asvs("8.2.2")
def test_a_cursor_that_no_page_of_this_list_gave_is_refused() -> None:
    api, token, path = prepared(7)
    jobs = [api.submitted(token) for _ in range(2)]
    assert jobs
    plain = api.get(f"{path}/deliveries", token=token, query="limit=1").json["next_cursor"]
    filtered = api.get(f"{path}/deliveries", token=token, query="limit=1&status=FAILED").json["next_cursor"]
    of_jobs = api.get("/jobs", token=token, query="limit=1").json["next_cursor"]
    other = f"/webhooks/{api.new_webhook(token)['webhook_id']}"
    bob = api.logged_in("bob")
    bobs = f"/webhooks/{api.new_webhook(bob)['webhook_id']}"
    refused = [
        (path, token, f"cursor={filtered}"),
        (path, token, f"cursor={plain}&status=FAILED"),
        (path, token, f"cursor={of_jobs}"),
        (path, token, "cursor=nonsense"),
        (other, token, f"cursor={plain}"),
        (bobs, bob, f"cursor={plain}"),
    ]
    for of, who, query in refused:
        detail = refusal(api.get(f"{of}/deliveries", token=who, query=query), 400, "INVALID_PARAMETER")
        assert detail.startswith("cursor must be the next_cursor of an earlier page of this list")
    assert len(ids(api.get(f"{path}/deliveries", token=token, query=f"cursor={plain}&limit=3"))) == 3


def test_a_replay_delivers_again_with_the_same_id() -> None:
    api, token, path = prepared(1)
    delivery_id = delivery_id_of(0)
    answer = api.send("POST", f"{path}/deliveries/{delivery_id}/replay", token=token)
    assert (answer.status, answer.json) == (202, {"delivery_id": delivery_id, "status": "PENDING"})
    assert answer.headers["Location"] == f"/api{path}/deliveries/{delivery_id}"
    delivered(api)
    assert [post.headers["webhook-id"] for post in api.world.receivers.posts] == [delivery_id]
    assert api.get(f"{path}/deliveries/{delivery_id}", token=token).json["status"] == "SUCCESS"


def replay(api: Api, token: str, path: str, **asked: Any) -> Answer:
    return api.send("POST", f"{path}/replay", json.dumps({"since": SINCE_EVER} | asked), token=token)


def test_all_since_a_time_are_replayed_a_hundred_a_call_and_each_once() -> None:
    api, token, path = prepared(2 * REPLAYED_MAX + 30)
    counts = []
    cursor: dict[str, Any] = {}
    while True:
        answer = replay(api, token, path, **cursor)
        assert answer.status == 202
        counts.append(answer.json["replayed"])
        if answer.json["next_cursor"] is None:
            break
        cursor = {"cursor": answer.json["next_cursor"]}
    assert counts == [REPLAYED_MAX, REPLAYED_MAX, 30]
    sent = [message.key.delivery_id for message, _ in api.world.delivery_queue.messages]
    assert sent == [delivery_id_of(number) for number in range(2 * REPLAYED_MAX + 30)]


def test_a_replay_begins_with_the_events_of_the_instant_itself() -> None:
    api, token, path = prepared()
    asked = []
    for _ in range(3):
        answer = api.send("POST", f"{path}/test", token=token)
        asked.append(answer.json["delivery_id"])
        api.world.clock.advance(seconds=1)
    api.world.delivery_queue.taken()
    assert replay(api, token, path, since="2026-11-23T13:00:01+01:00").json["replayed"] == 2
    sent = [message.key.delivery_id for message, _ in api.world.delivery_queue.taken()]
    assert sent == asked[1:]
    assert replay(api, token, path, since="2026-11-23T12:00:01.000001Z").json["replayed"] == 1
    assert replay(api, token, path, since="9999-12-31T23:59:59-12:00").json["replayed"] == 0


def test_only_what_failed_can_be_replayed() -> None:
    api, token, path = prepared(7)
    assert replay(api, token, path, status="FAILED").json == {"replayed": 3, "next_cursor": None}
    sent = [message.key.delivery_id for message, _ in api.world.delivery_queue.messages]
    assert sent == [delivery_id_of(number) for number in (0, 3, 6)]


def test_a_cursor_of_another_replay_is_refused_at_its_place() -> None:
    api, token, path = prepared(REPLAYED_MAX + 1)
    cursor = replay(api, token, path).json["next_cursor"]
    listed = api.get(f"{path}/deliveries", token=token, query="limit=1").json["next_cursor"]
    wrong: list[dict[str, Any]] = [
        {"cursor": "nonsense"},
        {"cursor": listed},
        {"cursor": cursor, "status": "FAILED"},
        {"cursor": cursor, "since": "2026-11-23T12:00:00Z"},
    ]
    for asked in wrong:
        answer = replay(api, token, path, **asked)
        assert refusal(answer, 422, "INVALID_INPUT").startswith("expected the next_cursor of an earlier answer")
        assert [error["pointer"] for error in answer.problem["errors"]] == ["#/cursor"]
    assert replay(api, token, path, cursor=cursor).json == {"replayed": 1, "next_cursor": None}


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"since": "yesterday"}, "#/since"),
        ({"since": "2026-11-23T12:00:00"}, "#/since"),
        ({"since": 1763899200}, "#/since"),
        ({"status": "DONE"}, "#/status"),
        ({"cursor": ""}, "#/cursor"),
        ({"cursor": 1}, "#/cursor"),
    ],
)
def test_a_body_that_is_wrong_is_refused_at_its_place(asked: dict[str, Any], pointer: str) -> None:
    api, token, path = prepared(1)
    answer = replay(api, token, path, **asked)
    assert answer.status == 422
    assert [error["pointer"] for error in answer.problem["errors"]] == [pointer]
    assert not api.world.delivery_queue.messages


@pytest.mark.parametrize("call", ["test", "deliveries/{}/replay", "replay"])
def test_a_disabled_webhook_must_be_enabled_before_anything_is_sent(call: str) -> None:
    api, token, path = prepared(1)
    api.send("PATCH", path, json.dumps({"is_disabled": True}), token=token)
    body = json.dumps({"since": SINCE_EVER}) if call == "replay" else None
    answer = api.send("POST", f"{path}/{call.format(delivery_id_of(0))}", body, token=token)
    assert "enable it first" in refusal(answer, 409, "CONFLICT")
    assert not api.world.delivery_queue.messages
    assert len(ids(api.get(f"{path}/deliveries", token=token))) == 1, "what was can be read"
    api.send("PATCH", path, json.dumps({"is_disabled": False}), token=token)
    assert api.send("POST", f"{path}/{call.format(delivery_id_of(0))}", body, token=token).status == 202


@pytest.mark.asvs("8.2.2", "8.4.1")
def test_nobody_reads_or_replays_what_is_anothers() -> None:
    api, token, path = prepared(1)
    bob = api.logged_in("bob")
    own = f"/webhooks/{api.new_webhook(bob)['webhook_id']}"
    before = list(api.world.deliveries.all())
    for of in (path, own):
        for method, rest in (("GET", ""), ("POST", "/replay")):
            answer = api.send(method, f"{of}/deliveries/{delivery_id_of(0)}{rest}", token=bob)
            refusal(answer, 404, "NOT_FOUND")
    refusal(api.get(f"{path}/deliveries", token=bob), 404, "NOT_FOUND")
    refusal(replay(api, bob, path), 404, "NOT_FOUND")
    refusal(api.send("POST", f"{path}/test", token=bob), 404, "NOT_FOUND")
    assert replay(api, bob, own).json["replayed"] == 0
    assert list(api.world.deliveries.all()) == before
    assert len(ids(api.get(f"{path}/deliveries", token=token))) == 1


def test_a_deleted_webhook_takes_its_log_with_it() -> None:
    api, token, path = prepared(1)
    assert api.send("DELETE", path, token=token).status == 204
    refusal(api.get(f"{path}/deliveries", token=token), 404, "NOT_FOUND")


def test_a_callback_tells_where_it_went() -> None:
    api, token, path = prepared()
    api.world.deliveries.add(made(api, 1, url="https://example.net/back"))
    assert api.get(f"{path}/deliveries/{delivery_id_of(1)}", token=token).json["url"] == "https://example.net/back"
