"""That the time of an answer does not tell whether a user exists; `benchmarks.sign_in_timing` takes more pairs."""

import pytest

from benchmarks.sign_in_timing import Timing, deployed_hasher, measured
from chalicelib.domain.errors import NotAuthenticated
from chalicelib.domain.users import PasswordCheck
from tests.factories import World
from tests.fakes import ReversedPasswords


class HashesForUsersOnly:
    """What every hasher must not be: quick where there is no user."""

    def __init__(self) -> None:
        self._inner = deployed_hasher()

    def hash(self, password: str) -> str:
        return self._inner.hash(password)

    def check(self, password: str, password_hash: str | None) -> PasswordCheck:
        return PasswordCheck(fits=False) if password_hash is None else self._inner.check(password, password_hash)


def test_unknown_user_and_wrong_password_take_the_same_time() -> None:
    assert 0.30 < measured(deployed_hasher(), pairs=150).auc < 0.70


def test_a_hasher_that_skips_the_work_would_be_found_out() -> None:
    assert measured(HashesForUsersOnly(), pairs=20).auc > 0.9


def test_more_pairs_are_measured_than_any_limit_of_a_test_would_admit() -> None:
    assert len(measured(ReversedPasswords(), pairs=600).unknown_user_ms) == 600


@pytest.mark.parametrize(
    ("unknown", "wrong", "auc"),
    [([1, 2], [3, 4], 1.0), ([3, 4], [1, 2], 0.0), ([1, 2], [1, 2], 0.5), ([1, 1], [1, 1], 0.5), ([1, 3], [2], 0.5)],
)
def test_the_statistic_is_that_of_mann_and_whitney(unknown: list[float], wrong: list[float], auc: float) -> None:
    assert Timing(unknown_user_ms=unknown, wrong_password_ms=wrong).auc == auc


def test_a_sign_in_hashes_once_whether_or_not_there_is_a_user() -> None:
    """What the times come of, without a clock."""
    passwords = ReversedPasswords()
    accounts = World(passwords=passwords).services().accounts
    accounts.register("grace", "correct horse", address="203.0.113.7")
    for username in ("grace", "edith", "a b"):
        passwords.worked_on.clear()
        with pytest.raises(NotAuthenticated, match="the username or the password is wrong"):
            accounts.log_in(accounts.sign_in(username, "203.0.113.7"), "incorrect horse")
        assert passwords.worked_on == ["incorrect horse"]
