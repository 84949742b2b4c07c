"""
The API's description for programs and for people: ``GET /openapi.json``, ``GET /docs`` and its assets, and ``GET /``.

The page is Swagger UI, all of it served from here. Its files are not part of the source: packaging puts them into the
zip (see `deployment.packaging`), and a development environment has them from the package ``flask-swagger-ui``.
"""

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from chalice.app import Response

from chalicelib.api.call import Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.security_headers import page_policy
from chalicelib.domain.errors import NotFound

Headers = dict[str, str | list[str]]

OWN: Final = Path(__file__).parent / "page"
"""The page and what of it is part of the source."""

PACKAGED: Final = Path(__file__).parents[2] / "swagger_ui"
"""Where Swagger UI lies in the deployment zip: at its root, beside ``chalicelib``."""

DIGEST_CHARACTERS: Final = 16

MEDIA_TYPES: Final = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
    "LICENSE": "text/plain; charset=utf-8",
}
"""Every file of the page, and no other is ever looked for: a name that a caller sends becomes no path."""

CONTENT_SECURITY_POLICY: Final = page_policy(
    "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'"
)
"""``data:`` for the icons in Swagger UI's style sheet, and the page's own."""

FOR_GOOD: Final = "public, max-age=31536000, immutable"
REVALIDATED: Final = {"Cache-Control": "no-cache"}
"""Kept, and asked for again by its ETag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file of the page; ``version`` is a digest of its text."""

    text: str
    version: str


def go_to_page(call: Call) -> Response:
    """Send a visitor to the page."""
    return Response(body="", status_code=302, headers={"Location": f"{call.base_path}/docs"})


def describe(call: Call) -> Response:
    """Return the OpenAPI document."""
    from chalicelib.api.openapi import document_text  # noqa: PLC0415 - only who asks for it pays for it

    text = document_text(call.services.operations)  # type: ignore[arg-type] # a catalogue is known by its identity
    return Response(body=text, status_code=200, headers={"Content-Type": "application/json", **REVALIDATED})


def show_page(call: Call) -> Response:
    """Return the page. Its links are relative to its own address, so that it works below any base path."""
    text = (OWN / "page.html").read_text()
    if str(call.request.context["path"]).endswith("/"):
        text = text.replace('="docs/', '="').replace('="openapi.json', '="../openapi.json')
    for name in MEDIA_TYPES:
        text = text.replace(f'{name}"', f'{name}?{asset(name).version}"')
    headers: Headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        **REVALIDATED,
    }
    return Response(body=text, status_code=200, headers=headers)


def give_asset(call: Call) -> Response:
    """Return one file of the page, to be kept for good by who asks for it by its version, as the page does."""
    name = call.parameter("asset")
    if name not in MEDIA_TYPES:
        detail = f"the page has no such file; it has {', '.join(MEDIA_TYPES)}"
        raise NotFound(detail)
    given = asset(name)
    headers: Headers = {"Content-Type": MEDIA_TYPES[name], **caching(call, given.version)}
    return Response(body=given.text, status_code=200, headers=headers)


def caching(call: Call, version: str) -> Headers:
    """
    Return the header by which a file is kept for good if the query is its version, and none otherwise.

    While an update is under way the page of one version may get the file of another, which it must not keep.
    """
    return {"Cache-Control": FOR_GOOD} if [*(call.request.query_params or ())] == [version] else {}


@functools.cache
def asset(name: str) -> Asset:
    """
    Return a file of the page by its name in `MEDIA_TYPES`.

    Raises:
        NotFound: This deployment was packaged without it.
    """
    for folder in _folders():
        if (folder / name).is_file():
            content = (folder / name).read_bytes()
            return Asset(text=content.decode(), version=hashlib.sha256(content).hexdigest()[:DIGEST_CHARACTERS])
    detail = f"this service was deployed without {name}; GET /openapi.json has the description of its API"
    raise NotFound(detail)


def _folders() -> Iterator[Path]:
    yield OWN
    yield PACKAGED
    package = find_spec("flask_swagger_ui")
    if package is not None and package.origin is not None:
        yield Path(package.origin).parent / "dist"


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/",
        summary="Leads to the page",
        handler=go_to_page,
        answers={302: None},
        is_public=False,
    ),
    Endpoint(
        method="GET",
        path="/openapi.json",
        summary="The API's description, as an OpenAPI document",
        handler=describe,
        answers={200: None},
        is_public=False,
    ),
    Endpoint(
        method="GET",
        path="/docs",
        summary="The API's description, as a page to try it on",
        handler=show_page,
        answers={200: None},
        # Not NotFound: a deployment that lacks Swagger UI is not one that a caller should meet.
        is_public=False,
    ),
    Endpoint(
        method="GET",
        path="/docs/{asset}",
        summary="A file of that page",
        handler=give_asset,
        answers={200: None},
        refusals=(NotFound,),
        is_public=False,
    ),
)
