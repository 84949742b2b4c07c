"""
Writes ``docs/security.md``: ``python -m tests.asvs``.

With ``--holders FILE`` it writes into that file, as JSON, which tests hold which requirement, and nothing else.
"""

import argparse
import json
import sys
from pathlib import Path

from tests.asvs.markers import collected
from tests.asvs.page import FILE, page, without_test


def main() -> int:
    """Write the page and name what no test holds; return the exit status."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--holders", type=Path)
    options = parser.parse_args()
    held = collected()
    if options.holders:
        options.holders.write_text(json.dumps(held))
        return 0
    FILE.write_text(page(held))
    missing = without_test(held)
    sys.stdout.writelines(f"no test holds {each.number}: {each.text}\n" for each in missing)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
