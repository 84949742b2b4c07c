"""Users by name, and what is written together with them or not at all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.aws_calls import AwsRefusal
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.credentials import Credential
from chalicelib.domain.errors import ConcurrentUpdate, Conflict, Unavailable
from chalicelib.domain.users import ADDRESSES_KNOWN_MAX, Role, User, UserId
from tests.contract.accounts import (
    ADA,
    AHEAD,
    ANOTHER,
    add_user,
    api_key_of,
    credential_id,
    event_of,
    events_of,
    refreshed,
    session_of,
)
from tests.contract.conftest import Aws, Ports, StandIn
from tests.factories import OWNER, make_user

ADDRESS = "203.0.113.7"
CHANGES: dict[str, User] = {
    "password": ADA.with_password("another hash"),
    "role": ADA.administered(role=Role.ADMIN, is_disabled=None),
    "disabled": ADA.administered(role=None, is_disabled=True),
    "address": ADA.signed_in_from(ADDRESS, at=AHEAD),
    "everything": replace(
        ADA, password_hash="another hash", role=Role.ADMIN, is_disabled=True, known_addresses={"digest": AHEAD}
    ),
}
FENCED = {name: to for name, to in CHANGES.items() if name != "address"}
"""Changes after which nothing that began before them is written."""


def moved(change: Callable[[], None]) -> User | None:
    """Make a change that must be refused; return the user that was found."""
    with pytest.raises(ConcurrentUpdate) as refusal:
        change()
    found = refusal.value.current
    assert found is None or isinstance(found, User)
    return found


def test_a_user_is_found_by_name_in_whatever_case(ports: Ports) -> None:
    ada = make_user(username="Ada.Lovelace")
    add_user(ports.users, ada)
    for username in ("Ada.Lovelace", "ada.lovelace", "ADA.LOVELACE"):
        assert ports.users.find(username) == ada
    assert ports.users.find("ada") is None


def test_a_name_is_given_once_in_whatever_case_and_a_refusal_leaves_no_event(ports: Ports) -> None:
    add_user(ports.users)
    with pytest.raises(Conflict):
        ports.users.add(make_user(username="ADA", user_id=ANOTHER), event_of(2, subject=ANOTHER))
    assert ports.users.find("ada") == ADA
    assert events_of(ports, ANOTHER) == []


def test_a_registration_is_told_by_its_event(ports: Ports) -> None:
    ports.users.add(ADA, event_of(1))
    assert events_of(ports) == [event_of(1)]


@pytest.mark.asvs("2.3.4")
def test_of_two_who_register_at_once_one_wins(atomic_ports: Ports) -> None:
    users = [make_user(username="ada", user_id=UserId(f"user-{number}")) for number in range(16)]

    def registered(user: User) -> bool:
        try:
            add_user(atomic_ports.users, user)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(len(users)) as pool:
        outcomes = list(pool.map(registered, users))
    assert outcomes.count(True) == 1
    assert atomic_ports.users.find("ada") == users[outcomes.index(True)]
    assert [bool(events_of(atomic_ports, user.user_id)) for user in users] == outcomes


def test_a_registration_whose_response_was_lost_counts(lossy_ports: Ports) -> None:
    add_user(lossy_ports.users)
    assert lossy_ports.users.find("ada") == ADA
    with pytest.raises(Conflict):
        add_user(lossy_ports.users, replace(ADA, user_id=ANOTHER))


@pytest.mark.parametrize("to", CHANGES.values(), ids=CHANGES)
def test_a_user_is_changed_and_changed_back(ports: Ports, to: User) -> None:
    add_user(ports.users)
    ports.users.change(ADA, to, events=[event_of(2)])
    assert ports.users.find("ada") == to
    ports.users.change(to, ADA, events=[event_of(3), event_of(4)])
    assert ports.users.find("ada") == ADA
    assert events_of(ports) == [event_of(number) for number in (1, 2, 3, 4)]


@pytest.mark.parametrize("to", [ADA, CHANGES["address"]], ids=["unchanged", "changed"])
@pytest.mark.parametrize("credential", [session_of(1), api_key_of(1)], ids=["session", "key"])
def test_a_credential_is_made_with_the_change_and_its_event(ports: Ports, to: User, credential: Credential) -> None:
    add_user(ports.users)
    ports.users.change(ADA, to, events=[event_of(2)], credential=credential)
    assert ports.users.find("ada") == to
    assert ports.credentials.all_of(OWNER) == [credential]
    assert events_of(ports) == [event_of(1), event_of(2)]


@pytest.mark.parametrize("to", [ADA, CHANGES["password"]], ids=["unchanged", "changed"])
@pytest.mark.parametrize("current", FENCED.values(), ids=FENCED)
def test_for_an_account_that_was_changed_nothing_is_written(ports: Ports, current: User, to: User) -> None:
    add_user(ports.users)
    current = replace(current, password_hash=f"{current.password_hash}, later")
    ports.users.change(ADA, current, events=[])
    found = moved(lambda: ports.users.change(ADA, to, events=[event_of(2)], credential=session_of(1)))
    assert found == current
    assert ports.users.find("ada") == current
    assert ports.credentials.all_of(OWNER) == []
    assert events_of(ports) == [event_of(1)]


@pytest.mark.parametrize("current", FENCED.values(), ids=FENCED)
def test_each_thing_that_an_account_is_known_by_fences_alone(ports: Ports, current: User) -> None:
    add_user(ports.users)
    ports.users.change(ADA, current, events=[])
    with pytest.raises(ConcurrentUpdate):
        ports.users.change(ADA, ADA, events=[event_of(2)], credential=session_of(1))
    with pytest.raises(ConcurrentUpdate):
        ports.users.change(ADA, CHANGES["address"], events=[event_of(2)], credential=session_of(1))
    # Nor does what was taken back pass for what it was.
    ports.users.change(current, ADA, events=[])
    with pytest.raises(ConcurrentUpdate):
        ports.users.change(current, current, events=[event_of(2)], credential=session_of(1))
    assert ports.credentials.all_of(OWNER) == []


@pytest.mark.parametrize("to", [ADA, CHANGES["address"]], ids=["unchanged", "changed"])
def test_for_an_account_that_is_gone_nothing_is_written(ports: Ports, to: User) -> None:
    add_user(ports.users)
    ports.users.remove("ada", OWNER)
    assert moved(lambda: ports.users.change(ADA, to, events=[event_of(2)], credential=session_of(1))) is None
    assert ports.users.find("ada") is None
    assert ports.credentials.all_of(OWNER) == []
    assert events_of(ports) == [event_of(1)]


@pytest.mark.parametrize("to", [ADA, CHANGES["address"]], ids=["unchanged", "changed"])
def test_a_new_account_of_the_same_name_is_another(ports: Ports, to: User) -> None:
    add_user(ports.users)
    ports.users.remove("ada", OWNER)
    later = replace(ADA, user_id=ANOTHER)
    add_user(ports.users, later)
    assert moved(lambda: ports.users.change(ADA, to, events=[event_of(2)], credential=session_of(1))) == later
    ports.users.remove("ada", OWNER)
    assert ports.users.find("ada") == later
    assert ports.credentials.all_of(OWNER) == []


def test_a_new_address_is_no_change_of_the_account(ports: Ports) -> None:
    """Of two who sign in at once, neither keeps the other out."""
    add_user(ports.users)
    ports.users.change(ADA, CHANGES["address"], events=[event_of(2)], credential=session_of(1))
    ports.users.change(ADA, ADA, events=[event_of(3)], credential=session_of(2))
    ports.users.change(ADA, ADA.signed_in_from("198.51.100.9", at=AHEAD), events=[event_of(4)])
    assert len(ports.credentials.all_of(OWNER)) == 2


def test_a_user_is_removed_once_and_for_all(ports: Ports) -> None:
    add_user(ports.users)
    for _ in range(2):
        ports.users.remove("ADA", OWNER)
        assert ports.users.find("ada") is None


def test_another_who_has_the_name_now_is_not_removed(ports: Ports) -> None:
    add_user(ports.users)
    ports.users.remove("ada", ANOTHER)
    assert ports.users.find("ada") == ADA


@pytest.mark.parametrize("credential", [None, session_of(1)], ids=["alone", "with a credential"])
@pytest.mark.parametrize("to", [ADA, *CHANGES.values()], ids=["nothing", *CHANGES])
def test_a_change_whose_response_was_lost_counts(lossy_ports: Ports, to: User, credential: Credential | None) -> None:
    add_user(lossy_ports.users)
    lossy_ports.users.change(ADA, to, events=[event_of(2)], credential=credential)
    assert lossy_ports.users.find("ada") == to
    assert lossy_ports.credentials.all_of(OWNER) == ([] if credential is None else [credential])
    assert events_of(lossy_ports) == [event_of(1), event_of(2)]


@pytest.mark.parametrize("to", [ADA, *CHANGES.values()], ids=["nothing", *CHANGES])
def test_a_change_without_an_event_whose_response_was_lost_counts(lossy_ports: Ports, to: User) -> None:
    add_user(lossy_ports.users)
    lossy_ports.users.change(ADA, to, events=[])
    assert lossy_ports.users.find("ada") == to
    lossy_ports.users.change(to, ADA, events=[], credential=session_of(1))
    assert lossy_ports.credentials.all_of(OWNER) == [session_of(1)]


@pytest.mark.parametrize("events", [[], [event_of(2)]], ids=["without an event", "with an event"])
def test_a_change_that_is_repeated_late_does_not_undo_what_came_after_it(aws: Aws, events: list[AuditEvent]) -> None:
    ports = aws.ports()
    add_user(ports.users)
    ports.users.change(ADA, ADA, events=events, credential=session_of(1))
    second = refreshed(session_of(1), b"second")
    ports.credentials.rotate(second)
    ports.users.change(ADA, ADA, events=events, credential=session_of(1))
    assert ports.credentials.all_of(OWNER) == [second]


@pytest.mark.parametrize("to", [ADA, CHANGES["role"], CHANGES["password"]], ids=["nothing", "role", "password"])
def test_after_a_lost_response_a_refusal_is_still_one(lossy_ports: Ports, to: User) -> None:
    """Also of a change to what the account has become, but by another."""
    add_user(lossy_ports.users)
    lossy_ports.users.change(ADA, CHANGES["password"], events=[event_of(2)])
    found = moved(lambda: lossy_ports.users.change(ADA, to, events=[event_of(3)], credential=session_of(1)))
    assert found == CHANGES["password"]
    assert lossy_ports.credentials.all_of(OWNER) == []
    assert events_of(lossy_ports) == [event_of(1), event_of(2)]


def test_a_removal_whose_response_was_lost_counts(lossy_ports: Ports) -> None:
    add_user(lossy_ports.users)
    lossy_ports.users.remove("ada", OWNER)
    assert lossy_ports.users.find("ada") is None


def test_sixteen_who_sign_in_to_one_account_at_once_all_do(atomic_ports: Ports) -> None:
    add_user(atomic_ports.users)

    def sign_in(number: int) -> None:
        to = ADA.signed_in_from(f"203.0.113.{number % 2}", at=AHEAD)
        atomic_ports.users.change(ADA, to, events=[event_of(2 + number)], credential=session_of(number))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(sign_in, range(16)))
    assert len(atomic_ports.credentials.all_of(OWNER)) == 16
    assert len(events_of(atomic_ports)) == 17


def change_password(ports: Ports, user: User) -> None:
    ports.users.change(user, user.with_password("another hash"), events=[])


def disable(ports: Ports, user: User) -> None:
    ports.users.change(user, user.administered(role=None, is_disabled=True), events=[])


def remove(ports: Ports, user: User) -> None:
    ports.users.remove(user.username, user.user_id)


@pytest.mark.parametrize("end", [change_password, disable, remove])
def test_a_sign_in_that_races_the_end_of_what_it_relied_on_leaves_no_session(
    atomic_ports: Ports, end: Callable[[Ports, User], None]
) -> None:
    """Whoever ends it removes what is there then, as the services do; the sign-in must not come after that."""
    rounds = [replace(ADA, username=f"ada-{number}", user_id=UserId(f"user-{number}")) for number in range(6)]

    def sign_in(user: User, number: int) -> bool:
        session = replace(session_of(number), user_id=user.user_id)
        try:
            atomic_ports.users.change(
                user, user, events=[event_of(2 + number, subject=user.user_id)], credential=session
            )
        except ConcurrentUpdate:
            return False
        return True

    def end_all(user: User) -> None:
        end(atomic_ports, user)
        sessions = atomic_ports.credentials.all_of(user.user_id)
        atomic_ports.credentials.remove_all(user.user_id, [each.credential_id for each in sessions])

    with ThreadPoolExecutor(8) as pool:
        for user in rounds:
            add_user(atomic_ports.users, user)
            before = [pool.submit(sign_in, user, number) for number in range(4)]
            ending = pool.submit(end_all, user)
            after = [pool.submit(sign_in, user, number) for number in range(4, 7)]
            ending.result()
            signed_in = [each.result() for each in (*before, *after)]
            assert atomic_ports.credentials.all_of(user.user_id) == []
            assert len(events_of(atomic_ports, user.user_id)) == 1 + signed_in.count(True)
            assert not sign_in(user, 7)


def test_a_table_that_is_not_there_is_the_operators_business(aws: Aws) -> None:
    aws.dynamodb.delete_table(TableName=aws.users_table)
    with pytest.raises(AwsRefusal, match="ResourceNotFoundException"):
        aws.ports().users.find("ada")


@pytest.mark.parametrize(
    "call",
    [
        lambda ports: ports.users.find("ada"),
        lambda ports: ports.users.add(ADA, event_of(1)),
        lambda ports: ports.users.change(ADA, ADA, events=[event_of(1)]),
        lambda ports: ports.users.remove("ada", OWNER),
    ],
    ids=["find", "add", "change", "remove"],
)
def test_without_the_table_nobody_is_found_or_changed(away_ports: Ports, call: Callable[[Ports], Any]) -> None:
    with pytest.raises(Unavailable, match="the users table does not answer"):
        call(away_ports)


def test_a_sign_in_is_one_call_and_six_write_units(aws: Aws, stand_in: StandIn) -> None:
    """For each of the user, the session and the event one unit, which counts twice in a transaction."""
    units: list[float] = []

    class Metered:
        def __getattr__(self, method: str) -> Any:
            return getattr(aws.dynamodb, method)

        def transact_write_items(self, **arguments: Any) -> Any:
            answer = aws.dynamodb.transact_write_items(ReturnConsumedCapacity="TOTAL", **arguments)
            units.append(sum(each["CapacityUnits"] for each in answer.get("ConsumedCapacity", [])))
            return answer

    addresses = {f"{number:064}": AHEAD + timedelta(minutes=number) for number in range(ADDRESSES_KNOWN_MAX)}
    user = replace(ADA, username="a" * 16, password_hash="x" * 97, known_addresses=addresses)
    add_user(aws.ports().users, user)
    session = replace(session_of(1), username=user.username, previous_digest="0" * 64, address="f" * 39)
    event = event_of(2, actor=user.username, address="f" * 39, credential_id=credential_id(1))
    users = aws.ports(dynamodb=Metered()).users
    users.change(user, user.signed_in_from(ADDRESS, at=AHEAD + timedelta(days=1)), events=[event], credential=session)
    (taken,) = units
    assert taken == {"moto": 0, "ministack": 6, "dynamodb-local": 12}[stand_in.name], "each counts in its own way"
