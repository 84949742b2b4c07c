import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from chalicelib.account_ports import CredentialRepository
from chalicelib.bootstrap import Services
from chalicelib.domain.audit import AuditAction, AuditEvent
from chalicelib.domain.credentials import FAMILY_BYTES, GRACE, REFRESH_PREFIX, Presented, Scope, Session, refresh_token
from chalicelib.domain.errors import NotAuthenticated, NotFound
from chalicelib.services.sessions import Tokens
from tests.factories import World, make_session_limits
from tests.fakes import FixedSuccession
from tests.sign_in import ELSEWHERE, HOME, caller_of, logged_in, registered, signed_in

REFUSED = "the refresh token is not one of this service's, was used, or its session has ended; log in"


def begun(world: World) -> tuple[Services, Tokens]:
    services = world.services()
    registered(services)
    return services, logged_in(services)


def refuse(services: Services, text: str) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        services.sessions.refresh(text, address=ELSEWHERE)
    assert str(refused.value) == REFUSED


def pass_by(world: World, amount: timedelta) -> None:
    world.clock.advance(seconds=amount.total_seconds())


def only_session(world: World) -> Session:
    (session,) = world.credentials.rows.values()
    assert isinstance(session, Session)
    return session


def actions(world: World) -> list[str]:
    """What happened after registrations and sign-ins."""
    begin = {AuditAction.REGISTERED, AuditAction.SIGNED_IN}
    return [event.action for event in world.audit.all() if event.action not in begin]


def with_secret(text: str, secret: bytes) -> str:
    token = refresh_token(text)
    assert token is not None
    return Presented(user_id=token.user_id, credential_id=token.credential_id, secret=secret).text(REFRESH_PREFIX)


def test_a_session_lasts_as_the_settings_say() -> None:
    world = World(session_limits=make_session_limits(idle=timedelta(days=1), longest=timedelta(hours=3)))
    _, tokens = begun(world)
    session = only_session(world)
    assert session.expires_at == session.ends_at == world.clock.now() + timedelta(hours=3)
    assert session.address == HOME
    assert (tokens.expires_in_s, tokens.session_expires_in_s) == (900, 3 * 3600)


def test_an_access_token_never_lasts_longer_than_its_session() -> None:
    world = World(session_limits=make_session_limits(longest=timedelta(minutes=20)))
    services, tokens = begun(world)
    pass_by(world, timedelta(minutes=15))
    refreshed = services.sessions.refresh(tokens.refresh_token, address=HOME)
    assert refreshed.expires_in_s == refreshed.session_expires_in_s == 300
    pass_by(world, timedelta(minutes=5))
    refuse(services, refreshed.refresh_token)
    assert not actions(world), "it ended by itself"


def test_a_refresh_token_gives_new_tokens_once() -> None:
    world = World()
    services, tokens = begun(world)
    pass_by(world, timedelta(days=6))
    refreshed = services.sessions.refresh(tokens.refresh_token, address=ELSEWHERE)
    assert refreshed.refresh_token != tokens.refresh_token
    assert caller_of(services, refreshed).username == "ada"
    assert only_session(world).expires_at == world.clock.now() + timedelta(days=7)
    pass_by(world, timedelta(days=6))
    services.sessions.refresh(refreshed.refresh_token, address=ELSEWHERE)


def test_a_lost_answer_is_given_again_for_a_while() -> None:
    world = World()
    services, tokens = begun(world)
    first = services.sessions.refresh(tokens.refresh_token, address=HOME)
    pass_by(world, GRACE - timedelta(milliseconds=1))
    again = services.sessions.refresh(tokens.refresh_token, address=HOME)
    assert again.refresh_token == first.refresh_token
    assert again.access_token != first.access_token
    assert not actions(world)


@pytest.mark.parametrize("successor_keys", [[b"new", b"first"], [b"first", b"old"]])
def test_a_lost_answer_is_given_again_while_the_keys_rotate(successor_keys: list[bytes]) -> None:
    succession = FixedSuccession()
    services, tokens = begun(World(succession=succession))
    first = services.sessions.refresh(tokens.refresh_token, address=HOME)
    succession.keys = successor_keys
    assert services.sessions.refresh(tokens.refresh_token, address=HOME).refresh_token == first.refresh_token


def test_a_lost_answer_that_no_key_can_make_again_ends_the_session() -> None:
    succession = FixedSuccession()
    world = World(succession=succession)
    services, tokens = begun(world)
    services.sessions.refresh(tokens.refresh_token, address=HOME)
    succession.keys = [b"another"]
    refuse(services, tokens.refresh_token)
    assert not world.credentials.rows


def test_a_token_that_is_used_again_later_ends_the_session_for_both() -> None:
    world = World()
    services, stolen = begun(world)
    owners = services.sessions.refresh(stolen.refresh_token, address=HOME)
    caller_of(services, owners)
    pass_by(world, GRACE)
    refuse(services, stolen.refresh_token)
    refuse(services, owners.refresh_token)
    with pytest.raises(NotAuthenticated):
        services.authentication.caller(owners.access_token)
    assert actions(world) == [AuditAction.REFRESH_TOKEN_REUSED]
    (event,) = (each for each in world.audit.all() if each.action is AuditAction.REFRESH_TOKEN_REUSED)
    assert (event.address, event.actor) == (ELSEWHERE, "ada")


