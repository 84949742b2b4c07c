"""What an access token is made of, and what is read of it. What is refused: ``tests/api/test_hostile_tokens.py``."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest

from chalicelib.adapters import tokens
from chalicelib.adapters.tokens import JwtCodec
from chalicelib.domain.errors import NotAuthenticated
from chalicelib.domain.signing_keys import KeyRing, SigningKey
from chalicelib.domain.tokens import CLOCK_LEEWAY, AccessClaims
from tests.factories import OWNER, make_ring
from tests.fakes import NOON, FixedClock, FixedKeys

SESSION = "6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a12"
TOKEN = "6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a13"
CLAIMS = AccessClaims(
    user_id=OWNER, session_id=SESSION, token_id=TOKEN, issued_at=NOON, expires_at=NOON + timedelta(minutes=15)
)
RING = make_ring()


def codec(ring: KeyRing = RING, clock: FixedClock | None = None, issuer: str = "job-backend-test") -> JwtCodec:
    clock = clock or FixedClock()
    return JwtCodec(issuer=issuer, keys=FixedKeys(ring, clock), clock=clock)


def test_a_token_says_what_it_was_made_to_say() -> None:
    assert codec().verify(codec().issue(CLAIMS)) == CLAIMS


@pytest.mark.asvs("9.2.4", "14.2.4")
def test_a_token_has_exactly_these_members() -> None:
    token = codec().issue(CLAIMS)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "at+jwt", "kid": "first"}
    payload: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    assert payload == {
        "iss": "job-backend-test",
        "aud": "job-backend-test/api",
        "sub": OWNER,
        "sid": SESSION,
        "jti": TOKEN,
        "iat": int(NOON.timestamp()),
        "nbf": int(NOON.timestamp()),
        "exp": int(NOON.timestamp()) + 900,
    }
    assert len(token) < 600, "it is sent with every request"


def test_another_library_reads_it_as_any_token() -> None:
    """PyJWT's own checks hold too: nothing in it is of this product's making."""
    token = codec().issue(replace(CLAIMS, issued_at=NOON))
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    assert jwt.decode(
        token,
        RING.keys[0].secret,
        algorithms=["HS256"],
        issuer="job-backend-test",
        audience="job-backend-test/api",
        options=options,
    )


def test_instants_are_cut_to_whole_seconds() -> None:
    odd = replace(CLAIMS, issued_at=NOON + timedelta(milliseconds=999), expires_at=NOON + timedelta(seconds=9.5))
    assert codec().verify(codec().issue(odd)) == replace(CLAIMS, expires_at=NOON + timedelta(seconds=9))


@pytest.mark.asvs("9.1.2", "11.2.2")
@pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_key_signs_and_verifies_by_its_own_algorithm(algorithm: str, size: int) -> None:
    key = SigningKey(kid="own", algorithm=algorithm, secret=bytes(size), signs_from=NOON)
    token = codec(KeyRing((key,))).issue(CLAIMS)
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    assert codec(KeyRing((*RING.keys, key))).verify(token) == CLAIMS


def test_the_clock_is_the_given_one_and_may_be_a_little_off() -> None:
    clock = FixedClock()
    token = codec().issue(CLAIMS)
    clock.advance(minutes=15, seconds=CLOCK_LEEWAY.total_seconds() - 0.001)
    assert codec(clock=clock).verify(token) == CLAIMS
    clock.advance(seconds=0.001)
    with pytest.raises(NotAuthenticated, match=r"^the token has expired; log in again$"):
        codec(clock=clock).verify(token)
    early = FixedClock(NOON - CLOCK_LEEWAY)
    assert codec(clock=early).verify(token) == CLAIMS
    early.advance(seconds=-0.001)
    with pytest.raises(NotAuthenticated, match=r"^the token is not one of this service's; log in again$"):
        codec(clock=early).verify(token)


def test_a_token_that_has_expired_is_called_so_only_if_it_is_ours() -> None:
    late = FixedClock(NOON + timedelta(days=1))
    other = codec(make_ring(secret=bytes(32)))
    for forged in (other.issue(CLAIMS), codec(issuer="another").issue(CLAIMS)):
        with pytest.raises(NotAuthenticated, match="is not one of this service's"):
            codec(clock=late).verify(forged)


def test_why_a_token_was_refused_is_kept_from_the_log_too() -> None:
    """An error of PyJWT or msgspec may quote the token."""
    token = codec().issue(CLAIMS)
    for wrong in (token[:-2] + "AA", "e30.e30.e30", "a" + token):
        with pytest.raises(NotAuthenticated) as refused:
            codec().verify(wrong)
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_token_that_was_seen_is_not_checked_again_but_whether_it_still_holds_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked: list[str] = []
    check = tokens._check_signature  # noqa: SLF001 - to count what a test cannot see otherwise

    def counted(token: str, key: SigningKey) -> None:
        checked.append(token)
        check(token, key)

    monkeypatch.setattr(tokens, "_check_signature", counted)
    clock, keys = FixedClock(), FixedKeys(RING, FixedClock())
    codec = JwtCodec(issuer="job-backend-test", keys=keys, clock=clock)
    token = codec.issue(CLAIMS)
    assert [codec.verify(token) for _ in range(3)] == [CLAIMS] * 3
    assert checked == [token]
    forged = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    for _ in range(2):
        with pytest.raises(NotAuthenticated, match="not one of this service's"):
            codec.verify(forged)
    assert checked == [token, forged, forged], "a refusal is not remembered"
    clock.advance(minutes=20)
    with pytest.raises(NotAuthenticated, match="has expired"):
        codec.verify(token)


def test_a_token_that_was_seen_ends_with_its_key() -> None:
    clock = FixedClock()
    keys = FixedKeys(RING, clock)
    codec = JwtCodec(issuer="job-backend-test", keys=keys, clock=clock)
    token = codec.issue(CLAIMS)
    codec.verify(token)
    of_the_same_name = replace(RING.keys[0], secret=b"another" * 5)
    for ring in (KeyRing((replace(RING.keys[0], kid="other"),)), KeyRing((of_the_same_name,))):
        keys.ring = ring
        with pytest.raises(NotAuthenticated, match="not one of this service's"):
            codec.verify(token)
