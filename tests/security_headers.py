"""The headers that every answer must have, written out once more: the product's own declaration is what they hold."""

from collections.abc import Mapping

OF_DATA = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'; sandbox"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}

POLICY_OF_THE_GATEWAY = "default-src; object-src; base-uri; frame-ancestors; form-action; sandbox"
"""The same without quotes, which API Gateway's own syntax has no room for; nothing is allowed by an empty list."""


def check_security(
    headers: Mapping[str, str],
    *,
    cache: str = "no-store",
    policy: str = OF_DATA["Content-Security-Policy"],
    sets_cookie: bool = False,
) -> None:
    """
    All of them, once and with these values; a text says its character encoding; no other origin reads anything.

    A cookie is set by nothing but what `sets_cookie` says of.
    """
    lower = [name.lower() for name in headers]
    assert len(set(lower)) == len(lower)
    given = {name.lower(): value for name, value in headers.items()}
    expected = OF_DATA | {"Cache-Control": cache, "Content-Security-Policy": policy}
    assert {name: given.get(name.lower()) for name in expected} == expected
    assert all(isinstance(value, str) for value in headers.values())
    content_type = given.get("content-type", "")
    assert not content_type.startswith("text/") or content_type.endswith("; charset=utf-8")
    assert not [name for name in given if name.startswith("access-control-")]
    assert "origin" not in given.get("vary", "").lower()
    assert ("set-cookie" in given) == sets_cookie
