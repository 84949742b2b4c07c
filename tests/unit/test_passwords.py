import pytest

from chalicelib.adapters.passwords import NOBODYS_HASH, PasslibPasswordHasher

HASHER = PasslibPasswordHasher()


def test_a_hash_fits_its_password_alone() -> None:
    password_hash = HASHER.hash("correct horse")
    assert HASHER.verify("correct horse", password_hash)
    assert not HASHER.verify("incorrect horse", password_hash)


def test_the_parameters_are_those_owasp_names() -> None:
    assert HASHER.hash("correct horse").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_two_hashes_of_one_password_differ() -> None:
    assert HASHER.hash("correct horse") != HASHER.hash("correct horse")


def test_without_a_user_a_hash_of_the_same_cost_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time must not tell whether a user exists; the work is looked at here, not timed."""
    context = HASHER._context  # noqa: SLF001 - the only place where the work can be seen
    checked: list[str] = []
    verify = context.verify

    def seen(password: str, known: str) -> bool:
        checked.append(known)
        return bool(verify(password, known))

    monkeypatch.setattr(context, "verify", seen)
    assert not HASHER.verify("correct horse", None)
    assert checked == [NOBODYS_HASH]
    assert not context.needs_update(NOBODYS_HASH), "it has the parameters of every other hash"
