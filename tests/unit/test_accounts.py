import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from chalicelib.account_ports import Erasure
from chalicelib.bootstrap import Services
from chalicelib.domain.audit import AuditAction
from chalicelib.domain.credentials import Scope
from chalicelib.domain.errors import Conflict, InvalidInput, NotAuthenticated, SignInTooOld, Unavailable
from chalicelib.domain.users import PasswordCheck, Role, address_digest, username_digest
from chalicelib.services.accounts import ERASED_AGAIN_AFTER
from chalicelib.services.authentication import RECENT
from tests.factories import World
from tests.fakes import ReversedPasswords
from tests.sign_in import ELSEWHERE, HOME, PASSWORD, caller_of, logged_in, registered, signed_in

WRONG = "the username or the password is wrong"
ANOTHER = "another horse"


def refuse_log_in(services: Services, username: str, password: str) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        logged_in(services, username, password=password)
    assert str(refused.value) == WRONG


def actions(world: World) -> list[str]:
    return [event.action for event in world.audit.all()]


class Meanwhile(ReversedPasswords):
    """A hasher, in whose time something happens once."""

    def __init__(self) -> None:
        super().__init__()
        self.happens: object = None

    def check(self, password: str, password_hash: str | None) -> PasswordCheck:
        happens, self.happens = self.happens, None
        if callable(happens):
            happens()
        return super().check(password, password_hash)


def test_who_registers_can_log_in_and_is_known_by_the_token() -> None:
    services = World().services()
    user = services.accounts.register("Ada", PASSWORD, address=HOME)
    tokens = logged_in(services, "ada")
    assert services.accounts.user_of(caller_of(services, tokens)).user_id == user.user_id
    assert tokens.expires_in_s == 900


def test_a_name_is_taken_whatever_its_case() -> None:
    world = World()
    services = world.services()
    registered(services)
    with pytest.raises(Conflict):
        services.accounts.register("ADA", ANOTHER, address=HOME)
    assert actions(world) == [AuditAction.REGISTERED]


def test_unknown_user_wrong_password_and_a_disabled_account_are_told_the_same_and_take_the_same_work() -> None:
    passwords = ReversedPasswords()
    world = World(passwords=passwords)
    services = world.services()
    disabled = registered(services, "eve")
    world.users.change(disabled, disabled.administered(role=None, is_disabled=True), events=[])
    registered(services)
    passwords.worked_on.clear()
    refuse_log_in(services, "ada", "incorrect horse")
    refuse_log_in(services, "bob", PASSWORD)
    refuse_log_in(services, "eve", PASSWORD)
    assert passwords.worked_on == ["incorrect horse", PASSWORD, PASSWORD]
    assert not world.credentials.rows


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("a b", PASSWORD),
        ("ada", "short"),
        ("ada", "IloveYou"),
        ("ada", "canada geese"),
        ("ada", "\ud800" * 8),
        ("ada", "xy" * 64 + "z"),
        ("ada", "xy" * 500_000),
    ],
)
def test_no_account_is_made_of_a_bad_name_or_password_and_nothing_hashed(username: str, password: str) -> None:
    passwords = ReversedPasswords()
    world = World(passwords=passwords)
    with pytest.raises(InvalidInput):
        world.services().accounts.register(username, password, address=HOME)
    assert not world.users.all()
    assert not world.audit.all()
    assert not passwords.worked_on


@pytest.mark.parametrize(
    ("username", "password"),
    [("", PASSWORD), ("a b", PASSWORD), ("ada", ""), ("ada", "x" * 1_000_000), ("ada", "\ud800" * 8)],
)
def test_what_nobody_can_have_registered_is_merely_wrong(username: str, password: str) -> None:
    services = World().services()
    registered(services)
    refuse_log_in(services, username, password)


