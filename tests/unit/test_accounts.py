import pytest

from chalicelib.domain.errors import Conflict, InvalidInput, NotAuthenticated, Unavailable
from tests.factories import World


def test_who_registers_can_log_in_and_is_known_by_the_token() -> None:
    accounts = World().services().accounts
    user = accounts.register("Ada", "correct horse")
    token = accounts.log_in("ada", "correct horse")
    assert accounts.authenticate(token.token) == user.user_id
    assert token.expires_in_s == 3600


def test_a_name_is_taken_whatever_its_case() -> None:
    accounts = World().services().accounts
    accounts.register("ada", "correct horse")
    with pytest.raises(Conflict):
        accounts.register("ADA", "another horse")


def test_unknown_user_and_wrong_password_are_told_the_same() -> None:
    accounts = World().services().accounts
    accounts.register("ada", "correct horse")
    with pytest.raises(NotAuthenticated) as wrong:
        accounts.log_in("ada", "incorrect horse")
    with pytest.raises(NotAuthenticated) as unknown:
        accounts.log_in("bob", "correct horse")
    assert str(wrong.value) == str(unknown.value)


@pytest.mark.parametrize(("username", "password"), [("a b", "correct horse"), ("ada", "short")])
def test_no_account_is_made_of_a_bad_name_or_password(username: str, password: str) -> None:
    world = World()
    with pytest.raises(InvalidInput):
        world.services().accounts.register(username, password)
    assert not world.users.all()


@pytest.mark.parametrize(
    ("username", "password"), [("", "correct horse"), ("a b", "correct horse"), ("ada", ""), ("ada", "x" * 1_000_000)]
)
def test_what_nobody_can_have_registered_is_merely_wrong(username: str, password: str) -> None:
    accounts = World().services().accounts
    accounts.register("ada", "correct horse")
    with pytest.raises(NotAuthenticated, match="the username or the password is wrong"):
        accounts.log_in(username, password)


def test_a_password_is_the_same_however_its_characters_are_composed() -> None:
    accounts = World().services().accounts
    accounts.register("ada", "caf\N{LATIN SMALL LETTER E WITH ACUTE} au lait")
    assert accounts.log_in("ada", "cafe\u0301 au lait").token


def test_without_the_store_nobody_registers_or_logs_in() -> None:
    world = World()
    world.users.away = True
    for attempt in (world.services().accounts.register, world.services().accounts.log_in):
        with pytest.raises(Unavailable):
            attempt("ada", "correct horse")
