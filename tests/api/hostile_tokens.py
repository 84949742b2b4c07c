"""
Access tokens that must be refused, by name, and good ones beside them.

Each bad one is a good one with one thing wrong, and whatever a forger could sign is signed with a key of the ring, so
that it is refused for that one thing.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from chalicelib.adapters.cursors import PURPOSE, HmacCursorSeal
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.signing_keys import KeyRing, SigningKey
from tests.factories import KEY, OWNER
from tests.fakes import NOON, FixedClock, FixedKeys

ISSUER = "job-backend-test"
NOW_S = int(NOON.timestamp())
FIRST = SigningKey(kid="first", algorithm="HS256", secret=bytes(range(32)), signs_from=NOON - timedelta(days=1))
MIDDLE = SigningKey(kid="middle", algorithm="HS384", secret=bytes(range(48)), signs_from=NOON - timedelta(days=2))
LONG = SigningKey(kid="long", algorithm="HS512", secret=bytes(range(64)), signs_from=NOON - timedelta(days=2))
NEXT = SigningKey(kid="next", algorithm="HS256", secret=bytes(range(1, 33)), signs_from=NOON + timedelta(minutes=6))
RETIRING = SigningKey(
    kid="retiring",
    algorithm="HS256",
    secret=bytes(range(2, 34)),
    signs_from=NOON - timedelta(days=3),
    verifies_until=NOON + timedelta(seconds=1),
)
PAST = SigningKey(
    kid="past",
    algorithm="HS256",
    secret=bytes(range(3, 35)),
    signs_from=NOON - timedelta(days=3),
    verifies_until=NOON,
)
RING = KeyRing((FIRST, MIDDLE, LONG, NEXT, RETIRING, PAST))

SESSION_ID = "6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a12"
HEADER = {"alg": "HS256", "kid": "first", "typ": "at+jwt"}
PAYLOAD = {
    "iss": ISSUER,
    "aud": f"{ISSUER}/api",
    "sub": OWNER,
    "sid": SESSION_ID,
    "jti": "6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a13",
    "iat": NOW_S,
    "nbf": NOW_S,
    "exp": NOW_S + 900,
}
GONE = object()
"""As the value of a member: it is left out."""

PEM = b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n"


def base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def text(members: Mapping[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()


def changed(good: Mapping[str, Any], changes: Mapping[str, Any]) -> bytes:
    return text({name: value for name, value in {**good, **changes}.items() if value is not GONE})


def signed(header: bytes, payload: bytes, secret: bytes = FIRST.secret, digest: str = "sha256") -> str:
    """A token of these very bytes."""
    content = f"{base64(header)}.{base64(payload)}"
    return f"{content}.{base64(hmac.digest(secret, content.encode(), digest))}"


def headed(**changes: Any) -> str:
    """A token with another header, signed by the first key."""
    return signed(changed(HEADER, changes), text(PAYLOAD))


def claiming(**changes: Any) -> str:
    """A token with other claims, signed by the first key."""
    return signed(text(HEADER), changed(PAYLOAD, changes))


def by(key: SigningKey, digest: str = "sha256") -> str:
    """A good token of this key."""
    return signed(changed(HEADER, {"alg": key.algorithm, "kid": key.kid}), text(PAYLOAD), key.secret, digest)


VALID = claiming()
HEAD, BODY, SIGNATURE = VALID.split(".")
SPOILT = f"{HEAD}.{BODY}.{'B' if SIGNATURE[0] == 'A' else 'A'}{SIGNATURE[1:]}"

GOOD = {
    "as it should be": VALID,
    "expired, within the leeway": claiming(iat=NOW_S - 900, nbf=NOW_S - 900, exp=NOW_S - 29),
    "made by a clock that is ahead, within the leeway": claiming(iat=NOW_S + 30, nbf=NOW_S + 30),
    "of the longest life": claiming(exp=NOW_S + 3600),
    "of a key of HS384": by(MIDDLE, "sha384"),
    "of a key of HS512": by(LONG, "sha512"),
    "of a key that is yet to sign": by(NEXT),
    "of a key that retires": by(RETIRING),
}
EXPIRED = {
    "expired a second beyond the leeway": claiming(iat=NOW_S - 900, nbf=NOW_S - 900, exp=NOW_S - 30),
    "expired long ago": claiming(iat=1, nbf=1, exp=2),
}


def _of_no_token() -> Iterator[tuple[str, str]]:
    yield "nonsense", "nonsense"
    yield "only dots", ".."
    yield "one segment", HEAD
    yield "two segments", f"{HEAD}.{BODY}"
    yield "four segments", f"{VALID}.{SIGNATURE}"
    yield "JWE", ".".join([base64(b'{"alg":"dir","enc":"A128GCM"}'), "", base64(bytes(12)), base64(bytes(64)), "AAAA"])
    yield "JWE header in a JWS", signed(text({"alg": "dir", "enc": "A128GCM"}), text(PAYLOAD))
    yield "no header", f".{BODY}.{SIGNATURE}"
    yield "no payload", f"{HEAD}..{SIGNATURE}"
    yield "no signature", f"{HEAD}.{BODY}."
    yield "JSON serialisation", json.dumps({"protected": HEAD, "payload": BODY, "signature": SIGNATURE})
    yield (
        "a cursor",
        HmacCursorSeal(FixedKeys(RING, FixedClock())).sealed(KEY.job_id, owner_id=OWNER, wanted=JobFilter()),
    )
    yield "a secret of 256 bits", base64(hashlib.sha256(b"refresh").digest())
    yield "a user's id", OWNER
    yield "twice", f"{VALID},{VALID}"


def _of_size() -> Iterator[tuple[str, str]]:
    yield "too long, well signed", claiming(pad="x" * 4096)
    yield "a megabyte, well signed", claiming(pad="x" * 1_000_000)
    yield "a megabyte of one segment", "a" * 1_000_000
    yield "a megabyte of dots", "." * 1_000_000
    yield "a megabyte of header", f"{base64(b'[' * 1_000_000)}.{BODY}.{SIGNATURE}"


def _of_base64() -> Iterator[tuple[str, str]]:
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    parts = {"header": HEAD, "payload": BODY, "signature": SIGNATURE}
    for name, part in parts.items():
        for what, other in {
            "padded as base64 has it": part + ("=" * (-len(part) % 4) or "===="),
            "padded too much": part + "=====",
            "with a space": part[:5] + " " + part[5:],
            "with a line's end": part + "\n",
            "with a tab": part[:5] + "\t" + part[5:],
            "with a null": part + "\0",
            "with a plus": part[:5] + "+" + part[6:],
            "with a slash": part[:5] + "/" + part[6:],
            "with a letter that is none": part[:5] + "é" + part[6:],
            "a character short": part[:-1],
            "a character long": part + "A",
            "two characters long": part + "AA",
        }.items():
            yield f"{name} {what}", VALID.replace(part, other, 1)
    # The last character of a segment whose length is no multiple of four has bits that are not used.
    for name, token in {"header": by(NEXT), "payload": claiming(exp=NOW_S + 3600), "signature": VALID}.items():
        pieces = token.split(".")
        place = ["header", "payload", "signature"].index(name)
        piece = pieces[place]
        if len(piece) % 4:
            pieces[place] = piece[:-1] + digits[digits.index(piece[-1]) ^ 1]
            if name != "signature":
                content = ".".join(pieces[:2])
                key = NEXT if name == "header" else FIRST
                pieces[2] = base64(hmac.digest(key.secret, content.encode(), "sha256"))
            yield f"{name} with bits that say nothing", ".".join(pieces)


def _of_signature() -> Iterator[tuple[str, str]]:
    yield "another signature", SPOILT
    yield "half a signature", f"{HEAD}.{BODY}.{SIGNATURE[: len(SIGNATURE) // 2]}"
    yield "the signature of another payload", f"{HEAD}.{claiming(sub=PAYLOAD['sid']).split('.')[1]}.{SIGNATURE}"
    yield "the signature of another header", f"{by(NEXT).split('.')[0]}.{BODY}.{SIGNATURE}"
    for name, secret in {
        "nothing": b"",
        "the kid": b"first",
        "the issuer": ISSUER.encode(),
        "the key as hexadecimal text": FIRST.secret.hex().encode(),
        "the key as base64": base64(FIRST.secret).encode(),
        "the key of cursors": hmac.digest(FIRST.secret, PURPOSE, "sha256"),
        "another key of the ring": NEXT.secret,
        "the key of another stage with the same kid": hashlib.sha256(b"another stage").digest(),
        "a public key": PEM,
        "half the key": FIRST.secret[:16],
    }.items():
        yield f"signed with {name}", signed(text(HEADER), text(PAYLOAD), secret)
    yield "of a key that was rotated out", by(PAST)


def _of_algorithm() -> Iterator[tuple[str, str]]:
    for none in ("none", "None", "NONE", "nOnE"):
        yield f"{none} without a signature", f"{base64(changed(HEADER, {'alg': none}))}.{BODY}."
        yield f"{none} with a signature", headed(alg=none)
    for name in ("RS256", "ES256", "EdDSA", "PS256", "hs256", "HS256 ", "HS1", "", "dir"):
        yield f"algorithm {name!r}", headed(alg=name)
    for what, value in {"absent": GONE, "null": None, "a list": ["HS256"], "a number": 256, "an object": {}}.items():
        yield f"algorithm {what}", headed(alg=value)
    yield "HS512 with a key of HS256", signed(changed(HEADER, {"alg": "HS512"}), text(PAYLOAD), digest="sha512")
    yield "HS384 with a key of HS256", signed(changed(HEADER, {"alg": "HS384"}), text(PAYLOAD), digest="sha384")
    yield "HS256 with a key of HS512", signed(changed(HEADER, {"kid": "long"}), text(PAYLOAD), LONG.secret)
    yield "HS256 said and HS512 done", signed(text(HEADER), text(PAYLOAD), digest="sha512")


def _of_kid() -> Iterator[tuple[str, str]]:
    kids = {
        "absent": GONE,
        "null": None,
        "a number": 1,
        "true": True,
        "a list": ["first"],
        "an object": {"kid": "first"},
        "empty": "",
        "unknown": "unknown",
        "in capitals": "FIRST",
        "too long": "a" * 33,
        "very long": "a" * 2000,
        "a path": "../../../../dev/null",
        "an absolute path": "/dev/null",
        "an address": "https://attacker.example/key",
        "a parameter's name": "/job-backend-test/signing-keys",
        "SQL": "x' UNION SELECT 'AAAA'; --",
        "a shell's command": "$(id)",
        "with a space": "first ",
        "with a line's end": "first\n",
        "with a null": "first\0",
        "of look-alikes": "f\u0456rst",
        "half a character": "\ud800",
    }
    for what, kid in kids.items():
        yield f"kid {what}", headed(kid=kid)


def _of_header() -> Iterator[tuple[str, str]]:
    own = {"kty": "oct", "k": base64(FIRST.secret), "alg": "HS256"}
    more = {
        "jwk": own,
        "jku": "https://attacker.example/jwks.json",
        "x5u": "https://attacker.example/cert.pem",
        "x5c": ["MIIB"],
        "x5t": "AAAA",
        "crit": ["exp"],
        "crit ": [],
        "b64": True,
        "zip": "DEF",
        "cty": "JWT",
        "enc": "A128GCM",
        "iss": ISSUER,
        "nonce": "",
    }
    for name, value in more.items():
        yield f"header member {name!r}", headed(**{name: value})
    yield "a payload that is not encoded", headed(b64=False, crit=["b64"])
    yield "a detached payload", f"{base64(changed(HEADER, {'b64': False, 'crit': ['b64']}))}..{SIGNATURE}"
    types = {"absent": GONE, "null": None, "JWT": "JWT", "at+JWT": "at+JWT", "a number": 1, "empty": ""}
    more_types = {
        "long": "application/at+jwt",
        "of an identity": "id+jwt",
        "of a refresh": "rt+jwt",
        "a list": ["at+jwt"],
    }
    for what, typ in (types | more_types).items():
        yield f"type {what}", headed(typ=typ)
    good = text(HEADER)
    for what, header in {
        "algorithm twice": b'{"alg":"none",' + good[1:],
        "algorithm twice, the other way": good[:-1] + b',"alg":"HS256"}',
        "kid twice": b'{"kid":"next",' + good[1:],
        "type twice": good[:-1] + b',"typ":"at+jwt"}',
        "in another order": text(dict(reversed(HEADER.items()))),
        "spaces": json.dumps(HEADER).encode(),
        "a line's end": good + b"\n",
        "an escape": good.replace(b"first", b"f\\u0069rst"),
        "an escaped name": good.replace(b"kid", b"k\\u0069d"),
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "UTF-16": good.decode().encode("utf-16"),
        "bytes that are no text": good.replace(b"first", b"f\xffrst"),
        "something behind it": good + b"{}",
        "no end": good[:-1],
        "no JSON": b"nonsense",
        "nothing in it": b"{}",
        "a list": b"[" + good + b"]",
        "a string": json.dumps(good.decode()).encode(),
        "null": b"null",
        "a number": b"1",
        "single quotes": good.replace(b'"', b"'"),
        "a comment": good + b"//",
        "depth": b"[" * 2000 + b"]" * 2000,
        "depth in the kid": good.replace(b'"first"', b"[" * 1000 + b"]" * 1000),
        "depth in another member": good[:-1] + b',"x":' + b'{"x":' * 300 + b"1" + b"}" * 301,
    }.items():
        yield f"header: {what}", signed(header, text(PAYLOAD))


def _of_claims() -> Iterator[tuple[str, str]]:
    for name, good in PAYLOAD.items():
        for what, value in {
            "absent": GONE,
            "null": None,
            "true": True,
            "a list": [good],
            "an object": {"value": good},
            "of the other kind": str(good) if isinstance(good, int) else 7,
            "empty": "",
        }.items():
            yield f"{name} {what}", claiming(**{name: value})
    texts = {
        "iss": ["another", ISSUER + " ", ISSUER[:-1], ISSUER.upper(), f"{ISSUER}/api", f"{ISSUER}\0"],
        "aud": [ISSUER, "another/api", f"{ISSUER}/api/", f"{ISSUER}/API", "*"],
    }
    not_uuids = ["ada", OWNER.upper(), OWNER + "\n", " " + OWNER, OWNER.replace("-", ""), f"{{{OWNER}}}", OWNER[:-1]]
    not_uuids += [f"urn:uuid:{OWNER}", "../" + OWNER, OWNER.replace("6", "\u0666", 1), OWNER + "\0", "*"]
    texts |= dict.fromkeys(("sub", "sid", "jti"), not_uuids)
    for name, values in texts.items():
        for other in values:
            yield f"{name} {other!r}", claiming(**{name: other})
    yield "aud a list with ours", claiming(aud=["another", f"{ISSUER}/api"])


def _of_times() -> Iterator[tuple[str, str]]:
    numbers = {
        "a fraction": b"%d.5" % NOW_S,
        "a whole fraction": b"%d.0" % NOW_S,
        "with an exponent": b"1.7e9",
        "infinite": b"Infinity",
        "no number": b"NaN",
        "larger than any float": b"1e999",
        "huge": b"9" * 30,
        "of four hundred digits": b"9" * 400,
        "beyond the calendar": b"253402300800",
        "negative": b"-1",
        "before any calendar": b"-" + b"9" * 17,
        "minus zero": b"-0",
        "with a zero before": b"0%d" % NOW_S,
        "with a plus": b"+%d" % NOW_S,
        "in hexadecimal": b"0x6922f0c0",
        "in milliseconds": b"%d000" % NOW_S,
    }
    for name in ("iat", "nbf", "exp"):
        was = text({name: PAYLOAD[name]})[1:-1]
        for what, number in numbers.items():
            yield (
                f"{name} {what}",
                signed(text(HEADER), text(PAYLOAD).replace(was, b'"%s":%s' % (name.encode(), number))),
            )
    yield "made in the future", claiming(iat=NOW_S + 31, nbf=NOW_S + 31)
    yield "good from the future on", claiming(nbf=NOW_S + 31)
    yield "good before it was made", claiming(nbf=NOW_S - 1)
    yield "holds a second too long", claiming(exp=NOW_S + 3601)
    yield "holds for a century", claiming(exp=NOW_S + 100 * 365 * 86_400)
    yield "made at the epoch", claiming(iat=0, nbf=0)
    yield "expires when it begins", claiming(exp=NOW_S)
    yield "expires before it begins", claiming(iat=NOW_S + 20, nbf=NOW_S + 20, exp=NOW_S + 10)


def _of_payload() -> Iterator[tuple[str, str]]:
    for name, value in {"scope": "jobs:write", "admin": True, "role": "admin", "exp ": 1, "Sub": OWNER, "": 1}.items():
        yield f"another claim {name!r}", claiming(**{name: value})
    good = text(PAYLOAD)
    twice = good.decode().replace('"sub":', f'"sub":"{PAYLOAD["sid"]}","sub":').encode()
    for what, payload in {
        "sub twice": twice,
        "sub twice, the other way": good[:-1] + b',"sub":"' + OWNER.encode() + b'"}',
        "exp twice": b'{"exp":1,' + good[1:],
        "in another order": text(dict(reversed(PAYLOAD.items()))),
        "spaces": json.dumps(PAYLOAD).encode(),
        "a line's end": good + b"\n",
        "an escape": good.replace(b"job-backend-test/api", b"job-backend-test\\/api"),
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "UTF-16": good.decode().encode("utf-16"),
        "bytes that are no text": good.replace(b"job-backend-test/", b"job-backend\xfftest/"),
        "half a character": good.replace(b"job-backend-test/", b"\\ud800/"),
        "something behind it": good + b"{}",
        "no end": good[:-1],
        "no JSON": b"nonsense",
        "nothing in it": b"{}",
        "a list": b"[" + good + b"]",
        "a string": json.dumps(good.decode()).encode(),
        "null": b"null",
        "true": b"true",
        "a number": b"1",
        "depth": b"[" * 1400 + b"]" * 1400,
        "depth in a claim": good.replace(f'"{OWNER}"'.encode(), b"[" * 1000 + b"]" * 1000),
        "depth in another claim": good[:-1] + b',"x":' + b'{"x":' * 300 + b"1" + b"}" * 301,
        "a token in it": VALID.encode(),
    }.items():
        yield f"payload: {what}", signed(text(HEADER), payload)


HOSTILE = {
    name: token
    for names in (
        _of_no_token(),
        _of_size(),
        _of_base64(),
        _of_signature(),
        _of_algorithm(),
        _of_kid(),
        _of_header(),
        _of_claims(),
        _of_times(),
        _of_payload(),
    )
    for name, token in names
}
