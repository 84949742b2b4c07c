import logging
from datetime import timedelta

import pytest

from chalicelib.bootstrap import Services
from chalicelib.domain.credentials import ApiKey, Scope
from chalicelib.domain.errors import NotAuthenticated, Unavailable
from chalicelib.services.authentication import REMEMBERED_FOR, REMEMBERED_MAX, USE_NOTED_EVERY
from tests.factories import World, make_session_limits
from tests.sign_in import HOME, caller_of, logged_in, registered, signed_in

WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)


def pass_by(world: World, amount: timedelta) -> None:
    world.clock.advance(seconds=amount.total_seconds())


def new_key(services: Services, *, lifetime: timedelta = WEEK) -> str:
    """Register a user and make an API key; return its text."""
    caller = signed_in(services)
    made = services.api_keys.create(caller, name="ci", scopes=[Scope.JOBS_READ], lifetime=lifetime, address=HOME)
    return made.text


def stored_key(world: World) -> ApiKey:
    (key,) = (each for each in world.credentials.rows.values() if isinstance(each, ApiKey))
    return key


def test_an_access_token_tells_whose_it_is_and_by_which_session() -> None:
    world = World()
    services = world.services()
    user = registered(services)
    caller = services.authentication.caller(logged_in(services).access_token)
    ((_, session),) = world.credentials.rows.items()
    assert (caller.user_id, caller.username, caller.credential_id) == (user.user_id, "ada", session.credential_id)
    assert caller.scopes == set(Scope)
    assert caller.signed_in_at == world.clock.now()


def test_an_api_key_tells_whose_it_is_and_what_it_is_good_for() -> None:
    world = World()
    services = world.services()
    caller = services.authentication.caller(new_key(services))
    assert (caller.username, caller.scopes, caller.signed_in_at) == ("ada", frozenset({Scope.JOBS_READ}), None)
    assert caller.credential_id == stored_key(world).credential_id


@pytest.mark.parametrize("token", ["", "jbk_", "jbk_" + "A" * 86, "nonsense", "jbr_" + "A" * 107])
def test_what_is_no_credential_is_refused(token: str) -> None:
    with pytest.raises(NotAuthenticated):
        World().services().authentication.caller(token)


def test_a_key_with_another_secret_is_refused() -> None:
    services = World().services()
    text = new_key(services)
    altered = text[:70] + ("A" if text[70] != "A" else "B") + text[71:]
    with pytest.raises(NotAuthenticated, match="the API key is not one"):
        services.authentication.caller(altered)
    services.authentication.caller(text)


@pytest.mark.asvs("9.2.2")
def test_a_refresh_token_is_no_access_token() -> None:
    services = World().services()
    registered(services)
    with pytest.raises(NotAuthenticated):
        services.authentication.caller(logged_in(services).refresh_token)


def test_a_token_whose_session_names_an_api_key_is_refused() -> None:
    world = World()
    services = world.services()
    registered(services)
    tokens = logged_in(services)
    ((place, session),) = world.credentials.rows.items()
    new_key_row = ApiKey(
        user_id=session.user_id,
        username="ada",
        credential_id=session.credential_id,
        name="ci",
        scopes=frozenset(),
        digest="",
        created_at=world.clock.now(),
        expires_at=world.clock.now() + WEEK,
    )
    world.credentials.rows[place] = new_key_row
    with pytest.raises(NotAuthenticated, match="the session of this token has ended"):
        services.authentication.caller(tokens.access_token, now=True)


def test_a_key_is_worth_nothing_once_it_has_expired_even_if_it_is_remembered() -> None:
    world = World()
    services = world.services()
    text = new_key(services, lifetime=timedelta(seconds=5))
    services.authentication.caller(text)
    world.clock.advance(seconds=5)
    with pytest.raises(NotAuthenticated, match="the API key"):
        services.authentication.caller(text)


def test_a_token_is_worth_nothing_once_its_session_has_expired_even_if_it_is_remembered() -> None:
    world = World(session_limits=make_session_limits(idle=timedelta(seconds=5)))
    services = world.services()
    registered(services)
    tokens = logged_in(services)
    assert tokens.expires_in_s == 5, "the token says so itself"
    ((place, session),) = world.credentials.rows.items()
    services.authentication.caller(tokens.access_token)
    world.clock.advance(seconds=5)
    with pytest.raises(NotAuthenticated):
        services.authentication.caller(tokens.access_token)
    assert not session.is_active(world.clock.now())
    assert world.credentials.rows[place] == session