@pytest.mark.parametrize("username", ["ada", "bob"])
@pytest.mark.parametrize(
    ("password", "is_hashed"),
    [("x" * 128, True), ("x" * 129, False), ("xy" * 500_000, False), ("\ud800" * 8, False), ("", True)],
)
def test_what_can_be_nobodys_password_is_not_hashed_for_anybody(username: str, password: str, is_hashed: bool) -> None:  # noqa: FBT001
    """The work does not grow with what is sent, and whether it is done does not depend on the user."""
    passwords = ReversedPasswords()
    services = World(passwords=passwords).services()
    registered(services)
    passwords.worked_on.clear()
    refuse_log_in(services, username, password)
    assert passwords.worked_on == [password] * is_hashed


def test_a_password_is_the_same_however_its_characters_are_composed() -> None:
    services = World().services()
    services.accounts.register("ada", "caf\N{LATIN SMALL LETTER E WITH ACUTE} au lait", address=HOME)
    logged_in(services, password="cafe\u0301 au lait")


def test_without_the_store_nobody_registers_or_logs_in() -> None:
    world = World()
    services = world.services()
    world.users.away = True
    with pytest.raises(Unavailable):
        registered(services)
    with pytest.raises(Unavailable):
        logged_in(services)


def test_a_sign_in_leaves_one_session_one_event_and_a_known_address() -> None:
    world = World()
    services = world.services()
    user = registered(services)
    logged_in(services, address=ELSEWHERE)
    ((_, session),) = world.credentials.rows.items()
    event = world.audit.all()[-1]
    assert (event.action, event.subject, event.actor) == (AuditAction.SIGNED_IN, user.user_id, "ada")
    assert (event.address, event.credential_id) == (ELSEWHERE, session.credential_id)
    (stored,) = world.users.all()
    assert stored.known_addresses == {address_digest(ELSEWHERE): world.clock.now()}


@pytest.mark.parametrize(("username", "actor"), [("ada", "ada"), ("my secret!", "(unknown)")])
def test_a_failed_sign_in_is_an_event_of_the_account_or_of_a_name_that_is_not_kept(username: str, actor: str) -> None:
    world = World()
    services = world.services()
    user = registered(services)
    refuse_log_in(services, username, "incorrect horse")
    event = world.audit.all()[-1]
    subject = user.user_id if username == "ada" else username_digest(username)
    assert (event.action, event.subject, event.actor) == (AuditAction.SIGN_IN_FAILED, subject, actor)
    assert event.address == HOME
    assert not world.credentials.rows
    (stored,) = world.users.all()
    assert not stored.known_addresses


def test_a_hash_with_outdated_parameters_is_replaced_at_the_next_sign_in_and_only_by_the_right_password() -> None:
    passwords = ReversedPasswords()
    world = World(passwords=passwords)
    services = world.services()
    before = registered(services)
    passwords.better_hash = "better"
    refuse_log_in(services, "ada", "incorrect horse")
    assert world.users.find("ada") == before
    logged_in(services)
    after = world.users.find("ada")
    assert after is not None
    assert after.password_hash == "better"


def test_a_sign_in_that_another_one_overtook_is_tried_once_more() -> None:
    """As when both find the hash outdated and the other has renewed it."""
    passwords = Meanwhile()
    world = World(passwords=passwords)
    services = world.services()
    owner = signed_in(services)
    administrator = signed_in(services, "grace")
    services.administration.make_admin("grace")

    def change() -> None:
        services.administration.change(administrator, "ada", role=Role.ADMIN, is_disabled=None, address=HOME)

    passwords.happens = change
    logged_in(world.services())
    assert len(services.sessions.all_of(owner)) == 2
    assert actions(world)[-1] is AuditAction.SIGNED_IN