def test_the_token_before_the_last_ends_the_session_even_at_once() -> None:
    world = World()
    services, first = begun(world)
    second = services.sessions.refresh(first.refresh_token, address=HOME)
    services.sessions.refresh(second.refresh_token, address=HOME)
    refuse(services, first.refresh_token)
    assert actions(world) == [AuditAction.REFRESH_TOKEN_REUSED]


def test_a_made_up_token_ends_nothing() -> None:
    """The id of a session is no secret, so whoever has seen one could end it."""
    world = World()
    services, tokens = begun(world)
    before = only_session(world)
    for text in ("", "jbr_", tokens.access_token, with_secret(tokens.refresh_token, bytes(FAMILY_BYTES + 32))):
        refuse(services, text)
    assert only_session(world) == before
    services.sessions.refresh(tokens.refresh_token, address=HOME)


def test_a_refresh_token_with_the_id_of_an_api_key_is_refused() -> None:
    world = World()
    services = world.services()
    made = services.api_keys.create(
        signed_in(services), name="ci", scopes=[Scope.JOBS_READ], lifetime=timedelta(days=1), address=HOME
    )
    shown = Presented(user_id=made.key.user_id, credential_id=made.key.credential_id, secret=bytes(FAMILY_BYTES + 32))
    refuse(services, shown.text(REFRESH_PREFIX))
    assert len(world.credentials.rows) == 2


def test_a_logged_out_session_is_over_at_once_for_its_container_and_again_is_no_error() -> None:
    world = World()
    services, tokens = begun(world)
    caller = services.authentication.caller(tokens.access_token)
    for _ in range(2):
        services.sessions.log_out(caller, address=HOME)
    with pytest.raises(NotAuthenticated):
        services.authentication.caller(tokens.access_token)
    refuse(services, tokens.refresh_token)
    assert actions(world) == [AuditAction.SIGNED_OUT]


def test_a_session_is_ended_by_a_refresh_token_of_it_used_or_not() -> None:
    for is_used in (False, True):
        world = World()
        services, tokens = begun(world)
        last = services.sessions.refresh(tokens.refresh_token, address=HOME).refresh_token if is_used else None
        services.sessions.log_out_by(tokens.refresh_token, address=ELSEWHERE)
        with pytest.raises(NotAuthenticated):
            services.authentication.caller(tokens.access_token)
        refuse(services, last or tokens.refresh_token)
        assert actions(world) == [AuditAction.SIGNED_OUT]
        assert world.audit.all()[-1].address == ELSEWHERE
        services.sessions.log_out_by(tokens.refresh_token, address=ELSEWHERE)
        assert actions(world) == [AuditAction.SIGNED_OUT], "it had ended"


def test_what_is_no_refresh_token_of_a_session_ends_none() -> None:
    world = World()
    services, tokens = begun(world)
    for text in ("", "nonsense", tokens.access_token, with_secret(tokens.refresh_token, b"x" * 48)):
        services.sessions.log_out_by(text, address=ELSEWHERE)
    services.authentication.caller(tokens.access_token)
    assert not actions(world)


def test_logged_out_everywhere_every_session_is_over_and_keys_and_others_stay() -> None:
    world = World()
    services, tokens = begun(world)
    other = logged_in(services)
    stranger = signed_in(services, "bob")
    caller = caller_of(services, tokens)
    key = services.api_keys.create(
        caller, name="ci", scopes=[Scope.JOBS_READ], lifetime=timedelta(days=1), address=HOME
    )
    services.sessions.log_out_everywhere(caller, address=HOME)
    for each in (tokens, other):
        with pytest.raises(NotAuthenticated):
            services.authentication.caller(each.access_token)
        refuse(services, each.refresh_token)
    services.authentication.caller(key.text)
    assert len(services.sessions.all_of(stranger)) == 1
    assert actions(world) == [AuditAction.API_KEY_CREATED, AuditAction.SIGNED_OUT_EVERYWHERE]


def test_a_user_sees_and_ends_single_sessions() -> None:
    world = World()
    services, tokens = begun(world)
    world.clock.advance(seconds=1)
    newer = logged_in(services, address=ELSEWHERE)
    caller = caller_of(services, tokens)
    listed = services.sessions.all_of(caller)
    assert [session.address for session in listed] == [ELSEWHERE, HOME]
    services.sessions.end(caller, listed[0].credential_id, address=HOME)
    with pytest.raises(NotAuthenticated):
        services.authentication.caller(newer.access_token)
    assert services.sessions.all_of(caller) == listed[1:]
    with pytest.raises(NotFound):
        services.sessions.end(caller, listed[0].credential_id, address=HOME)
    assert actions(world) == [AuditAction.SESSION_ENDED]


