import importlib.metadata
import logging
import os
import subprocess
import sys

import pytest

from chalicelib.adapters.passwords import PasslibPasswordHasher
from chalicelib.domain.users import PasswordCheck
from tests.aws import PROJECT


def hasher(*, memory_kib: int = 19_456, passes: int = 2, lanes: int = 1) -> PasslibPasswordHasher:
    return PasslibPasswordHasher(memory_kib=memory_kib, passes=passes, lanes=lanes)


HASHER = hasher()
HASH = "$argon2id$v=19$m=19456,t=2,p=1$izFmzFmLUQphbO0d45xzzg$HUVCAL1cHbSMNtlDxDBYZjnoAHW5bnc/LLQNizA5naU"
"""Of ``correct horse``; a recorded one, as a random digest that is cut by one letter is now and then another digest."""
WRONG = PasswordCheck(fits=False)
"""Nothing fits, and there is nothing to store."""


@pytest.fixture
def worked_on(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that a password was hashed anew to be compared with; the work is looked at here, not timed."""
    from argon2 import exceptions, low_level  # noqa: PLC0415 - the only place where the work can be seen

    seen: list[str] = []
    verify = low_level.verify_secret

    def watched(known: bytes, password: bytes, kind: low_level.Type) -> bool:
        try:
            fits = verify(known, password, kind)
        except exceptions.VerifyMismatchError:
            seen.append(known.decode())
            raise
        seen.append(known.decode())
        return fits

    def unwanted(*_arguments: object, **_options: object) -> bytes:
        message = "no hash is to be made"
        raise AssertionError(message)

    monkeypatch.setattr(low_level, "verify_secret", watched)
    monkeypatch.setattr(low_level, "hash_secret", unwanted)
    return seen


@pytest.mark.asvs("6.2.8")
def test_a_hash_fits_its_password_alone() -> None:
    assert HASHER.check("correct horse", HASH) == PasswordCheck(fits=True)
    for wrong in ("incorrect horse", "correct hors", "correct horse ", "Correct horse", "correct horse\0", ""):
        assert HASHER.check(wrong, HASH) == WRONG


@pytest.mark.asvs("6.2.8", "6.2.9")
@pytest.mark.parametrize("password", ["a\0b", "\0" * 8, "\N{GRINNING FACE}" * 128, "x" * 128])
def test_no_character_cuts_a_password_short(password: str) -> None:
    password_hash = HASHER.hash(password)
    assert HASHER.check(password, password_hash).fits
    assert not HASHER.check(password[:-1] + "y", password_hash).fits
    assert not HASHER.check(password[:-1], password_hash).fits


@pytest.mark.asvs("11.4.2")
def test_a_hash_says_argon2id_and_its_parameters() -> None:
    assert HASHER.hash("correct horse").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hasher(memory_kib=7168, passes=5, lanes=2).hash("correct horse").startswith("$argon2id$v=19$m=7168,t=5,p=2$")


def test_two_hashes_of_one_password_differ() -> None:
    assert HASHER.hash("correct horse") != HASHER.hash("correct horse")


@pytest.mark.asvs("11.2.2")
@pytest.mark.parametrize("changed", [{"memory_kib": 20_480}, {"passes": 3}, {"lanes": 2}])
def test_after_the_settings_changed_a_password_that_fits_gets_a_better_hash_once(changed: dict[str, int]) -> None:
    now = hasher(**changed)
    better_hash = now.check("correct horse", HASH).better_hash
    assert better_hash is not None
    assert now.check("correct horse", better_hash) == PasswordCheck(fits=True)
    assert now.check("incorrect horse", HASH) == WRONG


def test_without_a_user_the_same_work_is_done_and_no_more(worked_on: list[str]) -> None:
    """Time must not tell whether a user exists, not even at the first attempt of a container."""
    fresh = hasher(memory_kib=7168, passes=5, lanes=2)
    assert fresh.check("correct horse", None) == WRONG
    assert len(worked_on) == 1
    assert worked_on[0].startswith("$argon2id$v=19$m=7168,t=5,p=2$")
    assert len(worked_on[0]) == len(HASH) - len("m=19456") + len("m=7168")


def test_nobodys_hash_is_another_in_each_container(worked_on: list[str]) -> None:
    for _ in range(2):
        hasher().check("correct horse", None)
    assert len(set(worked_on)) == 2


UNREADABLE = {
    "empty": "",
    "plain": "correct horse",
    "of another scheme": "$2b$12$" + "a" * 53,
    "of another kind": HASH.replace("argon2id", "argon2x"),
    "truncated by one": HASH[:-1],
    "truncated in the digest": HASH[:-10],
    "truncated in the salt": HASH[:40],
    "without a pass": HASH.replace("t=2", "t=0"),
    "without a lane": HASH.replace("p=1", "p=0"),
    "of too little memory": HASH.replace("m=19456", "m=1"),
    "of too many digits": HASH.replace("m=19456", "m=99999999999999"),
    "padded": HASH + "=",
    "with a line's end": HASH + "\n",
    "with a letter that is none of base64's": HASH[:-2] + "é" + HASH[-1],
    "half a surrogate pair": HASH[:-1] + "\ud800",
}


@pytest.mark.parametrize("stored", UNREADABLE.values(), ids=UNREADABLE)
def test_a_stored_hash_that_cannot_be_read_is_a_logged_fault_and_a_wrong_password(
    stored: str, worked_on: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert HASHER.check("correct horse", stored) == WRONG
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "a stored password hash cannot be read")
    assert record.exc_info is None, "the cause may quote the hash"
    assert len(worked_on) == 1, "and the time tells nobody"


ALTERED = {
    "with another digest": HASH + "A",
    "of another kind": HASH.replace("argon2id", "argon2i"),
    "of another version": HASH.replace("v=19", "v=99"),
}


@pytest.mark.parametrize("stored", ALTERED.values(), ids=ALTERED)
def test_a_stored_hash_that_was_altered_fits_nothing(stored: str) -> None:
    assert HASHER.check("correct horse", stored) == WRONG


def test_no_beginning_of_a_stored_hash_fits() -> None:
    """Not even one that ends with a whole byte of the digest."""
    for length in range(HASH.rindex("$"), len(HASH)):
        assert HASHER.check("correct horse", HASH[:length]) == WRONG


def test_exactly_one_distribution_has_the_package_passlib() -> None:
    """The files of passlib and libpass are the same: of both, the one that was installed last would count."""
    names = {str(each.metadata["Name"]).lower() for each in importlib.metadata.distributions()}
    assert names & {"passlib", "libpass"} == {"libpass"}


def test_hashing_warns_of_nothing_and_needs_no_bcrypt() -> None:
    script = """
import sys
from chalicelib.adapters.passwords import PasslibPasswordHasher
assert "passlib" not in sys.modules
hasher = PasslibPasswordHasher(memory_kib=7168, passes=5, lanes=1)
assert hasher.check("correct horse", hasher.hash("correct horse")).fits
assert "passlib" in sys.modules and "bcrypt" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", script],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"]},  # noqa: TID251 - hands this machine's environment to a program
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
