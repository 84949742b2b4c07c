"""A person at the API's page, from ``/`` to the result of a job: Chromium over the deployed stack."""

import os
import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deployment.emulated import clients
from deployment.rollout import API_STAGE
from tests.browser.chromium import BrowserMissing
from tests.browser.visit import glance, visit
from tests.e2e.conftest import Runner


@pytest.fixture(scope="module")
def runner(runner_of_its_own: Runner) -> Runner:
    """The page registers whom its example names, and so does the README's walk-through."""
    return runner_of_its_own


def rows(picture: Path) -> set[bytes]:
    """The distinct rows of a PNG, as they are filtered."""
    content = picture.read_bytes()
    (width,) = struct.unpack(">I", content[16:20])
    data, place = b"", 8
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        if content[place + 4 : place + 8] == b"IDAT":
            data += content[place + 8 : place + 8 + length]
        place += length + 12
    pixels = zlib.decompress(data)
    row = 1 + width * {2: 3, 6: 4}[content[25]]
    return {pixels[at : at + row] for at in range(0, len(pixels), row)}


@contextmanager
def browser_or_skip() -> Iterator[None]:
    """Without Chromium a test is skipped, except in CI."""
    try:
        yield
    except BrowserMissing as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))


@pytest.mark.asvs("14.3.1", "14.3.3")
def test_a_person_logs_in_and_runs_the_main_job_on_the_page(api: str, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    with browser_or_skip():
        seen = visit(api, picture)
    assert urlsplit(seen.address).path == "/docs"
    assert seen.job == {"data": [1, 2, 3], "operation": "square_sum"}
    assert seen.result == 14
    assert seen.complaints == [], "what broke the content security policy would be among them"
    assert len(rows(picture)) > 100, "the picture is blank"
    assert seen.kept == [{}, {}, ""], "the token is gone with the page"


def test_below_a_stage_the_page_finds_its_files_and_the_service(aws_endpoint: str) -> None:
    (deployed,) = clients(aws_endpoint).client("apigateway").get_rest_apis()["items"]
    with browser_or_skip():
        seen = glance(f"http://{deployed['id']}.execute-api.localhost:{urlsplit(aws_endpoint).port}/{API_STAGE}")
    assert urlsplit(seen.address).path == f"/{API_STAGE}/docs"
    assert (seen.result, seen.complaints) == ({"status": "ok"}, [])


def test_without_a_browser_it_is_said_what_to_install(
    api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(BrowserMissing, match="apt-get install chromium"):
        visit(api, tmp_path / "page.png")
