"""The pictures in the documentation: there is one of every page, on a desk and on a phone, and each is shown."""

import re

from chalicelib.api.dashboard import FILES
from deployment.packaging import PROJECT
from tests.browser.history import History
from tests.browser.pictures import FOLDER, FOR_ANYONE, WINDOWS, places

ROUTE = re.compile(r'^ +\["(/[^"]+)", "[^"]+", \w+\],$', re.MULTILINE)
ANY_HISTORY = History(job_id="j", failed_job_id="f", user_id="u", schedule_id="s", webhook_id="w", delivery_id="d")


def routes() -> set[str]:
    """The patterns of all pages."""
    return {
        route
        for name in ("main.js", "user_pages.js", "admin_pages.js")
        for route in ROUTE.findall((FILES / name).read_text())
    }


def pattern_of(place: str) -> str:
    """The pattern that the router finds for an address."""
    path = place.removeprefix("#").partition("?")[0]
    fixed = [route for route in routes() if route == path]
    fits = fixed or [route for route in routes() if re.fullmatch(re.sub(r":\w+", "[^/]+", route), path)]
    return fits[0] if fits else "/not-found"


def test_every_page_has_a_picture() -> None:
    assert len(routes()) > 20
    named = FOR_ANYONE | places(ANY_HISTORY)
    assert sorted(map(pattern_of, named.values())) == sorted(routes())


def test_every_picture_is_shown_and_no_other_is_there() -> None:
    page = (PROJECT / "docs" / "dashboard.md").read_text()
    wanted = {f"{name}{suffix}.png" for name in FOR_ANYONE | places(ANY_HISTORY) for suffix in WINDOWS}
    assert {picture.name for picture in FOLDER.iterdir()} == wanted
    assert set(re.findall(r"\(dashboard/([\w-]+\.png)\)", page)) == wanted
