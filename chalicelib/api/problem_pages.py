"""``GET /problems`` and ``GET /problems/{name}``: the pages that the ``type`` of a problem leads to."""

import re
from base64 import b64encode
from hashlib import sha256
from html import escape

from chalice.app import Response

from chalicelib.api.call import Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.problem_types import PROBLEM_TYPES, ProblemType
from chalicelib.api.security_headers import page_policy
from chalicelib.domain.errors import NotFound

STYLE = """
:root { color-scheme: light dark }
body { font-family: sans-serif; line-height: 1.5; margin: auto; max-width: 45rem; padding: 1rem }
"""
STYLE_DIGEST = b64encode(sha256(STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": page_policy(f"style-src 'sha256-{STYLE_DIGEST}'"),
    "Cache-Control": "no-cache",
}
"""A page loads nothing, has no style but this one, and is asked for again by its ETag."""

PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{style}</style></head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""
INTRODUCTION = """\
Every error is answered with a problem document (RFC 9457). Its `type` leads to one of these kinds; `code` names the
kind to programs and does not change, `detail` says what it was this time."""


def list_kinds(call: Call) -> Response:
    """Return the page of all kinds of problem."""
    rows = "\n".join(
        f'<li><a href="{escape(call.base_path)}{kind.path}">{escape(kind.title)}</a>: {status_of(kind)},'
        f" <code>{kind.code}</code></li>"
        for kind in PROBLEM_TYPES.values()
    )
    return _page("Problems", f"<p>{_marked(INTRODUCTION)}</p>\n<ul>\n{rows}\n</ul>")


def show_kind(call: Call) -> Response:
    """Return the page of one kind of problem."""
    kinds = {kind.name: kind for kind in PROBLEM_TYPES.values()}
    kind = kinds.get(call.parameter("name"))
    if kind is None:
        detail = "there is no kind of problem of this name; GET /problems lists all of them"
        raise NotFound(detail)
    return _page(
        kind.title,
        f"<p>Status {status_of(kind)}, <code>{kind.code}</code></p>\n"
        f"<h2>What it means</h2>\n<p>{_marked(kind.meaning)}</p>\n"
        f"<h2>What to do</h2>\n<p>{_marked(kind.remedy)}</p>\n"
        f'<p><a href="{escape(call.base_path)}/problems">All problems</a></p>',
    )


def _page(title: str, content: str) -> Response:
    body = PAGE.format(title=escape(title), style=STYLE, content=content)
    return Response(body=body, status_code=200, headers=dict(HEADERS))


def _marked(text: str) -> str:
    """Return a text as HTML, what is in backticks as code."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(text))


def status_of(kind: ProblemType) -> str:
    """Return a kind's status, in words where it has none of its own."""
    return "varies" if kind.status is None else str(kind.status)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/problems",
        summary="What each kind of problem means",
        handler=list_kinds,
        answers={200: None},
        is_public=False,
    ),
    Endpoint(
        method="GET",
        path="/problems/{name}",
        summary="What one kind of problem means",
        handler=show_kind,
        answers={200: None},
        refusals=(NotFound,),
        is_public=False,
    ),
)
