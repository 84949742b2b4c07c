from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from chalicelib.adapters.tokens import LEEWAY_S, TOKEN_MAX_CHARACTERS, JwtCodec
from chalicelib.domain.errors import NotAuthenticated
from tests.factories import OWNER

KEY = bytes(range(64))
NOW = datetime.now(UTC)  # noqa: TID251 - PyJWT asks no other clock
CODEC = JwtCodec(issuer="job-backend-test", key=lambda: KEY)


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of a good token, some of them changed; ``None`` leaves one out."""
    good = {
        "iss": "job-backend-test",
        "aud": "job-backend-test",
        "sub": OWNER,
        "jti": "one",
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + timedelta(hours=1)).timestamp()),
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def signed(payload: dict[str, Any], *, key: bytes = KEY, algorithm: str = "HS256", typ: str | None = "at+jwt") -> str:
    return jwt.encode(payload, key, algorithm=algorithm, headers={"typ": typ})


def test_a_token_tells_whose_it_is() -> None:
    token = CODEC.issue(OWNER, token_id="one", at=NOW, expires_at=NOW + timedelta(hours=1))
    assert CODEC.verify(token) == OWNER
    assert CODEC.verify(signed(claims())) == OWNER
    assert jwt.decode(token, options={"verify_signature": False}) == claims()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        "a.b.c",
        "é.é.é",
        signed(claims(), key=bytes(64)),
        signed(claims(), algorithm="HS512"),
        jwt.encode(claims(), "", algorithm="none", headers={"typ": "at+jwt"}),
        signed(claims(), typ="JWT"),
        signed(claims(), typ=None),
        signed(claims(iss="another")),
        signed(claims(aud="another")),
        signed(claims(iat=int(NOW.timestamp()) + 3600)),
        signed(claims(nbf=int(NOW.timestamp()) + 3600)),
        signed(claims(sub=7)),
        *(signed(claims(**{missing: None})) for missing in ("iss", "aud", "sub", "jti", "iat", "exp")),
        signed(claims(padding="x" * TOKEN_MAX_CHARACTERS)),
    ],
)
def test_what_is_not_exactly_ours_is_refused_with_one_sentence(token: str) -> None:
    with pytest.raises(NotAuthenticated, match="the token is not one of this service's; log in again"):
        CODEC.verify(token)


def test_clocks_may_differ_a_little() -> None:
    now = datetime.now(UTC)  # noqa: TID251 - PyJWT asks no other clock
    ahead, behind = now + timedelta(seconds=LEEWAY_S - 10), now - timedelta(seconds=LEEWAY_S - 10)
    assert CODEC.verify(signed(claims(iat=int(ahead.timestamp())))) == OWNER
    assert CODEC.verify(signed(claims(exp=int(behind.timestamp())))) == OWNER


def test_a_changed_payload_or_signature_is_noticed() -> None:
    token = signed(claims())
    header, payload, signature = token.split(".")
    for altered in (
        f"{header}.{payload[:-1]}{'A' if payload[-1] != 'A' else 'B'}.{signature}",
        f"{header}.{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        f"{header}.{payload}.",
    ):
        with pytest.raises(NotAuthenticated):
            CODEC.verify(altered)


def test_an_expired_token_says_so() -> None:
    past = int((NOW - timedelta(seconds=LEEWAY_S + 1)).timestamp())
    with pytest.raises(NotAuthenticated, match="the token has expired; log in again"):
        CODEC.verify(signed(claims(exp=past)))
