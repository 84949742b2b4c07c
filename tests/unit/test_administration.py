from datetime import timedelta

import pytest

from chalicelib.bootstrap import Services
from chalicelib.domain.audit import OPERATOR, UNKNOWN, AuditAction
from chalicelib.domain.credentials import Caller, Scope
from chalicelib.domain.errors import Conflict, InvalidInput, NotAuthenticated, NotFound, NotPermitted, Unavailable
from chalicelib.domain.schedules import ScheduleKey
from chalicelib.domain.users import Role
from tests.factories import SCHEDULE_KEY, World, make_schedule
from tests.sign_in import HOME, caller_of, logged_in, registered, signed_in


def with_admin(world: World) -> tuple[Services, Caller]:
    services = world.services()
    admin = signed_in(services, "root-of-all")
    services.administration.make_admin("root-of-all")
    return services, admin


def told(world: World, subject: str) -> list[tuple[str, str, str | None]]:
    begin = {AuditAction.REGISTERED, AuditAction.SIGNED_IN}
    events = [event for event in world.audit.all() if event.subject == subject and event.action not in begin]
    return [(event.action, event.actor, event.detail) for event in events]


def disabled(services: Services, admin: Caller, username: str = "ada", *, to: bool = True) -> None:
    services.administration.change(admin, username, role=None, is_disabled=to, address=HOME)


def test_the_operator_makes_an_administrator_once() -> None:
    world = World()
    services, admin = with_admin(world)
    assert not services.administration.make_admin("ROOT-of-all"), "which was one already"
    assert told(world, admin.user_id) == [(AuditAction.ROLE_CHANGED, OPERATOR, "from user to admin")]
    services.administration.check(admin)


@pytest.mark.parametrize("actor", [OPERATOR, UNKNOWN])
def test_nobody_can_register_as_an_actor_that_is_no_user(actor: str) -> None:
    with pytest.raises(InvalidInput):
        registered(World().services(), actor)


def test_who_registers_is_no_administrator() -> None:
    services, _ = with_admin(World())
    with pytest.raises(NotPermitted, match="for administrators"):
        services.administration.check(signed_in(services))


def test_an_administrator_who_is_demoted_is_none_at_once() -> None:
    world = World()
    services, admin = with_admin(world)
    other = signed_in(services)
    services.administration.change(admin, "ada", role=Role.ADMIN, is_disabled=None, address=HOME)
    services.administration.check(other)
    services.administration.change(admin, "ada", role=Role.USER, is_disabled=None, address=HOME)
    with pytest.raises(NotPermitted):
        services.administration.check(other)


def test_a_look_at_an_account_is_an_event_of_both_sides() -> None:
    world = World()
    services, admin = with_admin(world)
    user = registered(services)
    assert services.administration.user(admin, "ADA", address=HOME) == user
    assert told(world, user.user_id) == [(AuditAction.USER_LOOKED_AT, "root-of-all", None)]
    assert told(world, admin.user_id)[1:] == [(AuditAction.USER_LOOKED_AT, "root-of-all", "ada: USER_LOOKED_AT")]


@pytest.mark.parametrize("username", ["nobody", "a b", ""])
def test_a_name_that_nobody_has_is_not_found(username: str) -> None:
    world = World()
    services, admin = with_admin(world)
    administration = services.administration
    with pytest.raises(NotFound, match="there is no user of this name"):
        administration.user(admin, username, address=HOME)
    with pytest.raises(NotFound):
        administration.change(admin, username, role=Role.ADMIN, is_disabled=None, address=HOME)
    with pytest.raises(NotFound):
        administration.make_admin(username)


def test_nobody_changes_the_own_account() -> None:
    world = World()
    services, admin = with_admin(world)
    with pytest.raises(Conflict, match="your own account"):
        services.administration.change(admin, "root-of-all", role=Role.USER, is_disabled=True, address=HOME)
    services.administration.check(admin)


