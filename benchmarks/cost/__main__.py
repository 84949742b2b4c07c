"""``python -m benchmarks.cost``: count, multiply, print; with ``--write`` also into the README and ``docs/cost.md``."""

import argparse
import sys

from benchmarks.cost.months import project_stage
from benchmarks.cost.page import Costs, shown, write
from benchmarks.cost.prices import PriceList, price_list
from benchmarks.cost.shapes import counted, counted_sweeps
from benchmarks.cost.stand import standing
from localstack.emulator import running_emulator


def costs_at(endpoint_url: str, prices: PriceList) -> Costs:
    """Return what the project costs, counted on the emulator there."""
    dev, prod = project_stage("dev"), project_stage("prod")
    with standing(endpoint_url) as stand:
        jobs = counted(stand, prices.assumed("waited_ms"))
        sweeps = counted_sweeps(stand)
    return Costs(prices=prices, busy=prod, stages=(dev, prod), jobs=jobs, sweeps=sweeps)


def main() -> int:
    """Do as the arguments say; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="also write README.md's table and docs/cost.md anew")
    wanted = parser.parse_args()
    with running_emulator(enforce_iam=False) as endpoint_url:
        costs = costs_at(endpoint_url, price_list())
    print(shown(costs))
    if wanted.write:
        write(costs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
