import pytest

from chalicelib.adapters.passwords import PasslibPasswordHasher

HASHER = PasslibPasswordHasher()


def test_a_hash_fits_its_password_alone() -> None:
    password_hash = HASHER.hash("correct horse")
    assert HASHER.verify("correct horse", password_hash)
    assert not HASHER.verify("incorrect horse", password_hash)


def test_the_parameters_are_those_owasp_names() -> None:
    assert HASHER.hash("correct horse").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_two_hashes_of_one_password_differ() -> None:
    assert HASHER.hash("correct horse") != HASHER.hash("correct horse")


def test_without_a_user_a_hash_is_computed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time must not tell whether a user exists; the work is counted here, not timed."""
    verified: list[bool] = []
    context = HASHER._context  # noqa: SLF001 - the only place where the work can be counted
    real = context.dummy_verify
    monkeypatch.setattr(context, "dummy_verify", lambda: verified.append(real()))
    assert not HASHER.verify("correct horse", None)
    assert len(verified) == 1
