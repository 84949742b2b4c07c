"""The pages that the ``type`` of a problem leads to, and the page of the docs with the same texts."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from chalicelib.api.problem_types import PROBLEM_TYPES, ProblemType
from tests.api.client import Api
from tests.api.problems_page import FILE, markdown

VOID = {"meta"}


class Page(HTMLParser):
    """What a page has to say, and whether its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] == "h1":
            self.headings.append(data)


@pytest.mark.parametrize("kind", PROBLEM_TYPES.values(), ids=lambda kind: kind.code)
def test_each_kind_has_a_page_that_says_what_it_means_and_what_to_do(kind: ProblemType) -> None:
    answer = Api().get(kind.path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = Page(answer.text)
    assert page.headings == [kind.title]
    for text in (kind.code, kind.meaning, kind.remedy):
        assert text.replace("`", "") in page.text
    assert "`" not in page.text
    assert page.links == ["/api/problems"]


def test_the_page_of_all_leads_to_each() -> None:
    answer = Api().get("/problems")
    assert Page(answer.text).links == [f"/api{kind.path}" for kind in PROBLEM_TYPES.values()]


@pytest.mark.asvs("3.2.2")
@pytest.mark.parametrize("path", ["/problems", "/problems/not-found"])
def test_a_page_loads_and_runs_nothing(path: str) -> None:
    answer = Api().get(path)
    head, style, end = re.split("</?style>", answer.text)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert policy.split("; ") == [
        "default-src 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'none'",
        f"style-src 'sha256-{digest}'",
    ]
    assert "<script" not in answer.text
    assert "style" not in head + end


@pytest.mark.asvs("1.1.2", "1.2.1", "3.2.2")
def test_names_of_fields_and_headers_are_marked_and_the_rest_is_escaped() -> None:
    answer = Api().get("/problems/rate-limited")
    assert "as <code>Retry-After</code> says" in answer.text
    assert "log-in&#x27;s username" in Api().get("/problems/not-authenticated").text


@pytest.mark.asvs("1.3.7")
@pytest.mark.parametrize("name", ["nonsense", "<script>", "NOT_FOUND", "not_found"])
def test_a_name_of_no_kind_is_not_found(name: str) -> None:
    answer = Api().get(f"/problems/{name}")
    assert answer.status == 404
    assert name not in answer.problem["detail"]


def test_the_docs_have_the_same_texts() -> None:
    assert FILE.read_text() == markdown(), "run: python -m tests.api.problems_page"
