"""
The headers that every answer has, whoever gives it: a handler, the edge, API Gateway, the local front.

Declared here and nowhere else; the gateway responses in ``.chalice/resources.json`` are tested against it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chalice.app import Response

NOTHING: Final = ("default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'")
"""What every policy of ours begins with or includes; ``base-uri`` and ``frame-ancestors`` have no default to go by."""

SECURITY_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "; ".join((*NOTHING, "form-action 'none'", "sandbox")),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
    }
)
"""
For an answer that is data: a browser that is led to one shows it as it is, runs nothing, and keeps nothing.

Browsers heed ``Strict-Transport-Security`` over HTTPS only, so it does no harm at a local address. Of a page on another
origin, ``Cross-Origin-Resource-Policy`` stops what asks without CORS, such as an ``<img>``; it does not weigh on CORS.
"""


def page_policy(*additions: str) -> str:
    """Return the content security policy of a page that loads what ``additions``, its own directives, allow."""
    return "; ".join((*NOTHING, "form-action 'none'", *additions))


def secure(response: Response) -> None:
    """Give an answer those of the headers that it lacks; what it says itself, such as a page's policy, stays."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
