from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.dynamodb.account_items import (
    from_credential_item,
    from_event_item,
    from_user_item,
    to_credential_item,
    to_event_item,
    to_rotated_attributes,
    to_user_item,
)
from chalicelib.adapters.dynamodb.keys import EPOCH
from chalicelib.domain.audit import AuditAction, AuditEvent, EventId
from chalicelib.domain.credentials import ApiKey, Credential, CredentialId, Scope, Session
from chalicelib.domain.users import ADDRESSES_KNOWN_MAX, Role, User, UserId, address_digest
from tests.factories import make_api_key, make_event, make_session, make_user
from tests.fakes import NOON
from tests.unit.test_items import size

INSTANTS = st.integers(0, 2**43).map(lambda milliseconds: EPOCH + timedelta(milliseconds=milliseconds))
USER_IDS = st.text().map(UserId)
CREDENTIAL_IDS = st.text().map(CredentialId)
USERS = st.builds(
    User,
    user_id=USER_IDS,
    username=st.text(),
    password_hash=st.text(),
    created_at=INSTANTS,
    role=st.sampled_from(Role),
    is_disabled=st.booleans(),
    known_addresses=st.dictionaries(st.text(), INSTANTS, max_size=3),
)
SESSIONS = st.builds(
    Session,
    user_id=USER_IDS,
    username=st.text(),
    credential_id=CREDENTIAL_IDS,
    started_at=INSTANTS,
    refreshed_at=INSTANTS,
    expires_at=INSTANTS,
    ends_at=INSTANTS,
    address=st.text(),
    family_digest=st.text(),
    current_digest=st.text(),
    previous_digest=st.none() | st.text(),
)
API_KEYS = st.builds(
    ApiKey,
    user_id=USER_IDS,
    username=st.text(),
    credential_id=CREDENTIAL_IDS,
    name=st.text(),
    scopes=st.frozensets(st.sampled_from(Scope)),
    digest=st.text(),
    created_at=INSTANTS,
    expires_at=INSTANTS,
    last_used_at=st.none() | INSTANTS,
)
EVENTS = st.builds(
    AuditEvent,
    subject=st.text(),
    event_id=st.text().map(EventId),
    at=INSTANTS,
    action=st.sampled_from(AuditAction),
    actor=st.text(),
    address=st.none() | st.text(),
    credential_id=st.none() | CREDENTIAL_IDS,
    detail=st.none() | st.text(),
)
UNIT_BYTES = 1024
"""What DynamoDB writes for one unit."""


@given(USERS)
def test_a_user_survives_its_item(user: User) -> None:
    assert from_user_item(to_user_item(user)) == user


def test_the_item_of_a_user_has_a_role_or_a_mark_only_if_it_is_not_the_usual_one() -> None:
    """The fence of a change, and items from before there were roles, rely on that."""
    unusual = {"role", "is_disabled", "known_addresses"}
    assert not unusual & to_user_item(make_user()).keys()
    user = make_user(role=Role.ADMIN, is_disabled=True, known_addresses={"digest": NOON})
    assert unusual < to_user_item(user).keys()


@given(SESSIONS | API_KEYS)
def test_a_credential_survives_its_item(credential: Credential) -> None:
    assert from_credential_item(to_credential_item(credential)) == credential


@given(EVENTS)
def test_an_audit_event_survives_its_item(event: AuditEvent) -> None:
    assert from_event_item(to_event_item(event, retention=timedelta(days=90))) == event


@pytest.mark.parametrize("part", [timedelta(), timedelta(milliseconds=1)])
def test_the_time_to_live_never_comes_early(part: timedelta) -> None:
    """DynamoDB counts whole seconds."""
    end = NOON + timedelta(days=30) + part
    event = make_event(at=end - timedelta(days=90))
    for item in (
        to_credential_item(make_session(expires_at=end)),
        to_credential_item(make_api_key(expires_at=end)),
        to_event_item(event, retention=timedelta(days=90)),
    ):
        assert end.timestamp() <= int(item["expires_at_epoch_s"]["N"]) < end.timestamp() + 1


def test_a_session_is_kept_until_it_can_be_refreshed_no_more() -> None:
    """A client that signs in for every call leaves thousands of them, and all are read to end one user's sessions."""
    begun = make_session(expires_at=NOON + timedelta(days=7), ends_at=NOON + timedelta(days=30))
    assert to_credential_item(begun)["expires_at_epoch_s"] == {"N": str(int(begun.expires_at.timestamp()))}
    later = replace(begun, expires_at=NOON + timedelta(days=8))
    assert to_rotated_attributes(later)["expires_at_epoch_s"] == {"N": str(int(later.expires_at.timestamp()))}


def bytes_of(item: Any) -> int:
    return sum(len(name) + size(value) for name, value in item.items())


def test_the_rows_of_a_sign_in_are_of_one_unit() -> None:
    name, address, uuid = "x" * 64, "f" * 39, "0" * 36
    addresses = {address_digest(str(number)): NOON for number in range(ADDRESSES_KNOWN_MAX)}
    user = make_user(
        username="x" * 20, user_id=UserId(uuid), password_hash="x" * 97, role=Role.ADMIN, known_addresses=addresses
    )
    session = make_session(username=name, address=address, previous_digest="0" * 64)
    event = make_event(actor=name, address=address, credential_id=CredentialId(uuid), detail="x" * 400)
    assert bytes_of(to_event_item(event, retention=timedelta(days=90))) < UNIT_BYTES
    assert bytes_of(to_credential_item(session)) < UNIT_BYTES
    # Numbers take half of what they are counted as here.
    assert bytes_of(to_user_item(user)) - 6 * ADDRESSES_KNOWN_MAX < UNIT_BYTES
    assert bytes_of(to_user_item(replace(user, username=name, is_disabled=True))) < 2 * UNIT_BYTES
