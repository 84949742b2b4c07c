"""
Messages across an update: what one version sends, the other understands.

``tests/events/messages.json`` holds bodies as released code has written them. A recorded body never changes; a later
version is recorded beside it, and all of them stay readable.
"""

import json
from typing import Any

import pytest

from chalicelib.account_ports import Erasure
from chalicelib.adapters import delivery_queue, erasure_queue, sqs
from chalicelib.adapters.sqs import ForeignMessage
from chalicelib.event_ports import DeliveryMessage
from tests.aws import PROJECT
from tests.factories import KEY, OWNER, make_delivery

RECORDED: dict[str, str] = json.loads((PROJECT / "tests" / "events" / "messages.json").read_text())
ORDER = Erasure(user_id=OWNER, username="Ada.Lovelace@example.org")
DELIVERY = DeliveryMessage(key=make_delivery().key, postponed=3)
FORMS: list[Any] = [
    pytest.param("job v1", sqs.from_body, KEY, id="job"),
    pytest.param("erasure v1", erasure_queue.from_body, ORDER, id="erasure"),
    pytest.param("delivery v1", delivery_queue.from_body, DELIVERY, id="delivery"),
]


def changed(body: str, **members: Any) -> str:
    return json.dumps({**json.loads(body), **members})


def test_what_is_sent_is_what_is_recorded() -> None:
    """Whoever changes what is sent records the new version beside the old one."""
    assert sqs.to_body(KEY) == RECORDED["job v1"]
    assert erasure_queue.to_body(ORDER) == RECORDED["erasure v1"]
    assert delivery_queue.to_body(DELIVERY) == RECORDED["delivery v1"]


@pytest.mark.parametrize(("name", "from_body", "meant"), FORMS)
def test_what_older_code_sent_is_understood(name: str, from_body: Any, meant: Any) -> None:
    assert from_body(RECORDED[name]) == meant


@pytest.mark.parametrize("version", [1, 2, 3, 1000, 2**70])
@pytest.mark.parametrize(("name", "from_body", "meant"), FORMS)
def test_what_newer_code_sends_is_understood(name: str, from_body: Any, meant: Any, version: int) -> None:
    newer = changed(RECORDED[name], version=version, priority=5, trace={"id": ["1"]}, operation=None)
    assert from_body(newer) == meant


@pytest.mark.parametrize(("name", "from_body", "meant"), FORMS)
def test_the_order_of_the_members_is_of_no_account(name: str, from_body: Any, meant: Any) -> None:
    members = list(json.loads(RECORDED[name]).items())
    assert from_body(json.dumps(dict(members[::-1]))) == meant


@pytest.mark.parametrize(("name", "from_body", "meant"), FORMS)
def test_a_message_without_a_version_is_of_the_first(name: str, from_body: Any, meant: Any) -> None:
    """A person may send one by hand; nothing else lacks it."""
    members = json.loads(RECORDED[name])
    del members["version"]
    assert from_body(json.dumps(members)) == meant


@pytest.mark.parametrize("version", [0, -1, "1", "", True, False, None, 1.5, [1], {}])
@pytest.mark.parametrize(("name", "from_body", "meant"), FORMS)
def test_a_version_that_none_is_makes_a_message_foreign(name: str, from_body: Any, meant: Any, version: Any) -> None:
    assert from_body(RECORDED[name]) == meant
    with pytest.raises(ForeignMessage):
        from_body(changed(RECORDED[name], version=version))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("name", "from_body", "meant"), FORMS)
def test_the_first_members_stay_for_ever(name: str, from_body: Any, meant: Any, version: int) -> None:
    """A newer version that does without one of them would be lost on older code."""
    assert from_body(RECORDED[name]) == meant
    members = json.loads(changed(RECORDED[name], version=version))
    for first in members.keys() - {"version"}:
        rest = {member: value for member, value in members.items() if member != first}
        with pytest.raises(ForeignMessage):
            from_body(json.dumps(rest))


def test_neither_queue_takes_the_others_messages() -> None:
    with pytest.raises(ForeignMessage):
        sqs.from_body(RECORDED["erasure v1"])
    with pytest.raises(ForeignMessage):
        erasure_queue.from_body(RECORDED["job v1"])
    for other in ("job v1", "erasure v1"):
        with pytest.raises(ForeignMessage):
            delivery_queue.from_body(RECORDED[other])
    with pytest.raises(ForeignMessage):
        erasure_queue.from_body(RECORDED["delivery v1"])