def test_a_disabled_account_can_do_nothing_at_once_and_can_be_enabled_again() -> None:
    world = World()
    services, admin = with_admin(world)
    owner = signed_in(services)
    session = logged_in(services)
    key = services.api_keys.create(owner, name="ci", scopes=[Scope.JOBS_READ], lifetime=timedelta(days=1), address=HOME)
    disabled(services, admin)
    for text in (session.access_token, key.text):
        with pytest.raises(NotAuthenticated):
            services.authentication.caller(text)
    with pytest.raises(NotAuthenticated):
        services.sessions.refresh(session.refresh_token, address=HOME)
    with pytest.raises(NotAuthenticated):
        logged_in(services)
    disabled(services, admin, to=False)
    caller_of(services, logged_in(services))
    with pytest.raises(NotAuthenticated):
        services.authentication.caller(session.access_token)
    expected = [AuditAction.API_KEY_CREATED, AuditAction.ACCOUNT_DISABLED]
    assert [action for action, *_ in told(world, owner.user_id)][:2] == expected
    assert told(world, owner.user_id)[-1] == (AuditAction.ACCOUNT_ENABLED, "root-of-all", None)
    assert told(world, admin.user_id)[1:] == [
        (AuditAction.USER_CHANGED, "root-of-all", "ada: ACCOUNT_DISABLED"),
        (AuditAction.USER_CHANGED, "root-of-all", "ada: ACCOUNT_ENABLED"),
    ]


def test_role_and_use_are_changed_together_with_an_event_each() -> None:
    world = World()
    services, admin = with_admin(world)
    user = registered(services)
    changed = services.administration.change(admin, "ada", role=Role.ADMIN, is_disabled=True, address=HOME)
    assert (changed.role, changed.is_disabled) == (Role.ADMIN, True)
    assert [action for action, *_ in told(world, user.user_id)] == [
        AuditAction.ROLE_CHANGED,
        AuditAction.ACCOUNT_DISABLED,
    ]
    assert told(world, user.user_id)[0][2] == "from user to admin"


def test_what_was_cut_off_after_disabling_is_done_by_the_same_request_again_without_another_event() -> None:
    world = World()
    services, admin = with_admin(world)
    owner = signed_in(services)
    world.credentials.away = True
    with pytest.raises(Unavailable):
        disabled(services, admin)
    world.credentials.away = False
    assert services.sessions.all_of(owner)
    disabled(services, admin)
    assert not services.sessions.all_of(owner)
    assert [action for action, *_ in told(world, owner.user_id)] == [AuditAction.ACCOUNT_DISABLED]


def test_of_two_changes_at_once_the_late_one_is_refused_and_leaves_no_event() -> None:
    world = World()
    services, admin = with_admin(world)
    user = registered(services)
    find = world.users.find

    def changed_meanwhile(username: str) -> object:
        seen = find(username)
        assert seen is not None
        world.users.change(seen, seen.with_password(seen.password_hash + "x"), events=[])
        return seen

    world.users.find = changed_meanwhile  # type: ignore[method-assign,assignment]
    with pytest.raises(Conflict, match="changed by another request"):
        disabled(services, admin)
    assert not told(world, user.user_id)
    with pytest.raises(Conflict):
        services.administration.make_admin("ada")


def test_the_schedules_of_a_disabled_account_rest_until_their_owner_resumes_them() -> None:
    world = World()
    services, admin = with_admin(world)
    user_id = signed_in(services).user_id
    key = ScheduleKey(owner_id=user_id, schedule_id=SCHEDULE_KEY.schedule_id)
    world.schedules.add(make_schedule(key=key))
    others = make_schedule(key=SCHEDULE_KEY)
    world.schedules.add(others)
    disabled(services, admin)
    paused = world.schedules.get(key)
    assert paused is not None
    assert paused.is_paused
    assert world.schedules.get(SCHEDULE_KEY) == others
    disabled(services, admin, to=False)
    assert world.schedules.get(key) == paused


def test_what_fails_in_between_is_done_by_disabling_once_more() -> None:
    world = World()
    services, admin = with_admin(world)
    key = ScheduleKey(owner_id=signed_in(services).user_id, schedule_id=SCHEDULE_KEY.schedule_id)
    world.schedules.add(make_schedule(key=key))
    world.schedules.away = True
    with pytest.raises(Unavailable):
        disabled(services, admin)
    world.schedules.away = False
    disabled(services, admin)
    paused = world.schedules.get(key)
    assert paused is not None
    assert paused.is_paused