def test_nobody_ends_what_is_no_session_of_his() -> None:
    world = World()
    services, tokens = begun(world)
    (session,) = services.sessions.all_of(caller_of(services, tokens))
    stranger = signed_in(services, "bob")
    key = services.api_keys.create(
        stranger, name="ci", scopes=[Scope.JOBS_READ], lifetime=timedelta(days=1), address=HOME
    )
    for wanted in (session.credential_id, key.key.credential_id, "nonsense", ""):
        with pytest.raises(NotFound, match="you have no such session"):
            services.sessions.end(stranger, wanted, address=HOME)
    assert len(world.credentials.rows) == 3
    assert actions(world) == [AuditAction.API_KEY_CREATED]


class Meanwhile:
    """A repository in which something happens between the look at a session and its rotation."""

    def __init__(self, inner: CredentialRepository, happens: object) -> None:
        self._inner = inner
        self._happens = happens

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def rotate(self, to: Session) -> None:
        assert callable(self._happens)
        self._happens()
        self._inner.rotate(to)

    def remove(self, credential: Session, event: AuditEvent) -> bool:
        assert callable(self._happens)
        self._happens()
        return self._inner.remove(credential, event)


def interrupted(world: World, happens: object) -> Services:
    other = World(clock=world.clock, ids=world.ids, audit=world.audit, succession=world.succession)
    other.users = world.users
    other.credentials = Meanwhile(world.credentials, happens)  # type: ignore[assignment]
    return other.services()


def test_of_two_refreshes_at_once_the_one_that_is_late_gets_the_same_refresh_token() -> None:
    world = World()
    services, tokens = begun(world)
    won: list[Tokens] = []

    def overtake() -> None:
        world.clock.advance(milliseconds=1)
        won.append(services.sessions.refresh(tokens.refresh_token, address=HOME))

    late = interrupted(world, overtake)
    lost = late.sessions.refresh(tokens.refresh_token, address=HOME)
    assert lost.refresh_token == won[0].refresh_token
    assert not actions(world)


def test_a_refresh_that_a_log_out_overtakes_is_refused() -> None:
    world = World()
    services, tokens = begun(world)
    caller = caller_of(services, tokens)
    late = interrupted(world, lambda: services.sessions.log_out(caller, address=HOME))
    refuse(late, tokens.refresh_token)
    assert not world.credentials.rows
    assert actions(world) == [AuditAction.SIGNED_OUT]


def test_of_two_log_outs_at_once_one_ends_the_session_and_one_event_tells() -> None:
    world = World()
    services, tokens = begun(world)
    caller = caller_of(services, tokens)
    late = interrupted(world, lambda: services.sessions.log_out(caller, address=HOME))
    late.sessions.log_out(caller, address=ELSEWHERE)
    assert actions(world) == [AuditAction.SIGNED_OUT]
    assert world.audit.all()[-1].address == HOME


@pytest.mark.parametrize("containers", [1, 16])
def test_of_many_refreshes_at_once_all_get_the_same_refresh_token(containers: int) -> None:
    world = World()
    services, tokens = begun(world)
    there = [services] if containers == 1 else [world.services() for _ in range(containers)]
    gate = threading.Barrier(16)

    def refresh(number: int) -> str:
        gate.wait(timeout=30)
        return there[number % containers].sessions.refresh(tokens.refresh_token, address=HOME).refresh_token

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(refresh, range(16)))) == 1
    assert not actions(world)


def test_after_a_log_out_that_races_refreshes_no_token_continues_the_session() -> None:
    for _ in range(30):
        world = World()
        services, tokens = begun(world)
        caller = caller_of(services, tokens)
        gate = threading.Barrier(5)

        def refresh(
            _number: int, world: World = world, text: str = tokens.refresh_token, gate: threading.Barrier = gate
        ) -> str | None:
            container = world.services()
            gate.wait(timeout=30)
            try:
                return container.sessions.refresh(text, address=HOME).refresh_token
            except NotAuthenticated:
                return None

        with ThreadPoolExecutor(4) as pool:
            refreshes = pool.map(refresh, range(4))
            gate.wait(timeout=30)
            services.sessions.log_out(caller, address=HOME)
            for text in {*refreshes, tokens.refresh_token} - {None}:
                assert text is not None
                refuse(services, text)
        assert not world.credentials.rows
        assert actions(world) == [AuditAction.SIGNED_OUT]


def test_of_two_who_show_a_used_token_at_once_one_ends_the_session_and_one_event_tells() -> None:
    world = World()
    services, tokens = begun(world)
    services.sessions.refresh(tokens.refresh_token, address=HOME)
    pass_by(world, GRACE)
    gate = threading.Barrier(8)

    def reuse(_number: int) -> None:
        container = world.services()
        gate.wait(timeout=30)
        refuse(container, tokens.refresh_token)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(reuse, range(8)))
    assert actions(world) == [AuditAction.REFRESH_TOKEN_REUSED]
