"""Sessions and API keys by owner and id: refreshed once, removed for good, never brought back."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.audit import DynamoDBAuditTrail
from chalicelib.adapters.dynamodb.credentials import DynamoDBCredentialRepository
from chalicelib.adapters.dynamodb.transactions import TRIES, Backoff
from chalicelib.domain.credentials import Credential, Session, digest
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.users import UserId
from tests.aws import by_sdk, time_to_live
from tests.contract.accounts import (
    ADA,
    AHEAD,
    ANOTHER,
    api_key_of,
    credential_id,
    event_of,
    events_of,
    refreshed,
    session_of,
    store,
)
from tests.contract.conftest import AUDIT_RETENTION, Aws, Ports
from tests.contract.test_submissions import Interfering, Waits, cancelled
from tests.factories import OWNER
from tests.fakes import FixedChance

SESSION = session_of(1)
KEY = api_key_of(2)
IDS = {"session": SESSION, "key": KEY}


def moved(ports: Ports, to: Session) -> Credential | None:
    """Rotate what must be refused; return the session that was found."""
    with pytest.raises(ConcurrentUpdate) as refusal:
        ports.credentials.rotate(to)
    found = refusal.value.current
    assert found is None or isinstance(found, Credential)
    return found


@pytest.mark.parametrize("credential", IDS.values(), ids=IDS)
def test_a_users_name_is_known_as_long_as_there_is_a_credential(ports: Ports, credential: Credential) -> None:
    assert ports.credentials.username_of(OWNER) is None
    store(ports, credential)
    assert ports.credentials.username_of(OWNER) == ADA.username
    assert ports.credentials.username_of(UserId("another")) is None
    ports.credentials.remove(credential, event_of(9))
    assert ports.credentials.username_of(OWNER) is None


@pytest.mark.parametrize("credential", IDS.values(), ids=IDS)
def test_a_credential_is_found_by_its_owner_and_its_id(ports: Ports, credential: Credential) -> None:
    store(ports, credential)
    assert ports.credentials.get(OWNER, credential.credential_id) == credential
    assert ports.credentials.get(ANOTHER, credential.credential_id) is None
    assert ports.credentials.get(OWNER, credential_id(3)) is None


def test_all_of_a_user_are_that_users(ports: Ports) -> None:
    assert ports.credentials.all_of(OWNER) == []
    theirs = replace(session_of(3), user_id=ANOTHER, username="bob")
    store(ports, theirs, user=replace(ADA, user_id=ANOTHER, username="bob"))
    store(ports, SESSION, KEY)
    assert sorted(ports.credentials.all_of(OWNER), key=lambda each: each.credential_id) == [SESSION, KEY]
    assert ports.credentials.all_of(ANOTHER) == [theirs]


def test_a_refresh_is_written_over_the_token_it_used(ports: Ports) -> None:
    store(ports, SESSION)
    second = refreshed(SESSION, b"second")
    ports.credentials.rotate(second)
    assert ports.credentials.get(OWNER, SESSION.credential_id) == second
    third = refreshed(second, b"third", at=AHEAD + timedelta(days=28))
    ports.credentials.rotate(third)
    assert ports.credentials.get(OWNER, SESSION.credential_id) == third


def test_a_used_token_refreshes_nothing_and_is_told_of_the_session_as_it_is(ports: Ports) -> None:
    store(ports, SESSION)
    second = refreshed(SESSION, b"second")
    ports.credentials.rotate(second)
    assert moved(ports, refreshed(SESSION, b"stolen")) == second
    assert ports.credentials.get(OWNER, SESSION.credential_id) == second


def test_the_same_token_at_another_moment_is_another_refresh(ports: Ports) -> None:
    """The next token is computed from the one before it, so a rival comes to the same one."""
    store(ports, SESSION)
    second = refreshed(SESSION, b"second")
    ports.credentials.rotate(second)
    late = refreshed(SESSION, b"second", at=second.refreshed_at + timedelta(minutes=1))
    assert moved(ports, late) == second
    assert ports.credentials.get(OWNER, SESSION.credential_id) == second


def test_a_session_that_has_ended_is_not_brought_back(ports: Ports) -> None:
    assert moved(ports, refreshed(SESSION, b"second")) is None
    store(ports, SESSION)
    ports.credentials.remove(SESSION, event_of(2))
    assert moved(ports, refreshed(SESSION, b"second")) is None
    assert ports.credentials.all_of(OWNER) == []


def test_a_key_cannot_be_refreshed(ports: Ports) -> None:
    store(ports, KEY)
    assert moved(ports, replace(refreshed(SESSION, b"second"), credential_id=KEY.credential_id)) == KEY
    assert ports.credentials.get(OWNER, KEY.credential_id) == KEY


def test_of_sixteen_refreshes_with_one_token_one_wins_and_all_are_told(atomic_ports: Ports) -> None:
    store(atomic_ports, SESSION)
    rivals = [refreshed(SESSION, f"{number}".encode()) for number in range(16)]

    def rotated(to: Session) -> object:
        try:
            atomic_ports.credentials.rotate(to)
        except ConcurrentUpdate as moved:
            return moved.current
        return None

    with ThreadPoolExecutor(len(rivals)) as pool:
        found = list(pool.map(rotated, rivals))
    assert found.count(None) == 1
    winner = rivals[found.index(None)]
    assert atomic_ports.credentials.get(OWNER, SESSION.credential_id) == winner
    assert found.count(winner) == 15


def test_a_refresh_whose_response_was_lost_counts(lossy_ports: Ports) -> None:
    store(lossy_ports, SESSION)
    second = refreshed(SESSION, b"second")
    lossy_ports.credentials.rotate(second)
    assert lossy_ports.credentials.get(OWNER, SESSION.credential_id) == second
    assert moved(lossy_ports, refreshed(SESSION, b"stolen")) == second


def test_the_last_use_of_a_key_is_noted(ports: Ports) -> None:
    store(ports, KEY)
    for minutes in (1, 7):
        used = KEY.used(AHEAD + timedelta(minutes=minutes))
        ports.credentials.note_use(used)
        assert ports.credentials.get(OWNER, KEY.credential_id) == used


def test_a_key_that_was_never_used_notes_nothing(ports: Ports) -> None:
    store(ports, KEY)
    ports.credentials.note_use(KEY)
    assert ports.credentials.get(OWNER, KEY.credential_id) == KEY


def test_the_use_of_a_key_that_is_gone_brings_nothing_back(ports: Ports) -> None:
    ports.credentials.note_use(KEY.used(AHEAD))
    assert ports.credentials.get(OWNER, KEY.credential_id) is None


@pytest.mark.parametrize("credential", IDS.values(), ids=IDS)
def test_a_removal_is_told_by_its_event_once(ports: Ports, credential: Credential) -> None:
    store(ports, SESSION, KEY)
    before = events_of(ports)
    removed = event_of(2000, credential_id=credential.credential_id)
    assert ports.credentials.remove(credential, removed)
    assert ports.credentials.get(OWNER, credential.credential_id) is None
    assert not ports.credentials.remove(credential, event_of(2001))
    assert events_of(ports) == [*before, removed]
    assert len(ports.credentials.all_of(OWNER)) == 1


def test_of_sixteen_removals_at_once_one_is_told(atomic_ports: Ports) -> None:
    store(atomic_ports, SESSION)
    before = events_of(atomic_ports)

    def removed(number: int) -> bool:
        return atomic_ports.credentials.remove(SESSION, event_of(2000 + number))

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(removed, range(16)))
    assert outcomes.count(True) == 1
    assert events_of(atomic_ports) == [*before, event_of(2000 + outcomes.index(True))]


def test_a_removal_whose_response_was_lost_counts_as_ones_own(lossy_ports: Ports) -> None:
    store(lossy_ports, SESSION)
    before = events_of(lossy_ports)
    assert lossy_ports.credentials.remove(SESSION, event_of(2000))
    assert not lossy_ports.credentials.remove(SESSION, event_of(2001))
    assert events_of(lossy_ports) == [*before, event_of(2000)]


def test_a_refresh_that_races_the_end_of_its_session_does_not_bring_it_back(atomic_ports: Ports) -> None:
    sessions = [session_of(number) for number in range(12)]
    store(atomic_ports, *sessions)

    def rotate(session: Session) -> None:
        try:
            atomic_ports.credentials.rotate(refreshed(session, b"second"))
        except (ConcurrentUpdate, Unavailable):  # a transaction that removes it may hold the row
            return

    with ThreadPoolExecutor(8) as pool:
        for number, session in enumerate(sessions, start=2000):
            rotating = pool.submit(rotate, session)
            assert pool.submit(atomic_ports.credentials.remove, session, event_of(number)).result()
            rotating.result()
    assert atomic_ports.credentials.all_of(OWNER) == []


@pytest.mark.parametrize("count", [1, 25, 60])
def test_many_are_removed_together_and_the_others_stay(ports: Ports, count: int) -> None:
    sessions = [session_of(number) for number in range(10, 10 + count)]
    store(ports, SESSION, *sessions)
    before = events_of(ports)
    for _ in range(2):
        ports.credentials.remove_all(OWNER, [each.credential_id for each in sessions])
        assert ports.credentials.all_of(OWNER) == [SESSION]
    assert events_of(ports) == before


def test_none_is_removed_of_none_and_one_that_is_named_twice_once(ports: Ports) -> None:
    store(ports, SESSION, KEY)
    ports.credentials.remove_all(OWNER, [])
    assert len(ports.credentials.all_of(OWNER)) == 2
    ports.credentials.remove_all(OWNER, [KEY.credential_id] * 30)
    assert ports.credentials.all_of(OWNER) == [SESSION]


def test_a_removal_of_many_whose_response_was_lost_counts(lossy_ports: Ports) -> None:
    store(lossy_ports, SESSION, KEY)
    lossy_ports.credentials.remove_all(OWNER, [SESSION.credential_id, KEY.credential_id])
    assert lossy_ports.credentials.all_of(OWNER) == []


class Slow:
    """A client that gets round to the first three requests of a batch only, as often as it is told to."""

    def __init__(self, inner: Any, times: int) -> None:
        self._inner = inner
        self._left = times

    def __getattr__(self, method: str) -> Any:
        return getattr(self._inner, method)

    def batch_write_item(self, *, RequestItems: Any) -> Any:  # noqa: N803 - boto3's name
        if self._left == 0:
            return self._inner.batch_write_item(RequestItems=RequestItems)
        self._left -= 1
        ((table, requests),) = RequestItems.items()
        self._inner.batch_write_item(RequestItems={table: requests[:3]})
        return {"UnprocessedItems": {table: requests[3:]} if requests[3:] else {}}


def credentials_of(aws: Aws, client: Any, waits: Waits) -> DynamoDBCredentialRepository:
    return DynamoDBCredentialRepository(
        lambda: by_sdk(client),
        table=aws.credentials_table,
        audit=DynamoDBAuditTrail(lambda: by_sdk(client), table=aws.audit_table, retention=AUDIT_RETENTION),
        backoff=Backoff(randomness=FixedChance(0.5), pause=waits),
    )


def test_what_a_batch_left_is_asked_for_again_after_ever_longer_waits(aws: Aws) -> None:
    sessions = [session_of(number) for number in range(10)]
    store(aws.ports(), *sessions)
    waits = Waits()
    ids = [each.credential_id for each in sessions]
    credentials_of(aws, Slow(aws.dynamodb, 3), waits).remove_all(OWNER, ids)
    assert waits.durations == [timedelta(milliseconds=wait) for wait in (25, 50, 100)]
    assert aws.ports().credentials.all_of(OWNER) == []


def test_what_is_left_after_too_many_tries_makes_it_unavailable(aws: Aws) -> None:
    sessions = [session_of(number) for number in range(3 * TRIES + 1)]
    store(aws.ports(), *sessions)
    credentials = credentials_of(aws, Slow(aws.dynamodb, TRIES), Waits())
    with pytest.raises(Unavailable, match="the credentials table is busy"):
        credentials.remove_all(OWNER, [each.credential_id for each in sessions])
    assert aws.ports().credentials.all_of(OWNER) == sessions[-1:]


def test_a_conflict_is_tried_again(aws: Aws) -> None:
    store(aws.ports(), SESSION)
    waits = Waits()
    client = Interfering(aws.dynamodb, cancelled("TransactionConflict", "None"))
    assert credentials_of(aws, client, waits).remove(SESSION, event_of(2))
    assert waits.durations == [timedelta(milliseconds=25)]
    assert aws.ports().credentials.all_of(OWNER) == []


def test_after_too_many_conflicts_it_is_unavailable(aws: Aws) -> None:
    store(aws.ports(), SESSION)
    client = Interfering(aws.dynamodb, *[cancelled("TransactionConflict", "None")] * TRIES)
    with pytest.raises(Unavailable, match="the credentials table is busy"):
        credentials_of(aws, client, Waits()).remove(SESSION, event_of(2))
    assert aws.ports().credentials.all_of(OWNER) == [SESSION]


def test_more_than_one_query_reads_are_all_of_a_user(aws: Aws) -> None:
    """A Query ends at 1 MB by itself."""
    keys = [api_key_of(number, name="x" * 300_000) for number in range(6)]
    store(aws.ports(), *keys)
    queries: list[object] = []
    aws.dynamodb.meta.events.register("before-call.dynamodb.Query", lambda **_: queries.append(1))
    assert aws.ports().credentials.all_of(OWNER) == keys
    assert len(queries) > 1


@pytest.mark.parametrize(
    ("credential", "end"), [(SESSION, SESSION.expires_at), (KEY, KEY.expires_at)], ids=["session", "key"]
)
def test_a_credential_is_deleted_by_its_time_to_live_and_holds_no_secret(
    aws: Aws, credential: Credential, end: Any
) -> None:
    store(aws.ports(), credential)
    (item,) = aws.dynamodb.scan(TableName=aws.credentials_table)["Items"]
    assert item["expires_at_epoch_s"] == {"N": str(int(end.timestamp()))}
    secret = "current_digest" if isinstance(credential, Session) else "digest"
    assert item[secret] == {"S": digest(b"first" if isinstance(credential, Session) else b"secret")}
    assert time_to_live(aws.dynamodb, "CredentialsTable", aws.new_name("forgets")) == ("expires_at_epoch_s", "ENABLED")


def test_a_refresh_moves_the_time_to_live_on(aws: Aws) -> None:
    store(aws.ports(), SESSION)
    second = refreshed(SESSION, b"second")
    aws.ports().credentials.rotate(second)
    (item,) = aws.dynamodb.scan(TableName=aws.credentials_table)["Items"]
    assert second.expires_at > SESSION.expires_at
    assert item["expires_at_epoch_s"] == {"N": str(int(second.expires_at.timestamp()))}


@pytest.mark.parametrize(
    "call",
    [
        lambda credentials: credentials.get(OWNER, SESSION.credential_id),
        lambda credentials: credentials.all_of(UserId(OWNER)),
        lambda credentials: credentials.username_of(UserId(OWNER)),
        lambda credentials: credentials.rotate(refreshed(SESSION, b"second")),
        lambda credentials: credentials.note_use(KEY.used(AHEAD)),
        lambda credentials: credentials.remove(SESSION, event_of(2)),
        lambda credentials: credentials.remove_all(OWNER, [SESSION.credential_id]),
    ],
    ids=["get", "all_of", "username_of", "rotate", "note_use", "remove", "remove_all"],
)
def test_without_the_table_every_call_says_so(away_ports: Ports, call: Callable[[Any], object]) -> None:
    with pytest.raises(Unavailable, match="the credentials table does not answer"):
        call(away_ports.credentials)
