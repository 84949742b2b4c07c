"""
The forms of the messages on the intake queue.

``tests/events/intake.json`` has one of each as AWS's documentation shows them, and the event of an upload to S3.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.intake_messages import EVENT_ID_MAX_CHARACTERS, order_in
from chalicelib.domain.errors import InvalidInput, MalformedBody, RequestRefused
from chalicelib.intake_ports import Order
from tests.aws import PROJECT
from tests.fakes import NOON

RECORDED: dict[str, Any] = json.loads((PROJECT / "tests" / "events" / "intake.json").read_text())
FORM = {"username": "ada", "operation": "square_sum", "data": [1]}
JOB = {"operation": "square_sum", "data": [1, 2, 3], "tags": ["monthly"]}
OWN = {"event_id": "invoice-7", "event_time": "2026-11-20T08:00:00.5+01:00"}
OWN_AT = datetime(2026, 11, 20, 7, 0, 0, 500_000, UTC)
MESSAGE_ID = "097d61a0-8f8a-4a76-924d-e06d93a157d1"


def read(body: Any) -> Order:
    text = body if isinstance(body, str) else json.dumps(body)
    return order_in(text, message_id=MESSAGE_ID, sent_at=NOON)


def sns(message: Any, **changed: Any) -> dict[str, Any]:
    recorded: dict[str, Any] = RECORDED["sns"]
    return recorded | {"Message": json.dumps(message)} | changed


def bus(detail: Any, **changed: Any) -> dict[str, Any]:
    recorded: dict[str, Any] = RECORDED["eventbridge"]
    return recorded | {"detail": detail} | changed


@pytest.mark.parametrize(
    ("name", "event_id", "event_at"),
    [
        ("sns", "63a3f6b6-d533-4a47-aef9-fcf5cf758c76", datetime(2026, 11, 23, 11, 58, 16, 901_000, UTC)),
        ("eventbridge", "6a7e8feb-b491-4cf7-a9f1-bf3703467718", datetime(2026, 11, 23, 11, 58, 16, 0, UTC)),
        ("form", "report-2026-11", datetime(2026, 11, 23, 11, 58, 16, 0, UTC)),
    ],
)
def test_each_form_gives_its_user_its_event_and_its_job(name: str, event_id: str, event_at: datetime) -> None:
    order = read(RECORDED[name])
    assert (order.username, order.event_id, order.event_at) == ("ada", event_id, event_at)
    assert json.loads(order.job_json) == JOB


def test_a_form_without_an_event_is_of_the_message_itself() -> None:
    order = read(FORM)
    assert (order.event_id, order.event_at) == (MESSAGE_ID, NOON)


@pytest.mark.parametrize("around", [lambda form: form, sns, bus])
def test_a_forms_own_event_goes_before_its_envelopes(around: Any) -> None:
    order = read(around(FORM | OWN))
    assert (order.event_id, order.event_at) == ("invoice-7", OWN_AT)
    assert json.loads(order.job_json) == {"operation": "square_sum", "data": [1]}


@pytest.mark.parametrize("around", [lambda form: form, sns, bus])
@pytest.mark.parametrize(("given_one", "missing"), [("event_id", "event_time"), ("event_time", "event_id")])
def test_half_of_an_event_is_refused(around: Any, given_one: str, missing: str) -> None:
    with pytest.raises(InvalidInput, match="give event_id and event_time together or neither") as refused:
        read(around(FORM | {given_one: OWN[given_one]}))
    assert refused.value.pointer == f"#/{missing}"


def test_what_aws_may_add_to_an_envelope_is_passed_over() -> None:
    assert json.loads(read(sns(FORM, SequenceNumber="1", Extra={"a": [1]})).job_json) == {
        "operation": "square_sum",
        "data": [1],
    }
    assert read(bus(FORM, **{"replay-name": "again", "extra": None})).username == "ada"


def test_numbers_and_text_of_a_job_are_left_as_they_were_written() -> None:
    order = read('{"username": "ada", "operation": "o", "data": [1.50, 1e3, 12345678901234567890, "\\u00fc"]}')
    assert order.job_json == b'{"operation":"o","data":[1.50, 1e3, 12345678901234567890, "\\u00fc"]}'


@pytest.mark.parametrize(
    ("body", "detail", "pointer"),
    [
        (RECORDED["s3 upload"], "the field username is missing", "#"),
        ({"operation": "square_sum", "data": [1]}, "the field username is missing", "#"),
        (FORM | {"username": 7}, "expected text, got a whole number", "#/username"),
        (FORM | OWN | {"event_id": ""}, "expected text of at least 1 character", "#/event_id"),
        (FORM | OWN | {"event_id": "x" * (EVENT_ID_MAX_CHARACTERS + 1)}, "of at most 256 characters", "#/event_id"),
        (FORM | OWN | {"event_id": 7}, "expected text or null, got a whole number", "#/event_id"),
        (FORM | OWN | {"event_time": "yesterday"}, "invalid RFC3339 encoded datetime", "#/event_time"),
        (FORM | OWN | {"event_time": "2026-11-20T08:00:00"}, "with a timezone component", "#/event_time"),
        ([FORM], "expected an object, got a list", "#"),
        ("null", "expected an object, got null", "#"),
        (sns([1]), "expected an object, got a list", "#"),
        (sns(FORM, MessageId=7), "expected text, got a whole number", "#/MessageId"),
        (sns(FORM, MessageId=""), "expected text of at least 1 character", "#/MessageId"),
        (sns(FORM, Message=FORM), "expected text, got an object", "#/Message"),
        (sns(FORM, Timestamp="2026"), "invalid RFC3339 encoded datetime", "#/Timestamp"),
        ({"Type": "Notification"}, "the field MessageId is missing", "#"),
        ({"Type": "SubscriptionConfirmation", "Message": "x"}, "the field username is missing", "#"),
        (bus("text"), "expected an object, got text", "#"),
        (bus(FORM, id=None), "expected text, got null", "#/id"),
        (bus(FORM, time=5), "a time as RFC 3339 has it, got a whole number", "#/time"),
        ({"detail-type": "job.submit", "detail": FORM}, "the field id is missing", "#"),
    ],
)
def test_what_is_no_order_is_refused_with_where_it_is_wrong(body: Any, detail: str, pointer: str) -> None:
    with pytest.raises(InvalidInput, match=detail) as refused:
        read(body)
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nonsense",
        "{",
        '{"username": "\\ud800", "operation": "o", "data": 1}',
        "\ud800",
        '{"username": "\ud800"}',
        "[" * 100_000,
        '{"username": ' + "[" * 100_000,
        sns(FORM, Message="nonsense"),
        sns(FORM, Message=""),
        sns(FORM, Message="{" + '"a":{' * 100_000),
    ],
)
def test_what_is_no_json_is_refused(body: Any) -> None:
    with pytest.raises(RequestRefused) as refused:
        read(body)
    assert isinstance(refused.value, MalformedBody | InvalidInput)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["Type", "MessageId", "Timestamp", "Message", "id", "time", "detail", "detail-type", *FORM, *OWN]
)
VALUES = ANY_JSON | st.sampled_from(["Notification", "2026-11-20T08:00:00Z", json.dumps(FORM), FORM])


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")) | ANY_JSON.map(json.dumps))
def test_any_body_is_an_order_or_refused(body: str) -> None:
    with pytest.raises(RequestRefused):
        read(body)


@given(st.dictionaries(NAMES, VALUES))
def test_any_members_are_an_order_or_refused(members: dict[str, Any]) -> None:
    try:
        order = read(members)
    except RequestRefused:
        return
    assert order.event_id
    assert order.event_at.tzinfo is not None
    assert isinstance(json.loads(order.job_json), dict)
