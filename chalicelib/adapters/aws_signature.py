"""
Signatures of AWS, version 4, for the one kind of request that is made here: a POST of a body to the root of a host.

Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. A test compares each header
with botocore's.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Whose calls these are; ``token`` is of temporary ones, as each function of Lambda has."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a signature is good for, besides its day."""

    region: str
    service: str


def signed(
    headers: Mapping[str, str], body: bytes, *, credentials: Credentials, scope: Scope, at: datetime
) -> dict[str, str]:
    """
    Return the headers of a POST to ``/`` with those that AWS knows it by; all are signed.

    ``headers`` have the host, and names in lower case; ``at`` is aware and now: AWS refuses what is minutes off.
    """
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    day = stamp[:8]
    signing = {**headers, "x-amz-date": stamp}
    if credentials.token is not None:
        signing["x-amz-security-token"] = credentials.token
    names = sorted(signing)
    signed_names = ";".join(names)
    lines = "".join(f"{name}:{' '.join(signing[name].split())}\n" for name in names)
    request = f"POST\n/\n\n{lines}\n{signed_names}\n{hashlib.sha256(body).hexdigest()}"
    place = f"{day}/{scope.region}/{scope.service}/aws4_request"
    to_sign = f"{ALGORITHM}\n{stamp}\n{place}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = _key(credentials.secret_key, day, scope.region, scope.service)
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    signing["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{place}, SignedHeaders={signed_names}, Signature={signature}"
    )
    return signing


@lru_cache(maxsize=16)
def _key(secret_key: str, day: str, region: str, service: str) -> bytes:
    """Return the key of a day, of which a container has one for each service."""
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
