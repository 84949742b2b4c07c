"""Take the documentation's pictures of both pages, the one of the API and the one for people: ``make screenshots``."""

import sys
from pathlib import Path

from deployment.packaging import PROJECT
from localstack.run import prepare_process
from tests.browser.chromium import BrowserMissing, chromium
from tests.browser.pictures import take_pictures
from tests.browser.visit import visit
from tests.e2e.conftest import running

API_PAGE = PROJECT / "docs" / "swagger-ui.png"


def main() -> int:
    prepare_process()
    try:
        with running() as runner:
            visit(runner.api, API_PAGE)
            _say(API_PAGE)
        with chromium() as browser:
            for picture in take_pictures(browser):
                _say(picture)
    except BrowserMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


def _say(picture: Path) -> None:
    print(f"{picture.relative_to(PROJECT)}: {picture.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
