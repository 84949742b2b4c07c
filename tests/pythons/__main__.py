"""
The tests on every Python that the product supports and this machine has: ``make test-all``.

Each Python gets a virtual environment of its own in ``.build``, made of the pinned requirements, and made anew when
these or the Python have changed. ``PYTHONS`` names others, as commands or paths. The arguments are pytest's.
"""

import os
import sys
from pathlib import Path

from tests.pythons.interpreters import SUPPORTED, Environments, ran_on

PROJECT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Test on each in turn, and say how each did; return the exit status."""
    named = os.environ.get("PYTHONS", "").split()
    environments = Environments(folder=PROJECT / ".build", requirements=PROJECT / "requirements-dev.txt")
    results = [ran_on(command, environments, sys.argv[1:]) for command in named or SUPPORTED]
    print()
    for result in results:
        print(f"{result.command}: {result.said}")
    if not any(result.has_passed for result in results):
        return 1
    # A Python that was asked for by name must be there; of the others, those that are.
    return int(any(result.has_failed or (named and not result.has_passed) for result in results))


if __name__ == "__main__":
    sys.exit(main())
