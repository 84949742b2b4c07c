"""
The web page for people: ``GET /dashboard`` and its files, which are those of ``chalicelib/dashboard``.

The page is plain HTML, CSS and JavaScript modules, which nothing has to build. Its modules are answered as one script,
since each request of its own may start another container: see `joined`.
"""

import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chalice.app import Response

from chalicelib.api.call import Call
from chalicelib.api.docs import DIGEST_CHARACTERS, REVALIDATED, Headers, caching
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.security_headers import page_policy
from chalicelib.domain.errors import NotFound

FILES: Final = Path(__file__).parents[1] / "dashboard"
FIRST_MODULE: Final = "main.js"

SCRIPT: Final = "app.js"
STYLE: Final = "style.css"
MEDIA_TYPES: Final = {SCRIPT: "text/javascript; charset=utf-8", STYLE: "text/css; charset=utf-8"}
"""Every file of the page, and no other is ever looked for: a name that a caller sends becomes no path."""

CONTENT_SECURITY_POLICY: Final = page_policy(
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
"""
Nothing inline, nothing from elsewhere, and no text ever becomes markup: the browser itself refuses it (Trusted Types).

``data:`` for the page's own icon.
"""

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
_COMMENT = re.compile(r"^ *(?:/\*\*.*?\*/|//[^\n]*)\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export (?=(?:async )?function|const|let|class)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile:
    """A file of the page; ``version`` is a digest of its text."""

    text: str
    version: str


def show_dashboard(call: Call) -> Response:
    """Return the page. Its links are relative to its own address, so that it works below any base path."""
    text = (FILES / "index.html").read_text()
    for name in MEDIA_TYPES:
        text = text.replace(f'{name}"', f'{name}?{page_file(name).version}"')
    if str(call.request.context["path"]).endswith("/"):
        text = text.replace('="dashboard/', '="').replace('href="docs"', 'href="../docs"')
    headers: Headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        **REVALIDATED,
    }
    return Response(body=text, status_code=200, headers=headers)


def give_page_file(call: Call) -> Response:
    """Return one file of the page, to be kept for good by who asks for it by its version, as the page does."""
    name = call.parameter("file")
    if name not in MEDIA_TYPES:
        detail = f"the page has no such file; it has {', '.join(MEDIA_TYPES)}"
        raise NotFound(detail)
    given = page_file(name)
    headers: Headers = {"Content-Type": MEDIA_TYPES[name], **caching(call, given.version)}
    return Response(body=given.text, status_code=200, headers=headers)


@functools.cache
def page_file(name: str) -> PageFile:
    """Return a file of the page by its name in `MEDIA_TYPES`."""
    text = joined(FILES, FIRST_MODULE) if name == SCRIPT else (FILES / name).read_text()
    return PageFile(text=text, version=hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARACTERS])


def joined(folder: Path, first: str) -> str:
    """
    Return a JavaScript module and all that it imports as one module.

    Each is there once, behind those that it imports, without its ``import`` lines, the word ``export``, and comments
    that have lines of their own, which are a tenth of it. So they share one scope: no two may have the same name at
    their top level, and imports are by name, from the same folder.
    """
    parts: dict[str, str] = {}

    def add(name: str) -> None:
        if name in parts:
            return
        parts[name] = ""  # before its imports, so that two which import each other end
        text = (folder / name).read_text()
        for imported in _IMPORT.findall(text):
            add(imported)
        del parts[name]
        parts[name] = _EXPORT.sub("", _COMMENT.sub("", _IMPORT.sub("", text)))

    add(first)
    return "\n".join(parts.values())


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/dashboard",
        summary="The page for people",
        handler=show_dashboard,
        answers={200: None},
        is_public=False,
    ),
    Endpoint(
        method="GET",
        path="/dashboard/{file}",
        summary="A file of that page",
        handler=give_page_file,
        answers={200: None},
        refusals=(NotFound,),
        is_public=False,
    ),
)
