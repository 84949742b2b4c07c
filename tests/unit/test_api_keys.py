from datetime import timedelta

import pytest

from chalicelib.account_ports import CredentialRepository
from chalicelib.bootstrap import Services
from chalicelib.domain.audit import AuditAction
from chalicelib.domain.credentials import Caller, Scope, api_key, digest
from chalicelib.domain.errors import Conflict, NotAuthenticated, NotFound, SignInTooOld, Unavailable
from chalicelib.services.api_keys import KEYS_MAX, NewApiKey
from chalicelib.services.authentication import RECENT
from tests.factories import World
from tests.sign_in import ELSEWHERE, HOME, signed_in

LIFETIME = timedelta(days=90)
BOTH = (Scope.JOBS_READ, Scope.JOBS_WRITE)


def created(services: Services, caller: Caller, name: str = "ci") -> NewApiKey:
    return services.api_keys.create(caller, name=name, scopes=BOTH, lifetime=LIFETIME, address=HOME)


def actions(world: World) -> list[str]:
    begin = {AuditAction.REGISTERED, AuditAction.SIGNED_IN}
    return [event.action for event in world.audit.all() if event.action not in begin]


def test_a_key_is_stored_as_asked_and_its_text_nowhere() -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    made = created(services, owner)
    shown = api_key(made.text)
    assert shown is not None
    assert made.text.startswith("jbk_")
    assert made.key == world.credentials.rows[owner.user_id, made.key.credential_id]
    assert (made.key.name, made.key.scopes, made.key.digest) == ("ci", frozenset(BOTH), digest(shown.secret))
    assert made.key.expires_at == world.clock.now() + LIFETIME
    event = world.audit.all()[-1]
    assert (event.action, event.credential_id) == (AuditAction.API_KEY_CREATED, made.key.credential_id)
    assert (event.subject, event.address) == (owner.user_id, HOME)


def test_keys_are_listed_newest_first_until_they_expire_and_only_to_their_owner() -> None:
    world = World()
    services = world.services()
    owner, stranger = signed_in(services), signed_in(services, "bob")
    first = created(services, owner)
    world.clock.advance(seconds=1)
    second = created(services, owner)
    assert services.api_keys.all_of(owner) == [second.key, first.key]
    assert services.api_keys.all_of(stranger) == []
    world.clock.advance(seconds=LIFETIME.total_seconds() - 1)
    assert services.api_keys.all_of(owner) == [second.key]


def test_a_key_is_made_only_soon_after_a_sign_in_and_never_by_a_key() -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    by_key = services.authentication.caller(created(services, owner).text)
    with pytest.raises(SignInTooOld):
        created(services, by_key)
    world.clock.advance(seconds=RECENT.total_seconds() + 1)
    with pytest.raises(SignInTooOld):
        created(services, owner)
    assert len(services.api_keys.all_of(owner)) == 1


def test_a_user_has_so_many_keys_and_no_more_until_one_is_deleted() -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    keys = [created(services, owner) for _ in range(KEYS_MAX)]
    with pytest.raises(Conflict, match="delete one first"):
        created(services, owner)
    services.api_keys.delete(owner, keys[0].key.credential_id, address=HOME)
    created(services, owner)


def test_no_key_is_made_for_an_account_that_is_disabled_meanwhile() -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    all_of = world.credentials.all_of

    def meanwhile(user_id: object) -> object:
        user = world.users.find("ada")
        assert user is not None
        world.users.change(user, user.administered(role=None, is_disabled=True), events=[])
        return all_of(user_id)  # type: ignore[arg-type]

    world.credentials.all_of = meanwhile  # type: ignore[method-assign,assignment]
    with pytest.raises(NotAuthenticated, match="changed by another request"):
        created(services, owner)
    assert [each.credential_id for each in world.credentials.rows.values()] == [owner.credential_id]
    assert not actions(world)


def test_a_deleted_key_is_worth_nothing_at_once_and_only_one_event_tells() -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    made = created(services, owner)
    services.authentication.caller(made.text)
    services.api_keys.delete(owner, made.key.credential_id, address=ELSEWHERE)
    with pytest.raises(NotAuthenticated):
        services.authentication.caller(made.text)
    with pytest.raises(NotFound):
        services.api_keys.delete(owner, made.key.credential_id, address=ELSEWHERE)
    assert actions(world) == [AuditAction.API_KEY_CREATED, AuditAction.API_KEY_DELETED]
    assert world.audit.all()[-1].address == ELSEWHERE


def test_a_key_that_is_found_deleted_is_remembered_no_longer() -> None:
    world = World()
    here, there = world.services(), world.services()
    owner = signed_in(here)
    made = created(here, owner)
    here.authentication.caller(made.text)
    there.api_keys.delete(owner, made.key.credential_id, address=HOME)
    with pytest.raises(NotFound):
        here.api_keys.delete(owner, made.key.credential_id, address=HOME)
    with pytest.raises(NotAuthenticated):
        here.authentication.caller(made.text)


class GoneMeanwhile:
    """A repository from which a row goes between the look at it and its removal."""

    def __init__(self, inner: CredentialRepository) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def remove(self, *_arguments: object) -> bool:
        return False


def test_of_two_who_delete_a_key_at_once_one_is_told_that_it_is_gone() -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    made = created(services, owner)
    world.credentials = GoneMeanwhile(world.credentials)  # type: ignore[assignment]
    with pytest.raises(NotFound):
        world.services().api_keys.delete(owner, made.key.credential_id, address=HOME)
    assert actions(world) == [AuditAction.API_KEY_CREATED]


def test_nobody_deletes_what_is_no_key_of_his() -> None:
    world = World()
    services = world.services()
    owner, stranger = signed_in(services), signed_in(services, "bob")
    made = created(services, owner)
    for wanted in (made.key.credential_id, stranger.credential_id, "nonsense", ""):
        with pytest.raises(NotFound, match="you have no such API key"):
            services.api_keys.delete(stranger, wanted, address=HOME)
    services.authentication.caller(made.text)
    assert services.sessions.all_of(stranger)


def test_without_the_store_no_key_is_made() -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    world.credentials.away = True
    with pytest.raises(Unavailable):
        created(services, owner)
