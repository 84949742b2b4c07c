"""
Access tokens: JSON Web Signatures by PyJWT, over claims that have one text form only.

PyJWT checks the signature, with the algorithm that the ring has for the key. It is lenient about the rest by design, so
the rest is compared: header and payload must be, to the byte, what this module would have written. That leaves no room
for members that are unknown or come twice, for other forms of a number, for spaces, and for two readings of one token.

So an update that adds a claim is two: one version reads it as what may be absent, and only the next one writes it.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec

from chalicelib.domain.credentials import UUID_PATTERN
from chalicelib.domain.errors import NotAuthenticated
from chalicelib.domain.signing_keys import KID_PATTERN, SigningKey
from chalicelib.domain.tokens import ACCESS_TOKEN_TTL_MAX, CLOCK_LEEWAY, TOKEN_MAX_CHARACTERS, AccessClaims
from chalicelib.domain.users import UserId
from chalicelib.ports import Clock, SigningKeys

if TYPE_CHECKING:
    from jwt import PyJWS

TOKEN_TYPE = "at+jwt"  # noqa: S105 - the media type of RFC 9068, no secret

REMEMBERED_MAX = 1000
"""Tokens of which one container knows what they say; none is longer than `TOKEN_MAX_CHARACTERS`."""

_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")

Uuid = Annotated[str, msgspec.Meta(pattern=rf"\A{UUID_PATTERN}\Z")]
EpochS = Annotated[int, msgspec.Meta(ge=0, le=99_999_999_999)]
"""To the year 5138, so that it and any leeway is an instant that Python knows."""


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In the order that PyJWT writes: by name."""

    alg: str
    kid: Annotated[str, msgspec.Meta(pattern=rf"\A{KID_PATTERN}\Z")]
    typ: str


class _Payload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    iss: str
    aud: str
    sub: Uuid
    sid: Uuid
    jti: Uuid
    iat: EpochS
    nbf: EpochS
    exp: EpochS


_Part = TypeVar("_Part", _Header, _Payload)


class JwtCodec:
    """
    Signs and checks access tokens of one issuer, which are for its own API only.

    PyJWT is imported with the first token, so that a call without one never pays for it.
    """

    def __init__(self, *, issuer: str, keys: SigningKeys, clock: Clock) -> None:
        self._issuer = issuer
        self._audience = f"{issuer}/api"
        self._keys = keys
        self._clock = clock
        # Checking a signature is most of the work on a token, and a token comes many times. Which keys verify, and when
        # the token ends, is looked at every time.
        self._signed_by = lru_cache(REMEMBERED_MAX)(_signed_payload)

    def issue(self, claims: AccessClaims) -> str:
        """Return a token that says this, signed by the key that signs now."""
        issued_at_s = int(claims.issued_at.timestamp())
        payload = _Payload(
            iss=self._issuer,
            aud=self._audience,
            sub=claims.user_id,
            sid=claims.session_id,
            jti=claims.token_id,
            iat=issued_at_s,
            nbf=issued_at_s,
            exp=int(claims.expires_at.timestamp()),
        )
        key = self._keys.signing()
        headers = {"typ": TOKEN_TYPE, "kid": key.kid}
        return _jws().encode(msgspec.json.encode(payload), key.secret, algorithm=key.algorithm, headers=headers)

    def verify(self, token: str) -> AccessClaims:
        """
        Return what a token says.

        Raises:
            NotAuthenticated: With what the caller can do about it; never with what was in the token.
            Unavailable: It names a key that is not known, and the ring cannot be read.
        """
        parts = _TOKEN.fullmatch(token) if len(token) <= TOKEN_MAX_CHARACTERS else None
        if parts is None:
            raise _refused()
        header = _read(parts[1], _Header)
        key = self._keys.verifying(header.kid)
        if key is None or header != _Header(alg=key.algorithm, kid=key.kid, typ=TOKEN_TYPE):
            raise _refused()
        payload = self._signed_by(key, token)
        if (payload.iss, payload.aud) != (self._issuer, self._audience):
            raise _refused()
        return self._in_time(payload)

    def _in_time(self, payload: _Payload) -> AccessClaims:
        now = self._clock.now()
        issued_at, not_before, expires_at = (
            datetime.fromtimestamp(at_s, UTC) for at_s in (payload.iat, payload.nbf, payload.exp)
        )
        is_possible = issued_at <= not_before < expires_at <= issued_at + ACCESS_TOKEN_TTL_MAX
        if not is_possible or not_before > now + CLOCK_LEEWAY:
            raise _refused()
        if expires_at <= now - CLOCK_LEEWAY:
            detail = "the token has expired; log in again"
            raise NotAuthenticated(detail)
        return AccessClaims(
            user_id=UserId(payload.sub),
            session_id=payload.sid,
            token_id=payload.jti,
            issued_at=issued_at,
            expires_at=expires_at,
        )


def _read(segment: str, form: type[_Part]) -> _Part:
    """
    Return what a segment holds.

    Raises:
        NotAuthenticated: It is not the one text that would be written for that.
    """
    try:
        part = msgspec.json.decode(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)), type=form)
    except (NotBase64, msgspec.DecodeError, UnicodeDecodeError):
        raise _refused() from None
    if urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=").decode() != segment:
        raise _refused()
    return part


def _signed_payload(key: SigningKey, token: str) -> _Payload:
    """
    Return the payload of a token that this key has signed.

    Raises:
        NotAuthenticated: It has not, or the payload is not of our form.
    """
    _check_signature(token, key)
    return _read(token.split(".")[1], _Payload)


def _check_signature(token: str, key: SigningKey) -> None:
    from jwt import PyJWTError  # noqa: PLC0415 - see the class

    try:
        _jws().decode(token, key.secret, algorithms=[key.algorithm])
    except PyJWTError:
        # Its message may tell what was in the token.
        raise _refused() from None


@cache
def _jws() -> "PyJWS":
    from jwt import PyJWS  # noqa: PLC0415 - see the class

    return PyJWS(options={"enforce_minimum_key_length": True})


def _refused() -> NotAuthenticated:
    return NotAuthenticated("the token is not one of this service's; log in again")
