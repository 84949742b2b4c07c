"""
``make bench``: measure, and write ``docs/benchmarks.json`` and the page made of it.

``PARTS`` names the parts to measure, all if it is not set; of the others what was measured before stays.
"""

import os
import sys
import time
from datetime import UTC, datetime

from benchmarks import PROJECT
from benchmarks.goals import goals
from benchmarks.page import PAGE, results, write
from benchmarks.parts import PARTS, machine, versions
from benchmarks.peers.servers import ServersMissing, install
from deployment.packaging import runs_lambda_wheels
from localstack.run import prepare_process


def main() -> int:
    """Measure the parts that ``PARTS`` names; return the exit status, which is 1 where a goal is missed."""
    wanted = os.environ.get("PARTS", "").split() or list(PARTS)
    if unknown := [name for name in wanted if name not in PARTS]:
        print(f"There is no part {', '.join(unknown)}; there is {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    if sys.platform != "linux" or not runs_lambda_wheels("local"):
        print("make bench needs Linux, on the processor that the functions have: x86_64.", file=sys.stderr)
        return 2
    try:
        install()
    except ServersMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    prepare_process()
    parts = results().get("parts", {})
    on, of = machine(), versions()
    for number, name in enumerate(wanted, 1):
        print(f"Part {number} of {len(wanted)}: {name.replace('_', ' ')}", file=sys.stderr)
        began = time.monotonic()
        found = PARTS[name]()
        parts[name] = {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": on,
            "versions": of,
            "took_s": round(time.monotonic() - began),
            "measured": found,
        }
        write({"parts": parts})
    asked = goals({name: part["measured"] for name, part in parts.items()})
    for goal in asked:
        print(f"{goal.verdict.strip('*'):12} {goal.goal}: {goal.measured}")
    if parts.keys() == PARTS.keys():
        print(f"{PAGE.relative_to(PROJECT)} has it all.")
    return 0 if all(goal.is_met or goal.is_reached_for for goal in asked) else 1


if __name__ == "__main__":
    sys.exit(main())