def test_a_row_is_looked_at_once_in_a_while_and_always_when_it_must_be_as_of_now() -> None:
    world = World()
    services = world.services()
    registered(services)
    token = logged_in(world.services()).access_token
    for _ in range(3):
        services.authentication.caller(token)
    assert world.credentials.reads == 1
    services.authentication.caller(token, now=True)
    assert world.credentials.reads == 2
    pass_by(world, REMEMBERED_FOR - timedelta(milliseconds=1))
    services.authentication.caller(token)
    assert world.credentials.reads == 2
    world.clock.advance(milliseconds=1)
    services.authentication.caller(token)
    assert world.credentials.reads == 3


def test_a_session_that_another_container_ended_is_trusted_no_longer_than_it_is_remembered() -> None:
    world = World()
    here, there = world.services(), world.services()
    registered(here)
    token = logged_in(here).access_token
    caller = here.authentication.caller(token)
    there.sessions.log_out(caller, address=HOME)
    assert here.authentication.caller(token) == caller
    with pytest.raises(NotAuthenticated):
        here.authentication.caller(token, now=True)
    with pytest.raises(NotAuthenticated):
        here.authentication.caller(token)


def test_a_deleted_key_is_trusted_no_longer_than_it_is_remembered_even_if_its_use_is_noted_meanwhile() -> None:
    """To note a use is no look at the row."""
    world = World()
    here, there = world.services(), world.services()
    text = new_key(there)
    here.authentication.caller(text)
    pass_by(world, USE_NOTED_EVERY - SECOND)
    here.authentication.caller(text)
    owner = caller_of(there, logged_in(there))
    there.api_keys.delete(owner, stored_key(world).credential_id, address=HOME)
    pass_by(world, 2 * SECOND)
    here.authentication.caller(text)  # its use was noted anew, and it is remembered
    pass_by(world, REMEMBERED_FOR - 2 * SECOND)
    with pytest.raises(NotAuthenticated):
        here.authentication.caller(text)


def test_the_last_use_of_a_key_is_noted_every_few_minutes() -> None:
    world = World()
    services = world.services()
    text = new_key(services)
    assert stored_key(world).last_used_at is None
    first = world.clock.now()
    services.authentication.caller(text)
    assert stored_key(world).last_used_at == first
    pass_by(world, USE_NOTED_EVERY - SECOND)
    services.authentication.caller(text)
    assert stored_key(world).last_used_at == first
    pass_by(world, SECOND)
    services.authentication.caller(text)
    assert stored_key(world).last_used_at == first + USE_NOTED_EVERY


def test_a_use_that_cannot_be_noted_is_no_reason_to_refuse_and_is_tried_once_in_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    services = world.services()
    text = new_key(services)
    services.authentication.caller(text)
    pass_by(world, USE_NOTED_EVERY - SECOND)
    services.authentication.caller(text)
    pass_by(world, SECOND)
    world.credentials.away = True
    for _ in range(3):
        services.authentication.caller(text)
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        "the last use of an API key could not be noted"
    ]


def test_without_the_store_nobody_is_known_but_who_is_remembered() -> None:
    world = World()
    services = world.services()
    registered(services)
    token = logged_in(services).access_token
    services.authentication.caller(token)
    world.credentials.away = True
    services.authentication.caller(token)
    with pytest.raises(Unavailable):
        services.authentication.caller(token, now=True)


def test_of_very_many_credentials_the_first_are_forgotten_and_looked_at_again() -> None:
    world = World()
    services = world.services()
    registered(services)
    tokens = [logged_in(services).access_token for _ in range(REMEMBERED_MAX + 1)]
    for token in tokens:
        services.authentication.caller(token)
    reads = world.credentials.reads
    services.authentication.caller(tokens[-1])
    assert world.credentials.reads == reads
    services.authentication.caller(tokens[0])
    assert world.credentials.reads == reads + 1


def test_after_a_sign_in_and_a_refresh_the_next_request_costs_no_look() -> None:
    world = World()
    services = world.services()
    registered(services)
    tokens = logged_in(services)
    services.authentication.caller(tokens.access_token)
    assert world.credentials.reads == 0
    tokens = services.sessions.refresh(tokens.refresh_token, address=HOME)
    assert world.credentials.reads == 1, "that of the refresh"
    services.authentication.caller(tokens.access_token)
    assert world.credentials.reads == 1
