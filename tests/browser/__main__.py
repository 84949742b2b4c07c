"""Take the picture of the API's page for the README: ``make screenshot``."""

import sys
import threading

from deployment.packaging import PROJECT
from localstack.run import FAULTS, local_api, prepare_process
from tests.browser.chromium import BrowserMissing
from tests.browser.visit import visit

PICTURE = PROJECT / "docs" / "swagger-ui.png"


def main() -> int:
    prepare_process()
    try:
        with local_api(0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                visit(f"http://localhost:{server.port}", PICTURE)
            finally:
                server.shutdown()
    except (BrowserMissing, *FAULTS) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