@pytest.mark.asvs("7.4.2")
def test_a_session_of_a_disabled_account_that_was_left_over_is_refreshed_no_more() -> None:
    world = World()
    services = world.services()
    registered(services)
    tokens = logged_in(services)
    rows = dict(world.credentials.rows)
    administrator = signed_in(services, "grace")
    services.administration.make_admin("grace")
    services.administration.change(administrator, "ada", role=None, is_disabled=True, address=HOME)
    world.credentials.rows.update(rows)
    with pytest.raises(NotAuthenticated):
        services.sessions.refresh(tokens.refresh_token, address=HOME)
    services.administration.change(administrator, "ada", role=None, is_disabled=False, address=HOME)
    world.credentials.rows.update(rows)
    assert services.sessions.refresh(tokens.refresh_token, address=HOME).access_token


def test_a_sign_in_with_a_password_that_is_changed_meanwhile_fails_and_leaves_no_session() -> None:
    passwords = Meanwhile()
    world = World(passwords=passwords)
    services = world.services()
    owner = signed_in(services)
    sessions_before = services.sessions.all_of(owner)

    def change() -> None:
        services.accounts.change_password(owner, PASSWORD, ANOTHER, address=HOME)

    passwords.happens = change
    refuse_log_in(world.services(), "ada", PASSWORD)
    assert services.sessions.all_of(owner) == sessions_before
    assert actions(world)[-2:] == [AuditAction.PASSWORD_CHANGED, AuditAction.SIGN_IN_FAILED]
    logged_in(services, password=ANOTHER)


def test_no_session_that_was_begun_with_the_old_password_survives_its_change() -> None:
    for _ in range(30):
        world = World()
        services = world.services()
        owner = signed_in(services)
        gate = threading.Barrier(9)

        def sign_in(_number: int, world: World = world, gate: threading.Barrier = gate) -> None:
            container = world.services()
            gate.wait(timeout=30)
            try:
                logged_in(container, address=ELSEWHERE)
            except NotAuthenticated:
                return

        with ThreadPoolExecutor(8) as pool:
            attempts = pool.map(sign_in, range(8))
            gate.wait(timeout=30)
            services.accounts.change_password(owner, PASSWORD, ANOTHER, address=HOME)
            list(attempts)
        assert [each.credential_id for each in services.sessions.all_of(owner)] == [owner.credential_id]


def test_a_change_of_password_keeps_this_session_and_the_keys_and_ends_the_others() -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    other = logged_in(services)
    key = services.api_keys.create(owner, name="ci", scopes=[Scope.JOBS_READ], lifetime=timedelta(days=1), address=HOME)
    services.accounts.change_password(owner, PASSWORD, ANOTHER, address=HOME)
    assert [each.credential_id for each in services.sessions.all_of(owner)] == [owner.credential_id]
    with pytest.raises(NotAuthenticated):
        services.authentication.caller(other.access_token)
    services.authentication.caller(key.text)
    refuse_log_in(services, "ada", PASSWORD)
    logged_in(services, password=ANOTHER)
    assert AuditAction.PASSWORD_CHANGED in actions(world)


@pytest.mark.parametrize("current", ["incorrect horse", "x" * 1000, ""])
def test_a_password_is_not_changed_without_the_current_one(current: str) -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    other = logged_in(services)
    with pytest.raises(InvalidInput, match="not your current password") as refused:
        services.accounts.change_password(owner, current, ANOTHER, address=ELSEWHERE)
    assert refused.value.pointer == "#/current_password"
    services.authentication.caller(other.access_token)
    event = world.audit.all()[-1]
    assert (event.action, event.address) == (AuditAction.PASSWORD_CHANGE_FAILED, ELSEWHERE)
    logged_in(services)


@pytest.mark.parametrize("wanted", ["short", "password1", "i am ada too"])
def test_a_new_password_must_be_as_good_as_that_of_a_new_account(wanted: str) -> None:
    passwords = ReversedPasswords()
    services = World(passwords=passwords).services()
    owner = signed_in(services)
    passwords.worked_on.clear()
    with pytest.raises(InvalidInput) as refused:
        services.accounts.change_password(owner, PASSWORD, wanted, address=HOME)
    assert refused.value.pointer == "#/new_password"
    assert not passwords.worked_on


