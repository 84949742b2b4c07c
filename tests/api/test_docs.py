"""The page that shows the API, its files, and the way to it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.api import docs
from tests.api.client import Api
from tests.aws import PROJECT

IMPORTED = "import sys, app; print(*(name for name in sys.modules if name.startswith('chalicelib.api.openapi')))"


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.mark.asvs("3.7.2")
@pytest.mark.parametrize(("path", "location"), [("/api/", "/api/docs"), ("/api", "/api/docs"), ("/", "/docs")])
def test_the_root_leads_to_the_page_below_the_callers_own_base_path(api: Api, path: str, location: str) -> None:
    context = {"requestContext": {"httpMethod": "GET", "resourcePath": "/", "path": path}}
    answer = api.send("GET", "/", overrides=context)
    assert (answer.status, answer.headers["Location"], answer.text) == (302, location, "")


@pytest.mark.asvs("3.4.3", "3.7.1", "14.2.3")
def test_the_page_lets_nothing_in_from_elsewhere(api: Api) -> None:
    answer = api.get("/docs")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "http:" not in answer.text.replace("http://www.w3.org/2000/svg", "")
    assert "https:" not in answer.text
    assert re.findall(r"<script[^>]*></script>", answer.text), "scripts are files"
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    ("path", "below", "description"),
    [("/api/docs", "docs/", "openapi.json"), ("/api/docs/", "", "../openapi.json"), ("/docs", "docs/", "openapi.json")],
)
def test_the_pages_links_lead_from_its_own_address(api: Api, path: str, below: str, description: str) -> None:
    context = {"requestContext": {"httpMethod": "GET", "resourcePath": "/docs", "path": path}}
    page = api.send("GET", "/docs", overrides=context).text
    assert f'data-description="{description}"' in page
    links = re.findall(r'(?:src|href)="([^":]+)"', page)
    assert len(links) == 3
    for link in links:
        name, _, version = link.removeprefix(below).partition("?")
        assert (docs.asset(name).version, below + name) == (version, link.partition("?")[0])


def test_a_file_of_the_page_is_kept_for_good(api: Api) -> None:
    for name, media_type in docs.MEDIA_TYPES.items():
        version = docs.asset(name).version
        answer = api.get(f"/docs/{name}", query=version)
        assert (answer.status, answer.headers["Content-Type"]) == (200, media_type)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        known = api.send("GET", f"/docs/{name}", headers={"If-None-Match": answer.headers["ETag"]}, query=version)
        assert (known.status, known.text) == (304, "")


@pytest.mark.parametrize("query", ["", "0123456789abcdef", "{version}&more", "v={version}"])
def test_a_file_that_is_not_of_the_version_asked_for_is_not_kept(api: Api, query: str) -> None:
    """A container of the version before may answer what the page of the next one asks for."""
    for name in docs.MEDIA_TYPES:
        version = docs.asset(name).version
        answer = api.get(f"/docs/{name}", query=query.format(version=version))
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
        assert answer.text == docs.asset(name).text


@pytest.mark.asvs("5.3.2", "13.4.3")
@pytest.mark.parametrize("name", ["..", "docs.py", "%2e%2e%2fdocs.py", "..\\docs.py", "page.html", "index.html", "\0"])
def test_no_other_file_is_given(api: Api, name: str) -> None:
    answer = api.get(f"/docs/{name}")
    assert (answer.status, answer.problem["code"]) == (404, "NOT_FOUND")
    assert answer.problem["detail"].startswith("the page has no such file; it has swagger-ui-bundle.js")


def test_a_deployment_without_swagger_ui_says_so(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "find_spec", lambda _name: None)
    monkeypatch.setattr(docs, "PACKAGED", tmp_path)
    docs.asset.cache_clear()
    for path in ("/docs", "/docs/swagger-ui.css"):
        answer = api.get(path)
        assert (answer.status, answer.problem["code"]) == (404, "NOT_FOUND")
        assert "was deployed without swagger-ui" in answer.problem["detail"]
        assert "GET /openapi.json" in answer.problem["detail"]


def test_a_deployment_takes_swagger_ui_from_its_own_zip(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docs, "PACKAGED", tmp_path)
    (tmp_path / "swagger-ui.css").write_text("body {}")
    docs.asset.cache_clear()
    try:
        assert api.get("/docs/swagger-ui.css").text == "body {}"
    finally:
        docs.asset.cache_clear()


def test_what_makes_the_description_is_loaded_when_it_is_asked_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], cwd=PROJECT, env={}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
