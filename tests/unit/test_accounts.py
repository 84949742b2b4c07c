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
def test_bad_names_and_passwords_are_refused(username: str, password: str) -> None:
    accounts = World().services().accounts
    with pytest.raises(InvalidInput):
        accounts.register(username, password)
    with pytest.raises(InvalidInput):
        accounts.log_in(username, password)


def test_without_the_store_nobody_registers_or_logs_in() -> None:
    world = World()
    world.users.away = True
    for attempt in (world.services().accounts.register, world.services().accounts.log_in):
        with pytest.raises(Unavailable):
            attempt("ada", "correct horse")