def test_of_two_changes_of_a_password_at_once_one_is_refused() -> None:
    passwords = Meanwhile()
    world = World(passwords=passwords)
    services = world.services()
    owner = signed_in(services)

    def change() -> None:
        services.accounts.change_password(owner, PASSWORD, ANOTHER, address=HOME)

    passwords.happens = change
    with pytest.raises(NotAuthenticated, match="changed by another request"):
        services.accounts.change_password(owner, PASSWORD, "a third horse", address=HOME)
    logged_in(services, password=ANOTHER)
    assert actions(world).count(AuditAction.PASSWORD_CHANGED) == 1


def test_a_store_that_goes_away_with_the_change_leaves_no_other_session() -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    logged_in(services, address=ELSEWHERE)
    change = world.users.change

    def then_away(*args: object, **kwargs: object) -> None:
        change(*args, **kwargs)  # type: ignore[arg-type]
        world.credentials.away = True

    world.users.change = then_away  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        services.accounts.change_password(owner, PASSWORD, ANOTHER, address=HOME)
    world.credentials.away = False
    assert [each.credential_id for each in services.sessions.all_of(owner)] == [owner.credential_id]


def test_whose_account_is_gone_disabled_or_anothers_is_nobody() -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    user = services.accounts.user_of(owner)
    disabled = user.administered(role=None, is_disabled=True)
    world.users.change(user, disabled, events=[])
    with pytest.raises(NotAuthenticated):
        services.accounts.user_of(owner)
    world.users.remove("ada", user.user_id)
    with pytest.raises(NotAuthenticated):
        services.accounts.user_of(owner)
    registered(services)
    with pytest.raises(NotAuthenticated):
        services.accounts.user_of(owner)


def test_a_deleted_account_is_gone_at_once_and_its_erasure_ordered_twice() -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    other = logged_in(services)
    key = services.api_keys.create(owner, name="ci", scopes=[Scope.JOBS_READ], lifetime=timedelta(days=1), address=HOME)
    services.accounts.delete(owner, address=HOME)
    order = Erasure(user_id=owner.user_id, username="ada")
    assert world.erasures.orders == [(order, timedelta()), (order, ERASED_AGAIN_AFTER)]
    assert not world.users.all()
    for text in (other.access_token, key.text):
        with pytest.raises(NotAuthenticated):
            services.authentication.caller(text)
    refuse_log_in(services, "ada", PASSWORD)
    assert AuditAction.ACCOUNT_DELETED in actions(world)


def test_what_fails_after_the_order_to_erase_leaves_the_order() -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    world.users.away = True
    with pytest.raises(Unavailable):
        services.accounts.delete(owner, address=HOME)
    assert len(world.erasures.orders) == 2


def test_an_account_is_deleted_only_soon_after_a_sign_in() -> None:
    world = World()
    services = world.services()
    owner = signed_in(services)
    world.clock.advance(seconds=RECENT.total_seconds(), milliseconds=1)
    with pytest.raises(SignInTooOld) as refused:
        services.accounts.delete(owner, address=HOME)
    assert refused.value.max_age_s == 900
    assert world.users.all()
    assert not world.erasures.orders
    world.clock.advance(milliseconds=-1)
    services.accounts.delete(owner, address=HOME)
    assert not world.users.all()


def test_a_user_reads_what_was_done_with_the_account_and_nothing_else() -> None:
    world = World()
    services = world.services()
    signed_in(services, "bob")
    owner = signed_in(services)
    page = services.accounts.events(owner, limit=1, after=None)
    assert [event.action for event in page.events] == [AuditAction.SIGNED_IN]
    rest = services.accounts.events(owner, limit=10, after=page.next_after)
    assert [event.action for event in rest.events] == [AuditAction.REGISTERED]
    assert {event.subject for event in (*page.events, *rest.events)} == {owner.user_id}
