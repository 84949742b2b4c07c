"""Access tokens by PyJWT: HS256, one key, one issuer that is also the audience."""

from collections.abc import Callable
from datetime import datetime

import jwt

from chalicelib.domain.errors import NotAuthenticated
from chalicelib.domain.users import UserId

ALGORITHM = "HS256"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - the media type of RFC 9068, no secret
TOKEN_MAX_CHARACTERS = 4096
LEEWAY_S = 30
"""By how much the clock of the container that made a token may differ from this one's."""

CLAIMS = ("iss", "aud", "sub", "jti", "iat", "exp")


class JwtCodec:
    """
    Signs and checks access tokens.

    ``key`` is called when a token is first made or checked, and returns at least 32 bytes (RFC 7518 section 3.2).
    """

    def __init__(self, *, issuer: str, key: Callable[[], bytes]) -> None:
        self._issuer = issuer
        self._key = key

    def issue(self, user_id: UserId, *, token_id: str, at: datetime, expires_at: datetime) -> str:
        """Return a signed token for this user."""
        claims = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": user_id,
            "jti": token_id,
            "iat": int(at.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        return jwt.encode(claims, self._key(), algorithm=ALGORITHM, headers={"typ": TOKEN_TYPE})

    def verify(self, token: str) -> UserId:
        """
        Return whose token this is, by the machine's clock.

        Raises:
            NotAuthenticated: With what the caller can do about it; never with what was in the token.
        """
        if len(token) > TOKEN_MAX_CHARACTERS:
            raise _refused()
        try:
            decoded = jwt.decode_complete(
                token,
                self._key(),
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._issuer,
                leeway=LEEWAY_S,
                options={"require": list(CLAIMS)},
            )
        except jwt.ExpiredSignatureError as expired:
            detail = "the token has expired; log in again"
            raise NotAuthenticated(detail) from expired
        except jwt.PyJWTError as wrong:
            raise _refused() from wrong
        if decoded["header"].get("typ") != TOKEN_TYPE:
            raise _refused()
        return UserId(str(decoded["payload"]["sub"]))


def _refused() -> NotAuthenticated:
    return NotAuthenticated("the token is not one of this service's; log in again")
